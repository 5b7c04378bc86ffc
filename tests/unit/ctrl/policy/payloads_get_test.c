/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a member takes from a key server that it must not trust: round trips, every rule of policy_from_payloads() broken
 * once by hand, every truncation, and a hundred thousand mutations (CVE-2023-20109: never a partial policy).
 */
#include "tests/unit/ctrl/policy/fixture.h"

#include <time.h>

static char text[8192];

static void the_hand_written_octets_are_taken(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        const char *sa = i == 0 ? sa_ours(RULE, "00" SAT_OURS, text) : SA_PLAIN;
        assert_string_equal(take(sa, KD, i == 0 ? &ours : &plain, &q, &why), "");
        assert_int_equal(q.n_sas, 1);
        assert_int_equal(q.sas[0].spi, 0x100);
        assert_int_equal(q.sas[0].suite->id, SUITE_AES_GCM_128);
        assert_int_equal(q.sas[0].lifetime_s, 3600);
        assert_int_equal(q.sas[0].number, i == 0 ? 10 : 1);
        assert_int_equal(q.sas[0].activate_in_s, 0);
        assert_false(q.sas[0].transport);
        assert_true(bytes_are(secret_span(&q.sas[0].key), KEY_128));
        assert_int_equal(q.sas[0].integrity.len, 0);
        assert_int_equal(q.acl.n, 1);
        assert_true(selector_equal(&q.acl.entries[0].sel, &p.acl.entries[0].sel));
        assert_int_equal(q.acl.entries[0].sa, q.sas[0].number);
        assert_int_equal(q.sid_bits, 24);
        assert_int_equal(q.n_sender_ids, 2);
        assert_true(q.sender_ids[1] == 2);
        assert_false(q.receive_only);
        if (i == 0)
            assert_memory_equal(q.digest, p.digest, sizeof(q.digest));
    }
}

static void an_ordered_policy_comes_back_as_it_was(void **state)
{
    (void)state;
    add_rule(&p, "deny udp any eq 848 any eq 848", 10);
    add_rule(&p, "permit ip any any", 20);
    add_sa(&p, 20, 0xffffffff, SUITE_AES_GCM_256, POLICY_MAX_LIFETIME_S);
    add_sa(&p, 10, 0x12345678, SUITE_AES_GCM_128, 7200); /* the next generation of sa 10 */
    p.sas[0].deactivate_in_s = 3600;
    p.sas[2].activate_in_s = 3570;
    assert_true(policy_set_digest(&p, sha256));
    assert_string_equal(carry(&p, &ours, &q, &why), "");
    assert_true(acl_equal(&p.acl, &q.acl));
    assert_memory_equal(p.digest, q.digest, sizeof(p.digest));
    assert_int_equal(q.n_sas, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(q.sas[i].number, p.sas[i].number);
        assert_int_equal(q.sas[i].spi, p.sas[i].spi);
        assert_ptr_equal(q.sas[i].suite, p.sas[i].suite);
        assert_int_equal(q.sas[i].lifetime_s, p.sas[i].lifetime_s);
        assert_int_equal(q.sas[i].activate_in_s, p.sas[i].activate_in_s);
        assert_int_equal(q.sas[i].deactivate_in_s, p.sas[i].deactivate_in_s);
        assert_true(secret_equal(secret_span(&q.sas[i].key), secret_span(&p.sas[i].key)));
    }
}

static void generations_of_a_plain_server_share_a_number_and_their_rules(void **state)
{
    (void)state;
    add_rule(&p, "permit ip 10.0.0.0/8 10.0.0.0/8", 10);
    add_rule(&p, "permit ip host 10.0.0.1 host 10.0.0.2", 20);
    add_sa(&p, 20, 0x200, SUITE_AES_GCM_256, 100);
    add_sa(&p, 10, 0x300, SUITE_AES_GCM_128, 7200);
    p.sas[0].deactivate_in_s = 65535; /* more than it has left */
    p.sas[2].activate_in_s = 3570;
    assert_string_equal(carry(&p, &plain, &q, &why), "");
    assert_int_equal(q.n_sas, 3);
    assert_int_equal(q.sas[0].number, 1);
    assert_int_equal(q.sas[1].number, 2);
    assert_int_equal(q.sas[2].number, 1);
    assert_int_equal(q.acl.n, 3);
    assert_int_equal(q.acl.entries[1].sa, 1);
    assert_int_equal(q.acl.entries[2].sa, 2);
    assert_int_equal(q.acl.entries[2].number, 3);
    assert_int_equal(q.sas[0].deactivate_in_s, 3600);
    assert_int_equal(q.sas[1].deactivate_in_s, 0);
    assert_int_equal(q.sas[1].activate_in_s, 0);
    assert_int_equal(q.sas[2].activate_in_s, 3570);
}

