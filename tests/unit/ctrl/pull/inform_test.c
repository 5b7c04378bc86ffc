/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Informational exchanges (RFC 2409 5.7). CVE-2019-10155: decrypted, but the HASH was never compared.
 * CVE-2023-38712: several deletes and notifies in one message.
 */
#include "tests/unit/ctrl/pull/pair.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const struct rng rng = {.get = rng_system};

static void notify_and_delete_arrive(void **state)
{
    (void)state;
    struct pair p;
    struct inform in;
    uint8_t b[512];
    struct buf_writer w = buf_writer_of(b, sizeof b);
    pair_init(&p);
    assert_true(inform_put_notify(&p.sa_m, &rng, 24, span_of(NULL, 0), &w));
    assert_int_equal(inform_open(&p.sa_s, buf_written(&w), &in), INFORM_OK);
    assert_int_equal(in.n_notifies, 1);
    assert_int_equal(in.notifies[0].type, 24);
    assert_false(in.deletes_sa);
    assert_true(inform_put_delete(&p.sa_m, &rng, &w));
    assert_int_equal(inform_open(&p.sa_s, buf_written(&w), &in), INFORM_OK);
    assert_int_equal(in.n_notifies, 0);
    assert_true(in.deletes_sa);
    assert_int_equal(inform_open(&p.sa_s, buf_written(&w), &in), INFORM_DROP_STATE); /* replayed */
    assert_int_equal(inform_open(&p.sa_m, buf_written(&w), &in), INFORM_DROP_STATE); /* mirrored */
    assert_false(in.deletes_sa);
    pair_free(&p);
}

static void CVE_2019_10155_every_changed_bit_is_found(void **state)
{
    (void)state;
    struct pair p;
    struct inform in;
    struct pair_message good;
    pair_init(&p);
    struct buf_writer w = buf_writer_of(good.b, sizeof good.b);
    assert_true(inform_put_delete(&p.sa_m, &rng, &w));
    good.len = w.len;
    for (size_t at = 0; at < good.len; at++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            struct pair_message bad = good;
            bad.b[at] ^= (uint8_t)(1u << bit);
            assert_int_not_equal(inform_open(&p.sa_s, pair_span(&bad), &in), INFORM_OK);
            assert_false(in.deletes_sa);
            assert_int_equal(p.sa_s.n_used, 0);
        }
    }
    for (size_t len = 0; len < good.len; len++) {
        struct pair_message bad = good;
        assert_int_not_equal(inform_open(&p.sa_s, span_of(bad.b, len), &in), INFORM_OK);
        bad.b[26] = (uint8_t)(len >> 8);
        bad.b[27] = (uint8_t)len;
        assert_int_not_equal(inform_open(&p.sa_s, span_of(bad.b, len), &in), INFORM_OK);
    }
    assert_int_equal(inform_open(&p.sa_s, pair_span(&good), &in), INFORM_OK);
    assert_true(in.deletes_sa);
    pair_free(&p);
}

/* The right octets in clear, with and without HASH, change nothing (CVE-2004-0403 class). */
static void clear_delete_is_nothing(void **state)
{
    (void)state;
    struct pair p;
    struct inform in;
    uint8_t m[64] = {0};
    pair_init(&p);
    memcpy(m, p.sa_s.cookie_i, 8);
    memcpy(m + 8, p.sa_s.cookie_r, 8);
    static const uint8_t rest[] = {
        12, 0x10, 5, 0,  0, 0, 0, 9, 0, 0,  0, 56, /* header from next payload on */
        0,  0,    0, 28, 0, 0, 0, 2, 1, 16, 0, 1};
    memcpy(m + 16, rest, sizeof rest);
    memcpy(m + 40, m, 16);
    assert_int_equal(inform_open(&p.sa_s, span_of(m, 56), &in), INFORM_DROP_STATE);
    assert_false(in.deletes_sa);
    pair_free(&p);
}

struct builder {
    uint8_t b[2048];
    size_t len, last; /* where the last payload begins */
    uint8_t first;
};

static void add(struct builder *x, uint8_t type, const void *body, size_t len)
{
    if (x->len)
        x->b[x->last] = type;
    else
        x->first = type;
    x->last = x->len;
    uint8_t head[4] = {0, 0, (uint8_t)((len + 4) >> 8), (uint8_t)(len + 4)};
    memcpy(x->b + x->len, head, 4);
    memcpy(x->b + x->len + 4, body, len);
    x->len += len + 4;
}

