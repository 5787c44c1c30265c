/* SPDX-License-Identifier: GPL-2.0-or-later */
/* maturity - how much of what will be seen has been seen.
 *
 * The Good-Turing estimate for incidence data (Good 1953; Chao, Colwell: "Nonparametric estimation
 * and comparison of species richness", 2014): with T observation windows, of which Q1 entries were
 * seen in exactly one, the next window is expected to bring Q1 / T entries that were never seen.
 * (Q1 + 1) / T is used, so that no evidence is not taken for maturity. Pure, any thread. */
#ifndef BULKHEAD_MATURITY_H
#define BULKHEAD_MATURITY_H

#include <stdbool.h>
#include <stdint.h>

struct maturity {
	uint64_t windows;    /* T: those that count; voided ones do not */
	uint64_t singletons; /* Q1 */
	uint64_t entries;
	uint64_t since_ns, now_ns; /* unix: of the first window; now */
	uint32_t containers;
};

struct maturity_bounds {
	double new_entries;	 /* expected in the next window, at most: 0.01 */
	uint64_t minimum_ns;	 /* time since the first window */
	uint32_t min_containers; /* at least 1 */
};

/* Expected new entries of the next window; 1 without any window. Never above 1. */
double maturity_estimate(const struct maturity *m);
/* Learned: all three bounds hold. */
bool maturity_complete(const struct maturity *m, const struct maturity_bounds *b);
/* [0, 1] for people: 1 when complete; the worst of the three bounds, as a share. */
double maturity_progress(const struct maturity *m, const struct maturity_bounds *b);
/* Windows that are still wanted when nothing new comes; 0: none. */
uint64_t maturity_windows_left(const struct maturity *m, const struct maturity_bounds *b);

#endif
