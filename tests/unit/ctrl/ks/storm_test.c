/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reloads at random, faster than rekeys are over: transport, address, signing key, cipher, list, suite. Members here are models that
 * do what RFC 6407 4.4 says and no more. Without losses nobody is ever left behind: a moment after each change everybody holds the
 * newest KEK, all keys and the list. With losses everybody is reached again by acknowledgements and retransmissions.
 */
#include "tests/unit/ctrl/ks/rekey_fixture.h"

#include <time.h>

#define MEMBERS 6
#define CHANGES 80

struct model {
    struct policy_kek kek, earlier;
    uint32_t last, earlier_last;
    uint8_t digest[32];
    uint32_t spis[POLICY_MAX_SAS];
    size_t n_spis;
    /* the acknowledgement under way */
    struct policy_kek ack_kek;
    uint32_t ack;
    mono_t ack_at;
};

struct storm {
    struct fixture *f;
    struct model members[MEMBERS];
    size_t seen; /* datagrams looked at */
    uint64_t seed;
    unsigned loss; /* percent */
};

static uint64_t draw(struct storm *s, uint64_t below)
{
    s->seed = s->seed * 6364136223846793005ull + 1442695040888963407ull;
    return (s->seed >> 33) % below;
}

static void register_member(struct storm *s, unsigned i)
{
    struct model *m = &s->members[i];
    struct policy p;

    join_member(s->f, i + 1, &p);
    *m = (struct model){.kek = p.kek, .last = p.rekey_number, .ack_at = MONO_NEVER};
    memcpy(m->digest, p.digest, sizeof(m->digest));
    for (size_t k = 0; k < p.n_sas; k++)
        m->spis[m->n_spis++] = p.sas[k].spi;
    policy_wipe(&p);
}

static void take(struct model *m, const struct push *p)
{
    m->last = p->number;
    if (p->policy.has_rules)
        memcpy(m->digest, p->policy.digest, sizeof(m->digest));
    m->n_spis = p->policy.n_sas;
    for (size_t k = 0; k < p->policy.n_sas; k++)
        m->spis[k] = p->policy.sas[k].spi;
    if (!p->policy.has_kek)
        return;
    m->earlier = m->kek;
    m->earlier_last = m->last;
    m->kek = p->policy.kek;
    m->last = 0;
}

static void plan_ack(struct storm *s, struct model *m, const struct policy_kek *kek, uint32_t number)
{
    if (!kek->ack)
        return;
    m->ack_kek = *kek;
    m->ack = number;
    m->ack_at = mono_add(s->f->now, mono_ms((int64_t)draw(s, 1000)));
}

static void deliver(struct storm *s, unsigned i, const struct sent *d)
{
    struct model *m = &s->members[i];
    struct span bytes = span_of(d->bytes, d->len);
    struct endpoint own = registration_of(i + 1).peer;
    struct policy_fault why;
    struct push p;

    if (addr_is_multicast(&d->path.remote.addr) ? !endpoint_equal(&d->path.remote, &m->kek.destination)
                                                : !endpoint_equal(&d->path.remote, &own))
        return;
    if (draw(s, 100) < s->loss)
        return;
    push_init(&p);
    if (push_open(&m->kek, m->last, &ours, POLICY_SIGNATURE_CANONICAL, bytes, &p, &why) == PUSH_OK) {
        take(m, &p);
        plan_ack(s, m, p.policy.has_kek ? &m->earlier : &m->kek, p.number);
    } else if (m->earlier_last > 0 && push_open(&m->earlier, m->earlier_last, &ours, POLICY_SIGNATURE_CANONICAL, bytes, &p, &why) == PUSH_OK) {
        m->earlier_last = p.number; /* known already: acknowledged once more */
        plan_ack(s, m, &m->earlier, p.number);
    }
    push_wipe(&p);
}

