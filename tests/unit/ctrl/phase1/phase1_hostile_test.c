/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Main mode against a peer that lies: mirrors, answers nobody offered, weak key exchange values, notifies in
 * clear, and identities and payloads from one that does have the key.
 */
#include "ctrl/phase1/machine.h"
#include "tests/unit/ctrl/phase1/pair.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* CVE-2015-3240 and relatives: message 3 with a value that gives g^xy away; the genuine one works afterwards.
 */
static void CVE_2015_3240_degenerate_ke(void **state)
{
    (void)state;
    static const uint8_t fill[] = {0x00, 0xff};
    static const uint16_t groups[] = {2, 5, 14, 15, 16, 19, 20, 21};
    for (size_t g = 0; g < sizeof groups / sizeof groups[0]; g++) {
        struct pair p;
        const char *why;
        struct pair_message answer;
        pair_init(&p, groups[g]);
        pair_start(&p);
        pair_run(&p, 3);
        assert_int_equal(pair_front(&p, pair_span(&p.m[3]), PAIR_NOW, NULL), HALFOPEN_MESSAGE3);
        p.r = phase1_new_responder(&p.responder, &p.offer, PAIR_NOW, &why);
        size_t ke_len = dh_public_len(groups[g]);
        for (size_t f = 0; f < 2; f++) {
            for (uint8_t last = 0; last < 2; last++) {
                struct pair_message bad = p.m[3];
                memset(bad.b + 32, fill[f], ke_len);
                bad.b[32 + ke_len - 1] = (uint8_t)(fill[f] ^ last); /* 0, 1, 2^n - 1, 2^n - 2 */
                assert_int_equal(pair_step(&p, p.r, pair_span(&bad), &answer), PHASE1_DROP_REFUSED);
                assert_int_equal(answer.len, 0);
            }
        }
        assert_int_equal(pair_step(&p, p.r, pair_span(&p.m[3]), &p.m[4]), PHASE1_GOES_ON);
        assert_int_equal(pair_step(&p, p.i, pair_span(&p.m[4]), &p.m[5]), PHASE1_GOES_ON);
        assert_int_equal(pair_step(&p, p.r, pair_span(&p.m[5]), NULL), PHASE1_ESTABLISHED);
        pair_free(&p);
    }
}

/* Message 4 that carries our own key exchange value, or our own nonce: a mirror. */
static void own_values_mirrored(void **state)
{
    (void)state;
    struct pair p;
    pair_init(&p, 19);
    pair_start(&p);
    pair_run(&p, 4);
    struct pair_message mirror = p.m[4];
    memcpy(mirror.b + 32, p.m[3].b + 32, 64);
    assert_int_equal(pair_step(&p, p.i, pair_span(&mirror), NULL), PHASE1_DROP_REFUSED);
    mirror = p.m[4];
    memcpy(mirror.b + 32 + 64 + 4, p.m[3].b + 32 + 64 + 4, 32);
    assert_int_equal(pair_step(&p, p.i, pair_span(&mirror), NULL), PHASE1_DROP_REFUSED);
    assert_int_equal(pair_step(&p, p.i, pair_span(&p.m[3]), NULL), PHASE1_DROP_REFUSED);
    assert_int_equal(pair_step(&p, p.i, pair_span(&p.m[4]), NULL), PHASE1_GOES_ON);
    pair_free(&p);
}

/* Message 2 with an attribute changed, two transforms, no cookie, our own cookie. */
static void answer_that_was_not_offered(void **state)
{
    (void)state;
    struct pair p;
    pair_init(&p, 19);
    pair_start(&p);
    pair_run(&p, 2);
    size_t sa_len = (size_t)(p.m[2].b[30] << 8 | p.m[2].b[31]);
    for (size_t at = 28 + 4 + 8 + 8 + 8; at < 28 + sa_len; at++) {
        struct pair_message bad = p.m[2];
        bad.b[at] ^= 1;
        assert_true(pair_is_drop(pair_step(&p, p.i, pair_span(&bad), NULL)));
    }
    struct pair_message bad = p.m[2];
    memset(bad.b + 8, 0, 8);
    assert_int_equal(pair_step(&p, p.i, pair_span(&bad), NULL), PHASE1_DROP_STATE);
    memcpy(bad.b + 8, bad.b, 8);
    assert_int_equal(pair_step(&p, p.i, pair_span(&bad), NULL), PHASE1_DROP_STATE);
    assert_int_equal(pair_step(&p, p.i, pair_span(&p.m[1]), NULL), PHASE1_DROP_STATE);
    assert_int_equal(pair_step(&p, p.i, pair_span(&p.m[2]), NULL), PHASE1_GOES_ON);
    pair_free(&p);
}

