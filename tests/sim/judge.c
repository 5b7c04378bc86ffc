/* SPDX-License-Identifier: BSD-3-Clause */
/* The judge, see judge.h. It knows nothing of gm or ks but the ends of keys. */
#include "tests/sim/judge.h"

#include "tests/sim/world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct judge_pair {
    uint32_t spi; /* 0 = free */
    uint32_t worker;
    uint64_t sender, instance;
};

#define broken(j, who, ...)                                                                                  \
    do {                                                                                                     \
        print_error("SIM_SEED=%llu, after %lld.%03lld s, member %u: ", (unsigned long long)(j)->seed,        \
                    (long long)mono_to_s((j)->now), (long long)(mono_to_ms((j)->now) % 1000),                \
                    (unsigned)(who));                                                                        \
        fail_msg(__VA_ARGS__);                                                                               \
    } while (0)

void judge_init(struct judge *j, uint64_t seed, size_t n_members, mono_t now)
{
    assert_true(n_members <= JUDGE_MEMBERS);
    *j = (struct judge){.seed = seed, .n = n_members, .now = now, .look_again = MONO_NEVER};
    j->cap_pairs = 1 << 18;
    j->pairs = calloc(j->cap_pairs, sizeof(*j->pairs));
    assert_non_null(j->pairs);
    for (size_t i = 0; i < JUDGE_MEMBERS; i++) {
        j->members[i].mute_since = MONO_NEVER;
        for (size_t k = 0; k < JUDGE_MEMBERS; k++)
            j->deaf_since[i][k] = MONO_NEVER;
    }
}

void judge_free(struct judge *j)
{
    free(j->pairs);
}

static void measure(struct judge_worst *worst, mono_t since, mono_t now, unsigned who, unsigned other)
{
    mono_t d = mono_sub(now, since);

    worst->n++;
    worst->total = mono_add(worst->total, d);
    if (mono_before(worst->longest, d))
        *worst = (struct judge_worst){d, now, worst->n, worst->total, who, other};
}

/* ---- what it is told ---- */

void judge_made(struct judge *j, uint32_t spi, mono_t end)
{
    j->made[j->next_made].spi = spi;
    j->made[j->next_made].end = end;
    j->next_made = (j->next_made + 1) % JUDGE_SPIS;
}

static mono_t end_of(const struct judge *j, unsigned who, uint32_t spi)
{
    for (size_t i = 0; i < JUDGE_SPIS; i++)
        if (j->made[i].spi == spi)
            return j->made[i].end;
    broken(j, who, "sends with 0x%08x, which no key server made", spi);
    return MONO_ZERO;
}

static size_t slot_of(const struct judge *j, uint32_t spi, uint64_t sender)
{
    size_t i =
        (size_t)((spi * 0x9e3779b97f4a7c15ull ^ sender * 0xbf58476d1ce4e5b9ull) >> 20) & (j->cap_pairs - 1);

    while (j->pairs[i].spi && (j->pairs[i].spi != spi || j->pairs[i].sender != sender))
        i = (i + 1) & (j->cap_pairs - 1);
    return i;
}

void judge_given(struct judge *j, unsigned member, uint32_t spi, uint64_t sender, uint64_t instance,
                 unsigned worker)
{
    struct judge_pair *p;

    assert_true(4 * j->n_pairs < 3 * j->cap_pairs);
    p = &j->pairs[slot_of(j, spi, sender)];
    if (p->spi)
        broken(j, member,
               "sender id %llu of SA 0x%08x, given to data plane %llu worker %u, was worker %u's of %llu",
               (unsigned long long)sender, spi, (unsigned long long)instance, worker, p->worker,
               (unsigned long long)p->instance);
    *p = (struct judge_pair){spi, worker, sender, instance};
    j->n_pairs++;
}

void judge_ack(struct judge *j, unsigned member, const char *refused, unsigned returned)
{
    j->returned += returned;
    if (refused)
        broken(j, member, "its data plane refuses a transaction: %s", refused);
}

/* ---- a look at one member ---- */

static void end_mute(struct judge *j, unsigned i)
{
    struct judge_member *m = &j->members[i];

    if (mono_is_never(m->mute_since))
        return;
    measure(&j->mute, m->mute_since, j->now, i, i);
    m->mute_since = MONO_NEVER;
    j->mute_now--;
}

void judge_dp_started(struct judge *j, unsigned member)
{
    struct judge_member *m = &j->members[member];

    m->born = j->now;
    m->has_sent = m->in = false;
    m->n_uses = 0;
    m->sends[0] = m->sends[1] = 0;
}

static void begin_use(struct judge *j, unsigned i, uint32_t spi)
{
    struct judge_member *m = &j->members[i];

    for (size_t k = 0; k < m->n_uses; k++) {
        if (m->uses[k].spi == spi) {
            m->uses[k].until = MONO_NEVER;
            return;
        }
    }
    if (m->n_uses == JUDGE_USES)
        broken(j, i, "uses more than %d SAs at once", JUDGE_USES);
    m->uses[m->n_uses++] = (struct judge_use){spi, MONO_NEVER};
}

