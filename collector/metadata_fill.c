// SPDX-License-Identifier: GPL-2.0-or-later
#include <signal.h>
#include <string.h>

#include "collector/event_names.h"
#include "collector/metadata_internal.h"

/* A copy of at most METADATA_MAX_STRING bytes that does not end inside a character. */
static char *copy_cut(const char *s)
{
	size_t n = strnlen(s, METADATA_MAX_STRING + 1);

	if (n > METADATA_MAX_STRING) {
		n = METADATA_MAX_STRING;
		while (n > 0 && ((unsigned char)s[n] & 0xC0) == 0x80)
			n--;
	}
	return strndup(s, n);
}

void metadata_set(char **field, const char *value)
{
	if (!value || !value[0])
		return;
	char *copy = copy_cut(value);

	if (!copy)
		return;
	free(*field);
	*field = copy;
}

void metadata_set_if_unset(char **field, const char *value)
{
	if (!*field)
		metadata_set(field, value);
}

void metadata_set_joined(char **field, const char *first, const json_t *words)
{
	const size_t max = METADATA_MAX_STRING + 4; /* one character more: copy_cut finds its end */
	AUTO_BUF struct buf b = { .fd = -1 };
	json_t *word;
	size_t i;

	buf_init(&b, max);
	if (*field)
		return;
	if (first)
		buf_add(&b, first, strnlen(first, METADATA_MAX_STRING));
	json_array_foreach(words, i, word)
	{
		const char *s = json_string_value(word);
		size_t room = b.max - b.len;

		if (!s)
			continue;
		if (b.len > 0 && room > 0) {
			buf_add_char(&b, ' ');
			room--;
		}
		if (room == 0)
			break;
		buf_add(&b, s, strnlen(s, room));
	}
	AUTO_FREE char *joined = strndup(b.len > 0 ? b.data : "", b.len);

	metadata_set(field, joined);
}

/* Arrays are allocated whole at first; metadata_fit() gives back what was not used. */
void metadata_add_label(struct metadata *m, const char *name, const char *value)
{
	if (!m->labels)
		m->labels = calloc(METADATA_MAX_LABELS, sizeof(*m->labels));
	if (!m->labels || m->labels_n >= METADATA_MAX_LABELS) {
		m->refused++;
		return;
	}
	struct metadata_label *label = &m->labels[m->labels_n];

	label->name = copy_cut(name);
	label->value = copy_cut(value ? value : "");
	if (label->name && label->value) {
		m->labels_n++;
		return;
	}
	free(label->name);
	free(label->value);
	m->refused++;
}

void metadata_free_mount(struct metadata_mount *mount)
{
	free(mount->type);
	free(mount->source);
	free(mount->destination);
	free(mount->volume);
}

void metadata_add_mount(struct metadata *m, const char *type, const char *source,
			const char *destination, const char *volume, bool read_only)
{
	for (size_t i = 0; i < m->mounts_n; i++) {
		if (strcmp(m->mounts[i].destination, destination) == 0)
			return;
	}
	if (!m->mounts)
		m->mounts = calloc(METADATA_MAX_MOUNTS, sizeof(*m->mounts));
	if (!m->mounts || m->mounts_n >= METADATA_MAX_MOUNTS) {
		m->refused++;
		return;
	}
	struct metadata_mount *mount = &m->mounts[m->mounts_n];

	mount->type = copy_cut(type ? type : "");
	mount->source = copy_cut(source ? source : "");
	mount->destination = copy_cut(destination);
	mount->volume = volume && volume[0] ? copy_cut(volume) : NULL;
	mount->read_only = read_only;
	if (mount->type && mount->source && mount->destination) {
		m->mounts_n++;
		return;
	}
	metadata_free_mount(mount);
	m->refused++;
}

static bool same_capability(const char *a, const char *b)
{
	if (strncasecmp(a, "CAP_", 4) == 0)
		a += 4;
	if (strncasecmp(b, "CAP_", 4) == 0)
		b += 4;
	return strcasecmp(a, b) == 0;
}

void metadata_add_capability(struct metadata *m, const char *name)
{
	for (size_t i = 0; i < m->capabilities_n; i++) {
		if (same_capability(m->capabilities[i], name))
			return;
	}
	if (!m->capabilities)
		m->capabilities = calloc(METADATA_MAX_CAPABILITIES, sizeof(*m->capabilities));
	if (!m->capabilities || m->capabilities_n >= METADATA_MAX_CAPABILITIES) {
		m->refused++;
		return;
	}
	/* one spelling: docker and LXC leave the prefix or the capitals out */
	for (size_t i = 0; i < EVENT_CAPABILITY_NAMES; i++) {
		if (same_capability(event_capability_names[i], name))
			name = event_capability_names[i];
	}
	m->capabilities[m->capabilities_n] = copy_cut(name);
	if (m->capabilities[m->capabilities_n])
		m->capabilities_n++;
	else
		m->refused++;
}

void metadata_add_all_capabilities(struct metadata *m)
{
	for (size_t i = 0; i < EVENT_CAPABILITY_NAMES; i++)
		metadata_add_capability(m, event_capability_names[i]);
}

