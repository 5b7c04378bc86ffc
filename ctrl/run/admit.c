/* SPDX-License-Identifier: BSD-3-Clause */
/* Token buckets for public-key work, see admit.h. */
#include "ctrl/run/admit.h"

#include <string.h>

#define TOKEN                                                                                                \
    1000000000ll /* one token in the unit of admit_bucket.tokens, so that rate x nanoseconds needs no        \
                    division */

static void refill(struct admit_bucket *b, int64_t rate, int64_t burst, mono_t now)
{
    int64_t elapsed = mono_sub(now, b->at).ns;
    if (elapsed <= 0)
        return;
    int64_t full_after = burst * TOKEN / rate;
    if (elapsed >= full_after)
        b->tokens = burst * TOKEN;
    else
        b->tokens += elapsed * rate;
    if (b->tokens > burst * TOKEN)
        b->tokens = burst * TOKEN;
    b->at = now;
}

static struct admit_source *source_of(struct admit *a, const struct addr *addr, mono_t now)
{
    uint64_t h = a->seed ^ addr->family;
    for (size_t i = 0; i < sizeof(addr->b); i++)
        h = (h ^ addr->b[i]) * 0x100000001b3u;
    h = (h ^ (h >> 32)) * 0x9e3779b97f4a7c15u;

    struct admit_source *set = a->sources[(h >> 32) % ADMIT_SETS];
    struct admit_source *oldest = set;
    for (int i = 0; i < ADMIT_WAYS; i++) {
        if (addr_equal(&set[i].addr, addr))
            return &set[i];
        if (set[i].addr.family == 0 ||
            (oldest->addr.family != 0 && mono_before(set[i].bucket.at, oldest->bucket.at)))
            oldest = &set[i];
    }
    oldest->addr = *addr;
    oldest->bucket = (struct admit_bucket){now, ADMIT_SOURCE_BURST * TOKEN};
    return oldest;
}

void admit_init(struct admit *a, uint64_t seed, mono_t now)
{
    memset(a, 0, sizeof(*a));
    a->seed = seed;
    a->known = (struct admit_bucket){now, ADMIT_KNOWN_BURST * TOKEN};
    a->others = (struct admit_bucket){now, ADMIT_OTHERS_BURST * TOKEN};
}

bool admit_allow(struct admit *a, const struct addr *source, bool known, unsigned cost, mono_t now)
{
    struct admit_bucket *own = &source_of(a, source, now)->bucket;
    struct admit_bucket *all = known ? &a->known : &a->others;
    refill(own, ADMIT_SOURCE_RATE, ADMIT_SOURCE_BURST, now);
    if (known)
        refill(all, ADMIT_KNOWN_RATE, ADMIT_KNOWN_BURST, now);
    else
        refill(all, ADMIT_OTHERS_RATE, ADMIT_OTHERS_BURST, now);
    if (own->tokens < TOKEN || all->tokens < cost * TOKEN)
        return false;
    own->tokens -= TOKEN;
    all->tokens -= cost * TOKEN;
    return true;
}