/* CVE-2004-0403 class: notifies and deletes in clear are for the log; they neither end nor hurry an exchange.
 */
static void clear_informationals_change_nothing(void **state)
{
    (void)state;
    struct pair p;
    pair_init(&p, 19);
    pair_start(&p);
    pair_run(&p, 2);
    struct pair_message n = {.len = 40};
    memcpy(n.b, p.m[1].b, 8);
    n.b[17] = 0x10;
    n.b[18] = 5;
    n.b[27] = 40;
    n.b[31] = 12;
    n.b[35] = 2;
    n.b[36] = 1;
    for (unsigned type = 0; type <= UINT16_MAX; type += 7) {
        n.b[16] = 11;
        n.b[38] = (uint8_t)(type >> 8);
        n.b[39] = (uint8_t)type;
        assert_int_equal(pair_step(&p, p.i, pair_span(&n), NULL), PHASE1_NOTED);
        assert_int_equal(p.report.notify, type);
    }
    n.b[16] = 12; /* the same octets as a delete */
    assert_int_equal(pair_step(&p, p.i, pair_span(&n), NULL), PHASE1_DROP_MALFORMED);
    n.b[16] = 11;
    n.b[0] ^= 1;
    assert_int_equal(pair_step(&p, p.i, pair_span(&n), NULL), PHASE1_DROP_STATE);
    n.b[0] ^= 1;
    assert_int_equal(pair_step(&p, p.i, pair_span(&p.m[2]), &p.m[3]), PHASE1_GOES_ON);
    pair_free(&p);
}

/* A responder listens to none, and nobody does once phase 1 is up. */
static void clear_informationals_where_they_mean_nothing(void **state)
{
    (void)state;
    struct pair p;
    struct pair_message notify;
    pair_init(&p, 19);
    p.psk_r.id[0] = 'x'; /* makes the responder complain */
    pair_start(&p);
    pair_run(&p, 5);
    assert_int_equal(pair_step(&p, p.r, pair_span(&p.m[5]), &notify), PHASE1_DROP_AUTH);
    assert_int_equal(notify.len, 40);
    assert_int_equal(pair_step(&p, p.r, pair_span(&notify), NULL), PHASE1_DROP_STATE);
    pair_free(&p);
    pair_init(&p, 19);
    pair_start(&p);
    pair_run(&p, 6);
    assert_int_equal(pair_step(&p, p.i, pair_span(&p.m[6]), NULL), PHASE1_ESTABLISHED);
    memcpy(notify.b, p.m[6].b, 16);
    assert_int_equal(pair_step(&p, p.i, pair_span(&notify), NULL), PHASE1_DROP_STATE);
    assert_int_equal(pair_step(&p, p.r, pair_span(&notify), NULL), PHASE1_DROP_STATE);
    pair_assert_up(&p);
    pair_free(&p);
}

/* Message 5 as a peer that knows the key may write it: these octets of ID body, a HASH that fits, `more`
 * behind it. */
