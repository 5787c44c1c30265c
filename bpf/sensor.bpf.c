// SPDX-License-Identifier: GPL-2.0-or-later
/* sensor - the programs: where each observer is attached. Every one is optional; the loader leaves
 * out what a kernel refuses and says so. */
#include "bpf/kernel.h"

#include <bpf/bpf_tracing.h>

#include "bpf/dispatch.h"
#include "bpf/refuse.h"
#include "bpf/traffic.h"

char program_license[] SEC("license") = "GPL";

/* --- both layers
 * ---------------------------------------------------------------------------------- */

SEC("tp_btf/sched_process_exec")
int BPF_PROG(on_exec, struct task_struct *task, int old_pid, struct linux_binprm *bprm)
{
	observe_exec(bprm);
	return 0;
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(on_fork, struct task_struct *parent, struct task_struct *child)
{
	mark_fork(parent, child);
	observe_fork(as_task(parent), as_task(child));
	return 0;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(on_exit, struct task_struct *task)
{
	resolved_forget(as_task(task));
	observe_exit(as_task(task));
	return 0;
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(on_state, struct sock *sk, int oldstate, int newstate)
{
	observe_state(sk, oldstate, newstate);
	if (newstate == TCP_SYN_SENT)
		observe_silent_connect(sk);
	return 0;
}

SEC("tp_btf/signal_generate")
int BPF_PROG(on_signal, int sig, struct kernel_siginfo *info, struct task_struct *task)
{
	observe_signal(sig, info, as_task(task));
	return 0;
}

SEC("tp_btf/cgroup_mkdir")
int BPF_PROG(on_cgroup_mkdir, struct cgroup *group, const char *path)
{
	observe_cgroup_mkdir(group, path);
	return 0;
}

SEC("tp_btf/cgroup_rmdir")
int BPF_PROG(on_cgroup_rmdir, struct cgroup *group)
{
	observe_cgroup_rmdir(group);
	return 0;
}

SEC("tp_btf/cgroup_attach_task")
int BPF_PROG(on_cgroup_attach, struct cgroup *group, const char *path, struct task_struct *task)
{
	observe_cgroup_attach(group, path, task);
	return 0;
}

SEC("iter/task")
int on_task(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct scratch *s = task ? take_scratch() : NULL;

	if (!s)
		return task ? 1 : 0; /* 1: once more, with the next read() */
	struct event_task *r = (struct event_task *)s->record;

	__builtin_memset(r, 0, sizeof(*r));
	note_host(as_task(task));
	fill_task(r, as_task(task));
	mark_running(task);
	bpf_seq_write(ctx->meta->seq, r, sizeof(*r));
	drop_scratch(s);
	return 0;
}

/* --- tracepoint layer
 * ------------------------------------------------------------------------------ */

SEC("tp_btf/sys_exit")
int BPF_PROG(on_sys_exit, struct pt_regs *regs, long result)
{
	return observe_return(regs, result);
}

/* Which calls a container makes: one bit a call. Attached only while somebody learns. */
SEC("tp_btf/sys_enter")
int BPF_PROG(on_sys_enter, struct pt_regs *regs, long number)
{
	struct task_struct *t = bpf_get_current_task_btf();
	struct cgroup_entry entry;
	__u64 key;

	find_task(t, &key, &entry);
	if (entry.kind != ENTRY_CONTAINER)
		return 0;
	__u32 slot = entry.slot;
	struct syscall_bitmap *map = bpf_map_lookup_elem(&bitmaps, &slot);
	__u64 n = (__u64)number & ~(__u64)X32_SYSCALL_BIT;

	if (t->thread_info.status & TS_COMPAT)
		n += 512; /* 32-bit numbers have the upper half */
	if (!map || n >= SYSCALL_WORDS * 64)
		return 0;
	__u64 bit = 1ULL << (n & 63), word = (n >> 6) & (SYSCALL_WORDS - 1);

	if (!(map->words[word] & bit))
		__sync_fetch_and_or(&map->words[word], bit);
	return 0;
}
