/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * DPDK's environment: arguments from the configuration, start, stop, and where its chatter goes. `-l`/`--lcores`, `-a`
 * and `--vdev` always come from the file. EAL lcore 0 is the main thread (control and slow path) on the CPUs that no
 * worker has; worker i is lcore i + 1 on its configured CPU. A device that EAL could not make is not noticed here: EAL
 * doesn't say so, port_open() does.
 */
#ifndef GVPN_DATAPLANE_EAL_H
#define GVPN_DATAPLANE_EAL_H

#include "dataplane/cfg.h"

#define EAL_ERROR_MAX 1024

/* The lcore id of worker i. */
static inline unsigned eal_worker_lcore(unsigned worker)
{
    return worker + 1;
}

/*
 * Starts EAL; the calling thread becomes lcore 0 and is bound to its CPUs. Once per process. Without `eal:` in the file
 * --in-memory is chosen when enough 2 MB pages are free, else --no-huge. False with a sentence in error.
 */
MUST_CHECK bool eal_start(const struct cfg *cfg, char error[EAL_ERROR_MAX]);
/* Gives memory and devices back; ports must be closed and workers must have returned. */
void eal_stop(void);
/* The last warnings and errors that EAL and its drivers wrote, for an error message; "" when there were none. */
const char *eal_last_words(char out[EAL_ERROR_MAX]);

#endif