/* RFC 6407 3.5: who has no sender id must not send. It must not send in clear either, as a receive-only group does. */
static void without_sender_ids_nothing_is_sent_in_clear(void **state)
{
    (void)state;
    p.n_sender_ids = 0;
    assert_string_equal(carry(&p, &ours, &q, &why), "");
    assert_false(q.receive_only);
    assert_int_equal(q.n_sender_ids, 0);
    assert_int_equal(q.sid_bits, 0);
    assert_string_equal(carry(&p, &plain, &q, &why), "");
    assert_false(q.receive_only);
}

/* Each line breaks one rule of an SA for our members. */
static void broken_sa_payloads_of_our_server_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *rules, *sats, *text;
    } bad[] = {
        {RULE, "00" SAT_PLAIN, "SA 0x00000100: private attributes are missing"},
        {RULE, "00 00 004b 01" SELECTOR "14 00000100" LIFE GCM_128 PRIVATE "fd04 0000 fd05 0000",
         "SA 0x00000100: SAT has a selector although the policy has rules"},
        {RULE, "00 00 003f 01" ANY_ANY "14 00000100" LIFE GCM_128 "fd02 0000 fd03 0000", "SA 0x00000100: no SA number"},
        {RULE, "10" SAT_OURS "00" SAT_OURS, "SA 0x00000100 stands twice"},
        {RULE, "00 00 0043 01" ANY_ANY "14 00000100 8001 0001 0002 0004 00278d01 8004 0001" GCM_128 PRIVATE,
         "SA 0x00000100: lifetime of 2592001 s is above 30 days"},
        {RULE, "00 00 0043 01" ANY_ANY "14 00000100 8001 0001 0002 0004 ffffffff 8004 0001" GCM_128 PRIVATE,
         "SA 0x00000100: lifetime of 4294967295 s is above 30 days"},
        {RULE, "00 00 0043 01" ANY_ANY "14 00000100 8001 0001 0002 0004 00000000 8004 0001" GCM_128 PRIVATE,
         "attribute has a value or length that it can't have"},
        {RULE, "00 00 0043 01" ANY_ANY "14 000000ff" LIFE GCM_128 PRIVATE, "SAT payload has a reserved SPI"},
        {RULE, "00 00 0043 01" ANY_ANY "63 00000100" LIFE GCM_128 PRIVATE,
         "SA 0x00000100: unknown suite (transform 99, key length 128, authentication 0)"},
        {RULE, "00 00 0043 01" ANY_ANY "14 00000100" LIFE "8006 0081" PRIVATE,
         "SA 0x00000100: unknown suite (transform 20, key length 129, authentication 0)"},
        {RULE, "00 00 0047 01" ANY_ANY "14 00000100" LIFE GCM_128 "800e 0002" PRIVATE,
         "SA 0x00000100: both addresses are not preserved: not supported by this version"},
        {RULE, "00 00 0047 01" ANY_ANY "14 00000100" LIFE GCM_128 "800f 0001" PRIVATE,
         "SA 0x00000100: SA direction 1: not supported by this version"},
        {RULE, "00 00 0047 01" ANY_ANY "14 00000100" LIFE GCM_128 "800f 0002" PRIVATE,
         "SA 0x00000100: SA direction 2: not supported by this version"},
        {"01 04 06 08 10 00 000b 0000 ffff 01bb 01bb 0a000000 0a010000", "00" SAT_OURS,
         "rule 1 names sa 11, which has no key"},
        {RULE "02", "00" SAT_OURS, "rule 2: the list has an entry that is cut short"},
        {"", "00" SAT_OURS, "no rule of the policy can ever encrypt anything"},
        {"00 04 00 00 00 00 000a 0000 ffff 0000 ffff 00000000 00000000", "00" SAT_OURS,
         "no rule of the policy can ever encrypt anything"},
        {"00 04 00 00 00 00 0000 0000 ffff 0000 ffff 00000000 00000000" RULE, "00" SAT_OURS,
         "no rule of the policy can ever encrypt anything"},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_string_equal(take(sa_ours(bad[i].rules, bad[i].sats, text), KD, &ours, &q, &why), bad[i].text);
}

