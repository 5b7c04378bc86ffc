/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a key exchange costs in each group: a key pair (messages 3 and 4), and the shared secret with all checks of the
 * peer's value. One thread, CPU time of this process, best of five rounds. `meson test --benchmark dh_cost -v` prints the
 * table of docs/exchanges.md. It judges nothing but that every group works.
 */
#include "ctrl/crypto/dh.h"

#include <stdio.h>
#include <time.h>

#define ROUNDS 5
#define EACH   50

static double cpu_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static bool measure(uint16_t group, double *pair, double *shared)
{
    struct dh *peer = dh_new(group), *own = dh_new(group);
    bool ok = peer && own;
    double start = cpu_us();
    for (int i = 0; ok && i < EACH; i++) {
        dh_free(own);
        own = dh_new(group);
        ok = own != NULL;
    }
    double middle = cpu_us();
    for (int i = 0; ok && i < EACH; i++) {
        struct dh_shared s;
        ok = dh_shared(own, dh_public(peer), &s);
    }
    *pair = (middle - start) / EACH;
    *shared = (cpu_us() - middle) / EACH;
    dh_free(own);
    dh_free(peer);
    return ok;
}

int main(void)
{
    static const uint16_t groups[] = {2, 5, 14, 15, 16, 19, 20, 21};
    printf("| group | key pair, us | shared secret, us | both, us |\n| --- | --- | --- | --- |\n");
    for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++) {
        double pair = 1e9, shared = 1e9;
        for (int round = 0; round < ROUNDS; round++) {
            double p, s;
            if (!measure(groups[i], &p, &s))
                return 1;
            pair = p < pair ? p : pair;
            shared = s < shared ? s : shared;
        }
        printf("| %u | %.0f | %.0f | %.0f |\n", groups[i], pair, shared, pair + shared);
    }
    return 0;
}
