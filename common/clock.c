/* SPDX-License-Identifier: BSD-3-Clause */
/* CLOCK_BOOTTIME (it counts while the machine sleeps, and nobody can set it), optionally run faster for the lab. */
#include "common/clock.h"

#include <time.h>

mono_t clock_real_now(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_BOOTTIME, &ts); /* can't fail with this clock and a valid pointer */
    return mono_ns((int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec);
}

void clock_init(struct clock *c, uint32_t rate)
{
    c->rate = rate < 1 ? 1 : rate > 1000 ? 1000 : rate;
    c->base_ns = clock_real_now().ns;
}

mono_t clock_now(const struct clock *c)
{
    int64_t scaled;
    if (__builtin_mul_overflow(clock_real_now().ns - c->base_ns, (int64_t)c->rate, &scaled))
        return MONO_NEVER;
    return mono_add(mono_ns(c->base_ns), mono_ns(scaled));
}

mono_t clock_to_real(const struct clock *c, mono_t scaled)
{
    if (mono_is_never(scaled))
        return MONO_NEVER;
    if (scaled.ns <= 0)
        return MONO_ZERO;
    int64_t rate = c->rate;
    return mono_ns(scaled.ns / rate + (scaled.ns % rate != 0));
}