/* Some have a message of their own in a member's log. */
static void faults_have_kinds(void **state)
{
    (void)state;
    static const struct {
        const char *sats;
        enum policy_fault_kind kind;
    } some[] = {
        {"00 00 0043 01" ANY_ANY "63 00000100" LIFE GCM_128 PRIVATE, POLICY_FAULT_UNSUPPORTED}, /* an unknown suite */
        {"00 00 0043 02" ANY_ANY "14 00000100" LIFE GCM_128 PRIVATE, POLICY_FAULT_TEK_PROTOCOL}, /* AH */
        {"00 00 0043 01" ANY_ANY "14 000000ff" LIFE GCM_128 PRIVATE, POLICY_FAULT_OTHER},
    };
    char sats[8000] = "";
    size_t n = 0;
    for (size_t i = 0; i < sizeof(some) / sizeof(some[0]); i++) {
        assert_string_not_equal(take(sa_ours(RULE, some[i].sats, text), KD, &ours, &q, &why), "");
        assert_int_equal(why.kind, some[i].kind);
    }
    for (unsigned i = 0; i <= POLICY_MAX_SAS; i++)
        n += (size_t)snprintf(sats + n, sizeof(sats) - n, "%s 00 0043 01" ANY_ANY "14 %08x" LIFE GCM_128 PRIVATE,
                              i < POLICY_MAX_SAS ? "10" : "00", 0x100 + i);
    assert_string_equal(take(sa_ours(RULE, sats, text), KD, &ours, &q, &why), "more than 32 SAs");
    assert_int_equal(why.kind, POLICY_FAULT_SAS);
}

/* What a data plane may lack for now; the tables of common/ say which. The combinations are replay_test's. */
static void what_this_build_lacks_is_refused_by_name(void **state)
{
    (void)state;
    static const struct {
        uint64_t feature;
        const char *sats, *text;
    } bad[] = {
        {FEATURE_TRANSPORT, "00 00 0043 01" ANY_ANY "14 00000100 8001 0001 0002 0004 00000e10 8004 0002" GCM_128 PRIVATE,
         "SA 0x00000100: transport mode: not supported by this version"},
        {FEATURE_COUNTER_REPLAY, "00 00 0043 01" ANY_ANY "14 00000100" LIFE GCM_128 "fd01 000a fd02 0001 fd03 0040",
         "SA 0x00000100: counter replay: not supported by this version"},
        {FEATURE_TIME_REPLAY, "00 00 0043 01" ANY_ANY "14 00000100" LIFE GCM_128 "fd01 000a fd02 0002 fd03 0064",
         "SA 0x00000100: time replay: not supported by this version"},
        {FEATURE_TAG, "00 00 0047 01" ANY_ANY "14 00000100" LIFE GCM_128 PRIVATE "fd04 0002",
         "SA 0x00000100: tag: not supported by this version"},
        {FEATURE_STRICT_SENDER, "00 00 0047 01" ANY_ANY "14 00000100" LIFE GCM_128 PRIVATE "fd05 0001",
         "SA 0x00000100: strict sender: not supported by this version"},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        if (!feature_supported(bad[i].feature))
            assert_string_equal(take(sa_ours(RULE, bad[i].sats, text), KD, &ours, &q, &why), bad[i].text);
    if (!suite_by_id(SUITE_AES_GMAC_128)->supported)
        assert_string_equal(
            take(sa_ours(RULE, "00 00 0043 01" ANY_ANY "17 00000100" LIFE GCM_128 PRIVATE, text), KD, &ours, &q, &why),
            "SA 0x00000100: suite aes-gmac-128: not supported by this version");
}

static void a_deny_of_everything_else_at_the_end_is_fine(void **state)
{
    (void)state;
    static const char end[] = RULE "00 04 00 00 00 00 0000 0000 ffff 0000 ffff 00000000 00000000";
    assert_string_equal(take(sa_ours(end, "00" SAT_OURS, text), KD, &ours, &q, &why), "");
    assert_int_equal(q.acl.n, 2);
}

static void the_digest_must_be_there_and_right(void **state)
{
    (void)state;
    sa_ours(RULE, "00" SAT_OURS, text);
    char *digest = strstr(text, "0081 0020 ") + 10;
    *digest = *digest == '0' ? '1' : '0';
    assert_string_equal(take(text, KD, &ours, &q, &why), "the policy's digest is wrong");
    /* rules without digest, digest without rules, neither */
    assert_string_equal(take(SA_HEAD "0016 0000 1000 0020 0082 0018" RULE "00" SAT_OURS, KD, &ours, &q, &why),
                        "the policy or its digest is missing");
    assert_string_equal(take(SA_HEAD "0016 0000 1000 0028 0081 0020"
                             "0000000000000000000000000000000000000000000000000000000000000000 00" SAT_OURS,
                             KD, &ours, &q, &why),
                        "the policy or its digest is missing");
    assert_string_equal(take(SA_HEAD "0010 0000 00" SAT_OURS, KD, &ours, &q, &why),
                        "the policy or its digest is missing");
}

static void a_plain_server_may_not_use_our_extensions(void **state)
{
    (void)state;
    assert_string_equal(take(sa_ours(RULE, "00" SAT_PLAIN, text), KD, &plain, &q, &why),
                        "private GAP attributes without our vendor id");
    assert_string_equal(take(SA_HEAD "0010 0000 00" SAT_OURS, KD, &plain, &q, &why),
                        "SA 0x00000100: private attributes without our vendor id");
    assert_string_equal(take(SA_HEAD "0016 0000 1000 0008 8084 0001 00" SAT_PLAIN, KD, &plain, &q, &why),
                        "private GAP attributes without our vendor id");
}

static void sats_of_one_spi_may_differ_in_selectors_only(void **state)
{
    (void)state;
    static const struct {
        const char *second, *text;
    } t[] = {
        {"00 0037 01 11 04 0000 08 0a000000ff000000 04 0035 08 0a010000ffff0000 14 00000100" LIFE GCM_128, ""},
        {"00 0037 01" SELECTOR "14 00000100" LIFE "8006 0100", "SA 0x00000100 stands twice with different content"},
        {"00 0037 01" SELECTOR "14 00000100 8001 0001 0002 0004 00000e11 8004 0001" GCM_128,
         "SA 0x00000100 stands twice with different content"},
        {"00 003b 01" SELECTOR "14 00000100" LIFE GCM_128 "800f 0002",
         "SA 0x00000100 stands twice with different content"},
    };
    for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
        snprintf(text, sizeof(text), SA_HEAD "0010 0000 10" SAT_PLAIN "00 %s", t[i].second);
        assert_string_equal(take(text, KD, &plain, &q, &why), t[i].text);
    }
}

