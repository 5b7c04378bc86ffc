/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Every suite, both modes and all that replay, tag and strict sender can mean, from policy to payloads and back, in a build
 * where the data plane is taken to do all of it. Octets by hand from RFC 2407 4.5, RFC 6407 and docs/exchanges.md.
 */
#include "tests/unit/ctrl/policy/fixture.h"

#include <string.h>

static char text[8192];

static void use(enum suite_id id)
{
    p.n_sas = 0;
    add_sa(&p, 10, 0x100, id, 3600);
}

static void assert_same_sa(const struct policy_sa *a, const struct policy_sa *b)
{
    assert_ptr_equal(a->suite, b->suite);
    assert_int_equal(a->transport, b->transport);
    assert_int_equal(a->replay, b->replay);
    assert_int_equal(a->window, b->window);
    assert_int_equal(a->tag, b->tag);
    assert_int_equal(a->strict_sender, b->strict_sender);
    assert_int_equal(a->key.len, b->key.len);
    assert_memory_equal(a->key.b, b->key.b, a->key.len);
    assert_int_equal(a->integrity.len, b->integrity.len);
    assert_memory_equal(a->integrity.b, b->integrity.b, a->integrity.len);
}

static void every_suite_goes_through_in_both_modes_to_both_kinds_of_members(void **state)
{
    (void)state;
    for (unsigned id = SUITE_NONE + 1; id < SUITE_COUNT; id++) {
        for (unsigned mode = 0; mode < 2; mode++) {
            use(id);
            p.sas[0].transport = mode;
            assert_string_equal(carry(&p, &ours, &q, &why), "");
            assert_same_sa(&p.sas[0], &q.sas[0]);
            assert_int_equal(q.n_sender_ids, 2); /* whatever the suite */
            if (id == SUITE_CHACHA20_POLY1305) {
                assert_string_equal(carry(&p, &plain, &q, &why), "the member lacks: chacha20-poly1305");
                assert_true(why.missing == FEATURE_CHACHA20);
                continue;
            }
            assert_string_equal(carry(&p, &plain, &q, &why), "");
            assert_same_sa(&p.sas[0], &q.sas[0]);
        }
    }
}

static void suites_stand_on_the_wire_as_the_rfcs_say(void **state)
{
    (void)state;
    static const struct {
        enum suite_id id;
        const char *end; /* of the SAT: transform, SPI, life, encapsulation, authentication, key length, ours */
    } rows[] = {
        {SUITE_AES_GMAC_256, "17 00000100" LIFE "8006 0100" PRIVATE},
        {SUITE_CHACHA20_POLY1305, "f9 00000100" LIFE PRIVATE},
        {SUITE_AES_CBC_192_SHA1, "0c 00000100" LIFE "8005 0002 8006 00c0" PRIVATE},
        {SUITE_AES_CBC_128_SHA256, "0c 00000100" LIFE "8005 0005 8006 0080" PRIVATE},
        {SUITE_AES_CBC_256_SHA384, "0c 00000100" LIFE "8005 0006 8006 0100" PRIVATE},
        {SUITE_NULL_SHA512, "0b 00000100" LIFE "8005 0007" PRIVATE},
        {SUITE_3DES_SHA1, "03 00000100" LIFE "8005 0002" PRIVATE},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint8_t out[512];
        struct buf_writer w = buf_writer_of(out, sizeof(out));
        struct isakmp_chain c = isakmp_chain_at(&w, 0);
        struct bytes end = bytes_hex(rows[i].end);
        buf_put_u8(&w, 0);
        use(rows[i].id);
        assert_true(policy_put_sa(&c, &p, &ours, &why));
        assert_true(w.len > end.len);
        assert_memory_equal(out + w.len - end.len, end.p, end.len);
        bytes_free(&end);
    }
}

