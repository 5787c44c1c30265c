// SPDX-License-Identifier: GPL-2.0-or-later
#include "http/selftest_image.h"

#include <errno.h>
#include <fcntl.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <limits.h>
#include <string.h>

#include "collector/base/io.h"

#define BLOCK	  512
#define LAYER_MAX (SELFTEST_PROBE_BYTES + (1u << 20))

int selftest_probe_read(struct buf *b, struct err *e)
{
	static const char *const places[] = { "../libexec/bulkhead/probe", "probe" };
	char self[PATH_MAX - 64], path[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	self[n > 0 ? n : 0] = '\0';
	char *slash = strrchr(self, '/');

	for (size_t i = 0; slash && i < sizeof(places) / sizeof(places[0]); i++) {
		slash[1] = '\0';
		snprintf(path, sizeof(path), "%s%s", self, places[i]);
		if (access(path, R_OK) == 0)
			return io_read_buf_at(AT_FDCWD, path, b, e);
	}
	return err_set(e, ENOENT,
		       "its program is neither '%s../libexec/bulkhead/probe' nor '%sprobe'", self,
		       self);
}

/* --- tar --------------------------------------------------------------------------------------
 */

static void octal(char *field, size_t cap, uint64_t v)
{
	field[cap - 1] = '\0';
	for (size_t i = cap - 1; i-- > 0; v >>= 3)
		field[i] = (char)('0' + (v & 7));
}

static void put(char *field, struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		field[i] = s.p[i];
}

static void pad(struct buf *b)
{
	static const char zeros[BLOCK];

	if (b->len % BLOCK)
		buf_add(b, zeros, BLOCK - b->len % BLOCK);
}

/* Places in the head: name 0, mode 100, owner 108, group 116, size 124, time 136, sum 148, type
 * 156, link 157, "ustar" 257. */
void selftest_tar_add(struct buf *b, const struct selftest_tar_entry *entry)
{
	char head[BLOCK] = "";
	unsigned sum = 0;

	if (strlen(entry->name) >= 100 || (entry->link && strlen(entry->link) >= 100)) {
		b->failed = true;
		return;
	}
	put(head, span_str(entry->name));
	octal(head + 100, 8, entry->mode);
	octal(head + 108, 8, 0);
	octal(head + 116, 8, 0);
	octal(head + 124, 12, entry->data.n);
	octal(head + 136, 12, 0);
	memset(head + 148, ' ', 8);
	head[156] = (char)entry->type;
	put(head + 157, span_str(entry->link));
	put(head + 257, SPAN_LIT("ustar\00000"));
	put(head + 265, SPAN_LIT("root"));
	put(head + 297, SPAN_LIT("root"));
	for (size_t i = 0; i < sizeof(head); i++)
		sum += (unsigned char)head[i];
	octal(head + 148, 7, sum); /* six digits, NUL; the blank behind stays */
	buf_add(b, head, sizeof(head));
	buf_add_span(b, entry->data);
	pad(b);
}

void selftest_tar_end(struct buf *b)
{
	static const char zeros[2 * BLOCK];

	buf_add(b, zeros, sizeof(zeros));
}

/* --- the image --------------------------------------------------------------------------------
 */

static void add_layer(struct buf *b, struct span probe)
{
	static const char *const folders[] = { "bin/", "dev/", "etc/",	  "proc/",
					       "sys/", "usr/", "usr/bin/" };
	const struct selftest_tar_entry files[] = {
		{ "tmp/", SELFTEST_TAR_FOLDER, 01777, NULL, { "", 0 } },
		{ &SELFTEST_PROBE[1], SELFTEST_TAR_FILE, 0755, NULL, probe },
		{ "bin/sh", SELFTEST_TAR_LINK, 0777, "bulkhead-probe", { "", 0 } },
		{ "etc/passwd", SELFTEST_TAR_FILE, 0644, NULL,
		  SPAN_LIT("root:x:0:0:root:/:/bin/sh\n") },
		/* nobody's: there is no password */
		{ "etc/shadow", SELFTEST_TAR_FILE, 0600, NULL,
		  SPAN_LIT("root:*:19000:0:99999:7:::\n") },
	};

	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
		selftest_tar_add(b,
				 &(struct selftest_tar_entry){
					 folders[i], SELFTEST_TAR_FOLDER, 0755, NULL, { "", 0 } });
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		selftest_tar_add(b, &files[i]);
	selftest_tar_end(b);
}

static int sha256(char out[65], const struct buf *b, struct err *e)
{
	unsigned char sum[32];

	if (gnutls_hash_fast(GNUTLS_DIG_SHA256, b->data, b->len, sum) < 0)
		return err_set(e, EIO, "SHA-256 does not work");
	for (size_t i = 0; i < sizeof(sum); i++)
		snprintf(out + 2 * i, 3, "%02x", sum[i]);
	return 0;
}

const char *selftest_image_arch(const char *machine)
{
	static const char *const names[][2] = { { "x86_64", "amd64" },
						{ "aarch64", "arm64" },
						{ "i686", "386" },
						{ "armv7l", "arm" },
						{ "loongarch64", "loong64" } };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(machine, names[i][0]) == 0)
			return names[i][1];
	return machine;
}

int selftest_image_make(struct buf *b, const char *name, struct span probe, const char *arch,
			struct err *e)
{
	AUTO_BUF struct buf layer = { .fd = -1 };
	char sum[65] = "", config[1024], manifest[512];

	buf_init(&layer, LAYER_MAX);
	add_layer(&layer, probe);
	if (layer.failed)
		return err_set(e, ENOMEM, "no memory for the image");
	int r = sha256(sum, &layer, e);

	if (r < 0)
		return r;
	snprintf(config, sizeof(config),
		 "{\"architecture\":\"%s\",\"os\":\"linux\",\"created\":\"1970-01-01T00:00:00Z\","
		 "\"config\":{\"Cmd\":[\"" SELFTEST_PROBE "\"],\"Env\":[\"PATH=/bin:/usr/bin\"],"
		 "\"Labels\":{\"bulkhead.selftest\":\"true\"}},"
		 "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"sha256:%s\"]},"
		 "\"history\":[{\"created\":\"1970-01-01T00:00:00Z\","
		 "\"created_by\":\"bulkhead selftest\"}]}",
		 arch, sum);
	snprintf(manifest, sizeof(manifest),
		 "[{\"Config\":\"config.json\",\"RepoTags\":[\"%s\"],\"Layers\":[\"layer.tar\"]}]",
		 name);
	const struct selftest_tar_entry files[] = {
		{ "config.json", SELFTEST_TAR_FILE, 0644, NULL, span_str(config) },
		{ "layer.tar", SELFTEST_TAR_FILE, 0644, NULL, { layer.data, layer.len } },
		{ "manifest.json", SELFTEST_TAR_FILE, 0644, NULL, span_str(manifest) },
	};

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		selftest_tar_add(b, &files[i]);
	selftest_tar_end(b);
	return b->failed ? err_set(e, ENOMEM, "no memory for the image") : 0;
}
