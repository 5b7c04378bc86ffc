/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a member doesn't take, checked in the order of RFC 6407 4.4 and 7.3.5. Messages are made here from payloads, so that
 * each can be wrong in one way only; some are signed and encrypted as they should be: by a key server that lies.
 */
#include "tests/unit/ctrl/push/fixture.h"

#include "ctrl/crypto/cbc.h"
#include "ctrl/crypto/ike_suite.h"
#include "tests/lib/bytes.h"

#include <time.h>

static struct sig_key *key, *other_key, *rsa;
static struct policy_kek kek;
static struct push got;
static uint8_t message[PUSH_CAP];

/* How a message is made; what is zero is right. */
struct make {
    const char *payloads;  /* hex, "NP 00 LEN BODY..." from SEQ on; the NP of the last before SIG must say 09 */
    uint8_t first;         /* Next Payload of the header; 0 = SEQ */
    uint8_t exchange, flags_xor, version_xor;
    uint32_t message_id;
    const char *prefix;    /* in place of "rekey" */
    const struct sig_key *signer;
    int length_off;        /* added to the Length that is signed */
    bool flags_unsigned;   /* the E flag isn't in what is signed */
    bool no_sig;           /* the payloads hold what should be SIG, or nothing */
    int sig_len_off;       /* octets of the signature more or less */
    const char *behind;    /* hex behind SIG, before padding */
    int padding;           /* -1 = none, else octets; 0 = to the block */
    uint8_t padding_value;
    const struct policy_kek *under; /* encrypted with another key */
};

static size_t make(const struct make *m)
{
    struct bytes chain = bytes_hex(m->payloads), behind = bytes_hex(m->behind ? m->behind : "");
    const struct sig_key *signer = m->signer ? m->signer : key;
    const struct policy_kek *k = m->under ? m->under : &kek;
    struct buf_writer w = buf_writer_of(message, sizeof(message));
    uint8_t sig[SIG_MAX_LEN + 16] = {0};
    size_t sig_octets = m->no_sig ? 0 : sig_len(sig_key_public(signer)) + (size_t)m->sig_len_off, ignored;
    size_t plain_len = 28 + chain.len + (m->no_sig ? 0 : 4 + sig_octets);
    buf_put_bytes(&w, kek.spi, 16);
    buf_put_u8(&w, m->first ? m->first : ISAKMP_PAYLOAD_SEQ);
    buf_put_u8(&w, 0x10 ^ m->version_xor);
    buf_put_u8(&w, m->exchange ? m->exchange : 33);
    buf_put_u8(&w, m->flags_unsigned ? 0 : 1 ^ m->flags_xor);
    buf_put_u32(&w, m->message_id);
    buf_put_u32(&w, (uint32_t)((int)plain_len + m->length_off));
    buf_put_bytes(&w, chain.p, chain.len);
    if (!m->no_sig) {
        const char *prefix = m->prefix ? m->prefix : "rekey";
        const struct span parts[] = {span_of(prefix, strlen(prefix)), buf_written(&w)};
        assert_true(sig_sign(signer, sig_key_kind(signer) == SIG_RSA ? SIG_HASH_SHA256 : 0, parts, 2, sig, &ignored));
        buf_put_u32(&w, (uint32_t)(4 + sig_octets));
        buf_put_bytes(&w, sig, sig_octets);
    }
    buf_put_bytes(&w, behind.p, behind.len);
    size_t pad = m->padding < 0 ? 0 : m->padding > 0 ? (size_t)m->padding : (16 - (w.len - 28) % 16) % 16;
    for (size_t i = 0; i < pad; i++)
        buf_put_u8(&w, m->padding_value);
    buf_patch_u8(&w, 19, 1 ^ m->flags_xor);
    buf_patch_u32(&w, 24, (uint32_t)w.len);
    assert_false(w.overflow);
    if ((w.len - 28) % 16 == 0)
        assert_true(cbc_encrypt(IKE_AES_CBC, secret_span(&k->key), k->iv, message + 28, message + 28, w.len - 28));
    bytes_free(&chain);
    bytes_free(&behind);
    return w.len;
}