static void plain_sas_must_all_have_one_direction(void **state)
{
    (void)state;
    assert_string_equal(take(SA_HEAD "0010 0000 10" SAT_PLAIN "00 00 003b 01" SELECTOR "14 00000101" LIFE GCM_128
                             "800f 0002", KD, &plain, &q, &why),
                        "SAs of different directions: not supported by this version");
}

static void an_activation_after_the_end_is_refused(void **state)
{
    (void)state;
    static const char two[] = "10" SAT_PLAIN "00 00 0037 01" SELECTOR "14 00000101" LIFE GCM_128;
    static const char keys[] = "0002 0000" TEK "01 00 0021 04 00000101 0001 0014" KEY_128;
    for (unsigned atd = 3599; atd <= 3600; atd++) {
        snprintf(text, sizeof(text), SA_HEAD "0016 0000 1000 0008 8001 %04x %s", atd, two);
        assert_string_equal(take(text, keys, &plain, &q, &why),
                            atd < 3600 ? "" : "SA 0x00000101 would be activated after its end (3600 s, 3600 s)");
    }
}

static void broken_kd_payloads_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *kd, *text;
    } bad[] = {
        {"0001 0000" SIDS, "SA 0x00000100 has no key"},
        {"0002 0000" TEK TEK, "SA 0x00000100 has two keys"},
        {"0001 0000 01 00 0021 04 00000101 0001 0014" KEY_128, "a key has the SPI 0x00000101, which no SA has"},
        {"0002 0000" TEK "01 00 0021 04 00000101 0001 0014" KEY_128, "a key has the SPI 0x00000101, which no SA has"},
        {"0001 0000 01 00 001d 04 00000100 0001 0010 000102030405060708090a0b0c0d0e0f",
         "SA 0x00000100: 16 octets of key, aes-gcm-128 has 20"},
        {"0001 0000 01 00 0022 04 00000100 0001 0015 00" KEY_128, "SA 0x00000100: 21 octets of key, aes-gcm-128 has 20"},
        {"0001 0000 01 00 0021 04 00000100 0002 0014" KEY_128, "SA 0x00000100: 0 octets of key, aes-gcm-128 has 20"},
        {"0001 0000 01 00 0026 04 00000100 0001 0014" KEY_128 "0002 0001 aa",
         "SA 0x00000100: 1 octets of integrity key, aes-gcm-128 has 0"},
        {"0003 0000" TEK SIDS SIDS, "sender ids come twice"},
        {"0002 0000" TEK "04 00 000e 00 8001 0007 0002 0001 01", "sender ids of 7 bits: 8 to 32 are supported"},
        {"0002 0000" TEK "04 00 000e 00 8001 0021 0002 0001 01", "sender ids of 33 bits: 8 to 32 are supported"},
        {"0002 0000" TEK "04 00 000f 00 8001 0008 0002 0002 0100",
         "sender ids lack their width, don't fit it, or are too many"},
        {"0002 0000" TEK "02 00 0011 10 000102030405060708090a0b", "KD payload or one of its key packets is cut short"},
        {"0002 0000" TEK "02 00 0015 10 000102030405060708090a0b0c0d0e0f",
         "KEK packet lacks a key or has one of impossible length"},
        {"0002 0000" TEK "03 00 0015 10 000102030405060708090a0b0c0d0e0f",
         "KD payload holds LKH keys: not supported by this version"},
        {"0001 0000" TEK "00", "KD payload's packet count is wrong or too large"},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_string_equal(take(SA_PLAIN, bad[i].kd, &plain, &q, &why), bad[i].text);
        assert_string_equal(take(sa_ours(RULE, "00" SAT_OURS, text), bad[i].kd, &ours, &q, &why), bad[i].text);
    }
}

