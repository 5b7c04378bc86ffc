/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The rounds. Everything takes turns, so that whatever else the machine does meets all of it: in each round every run has
 * its harness, its path and its raw calls timed one right after the other. What is reported are the middle rounds.
 */
#include "tools/bench/bench.h"

#include <stdlib.h>
#include <string.h>

#define ROUNDS 601
#define MIDDLE 41

/* The three measurements of one round. */
struct round {
    double whole, harness, raw;
};

static struct round rounds[BENCH_CASES_MAX][ROUNDS];

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static int compare_rounds(const void *a, const void *b)
{
    return compare_doubles(&((const struct round *)a)->whole, &((const struct round *)b)->whole);
}

/*
 * The rounds that took neither short nor long, averaged: a median that isn't the accident of one round. All three
 * values come from the same rounds.
 */
static struct round middle(const struct round *all)
{
    static struct round sorted[ROUNDS];
    struct round sum = {0, 0, 0};

    memcpy(sorted, all, sizeof sorted);
    qsort(sorted, ROUNDS, sizeof *sorted, compare_rounds);
    for (unsigned i = (ROUNDS - MIDDLE) / 2; i < (ROUNDS + MIDDLE) / 2; i++) {
        sum.whole += sorted[i].whole / MIDDLE;
        sum.harness += sorted[i].harness / MIDDLE;
        sum.raw += sorted[i].raw / MIDDLE;
    }
    return sum;
}

/* Net cycles over the base's, round by round; the median. */
static double over_base(const struct round *mine, const struct round *base)
{
    static double ratios[ROUNDS];

    for (unsigned i = 0; i < ROUNDS; i++)
        ratios[i] = (mine[i].whole - mine[i].harness) / (base[i].whole - base[i].harness);
    qsort(ratios, ROUNDS, sizeof *ratios, compare_doubles);
    return (ratios[ROUNDS / 2] - 1) * 100;
}

static void report(const struct bench_run *run, unsigned size, const struct round *all, struct bench_result *r)
{
    struct round m = middle(all);

    r->o = run->o;
    r->outbound = run->outbound;
    r->size = size;
    r->cycles_per_packet = m.whole;
    r->harness_cycles = m.harness;
    r->raw_cycles = m.raw;
    r->net_over_raw = (m.whole - m.harness) / m.raw;
    r->mpps = (double)run->gateway.tsc_hz / m.whole / 1e6;
    r->gbps = r->mpps * bench_mean_len(size) * 8 / 1000;
    r->over_base_percent = over_base(all, rounds[0]);
    r->times_one = 1;
}

void bench_measure(struct bench_run **runs, unsigned n, unsigned size, struct bench_result *results)
{
    bench_own_cpu(true);
    for (unsigned i = 0; i < ROUNDS; i++)
        for (unsigned k = 0; k < n; k++) {
            if (n > 1) /* the others have used the caches meanwhile */
                (void)bench_time_whole(runs[k], 0, 1);
            rounds[k][i].harness = bench_time_harness(runs[k]);
            rounds[k][i].whole = bench_time_whole(runs[k], 0, 1);
            rounds[k][i].raw = bench_time_raw(runs[k]);
        }
    bench_own_cpu(false);
    for (unsigned k = 0; k < n; k++)
        report(runs[k], size, rounds[k], &results[k]);
}
