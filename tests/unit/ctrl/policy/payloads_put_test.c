/* SPDX-License-Identifier: BSD-3-Clause */
/* What a key server sends: to our members, to others, and what it refuses to send, with the reason. */
#include "tests/unit/ctrl/policy/fixture.h"

static uint8_t out[65536];

/* The SA payload's body for this peer as it was written; empty when it was refused. */
static struct span put_sa(const struct peer_features *peer)
{
    struct buf_writer w = buf_writer_of(out, sizeof(out));
    buf_put_u8(&w, 0);
    struct isakmp_chain c = isakmp_chain_at(&w, 0);
    if (!policy_put_sa(&c, &p, peer, &why))
        return span_of(NULL, 0);
    assert_int_equal(out[0], ISAKMP_PAYLOAD_SA);
    assert_int_equal((out[3] << 8 | out[4]) + 1, w.len);
    return span_of(out + 5, w.len - 5);
}

static void octets_for_our_member(void **state)
{
    (void)state;
    char hex[8192];
    assert_true(bytes_are(put_sa(&ours), sa_ours(RULE, "00" SAT_OURS, hex)));
}

static void octets_for_another_member(void **state)
{
    (void)state;
    assert_true(bytes_are(put_sa(&plain), SA_PLAIN));
}

static void octets_of_the_keys(void **state)
{
    (void)state;
    struct buf_writer w = buf_writer_of(out, sizeof(out));
    buf_put_u8(&w, 0);
    struct isakmp_chain c = isakmp_chain_at(&w, 0);
    assert_true(policy_put_kd(&c, &p, &why));
    assert_true(bytes_are(buf_written(&w), "11 00000040" KD));
    p.n_sender_ids = 0;
    w = buf_writer_of(out, sizeof(out));
    buf_put_u8(&w, 0);
    c = isakmp_chain_at(&w, 0);
    assert_true(policy_put_kd(&c, &p, &why));
    assert_true(bytes_are(buf_written(&w), "11 00000029 0001 0000" TEK));
}

static void another_member_gets_one_sat_per_permit_that_shares_the_spi(void **state)
{
    (void)state;
    add_rule(&p, "permit ip 10.0.0.0/8 10.0.0.0/8", 10);
    add_rule(&p, "permit ip 2001:db8::/32 2001:db8::/32", 10);
    assert_true(policy_set_digest(&p, sha256));
    struct gdoi_sa sa;
    struct gdoi_sat sat;
    assert_int_equal(gdoi_sa_get(put_sa(&plain), &sa), ISAKMP_OK);
    assert_false(sa.has_gap);
    assert_int_equal(sa.n_sats, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(gdoi_sa_next(&sa, &sat), ISAKMP_OK);
        assert_int_equal(sat.spi, 0x100);
        assert_true(selector_equal(&sat.sel, &p.acl.entries[i].sel));
        assert_false(sat.has_private);
    }
}

