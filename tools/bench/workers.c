/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Several workers on the same SAs, each on a CPU and with a sender id of its own: packets per second of all of them over
 * those of the first alone. The two take turns; the median of the rounds' quotients is what is reported.
 */
#include "tools/bench/bench.h"

#include <rte_cycles.h>
#include <rte_launch.h>
#include <rte_lcore.h>

#include <stdatomic.h>
#include <stdlib.h>

#define ROUNDS 201
#define TIMES  8 /* packets of a measurement, in rounds' worth: long against the start of a thread */

struct job {
    struct bench_run *run;
    unsigned lane, n;
    atomic_uint *ready;
    double cycles; /* per packet */
};

/* Everybody starts together. */
static int work(void *arg)
{
    struct job *job = arg;

    bench_own_cpu(true);
    atomic_fetch_add(job->ready, 1);
    while (atomic_load(job->ready) < job->n)
        rte_pause();
    job->cycles = bench_time_whole(job->run, job->lane, TIMES);
    bench_own_cpu(false);
    return 0;
}

/* Packets per cycle of the first n workers together. */
static double rate(struct bench_run *run, unsigned n)
{
    struct job jobs[IPC_MAX_WORKERS];
    atomic_uint ready = 0;
    unsigned lcore, lane = 1;
    double sum = 0;

    for (unsigned i = 0; i < n; i++)
        jobs[i] = (struct job){run, i, n, &ready, 0};
    RTE_LCORE_FOREACH_WORKER(lcore)
        if (lane < n)
            (void)rte_eal_remote_launch(work, &jobs[lane++], lcore);
    (void)work(&jobs[0]);
    rte_eal_mp_wait_lcore();
    for (unsigned i = 0; i < n; i++)
        sum += 1 / jobs[i].cycles;
    return sum;
}

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

bool bench_workers(struct bench_run *run, unsigned size, struct bench_result *r)
{
    static double quotients[ROUNDS], rates[ROUNDS];
    double per_second;

    if (rte_lcore_count() < run->o.workers)
        return false;
    (void)rate(run, run->o.workers); /* warm */
    for (unsigned i = 0; i < ROUNDS; i++) {
        double one = rate(run, 1);

        rates[i] = rate(run, run->o.workers);
        quotients[i] = rates[i] / one;
    }
    qsort(rates, ROUNDS, sizeof *rates, compare_doubles);
    qsort(quotients, ROUNDS, sizeof *quotients, compare_doubles);
    per_second = rates[ROUNDS / 2] * (double)run->gateway.tsc_hz;
    r->times_one = quotients[ROUNDS / 2];
    r->mpps = per_second / 1e6;
    r->gbps = r->mpps * bench_mean_len(size) * 8 / 1000;
    return true;
}
