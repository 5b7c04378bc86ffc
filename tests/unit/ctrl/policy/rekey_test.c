/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The door for rekeys: what a PUSH may leave out that a PULL may not, what it must not have, and delays. Linked with tables
 * in which everything is supported.
 */
#include "tests/unit/ctrl/policy/fixture.h"

static char text[8192];

static int begin(void **state)
{
    int r = set_up(state);
    p.n_sender_ids = 0;
    p.sid_bits = 0;
    p.has_rules = true;
    return r;
}

static void give_kek(struct policy *x)
{
    static const uint8_t key[32] = {5};
    x->has_kek = true;
    memcpy(x->kek.spi, "0123456789abcdef", 16);
    x->kek.cipher = GDOI_KEK_AES;
    x->kek.key_bits = 256;
    assert_true(secret_set(&x->kek.key, key, sizeof(key)));
    x->kek.signature = GDOI_SIG_RSA;
    x->kek.hash = GDOI_SIG_SHA256;
    x->kek.lifetime_s = 100;
    x->kek.public_key_len = 3;
}

/* Writes p as a rekey and reads it back, as a rekey or as a registration. */
static const char *carry_as(const struct peer_features *peer, bool rekey)
{
    static uint8_t a[65536];
    struct isakmp_payloads ps;
    struct buf_writer w = buf_writer_of(a, sizeof(a));
    buf_put_u8(&w, 0);
    struct isakmp_chain c = isakmp_chain_at(&w, 0);
    if (!policy_put_rekey(&c, &p, peer, &why))
        return why.text;
    assert_int_equal(isakmp_payloads_get(a[0], span_of(a + 1, w.len - 1), ISAKMP_TRAILING_REFUSE, &ps), ISAKMP_OK);
    assert_int_equal(ps.n, 2);
    struct bytes sa = bytes_copy(ps.p[0].body), kd = bytes_copy(ps.p[1].body);
    bool ok = (rekey ? policy_from_rekey : policy_from_payloads)(bytes_span(&sa), bytes_span(&kd), peer, sha256, &q, &why);
    bytes_free(&sa);
    bytes_free(&kd);
    assert_true(ok || (q.n_sas == 0 && !q.has_kek && q.acl.entries == NULL));
    return ok ? "" : why.text;
}

static void the_list_may_stay_away(void **state)
{
    (void)state;
    assert_string_equal(carry_as(&ours, true), "");
    assert_true(q.has_rules && acl_equal(&q.acl, &p.acl));
    p.has_rules = false;
    assert_string_equal(carry_as(&ours, true), "");
    assert_true(!q.has_rules && q.acl.n == 0);
    assert_memory_equal(q.digest, p.digest, sizeof(q.digest));
    assert_string_equal(carry_as(&ours, false), "the policy or its digest is missing"); /* never in a PULL */
    assert_string_equal(carry_as(&plain, true), ""); /* others are told by SATs */
    assert_true(q.has_rules && q.acl.n == 1);
}

static void rules_may_name_sas_that_the_member_has(void **state)
{
    (void)state;
    add_rule(&p, "permit ip any any", 20);
    assert_true(policy_set_digest(&p, sha256));
    assert_string_equal(carry_as(&ours, true), "");
    assert_int_equal(q.acl.n, 2 + 1); /* any any: one of each family */
    assert_string_equal(carry_as(&ours, false), "rule 2 names sa 20, which has no key");
}

static void a_kek_may_come_alone(void **state)
{
    (void)state;
    give_kek(&p);
    p.has_rules = false;
    p.n_sas = 0;
    for (int i = 0; i < 2; i++) {
        assert_string_equal(carry_as(i ? &plain : &ours, true), "");
        assert_true(q.has_kek && q.n_sas == 0 && !q.has_rules);
        assert_string_equal(carry_as(i ? &plain : &ours, false), "the SA payload holds no TEK");
    }
    p.has_kek = false;
    assert_string_equal(carry_as(&ours, true), "the group has no SA at present");
}

static void sender_ids_stay_away(void **state)
{
    (void)state;
    p.n_sender_ids = 1;
    p.sid_bits = 24;
    assert_string_equal(carry_as(&ours, true), "sender ids don't go into a rekey");
}

/* As bytes, by a key server that does it nevertheless. */
static void sender_ids_in_a_rekey_are_refused(void **state)
{
    (void)state;
    struct bytes sa = bytes_hex(SA_PLAIN), kd = bytes_hex(KD);
    assert_false(policy_from_rekey(bytes_span(&sa), bytes_span(&kd), &plain, sha256, &q, &why));
    assert_string_equal(why.text, "sender ids come in a rekey");
    assert_int_equal(q.n_sas, 0);
    bytes_free(&sa);
    bytes_free(&kd);
}

static void delays_are_said_for_what_the_rekey_does_not_bring(void **state)
{
    (void)state;
    p.activate_in_s = 60;
    p.deactivate_in_s = 90;
    assert_string_equal(carry_as(&plain, true), "");
    assert_true(q.activate_in_s == 60 && q.deactivate_in_s == 90);
    assert_true(q.sas[0].activate_in_s == 0 && q.sas[0].deactivate_in_s == 0);
    add_sa(&p, 10, 0x101, SUITE_AES_GCM_128, 7200);
    p.sas[0].deactivate_in_s = 120;
    p.sas[1].activate_in_s = 30;
    assert_string_equal(carry_as(&ours, true), ""); /* the largest of each is the safe one */
    assert_true(q.activate_in_s == 60 && q.deactivate_in_s == 120);
    assert_true(q.sas[0].activate_in_s == 0 && q.sas[0].deactivate_in_s == 120);
    assert_true(q.sas[1].activate_in_s == 60 && q.sas[1].deactivate_in_s == 0);
    p.deactivate_in_s = 65536;
    assert_string_equal(carry_as(&ours, true), "a delay above 65535 seconds can't be said in a GAP");
}

