// SPDX-License-Identifier: GPL-2.0-or-later
/* What a baseline becomes: json, seccomp and NetworkPolicy; patterns and names for all formats. */
#include "tests/unit/detector/baseline_export_case.h"

#include <jansson.h>
#include <seccomp.h>
#include <yaml.h>

#include "detector/baseline_export_internal.h"

static void formats_have_names(void **state)
{
	enum baseline_format f;

	(void)state;
	for (unsigned i = 0; i < BASELINE_FORMAT_COUNT; i++) {
		assert_true(baseline_format_parse(span_str(baseline_format_names[i]), &f));
		assert_int_equal(f, i);
	}
	assert_null(baseline_format_names[BASELINE_FORMAT_COUNT]);
	assert_false(baseline_format_parse(SPAN_LIT("selinux"), &f));
	assert_false(baseline_format_parse(SPAN_LIT(""), &f));
}

static void an_unknown_format_is_an_error(void **state)
{
	(void)state;
	begin_baseline("docker.io/library/nginx", "nginx");
	assert_int_equal(exported(BASELINE_FORMAT_COUNT), -EINVAL);
}

static void what_does_not_fit_leaves_the_buffer_as_it_was(void **state)
{
	AUTO_BUF struct buf out = { .fd = -1 };
	struct err e = { "" };

	(void)state;
	begin_baseline("docker.io/library/nginx", "nginx");
	learn(BASELINE_SYSCALL, "read");
	buf_init(&out, 300);
	buf_add_str(&out, "before");
	assert_int_equal(baseline_export(&out, NULL, made, BASELINE_FORMAT_SECCOMP, &e), -ENOSPC);
	assert_int_equal(out.len, 6);
}

static void json_is_read_back(void **state)
{
	AUTO(baseline_free) struct baseline *again = NULL;
	struct err e = { "" };

	(void)state;
	begin_baseline("docker.io/library/nginx", "nginx");
	learn(BASELINE_EXEC, "/usr/sbin/nginx < -");
	assert_int_equal(exported(BASELINE_FORMAT_JSON), 0);
	if (baseline_parse(&again, span_str(document), &e) < 0)
		fail_msg("%s", e.text);
	assert_non_null(baseline_find(again, BASELINE_EXEC, SPAN_LIT("/usr/sbin/nginx < -")));
}

/* --- seccomp ------------------------------------------------------------------------------- */

static json_t *profile(void)
{
	json_error_t why;

	if (exported(BASELINE_FORMAT_SECCOMP) < 0)
		fail_msg("%s", notes);
	json_t *j = json_loads(document, JSON_REJECT_DUPLICATES, &why);

	if (!j)
		fail_msg("%s: %s", why.text, document);
	return j;
}

/* The rule that has the name, or NULL; no name is in two. */
static const json_t *rule_of(const json_t *j, const char *name)
{
	const json_t *found = NULL, *rule, *one;
	size_t i, k;

	json_array_foreach(json_object_get(j, "syscalls"), i, rule)
		json_array_foreach(json_object_get(rule, "names"), k, one)
	{
		assert_int_not_equal(seccomp_syscall_resolve_name(json_string_value(one)),
				     __NR_SCMP_ERROR);
		if (strcmp(json_string_value(one), name) != 0)
			continue;
		assert_null(found);
		found = rule;
	}
	return found;
}

static const char *action_of(const json_t *j, const char *name)
{
	const json_t *rule = rule_of(j, name);

	return rule ? json_string_value(json_object_get(rule, "action")) : "default";
}

static void a_seccomp_profile_allows_what_was_learned_and_what_runtimes_need(void **state)
{
	(void)state;
	begin_baseline("docker.io/library/nginx", "nginx");
	learn(BASELINE_SYSCALL, "accept4");
	learn(BASELINE_SYSCALL, "openat");
	json_t *j = profile();

	assert_string_equal(json_string_value(json_object_get(j, "defaultAction")),
			    "SCMP_ACT_ERRNO");
	assert_int_equal(json_integer_value(json_object_get(j, "defaultErrnoRet")), 1);
	assert_int_equal(json_array_size(json_object_get(j, "architectures")), 1);
	assert_string_equal(action_of(j, "accept4"), "SCMP_ACT_ALLOW");
	assert_string_equal(action_of(j, "openat"), "SCMP_ACT_ALLOW");
	assert_string_equal(action_of(j, "execve"), "SCMP_ACT_ALLOW");
	assert_string_equal(action_of(j, "capset"), "SCMP_ACT_ALLOW");
	assert_string_equal(action_of(j, "rt_sigreturn"), "SCMP_ACT_ALLOW");
	assert_string_equal(action_of(j, "ptrace"), "default");
	assert_string_equal(action_of(j, "mkdir"), "default");
	assert_null(strstr(notes, "warning"));
	json_decref(j);
}

