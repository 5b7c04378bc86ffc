/* SPDX-License-Identifier: BSD-3-Clause */
/* gvpn-bench: starts EAL without ports, measures what was asked for, prints. */
#include "tools/bench/bench.h"

#include <rte_eal.h>

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define POOL_SIZE  1023
#define POOL_CACHE 256
#define ROOM       1536 /* for a frame of 1500 octets of IP, as an Ethernet port's buffers have */

/* The last CPU we may run on: the first ones serve interrupts. */
static int pick_cpu(void)
{
    cpu_set_t set;
    int last = 0;

    if (sched_getaffinity(0, sizeof set, &set) != 0)
        return 0;
    for (int i = 0; i < CPU_SETSIZE; i++)
        if (CPU_ISSET(i, &set))
            last = i;
    return last;
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

static bool start_eal(void)
{
    bool huge = free_huge_pages() >= 64;
    char cpu[16];
    char *argv[] = {(char[]){"gvpn-bench"},     (char[]){"-l"},
                    cpu,                        (char[]){"--no-pci"},
                    (char[]){"--no-telemetry"}, (char[]){"--iova-mode=va"},
                    (char[]){"-m"},             (char[]){"128"},
                    (char[]){"--log-level=3"},  huge ? (char[]){"--in-memory"} : (char[]){"--no-huge"},
                    (char[]){"--no-shconf"}};
    int argc = (int)(sizeof argv / sizeof argv[0]) - (huge ? 1 : 0);

    snprintf(cpu, sizeof cpu, "%d", pick_cpu());
    return rte_eal_init(argc, argv) >= 0;
}

static bool measure_all(const struct bench_options *o, struct rte_mempool *pool)
{
    struct bench_result results[2 * BENCH_SIZES];
    unsigned n = 0;

    for (int in = 0; in <= 1; in++) {
        if (in ? !o->in : !o->out)
            continue;
        for (unsigned i = 0; i < o->n_sizes; i++)
            if (!bench_measure(o, pool, !in, o->sizes[i], &results[n++]))
                return false;
    }
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
    if (!start_eal()) {
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
    ok = measure_all(&options, pool);
    rte_eal_cleanup();
    return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}
