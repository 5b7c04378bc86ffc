/* SPDX-License-Identifier: BSD-3-Clause */
/* A member that registered, a reload with one change, and what came of it. */
#ifndef GVPN_TESTS_UNIT_CTRL_KS_CHANGES_FIXTURE_H
#define GVPN_TESTS_UNIT_CTRL_KS_CHANGES_FIXTURE_H

#include "tests/unit/ctrl/ks/rekey_fixture.h"

#define OLD SA("p")
#define LATER 100

/* What the member saw of a reload: at most one rekey, opened. */
struct seen {
    struct policy p;  /* of its registration */
    struct push push; /* of the rekey, if there is one */
    bool rekey;
};

/* Registers, reloads, and looks. Multicast and unicast alike. */
static inline struct seen reload_to(struct fixture *f, struct config *fresh)
{
    struct seen s;

    join_member(f, 1, &s.p);
    run_to(f, START + LATER);
    push_init(&s.push);
    reload(f, fresh);
    run_to(f, START + LATER + 1);
    s.rekey = f->n_sent > 0;
    if (s.rekey)
        open_push(f, 0, &s.p.kek, &s.push);
    return s;
}

static inline void done(struct seen *s)
{
    push_wipe(&s->push);
    policy_wipe(&s->p);
}

/* Begins with one configuration of `sa` and goes to another. */
static inline struct seen sa_change(struct fixture *f, const char *old, const char *fresh)
{
    begin(f, UNICAST, "", old);
    return reload_to(f, config_of(f, NULL, UNICAST, "", fresh));
}

static inline struct seen rekey_change(struct fixture *f, const char *old, const char *fresh)
{
    begin(f, old, "", OLD);
    return reload_to(f, config_of(f, NULL, fresh, "", OLD));
}

/* A rekey that brings a new key beside the old one, which goes on to its end; no other KEK. */
static inline void expect_new_tek(struct fixture *f, struct seen *s)
{
    assert_true(s->rekey);
    assert_false(s->push.policy.has_kek);
    assert_int_equal(s->push.policy.n_sas, 2);
    assert_int_equal(s->push.policy.sas[0].spi, s->p.sas[0].spi);
    assert_int_equal(s->push.policy.sas[0].lifetime_s, 3600 - LATER);
    assert_int_equal(s->push.policy.sas[1].activate_in_s, 3600 - LATER - 30);
    assert_int_equal(group(f)->n_teks, 2);
    done(s);
}

/* A rekey under the old KEK that brings another one. */
static inline void expect_new_kek(struct fixture *f, struct seen *s)
{
    assert_true(s->rekey);
    assert_true(s->push.policy.has_kek);
    assert_memory_equal(s->push.policy.kek.spi, group(f)->keks.all[0].kek.spi, POLICY_KEK_SPI_LEN);
    assert_memory_not_equal(s->push.policy.kek.spi, s->p.kek.spi, POLICY_KEK_SPI_LEN);
    assert_int_equal(s->push.policy.n_sas, 1);
    assert_int_equal(s->push.policy.sas[0].spi, s->p.sas[0].spi);
    done(s);
}

static inline void expect_nothing(struct fixture *f, struct seen *s)
{
    assert_false(s->rekey);
    assert_int_equal(group(f)->n_teks, 1);
    assert_int_equal(group(f)->keks.n, 1);
    assert_int_equal(group(f)->teks[0].spi, s->p.sas[0].spi);
    done(s);
}

#define REPLAY(method) "{number: 10, profile: p, acl: a, replay: " method "}"

#endif
