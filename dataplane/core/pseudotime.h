/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The pseudotime of a group as one data plane runs it (KS11, DP4): a clock that the key server tells and the TSC counts
 * between. It never goes back: told a later time it is there at once, told an earlier one it runs at half speed until
 * the truth has caught up. One thread steers; workers read without waiting.
 */
#ifndef GVPN_DATAPLANE_CORE_PSEUDOTIME_H
#define GVPN_DATAPLANE_CORE_PSEUDOTIME_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define PSEUDOTIME_MAX_MS (INT64_MAX / 4000000ULL) /* 73 years; a key server's clock starts near 0 */

__extension__ typedef unsigned __int128 pseudotime_wide; /* ticks or nanoseconds in 96.32 bits; not ISO C */

struct pseudotime {
    /* Two straight lines: from (from_tsc, from_ns) at half speed to knee_tsc, then at full speed. `turn` is odd while
       they are being changed. */
    _Atomic uint64_t turn, from_tsc, from_ns, knee_tsc;
    uint64_t ns_per_tick; /* 32.32 bits; never changes */
    /* The steering thread's: what the key server said, and when on the control clock. */
    uint64_t told_ns;
    int64_t told_at_ns;
};

/*
 * Starts a clock: it shows value_ms (at most PSEUDOTIME_MAX_MS) at this instant of the TSC and of the control clock. The
 * TSC counts tsc_hz (at least 1 MHz) in a real second; pseudotime runs `rate` (1 to 1000) times faster than that.
 */
void pseudotime_start(struct pseudotime *p, uint64_t value_ms, uint64_t tsc, int64_t now_ns, uint64_t tsc_hz,
                      uint32_t rate);
/* A new value from the key server, true at this instant. */
void pseudotime_tell(struct pseudotime *p, uint64_t value_ms, uint64_t tsc, int64_t now_ns);
/*
 * Once a second: what was told last and the control clock since then are the truth, and the TSC is only as good as this.
 */
void pseudotime_tick(struct pseudotime *p, uint64_t tsc, int64_t now_ns);

/* The value at an instant of the TSC, in nanoseconds. For one reader it never goes back if tsc doesn't. */
static inline uint64_t pseudotime_ns(const struct pseudotime *p, uint64_t tsc)
{
    uint64_t turn, from_tsc, from_ns, knee_tsc, ticks, slow;

    do {
        turn = atomic_load_explicit(&p->turn, memory_order_acquire);
        from_tsc = atomic_load_explicit(&p->from_tsc, memory_order_acquire);
        from_ns = atomic_load_explicit(&p->from_ns, memory_order_acquire);
        knee_tsc = atomic_load_explicit(&p->knee_tsc, memory_order_acquire);
    } while ((turn & 1) != 0 || turn != atomic_load_explicit(&p->turn, memory_order_relaxed));
    if (tsc <= from_tsc)
        return from_ns; /* read the TSC just before the lines changed */
    ticks = tsc - from_tsc;
    slow = tsc < knee_tsc ? ticks : knee_tsc - from_tsc;
    return from_ns + (uint64_t)((pseudotime_wide)(ticks - slow / 2 - (slow & 1)) * p->ns_per_tick >> 32);
}

static inline uint64_t pseudotime_ms(const struct pseudotime *p, uint64_t tsc)
{
    return pseudotime_ns(p, tsc) / 1000000;
}

#endif
