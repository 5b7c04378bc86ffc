/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Monotonic time as a type. Instants and durations are both nanoseconds in a mono_t; only the two main loops read a
 * clock (common/clock.h), everything else is handed `now`. So two days of rekeys are a unit test.
 */
#ifndef GVPN_COMMON_MONO_H
#define GVPN_COMMON_MONO_H

#include <stdbool.h>
#include <stdint.h>

typedef struct {
    int64_t ns;
} mono_t;

#define MONO_NEVER ((mono_t){INT64_MAX})
#define MONO_ZERO  ((mono_t){0})

static inline mono_t mono_ns(int64_t ns) { return (mono_t){ns}; }
static inline mono_t mono_us(int64_t us) { return (mono_t){us * 1000}; }
static inline mono_t mono_ms(int64_t ms) { return (mono_t){ms * 1000000}; }
static inline mono_t mono_s(int64_t s) { return (mono_t){s * 1000000000}; }
static inline int64_t mono_to_ms(mono_t t) { return t.ns / 1000000; }
static inline int64_t mono_to_s(mono_t t) { return t.ns / 1000000000; }
static inline bool mono_is_never(mono_t t) { return t.ns == INT64_MAX; }
static inline bool mono_before(mono_t a, mono_t b) { return a.ns < b.ns; }
/* True when `now` has reached `t`. */
static inline bool mono_reached(mono_t t, mono_t now) { return t.ns <= now.ns; }
static inline mono_t mono_min(mono_t a, mono_t b) { return a.ns < b.ns ? a : b; }
static inline mono_t mono_max(mono_t a, mono_t b) { return a.ns > b.ns ? a : b; }
/* a + d; saturates at MONO_NEVER, so a huge lifetime never wraps into the past. */
static inline mono_t mono_add(mono_t a, mono_t d)
{
    int64_t sum;
    return __builtin_add_overflow(a.ns, d.ns, &sum) ? MONO_NEVER : (mono_t){sum};
}
/* a - b, saturating at the ends of the range. */
static inline mono_t mono_sub(mono_t a, mono_t b)
{
    int64_t diff;
    return __builtin_sub_overflow(a.ns, b.ns, &diff) ? (mono_t){b.ns > 0 ? INT64_MIN : INT64_MAX} : (mono_t){diff};
}

#endif