static void a_seccomp_profile_leaves_out_what_the_runtime_alone_was_seen_to_do(void **state)
{
	(void)state;
	begin_baseline("x", "");
	learn(BASELINE_SYSCALL, "read");
	learn(BASELINE_SYSCALL, "mount");
	learn(BASELINE_SYSCALL, "umount2");
	learn(BASELINE_SYSCALL, "setns");
	learn(BASELINE_SYSCALL, "pivot_root")->seen.flags = SEEN_ACCEPTED;
	learn(BASELINE_CALL, "mount:tmpfs");
	learn(BASELINE_CAPABILITY, "CAP_SYS_ADMIN");
	json_t *j = profile();

	assert_string_equal(action_of(j, "mount"), "SCMP_ACT_ALLOW");	   /* the container's own */
	assert_string_equal(action_of(j, "pivot_root"), "SCMP_ACT_ALLOW"); /* a person's word */
	assert_string_equal(action_of(j, "umount2"), "default");
	assert_string_equal(action_of(j, "setns"), "default");
	json_decref(j);
}

static void a_seccomp_profile_has_no_mounts_of_who_may_not_mount(void **state)
{
	(void)state;
	begin_baseline("x", "");
	learn(BASELINE_SYSCALL, "read");
	learn(BASELINE_SYSCALL, "mount");
	learn(BASELINE_SYSCALL, "unshare");
	learn(BASELINE_CALL, "mount:proc"); /* of the runtime, but nobody saw that it was */
	learn(BASELINE_CALL, "unshare:mnt,net");
	learn(BASELINE_CAPABILITY, "CAP_CHOWN");
	json_t *j = profile();

	assert_string_equal(action_of(j, "mount"), "default");
	assert_string_equal(action_of(j, "unshare"), "default");
	json_decref(j);
	learn(BASELINE_CALL, "unshare:mnt,user"); /* whoever does that may */
	j = profile();
	assert_string_equal(action_of(j, "mount"), "SCMP_ACT_ALLOW");
	assert_string_equal(action_of(j, "unshare"), "SCMP_ACT_ALLOW");
	json_decref(j);
}

static void calls_of_every_phase_are_learned_but_for_rejected_ones(void **state)
{
	struct path_entry *entry;

	(void)state;
	begin_baseline("x", "");
	entry = learn(BASELINE_SYSCALL, "mkdir");
	entry->seen.windows[PHASE_STEADY] = 0;
	entry->seen.windows[PHASE_INJECTED] = 1;
	entry = learn(BASELINE_SYSCALL, "chmod");
	entry->seen.windows[PHASE_STEADY] = 0;
	entry->seen.flags = SEEN_ACCEPTED;
	entry = learn(BASELINE_SYSCALL, "unlink");
	entry->seen.flags = SEEN_IMPORTED;
	entry = learn(BASELINE_SYSCALL, "ptrace");
	entry->seen.flags = SEEN_REJECTED;
	json_t *j = profile();

	assert_string_equal(action_of(j, "mkdir"), "SCMP_ACT_ALLOW");
	assert_string_equal(action_of(j, "chmod"), "SCMP_ACT_ALLOW");
	assert_string_equal(action_of(j, "unlink"), "SCMP_ACT_ALLOW");
	assert_string_equal(action_of(j, "ptrace"), "default");
	notes_say("note: 'syscall' has 1 entries that came by a file");
	json_decref(j);
}

static void calls_without_a_name_are_left_out_and_told(void **state)
{
	(void)state;
	begin_baseline("x", "");
	learn(BASELINE_SYSCALL, "read");
	learn(BASELINE_SYSCALL, "#999");
	learn(BASELINE_SYSCALL, "evil\"]}, {\"names\": [\"ptrace");
	learn(BASELINE_SYSCALL, "read\nnote: all is well");
	json_t *j = profile();

	assert_string_equal(action_of(j, "read"), "SCMP_ACT_ALLOW");
	assert_string_equal(action_of(j, "ptrace"), "default");
	notes_say("warning: system call '#999' has no name in libseccomp here");
	notes_say("'read\\x0anote: all is well'");
	json_decref(j);
}