static void what_rfc_6407_can_not_say_is_refused_with_the_features_that_lack(void **state)
{
    (void)state;
    add_rule(&p, "deny udp any eq 848 any eq 848", 10);
    assert_int_equal(put_sa(&plain).len, 0);
    assert_true(why.missing == FEATURE_ORDERED_POLICY);
    assert_int_equal(why.notify, ISAKMP_N_REFUSED);
    assert_string_equal(why.text, "the member lacks: ordered policy");
    p.acl.n = 1;
    assert_int_not_equal(put_sa(&plain).len, 0);
    add_rule(&p, "permit tcp any any range 8000 8010", 10);
    assert_int_equal(put_sa(&plain).len, 0);
    assert_true(why.missing == FEATURE_ORDERED_POLICY);
    p.acl.n = 1;
    p.sas[0].replay = REPLAY_TIME;
    p.sas[0].window = 100;
    p.has_pseudotime = true;
    assert_int_equal(put_sa(&plain).len, 0);
    assert_true(why.missing == FEATURE_TIME_REPLAY);
    struct peer_features old = {.ours = true, .features = FEATURE_ORDERED_POLICY};
    assert_int_equal(put_sa(&old).len, 0);
    assert_true(why.missing == FEATURE_TIME_REPLAY);
    p.sas[0].tag = p.sas[0].strict_sender = true;
    assert_int_equal(put_sa(&old).len, 0);
    assert_string_equal(why.text, "the member lacks: time replay, tag, strict sender");
    p.sas[0].tag = p.sas[0].strict_sender = false;
    p.sas[0].replay = REPLAY_COUNTER;
    p.sas[0].suite = suite_by_id(SUITE_CHACHA20_POLY1305);
    assert_int_equal(put_sa(&plain).len, 0);
    assert_true(why.missing == (FEATURE_COUNTER_REPLAY | FEATURE_CHACHA20));
    assert_string_equal(why.text, "the member lacks: counter replay, chacha20-poly1305");
    struct peer_features all = {.ours = true, .features = UINT64_MAX};
    assert_int_not_equal(put_sa(&all).len, 0);
    struct peer_features none = {.ours = true};
    assert_int_equal(put_sa(&none).len, 0);
    assert_true(why.missing == (FEATURE_ORDERED_POLICY | FEATURE_COUNTER_REPLAY | FEATURE_CHACHA20));
    struct peer_features foreign = {.ours = false, .features = UINT64_MAX}; /* not ours: its bits count nothing */
    assert_int_equal(put_sa(&foreign).len, 0);
}

static void receive_only_is_said_in_either_language(void **state)
{
    (void)state;
    p.receive_only = true;
    struct gdoi_sa sa;
    struct gdoi_sat sat;
    assert_int_equal(gdoi_sa_get(put_sa(&plain), &sa), ISAKMP_OK);
    assert_int_equal(gdoi_sa_next(&sa, &sat), ISAKMP_OK);
    assert_int_equal(sat.direction, GDOI_RECEIVER_ONLY);
    assert_int_equal(gdoi_sa_get(put_sa(&ours), &sa), ISAKMP_OK);
    assert_true(sa.gap.receive_only);
    assert_string_equal(carry(&p, &plain, &q, &why), "");
    assert_true(q.receive_only);
    assert_string_equal(carry(&p, &ours, &q, &why), "");
    assert_true(q.receive_only);
}

static void the_largest_delays_are_sent_and_too_large_ones_refused(void **state)
{
    (void)state;
    struct gdoi_sa sa;
    add_sa(&p, 10, 0x101, SUITE_AES_GCM_256, 7200);
    p.sas[0].deactivate_in_s = 3600;
    p.sas[1].activate_in_s = 3570;
    assert_int_equal(gdoi_sa_get(put_sa(&plain), &sa), ISAKMP_OK);
    assert_true(sa.has_gap);
    assert_int_equal(sa.gap.atd_s, 3570);
    assert_int_equal(sa.gap.dtd_s, 3600);
    p.sas[0].activate_in_s = 65535;
    assert_int_equal(gdoi_sa_get(put_sa(&ours), &sa), ISAKMP_OK);
    assert_int_equal(sa.gap.atd_s, 65535);
    p.sas[0].activate_in_s = 65536;
    assert_int_equal(put_sa(&ours).len, 0);
    assert_string_equal(why.text, "a delay above 65535 seconds can't be said in a GAP");
}

static void a_policy_above_60_kb_is_refused(void **state)
{
    (void)state;
    add_sa(&p, 10, 0x101, SUITE_AES_GCM_256, 7200);
    for (int i = 0; i < 999; i++)
        add_rule(&p, "permit ip 10.0.0.0/8 10.0.0.0/8", 10);
    assert_int_equal(put_sa(&plain).len, 0);
    assert_string_equal(why.text, "the policy is too large for one message (1000 rules, 2 SAs)");
    assert_int_not_equal(put_sa(&ours).len, 0); /* the rules stand there once */
    assert_true(policy_set_digest(&p, sha256));
    assert_string_equal(carry(&p, &ours, &q, &why), "");
    assert_true(acl_equal(&p.acl, &q.acl));
}

