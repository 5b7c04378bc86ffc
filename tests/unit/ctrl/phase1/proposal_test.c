/* SPDX-License-Identifier: BSD-3-Clause */
/* Offers, choices and answers of phase 1 (RFC 2409 section 5: exactly one transform, attributes unmodified).
 */
#include "ctrl/phase1/proposal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const struct config_proposal good = {
    .encryption = 7, .key_bits = 256, .hash = 4, .group = 14, .auth = 1, .lifetime_s = 3600};

/* RFC 2409 appendix A, RFC 3526, RFC 3602, RFC 5903; MD5, DES, MODP 768 and the rest of the registry aren't here. */
static void only_what_this_version_runs(void **state)
{
    (void)state;
    assert_true(phase1_proposal_is_supported(&good));
    for (unsigned v = 0; v < 300; v++) {
        struct config_proposal p = good;
        p.encryption = (uint16_t)v;
        assert_int_equal(phase1_proposal_is_supported(&p), v == 7);
        p.key_bits = 0; /* RFC 2409 appendix A: no key length where the cipher has only one */
        assert_int_equal(phase1_proposal_is_supported(&p), v == 5);
        p = good;
        p.key_bits = (uint16_t)v;
        assert_int_equal(phase1_proposal_is_supported(&p), v == 128 || v == 192 || v == 256);
        p = good;
        p.hash = (uint16_t)v;
        assert_int_equal(phase1_proposal_is_supported(&p), v == 2 || v == 4 || v == 5 || v == 6);
        p = good;
        p.auth = (uint16_t)v; /* DSS, RSA encryption and the like (CVE-2018-0131) */
        assert_int_equal(phase1_proposal_is_supported(&p), v == 1);
        p = good;
        p.group = (uint16_t)v;
        assert_int_equal(phase1_proposal_is_supported(&p),
                         v == 2 || v == 5 || (v >= 14 && v <= 16) || (v >= 19 && v <= 21));
    }
}

/* An offer of n transforms like ours, all with group 14. */
static struct isakmp_sa offer_of(size_t n)
{
    struct config_proposal own[4] = {good, good, good, good};
    struct isakmp_sa offer;
    assert_int_equal(phase1_proposal_offer(2, own, n, &offer), n);
    return offer;
}

static bool is_chosen(const struct isakmp_sa *offer, struct config_proposal *chosen)
{
    struct isakmp_sa answer;
    if (!phase1_proposal_choose(offer, &good, 1, &answer, chosen))
        return false;
    assert_int_equal(answer.n, 1);
    return true;
}

static void one_wrong_attribute_is_enough(void **state)
{
    (void)state;
    struct config_proposal chosen;
    struct isakmp_sa o = offer_of(1);
    assert_true(is_chosen(&o, &chosen));
    o = offer_of(1);
    o.t[0].understood = false;
    assert_false(is_chosen(&o, &chosen));
    o = offer_of(1);
    o.t[0].life_kb = 1000; /* a limit that nobody here counts */
    assert_false(is_chosen(&o, &chosen));
    o = offer_of(1);
    o.t[0].key_bits = 0; /* CVE-2024-3652: key length absent or 0 */
    assert_false(is_chosen(&o, &chosen));
    o = offer_of(1);
    o.t[0].encryption++;
    assert_false(is_chosen(&o, &chosen));
    o = offer_of(1);
    o.t[0].hash++;
    assert_false(is_chosen(&o, &chosen));
    o = offer_of(1);
    o.t[0].auth++;
    assert_false(is_chosen(&o, &chosen));
    o = offer_of(1);
    o.t[0].group++;
    assert_false(is_chosen(&o, &chosen));
}

static void shorter_lifetime_counts(void **state)
{
    (void)state;
    static const struct {
        uint64_t offered;
        uint32_t used;
    } cases[] = {{0, 3600}, {1, 1}, {3599, 3599}, {3600, 3600}, {3601, 3600}, {UINT64_MAX, 3600}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct config_proposal chosen;
        struct isakmp_sa o = offer_of(1);
        o.t[0].life_s = cases[i].offered;
        assert_true(is_chosen(&o, &chosen));
        assert_int_equal(chosen.lifetime_s, cases[i].used);
    }
}