/* Integrity keys are as long as their hash (RFC 4868 2.1.1, RFC 2404 3), cipher keys and salts as RFC 4106 and 3602 say. */
static void keys_have_their_lengths_in_the_key_download(void **state)
{
    (void)state;
    static const struct {
        enum suite_id id;
        uint16_t algorithm, integrity;
    } rows[] = {
        {SUITE_AES_GCM_192, 28, 0},         {SUITE_AES_GMAC_128, 20, 0},        {SUITE_CHACHA20_POLY1305, 36, 0},
        {SUITE_AES_CBC_128_SHA1, 16, 20},   {SUITE_AES_CBC_192_SHA256, 24, 32}, {SUITE_AES_CBC_256_SHA384, 32, 48},
        {SUITE_AES_CBC_256_SHA512, 32, 64}, {SUITE_NULL_SHA1, 0, 20},           {SUITE_3DES_SHA1, 24, 20},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint8_t out[512];
        struct buf_writer w = buf_writer_of(out, sizeof(out));
        struct isakmp_chain c = isakmp_chain_at(&w, 0);
        struct gdoi_kd kd;
        struct gdoi_kd_packet packet;
        buf_put_u8(&w, 0);
        use(rows[i].id);
        assert_true(policy_put_kd(&c, &p, &why));
        assert_int_equal(gdoi_kd_get(span_of(out + 5, w.len - 5), &kd), ISAKMP_OK);
        assert_int_equal(gdoi_kd_next(&kd, &packet), ISAKMP_OK);
        assert_int_equal(packet.tek.algorithm_key.len, rows[i].algorithm);
        assert_int_equal(packet.tek.integrity_key.len, rows[i].integrity);
    }
}

static void a_gmac_key_may_come_as_an_integrity_key(void **state)
{
    (void)state;
    static const char gmac[] = "00 00 0043 01" ANY_ANY "17 00000100" LIFE GCM_128 PRIVATE;
    static const char as_integrity[] = "0002 0000 01 00 0021 04 00000100 0002 0014" KEY_128 SIDS;
    static const char as_both[] = "0001 0000 01 00 0039 04 00000100 0001 0014" KEY_128 "0002 0014" KEY_128;
    assert_string_equal(take(sa_ours(RULE, gmac, text), KD, &ours, &q, &why), "");
    struct secret key = q.sas[0].key;
    assert_string_equal(take(sa_ours(RULE, gmac, text), as_integrity, &ours, &q, &why), "");
    assert_int_equal(q.sas[0].key.len, 20);
    assert_memory_equal(q.sas[0].key.b, key.b, 20);
    assert_int_equal(q.sas[0].integrity.len, 0);
    assert_string_equal(take(sa_ours(RULE, gmac, text), as_both, &ours, &q, &why),
                        "SA 0x00000100: 20 octets of integrity key, aes-gmac-128 has 0");
    /* GCM encrypts: there is no doubt where its key stands */
    assert_string_equal(take(sa_ours(RULE, "00" SAT_OURS, text), as_integrity, &ours, &q, &why),
                        "SA 0x00000100: 0 octets of key, aes-gcm-128 has 20");
}

static void replay_tag_and_strict_sender_go_through(void **state)
{
    (void)state;
    static const struct {
        enum replay_method replay;
        uint16_t window;
        bool tag, strict;
        uint64_t needs;
    } rows[] = {
        {REPLAY_NONE, 0, false, false, 0},
        {REPLAY_NONE, 0, true, false, FEATURE_TAG},
        {REPLAY_COUNTER, 64, false, false, FEATURE_COUNTER_REPLAY},
        {REPLAY_COUNTER, 4096, true, false, FEATURE_COUNTER_REPLAY | FEATURE_TAG},
        {REPLAY_TIME, 1, false, false, FEATURE_TIME_REPLAY},
        {REPLAY_TIME, 100, true, false, FEATURE_TIME_REPLAY | FEATURE_TAG},
        {REPLAY_TIME, 100, true, true, FEATURE_TIME_REPLAY | FEATURE_TAG | FEATURE_STRICT_SENDER},
    };
    p.has_pseudotime = true;
    p.pseudotime_ms = 123456789012;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        p.sas[0].replay = rows[i].replay;
        p.sas[0].window = rows[i].window;
        p.sas[0].tag = rows[i].tag;
        p.sas[0].strict_sender = rows[i].strict;
        assert_string_equal(carry(&p, &ours, &q, &why), "");
        assert_same_sa(&p.sas[0], &q.sas[0]);
        assert_int_equal(q.has_pseudotime, rows[i].replay == REPLAY_TIME);
        assert_true(q.pseudotime_ms == (q.has_pseudotime ? 123456789012 : 0));
        /* each needed feature, taken away, is missed and named */
        assert_true(policy_missing(&p, &ours) == 0);
        for (unsigned bit = 0; bit < 8; bit++) {
            struct peer_features lacks = {.ours = true, .features = FEATURES_KNOWN & ~(1ull << bit)};
            uint64_t missing = (rows[i].needs | FEATURE_ORDERED_POLICY) & 1ull << bit;
            assert_true(policy_missing(&p, &lacks) == missing);
            assert_int_equal(carry(&p, &lacks, &q, &why)[0] != '\0', missing != 0);
            assert_true(missing == 0 || why.missing == missing);
        }
        assert_int_equal(carry(&p, &plain, &q, &why)[0] != '\0', rows[i].needs != 0);
    }
}