static enum inform_result open_built(struct pair *p, const struct builder *x, uint32_t id, struct inform *in)
{
    struct ike_iv iv;
    struct pair_message m;
    assert_true(ike_sa_first_iv(&p->sa_m, id, &iv));
    pair_seal(&p->sa_m, 5, id, span_of(NULL, 0), x->b, x->len, x->first, &iv, &m);
    return inform_open(&p->sa_s, pair_span(&m), in);
}

static void CVE_2023_38712_many_in_one(void **state)
{
    (void)state;
    struct pair p;
    struct inform in;
    struct builder x = {.len = 0};
    uint8_t notify[8] = {0, 0, 0, 2, 1, 0, 0, 18}, delete[24] = {0, 0, 0, 2, 1, 16, 0, 1};
    pair_init(&p);
    memcpy(delete + 8, p.sa_s.cookie_i, 8);
    memcpy(delete + 16, p.sa_s.cookie_r, 8);
    for (int i = 0; i < 12; i++) {
        add(&x, 11, notify, sizeof notify);
        add(&x, 12, delete, sizeof delete);
    }
    assert_int_equal(open_built(&p, &x, 5, &in), INFORM_OK);
    assert_int_equal(in.n_notifies, INFORM_MAX_NOTIFIES);
    assert_true(in.deletes_sa);
    pair_free(&p);
}

/* Cookies of another SA around a message that is otherwise right. */
static void other_cookies(void **state)
{
    (void)state;
    struct pair p;
    struct inform in;
    struct pair_message m;
    pair_init(&p);
    struct buf_writer w = buf_writer_of(m.b, sizeof m.b);
    assert_true(inform_put_delete(&p.sa_m, &rng, &w));
    for (size_t at = 0; at < 16; at++) {
        m.b[at] ^= 1;
        assert_int_equal(inform_open(&p.sa_s, span_of(m.b, w.len), &in), INFORM_DROP_STATE);
        m.b[at] ^= 1;
    }
    assert_int_equal(inform_open(&p.sa_s, span_of(m.b, w.len), &in), INFORM_OK);
    pair_free(&p);
}

static void contents_that_are_refused(void **state)
{
    (void)state;
    struct pair p;
    struct inform in;
    pair_init(&p);
    struct builder nothing = {.len = 0};
    assert_int_not_equal(open_built(&p, &nothing, 1, &in), INFORM_OK);
    uint8_t delete[24] = {0, 0, 0, 2, 1, 16, 0xff, 0xff}; /* count and octets disagree (CVE-2004-0221) */
    struct builder x = {.len = 0};
    add(&x, 12, delete, sizeof delete);
    assert_int_equal(open_built(&p, &x, 2, &in), INFORM_DROP_MALFORMED);
    delete[6] = 0;
    delete[7] = 1;
    memset(&x, 0, sizeof x);
    add(&x, 12, delete, sizeof delete); /* well formed, but names another SA */
    assert_int_equal(open_built(&p, &x, 3, &in), INFORM_OK);
    assert_false(in.deletes_sa);
    memset(&x, 0, sizeof x);
    add(&x, 4, delete, sizeof delete); /* a key exchange has no business here */
    assert_int_equal(open_built(&p, &x, 4, &in), INFORM_DROP_MALFORMED);
    uint8_t refused[12] = {0, 0, 0, 2, 1, 0, 0x20, 0x00, 0, 18, 0, 0}; /* REFUSED without its fixed part */
    memset(&x, 0, sizeof x);
    add(&x, 11, refused, sizeof refused);
    assert_int_equal(open_built(&p, &x, 5, &in), INFORM_DROP_MALFORMED);
    pair_free(&p);
}

/* GM12: which group is left stands in the body of an ID payload: type, three zero octets, four of data. */
static void leave_names_its_group(void **state)
{
    (void)state;
    struct pair p;
    struct inform in;
    uint8_t b[512];
    struct buf_writer w = buf_writer_of(b, sizeof b);
    static const struct group_id groups[] = {{false, 484}, {true, 0x0a090909}, {false, UINT32_MAX}, {false, 0}};
    for (size_t i = 0; i < 4; i++) {
        pair_init(&p);
        assert_true(inform_put_leave(&p.sa_m, &rng, &groups[i], &w));
        assert_int_equal(inform_open(&p.sa_s, buf_written(&w), &in), INFORM_OK);
        assert_int_equal(in.n_notifies, 1);
        assert_int_equal(in.notifies[0].type, 32770);
        assert_true(group_id_equal(&in.notifies[0].group, &groups[i]));
        assert_false(in.deletes_sa);
        assert_int_equal(inform_open(&p.sa_s, buf_written(&w), &in), INFORM_DROP_STATE); /* replayed */
        pair_free(&p);
    }
}

