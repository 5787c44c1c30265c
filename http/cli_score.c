// SPDX-License-Identifier: GPL-2.0-or-later
/* bulkhead score: handed to bulkheadd, which has the detector. */
#include "http/cli.h"

int cli_score(int argc, char **argv)
{
	return cli_bulkheadd(argc, argv, "cannot find bulkheadd, which has the detector");
}
