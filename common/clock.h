/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The clock of a daemon: CLOCK_BOOTTIME, run `rate` times faster (--clock-rate, a lab option). Only the main loops
 * include this; everything else is handed a mono_t.
 */
#ifndef GVPN_COMMON_CLOCK_H
#define GVPN_COMMON_CLOCK_H

#include "common/mono.h"

struct clock {
    uint32_t rate; /* 1 to 1000 */
    int64_t base_ns;
};

/* Starts a clock at the present instant. rate 1 to 1000; what is outside becomes the nearer end. */
void clock_init(struct clock *c, uint32_t rate);
/* Scaled now. */
mono_t clock_now(const struct clock *c);
/* How long to really wait for a scaled duration; never negative, rounded up to a nanosecond. */
mono_t clock_to_real(const struct clock *c, mono_t scaled);
/* Unscaled CLOCK_BOOTTIME: for IKE retransmission, rate limits and idle, which stay real. */
mono_t clock_real_now(void);

#endif
