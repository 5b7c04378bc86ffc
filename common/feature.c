/* SPDX-License-Identifier: BSD-3-Clause */
/* The table of features: see feature.h. */
#include "common/feature.h"

#include "common/suite.h"

/* Tests of what only handles features build this file with all of them (tests/lib/everything.c). */
#ifdef FEATURE_TEST_ALL
#define DONE(x) true
#else
#define DONE(x) (x)
#endif

static const struct feature features[] = {
    {FEATURE_ORDERED_POLICY, "ordered-policy", "ordered policy", "permit and deny entries in order, port ranges", DONE(true)},
    {FEATURE_TIME_REPLAY, "time-replay", "time replay", "replay check by pseudotime", DONE(true)},
    {FEATURE_COUNTER_REPLAY, "counter-replay", "counter replay", "replay check by sequence numbers", DONE(true)},
    {FEATURE_TAG, "tag", "tag", "tags inside ESP", DONE(true)},
    {FEATURE_STRICT_SENDER, "strict-sender", "strict sender", "replay check per sender id", DONE(true)},
    {FEATURE_LONG_LIFETIME, "long-lifetime", "long lifetime", "lifetimes above 24 h", DONE(true)},
    {FEATURE_CHACHA20, "chacha20-poly1305", "chacha20-poly1305", "the cipher of that name", false}, /* as its suite */
    {FEATURE_REPLACE, "replace", "replace", "rekey that replaces all keys at once", DONE(true)},
};

static const bool transport = DONE(true);

const struct feature *feature_at(size_t i)
{
    return i < sizeof(features) / sizeof(features[0]) ? &features[i] : NULL;
}

static uint64_t all(void)
{
    uint64_t bits = transport ? FEATURE_TRANSPORT : 0;
    const struct feature *f;

    for (size_t i = 0; (f = feature_at(i)) != NULL; i++)
        bits |= f->supported ? f->bit : 0;
    return suite_by_id(SUITE_CHACHA20_POLY1305)->supported ? bits | FEATURE_CHACHA20 : bits;
}

bool feature_supported(uint64_t bits)
{
    return (bits & ~all()) == 0;
}

uint64_t feature_ours(void)
{
    return all() & FEATURES_KNOWN;
}