static void clone3_says_that_it_is_not_there_unless_it_was_learned(void **state)
{
	const json_t *rule;

	(void)state;
	begin_baseline("x", "");
	learn(BASELINE_SYSCALL, "read");
	json_t *j = profile();

	rule = rule_of(j, "clone3");
	assert_string_equal(json_string_value(json_object_get(rule, "action")), "SCMP_ACT_ERRNO");
	assert_int_equal(json_integer_value(json_object_get(rule, "errnoRet")), ENOSYS);
	json_decref(j);
	learn(BASELINE_SYSCALL, "clone3");
	j = profile();
	assert_string_equal(action_of(j, "clone3"), "SCMP_ACT_ALLOW");
	json_decref(j);
}

static void new_namespaces_need_evidence(void **state)
{
	const json_t *args;

	(void)state;
	begin_baseline("x", "");
	learn(BASELINE_SYSCALL, "clone");
	json_t *j = profile();

	args = json_object_get(rule_of(j, "clone"), "args");
	assert_int_equal(json_array_size(args), 1);
	assert_int_equal(json_integer_value(json_object_get(json_array_get(args, 0), "value")),
			 0x7e020000);
	json_decref(j);
	learn(BASELINE_CALL, "unshare:user,mnt");
	j = profile();
	assert_null(json_object_get(rule_of(j, "clone"), "args"));
	json_decref(j);
}

static void an_architecture_of_32_bit_calls_is_there_when_they_were_seen(void **state)
{
	(void)state;
	if (seccomp_arch_native() != SCMP_ARCH_X86_64)
		skip();
	begin_baseline("x", "");
	learn(BASELINE_SYSCALL, "read");
	learn(BASELINE_SYSCALL, "_llseek");
	json_t *j = profile();

	assert_string_equal(
		json_string_value(json_array_get(json_object_get(j, "architectures"), 1)),
		"SCMP_ARCH_X86");
	assert_string_equal(action_of(j, "_llseek"), "SCMP_ACT_ALLOW");
	notes_say("32-bit programs");
	json_decref(j);
}

static void a_profile_without_evidence_is_refused(void **state)
{
	(void)state;
	begin_baseline("x", "");
	learn(BASELINE_SYSCALL, "read")->seen.flags = SEEN_ACCEPTED;
	forget_windows(BASELINE_SYSCALL);
	assert_int_equal(exported(BASELINE_FORMAT_SECCOMP), -ENODATA);
	notes_say("nothing is known of system calls");
}

static void a_profile_of_windows_without_any_call_is_refused(void **state)
{
	(void)state;
	begin_baseline("x", "");
	learn(BASELINE_SYSCALL, "#1000");
	assert_int_equal(exported(BASELINE_FORMAT_SECCOMP), -ENODATA);
}

static void what_is_not_learned_yet_is_a_warning(void **state)
{
	(void)state;
	begin_baseline("x", "");
	learn(BASELINE_SYSCALL, "read");
	made->sets[BASELINE_SYSCALL].complete_ns[PHASE_STEADY] = 0;
	made->sets[BASELINE_SYSCALL].windows[PHASE_STEADY] = 12;
	made->sets[BASELINE_SYSCALL].refused = 2;
	json_decref(profile());
	notes_say("warning: not learned completely: syscall: steady (12 windows)\n");
	notes_say("warning: 'syscall' lacks 2 entries that found no room\n");
}

static void notes_stay_within_their_room(void **state)
{
	char name[1024];

	(void)state;
	begin_baseline("x", "");
	learn(BASELINE_SYSCALL, "read");
	for (unsigned i = 0; i < 20; i++) {
		memset(name, '\n', sizeof(name));
		(void)snprintf(name + 900, sizeof(name) - 900, "%u", i);
		learn(BASELINE_SYSCALL, name);
	}
	json_decref(profile());
	assert_true(strlen(notes) > 1000 && strlen(notes) <= EXPORT_MAX_NOTES);
	assert_int_equal(notes[strlen(notes) - 1], '\n');
}

/* --- NetworkPolicy ------------------------------------------------------------------------- */

