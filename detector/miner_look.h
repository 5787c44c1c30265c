/* SPDX-License-Identifier: GPL-2.0-or-later */
/* miner_look - reads what some processes of a container do: their threads' use of the processor,
 * and of those that are looked at closely also switches, input and output, TCP connections and the
 * shape of their memory.
 *
 * miner_look_read() runs on a worker: /proc may be slow to answer. Connections are asked of the
 * sockets themselves (a copy of the descriptor is taken by pidfd_getfd, asked for TCP_INFO and
 * closed): no table of /proc says how much went over one connection. Where that is refused there
 * are none. Nothing here is believed: names and paths of /proc are the container's. */
#ifndef BULKHEAD_MINER_LOOK_H
#define BULKHEAD_MINER_LOOK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define MINER_LOOK_PROCESSES 64 /* of a container; the busiest are not known before */
#define MINER_LOOK_CLOSE     8	/* looked at closely */
#define MINER_LOOK_THREADS   512
#define MINER_LOOK_PEERS     16	  /* connections */
#define MINER_LOOK_FDS	     1024 /* descriptors of one process */
#define MINER_LOOK_MAPS	     (1U << 20)

struct miner_look_thread {
	pid_t pid, tid;
	uint64_t start_ticks; /* with tid: which one */
	uint64_t user_ticks, kernel_ticks;
	uint64_t wait_ns;   /* that it was runnable and had no processor; 0: not known */
	uint64_t voluntary; /* switches; of processes that are looked at closely */
	int nice;
	unsigned policy; /* SCHED_* */
};

struct miner_look_peer { /* a TCP connection that is established, to somebody else's address */
	pid_t pid;
	uint64_t cookie;
	uint16_t family, local_port, remote_port;
	uint8_t remote[16];
	uint64_t sent_bytes, received_bytes;
	uint32_t sent_segments, received_segments; /* with data */
};

enum miner_look_memory {
	MEMORY_DATASET = 1 << 0,    /* anonymous, of the size of RandomX's data set */
	MEMORY_CODE = 1 << 1,	    /* anonymous and executable: made by the program itself */
	MEMORY_WRITE_CODE = 1 << 2, /* ... and writable at once */
};

struct miner_look_process {
	pid_t pid;
	uint64_t start_boot_ns; /* by the caller, to know it again */
	bool close;		/* by the caller: look closely */
	bool there;		/* it was read */
	bool has_io;
	uint64_t io_bytes, io_calls; /* storage; read and write calls of any kind */
	uint32_t memory;	     /* enum miner_look_memory */
	bool deleted;		     /* its program has no name any more, or never had one */
};

struct miner_look {
	uint64_t mono_ns; /* when it was read */
	bool maps;	  /* by the caller: read the shape of memory, too */
	struct miner_look_process processes[MINER_LOOK_PROCESSES];
	uint32_t processes_n;
	struct miner_look_thread threads[MINER_LOOK_THREADS];
	uint32_t threads_n, threads_refused;
	struct miner_look_peer peers[MINER_LOOK_PEERS];
	uint32_t peers_n, peers_refused;
};

/* processes[0..processes_n) with pid and close are the caller's; the rest is filled. */
void miner_look_read(struct miner_look *l, const char *proc);

/* Parts of it, for tests. */
bool miner_look_stat(const char *text, size_t n, struct miner_look_thread *out);
uint32_t miner_look_maps_line(const char *line, size_t n);

#endif