/* From a heap block of exactly this length; checks that nothing is half done. */
static enum push_result open_as(const struct policy_kek *k, uint32_t last, const struct peer_features *peer,
                                enum policy_signature_form form, size_t len)
{
    struct bytes copy = bytes_copy(span_of(message, len));
    push_wipe(&got);
    push_init(&got);
    enum push_result r = push_open(k, last, peer, form, bytes_span(&copy), &got, &why);
    bytes_free(&copy);
    assert_true((r == PUSH_REFUSED) == (why.text[0] != '\0'));
    if (r != PUSH_OK) {
        struct push empty;
        push_init(&empty);
        empty.number = r == PUSH_REFUSED ? got.number : 0;
        assert_memory_equal(&got, &empty, sizeof(empty));
    }
    return r;
}

static enum push_result try(const struct make *m)
{
    return open_as(&kek, 4, &plain, POLICY_SIGNATURE_CANONICAL, make(m));
}

#define SEQ(next, n) next " 00 0008 " n
#define DELETE_TEK   "09 00 0010 00000002 01 04 0001 00000100"
#define GOOD         SEQ("0c", "00000005") DELETE_TEK
#define TEK_ONE      "09 00 0029 0001 0000" TEK

static int begin(void **state)
{
    make_kek(&kek, key, 256, 1);
    push_init(&got);
    return set_up(state);
}

static int end(void **state)
{
    push_wipe(&got);
    return tear_down(state);
}

static void a_message_made_here_is_taken(void **state)
{
    (void)state;
    assert_int_equal(try(&(struct make){.payloads = GOOD}), PUSH_OK);
    assert_int_equal(got.number, 5);
    assert_int_equal(got.n_deleted, 1);
    assert_int_equal(try(&(struct make){.payloads = SEQ("01", "00000005") "11 00 0047 " SA_PLAIN TEK_ONE}), PUSH_OK);
    assert_int_equal(got.policy.n_sas, 1);
}

static void datagrams_of_others_are_left_alone(void **state)
{
    (void)state;
    size_t len = make(&(struct make){.payloads = GOOD});
    for (size_t i = 0; i < 16; i++) {
        kek.spi[i] ^= 0x80;
        assert_int_equal(open_as(&kek, 4, &plain, 0, len), PUSH_OTHER);
        kek.spi[i] ^= 0x80;
    }
    assert_int_equal(open_as(&kek, 4, &plain, 0, 27), PUSH_OTHER);
    assert_int_equal(open_as(&kek, 4, &plain, 0, 0), PUSH_OTHER);
    for (unsigned exchange = 1; exchange < 256; exchange++)
        assert_int_equal(try(&(struct make){.payloads = GOOD, .exchange = (uint8_t)exchange}),
                         exchange == 33 ? PUSH_OK : PUSH_OTHER);
}

static void a_wrong_header_is_malformed(void **state)
{
    (void)state;
    for (unsigned bit = 1; bit < 256; bit <<= 1) {
        assert_int_equal(try(&(struct make){.payloads = GOOD, .flags_xor = (uint8_t)bit}), PUSH_MALFORMED);
        assert_int_equal(try(&(struct make){.payloads = GOOD, .version_xor = (uint8_t)bit}), PUSH_MALFORMED);
        assert_int_equal(try(&(struct make){.payloads = GOOD, .message_id = bit}), PUSH_MALFORMED);
    }
    size_t len = make(&(struct make){.payloads = GOOD});
    for (size_t cut = 28; cut < len; cut++)
        assert_int_equal(open_as(&kek, 4, &plain, 0, cut), PUSH_MALFORMED);
    message[27]++; /* Length */
    assert_int_equal(open_as(&kek, 4, &plain, 0, len), PUSH_MALFORMED);
}

/* Cut off anywhere and made whole again: Length says so, blocks are whole. */
static void truncation_at_every_octet_is_found(void **state)
{
    (void)state;
    size_t len = make(&(struct make){.payloads = GOOD});
    for (size_t cut = 28; cut < len; cut++) {
        struct buf_writer w = {.base = message, .cap = sizeof(message), .len = len};
        make(&(struct make){.payloads = GOOD});
        buf_patch_u32(&w, 24, (uint32_t)cut);
        assert_int_equal(open_as(&kek, 4, &plain, 0, cut), PUSH_MALFORMED);
    }
}

