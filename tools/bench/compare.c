/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What is special against the base case, from one run: separate runs on a machine that others use, too, can't show a
 * few per cent. Every line differs from the base (the options of the command line) in one thing.
 */
#include "tools/bench/bench.h"

#include <rte_lcore.h>

#include <stdio.h>

#define MANY_SAS   16
#define A_VLAN     100

struct line {
    const char *name;
    struct bench_options o;
    unsigned against; /* index of a line */
};

/* One more line, as the base so far; the caller changes what it is about. */
static struct bench_options *add(struct line *lines, unsigned *n, const char *name)
{
    lines[*n] = (struct line){name, lines[0].o, 0};
    return &lines[(*n)++].o;
}

static void add_rules(struct line *lines, unsigned *n, const char *name, unsigned rules)
{
    if (rules > lines[0].o.rules)
        add(lines, n, name)->rules = rules;
}

/* Time windows against none, and windows per sender over them: what is strict is put against the time line. */
static void add_replay(struct line *lines, unsigned *n)
{
    unsigned timed = 0;
    struct bench_options *o;

    if (lines[0].o.replay == IPC_REPLAY_TIME) {
        add(lines, n, "no replay")->replay = IPC_REPLAY_NONE;
    } else {
        timed = *n;
        add(lines, n, "time")->replay = IPC_REPLAY_TIME;
    }
    o = add(lines, n, "strict");
    o->replay = IPC_REPLAY_TIME;
    o->strict = true;
    lines[*n - 1].against = timed;
}

static void add_burst(struct line *lines, unsigned *n, const char *name, unsigned burst)
{
    if (lines[0].o.burst != burst)
        add(lines, n, name)->burst = burst;
}

static unsigned lines_of(const struct bench_options *base, struct line *lines)
{
    struct bench_options *o;
    unsigned n = 0;

    lines[n++] = (struct line){"base", *base, 0};
    add_replay(lines, &n);
    o = add(lines, &n, "16 SAs");
    o->sas = MANY_SAS;
    if (o->rules < MANY_SAS)
        o->rules = MANY_SAS;
    add_rules(lines, &n, "100 rules", 100);
    add_rules(lines, &n, "1000 rules", 1000);
    add(lines, &n, base->family == 6 ? "IPv4" : "IPv6")->family = base->family == 6 ? 4 : 6;
    if (base->vlan == 0)
        add(lines, &n, "tagged")->vlan = A_VLAN;
    add_burst(lines, &n, "burst 1", 1);
    add_burst(lines, &n, "burst 8", 8);
    add_burst(lines, &n, "burst 32", VEC_BURST);
    return n;
}

static void close_all(struct bench_run **runs, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        bench_run_close(runs[i]);
}

/* Two workers on the base's SAs. */
static bool two_workers(const struct bench_options *base, struct rte_mempool *pool, bool outbound, unsigned size,
                        struct bench_result *r)
{
    struct bench_options o = *base;
    struct bench_run *run;
    bool ok;

    o.workers = 2;
    run = bench_run_open(&o, pool, outbound, size);
    if (run == NULL)
        return false;
    bench_measure(&run, 1, size, r);
    ok = bench_workers(run, size, r);
    r->name = "2 workers";
    bench_run_close(run);
    return ok;
}

static unsigned compare_one(const struct bench_options *base, struct rte_mempool *pool, bool outbound, unsigned size,
                            struct bench_result *results)
{
    struct bench_run *runs[BENCH_CASES_MAX];
    struct line lines[BENCH_CASES_MAX];
    unsigned n = lines_of(base, lines);

    for (unsigned i = 0; i < n; i++) {
        runs[i] = bench_run_open(&lines[i].o, pool, outbound, size);
        if (runs[i] == NULL) {
            close_all(runs, i);
            return 0;
        }
        runs[i]->against = lines[i].against;
    }
    bench_measure(runs, n, size, results);
    close_all(runs, n);
    for (unsigned i = 0; i < n; i++) {
        results[i].name = lines[i].name;
        results[i].against = i == 0 ? NULL : lines[lines[i].against].name;
    }
    if (rte_lcore_count() < 2)
        fprintf(stderr, "gvpn-bench: one CPU only: two workers aren't compared\n");
    else if (two_workers(base, pool, outbound, size, &results[n]))
        n++;
    else
        return 0;
    return n;
}

unsigned bench_compare(const struct bench_options *o, struct rte_mempool *pool, struct bench_result *results)
{
    unsigned n = 0;

    for (unsigned i = 0; i < o->n_sizes; i++)
        for (int in = 0; in <= 1; in++) {
            unsigned more;

            if (in ? !o->in : !o->out)
                continue;
            more = compare_one(o, pool, !in, o->sizes[i], results + n);
            if (more == 0)
                return 0;
            n += more;
        }
    return n;
}
