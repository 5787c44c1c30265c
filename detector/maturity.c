// SPDX-License-Identifier: GPL-2.0-or-later
#include "detector/maturity.h"

#include <math.h>

static double estimate_of(uint64_t singletons, uint64_t windows)
{
	const double wanted = (double)singletons + 1;

	return wanted >= (double)windows ? 1 : wanted / (double)windows;
}

double maturity_estimate(const struct maturity *m)
{
	return estimate_of(m->singletons, m->windows);
}

static uint64_t elapsed(const struct maturity *m)
{
	return m->now_ns > m->since_ns ? m->now_ns - m->since_ns
				       : 0; /* the clock may be set back */
}

static uint32_t containers_wanted(const struct maturity_bounds *b)
{
	return b->min_containers ? b->min_containers : 1;
}

bool maturity_complete(const struct maturity *m, const struct maturity_bounds *b)
{
	return m->windows > 0 && maturity_estimate(m) <= b->new_entries &&
	       elapsed(m) >= b->minimum_ns && m->containers >= containers_wanted(b);
}

static double share(double part, double whole)
{
	return part >= whole ? 1 : part / whole;
}

double maturity_progress(const struct maturity *m, const struct maturity_bounds *b)
{
	if (maturity_complete(m, b))
		return 1;
	double worst = share(b->new_entries, maturity_estimate(m));

	if (m->windows == 0)
		worst = 0;
	worst = fmin(worst, share((double)elapsed(m), (double)b->minimum_ns));
	worst = fmin(worst, share(m->containers, containers_wanted(b)));
	return worst < 0.99 ? worst : 0.99; /* rounding must not say what is not so */
}

uint64_t maturity_windows_left(const struct maturity *m, const struct maturity_bounds *b)
{
	const double wanted = ((double)m->singletons + 1) / b->new_entries;

	if (m->windows > 0 && maturity_estimate(m) <= b->new_entries)
		return 0;
	if (!(b->new_entries > 0) || wanted > 1e15)
		return UINT64_MAX;
	uint64_t n = b->new_entries >= 1 ? 1 : (uint64_t)ceil(wanted);

	/* the division above and that of the estimate may round apart */
	while (estimate_of(m->singletons, n) > b->new_entries)
		n++;
	while (n > 1 && estimate_of(m->singletons, n - 1) <= b->new_entries)
		n--;
	return n > m->windows ? n - m->windows : 0;
}
