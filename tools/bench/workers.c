/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Several workers on the same SAs, each on a CPU and with a sender id of its own: packets per second of all of them over
 * those of the first alone. The two take turns; the median of the rounds' quotients is what is reported. While one
 * works alone, the other CPUs run bare crypto calls that share nothing with it: a CPU whose neighbours are idle runs
 * faster (by 9 % where this was written), and that would be counted against the path.
 */
#include "tools/bench/bench.h"

#include "dataplane/core/esp.h"

#include <rte_cycles.h>
#include <rte_launch.h>
#include <rte_lcore.h>

#include <stdatomic.h>
#include <stdlib.h>

#define ROUNDS_MAX (BENCH_ROUNDS / 3) /* each is long */
#define TIMES  8 /* packets of a measurement, in rounds' worth: long against the start of a thread */

struct job {
    struct bench_run *run;
    unsigned lane, working, all; /* lanes below `working` work, the others keep their CPUs busy */
    atomic_uint *ready, *done;
    double cycles; /* per packet */
};

static void keep_busy(const struct job *job)
{
    const struct bench_run *run = job->run;
    uint8_t nonce[16] = {0}, aad[ESP_HEADER_LEN] = {0}, tag[ESP_ICV_LEN], text[2048] = {0};
    struct gcm_context_data scratch;

    while (atomic_load_explicit(job->done, memory_order_relaxed) < job->working)
        if (run->call == NULL)
            rte_pause();
        else
            run->call((const struct gcm_key_data *)(const void *)run->keys[0].state, &scratch, text, text,
                  run->packets[0].text_len, nonce, aad, sizeof aad, tag, sizeof tag);
}

/* Everybody starts together, with what they need in the caches. */
static int work(void *arg)
{
    struct job *job = arg;
    bool works = job->lane < job->working;

    bench_own_cpu(true);
    if (works)
        (void)bench_time_whole(job->run, job->lane, 1);
    atomic_fetch_add(job->ready, 1);
    while (atomic_load(job->ready) < job->all)
        rte_pause();
    if (works) {
        job->cycles = bench_time_whole(job->run, job->lane, TIMES);
        atomic_fetch_add(job->done, 1);
    } else {
        keep_busy(job);
    }
    bench_own_cpu(false);
    return 0;
}

/* Packets per cycle of the first n workers together. */
static double rate(struct bench_run *run, unsigned n)
{
    struct job jobs[IPC_MAX_WORKERS];
    atomic_uint ready = 0, done = 0;
    unsigned lcore, lane = 1, all = run->o.workers;
    double sum = 0;

    for (unsigned i = 0; i < all; i++)
        jobs[i] = (struct job){run, i, n, all, &ready, &done, 0};
    RTE_LCORE_FOREACH_WORKER(lcore)
        if (lane < all)
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
    static double quotients[ROUNDS_MAX], rates[ROUNDS_MAX];
    unsigned n = run->o.rounds / 3;
    double per_second;

    if (rte_lcore_count() < run->o.workers)
        return false;
    for (unsigned i = 0; i < n; i++) {
        double one = rate(run, 1);

        rates[i] = rate(run, run->o.workers);
        quotients[i] = rates[i] / one;
    }
    qsort(rates, n, sizeof *rates, compare_doubles);
    qsort(quotients, n, sizeof *quotients, compare_doubles);
    per_second = rates[n / 2] * (double)run->gateway.tsc_hz;
    r->times_one = quotients[n / 2];
    r->mpps = per_second / 1e6;
    r->gbps = r->mpps * bench_mean_len(size) * 8 / 1000;
    return true;
}