/* What its workers send with now becomes m->sends and m->uses; packets sent before are still on their way. */
static void look_at_sending(struct judge *j, unsigned i, const struct dp *dp)
{
    struct judge_member *m = &j->members[i];
    size_t kept = 0;
    bool mute = false;

    for (size_t k = 0; k < m->n_uses; k++)
        if (mono_is_never(m->uses[k].until))
            m->uses[k].until = mono_add(j->now, mono_ms(JUDGE_FLIGHT_MS));
    for (unsigned w = 0; w < DP_WORKERS; w++) {
        const struct dp_sa *sa = dp_sender(dp, w, WORLD_SA, j->now);

        mute = mute || !sa;
        if (sa && mono_reached(end_of(j, i, sa->spi), j->now))
            broken(j, i, "worker %u sends with 0x%08x past its end", w, sa->spi);
        if (sa && m->sends[w] && m->sends[w] != sa->spi)
            j->switches++;
        m->sends[w] = sa ? sa->spi : 0;
        if (sa)
            begin_use(j, i, sa->spi);
    }
    for (size_t k = 0; k < m->n_uses; k++)
        if (mono_before(j->now, m->uses[k].until))
            m->uses[kept++] = m->uses[k];
    m->n_uses = kept;
    if (!mute)
        end_mute(j, i);
    if (!mute && !m->has_sent)
        measure(&j->back, m->born, j->now, i, i);
    m->has_sent = m->has_sent || !mute;
    if (mute && m->has_sent && mono_is_never(m->mute_since)) {
        m->mute_since = j->now;
        j->mute_now++;
    }
}

/* Receiving comes first, on every worker; when an SA is deleted, workers let go of it one by one. */
static void look_at_order(const struct judge *j, unsigned i, const struct dp *dp)
{
    for (unsigned w = 0; w < DP_WORKERS; w++) {
        const struct dp_sa *sa = dp_sender(dp, w, WORLD_SA, j->now);

        for (unsigned v = 0; sa && v < DP_WORKERS; v++)
            if (!dp_receives(dp, v, sa->spi, j->now) && !dp_gone(dp, sa->spi))
                broken(j, i, "worker %u sends with 0x%08x before worker %u receives with it", w, sa->spi, v);
    }
}

static void look_at_member(struct judge *j, unsigned i, const struct dp *dp)
{
    struct judge_member *m = &j->members[i];

    look_at_order(j, i, dp);
    m->in = dp->up;
    for (unsigned w = 0; w < DP_WORKERS; w++)
        m->in = m->in && dp_has_policy(dp, w);
    if (m->in) {
        look_at_sending(j, i, dp);
    } else { /* a dead data plane has no packet in flight that anybody misses */
        m->n_uses = 0;
        end_mute(j, i);
    }
}

/* ---- everybody together ---- */

/* The SPIs in use anywhere, at most 64; returns how many. */
static size_t collect(struct judge *j, uint32_t spis[64])
{
    size_t n = 0;

    for (size_t i = 0; i < j->n; i++) {
        struct judge_member *m = &j->members[i];

        m->used_mask = 0;
        for (size_t k = 0; k < m->n_uses; k++) {
            size_t at = 0;

            while (at < n && spis[at] != m->uses[k].spi)
                at++;
            if (at == n) {
                assert_true(n < 64);
                spis[n++] = m->uses[k].spi;
            }
            m->used_mask |= 1ull << at;
        }
    }
    return n;
}

static void look_at_pair(struct judge *j, unsigned from, unsigned to)
{
    const struct judge_member *a = &j->members[from], *b = &j->members[to];
    mono_t *since = &j->deaf_since[from][to];
    bool deaf = from != to && a->in && b->in && (a->used_mask & ~b->held_mask);

    if (deaf && mono_is_never(*since)) {
        *since = j->now;
        j->deaf_now++;
    } else if (!deaf && !mono_is_never(*since)) {
        measure(&j->deaf, *since, j->now, from, to);
        *since = MONO_NEVER;
        j->deaf_now--;
    }
}

/* When the first packet that is still on its way, sent with an SA that its sender has left, will have
 * arrived. */
static mono_t first_arrival(const struct judge *j)
{
    mono_t first = MONO_NEVER;

    for (size_t i = 0; i < j->n; i++)
        for (size_t k = 0; k < j->members[i].n_uses; k++)
            first = mono_min(first, j->members[i].uses[k].until);
    return first;
}

void judge_look(struct judge *j, const struct world *w)
{
    uint32_t spis[64];
    uint64_t used = 0, missing = 0;
    size_t n;

    j->now = w->wire.now;
    if (!j->dirty)
        return;
    j->dirty = false;
    j->looks++;
    for (unsigned i = 0; i < j->n; i++)
        look_at_member(j, i, &w->members[i].dp);
    n = collect(j, spis);
    j->look_again = first_arrival(j);
    for (size_t i = 0; i < j->n; i++) {
        struct judge_member *m = &j->members[i];

        m->held_mask = 0;
        for (size_t k = 0; m->in && k < n; k++) {
            bool all = true;

            for (unsigned v = 0; v < DP_WORKERS; v++)
                all = all && dp_receives(&w->members[i].dp, v, spis[k], j->now);
            m->held_mask |= (uint64_t)all << k;
        }
        used |= m->used_mask;
        missing |= m->in ? ~m->held_mask : 0;
    }
    if (!(used & missing) && j->deaf_now == 0)
        return;
    for (unsigned i = 0; i < j->n; i++)
        for (unsigned k = 0; k < j->n; k++)
            look_at_pair(j, i, k);
}

void judge_close(struct judge *j)
{
    for (unsigned i = 0; i < j->n; i++) {
        end_mute(j, i);
        for (unsigned k = 0; k < j->n; k++) {
            if (mono_is_never(j->deaf_since[i][k]))
                continue;
            measure(&j->deaf, j->deaf_since[i][k], j->now, i, k);
            j->deaf_since[i][k] = MONO_NEVER;
            j->deaf_now--;
        }
    }
}

void judge_reset_worst(struct judge *j)
{
    judge_close(j);
    j->mute = j->deaf = j->back = (struct judge_worst){0};
}
