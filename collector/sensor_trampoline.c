// SPDX-License-Identifier: GPL-2.0-or-later
/* The trampoline layer's stubs. Verifying the observers takes a good part of a second, so they are
 * loaded once or twice, and each observed system call's own function gets a program of six
 * instructions that jumps there. A jump wants the same prototype on both sides; the kernel's
 * functions have two that differ by the name of their argument, so there are two tables. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/btf.h>

#include "bpf/calls.h"
#include "collector/sensor_internal.h"

#define PROTOTYPES 2

static const struct {
	const char *program, *call;
	uint8_t type;
	int16_t number;
} calls[] = {
#define CALL(name, event, n64, n32) { "call_" #name, #name, EVENT_##event, n64 },
	CALLS(CALL)
#undef CALL
};
#define CALLS_N (sizeof(calls) / sizeof(calls[0]))

/* Where the kernel's function is called otherwise than the call. */
static const char *const renamed[][2] = {
	{ "stat", "newstat" },
	{ "lstat", "newlstat" },
};

struct function {
	uint32_t btf_id;
	uint8_t call; /* index in calls[] */
	uint8_t prototype;
	uint8_t prefix;
	int link; /* -1: not attached */
};

struct sensor_stubs {
	int tables[PROTOTYPES]; /* program arrays of one entry, or -1 */
	uint32_t prototypes[PROTOTYPES];
	char names[PROTOTYPES][64]; /* a function that has it */
	struct function functions[2 * CALLS_N];
	size_t functions_n;
	bool has_32, sees_32; /* 32-bit calls exist; there is one function for them */
	uint64_t types;	      /* attached */
	size_t refused;
};

/* The kernel looks at rights before anything else: an answer without reading its types. */
bool sensor_trampoline_allowed(void)
{
	const struct bpf_insn nothing[] = { { .code = BPF_ALU64 | BPF_MOV | BPF_K },
					    { .code = BPF_JMP | BPF_EXIT } };
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = BPF_TRACE_FEXIT,
		    .attach_btf_id = 1);
	int fd = bpf_prog_load(BPF_PROG_TYPE_TRACING, "probe", "GPL", nothing, 2, &opts);

	if (fd >= 0)
		close(fd);
	return fd >= 0 || (errno != EPERM && errno != EACCES);
}

/* --- the kernel's functions --------------------------------------------------------------------
 */

static const char *function_of(const char *call)
{
	for (size_t i = 0; i < sizeof(renamed) / sizeof(renamed[0]); i++)
		if (strcmp(renamed[i][0], call) == 0)
			return renamed[i][1];
	return call;
}

static size_t find_call(const char *function)
{
	for (size_t i = 0; i < CALLS_N; i++)
		if (calls[i].number >= 0 && strcmp(function_of(calls[i].call), function) == 0)
			return i;
	return CALLS_N;
}

/* Place of a prototype in the tables; PROTOTYPES: one too many. */
static size_t prototype_of(struct sensor_stubs *t, uint32_t type, const char *name)
{
	for (size_t i = 0; i < PROTOTYPES; i++) {
		if (t->prototypes[i] == 0) {
			t->prototypes[i] = type;
			snprintf(t->names[i], sizeof(t->names[i]), "%s", name);
		}
		if (t->prototypes[i] == type)
			return i;
	}
	return PROTOTYPES;
}

/* Some kernels list a function twice, once as the weak one that it replaced: one address, so one
 * can be attached. */
static bool is_listed(const struct sensor_stubs *t, size_t call, size_t prefix)
{
	for (size_t i = 0; i < t->functions_n; i++)
		if (t->functions[i].call == call && t->functions[i].prefix == prefix)
			return true;
	return false;
}

static void look_at(struct sensor_stubs *t, const char *name, uint32_t id, uint32_t prototype)
{
	/* x32 has functions of its own where structures differ */
	static const char *const prefixes[] = { "__x64_sys_", "__x64_compat_sys_" };

	if (strcmp(name, "ia32_sys_call") == 0)
		t->sees_32 = true;
	if (strcmp(name, "__ia32_sys_openat") == 0)
		t->has_32 = true;
	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
		const size_t n = strlen(prefixes[i]);

		if (strncmp(name, prefixes[i], n) != 0)
			continue;
		size_t call = find_call(name + n);

		if (call == CALLS_N || is_listed(t, call, i))
			continue;
		t->functions[t->functions_n++] = (struct function){
			.btf_id = id,
			.call = (uint8_t)call,
			.prototype = (uint8_t)prototype_of(t, prototype, name),
			.prefix = (uint8_t)i,
			.link = -1,
		};
	}
}

static int find_functions(struct sensor_stubs *t, struct err *e)
{
	struct btf *kernel = btf__load_vmlinux_btf();

	if (!kernel)
		return err_errno(e, "the kernel's types");
	const uint32_t n = btf__type_cnt(kernel);
	const int32_t first = btf__find_by_name_kind(kernel, "__x64_sys_openat", BTF_KIND_FUNC);

	if (first > 0) /* its prototype is the first table's, as in the program */
		prototype_of(t, btf__type_by_id(kernel, (uint32_t)first)->type, "__x64_sys_openat");
	for (uint32_t i = 1; i < n && first > 0; i++) {
		const struct btf_type *type = btf__type_by_id(kernel, i);

		if (btf_is_func(type))
			look_at(t, btf__name_by_offset(kernel, type->name_off), i, type->type);
	}
	btf__free(kernel);
	if (first <= 0)
		return err_set(e, EOPNOTSUPP, "the kernel tells no function of openat");
	if (t->has_32 && !t->sees_32)
		return err_set(e, EOPNOTSUPP, "32-bit calls have no common function");
	return 0;
}

