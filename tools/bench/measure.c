/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The rounds. Everything takes turns, so that whatever else the machine does meets all of it: in each round every run has
 * its harness, its path and its raw calls timed one right after the other. What is reported are the middle rounds.
 */
#include "tools/bench/bench.h"

#include <stdlib.h>
#include <string.h>

#define MIDDLE 41

/* The three measurements of one round. */
struct round {
    double whole, harness, raw;
};

static struct round rounds[BENCH_CASES_MAX][BENCH_ROUNDS];
static double stages[BENCH_CASES_MAX][PIPELINE_STAGES][BENCH_ROUNDS];

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
static struct round middle(const struct round *all, unsigned n)
{
    static struct round sorted[BENCH_ROUNDS];
    struct round sum = {0, 0, 0};
    unsigned kept = n < MIDDLE ? n : MIDDLE;

    memcpy(sorted, all, n * sizeof *sorted);
    qsort(sorted, n, sizeof *sorted, compare_rounds);
    for (unsigned i = (n - kept) / 2; i < (n - kept) / 2 + kept; i++) {
        sum.whole += sorted[i].whole / kept;
        sum.harness += sorted[i].harness / kept;
        sum.raw += sorted[i].raw / kept;
    }
    return sum;
}

static double net(const struct round *r)
{
    return r->whole - r->harness;
}

/* Net cycles over another run's, round by round; the medians. */
static void put_against(const struct round *mine, const struct round *other, unsigned n, struct bench_result *r)
{
    static double ratios[BENCH_ROUNDS], differences[BENCH_ROUNDS];

    for (unsigned i = 0; i < n; i++) {
        ratios[i] = net(&mine[i]) / net(&other[i]);
        differences[i] = net(&mine[i]) - net(&other[i]);
    }
    qsort(ratios, n, sizeof *ratios, compare_doubles);
    qsort(differences, n, sizeof *differences, compare_doubles);
    r->over_percent = (ratios[n / 2] - 1) * 100;
    r->over_cycles = differences[n / 2];
}

/* The medians of every stage's. */
static void put_stages(double (*of)[BENCH_ROUNDS], unsigned n, struct bench_result *r)
{
    for (unsigned i = 0; i < PIPELINE_STAGES; i++) {
        qsort(of[i], n, sizeof of[i][0], compare_doubles);
        r->stages[i] = of[i][n / 2];
    }
}

static void time_stages(struct bench_run *run, double (*of)[BENCH_ROUNDS], unsigned round)
{
    double once[PIPELINE_STAGES];

    bench_time_stages(run, once);
    for (unsigned i = 0; i < PIPELINE_STAGES; i++)
        of[i][round] = once[i];
}

static void report(const struct bench_run *run, unsigned size, const struct round *all, struct bench_result *r)
{
    struct round m = middle(all, run->o.rounds);

    r->o = run->o;
    r->outbound = run->outbound;
    r->size = size;
    r->cycles_per_packet = m.whole;
    r->harness_cycles = m.harness;
    r->raw_cycles = m.raw;
    r->net_over_raw = net(&m) / m.raw;
    r->mpps = (double)run->gateway.tsc_hz / m.whole / 1e6;
    r->gbps = r->mpps * bench_mean_len(size) * 8 / 1000;
    put_against(all, rounds[run->against], run->o.rounds, r);
    r->times_one = 1;
}

void bench_measure(struct bench_run **runs, unsigned n, unsigned size, struct bench_result *results)
{
    bench_own_cpu(true);
    for (unsigned i = 0; i < runs[0]->o.rounds; i++)
        for (unsigned k = 0; k < n; k++) {
            if (n > 1) /* the others have used the caches meanwhile */
                (void)bench_time_whole(runs[k], 0, 1);
            rounds[k][i].harness = bench_time_harness(runs[k]);
            rounds[k][i].whole = bench_time_whole(runs[k], 0, 1);
            rounds[k][i].raw = bench_time_raw(runs[k]);
            if (runs[k]->o.stages)
                time_stages(runs[k], stages[k], i);
        }
    bench_own_cpu(false);
    for (unsigned k = 0; k < n; k++) {
        report(runs[k], size, rounds[k], &results[k]);
        if (runs[k]->o.stages)
            put_stages(stages[k], runs[k]->o.rounds, &results[k]);
    }
}