void metadata_drop_capability(struct metadata *m, const char *name)
{
	for (size_t i = 0; i < m->capabilities_n; i++) {
		if (!same_capability(m->capabilities[i], name))
			continue;
		free(m->capabilities[i]);
		memmove(&m->capabilities[i], &m->capabilities[i + 1],
			(m->capabilities_n - i - 1) * sizeof(*m->capabilities));
		m->capabilities_n--;
		return;
	}
}

/* --- health check and stop signal ------------------------------------------------------------ */

void metadata_drop_healthcheck(struct metadata *m)
{
	for (size_t i = 0; i < m->healthcheck_n; i++)
		free(m->healthcheck[i]);
	free(m->healthcheck);
	m->healthcheck = NULL;
	m->healthcheck_n = 0;
}

static bool add_check_word(struct metadata *m, const char *word)
{
	if (!word || !m->healthcheck || m->healthcheck_n >= METADATA_MAX_HEALTHCHECK)
		return false;
	m->healthcheck[m->healthcheck_n] = copy_cut(word);
	if (!m->healthcheck[m->healthcheck_n])
		return false;
	m->healthcheck_n++;
	return true;
}

static bool add_check_words(struct metadata *m, const json_t *words, size_t from)
{
	for (size_t i = from; i < json_array_size(words); i++) {
		if (!add_check_word(m, json_string_value(json_array_get(words, i))))
			return false;
	}
	return true;
}

void metadata_set_healthcheck(struct metadata *m, const json_t *test, const json_t *shell,
			      const char *default_shell)
{
	const char *how = json_string_value(json_array_get(test, 0));
	bool ok = true;

	if (m->healthcheck || !how || json_array_size(test) < 2)
		return;
	bool by_shell = strcmp(how, "CMD-SHELL") == 0;

	if (!by_shell && strcmp(how, "CMD") != 0)
		return;
	m->healthcheck = calloc(METADATA_MAX_HEALTHCHECK, sizeof(*m->healthcheck));
	if (by_shell && json_array_size(shell) > 0)
		ok = add_check_words(m, shell, 0);
	else if (by_shell)
		ok = add_check_word(m, default_shell) && add_check_word(m, "-c");
	if (ok && add_check_words(m, test, 1))
		return;
	metadata_drop_healthcheck(m); /* half a check would be taken for another one */
	m->refused++;
}

void metadata_set_stop_signal(struct metadata *m, const char *text)
{
	char name[32];
	uint32_t number;

	if (!text || !text[0] || strlen(text) >= sizeof(name) - 3)
		return;
	const char *short_name = parse_u32(span_str(text), &number) && number < 32
					 ? sigabbrev_np((int)number)
					 : NULL;

	if (short_name)
		text = short_name;
	else if (strncasecmp(text, "SIG", 3) == 0)
		text += 3;
	snprintf(name, sizeof(name), "%s%s",
		 short_name || strspn(text, "0123456789") != strlen(text) ? "SIG" : "", text);
	for (char *c = name; *c; c++) {
		if (*c >= 'a' && *c <= 'z')
			*c = (char)(*c - 'a' + 'A');
	}
	metadata_set_if_unset(&m->stop_signal, name);
}

static void *fit(void *array, size_t n, size_t item_bytes)
{
	void *fitted = n ? reallocarray(array, n, item_bytes) : NULL;

	if (n)
		return fitted ? fitted : array;
	free(array);
	return NULL;
}

void metadata_fit(struct metadata *m)
{
	m->labels = fit(m->labels, m->labels_n, sizeof(*m->labels));
	m->mounts = fit(m->mounts, m->mounts_n, sizeof(*m->mounts));
	m->capabilities = fit(m->capabilities, m->capabilities_n, sizeof(*m->capabilities));
	m->healthcheck = fit(m->healthcheck, m->healthcheck_n, sizeof(*m->healthcheck));
}

void metadata_add_namespace(struct metadata *m, const char *type, const char *path)
{
	if (m->namespaces_n >= METADATA_MAX_NAMESPACES) {
		m->refused++;
		return;
	}
	struct metadata_namespace *ns = m->namespaces + m->namespaces_n++;

	snprintf(ns->type, sizeof(ns->type), "%s", type);
	ns->path = path && path[0] ? copy_cut(path) : NULL;
}

void metadata_set_image_id(struct metadata *m, const char *text)
{
	char id[7 + 64 + 1];

	if (!text)
		return;
	const char *at = strstr(text, "@sha256:"), *hex = at ? at + 8 : text;

	if (!at && strncmp(text, "sha256:", 7) == 0)
		hex = text + 7;
	if (strspn(hex, "0123456789abcdef") != 64 || hex[64] != '\0')
		return;
	snprintf(id, sizeof(id), "sha256:%s", hex);
	metadata_set_if_unset(&m->image_id, id);
}

const char *metadata_label(const struct metadata *m, const char *name)
{
	for (size_t i = 0; i < m->labels_n; i++) {
		if (strcmp(m->labels[i].name, name) == 0)
			return m->labels[i].value;
	}
	return NULL;
}