static void another_structure_is_malformed(void **state)
{
    (void)state;
    static const struct make bad[] = {
        {.payloads = DELETE_TEK, .first = ISAKMP_PAYLOAD_DELETE},                        /* no SEQ */
        {.payloads = "12 00 0010 00000002 01 04 0001 00000100" SEQ("09", "00000005"), .first = ISAKMP_PAYLOAD_DELETE},
        {.payloads = SEQ("12", "00000005") SEQ("09", "00000006")},                       /* two */
        {.payloads = "0c 00 0007 000005" DELETE_TEK},                                    /* of three octets */
        {.payloads = "0c 00 0009 0000000005" DELETE_TEK},                                /* of five */
        {.payloads = SEQ("01", "00000005") "09 00 0047 " SA_PLAIN},                      /* SA without KD */
        {.payloads = SEQ("11", "00000005") TEK_ONE},                                     /* KD without SA */
        {.payloads = SEQ("11", "00000005") "01 00 0029 0001 0000" TEK "09 00 0047 " SA_PLAIN}, /* KD first */
        {.payloads = SEQ("01", "00000005") "11 00 0047 " SA_PLAIN "0c 00 0029 0001 0000" TEK DELETE_TEK}, /* D behind */
        {.payloads = SEQ("0a", "00000005") "09 00 000c 0102030405060708"},               /* a nonce */
        {.payloads = SEQ("0d", "00000005") "09 00 000c 0102030405060708"},               /* a vendor id */
        {.payloads = SEQ("16", "00000005") "09 00 0008 80010001"},                       /* a GAP outside of an SA */
        {.payloads = "0c 01 0008 00000005" DELETE_TEK},                                  /* RESERVED */
        {.payloads = "0c 00 0003 00000005" DELETE_TEK},
        {.payloads = "0c 00 ffff 00000005" DELETE_TEK},
        {.payloads = GOOD, .behind = "00000008 01020304"},                               /* something behind SIG */
        {.payloads = GOOD, .padding = 16 + 4},                                           /* a whole block too much */
        {.payloads = GOOD, .padding_value = 1},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        enum push_result r = try(&bad[i]);
        if (r != PUSH_MALFORMED)
            fail_msg("message %zu: %s", i, name_of(push_result_names, r));
    }
}

static void the_number_must_be_larger(void **state)
{
    (void)state;
    size_t len = make(&(struct make){.payloads = GOOD});
    assert_int_equal(open_as(&kek, 4, &plain, 0, len), PUSH_OK);
    assert_int_equal(open_as(&kek, 0, &plain, 0, len), PUSH_OK);
    assert_int_equal(open_as(&kek, 5, &plain, 0, len), PUSH_OLD); /* a replay */
    assert_int_equal(open_as(&kek, 6, &plain, 0, len), PUSH_OLD);
    assert_int_equal(open_as(&kek, UINT32_MAX, &plain, 0, len), PUSH_OLD);
    /* before the signature is looked at, which costs more (RFC 6407 7.3.5) */
    len = make(&(struct make){.payloads = GOOD, .signer = other_key});
    assert_int_equal(open_as(&kek, 5, &plain, 0, len), PUSH_OLD);
    len = make(&(struct make){.payloads = SEQ("09", "00000000")});
    assert_int_equal(open_as(&kek, 0, &plain, 0, len), PUSH_OLD);
}

static void only_the_key_servers_signature_counts(void **state)
{
    (void)state;
    const struct make bad[] = {
        {.payloads = GOOD, .signer = other_key},
        {.payloads = GOOD, .signer = rsa},
        {.payloads = GOOD, .prefix = ""}, /* without "rekey" */
        {.payloads = GOOD, .prefix = "rekez"},
        {.payloads = GOOD, .prefix = "Rekey"},
        {.payloads = GOOD, .flags_unsigned = true},
        {.payloads = GOOD, .length_off = 1},
        {.payloads = GOOD, .length_off = -1},
        {.payloads = GOOD, .length_off = -28},
        {.payloads = GOOD, .sig_len_off = 1},
        {.payloads = GOOD, .sig_len_off = -1},
        {.payloads = GOOD, .sig_len_off = -64},
        {.payloads = SEQ("0c", "00000005") "00 00 0010 00000002 01 04 0001 00000100", .no_sig = true}, /* no SIG at all */
        {.payloads = SEQ("00", "00000005"), .no_sig = true},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        enum push_result r = try(&bad[i]);
        if (r != PUSH_FORGED)
            fail_msg("message %zu: %s", i, name_of(push_result_names, r));
    }
}

