/* SPDX-License-Identifier: BSD-3-Clause */
/* gvpn-bench: starts EAL without ports, measures what was asked for, prints. */
#include "tools/bench/bench.h"

#include <rte_eal.h>
#include <rte_lcore.h>

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define POOL_SIZE  8191
#define POOL_CACHE 256
#define ROOM       1536 /* for a frame of BENCH_MTU octets of IP with a tag; 1500 are usual */

/*
 * The CPUs to run on, the last one that we may use first: the first ones serve interrupts. Fewer than `wanted` when there
 * aren't as many.
 */
static void pick_cpus(unsigned wanted, char *list, size_t cap)
{
    cpu_set_t set;
    unsigned n = 0;
    size_t at = 0;

    list[at++] = '0';
    list[at] = '\0';
    if (sched_getaffinity(0, sizeof set, &set) != 0)
        return;
    at = 0;
    for (int i = CPU_SETSIZE - 1; i >= 0 && n < wanted && at + 8 < cap; i--)
        if (CPU_ISSET(i, &set))
            at += (size_t)snprintf(list + at, cap - at, "%s%d@%d", n > 0 ? "," : "", (int)n, i), n++;
}

/* Free 2 MB pages, as the kernel counts them. */
static unsigned long free_huge_pages(void)
{
    unsigned long n = 0;
    FILE *f = fopen("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "re");

    if (f == NULL)
        return 0;
    if (fscanf(f, "%lu", &n) != 1)
        n = 0;
    fclose(f);
    return n;
}

static bool start_eal(unsigned n_cpus)
{
    bool huge = free_huge_pages() >= 64;
    char cpus[16 * IPC_MAX_WORKERS];
    char *argv[] = {(char[]){"gvpn-bench"},     (char[]){"--lcores"},
                    cpus,                       (char[]){"--no-pci"},
                    (char[]){"--no-telemetry"}, (char[]){"--iova-mode=va"},
                    (char[]){"-m"},             (char[]){"128"},
                    (char[]){"--log-level=3"},  huge ? (char[]){"--in-memory"} : (char[]){"--no-huge"},
                    (char[]){"--no-shconf"}};
    int argc = (int)(sizeof argv / sizeof argv[0]) - (huge ? 1 : 0);

    pick_cpus(n_cpus, cpus, sizeof cpus);
    return rte_eal_init(argc, argv) >= 0;
}

static bool measure_one(const struct bench_options *o, struct rte_mempool *pool, bool outbound, unsigned size,
                        struct bench_result *r)
{
    struct bench_run *run = bench_run_open(o, pool, outbound, size);
    bool ok = true;

    if (run == NULL)
        return false;
    bench_measure(&run, 1, size, r);
    if (o->workers > 1)
        ok = bench_workers(run, size, r);
    bench_run_close(run);
    return ok;
}

static unsigned measure_all(const struct bench_options *o, struct rte_mempool *pool, struct bench_result *results)
{
    unsigned n = 0;

    for (int in = 0; in <= 1; in++) {
        if (in ? !o->in : !o->out)
            continue;
        for (unsigned i = 0; i < o->n_sizes; i++)
            if (!measure_one(o, pool, !in, o->sizes[i], &results[n++]))
                return 0;
    }
    return n;
}

static bool run_all(const struct bench_options *o, struct rte_mempool *pool)
{
    static struct bench_result results[2 * BENCH_SIZES * BENCH_CASES_MAX];
    unsigned n;

    if (rte_lcore_count() < o->workers) {
        fprintf(stderr, "gvpn-bench: --workers %u: there are only %u CPUs\n", o->workers, rte_lcore_count());
        return false;
    }
    n = o->compare ? bench_compare(o, pool, results) : measure_all(o, pool, results);
    if (n == 0)
        return false;
    if (o->json)
        return bench_report_json(o, results, n);
    bench_report_table(o, results, n);
    return true;
}

int main(int argc, char **argv)
{
    struct bench_options options;
    struct rte_mempool *pool;
    char why[256];
    bool help, ok;

    if (!bench_options_parse(&options, argc, argv, &help))
        return 2;
    if (help)
        return EXIT_SUCCESS;
    if (!start_eal(options.compare ? 2 : options.workers)) {
        fprintf(stderr, "gvpn-bench: DPDK's environment doesn't start\n");
        return EXIT_FAILURE;
    }
    if (crypto_ipsec_mb() == NULL || !crypto_selftest(crypto_ipsec_mb(), why, sizeof why)) {
        fprintf(stderr, "gvpn-bench: crypto self test: %s\n", crypto_ipsec_mb() == NULL ? "no ipsec-mb" : why);
        return EXIT_FAILURE;
    }
    pool = rte_pktmbuf_pool_create("bench", POOL_SIZE, POOL_CACHE, 0, RTE_PKTMBUF_HEADROOM + ROOM, SOCKET_ID_ANY);
    if (pool == NULL) {
        fprintf(stderr, "gvpn-bench: no memory for packets\n");
        return EXIT_FAILURE;
    }
    ok = run_all(&options, pool);
    rte_eal_cleanup();
    return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}