static void answer_is_the_offered_transform(void **state)
{
    (void)state;
    struct isakmp_sa answer, o = offer_of(3);
    struct config_proposal chosen;
    o.t[0].group = 2;
    o.t[1].number = 77;
    o.t[1].life_s = 12345;
    o.situation = 0;
    o.proposal = 9;
    assert_true(phase1_proposal_choose(&o, &good, 1, &answer, &chosen));
    assert_int_equal(answer.n, 1);
    assert_memory_equal(&answer.t[0], &o.t[1], sizeof answer.t[0]);
    assert_int_equal(answer.proposal, 9);
    assert_int_equal(answer.situation, 0);
    assert_int_equal(answer.doi, 2);
}

static void altered_answers_are_refused(void **state)
{
    (void)state;
    struct config_proposal chosen;
    struct isakmp_sa o = offer_of(2), a;
    o.t[1].group = 19;
    a = o;
    a.n = 1;
    a.t[0] = o.t[1];
    assert_true(phase1_proposal_accept(&o, &a, &chosen));
    assert_int_equal(chosen.group, 19);
    assert_int_equal(chosen.lifetime_s, 3600);
    struct isakmp_sa bad = a;
    bad.n = 2;
    assert_false(phase1_proposal_accept(&o, &bad, &chosen));
    bad = a;
    bad.n = 0;
    assert_false(phase1_proposal_accept(&o, &bad, &chosen));
    bad = a;
    bad.doi = 1;
    assert_false(phase1_proposal_accept(&o, &bad, &chosen));
    bad = a;
    bad.t[0].life_s++;
    assert_false(phase1_proposal_accept(&o, &bad, &chosen));
    bad = a;
    bad.t[0].life_kb++;
    assert_false(phase1_proposal_accept(&o, &bad, &chosen));
    bad = a;
    bad.t[0].key_bits = 128;
    assert_false(phase1_proposal_accept(&o, &bad, &chosen));
    bad = a;
    bad.t[0].understood = false;
    assert_false(phase1_proposal_accept(&o, &bad, &chosen));
}

/* The transform of one offer, read from octets: SA body with these attributes. */
static enum isakmp_error read_offer(const uint8_t *attributes, size_t len, struct isakmp_sa *sa, uint8_t body[600])
{
    struct buf_writer w = buf_writer_of(body, 600);
    buf_put_u32(&w, 2);
    buf_put_u32(&w, 1);
    buf_put_u32(&w, (uint32_t)(16 + len));
    buf_put_u32(&w, 0x01010001);
    buf_put_u32(&w, (uint32_t)(8 + len));
    buf_put_u32(&w, 0x01010000);
    buf_put_bytes(&w, attributes, len);
    return isakmp_sa_get(buf_written(&w), sa);
}

/*
 * What may stand in a transform, and what comes of it: chosen with this lifetime, or passed over (0), or the whole offer
 * is malformed (-1). We accept aes-256/sha256/14/psk and 3des/sha1/14/psk, both for 3600 s.
 */