static void run_storm(struct storm *s, mono_t until)
{
    while (true) {
        mono_t next = timers_next(&s->f->timers);

        for (unsigned i = 0; i < MEMBERS; i++)
            next = mono_min(next, s->members[i].ack_at);
        if (mono_before(until, next))
            break;
        run_until(s->f, mono_max(next, s->f->now));
        for (; s->seen < s->f->n_sent; s->seen++) {
            for (unsigned i = 0; i < MEMBERS; i++)
                deliver(s, i, &s->f->sent[s->seen]);
        }
        for (unsigned i = 0; i < MEMBERS; i++) {
            if (mono_before(s->f->now, s->members[i].ack_at))
                continue;
            s->members[i].ack_at = MONO_NEVER;
            if (draw(s, 100) >= s->loss) {
                struct registration r = registration_of(i + 1);
                struct path path = {.local = r.local, .remote = r.peer};
                uint8_t bytes[PUSH_ACK_MAX_LEN];
                struct buf_writer w = buf_writer_of(bytes, sizeof(bytes));

                assert_true(push_ack_put(&s->members[i].ack_kek, s->members[i].ack, &r.peer.addr, &w));
                (void)ks_acknowledged(&s->f->ks, &path, buf_written(&w), at(s->f->now)); /* perhaps for one that is gone */
            }
        }
    }
    run_until(s->f, until);
    if (s->seen == s->f->n_sent) {
        forget_sent(s->f);
        s->seen = 0;
    }
}

static bool is_current(struct storm *s, unsigned i)
{
    const struct ks_group *g = group(s->f);
    const struct model *m = &s->members[i];

    for (size_t k = 0; k < g->n_teks; k++) {
        bool found = false;

        for (size_t n = 0; n < m->n_spis; n++)
            found |= m->spis[n] == g->teks[k].spi;
        if (!found)
            return false;
    }
    return memcmp(m->kek.spi, g->keks.all[0].kek.spi, sizeof(m->kek.spi)) == 0 &&
           memcmp(m->digest, g->digest, sizeof(m->digest)) == 0;
}

static struct config *random_config(struct storm *s)
{
    static const char *const rekeys[] = {UNICAST, UNICAST ", encryption: aes-128", MULTICAST,
                                         "multicast: {destination: 239.0.1.3}", UNICAST ", acknowledgement: none"};
    static const char *const sas[] = {SA("p"), SA("q"), "{number: 10, profile: p, acl: b, replay: none}"};
    const char *key = draw(s, 3) == 0 ? s->f->other_key : s->f->key;

    return config_of(s->f, key, rekeys[draw(s, 5)], "", sas[draw(s, 3)]);
}

static struct storm *begin_storm(struct fixture *f, unsigned loss)
{
    struct storm *s = test_calloc(1, sizeof(*s));
    const char *seed = getenv("GVPN_SEED");

    s->f = f;
    s->loss = loss;
    s->seed = seed ? strtoull(seed, NULL, 0) : (uint64_t)time(NULL);
    print_message("GVPN_SEED=%llu\n", (unsigned long long)s->seed);
    begin(f, UNICAST, "", SA("p"));
    for (unsigned i = 0; i < MEMBERS; i++)
        register_member(s, i);
    return s;
}

static void without_losses_nobody_is_left_behind(void **state)
{
    struct storm *s = begin_storm(*state, 0);

    for (unsigned n = 0; n < CHANGES; n++) {
        reload(s->f, random_config(s));
        run_storm(s, mono_add(s->f->now, mono_ms((int64_t)(100 + draw(s, 15000)))));
        for (unsigned i = 0; i < MEMBERS; i++) {
            if (!is_current(s, i))
                fail_msg("member %u is behind after change %u", i, n);
        }
        if (draw(s, 10) == 0) { /* one comes back in the middle of it all */
            register_member(s, (unsigned)draw(s, MEMBERS));
        }
    }
    test_free(s);
}

static void with_losses_everybody_is_reached_again(void **state)
{
    struct storm *s = begin_storm(*state, 15);
    unsigned behind = 0;

    for (unsigned n = 0; n < CHANGES; n++) {
        reload(s->f, random_config(s));
        run_storm(s, mono_add(s->f->now, mono_ms((int64_t)(1000 + draw(s, 20000)))));
        if (n % 10 != 9)
            continue;
        reload(s->f, config_of(s->f, NULL, UNICAST, "", SA("p"))); /* and then it is quiet for two rekeys */
        run_storm(s, mono_add(s->f->now, mono_s(60)));
        for (unsigned k = 0; k < 2; k++) {
            assert_true(ks_group_rekey(group(s->f), s->f->now));
            run_storm(s, mono_add(s->f->now, mono_s(60)));
        }
        for (unsigned i = 0; i < MEMBERS; i++) {
            if (is_current(s, i))
                continue;
            behind++; /* it lost one thing too many; it would register when no rekey comes */
            register_member(s, i);
        }
    }
    print_message("left behind: %u of %u\n", behind, MEMBERS * CHANGES / 10);
    assert_true(behind <= MEMBERS * CHANGES / 10 / 4);
    test_free(s);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        T(without_losses_nobody_is_left_behind),
        T(with_losses_everybody_is_reached_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