static void every_bit_of_a_message_counts(void **state)
{
    (void)state;
    size_t len = make(&(struct make){.payloads = GOOD});
    assert_int_equal(open_as(&kek, 4, &plain, 0, len), PUSH_OK);
    for (size_t bit = 0; bit < 8 * len; bit++) {
        message[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_int_not_equal(open_as(&kek, 4, &plain, 0, len), PUSH_OK);
        message[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    assert_int_equal(open_as(&kek, 4, &plain, 0, len), PUSH_OK);
}

static void another_key_opens_nothing(void **state)
{
    (void)state;
    struct policy_kek wrong = kek;
    for (size_t i = 0; i < 64; i++) { /* chance may see a chain in garbage, but no signature */
        wrong.key.b[i % 32] ^= (uint8_t)(1 + i / 32);
        enum push_result r = try(&(struct make){.payloads = GOOD, .under = &wrong});
        assert_true(r == PUSH_MALFORMED || r == PUSH_OLD || r == PUSH_FORGED);
    }
    kek.key.len = 16; /* contradicts key_bits */
    assert_int_equal(open_as(&kek, 4, &plain, 0, 28 + 64), PUSH_MALFORMED);
}

/* What others send is taken only by who was told to (02-wire: RFC 6407 leaves both open). */
static void lenient_forms_are_taken_on_request_only(void **state)
{
    (void)state;
    const int pad = 16 - (8 + 16 + 4 + 64) % 16;
    size_t len = make(&(struct make){.payloads = GOOD, .length_off = pad});
    assert_int_equal(open_as(&kek, 4, &plain, POLICY_SIGNATURE_CANONICAL, len), PUSH_FORGED);
    assert_int_equal(open_as(&kek, 4, &plain, POLICY_SIGNATURE_BARE_HASH, len), PUSH_FORGED);
    assert_int_equal(open_as(&kek, 4, &plain, POLICY_SIGNATURE_PADDED_LENGTH, len), PUSH_OK);
    len = make(&(struct make){.payloads = GOOD, .length_off = pad + 1});
    assert_int_equal(open_as(&kek, 4, &plain, POLICY_SIGNATURE_PADDED_LENGTH, len), PUSH_FORGED);
    len = make(&(struct make){.payloads = GOOD});
    assert_int_equal(open_as(&kek, 4, &plain, POLICY_SIGNATURE_PADDED_LENGTH, len), PUSH_OK);
    assert_int_equal(open_as(&kek, 4, &plain, POLICY_SIGNATURE_BARE_HASH, len), PUSH_OK);
}

/* A delete says all in any of the three sizes (RFC 6407 5.9 leaves it open), and nothing else in a wrong one. */
static void deletes_are_read_as_the_rfc_lets_them_be_written(void **state)
{
    (void)state;
    static const struct {
        const char *body; /* behind DOI */
        bool all, kek;
        size_t n;
    } good[] = {
        {"01 04 0001 00000000", true, false, 0},
        {"01 00 0001", true, false, 0},
        {"01 00 0000", true, false, 0},
        {"01 10 0001 00000000000000000000000000000000", true, false, 0},
        {"00 10 0001 00000000000000000000000000000000", false, true, 0},
        {"00 04 0001 00000000", false, true, 0},
        {"00 00 0001", false, true, 0},
        {"01 04 0002 00000100 00000200", false, false, 2},
        {"01 04 0002 00000100 00000000", true, false, 1},
        {"00 10 0001 02030405060708090a0b0c0d0e0f1011", false, true, 0}, /* the KEK that it comes under */
        {"00 10 0001 02030405060708090a0b0c0d0e0f1012", false, false, 0}, /* another */
        {"02 04 0001 00000000", false, false, 0}, /* AH: there is none */
    };
    char hex[512];
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        struct bytes b = bytes_hex(good[i].body);
        snprintf(hex, sizeof(hex), SEQ("0c", "00000005") "09 00 %04zx 00000002 %s", 8 + b.len, good[i].body);
        bytes_free(&b);
        assert_int_equal(try(&(struct make){.payloads = hex}), PUSH_OK);
        assert_int_equal(got.delete_all_teks, good[i].all);
        assert_int_equal(got.delete_kek, good[i].kek);
        assert_int_equal(got.n_deleted, good[i].n);
        assert_false(got.has_policy);
    }
}

/* Genuine, and useless. */
static void what_a_lying_key_server_says_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *payloads, *text;
    } bad[] = {
        {SEQ("09", "00000005"), "a rekey that says nothing"},
        {SEQ("0c", "00000005") "09 00 0010 00000001 01 04 0001 00000100", "delete payload is of another DOI"},
        {SEQ("0c", "00000005") "09 00 0010 00000002 03 04 0001 00000100", "delete payload is for an unknown protocol"},
        {SEQ("0c", "00000005") "09 00 0010 00000002 00 04 0001 00000100", "delete payload's SPI size doesn't fit its protocol"},
        {SEQ("0c", "00000005") "09 00 0010 00000002 01 04 0002 00000100",
         "delete payload's SPI count times size differs from what it holds"},
        {SEQ("0c", "00000005") "09 00 000c 00000002 01 04 0000", "delete payload's SPI count times size differs from what it holds"},
        {SEQ("0c", "00000005") "09 00 000b 00000002 01 04 00", "delete payload is too short"},
        {SEQ("0c", "00000005") "09 00 0010 00000002 01 04 0001 000000ff", "a delete of a reserved SPI"},
        /* SA and KD that don't fit each other: more keys than SAs, fewer, other lengths */
        {SEQ("01", "00000005") "11 00 0047 " SA_PLAIN "09 00 004a 0002 0000" TEK "01 00 0021 04 00000200 0001 0014" KEY_128,
         "a key has the SPI 0x00000200, which no SA has"},
        {SEQ("01", "00000005") "11 00 0047 " SA_PLAIN "09 00 0029 0001 0000 01 00 0021 04 00000200 0001 0014" KEY_128,
         "a key has the SPI 0x00000200, which no SA has"},
        {SEQ("01", "00000005") "11 00 0047 " SA_PLAIN "09 00 0008 0000 0000", "KD payload's packet count is wrong or too large"},
        {SEQ("01", "00000005") "11 00 0047 " SA_PLAIN "09 00 0028 0001 0000 01 00 0020 04 00000100 0001 0013"
                               "000102030405060708090a0b0c0d0e0f101112",
         "SA 0x00000100: 19 octets of key, aes-gcm-128 has 20"},
        {SEQ("01", "00000005") "11 00 0047 " SA_PLAIN "09 00 0040 0002 0000" TEK SIDS, "sender ids come in a rekey"},
        {SEQ("01", "00000005") "11 00 0047 " SA_HEAD "0010 0000 00 00 0037 01" SELECTOR
                               "14 00000100 8001 0001 0002 0004 00000000 8004 0001" GCM_128 TEK_ONE,
         "attribute has a value or length that it can't have"},
        {SEQ("01", "00000005") "11 00 0047 " SA_HEAD "0010 0000 00 00 0037 01" SELECTOR
                               "14 00000100 8001 0001 0002 0004 ffffffff 8004 0001" GCM_128 TEK_ONE,
         "SA 0x00000100: lifetime of 4294967295 s is above 30 days"},
        {SEQ("01", "00000005") "11 00 004f " SA_HEAD "0016 0000 10 00 0008 8001 0e10 00" SAT_PLAIN TEK_ONE,
         "no SA outlives the activation delay of 3600 s"},
        {SEQ("01", "00000005") "11 00 0051 " SA_HEAD "0016 0000 10 00 000a 0083 0002 0001 00" SAT_PLAIN TEK_ONE,
         "private GAP attributes without our vendor id"},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (try(&(struct make){.payloads = bad[i].payloads}) != PUSH_REFUSED)
            fail_msg("message %zu is not refused", i);
        assert_string_equal(why.text, bad[i].text);
        assert_int_equal(got.number, 5);
    }
}