static void the_octets_of_time_replay(void **state)
{
    (void)state;
    static const char sat[] = "00 00 004b 01" ANY_ANY "14 00000100" LIFE GCM_128
                              "fd01 000a fd02 0002 fd03 0064 fd04 0003 fd05 0001";
    uint8_t out[512];
    struct buf_writer w = buf_writer_of(out, sizeof(out));
    struct isakmp_chain c = isakmp_chain_at(&w, 0);
    struct bytes end = bytes_hex(sat), time = bytes_hex("0080 0008 00000000000003e8");
    buf_put_u8(&w, 0);
    p.sas[0].replay = REPLAY_TIME;
    p.sas[0].window = 100;
    p.sas[0].tag = p.sas[0].strict_sender = true;
    p.has_pseudotime = true;
    p.pseudotime_ms = 1000;
    assert_true(policy_put_sa(&c, &p, &ours, &why));
    assert_memory_equal(out + w.len - end.len + 1, end.p + 1, end.len - 1);
    assert_non_null(memmem(out, w.len, time.p, time.len));
    bytes_free(&end);
    bytes_free(&time);
}

/* What doesn't fit together isn't sent, and not taken from whoever sends it. */
static void what_does_not_fit_together_is_refused_on_both_sides(void **state)
{
    (void)state;
    static const struct {
        enum suite_id suite;
        bool transport;
        enum replay_method replay;
        uint16_t window;
        bool tag, strict;
        const char *text;
    } rows[] = {
        {SUITE_AES_GCM_128, false, REPLAY_COUNTER, 63, 0, 0, "SA 0x00000100: a replay window out of range"},
        {SUITE_AES_GCM_128, false, REPLAY_COUNTER, 4097, 0, 0, "SA 0x00000100: a replay window out of range"},
        {SUITE_AES_GCM_128, false, REPLAY_TIME, 0, 0, 0, "SA 0x00000100: a replay window out of range"},
        {SUITE_AES_GCM_128, false, REPLAY_TIME, 101, 0, 0, "SA 0x00000100: a replay window out of range"},
        {SUITE_AES_GCM_128, true, REPLAY_TIME, 100, 0, 0, "SA 0x00000100: time replay doesn't go with transport mode"},
        {SUITE_AES_GCM_128, true, REPLAY_NONE, 0, 1, 0, "SA 0x00000100: a tag doesn't go with transport mode"},
        {SUITE_AES_GCM_128, false, REPLAY_NONE, 0, 0, 1, "SA 0x00000100: strict-sender needs time replay"},
        {SUITE_AES_GCM_128, false, REPLAY_COUNTER, 64, 0, 1, "SA 0x00000100: strict-sender needs time replay"},
        {SUITE_AES_CBC_128_SHA256, false, REPLAY_TIME, 100, 0, 1,
         "SA 0x00000100: strict-sender needs a suite whose IVs are counters"},
    };
    p.has_pseudotime = true;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char sat[512];
        const struct suite *s = suite_by_id(rows[i].suite);
        use(rows[i].suite);
        p.sas[0].transport = rows[i].transport;
        p.sas[0].replay = rows[i].replay;
        p.sas[0].window = rows[i].window;
        p.sas[0].tag = rows[i].tag;
        p.sas[0].strict_sender = rows[i].strict;
        assert_string_equal(carry(&p, &ours, &q, &why), rows[i].text);
        snprintf(sat, sizeof(sat),
                 "00 00 %04x 01" ANY_ANY "%02x 00000100 8001 0001 0002 0004 00000e10 8004 000%d %s 8006 0080"
                 "fd01 000a fd02 %04x fd03 %04x fd04 %04x fd05 %04x",
                 0x4b + (s->auth ? 4 : 0), s->transform, rows[i].transport ? 2 : 1, s->auth ? "8005 0005" : "",
                 (unsigned)rows[i].replay, rows[i].window, (rows[i].replay == REPLAY_TIME) | rows[i].tag << 1, rows[i].strict);
        assert_string_equal(take(sa_ours(RULE, sat, text), KD, &ours, &q, &why), rows[i].text);
    }
}

