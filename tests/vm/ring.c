// SPDX-License-Identifier: GPL-2.0-or-later
/* ring - file operations by io_uring, without a library: no system call of theirs is ever made.
 *
 *   ring OPEN UNLINK     opens one file (by the caller, then by a worker), removes another
 *
 * Prints the three results. */
#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static struct {
	int fd;
	struct io_uring_params p;
	uint8_t *rings;
	struct io_uring_sqe *sqes;
} r;

static uint32_t *at(uint32_t offset)
{
	return (uint32_t *)(r.rings + offset);
}

static void setup(void)
{
	r.fd = (int)syscall(SYS_io_uring_setup, 4, &r.p);
	if (r.fd < 0 || !(r.p.features & IORING_FEAT_SINGLE_MMAP)) {
		printf("none %d\n", errno);
		exit(0);
	}
	r.rings = mmap(NULL, 4096 * 4, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, r.fd,
		       IORING_OFF_SQ_RING);
	r.sqes = mmap(NULL, r.p.sq_entries * sizeof(*r.sqes), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_POPULATE, r.fd, IORING_OFF_SQES);
	if (r.rings == MAP_FAILED || r.sqes == MAP_FAILED) {
		perror("ring: mmap");
		exit(1);
	}
}

static int run(const struct io_uring_sqe *sqe)
{
	uint32_t tail = *at(r.p.sq_off.tail), mask = *at(r.p.sq_off.ring_mask);
	uint32_t head = *at(r.p.cq_off.head);
	const struct io_uring_cqe *cqe = (const void *)(r.rings + r.p.cq_off.cqes);

	r.sqes[tail & mask] = *sqe;
	at(r.p.sq_off.array)[tail & mask] = tail & mask;
	__atomic_store_n(at(r.p.sq_off.tail), tail + 1, __ATOMIC_RELEASE);
	if (syscall(SYS_io_uring_enter, r.fd, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) < 0) {
		perror("ring: enter");
		exit(1);
	}
	int result = cqe[head & *at(r.p.cq_off.ring_mask)].res;

	__atomic_store_n(at(r.p.cq_off.head), head + 1, __ATOMIC_RELEASE);
	return result;
}

int main(int argc, char **argv)
{
	struct io_uring_sqe open = { .opcode = IORING_OP_OPENAT, .fd = AT_FDCWD };
	struct io_uring_sqe unlink = { .opcode = IORING_OP_UNLINKAT, .fd = AT_FDCWD };
	int results[3];

	if (argc != 3)
		return 2;
	setup();
	open.addr = (uintptr_t)argv[1];
	open.open_flags = O_RDONLY;
	unlink.addr = (uintptr_t)argv[2];
	results[0] = run(&open);
	open.flags = IOSQE_ASYNC;
	open.open_flags = O_WRONLY;
	results[1] = run(&open);
	results[2] = run(&unlink);
	printf("{\"pid\":%d,\"results\":[%d,%d,%d]}\n", getpid(), results[0], results[1],
	       results[2]);
	return 0;
}