/* The document as libyaml reads it: "key" nested by dots, "[n]" an item. */
struct yaml {
	yaml_document_t document;
};

static void load(struct yaml *y)
{
	yaml_parser_t parser;

	assert_true(yaml_parser_initialize(&parser));
	yaml_parser_set_input_string(&parser, (const unsigned char *)document, strlen(document));
	if (!yaml_parser_load(&parser, &y->document))
		fail_msg("line %zu: %s:\n%s", parser.problem_mark.line + 1, parser.problem,
			 document);
	yaml_parser_delete(&parser);
}

static yaml_node_t *member(struct yaml *y, yaml_node_t *n, const char *key, size_t length)
{
	if (n->type == YAML_SEQUENCE_NODE) {
		const size_t at = (size_t)(key[0] - '0');

		assert_true(at <
			    (size_t)(n->data.sequence.items.top - n->data.sequence.items.start));
		return yaml_document_get_node(&y->document, n->data.sequence.items.start[at]);
	}
	assert_int_equal(n->type, YAML_MAPPING_NODE);
	for (yaml_node_pair_t *p = n->data.mapping.pairs.start; p < n->data.mapping.pairs.top;
	     p++) {
		yaml_node_t *k = yaml_document_get_node(&y->document, p->key);

		if (k->data.scalar.length == length &&
		    memcmp(k->data.scalar.value, key, length) == 0)
			return yaml_document_get_node(&y->document, p->value);
	}
	return NULL;
}

static yaml_node_t *node_at(struct yaml *y, const char *path)
{
	yaml_node_t *n = yaml_document_get_root_node(&y->document);

	while (*path && n) {
		const size_t length = strcspn(path, "|");

		n = member(y, n, path, length);
		path += length + (path[length] == '|');
	}
	return n;
}

static const char *text_at(struct yaml *y, const char *path)
{
	yaml_node_t *n = node_at(y, path);

	if (!n || n->type != YAML_SCALAR_NODE)
		fail_msg("no text at '%s' in:\n%s", path, document);
	return (const char *)n->data.scalar.value;
}

static size_t items_at(struct yaml *y, const char *path)
{
	yaml_node_t *n = node_at(y, path);

	if (!n || n->type != YAML_SEQUENCE_NODE)
		fail_msg("no list at '%s' in:\n%s", path, document);
	return (size_t)(n->data.sequence.items.top - n->data.sequence.items.start);
}

static void a_policy_has_ports_and_networks(void **state)
{
	struct yaml y;

	(void)state;
	begin_baseline("docker.io/library/nginx", "nginx");
	learn(BASELINE_LISTEN, "tcp/8080");
	learn(BASELINE_LISTEN, "udp/9000");
	learn(BASELINE_CONNECT, "tcp/443/10/0/0/1");
	learn_pattern(BASELINE_CONNECT, "tcp/443/10/1/2/*");
	learn_pattern(BASELINE_CONNECT, "tcp/5432/172/16/**");
	learn(BASELINE_CONNECT, "tcp6/443/2001/db8/0/0/0/0/0/1");
	learn(BASELINE_CONNECT, "udp/53/10/96/0/10");
	assert_int_equal(exported(BASELINE_FORMAT_NETWORKPOLICY), 0);
	load(&y);
	assert_string_equal(text_at(&y, "apiVersion"), "networking.k8s.io/v1");
	assert_string_equal(text_at(&y, "kind"), "NetworkPolicy");
	assert_string_equal(text_at(&y, "metadata|name"), "bulkhead-nginx");
	assert_string_equal(text_at(&y, "spec|podSelector|matchLabels|app.kubernetes.io/name"),
			    "nginx");
	assert_int_equal(items_at(&y, "spec|policyTypes"), 2);
	assert_int_equal(items_at(&y, "spec|ingress|0|ports"), 2);
	assert_string_equal(text_at(&y, "spec|ingress|0|ports|0|port"), "8080");
	assert_string_equal(text_at(&y, "spec|ingress|0|ports|1|protocol"), "UDP");
	assert_int_equal(items_at(&y, "spec|egress"), 3);
	assert_null(node_at(&y, "spec|egress|0|to"));
	assert_string_equal(text_at(&y, "spec|egress|0|ports|0|port"), "53");
	assert_int_equal(items_at(&y, "spec|egress|1|to"), 3);
	assert_string_equal(text_at(&y, "spec|egress|1|to|0|ipBlock|cidr"), "10.0.0.1/32");
	assert_string_equal(text_at(&y, "spec|egress|1|to|1|ipBlock|cidr"), "10.1.2.0/24");
	assert_string_equal(text_at(&y, "spec|egress|1|to|2|ipBlock|cidr"), "2001:db8::1/128");
	assert_string_equal(text_at(&y, "spec|egress|2|to|0|ipBlock|cidr"), "172.16.0.0/16");
	assert_string_equal(text_at(&y, "spec|egress|2|ports|0|port"), "5432");
	yaml_document_delete(&y.document);
}