#define AES_256 0x80, 1, 0, 7, 0x80, 14, 1, 0
#define AES     0x80, 1, 0, 7
#define DES3    0x80, 1, 0, 5
#define SHA256  0x80, 2, 0, 4
#define SHA1    0x80, 2, 0, 2
#define PSK     0x80, 3, 0, 1
#define G14     0x80, 4, 0, 14
#define SECONDS 0x80, 11, 0, 1
#define KBYTES  0x80, 11, 0, 2
static const struct {
    const char *what;
    int chosen;
    uint8_t len, b[64];
} offers[] = {
#define OFFER(what, chosen, ...) {what, chosen, sizeof((uint8_t[]){__VA_ARGS__}), {__VA_ARGS__}}
    OFFER("the minimum", 3600, AES_256, SHA256, PSK, G14),
    OFFER("another order", 3600, G14, PSK, SHA256, 0x80, 14, 1, 0, AES),
    OFFER("attributes as TLV", 3600, 0, 1, 0, 2, 0, 7, 0, 14, 0, 2, 1, 0, SHA256, PSK, G14),
    OFFER("TLV with leading zeros", 3600, 0, 1, 0, 4, 0, 0, 0, 7, 0x80, 14, 1, 0, SHA256, PSK, G14),
    OFFER("basic lifetime", 600, AES_256, SHA256, PSK, G14, SECONDS, 0x80, 12, 2, 88),
    OFFER("lifetime of 1 octet", 200, AES_256, SHA256, PSK, G14, SECONDS, 0, 12, 0, 1, 200),
    OFFER("lifetime of 3 octets", 600, AES_256, SHA256, PSK, G14, SECONDS, 0, 12, 0, 3, 0, 2, 88),
    OFFER("lifetime of 8 octets", 3600, AES_256, SHA256, PSK, G14, SECONDS, 0, 12, 0, 8, 1, 0, 0, 0, 0, 0, 0, 0),
    OFFER("lifetime of 9 octets", 3600, AES_256, SHA256, PSK, G14, SECONDS, 0, 12, 0, 9, 1, 0, 0, 0, 0, 0, 0, 0, 0),
    OFFER("lifetime 0", -1, AES_256, SHA256, PSK, G14, SECONDS, 0x80, 12, 0, 0),
    OFFER("lifetime without octets", -1, AES_256, SHA256, PSK, G14, SECONDS, 0, 12, 0, 0),
    OFFER("duration without a type", -1, AES_256, SHA256, PSK, G14, 0x80, 12, 2, 88),
    OFFER("type without a duration", -1, AES_256, SHA256, PSK, G14, SECONDS),
    OFFER("seconds twice", -1, AES_256, SHA256, PSK, G14, SECONDS, 0x80, 12, 2, 88, SECONDS, 0x80, 12, 2, 88),
    OFFER("kilobytes", 0, AES_256, SHA256, PSK, G14, KBYTES, 0x80, 12, 2, 88),
    OFFER("both limits", 0, AES_256, SHA256, PSK, G14, SECONDS, 0x80, 12, 2, 88, KBYTES, 0x80, 12, 2, 88),
    OFFER("unknown life type", 0, AES_256, SHA256, PSK, G14, 0x80, 11, 0, 3, 0x80, 12, 2, 88),
    OFFER("AES without a key length", 0, AES, SHA256, PSK, G14),
    OFFER("AES with key length 0", -1, AES, 0x80, 14, 0, 0, SHA256, PSK, G14),
    OFFER("AES with 129 bits", 0, AES, 0x80, 14, 0, 129, SHA256, PSK, G14),
    OFFER("AES of another length", 0, AES, 0x80, 14, 0, 128, SHA256, PSK, G14),
    OFFER("3DES", 3600, DES3, SHA1, PSK, G14),
    OFFER("3DES with a key length", 0, DES3, 0x80, 14, 0, 192, SHA1, PSK, G14),
    OFFER("no cipher", 0, 0x80, 14, 1, 0, SHA256, PSK, G14),
    OFFER("no hash", 0, AES_256, PSK, G14),
    OFFER("no authentication", 0, AES_256, SHA256, G14),
    OFFER("no group", 0, AES_256, SHA256, PSK),
    OFFER("a prf", 0, AES_256, SHA256, PSK, G14, 0x80, 13, 0, 1),
    OFFER("a group type", 0, AES_256, SHA256, PSK, G14, 0x80, 5, 0, 1),
    OFFER("an unknown attribute", 0, AES_256, SHA256, PSK, G14, 0x80, 99, 0, 1),
    OFFER("the same cipher twice", -1, AES_256, SHA256, PSK, G14, AES),
    OFFER("two groups", -1, AES_256, SHA256, PSK, G14, 0x80, 4, 0, 19),
    OFFER("an unknown attribute twice", -1, AES_256, SHA256, PSK, G14, 0x80, 99, 0, 1, 0x80, 99, 0, 1),
    OFFER("a cipher of 3 octets that are too much", -1, 0, 1, 0, 3, 1, 0, 7, 0x80, 14, 1, 0, SHA256, PSK, G14),
    OFFER("an attribute that is cut off", -1, AES_256, SHA256, PSK, G14, 0, 12, 0, 8, 1),
};