/* More single deletes than a member can have SAs. */
static void deletes_without_end_are_refused(void **state)
{
    (void)state;
    char hex[2048];
    for (unsigned n = POLICY_MAX_SAS; n <= POLICY_MAX_SAS + 1; n++) {
        int at = snprintf(hex, sizeof(hex), SEQ("0c", "00000005") "09 00 %04x 00000002 01 04 %04x", 12 + 4 * n, n);
        for (unsigned i = 0; i < n; i++)
            at += snprintf(hex + at, sizeof(hex) - (size_t)at, "%08x", 0x100 + i);
        assert_int_equal(try(&(struct make){.payloads = hex}), n > POLICY_MAX_SAS ? PUSH_REFUSED : PUSH_OK);
    }
}

static void a_kek_whose_key_is_of_no_use_is_refused(void **state)
{
    (void)state;
    struct push x;
    struct buf_writer w = buf_writer_of(message, sizeof(message));
    push_init(&x);
    x.number = 5;
    x.has_policy = x.policy.has_kek = true;
    make_kek(&x.policy.kek, other_key, 128, 50);
    assert_true(push_seal(&kek, key, &x, &plain, &w, &why));
    assert_int_equal(open_as(&kek, 4, &plain, 0, w.len), PUSH_OK);
    x.policy.kek.signature = GDOI_SIG_ECDSA_384; /* the key is of P-256 */
    assert_true(push_seal(&kek, key, &x, &plain, &w, &why));
    assert_int_equal(open_as(&kek, 4, &plain, 0, w.len), PUSH_REFUSED);
    assert_string_equal(why.text, "the KEK's public key isn't of its signature algorithm, or too weak");
    assert_int_equal(why.kind, POLICY_FAULT_SIGNATURE_KEY);
    x.policy.kek.signature = GDOI_SIG_ECDSA_256;
    x.policy.kek.public_key[30] ^= 1; /* no point of the curve */
    assert_true(push_seal(&kek, key, &x, &plain, &w, &why));
    assert_int_equal(open_as(&kek, 4, &plain, 0, w.len), PUSH_REFUSED);
    push_wipe(&x);
}