/* UDP, both ends any, SPI 01..10, AES-128, RSA with SHA-256. */
#define SAK_SPI  "0102030405060708090a0b0c0d0e0f10"
#define SAK_BODY "11 00 0000 00 00 0000 00" SAK_SPI "00000000 8002 0003 8003 0080 8005 0003 8006 0001"
#define SAK      "00 0031" SAK_BODY
#define KEK_KEY  "0001 0020 404142434445464748494a4b4c4d4e4f 000102030405060708090a0b0c0d0e0f"
#define KEK      "02 00 003e 10" SAK_SPI KEK_KEY "0002 0001 aa"

static void a_kek_comes_with_its_sak_and_its_key(void **state)
{
    (void)state;
    assert_string_equal(take(SA_HEAD "000f 0000 10" SAK "00" SAT_PLAIN, "0003 0000" KEK TEK SIDS, &plain, &q, &why), "");
    assert_true(q.has_kek && q.has_rules);
    assert_true(bytes_are(span_of(q.kek.spi, 16), SAK_SPI));
    assert_true(bytes_are(span_of(q.kek.iv, 16), "404142434445464748494a4b4c4d4e4f"));
    assert_true(bytes_are(secret_span(&q.kek.key), "000102030405060708090a0b0c0d0e0f"));
    assert_true(bytes_are(span_of(q.kek.public_key, q.kek.public_key_len), "aa"));
    assert_int_equal(q.kek.lifetime_s, 86400);
    assert_int_equal(q.kek.destination.addr.family, 0);
}

