/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A hostile but authenticated key server (CVE-2023-20109): whatever it says goes signed and encrypted under the right KEK.
 * Input: an octet (bit 0: the server is ours, bits 1 and 2: the form of signatures that is taken), then the payloads that
 * stand before SIG, from SEQ on, each with its generic header; the last one's Next Payload should say SIG (9).
 */
#include "ctrl/crypto/ike_sa.h"
#include "ctrl/push/push.h"
#include "tests/fuzz/fuzz.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <string.h>

#define LAST 4 /* number of the rekey before */

static struct sig_key *key;
static struct policy_kek kek;

static void make_kek(void)
{
    char error[128], *pem;
    EVP_PKEY *pkey = EVP_EC_gen("P-256");
    BIO *bio = BIO_new(BIO_s_mem());
    MUST(pkey && bio && PEM_write_bio_PrivateKey(bio, pkey, NULL, NULL, 0, NULL, NULL) == 1);
    long len = BIO_get_mem_data(bio, &pem);
    key = sig_key_load(span_of(pem, (size_t)len), error, sizeof(error));
    MUST(key);
    BIO_free(bio);
    EVP_PKEY_free(pkey);
    memset(kek.spi, 0x5a, sizeof(kek.spi));
    kek.cipher = GDOI_KEK_AES;
    kek.key_bits = 128;
    kek.key.len = 16;
    kek.signature = GDOI_SIG_ECDSA_256;
    kek.public_key_len = sig_key_public(key).len;
    memcpy(kek.public_key, sig_key_public(key).p, kek.public_key_len);
}

/* The datagram around these payloads; 0 when it would be too long. */
static size_t wrap(struct span payloads, uint8_t *out, size_t cap)
{
    const struct ike_suite suite = {.encryption = IKE_AES_CBC, .key_bits = 128};
    struct isakmp_header h = {.exchange = ISAKMP_EXCHANGE_GROUPKEY_PUSH, .flags = ISAKMP_FLAG_ENCRYPTED};
    struct buf_writer w = buf_writer_of(out, cap);
    struct ike_iv iv = {{0}};
    uint8_t sig[SIG_MAX_LEN];
    size_t sig_octets;
    memcpy(h.cky_i, kek.spi, sizeof(h.cky_i));
    memcpy(h.cky_r, kek.spi + sizeof(h.cky_i), sizeof(h.cky_r));
    (void)isakmp_message_begin(&w, &h);
    buf_patch_u8(&w, ISAKMP_NEXT_OFFSET, ISAKMP_PAYLOAD_SEQ);
    buf_put_span(&w, payloads);
    buf_patch_u32(&w, ISAKMP_LENGTH_OFFSET, (uint32_t)(w.len + ISAKMP_GENERIC_LEN + 64));
    const struct span parts[] = {span_of("rekey", 5), buf_written(&w)};
    MUST(sig_sign(key, 0, parts, 2, sig, &sig_octets) && sig_octets == 64);
    buf_put_u32(&w, ISAKMP_GENERIC_LEN + 64);
    buf_put_bytes(&w, sig, sig_octets);
    return !w.overflow && ike_sa_seal(&suite, &kek.key, &iv, out, &w.len, cap) ? w.len : 0;
}

static void is_sane(const struct push *p)
{
    MUST(p->number > LAST && p->n_deleted <= POLICY_MAX_SAS);
    for (size_t i = 0; i < p->n_deleted; i++)
        MUST(p->deleted[i] >= GDOI_FIRST_SPI);
    if (!p->has_policy)
        return;
    MUST((p->policy.n_sas > 0 || p->policy.has_kek) && p->policy.n_sender_ids == 0);
    for (size_t i = 0; i < p->policy.n_sas; i++)
        MUST(p->policy.sas[i].lifetime_s >= 1 && p->policy.sas[i].lifetime_s <= POLICY_MAX_LIFETIME_S);
    if (p->policy.has_kek)
        MUST(sig_fits(span_of(p->policy.kek.public_key, p->policy.kek.public_key_len), p->policy.kek.signature));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t datagram[8192];
    struct peer_features peer = {.features = feature_ours()};
    struct policy_fault why;
    struct push p, empty;
    if (key == NULL)
        make_kek();
    if (size < 1)
        return 0;
    size_t len = wrap(span_of(data + 1, size - 1), datagram, sizeof(datagram));
    if (len == 0)
        return 0;
    peer.ours = (data[0] & 1) != 0;
    push_init(&p);
    push_init(&empty);
    enum push_result r = push_open(&kek, LAST, &peer, (enum policy_signature_form)(data[0] >> 1 & 3), span_of(datagram, len), &p,
                                   &why);
    MUST(r != PUSH_OTHER && (r == PUSH_REFUSED) == (why.text[0] != '\0'));
    if (r == PUSH_OK) {
        is_sane(&p);
    } else {
        empty.number = r == PUSH_REFUSED ? p.number : 0;
        MUST(memcmp(&p, &empty, sizeof(p)) == 0);
    }
    push_wipe(&p);
    return 0;
}
