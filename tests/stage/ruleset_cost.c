/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a flow-cache miss costs in the lists: cycles of the linear search and of the compiled list, and what compiling takes.
 * Not a test; the numbers in docs/performance.md ("Flow-cache misses") are from here. Argument: a seed (default 1).
 */
#include "dataplane/ruleset.h"
#include "tests/lib/random_acl.h"

#include <stdio.h>
#include <time.h>
#include <x86intrin.h>

#define FLOWS  4096
#define ROUNDS 50
#define TRIES  10

typedef const struct acl_entry *(*find_fn)(const struct ruleset *r, const struct flow *f);

static const struct acl_entry *linear(const struct ruleset *r, const struct flow *f)
{
    return acl_find(&r->list, f);
}

static double cycles(find_fn find, const struct ruleset *r, const struct flow *flows)
{
    size_t sum = 0;
    unsigned long long begin;

    for (unsigned i = 0; i < FLOWS; i++)
        sum += (size_t)find(r, &flows[i]);
    begin = __rdtsc();
    for (unsigned k = 0; k < ROUNDS; k++)
        for (unsigned i = 0; i < FLOWS; i++)
            sum += (size_t)find(r, &flows[i]);
    begin = __rdtsc() - begin;
    __asm__ volatile("" : : "r"(sum));
    return (double)begin / (FLOWS * ROUNDS);
}

/* The best of some tries: this is about the work, not about who else runs on the machine. */
static double ms_of_compiling(struct ruleset *r, const struct acl *list)
{
    struct timespec a, b;
    double best = 1e9;

    for (unsigned i = 0; i < TRIES; i++) {
        double ms;

        clock_gettime(CLOCK_MONOTONIC, &a);
        if (!ruleset_compile(r, list))
            abort();
        clock_gettime(CLOCK_MONOTONIC, &b);
        ms = (double)(b.tv_sec - a.tv_sec) * 1e3 + (double)(b.tv_nsec - a.tv_nsec) / 1e6;
        best = ms < best ? ms : best;
        if (i < TRIES - 1)
            ruleset_free(r);
    }
    return best;
}

/* Flows as they come: of any entry of the list, or of none. */
static void measure(size_t n, enum random_families families, const char *name)
{
    static struct flow flows[FLOWS];
    struct acl list = random_acl(n, families);
    struct ruleset r;
    double ms = ms_of_compiling(&r, &list);

    for (unsigned i = 0; i < FLOWS; i++) {
        flows[i] = random_flow(&list);
        if (i % 4 == 0) /* matches nothing: the whole list is searched */
            flows[i].src.b[0] = 99;
    }
    printf("%5zu %-5s %12.0f %12.0f %12.2f %12zu\n", n, name, cycles(linear, &r, flows), cycles(ruleset_find, &r, flows), ms,
           ruleset_size(&r) / 1024);
    ruleset_free(&r);
    acl_free(&list);
}

int main(int argc, char **argv)
{
    static const size_t sizes[] = {8, 16, 17, 32, 64, 100, 300, 1000};

    srandom(argc > 1 ? (unsigned)atoi(argv[1]) : 1);
    printf("%5s %-5s %12s %12s %12s %12s\n", "rules", "of", "linear, cyc", "ruleset, cyc", "compile, ms", "KiB");
    for (unsigned i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        measure(sizes[i], RANDOM_V4, "IPv4");
        measure(sizes[i], RANDOM_V6, "IPv6");
        measure(sizes[i], RANDOM_BOTH, "both");
    }
    return 0;
}