static void write_message_5(struct pair *p, struct span id_b, struct span more, uint8_t more_type,
                            struct pair_message *m)
{
    struct ike_keys_input in = phase1_keys_input(p->i);
    struct ike_iv iv;
    uint8_t hash[IKE_HASH_MAX];
    assert_true(ike_keys_first_iv(&in, &iv));
    assert_true(ike_keys_auth_hash(&in, &p->i->k.keys[0].skeyid, true,
                                   span_of(p->i->offer.body, p->i->offer.body_len), id_b, hash));
    struct buf_writer w = buf_writer_of(m->b, sizeof m->b);
    struct isakmp_header h = phase1_header(p->i, true);
    struct isakmp_chain c = isakmp_message_begin(&w, &h);
    isakmp_payload_put(&c, ISAKMP_PAYLOAD_ID, id_b);
    isakmp_hash_put(&c, span_of(hash, ike_suite_hash_len(&in.suite)));
    if (more_type)
        isakmp_payload_put(&c, more_type, more);
    isakmp_message_end(&w);
    m->len = w.len;
    assert_true(ike_sa_seal(&in.suite, &p->i->k.keys[0].key, &iv, m->b, &m->len, sizeof m->b));
}

/* ID type, protocol and port from a peer that has the key: 0/0, 17/500, 17/848, 17/4500, nothing else (RFC
 * 2407 4.6.2). */
static void authentic_identities(void **state)
{
    (void)state;
    static const struct {
        uint8_t id[12], len;
        bool good;
    } cases[] = {
        {{1, 0, 0, 0, 10, 0, 0, 2}, 8, true},
        {{1, 17, 1, 0xf4, 10, 0, 0, 2}, 8, true},
        {{1, 17, 3, 0x50, 10, 0, 0, 2}, 8, true},
        {{1, 17, 0x11, 0x94, 10, 0, 0, 2}, 8, true},
        {{1, 17, 0, 1, 10, 0, 0, 2}, 8, false},
        {{1, 6, 1, 0xf4, 10, 0, 0, 2}, 8, false},
        {{1, 0, 1, 0xf4, 10, 0, 0, 2}, 8, false},
        {{1, 0, 0, 0, 10, 0, 0, 3}, 8, false},
        {{1, 0, 0, 0, 10, 0, 0}, 7, false},
        {{1, 0, 0, 0, 10, 0, 0, 2, 0}, 9, false},
        {{11, 0, 0, 0, 10, 0, 0, 2}, 8, false},
        {{4, 0, 0, 0, 10, 0, 0, 2, 255, 255, 255, 255}, 12, false},
        {{1, 0, 0, 0}, 4, false},
        {{0, 0, 0, 0, 10, 0, 0, 2}, 8, false},
        {{99, 0, 0, 0, 10, 0, 0, 2}, 8, false},
        {{1}, 1, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct pair p;
        struct pair_message m;
        pair_init(&p, 19);
        pair_start(&p);
        pair_run(&p, 5);
        write_message_5(&p, span_of(cases[i].id, cases[i].len), span_of(NULL, 0), 0, &m);
        assert_int_equal(pair_step(&p, p.r, pair_span(&m), NULL),
                         cases[i].good ? PHASE1_ESTABLISHED : PHASE1_DROP_AUTH);
        pair_free(&p);
    }
}

/* Payloads beside ID and HASH: vendor ids and notifies pass unread, everything else is refused. */
static void authentic_extra_payloads(void **state)
{
    (void)state;
    static const uint8_t id[] = {1, 0, 0, 0, 10, 0, 0, 2}, junk[40];
    for (unsigned type = 1; type < 256; type++) {
        struct pair p;
        struct pair_message m;
        pair_init(&p, 19);
        pair_start(&p);
        pair_run(&p, 5);
        write_message_5(&p, span_of(id, sizeof id), span_of(junk, sizeof junk), (uint8_t)type, &m);
        bool good = type == ISAKMP_PAYLOAD_VID || type == ISAKMP_PAYLOAD_NOTIFY;
        assert_int_equal(pair_step(&p, p.r, pair_span(&m), NULL),
                         good ? PHASE1_ESTABLISHED : PHASE1_DROP_AUTH);
        pair_free(&p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(CVE_2015_3240_degenerate_ke),
        cmocka_unit_test(own_values_mirrored),
        cmocka_unit_test(answer_that_was_not_offered),
        cmocka_unit_test(clear_informationals_change_nothing),
        cmocka_unit_test(clear_informationals_where_they_mean_nothing),
        cmocka_unit_test(authentic_identities),
        cmocka_unit_test(authentic_extra_payloads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
