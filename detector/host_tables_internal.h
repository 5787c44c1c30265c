/* SPDX-License-Identifier: GPL-2.0-or-later */
/* host_tables_internal - what the files of host_tables share.
 *   host_tables.c        the list of tables, a look, when to sweep
 *   host_tables_read.c   tables of the whole host, each out of a file or two
 *   host_tables_users.c  tables of a user: signals, keys, inotify
 *   host_tables_sweep.c  all processes and their descriptors, by container and user
 *   host_tables_disk.c   file systems that hold containers, and what those wrote
 *   host_tables_memory.c what the accounting of memory says of containers
 *   host_tables_net.c    networks: ports, neighbours, connections, whose address is whose */
#ifndef BULKHEAD_HOST_TABLES_INTERNAL_H
#define BULKHEAD_HOST_TABLES_INTERNAL_H

#include "collector/machine.h"
#include "detector/host_tables.h"

#define TABLES_TCP	   6 /* which one of the memories of sockets */
#define TABLES_UDP	   17
#define TABLES_MAX_SWEPT   2048 /* (container, user) of a sweep */
#define TABLES_MAX_DEVICES 16	/* file systems that hold containers */

/* What processes of one user in one container have. */
struct swept {
	uint32_t uid;
	int32_t subject; /* -1: of no container */
	uint64_t processes, descriptors, instances, watches, terminals;
	uint64_t signals;   /* that are known one by one */
	uint64_t real_time; /* processes for which real-time signals wait */
};

struct sweep {
	struct swept rows[TABLES_MAX_SWEPT];
	size_t n;
	uint64_t refused;
	uint64_t began_ns, took_ns, files; /* files: open on the host when it began */
	bool whole, timers;
};

struct host_tables {
	struct sweep sweep;
	bool swept;	     /* there was one */
	uint64_t started_ns; /* a container did, and was not swept once it was at work; 0: none */
	struct machine_live live; /* its file systems alone */
	uint64_t devices[TABLES_MAX_DEVICES];
	size_t devices_n;
	uint64_t rare_ns; /* when what changes slowly was read */
	struct table_figure rare[8];
	size_t rare_n;
	struct table_figure networks[2]; /* ports: of the fullest network of containers */
	size_t networks_n;
};

/* The place to fill; NULL: no room, counted. */
struct table_figure *tables_figure(struct table_output *out, enum host_table t, uint64_t used,
				   uint64_t capacity, const char *limit);
/* Adds to what the subject already has there. */
void tables_holder(struct table_output *out, enum host_table t, uint64_t which, int32_t subject,
		   uint64_t amount);
bool tables_closing(const struct table_input *in);

/* Files of /proc and /sys, at most 64 KiB of them. False: not there, or not so. */
bool tables_word(const char *root, const char *file, unsigned word, uint64_t *out);
bool tables_field(const char *root, const char *file, const char *key, unsigned word,
		  uint64_t *out); /* "MemTotal:", the word behind it from 0 on */

void tables_read_host(struct table_output *out, const struct table_input *in);
void tables_read_rare(struct host_tables *h, struct table_output *out,
		      const struct table_input *in);

uint64_t tables_kernel_memory(const struct table_input *in, int32_t subject); /* 0: not known */
void tables_hold_memory(struct table_output *out, const struct table_input *in);

/* Longest path of a subject that is the process's or above it; -1: none. */
int32_t tables_subject_of(const struct table_input *in, uint32_t pid);
void tables_sweep(struct sweep *s, const struct table_input *in);

void tables_read_signals(struct table_output *out, const struct table_input *in);
void tables_read_keys(struct table_output *out, const struct table_input *in);
void tables_inotify(const struct sweep *s, struct table_output *out, const struct table_input *in);
/* Who holds the tables that a sweep counts. */
void tables_hold_swept(const struct sweep *s, struct table_output *out,
		       const struct table_input *in);

void tables_read_disks(struct host_tables *h, struct table_output *out,
		       const struct table_input *in);
void tables_hold_disks(struct host_tables *h, struct table_output *out,
		       const struct table_input *in);

void tables_read_networks(struct host_tables *h, struct table_output *out,
			  const struct table_input *in);
/* Ports of the networks of all containers; when a sweep is due. */
void tables_sweep_networks(struct host_tables *h, const struct table_input *in);
void tables_hold_networks(struct table_output *out, const struct table_input *in);
/* Distinct local ports within [low, high] of a file as /proc/PID/net/tcp is. */
uint64_t tables_count_ports(const char *path, const char *path6, uint16_t low, uint16_t high);

#endif