static void what_a_transform_may_hold(void **state)
{
    (void)state;
    struct config_proposal own[2] = {good, good};
    own[1].encryption = 5;
    own[1].key_bits = 0;
    own[1].hash = 2;
    for (size_t i = 0; i < sizeof offers / sizeof offers[0]; i++) {
        struct isakmp_sa offer, answer;
        struct config_proposal chosen;
        uint8_t body[600], out[600];
        enum isakmp_error e = read_offer(offers[i].b, offers[i].len, &offer, body);
        if ((e != ISAKMP_OK) != (offers[i].chosen < 0))
            fail_msg("%s: %s", offers[i].what, isakmp_error_text(e));
        if (e != ISAKMP_OK)
            continue;
        bool found = phase1_proposal_choose(&offer, own, 2, &answer, &chosen);
        if (found != (offers[i].chosen > 0) || (found && chosen.lifetime_s != (uint32_t)offers[i].chosen))
            fail_msg("%s: %s for %u s", offers[i].what, found ? "chosen" : "passed over", found ? chosen.lifetime_s : 0);
        if (!found)
            continue;
        /* RFC 2409 section 5: attributes aren't changed, and here not even their encoding: the body comes back as it was. */
        struct buf_writer w = buf_writer_of(out, sizeof out);
        const struct isakmp_header h = {.exchange = ISAKMP_EXCHANGE_MAIN};
        struct isakmp_chain c = isakmp_message_begin(&w, &h);
        isakmp_sa_put(&c, &answer);
        assert_int_equal(w.len, 28 + 4 + 24 + offers[i].len);
        assert_memory_equal(out + 32, body, 24u + offers[i].len);
    }
}

/* Our order decides among many, theirs only between equals; and the initiator finds it in what it offered. */
static void order_of_many(void **state)
{
    (void)state;
    static const uint16_t theirs[] = {2, 14, 5, 19, 14, 16, 20}, ours[] = {21, 16, 14, 19};
    struct config_proposal offered[7], own[4], chosen, accepted;
    struct isakmp_sa offer, answer;
    for (size_t i = 0; i < 7; i++) {
        offered[i] = good;
        offered[i].group = theirs[i];
    }
    for (size_t i = 0; i < 4; i++) {
        own[i] = good;
        own[i].group = ours[i];
    }
    assert_int_equal(phase1_proposal_offer(2, offered, 7, &offer), 7);
    for (size_t i = 0; i < 7; i++)
        assert_true(offer.t[i].number == i + 1 && offer.t[i].group == theirs[i]);
    assert_true(phase1_proposal_choose(&offer, own, 4, &answer, &chosen));
    assert_int_equal(answer.t[0].number, 6); /* group 16 */
    assert_int_equal(chosen.group, 16);
    assert_true(phase1_proposal_accept(&offer, &answer, &accepted));
    assert_int_equal(accepted.group, 16);
    assert_true(phase1_proposal_choose(&offer, own + 2, 2, &answer, &chosen));
    assert_int_equal(answer.t[0].number, 2); /* group 14: the first of two equals */
}

static void offers_as_text(void **state)
{
    (void)state;
    struct isakmp_sa o = offer_of(3);
    char text[200];
    o.t[0].understood = false;
    o.t[1].key_bits = 0;
    o.t[1].life_kb = 1;
    o.t[2].encryption = 5;
    o.t[2].key_bits = 0;
    o.t[2].hash = 77;
    o.t[2].group = 0;
    o.t[2].auth = 3;
    phase1_proposal_list(&o, text, sizeof text);
    assert_string_equal(text, "aes-256/sha256/14/psk with an unknown attribute, "
                              "aes-no-length/sha256/14/psk with a limit in kilobytes, 3des/unknown(77)/0/rsa");
    for (size_t cap = 1; cap < 140; cap++) {
        memset(text, 'x', sizeof text);
        phase1_proposal_list(&o, text, cap);
        assert_true(strlen(text) < cap && text[cap] == 'x');
    }
    o = offer_of(4);
    phase1_proposal_list(&o, text, 70);
    assert_string_equal(text, "aes-256/sha256/14/psk, aes-256/sha256/14/psk, ...");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_what_this_version_runs), cmocka_unit_test(one_wrong_attribute_is_enough),
        cmocka_unit_test(shorter_lifetime_counts),     cmocka_unit_test(answer_is_the_offered_transform),
        cmocka_unit_test(altered_answers_are_refused), cmocka_unit_test(what_a_transform_may_hold),
        cmocka_unit_test(order_of_many),               cmocka_unit_test(offers_as_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
