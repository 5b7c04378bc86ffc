/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What is special against the base case, from one run: separate runs on a machine that others use, too, can't show a
 * few per cent. Every line differs from the base (the options of the command line) in one thing.
 */
#include "tools/bench/bench.h"

#include <rte_lcore.h>

#include <stdio.h>

#define MANY_SAS   16
#define MANY_RULES 100
#define A_VLAN     100

struct line {
    const char *name;
    struct bench_options o;
};

static unsigned lines_of(const struct bench_options *base, struct line *lines)
{
    unsigned n = 0;

    lines[n++] = (struct line){"base", *base};
    lines[n] = (struct line){"16 SAs", *base};
    lines[n].o.sas = MANY_SAS;
    if (lines[n].o.rules < MANY_SAS)
        lines[n].o.rules = MANY_SAS;
    n++;
    lines[n] = (struct line){"100 rules", *base};
    lines[n++].o.rules = MANY_RULES;
    lines[n] = (struct line){base->family == 6 ? "IPv4" : "IPv6", *base};
    lines[n++].o.family = base->family == 6 ? 4 : 6;
    lines[n] = (struct line){"tagged", *base};
    lines[n++].o.vlan = A_VLAN;
    lines[n] = (struct line){"burst 1", *base};
    lines[n++].o.burst = 1;
    lines[n] = (struct line){"burst 32", *base};
    lines[n++].o.burst = 32;
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
    }
    bench_measure(runs, n, size, results);
    close_all(runs, n);
    for (unsigned i = 0; i < n; i++)
        results[i].name = lines[i].name;
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
