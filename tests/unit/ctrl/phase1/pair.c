/* SPDX-License-Identifier: BSD-3-Clause */
/* Two sides of phase 1 in memory. */
#include "tests/unit/ctrl/phase1/pair.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct endpoint endpoint(const char *text)
{
    struct endpoint e = {.port = 848};
    assert_true(addr_parse(text, &e.addr));
    return e;
}

void pair_init(struct pair *p, uint16_t group)
{
    static const char secret[] = "a pre-shared key of 32 octets...";
    memset(p, 0, sizeof *p);
    p->proposal = (struct config_proposal){
        .encryption = 7, .key_bits = 256, .hash = 4, .group = group, .auth = 1, .lifetime_s = 86400};
    assert_true(secret_set(&p->psk_i.secret, secret, 32));
    assert_true(secret_set(&p->psk_r.secret, secret, 32));
    p->initiator = (struct phase1_settings){
        .local = endpoint(PAIR_MEMBER),
        .remote = endpoint(PAIR_SERVER),
        .proposals = &p->proposal,
        .n_proposals = 1,
        .doi = 2,
        .psks = {&p->psk_i},
        .n_psks = 1,
        .rng = {.get = rng_system},
    };
    p->responder = (struct phase1_settings){
        .local = endpoint(PAIR_SERVER),
        .remote = endpoint(PAIR_MEMBER),
        .psks = {&p->psk_r},
        .n_psks = 1,
        .rng = {.get = rng_system},
    };
}

void pair_start(struct pair *p)
{
    static const uint8_t secret[32] = {42};
    const char *why = "";
    struct buf_writer w = buf_writer_of(p->m[1].b, sizeof p->m[1].b);
    p->front = halfopen_new(secret, &p->proposal, 1);
    assert_non_null(p->front);
    p->i = phase1_new_initiator(&p->initiator, PAIR_NOW, &w, &why);
    assert_string_equal(why, "");
    assert_non_null(p->i);
    p->m[1].len = w.len;
}

void pair_free(struct pair *p)
{
    phase1_free(p->i);
    phase1_free(p->r);
    halfopen_free(p->front);
    memset(p, 0, sizeof *p);
}

struct span pair_span(const struct pair_message *m)
{
    return span_of(m->b, m->len);
}

static void keep(struct pair_message *answer, const struct pair_message *got)
{
    if (answer)
        *answer = *got;
}

enum phase1_result pair_step(struct pair *p, struct phase1 *to, struct span datagram,
                             struct pair_message *answer)
{
    struct pair_message out;
    struct buf_writer w = buf_writer_of(out.b, sizeof out.b);
    memset(out.b, 0xee, sizeof out.b);
    enum phase1_result r = phase1_step(to, datagram, PAIR_NOW, &w, &p->report);
    assert_non_null(p->report.why);
    out.len = w.len;
    keep(answer, &out);
    return r;
}

enum halfopen_result pair_front(struct pair *p, struct span datagram, mono_t now, struct pair_message *answer)
{
    struct pair_message out;
    struct buf_writer w = buf_writer_of(out.b, sizeof out.b);
    memset(out.b, 0xee, sizeof out.b);
    enum halfopen_result r = halfopen_step(p->front, &p->responder.remote, datagram, now, &w, &p->offer);
    out.len = w.len;
    keep(answer, &out);
    return r;
}

void pair_run(struct pair *p, int upto)
{
    const char *why = "";
    struct pair_message *m = p->m;
    if (upto >= 2)
        assert_int_equal(pair_front(p, pair_span(&m[1]), PAIR_NOW, &m[2]), HALFOPEN_ANSWERED);
    if (upto >= 3)
        assert_int_equal(pair_step(p, p->i, pair_span(&m[2]), &m[3]), PHASE1_GOES_ON);
    if (upto >= 4) {
        assert_int_equal(pair_front(p, pair_span(&m[3]), PAIR_NOW, NULL), HALFOPEN_MESSAGE3);
        p->r = phase1_new_responder(&p->responder, &p->offer, PAIR_NOW, &why);
        assert_non_null(p->r);
        assert_int_equal(pair_step(p, p->r, pair_span(&m[3]), &m[4]), PHASE1_GOES_ON);
    }
    if (upto >= 5)
        assert_int_equal(pair_step(p, p->i, pair_span(&m[4]), &m[5]), PHASE1_GOES_ON);
    if (upto >= 6)
        assert_int_equal(pair_step(p, p->r, pair_span(&m[5]), &m[6]), PHASE1_ESTABLISHED);
}

bool pair_is_drop(enum phase1_result r)
{
    return r == PHASE1_DROP_MALFORMED || r == PHASE1_DROP_STATE || r == PHASE1_DROP_REFUSED ||
           r == PHASE1_DROP_AUTH;
}

void pair_assert_up(struct pair *p)
{
    const struct ike_sa *a = phase1_sa(p->i), *b = phase1_sa(p->r);
    assert_non_null(a);
    assert_non_null(b);
    assert_true(a->initiator && !b->initiator);
    assert_memory_equal(a->cookie_i, b->cookie_i, sizeof a->cookie_i);
    assert_memory_equal(a->cookie_r, b->cookie_r, sizeof a->cookie_r);
    assert_true(secret_equal(secret_span(&a->skeyid_a), secret_span(&b->skeyid_a)));
    assert_true(secret_equal(secret_span(&a->skeyid_d), secret_span(&b->skeyid_d)));
    assert_true(secret_equal(secret_span(&a->skeyid_e), secret_span(&b->skeyid_e)));
    assert_true(secret_equal(secret_span(&a->key), secret_span(&b->key)));
    assert_int_equal(a->key.len, ike_suite_key_len(&a->suite));
    assert_memory_equal(&a->suite, &b->suite, sizeof a->suite);
    assert_memory_equal(&a->last, &b->last, sizeof a->last);
    assert_int_equal(a->lifetime_s, b->lifetime_s);
    assert_int_equal(a->doi, b->doi);
}

void pair_offer(struct pair_message *m, const uint16_t *groups, size_t n, const uint8_t *cookie_i)
{
    static const uint8_t head[] = {1, 0x10, 2, 0, 0, 0, 0, 0};
    memset(m, 0, sizeof *m);
    memcpy(m->b, cookie_i, 8);
    memcpy(m->b + 16, head, sizeof head);
    size_t t_len = 8 + 5 * 4, p_len = 8 + n * t_len, sa_len = 4 + 8 + p_len;
    m->len = 28 + sa_len;
    m->b[27] = (uint8_t)m->len;
    m->b[26] = (uint8_t)(m->len >> 8);
    uint8_t *q = m->b + 28;
    q[2] = (uint8_t)(sa_len >> 8);
    q[3] = (uint8_t)sa_len;
    q[7] = 2;
    q[11] = 1;
    q += 12;
    q[2] = (uint8_t)(p_len >> 8);
    q[3] = (uint8_t)p_len;
    q[4] = 1;
    q[5] = 1;
    q[7] = (uint8_t)n;
    q += 8;
    for (size_t i = 0; i < n; i++, q += t_len) {
        const uint8_t attrs[] = {0x80, 1, 0,    7, 0x80, 14, 1,    0, 0x80, 2,
                                 0,    4, 0x80, 3, 0,    1,  0x80, 4, 0,    (uint8_t)groups[i]};
        q[0] = i + 1 < n ? 3 : 0;
        q[3] = (uint8_t)t_len;
        q[4] = (uint8_t)(i + 1);
        q[5] = 1;
        memcpy(q + 8, attrs, sizeof attrs);
    }
}
