/* SPDX-License-Identifier: BSD-3-Clause */
/* Steering: where the lines go next. */
#include "dataplane/core/pseudotime.h"

#define NS_PER_MS 1000000ULL
#define KNEE_MAX  (1ULL << 61) /* ticks: 18 years and more; the sum below stays in its 64 bits */

/* Readers that meet a change in mid-way see `turn` move, because every store here is a release. */
static void draw(struct pseudotime *p, uint64_t tsc, uint64_t ns, uint64_t knee_tsc)
{
    uint64_t turn = atomic_load_explicit(&p->turn, memory_order_relaxed);

    atomic_store_explicit(&p->turn, turn + 1, memory_order_relaxed);
    atomic_store_explicit(&p->from_tsc, tsc, memory_order_release);
    atomic_store_explicit(&p->from_ns, ns, memory_order_release);
    atomic_store_explicit(&p->knee_tsc, knee_tsc, memory_order_release);
    atomic_store_explicit(&p->turn, turn + 2, memory_order_release);
}

static void steer(struct pseudotime *p, uint64_t tsc, uint64_t true_ns)
{
    uint64_t own_ns = pseudotime_ns(p, tsc), ticks;

    if (true_ns >= own_ns) {
        draw(p, tsc, true_ns, tsc);
        return;
    }
    /* At half speed each lead takes twice its time to disappear. */
    ticks = (uint64_t)(((pseudotime_wide)(own_ns - true_ns) << 32) / p->ns_per_tick);
    if (ticks > KNEE_MAX)
        ticks = KNEE_MAX;
    draw(p, tsc, own_ns, tsc + 2 * ticks);
}

void pseudotime_start(struct pseudotime *p, uint64_t value_ms, uint64_t tsc, int64_t now_ns, uint64_t tsc_hz,
                      uint32_t rate)
{
    p->ns_per_tick = (uint64_t)(((pseudotime_wide)1000000000 * rate << 32) / tsc_hz);
    p->told_ns = value_ms * NS_PER_MS;
    p->told_at_ns = now_ns;
    draw(p, tsc, p->told_ns, tsc);
}

void pseudotime_tell(struct pseudotime *p, uint64_t value_ms, uint64_t tsc, int64_t now_ns)
{
    p->told_ns = value_ms * NS_PER_MS;
    p->told_at_ns = now_ns;
    steer(p, tsc, p->told_ns);
}

void pseudotime_tick(struct pseudotime *p, uint64_t tsc, int64_t now_ns)
{
    if (now_ns < p->told_at_ns)
        return;
    steer(p, tsc, p->told_ns + (uint64_t)(now_ns - p->told_at_ns));
}
