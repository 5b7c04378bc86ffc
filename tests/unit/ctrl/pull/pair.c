/* SPDX-License-Identifier: BSD-3-Clause */
/* Member and key server of a PULL in memory. */
#include "tests/unit/ctrl/pull/pair.h"

#include "ctrl/crypto/hash.h"
#include "ctrl/crypto/ike_keys.h"
#include "ctrl/policy/payloads.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const struct rng rng = {.get = rng_system};

static void make_sa(struct ike_sa *sa, bool initiator)
{
    static const uint8_t a[32] = {0xaa}, e[32] = {0xee};
    memset(sa, 0, sizeof *sa);
    memcpy(sa->cookie_i, "initiate", 8);
    memcpy(sa->cookie_r, "response", 8);
    sa->initiator = initiator;
    sa->doi = 2;
    sa->lifetime_s = 86400;
    sa->suite = (struct ike_suite){.encryption = IKE_AES_CBC, .key_bits = 256, .hash = IKE_SHA256};
    assert_true(secret_set(&sa->skeyid_a, a, sizeof a));
    assert_true(secret_set(&sa->key, e, sizeof e));
    memset(sa->last.b, 0x17, sizeof sa->last.b);
}

static void add_rule(struct policy *p, const char *text)
{
    struct acl_entry e[2];
    const char *error = "";
    size_t column, n = acl_parse_entry(text, e, &error, &column);
    assert_string_equal(n ? "" : error, "");
    for (size_t i = 0; i < n; i++) {
        e[i].number = (uint16_t)(p->acl.n + 1);
        e[i].sa = e[i].permit ? 10 : 0;
        assert_true(acl_append(&p->acl, &e[i]));
    }
}

static void make_policy(struct policy *p)
{
    static const uint8_t key[20] = {7, 7, 7};
    policy_init(p);
    add_rule(p, "deny tcp 10.1.0.0/16 10.2.0.0/16 eq 22");
    add_rule(p, "permit ip 10.1.0.0/16 10.2.0.0/16");
    p->n_sas = 1;
    struct policy_sa *sa = &p->sas[0];
    sa->number = 10;
    sa->spi = 0x12345678;
    sa->suite = suite_by_id(SUITE_AES_GCM_128);
    sa->lifetime_s = 3600;
    assert_true(secret_set(&sa->key, key, sizeof key));
    assert_true(policy_set_digest(p, hash_span));
}

void pair_init(struct pair *p)
{
    memset(p, 0, sizeof *p);
    make_sa(&p->sa_m, true);
    make_sa(&p->sa_s, false);
    make_policy(&p->policy);
}

void pair_free(struct pair *p)
{
    pull_free(p->m);
    pull_free(p->s);
    policy_wipe(&p->policy);
    memset(p, 0, sizeof *p);
}

struct span pair_span(const struct pair_message *m)
{
    return span_of(m->b, m->len);
}

enum pull_result pair_step(struct pair *p, struct pull *to, struct span datagram, mono_t now,
                           struct pair_message *answer)
{
    struct pair_message out;
    struct buf_writer w = buf_writer_of(out.b, sizeof out.b);
    enum pull_result r = pull_step(to, datagram, now, &w, &p->report);
    out.len = w.len;
    if (answer)
        *answer = out;
    return r;
}

enum pull_result pair_request(struct pair *p, struct span datagram)
{
    enum pull_result r;
    struct pull *s = pull_new_server(&p->sa_s, &rng, datagram, PAIR_NOW, &r, &p->report);
    assert_int_equal(s != NULL, r == PULL_REQUEST);
    if (s) {
        pull_free(p->s);
        p->s = s;
    }
    return r;
}

static void give_sender_ids(struct pair *p)
{
    struct policy *pending = pull_pending(p->s);
    pending->sid_bits = 24;
    for (pending->n_sender_ids = 0; pending->n_sender_ids < pull_sender_ids_wanted(p->s);
         pending->n_sender_ids++)
        pending->sender_ids[pending->n_sender_ids] = 100 + pending->n_sender_ids;
}

void pair_run(struct pair *p, int upto)
{
    struct group_id group = {.value = PAIR_GROUP};
    struct buf_writer w = buf_writer_of(p->msg[1].b, sizeof p->msg[1].b);
    p->m = pull_new_member(&p->sa_m, &group, 4, &rng, PAIR_NOW, &w);
    assert_non_null(p->m);
    p->msg[1].len = w.len;
    if (upto >= 2) {
        assert_int_equal(pair_request(p, pair_span(&p->msg[1])), PULL_REQUEST);
        w = buf_writer_of(p->msg[2].b, sizeof p->msg[2].b);
        assert_true(pull_answer(p->s, &p->policy, &w, &p->report));
        p->msg[2].len = w.len;
    }
    if (upto >= 3)
        assert_int_equal(pair_step(p, p->m, pair_span(&p->msg[2]), PAIR_NOW, &p->msg[3]), PULL_GOES_ON);
    if (upto >= 4) {
        assert_int_equal(pair_step(p, p->s, pair_span(&p->msg[3]), PAIR_NOW, NULL), PULL_ACCEPT);
        give_sender_ids(p);
        w = buf_writer_of(p->msg[4].b, sizeof p->msg[4].b);
        assert_true(pull_deliver(p->s, &w, &p->report));
        p->msg[4].len = w.len;
    }
}

void pair_seal(struct ike_sa *sa, uint8_t exchange, uint32_t message_id, struct span nonces,
               const uint8_t *payloads, size_t len, uint8_t first, struct ike_iv *iv,
               struct pair_message *out)
{
    memset(out, 0, sizeof *out);
    struct buf_writer w = buf_writer_of(out->b, sizeof out->b);
    buf_put_bytes(&w, sa->cookie_i, 8);
    buf_put_bytes(&w, sa->cookie_r, 8);
    buf_put_u8(&w, 8);
    buf_put_u8(&w, 0x10);
    buf_put_u8(&w, exchange);
    buf_put_u8(&w, 1);
    buf_put_u32(&w, message_id);
    buf_put_u32(&w, 0);
    buf_put_u8(&w, first);
    buf_put_u8(&w, 0);
    buf_put_u16(&w, 36);
    uint8_t hash[IKE_HASH_MAX];
    assert_true(
        ike_keys_message_hash(sa->suite.hash, &sa->skeyid_a, message_id, nonces, span_of(payloads, len), hash));
    buf_put_bytes(&w, hash, 32);
    buf_put_bytes(&w, payloads, len);
    assert_false(w.overflow);
    out->len = w.len;
    assert_true(ike_sa_seal(&sa->suite, &sa->key, iv, out->b, &out->len, sizeof out->b));
}