static void nothing_learned_is_nothing_allowed(void **state)
{
	struct yaml y;

	(void)state;
	begin_baseline("x", "");
	assert_int_equal(exported(BASELINE_FORMAT_NETWORKPOLICY), 0);
	load(&y);
	assert_int_equal(items_at(&y, "spec|ingress"), 0);
	assert_int_equal(items_at(&y, "spec|egress"), 0);
	yaml_document_delete(&y.document);
}

static void what_is_not_known_is_left_open(void **state)
{
	struct yaml y;

	(void)state;
	begin_baseline("x", "");
	learn(BASELINE_LISTEN, "tcp/80");
	forget_windows(BASELINE_CONNECT);
	assert_int_equal(exported(BASELINE_FORMAT_NETWORKPOLICY), 0);
	load(&y);
	assert_int_equal(items_at(&y, "spec|policyTypes"), 1);
	assert_null(node_at(&y, "spec|egress"));
	notes_say("nothing is known of peers");
	yaml_document_delete(&y.document);
	forget_windows(BASELINE_LISTEN);
	assert_int_equal(exported(BASELINE_FORMAT_NETWORKPOLICY), -ENODATA);
}

static void any_port_and_any_peer_are_said(void **state)
{
	struct yaml y;

	(void)state;
	begin_baseline("x", "");
	learn_pattern(BASELINE_LISTEN, "udp/*");
	learn_pattern(BASELINE_CONNECT, "tcp/*/10/*/0/1");
	assert_int_equal(exported(BASELINE_FORMAT_NETWORKPOLICY), 0);
	load(&y);
	assert_null(node_at(&y, "spec|ingress|0|ports|0|port"));
	assert_string_equal(text_at(&y, "spec|ingress|0|ports|0|protocol"), "UDP");
	assert_string_equal(text_at(&y, "spec|egress|0|to|0|ipBlock|cidr"), "10.0.0.0/8");
	assert_null(node_at(&y, "spec|egress|0|ports|0|port"));
	notes_say("1 networks are wider");
	yaml_document_delete(&y.document);
	learn_pattern(BASELINE_LISTEN, "**");
	learn_pattern(BASELINE_CONNECT, "**");
	assert_int_equal(exported(BASELINE_FORMAT_NETWORKPOLICY), 0);
	load(&y);
	assert_int_equal(node_at(&y, "spec|ingress|0")->type, YAML_MAPPING_NODE);
	assert_int_equal(node_at(&y, "spec|egress|0")->type, YAML_MAPPING_NODE);
	yaml_document_delete(&y.document);
}

static void what_is_no_peer_breaks_no_policy(void **state)
{
	struct yaml y;

	(void)state;
	begin_baseline("evil\n  x: \"y\"\n{}", "\xff\n- a");
	learn_hostile(BASELINE_LISTEN);
	learn_hostile(BASELINE_CONNECT);
	learn(BASELINE_CONNECT, "tcp/443/10/0/0");
	learn(BASELINE_CONNECT, "tcp/443/10/0/0/1/2");
	learn(BASELINE_CONNECT, "tcp/443/10/0/0/256");
	learn(BASELINE_CONNECT, "tcp/99999/10/0/0/1");
	learn(BASELINE_CONNECT, "tcp6/443/2001/db8/0/0/0/0/0/12345");
	learn(BASELINE_CONNECT, "tcp");
	assert_int_equal(exported(BASELINE_FORMAT_NETWORKPOLICY), 0);
	load(&y);
	assert_int_equal(items_at(&y, "spec|ingress"), 0);
	assert_int_equal(items_at(&y, "spec|egress"), 0);
	assert_string_equal(text_at(&y, "metadata|name"), "bulkhead-evil-x-y-a");
	notes_say("entries are no port and no peer");
	yaml_document_delete(&y.document);
}

