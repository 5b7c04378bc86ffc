/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What members may have to be able to do (KS16), bit by bit as our vendor id says it, and which of it this build does. One
 * table for all: configuration, negotiation, views and the data plane's own check ask here, so that a mechanism is
 * announced, accepted and run from the same moment on. Suites have a table of their own (common/suite.h).
 */
#ifndef GVPN_COMMON_FEATURE_H
#define GVPN_COMMON_FEATURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FEATURE_ORDERED_POLICY  (1ull << 0)
#define FEATURE_TIME_REPLAY     (1ull << 1)
#define FEATURE_COUNTER_REPLAY  (1ull << 2)
#define FEATURE_TAG             (1ull << 3)
#define FEATURE_STRICT_SENDER   (1ull << 4)
#define FEATURE_LONG_LIFETIME   (1ull << 5)
#define FEATURE_CHACHA20        (1ull << 6)
#define FEATURE_REPLACE         (1ull << 7)
#define FEATURES_KNOWN          0xffull
#define FEATURE_TRANSPORT       (1ull << 63) /* never announced: RFC 6407 has it, and a member that lacks it says so itself */

struct feature {
    uint64_t bit;
    const char *name;    /* "time-replay", as views say it */
    const char *text;    /* "time replay", within a sentence */
    const char *meaning; /* for an operator */
    bool supported;
};

/* The i-th feature of the vendor id; NULL behind the last. */
const struct feature *feature_at(size_t i);
/* Does this build do all of these FEATURE_ bits? */
bool feature_supported(uint64_t bits);
/* What our vendor id announces. */
uint64_t feature_ours(void);

#endif