static void a_leave_that_names_no_group_is_malformed(void **state)
{
    (void)state;
    /* DOI 2, ISAKMP, no SPI, type 32770, then what should be a group */
    static const struct {
        size_t len;
        uint8_t b[24];
        bool good;
    } rows[] = {
        {16, {0, 0, 0, 2, 1, 0, 0x80, 0x02, 11, 0, 0, 0, 0, 0, 1, 0xe4}, true},
        {8, {0, 0, 0, 2, 1, 0, 0x80, 0x02}, false},                                      /* nothing */
        {15, {0, 0, 0, 2, 1, 0, 0x80, 0x02, 11, 0, 0, 0, 0, 1, 0xe4}, false},            /* three octets */
        {16, {0, 0, 0, 2, 1, 0, 0x80, 0x02, 11, 17, 0, 0, 0, 0, 1, 0xe4}, false},        /* a protocol */
        {16, {0, 0, 0, 2, 1, 0, 0x80, 0x02, 2, 0, 0, 0, 'a', 'b', 'c', 'd'}, false},     /* a name */
        {16, {0, 0, 0, 2, 3, 0, 0x80, 0x02, 11, 0, 0, 0, 0, 0, 1, 0xe4}, false},         /* for ESP */
        {20, {0, 0, 0, 2, 1, 4, 0x80, 0x02, 9, 9, 9, 9, 11, 0, 0, 0, 0, 0, 1, 0xe4}, false}, /* with an SPI */
    };
    for (uint32_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct pair p;
        struct builder x;
        struct inform in;
        memset(&x, 0, sizeof x);
        pair_init(&p);
        add(&x, 11, rows[i].b, rows[i].len);
        assert_int_equal(open_built(&p, &x, 1 + i, &in), rows[i].good ? INFORM_OK : INFORM_DROP_MALFORMED);
        assert_int_equal(in.n_notifies, rows[i].good);
        pair_free(&p);
    }
}

/* Every notify type from an authenticated peer: none of the status types is a refusal (CVE-2009-0790). */
static void CVE_2009_0790_every_notify_type(void **state)
{
    (void)state;
    struct pair p;
    struct pull_report report;
    for (uint32_t type = 0; type <= UINT16_MAX;
         type += type < 100 || (type > 16300 && type < 16500) ? 1 : 61) {
        struct inform in = {.n_notifies = 1, .notifies = {{.type = (uint16_t)type}}};
        pair_init(&p);
        pair_run(&p, 1);
        enum pull_result r = pull_inform(p.m, &in, &report);
        assert_int_equal(r, type >= 1 && type < 16384 ? PULL_REFUSED : PULL_GOES_ON);
        pair_free(&p);
    }
}

static void needs_room_and_random(void **state)
{
    (void)state;
    struct pair p;
    uint8_t b[512];
    struct buf_writer w = buf_writer_of(b, 60);
    pair_init(&p);
    assert_false(inform_put_delete(&p.sa_m, &rng, &w));
    assert_int_equal(w.len, 0);
    assert_int_equal(p.sa_m.n_used, 0);
    p.sa_m.n_used = IKE_MAX_MESSAGES;
    w = buf_writer_of(b, sizeof b);
    assert_false(inform_put_delete(&p.sa_m, &rng, &w));
    pair_free(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(notify_and_delete_arrive),
        cmocka_unit_test(CVE_2019_10155_every_changed_bit_is_found),
        cmocka_unit_test(clear_delete_is_nothing),
        cmocka_unit_test(CVE_2023_38712_many_in_one),
        cmocka_unit_test(other_cookies),
        cmocka_unit_test(contents_that_are_refused),
        cmocka_unit_test(leave_names_its_group),
        cmocka_unit_test(a_leave_that_names_no_group_is_malformed),
        cmocka_unit_test(CVE_2009_0790_every_notify_type),
        cmocka_unit_test(needs_room_and_random),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
