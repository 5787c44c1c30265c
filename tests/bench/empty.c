// SPDX-License-Identifier: GPL-2.0-or-later
/* empty - the floor of the sensor's bench: a program on sys_exit that does nothing. Prints "ready"
 * and stays until its standard input ends. */
#include <linux/bpf.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(void)
{
	const struct bpf_insn nothing[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .imm = 0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	union bpf_attr load = {
		.prog_type = BPF_PROG_TYPE_RAW_TRACEPOINT,
		.insns = (__u64)(unsigned long)nothing,
		.insn_cnt = 2,
		.license = (__u64)(unsigned long)"GPL",
	};
	int program = (int)syscall(SYS_bpf, BPF_PROG_LOAD, &load, sizeof(load));
	union bpf_attr attach = { .raw_tracepoint = { .name = (__u64)(unsigned long)"sys_exit",
						      .prog_fd = (__u32)program } };
	char byte;

	if (program < 0 ||
	    (int)syscall(SYS_bpf, BPF_RAW_TRACEPOINT_OPEN, &attach, sizeof(attach)) < 0) {
		perror("empty");
		return 1;
	}
	printf("ready\n");
	fflush(stdout);
	while (read(0, &byte, 1) > 0)
		;
	return 0;
}