static void a_short_buffer_is_a_refusal(void **state)
{
    (void)state;
    for (size_t cap = 0; cap < 0x6d; cap++) {
        uint8_t *exact = malloc(cap > 0 ? cap : 1);
        struct buf_writer w = buf_writer_of(exact, cap);
        buf_put_u8(&w, 0);
        struct isakmp_chain c = isakmp_chain_at(&w, 0);
        assert_int_equal(policy_put_sa(&c, &p, &plain, &why), cap >= 1 + 4 + 12 + 0x37);
        w = buf_writer_of(exact, cap);
        buf_put_u8(&w, 0);
        c = isakmp_chain_at(&w, 0);
        assert_int_equal(policy_put_kd(&c, &p, &why), cap >= 1 + 0x40);
        free(exact);
    }
}

static void sixty_four_sender_ids_are_sent_and_no_more(void **state)
{
    (void)state;
    for (size_t i = 0; i < POLICY_MAX_SENDER_IDS; i++)
        p.sender_ids[i] = i;
    p.n_sender_ids = POLICY_MAX_SENDER_IDS;
    assert_string_equal(carry(&p, &ours, &q, &why), "");
    assert_int_equal(q.n_sender_ids, POLICY_MAX_SENDER_IDS);
    assert_true(q.sender_ids[63] == 63);
    p.n_sender_ids = POLICY_MAX_SENDER_IDS + 1; /* never looked at */
    assert_string_equal(carry(&p, &ours, &q, &why), "impossible number or width of sender ids");
}

static void our_own_mistakes_do_not_leave_the_house(void **state)
{
    (void)state;
    struct policy_sa good = p.sas[0];
    p.sas[0].lifetime_s = 0;
    assert_int_equal(put_sa(&ours).len, 0);
    p.sas[0].lifetime_s = POLICY_MAX_LIFETIME_S + 1;
    assert_int_equal(put_sa(&ours).len, 0);
    p.sas[0] = good;
    p.sas[0].spi = 255;
    assert_int_equal(put_sa(&ours).len, 0);
    p.sas[0] = good;
    p.sas[0].number = 0;
    assert_int_equal(put_sa(&ours).len, 0);
    p.sas[0] = good;
    p.n_sas = 0;
    assert_int_equal(put_sa(&ours).len, 0);
    assert_string_equal(why.text, "the group has no SA at present");
    p.n_sas = 1;
    p.sas[0].number = 20; /* an SA that no rule names */
    assert_int_equal(put_sa(&plain).len, 0);
    assert_string_equal(why.text, "sa 20 has no permit entry: RFC 6407 can't say that");

    struct buf_writer w = buf_writer_of(out, sizeof(out));
    struct isakmp_chain c = isakmp_chain_at(&w, 0);
    p.sas[0] = good;
    p.sas[0].key.len = 16; /* the salt is missing */
    assert_false(policy_put_kd(&c, &p, &why));
    p.sas[0] = good;
    p.sender_ids[1] = 1 << 24;
    assert_false(policy_put_kd(&c, &p, &why));
    p.sid_bits = 0;
    assert_false(policy_put_kd(&c, &p, &why));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(octets_for_our_member),
        TEST(octets_for_another_member),
        TEST(octets_of_the_keys),
        TEST(another_member_gets_one_sat_per_permit_that_shares_the_spi),
        TEST(what_rfc_6407_can_not_say_is_refused_with_the_features_that_lack),
        TEST(receive_only_is_said_in_either_language),
        TEST(the_largest_delays_are_sent_and_too_large_ones_refused),
        TEST(a_policy_above_60_kb_is_refused),
        TEST(a_short_buffer_is_a_refusal),
        TEST(sixty_four_sender_ids_are_sent_and_no_more),
        TEST(our_own_mistakes_do_not_leave_the_house),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