#define SAT_WITH(private) "00 00 0047 01" ANY_ANY "14 00000100" LIFE GCM_128 private

static void method_header_and_pseudotime_must_agree(void **state)
{
    (void)state;
    static const char disagree[] = "SA 0x00000100: time replay and the metadata header don't agree";
    assert_string_equal(take(sa_ours(RULE, SAT_WITH("fd01 000a fd02 0002 fd03 0064 fd04 0000"), text), KD, &ours, &q, &why),
                        disagree);
    assert_string_equal(take(sa_ours(RULE, SAT_WITH("fd01 000a fd02 0000 fd03 0000 fd04 0001"), text), KD, &ours, &q, &why),
                        disagree);
    assert_string_equal(take(sa_ours(RULE, SAT_WITH("fd01 000a fd02 0001 fd03 0040 fd04 0001"), text), KD, &ours, &q, &why),
                        disagree);
    assert_string_equal(take(sa_ours(RULE, SAT_WITH("fd01 000a fd02 0002 fd03 0064 fd04 0001"), text), KD, &ours, &q, &why),
                        "time replay without the pseudotime");
    /* without a method, a window is nobody's */
    assert_string_equal(take(sa_ours(RULE, SAT_WITH("fd01 000a fd02 0000 fd03 0064 fd04 0002"), text), KD, &ours, &q, &why), "");
    assert_int_equal(q.sas[0].window, 0);
    assert_true(q.sas[0].tag);
    p.sas[0].replay = REPLAY_TIME;
    p.sas[0].window = 1;
    assert_string_equal(carry(&p, &ours, &q, &why), "the group has no pseudotime");
    p.has_pseudotime = true;
    p.pseudotime_ms = POLICY_MAX_PSEUDOTIME_MS;
    assert_string_equal(carry(&p, &ours, &q, &why), "");
    p.pseudotime_ms++;
    assert_string_equal(carry(&p, &ours, &q, &why), "a pseudotime of more than 70 years");
}

static void the_smallest_window_counts(void **state)
{
    (void)state;
    assert_int_equal(policy_time_window(&p), 0);
    add_sa(&p, 20, 0x200, SUITE_AES_GCM_128, 100);
    add_sa(&p, 30, 0x300, SUITE_AES_GCM_128, 100);
    p.sas[0].replay = REPLAY_COUNTER;
    p.sas[0].window = 64;
    assert_int_equal(policy_time_window(&p), 0);
    p.sas[1].replay = p.sas[2].replay = REPLAY_TIME;
    p.sas[1].window = 90;
    p.sas[2].window = 70;
    assert_int_equal(policy_time_window(&p), 70);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        T(every_suite_goes_through_in_both_modes_to_both_kinds_of_members),
        T(suites_stand_on_the_wire_as_the_rfcs_say),
        T(keys_have_their_lengths_in_the_key_download),
        T(a_gmac_key_may_come_as_an_integrity_key),
        T(replay_tag_and_strict_sender_go_through),
        T(the_octets_of_time_replay),
        T(what_does_not_fit_together_is_refused_on_both_sides),
        T(method_header_and_pseudotime_must_agree),
        T(the_smallest_window_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