static void half_a_kek_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *sak, *kd, *text;
    } bad[] = {
        {SAK, "0002 0000" TEK SIDS, "the KEK has no key"},
        {NULL, "0002 0000" TEK KEK, "a KEK has an SPI that no SAK has"},
        {SAK, "0002 0000" TEK "02 00 003e 10 0102030405060708090a0b0c0d0e0f11" KEK_KEY "0002 0001 aa",
         "a KEK has an SPI that no SAK has"},
        {SAK, "0003 0000" TEK KEK KEK, "two KEKs"},
        {SAK, "0002 0000" TEK "02 00 0039 10" SAK_SPI KEK_KEY, "KEK packet lacks a key or has one of impossible length"},
        {SAK, "0002 0000" TEK "02 00 003f 10" SAK_SPI "0001 0021 00 404142434445464748494a4b4c4d4e4f"
                              "000102030405060708090a0b0c0d0e0f 0002 0001 aa",
         "the KEK has 33 octets of IV and key"},
        {SAK, "0002 0000" TEK "02 00 003d 10" SAK_SPI "0001 001f 4142434445464748494a4b4c4d4e4f"
                              "000102030405060708090a0b0c0d0e0f 0002 0001 aa",
         "the KEK has 31 octets of IV and key"},
        {"00 0039" SAK_BODY "0004 0004 00278d01", "0002 0000" TEK KEK, "the KEK's lifetime of 2592001 s is above 30 days"},
        {"00 0039" SAK_BODY "0004 0004 ffffffff", "0002 0000" TEK KEK,
         "the KEK's lifetime of 4294967295 s is above 30 days"},
        {"00 0039" SAK_BODY "0004 0004 00000000", "0002 0000" TEK KEK,
         "attribute has a value or length that it can't have"},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        snprintf(text, sizeof(text), bad[i].sak ? SA_HEAD "000f 0000 10 %s 00" SAT_PLAIN : SA_HEAD "0010 0000 %s 00" SAT_PLAIN,
                 bad[i].sak ? bad[i].sak : "");
        assert_string_equal(take(text, bad[i].kd, &plain, &q, &why), bad[i].text);
        assert_false(q.has_kek);
    }
    assert_string_equal(take(SA_HEAD "000f 0000 00" SAK, "0001 0000" KEK, &plain, &q, &why), "the SA payload holds no TEK");
}

static void thirty_two_sas_are_taken_and_one_more_refused(void **state)
{
    (void)state;
    for (unsigned n = POLICY_MAX_SAS; n <= POLICY_MAX_SAS + 1; n++) {
        static uint8_t a[8192], b[8192];
        struct buf_writer wa = buf_writer_of(a, sizeof(a)), wb = buf_writer_of(b, sizeof(b));
        struct isakmp_chain outer = isakmp_chain_at(&wa, 0), kd = isakmp_chain_at(&wb, 0);
        buf_put_u8(&wa, 0);
        buf_put_u8(&wb, 0);
        struct isakmp_chain inner = gdoi_sa_begin(&outer);
        gdoi_kd_begin(&kd, (uint16_t)n);
        for (unsigned i = 0; i < n; i++) {
            struct gdoi_sat sat = {.sel = p.acl.entries[0].sel, .transform = 20, .spi = 256 + i, .life_s = 60,
                                   .encapsulation = 1, .key_bits = 128, .preservation = 4, .direction = 3};
            gdoi_sat_put(&inner, &sat);
            gdoi_kd_put_tek(&wb, &(struct gdoi_tek){.spi = 256 + i, .algorithm_key = secret_span(&p.sas[0].key)});
        }
        gdoi_sa_end_put(&outer);
        isakmp_payload_end(&kd);
        bool ok = policy_from_payloads(span_of(a + 5, wa.len - 5), span_of(b + 5, wb.len - 5), &plain, sha256, &q, &why);
        assert_int_equal(ok, n == POLICY_MAX_SAS);
        if (ok) { /* all are generations of one */
            assert_int_equal(q.sas[31].number, 1);
            assert_int_equal(q.acl.n, 1);
        }
    }
}

static bool broken_digest(struct span bytes, uint8_t out[GDOI_DIGEST_LEN])
{
    (void)bytes;
    (void)out;
    return false;
}

static void a_digest_that_fails_is_a_refusal(void **state)
{
    (void)state;
    struct bytes kd = bytes_hex(KD), a = bytes_hex(SA_PLAIN), b = bytes_hex(sa_ours(RULE, "00" SAT_OURS, text));
    assert_false(policy_from_payloads(bytes_span(&a), bytes_span(&kd), &plain, broken_digest, &q, &why));
    assert_false(policy_from_payloads(bytes_span(&b), bytes_span(&kd), &ours, broken_digest, &q, &why));
    bytes_free(&a);
    bytes_free(&b);
    bytes_free(&kd);
}

static void what_was_there_before_is_gone_after_a_refusal(void **state)
{
    (void)state;
    assert_string_equal(take(SA_PLAIN, KD, &plain, &q, &why), "");
    assert_string_not_equal(take(SA_PLAIN, "0001 0000" SIDS, &plain, &q, &why), "");
}