/* Any octets under the right key and signature: a result, and nothing half-done (open_as looks). */
static void random_content_of_a_lying_key_server(void **state)
{
    (void)state;
    unsigned seed = (unsigned)time(NULL);
    const char *given = getenv("GVPN_SEED");
    if (given != NULL)
        seed = (unsigned)strtoul(given, NULL, 10);
    print_message("seed %u\n", seed);
    struct bytes base = bytes_hex(SEQ("01", "00000005") "11 00 0047 " SA_PLAIN TEK_ONE);
    size_t results[PUSH_REFUSED + 1] = {0};
    for (int round = 0; round < 3000; round++) {
        char hex[1024];
        size_t at = 0;
        int changes = 1 + rand_r(&seed) % 3;
        struct bytes b = bytes_copy(bytes_span(&base));
        for (int i = 0; i < changes; i++)
            b.p[4 + (unsigned)rand_r(&seed) % (b.len - 4)] = (uint8_t)rand_r(&seed);
        for (size_t i = 0; i < b.len; i++)
            at += (size_t)snprintf(hex + at, sizeof(hex) - at, "%02x", b.p[i]);
        results[try(&(struct make){.payloads = hex})]++;
        bytes_free(&b);
    }
    bytes_free(&base);
    assert_true(results[PUSH_OK] > 0 && results[PUSH_REFUSED] > 500 && results[PUSH_MALFORMED] > 50);
    assert_int_equal(results[PUSH_OTHER], 0);
}

static int make_keys(void **state)
{
    (void)state;
    key = make_key(SIG_ECDSA_256, 0);
    other_key = make_key(SIG_ECDSA_256, 0);
    rsa = make_key(SIG_RSA, 2048);
    return 0;
}

static int free_keys(void **state)
{
    (void)state;
    sig_key_free(key);
    sig_key_free(other_key);
    sig_key_free(rsa);
    return 0;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_message_made_here_is_taken),
        TEST(datagrams_of_others_are_left_alone),
        TEST(a_wrong_header_is_malformed),
        TEST(truncation_at_every_octet_is_found),
        TEST(another_structure_is_malformed),
        TEST(the_number_must_be_larger),
        TEST(only_the_key_servers_signature_counts),
        TEST(every_bit_of_a_message_counts),
        TEST(another_key_opens_nothing),
        TEST(lenient_forms_are_taken_on_request_only),
        TEST(deletes_are_read_as_the_rfc_lets_them_be_written),
        TEST(what_a_lying_key_server_says_is_refused),
        TEST(deletes_without_end_are_refused),
        TEST(a_kek_whose_key_is_of_no_use_is_refused),
        TEST(random_content_of_a_lying_key_server),
    };
    return cmocka_run_group_tests(tests, make_keys, free_keys);
}