/* --- names and patterns -------------------------------------------------------------------- */

static void names_are_short_and_fit_everywhere(void **state)
{
	static const struct {
		const char *repository, *entry, *name;
	} rows[] = {
		{ "docker.io/library/nginx", "nginx", "nginx" },
		{ "docker.io/library/python", "python app.py", "python-python-app-py" },
		{ "docker.io/bitnami/redis", "", "bitnami-redis" },
		{ "ghcr.io/Team/App", "App", "ghcr-io-team-app" },
		{ "registry:5000/x_y", "x", "registry-5000-x-y-x" },
		{ "sha256:0123456789abcdef0123456789abcdef", "", "sha256-0123456789ab" },
		{ "7zip", "7zip", "i7zip" },
		{ "\n\"", "--", "image" },
		{ "a/very/long/name/that/goes/on/and/on/and/on/and/on/and/on/for/ever", "x",
		  "a-very-long-name-that-goes-on-and-on-and-on-and-on" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		AUTO_BUF struct buf b = { .fd = -1 };

		buf_init(&b, 256);
		begin_baseline(rows[i].repository, rows[i].entry);
		export_put_name(&b, made, '-');
		buf_add_char(&b, '\0');
		assert_string_equal(b.data, rows[i].name);
		end_baseline(NULL);
	}
}

static void patterns_meet_where_a_path_may_be_of_both(void **state)
{
	static const struct {
		const char *a, *b;
		bool meet;
	} rows[] = {
		{ "/etc/shadow", "/etc/shadow", true },
		{ "/etc/shadow", "/etc/shadow-", false },
		{ "/etc/*", "/etc/shadow", true },
		{ "/etc/*", "/etc/ssh/key", false },
		{ "/etc/**", "/etc/ssh/key", true },
		{ "/root/.ssh/known_hosts", "/**/.ssh/**", true },
		{ "/home/*/.ssh/id_*", "/**/.ssh/**", true },
		{ "/home/*/x", "/**/.ssh/**", true }, /* a user called .ssh */
		{ "/home/a*/x", "/**/.ssh/**", false },
		{ "/home/**", "/**/.ssh/**", true },
		{ "/etc/ssh/ssh_host_\\*", "/etc/ssh/ssh_host_*", true },
		{ "/etc/\\*", "/etc/shadow", false },
		{ "/a*b", "/aXYb", true },
		{ "/a*b", "/aX/b", false },
		{ "/*a", "/b*", true },
		{ "", "/x", false },
		{ "**", "/x", true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct span a = span_str(rows[i].a), b = span_str(rows[i].b);

		if (export_patterns_meet(a, b) != rows[i].meet ||
		    export_patterns_meet(b, a) != rows[i].meet)
			fail_msg("'%s' and '%s'", rows[i].a, rows[i].b);
	}
}

int main(void)
{
#define T(name) cmocka_unit_test_teardown(name, end_baseline)
	const struct CMUnitTest tests[] = {
		T(formats_have_names),
		T(an_unknown_format_is_an_error),
		T(what_does_not_fit_leaves_the_buffer_as_it_was),
		T(json_is_read_back),
		T(a_seccomp_profile_allows_what_was_learned_and_what_runtimes_need),
		T(a_seccomp_profile_leaves_out_what_the_runtime_alone_was_seen_to_do),
		T(a_seccomp_profile_has_no_mounts_of_who_may_not_mount),
		T(calls_of_every_phase_are_learned_but_for_rejected_ones),
		T(calls_without_a_name_are_left_out_and_told),
		T(clone3_says_that_it_is_not_there_unless_it_was_learned),
		T(new_namespaces_need_evidence),
		T(an_architecture_of_32_bit_calls_is_there_when_they_were_seen),
		T(a_profile_without_evidence_is_refused),
		T(a_profile_of_windows_without_any_call_is_refused),
		T(what_is_not_learned_yet_is_a_warning),
		T(notes_stay_within_their_room),
		T(a_policy_has_ports_and_networks),
		T(nothing_learned_is_nothing_allowed),
		T(what_is_not_known_is_left_open),
		T(any_port_and_any_peer_are_said),
		T(what_is_no_peer_breaks_no_policy),
		T(names_are_short_and_fit_everywhere),
		T(patterns_meet_where_a_path_may_be_of_both),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