static void truncation_at_every_octet_is_refused(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct bytes sa = bytes_hex(i == 0 ? sa_ours(RULE, "00" SAT_OURS, text) : SA_PLAIN), kd = bytes_hex(KD);
        const struct peer_features *peer = i == 0 ? &ours : &plain;
        for (size_t len = 0; len < sa.len + kd.len; len++) {
            struct bytes a = bytes_copy(span_of(sa.p, len < sa.len ? len : sa.len));
            struct bytes b = bytes_copy(span_of(kd.p, len < sa.len ? kd.len : len - sa.len));
            assert_false(policy_from_payloads(bytes_span(&a), bytes_span(&b), peer, sha256, &q, &why));
            assert_int_equal(q.n_sas, 0);
            bytes_free(&a);
            bytes_free(&b);
        }
        bytes_free(&sa);
        bytes_free(&kd);
    }
}

/* What must hold of anything that was taken. */
static void is_sane(const struct policy *x)
{
    assert_in_range(x->n_sas, 1, POLICY_MAX_SAS);
    assert_true(x->acl.n > 0);
    assert_true(x->n_sender_ids <= POLICY_MAX_SENDER_IDS);
    for (size_t i = 0; i < x->n_sas; i++) {
        const struct policy_sa *sa = &x->sas[i];
        assert_true(sa->suite->supported && sa->spi > 255 && sa->number != 0);
        assert_int_equal(sa->key.len, sa->suite->key_len + sa->suite->salt_len);
        assert_int_equal(sa->integrity.len, sa->suite->integrity_len);
        assert_in_range(sa->lifetime_s, 1, POLICY_MAX_LIFETIME_S);
        assert_true(sa->activate_in_s < sa->lifetime_s && sa->deactivate_in_s <= sa->lifetime_s);
        for (size_t k = 0; k < i; k++)
            assert_true(sa->spi != x->sas[k].spi);
    }
    for (size_t i = 0; i < x->n_sender_ids; i++)
        assert_true(x->sender_ids[i] >> x->sid_bits == 0);
}

static void cve_2023_20109_mutations_give_a_sane_policy_or_none(void **state)
{
    (void)state;
    unsigned seed = (unsigned)time(NULL), taken = 0;
    print_message("seed %u\n", seed);
    srand(seed);
    for (int round = 0; round < 100000; round++) {
        bool is_ours = rand() % 2 == 0;
        struct bytes sa = bytes_hex(is_ours ? sa_ours(RULE, "00" SAT_OURS, text) : SA_PLAIN), kd = bytes_hex(KD);
        for (int k = rand() % 3; k >= 0; k--) {
            struct bytes *b = rand() % 2 == 0 ? &sa : &kd;
            b->p[(size_t)rand() % b->len] = (uint8_t)(rand() % 3 == 0 ? rand() % 2 * 255 : rand());
        }
        if (policy_from_payloads(bytes_span(&sa), bytes_span(&kd), is_ours ? &ours : &plain, sha256, &q, &why)) {
            is_sane(&q);
            taken++;
        } else {
            assert_int_equal(q.n_sas, 0);
            assert_null(q.acl.entries);
        }
        bytes_free(&sa);
        bytes_free(&kd);
    }
    assert_true(taken > 1000); /* else nothing behind the frames was tested */
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_hand_written_octets_are_taken),
        TEST(an_ordered_policy_comes_back_as_it_was),
        TEST(generations_of_a_plain_server_share_a_number_and_their_rules),
        TEST(without_sender_ids_nothing_is_sent_in_clear),
        TEST(broken_sa_payloads_of_our_server_are_refused),
        TEST(what_this_build_lacks_is_refused_by_name),
        TEST(faults_have_kinds),
        TEST(a_deny_of_everything_else_at_the_end_is_fine),
        TEST(the_digest_must_be_there_and_right),
        TEST(a_plain_server_may_not_use_our_extensions),
        TEST(sats_of_one_spi_may_differ_in_selectors_only),
        TEST(plain_sas_must_all_have_one_direction),
        TEST(an_activation_after_the_end_is_refused),
        TEST(broken_kd_payloads_are_refused),
        TEST(a_kek_comes_with_its_sak_and_its_key),
        TEST(half_a_kek_is_refused),
        TEST(thirty_two_sas_are_taken_and_one_more_refused),
        TEST(a_digest_that_fails_is_a_refusal),
        TEST(what_was_there_before_is_gone_after_a_refusal),
        TEST(truncation_at_every_octet_is_refused),
        TEST(cve_2023_20109_mutations_give_a_sane_policy_or_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
