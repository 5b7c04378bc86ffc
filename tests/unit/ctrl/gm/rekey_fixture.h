/* SPDX-License-Identifier: BSD-3-Clause */
/* Rekeys as values for a member with a KEK; gm_fixture.h has the member. */
#ifndef GVPN_TESTS_UNIT_CTRL_GM_REKEY_FIXTURE_H
#define GVPN_TESTS_UNIT_CTRL_GM_REKEY_FIXTURE_H

#include "ctrl/gm/rekey.h"
#include "tests/unit/ctrl/gm/gm_fixture.h"

#define KEK_LIFE 86400

static inline struct policy_kek kek_of(uint8_t spi, uint32_t lifetime_s)
{
    struct policy_kek k = {.lifetime_s = lifetime_s,
                           .cipher = 3,
                           .key_bits = 256,
                           .signature = 1,
                           .hash = 3,
                           .source = {.addr = addr_v4(0x0a000001), .port = 848},
                           .public_key_len = 4};

    memset(k.spi, spi, sizeof(k.spi));
    k.key.len = 32;
    memset(k.key.b, spi, 32);
    return k;
}

static inline void add_rule(struct policy *p, const char *text, uint16_t sa)
{
    struct acl_entry e[2];
    const char *error;
    size_t column;

    assert_int_equal(acl_parse_entry(text, e, &error, &column), 1);
    e[0].sa = sa;
    e[0].number = (uint16_t)(p->acl.n + 1);
    assert_true(acl_append(&p->acl, &e[0]));
}

/* Attaches at 0 and registers: a KEK with SPI 0x01.., one SA 1000 of number 10 for an hour, digest 01. */
static inline void join(struct fixture *f)
{
    struct peer_features ours = {.ours = true};
    struct policy p = policy_of(1, (uint32_t[]){1000}, (uint32_t[]){3600}, 0, 4 * WORKERS);

    p.has_kek = true;
    p.kek = kek_of(1, KEK_LIFE);
    p.digest[0] = 1;
    gm_attached(f->gm, 77, WORKERS, at(f, 0));
    gm_server_announced(f->gm, &ours);
    gm_policy(f->gm, &p, at(f, 0));
    policy_wipe(&p);
    wish(f);
    acknowledge(f);
    wish(f);
    acknowledge(f);
}

static inline void add_sa(struct push *p, uint16_t number, uint32_t spi, uint32_t lifetime_s)
{
    struct policy_sa *sa = &p->policy.sas[p->policy.n_sas++];

    *sa = (struct policy_sa){
        .number = number, .spi = spi, .suite = suite_by_id(SUITE_AES_GCM_128), .lifetime_s = lifetime_s};
    sa->key.len = 20;
    memset(sa->key.b, (int)spi, 20);
}

/* A rekey that keeps the list, with n SAs of number 10. */
static inline struct push rekey_of(size_t n, const uint32_t *spis, const uint32_t *lifetimes)
{
    struct push p;

    push_init(&p);
    p.has_policy = true;
    p.policy.digest[0] = 1;
    for (size_t i = 0; i < n; i++)
        add_sa(&p, 10, spis[i], lifetimes[i]);
    return p;
}

/* Hands it in at that second, wipes it, and wishes and acknowledges until the data plane has all. */
static inline enum gm_rekey_result hand_in(struct fixture *f, int64_t s, struct push *p)
{
    char why[160] = "";
    enum gm_rekey_result r = gm_rekey(f->gm, p, false, at(f, s), why);

    push_wipe(p);
    for (unsigned i = 0; i < 2; i++) {
        wish(f);
        acknowledge(f);
    }
    wish(f);
    return r;
}

static inline const struct ipc_sa *wished(const struct fixture *f, uint32_t spi)
{
    for (size_t i = 0; i < f->n_sas; i++) {
        if (f->sas[i].spi == spi)
            return &f->sas[i];
    }
    return NULL;
}

#endif