static void an_activation_delay_that_no_sa_outlives_is_refused(void **state)
{
    (void)state;
    for (unsigned atd = 3599; atd <= 3601; atd++) {
        p.activate_in_s = atd;
        assert_string_equal(carry_as(&plain, true), atd < 3600 ? "" : why.text);
        assert_int_equal(q.n_sas, atd < 3600);
    }
    assert_string_equal(why.text, "no SA outlives the activation delay of 3601 s");
}

static void replacing_is_for_those_who_know_it(void **state)
{
    (void)state;
    const struct peer_features old = {.ours = true, .features = FEATURES_KNOWN & ~FEATURE_REPLACE};
    p.replace = true;
    assert_string_equal(carry_as(&ours, true), "");
    assert_true(q.replace);
    assert_string_equal(carry_as(&ours, false), "replacing all SAs: only a rekey can");
    assert_string_equal(carry_as(&old, true), "the member lacks: replace");
    assert_string_equal(carry_as(&plain, true), ""); /* a delay says it to others */
    assert_false(q.replace);
}

static void the_time_goes_along_whenever_there_is_one(void **state)
{
    (void)state;
    p.has_pseudotime = true;
    p.pseudotime_ms = 5;
    give_kek(&p);
    p.n_sas = 0;
    assert_string_equal(carry_as(&ours, true), "");
    assert_true(q.has_pseudotime && q.pseudotime_ms == 5);
    policy_wipe(&p);
    small_policy(&p);
    p.n_sender_ids = 0;
    p.sas[0].replay = REPLAY_TIME;
    p.sas[0].window = 10;
    assert_string_equal(carry_as(&ours, true), "the group has no pseudotime");
}

/* Members tell the age of rekeys by it, so the registration says it where there are some, whether an SA looks at the time or not. */
static void a_registration_says_the_time_that_rekeys_are_told_by(void **state)
{
    static uint8_t a[65536];

    (void)state;
    for (unsigned kek = 0; kek < 2; kek++) {
        struct buf_writer w = buf_writer_of(a, sizeof(a));
        struct isakmp_payloads ps;

        if (kek)
            give_kek(&p);
        p.has_pseudotime = true;
        p.pseudotime_ms = 0x123456789a;
        buf_put_u8(&w, 0);
        struct isakmp_chain c = isakmp_chain_at(&w, 0);
        assert_true(policy_put_sa(&c, &p, &ours, &why));
        assert_true(policy_put_kd(&c, &p, &why));
        assert_int_equal(isakmp_payloads_get(a[0], span_of(a + 1, w.len - 1), ISAKMP_TRAILING_REFUSE, &ps), ISAKMP_OK);
        assert_true(policy_from_payloads(ps.p[0].body, ps.p[1].body, &ours, sha256, &q, &why));
        assert_int_equal(q.has_pseudotime, kek);
        assert_int_equal(q.pseudotime_ms, kek ? 0x123456789a : 0);
    }
}

static void receive_only_is_said_each_time(void **state)
{
    (void)state;
    p.has_rules = false;
    for (int i = 1; i >= 0; i--) {
        p.receive_only = i == 1;
        assert_string_equal(carry_as(&ours, true), "");
        assert_int_equal(q.receive_only, i);
        assert_string_equal(carry_as(&plain, true), "");
        assert_int_equal(q.receive_only, i);
    }
}

static void every_truncation_is_refused(void **state)
{
    (void)state;
    struct bytes kd = bytes_hex("0001 0000" TEK), sa = bytes_hex(sa_ours(RULE, "00" SAT_OURS, text));
    for (size_t i = 0; i < sa.len + kd.len; i++) {
        struct bytes a = bytes_copy(span_of(sa.p, i < sa.len ? i : sa.len));
        struct bytes b = bytes_copy(span_of(kd.p, i < sa.len ? kd.len : i - sa.len));
        assert_false(policy_from_rekey(bytes_span(&a), bytes_span(&b), &ours, sha256, &q, &why));
        assert_true(q.n_sas == 0 && q.acl.entries == NULL && why.text[0] != '\0');
        bytes_free(&a);
        bytes_free(&b);
    }
    assert_true(policy_from_rekey(bytes_span(&sa), bytes_span(&kd), &ours, sha256, &q, &why));
    bytes_free(&sa);
    bytes_free(&kd);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_list_may_stay_away),
        TEST(rules_may_name_sas_that_the_member_has),
        TEST(a_kek_may_come_alone),
        TEST(sender_ids_stay_away),
        TEST(sender_ids_in_a_rekey_are_refused),
        TEST(delays_are_said_for_what_the_rekey_does_not_bring),
        TEST(an_activation_delay_that_no_sa_outlives_is_refused),
        TEST(replacing_is_for_those_who_know_it),
        TEST(the_time_goes_along_whenever_there_is_one),
        TEST(a_registration_says_the_time_that_rekeys_are_told_by),
        TEST(receive_only_is_said_each_time),
        TEST(every_truncation_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