/* --- stubs -------------------------------------------------------------------------------------
 */

static int make_stub(const struct sensor_stubs *t, const struct function *f)
{
	const struct bpf_insn jump[] = {
		/* r1 is the context already: bpf_tail_call(ctx, table, 0), which does not return */
		{ .code = BPF_LD | BPF_DW | BPF_IMM,
		  .dst_reg = BPF_REG_2,
		  .src_reg = BPF_PSEUDO_MAP_FD,
		  .imm = t->tables[f->prototype] },
		{ .code = 0 },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_3 },
		{ .code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_tail_call },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = BPF_TRACE_FEXIT,
		    .attach_btf_id = f->btf_id);
	int fd = bpf_prog_load(BPF_PROG_TYPE_TRACING, calls[f->call].program, "GPL", jump,
			       sizeof(jump) / sizeof(jump[0]), &opts);

	return fd < 0 ? -errno : fd;
}

static int attach_stub(const struct sensor_stubs *t, struct function *f)
{
	if (f->prototype == PROTOTYPES)
		return -EPROTOTYPE;
	AUTO_FD int fd = make_stub(t, f);

	if (fd < 0)
		return fd;
	f->link = bpf_link_create(fd, 0, BPF_TRACE_FEXIT, NULL);
	return f->link < 0 ? -errno : 0;
}

/* Attaches the stubs of these types that are not yet; rows[i] is that of calls[i]. */
void sensor_stubs_attach(struct sensor_stubs *t, uint64_t types, struct sensor_program *rows)
{
	for (size_t i = 0; i < t->functions_n; i++) {
		struct function *f = &t->functions[i];
		struct sensor_program *row = &rows[f->call];

		if (f->link >= 0 || row->reason[0] || !(types & EVENT_BIT(calls[f->call].type)))
			continue;
		int r = attach_stub(t, f);

		if (r < 0) {
			snprintf(row->reason, sizeof(row->reason), "attach: %s", strerror(-r));
			t->refused++;
		}
		row->on = r == 0;
	}
	t->types |= types;
}

size_t sensor_stubs_refused(const struct sensor_stubs *t)
{
	return t->refused;
}

uint64_t sensor_stubs_types(const struct sensor_stubs *t)
{
	return t->types;
}

/* One row a call that has a function; one without is listed with that as its reason. */
size_t sensor_stubs_list(const struct sensor_stubs *t, struct sensor_program *rows, size_t cap)
{
	if (cap < CALLS_N)
		return 0;
	for (size_t i = 0; i < CALLS_N; i++) {
		rows[i] = (struct sensor_program){ .name = calls[i].program };
		bool found = calls[i].number < 0; /* 32-bit alone: seen by its common function */

		for (size_t k = 0; k < t->functions_n && !found; k++)
			found = t->functions[k].call == i;
		if (!found)
			snprintf(rows[i].reason, sizeof(rows[i].reason),
				 "this kernel has no such call");
	}
	return CALLS_N;
}

/* Which function the program of the second table is verified for; NULL: there is no second. */
const char *sensor_stubs_second(const struct sensor_stubs *t)
{
	return t->prototypes[1] ? t->names[1] : NULL;
}

bool sensor_stubs_32(const struct sensor_stubs *t)
{
	return t->sees_32;
}

/* From here on calls are observed. */
int sensor_stubs_start(const struct sensor_stubs *t, size_t table, int program, struct err *e)
{
	const uint32_t zero = 0;

	if (bpf_map_update_elem(t->tables[table], &zero, &program, BPF_ANY) < 0)
		return err_errno(e, "table of the stubs");
	return 0;
}

void sensor_stubs_free(struct sensor_stubs *t)
{
	const uint32_t zero = 0;

	if (!t)
		return;
	/* Detaching takes the kernel a tenth of a second each: until then they do nothing. */
	for (size_t i = 0; i < PROTOTYPES; i++)
		if (t->tables[i] >= 0)
			bpf_map_delete_elem(t->tables[i], &zero);
	for (size_t i = 0; i < t->functions_n; i++)
		if (t->functions[i].link >= 0)
			close(t->functions[i].link);
	for (size_t i = 0; i < PROTOTYPES; i++)
		if (t->tables[i] >= 0)
			close(t->tables[i]);
	free(t);
}

int sensor_stubs_new(struct sensor_stubs **out, struct err *e)
{
	AUTO(sensor_stubs_free) struct sensor_stubs *t = calloc(1, sizeof(*t));

	if (!t)
		return err_errno(e, "stubs");
	for (size_t i = 0; i < PROTOTYPES; i++)
		t->tables[i] = -1;
	int r = find_functions(t, e);

	for (size_t i = 0; r == 0 && i < PROTOTYPES; i++) {
		t->tables[i] = bpf_map_create(BPF_MAP_TYPE_PROG_ARRAY, "calls", sizeof(uint32_t),
					      sizeof(uint32_t), 1, NULL);
		if (t->tables[i] < 0)
			r = err_errno(e, "table of the stubs");
	}
	if (r < 0)
		return r;
	*out = TAKE(t);
	return 0;
}
