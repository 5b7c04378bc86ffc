/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Published known answers as ESP packets: RFC 3602 section 4 and SP 800-38A F.2 (AES-CBC), SP 800-67 appendix B.1
 * (3DES; its first block is CBC with an IV of zeros), RFC 2202 and RFC 4868 section 2.7.2 (HMAC; the message is the
 * ESP header and the text of a NULL cipher), RFC 7634 appendix A (ChaCha20-Poly1305), the GCM vectors of NIST's CAVP
 * and, for 192 bits, Project Wycheproof's (GMAC; the message is ESP header and IV).
 */
#include "dataplane/crypto/selftest.h"

#include <stdio.h>
#include <string.h>

#define MAX 128

struct known {
    enum suite_id suite;
    const char *key, *integrity; /* all in hex; "" = none, or zeros where the suite needs one and the answer doesn't */
    const char *nonce;
    const char *front; /* SPI, sequence number, IV */
    const char *text;
    const char *sealed; /* the text encrypted, then the ICV or nothing of it */
};

#define SHA1_1_KEY   "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b"
#define HI_THERE     "4869205468657265"
#define WHAT_DO      "7768617420646f20" /* "what do ya want for nothing?" in two parts */
#define YA_WANT      "79612077616e7420666f72206e6f7468696e673f"
#define JEFE_8       "4a6566654a6566654a6566654a6566654a6566654a6566654a6566654a656665"
#define SP38A_IV     "000102030405060708090a0b0c0d0e0f"
#define SP38A_TEXT   "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
#define ANY_HEADER   "0000000100000001"

static const struct known knowns[] = {
    {SUITE_AES_CBC_128_SHA1, "06a9214036b8a15b512e03d534120006", "", "", ANY_HEADER "3dafba429d9eb430b422da802c9fac41",
     "53696e676c6520626c6f636b206d7367", "e353779c1079aeb82708942dbe77181a"},
    {SUITE_AES_CBC_128_SHA256, "c286696d887c9aa0611bbb3e2025a45a", "", "", ANY_HEADER "562e17996d093d28ddb3ba695a2e6f58",
     "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
     "d296cd94c2cccf8a3a863028b5e1dc0a7586602d253cfff91b8266bea6d61ab1"},
    {SUITE_AES_CBC_192_SHA1, "8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b", "", "", ANY_HEADER SP38A_IV, SP38A_TEXT,
     "4f021db243bc633d7178183a9fa071e8b4d9ada9ad7dedf4e5e738763f69145a"},
    {SUITE_AES_CBC_256_SHA1, "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4", "", "",
     ANY_HEADER SP38A_IV, SP38A_TEXT, "f58c4c04d6e5f1ba779eabfb5f7bfbd69cfc4e967edb808d679f777bc6702c7d"},
    {SUITE_3DES_SHA1, "0123456789abcdef23456789abcdef01456789abcdef0123", "", "", ANY_HEADER "0000000000000000",
     "5468652071756663", "a826fd8ce53b855f"},
    {SUITE_NULL_SHA1, "", SHA1_1_KEY, "", HI_THERE, "", "b617318655057264e28bc0b6"},
    {SUITE_NULL_SHA256, "", JEFE_8, "", WHAT_DO, YA_WANT, YA_WANT "167f928588c5cc2eef8e3093caa0e87c"},
    {SUITE_NULL_SHA384, "", JEFE_8 "4a6566654a6566654a6566654a656665", "", WHAT_DO, YA_WANT,
     YA_WANT "2c7353974f1842fd66d53c452ca42122b28c0b594cfb184d"},
    {SUITE_NULL_SHA512, "", JEFE_8 JEFE_8, "", WHAT_DO, YA_WANT,
     YA_WANT "cb370917ae8a7ce28cfd1d8f4705d6141c173b2a9362c15df235dfb251b15454"},
    {SUITE_CHACHA20_POLY1305, "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f", "",
     "a0a1a2a31011121314151617", "01020304000000051011121314151617",
     "45000054a6f200004001e778c6336405c000020508005b7a3a080000553bec100007362708090a0b0c0d0e0f1011121314151617"
     "18191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f303132333435363701020204",
     "24039428b97f417e3c13753a4f05087b67c352e6a7fab1b982d466ef407ae5c614ee8099d52844eb61aa95dfab4c02f72aa71e7c"
     "4c4f64c9befe2facc638e8f3cbec163fac469b502773f6fb94e664da9165b82829f641e076aaa8266b7fb0f7b11b369907e1ad43"},
    {SUITE_AES_GMAC_128, "77be63708971c4e240d1cb79e8d77feb", "", "e0e00f19fed7ba0136a797f3",
     "7a43ec1d9c0a5a78a0b16533a6213cab", "", "209fcc8d3675ed938e9c7166709dd946"},
    {SUITE_AES_GMAC_192, "6031b3a177b43045ae587ffb0d228b0414ff26b7206c30f5", "", "8af8ef74bd2521f6e711950b",
     "dc89f1dd15f3258b7e921173650eb9ba", "", "68a1249d6487f46c107bdb8417271e26"},
    {SUITE_AES_GMAC_256, "78dc4e0aaf52d935c3c01eea57428f00ca1fd475f5da86a49c8dd73d68c8e223", "", "d79cf22d504cc793c3fb6c8a",
     "b96baa8c1c75a671bfb2d08d06be5f36", "", "3e5d486aa2e30b22e040b85723a06e76"},
};

static uint8_t digit(char c)
{
    return (uint8_t)(c <= '9' ? c - '0' : c - 'a' + 10);
}

/* Returns the number of octets. */
static uint32_t octets(const char *hex, uint8_t *to)
{
    uint32_t n = (uint32_t)strlen(hex) / 2;

    for (uint32_t i = 0; i < n; i++, hex += 2)
        to[i] = (uint8_t)(digit(hex[0]) << 4 | digit(hex[1]));
    return n;
}

static bool run(const struct crypto_backend *b, struct crypto_job *job, bool open)
{
    void *lanes = b->lanes_new();

    if (lanes == NULL)
        return false;
    job->open = open;
    job->done = job->ok = false;
    b->submit(lanes, job);
    b->flush(lanes);
    b->lanes_free(lanes);
    return job->done && job->ok;
}

static bool answer_right(const struct crypto_backend *b, const struct known *a)
{
    uint8_t key[64] = {0}, integrity[64] = {0}, esp[MAX + CRYPTO_ICV_MAX], text[MAX], sealed[MAX + CRYPTO_ICV_MAX];
    uint32_t front_len = octets(a->front, esp), sealed_len = octets(a->sealed, sealed);
    struct crypto_job job = {.esp = esp};
    struct crypto_key k;
    bool right;

    octets(a->key, key);
    octets(a->integrity, integrity);
    octets(a->nonce, job.nonce);
    job.len = octets(a->text, text);
    memcpy(esp + front_len, text, job.len);
    if (!b->key_set(&k, suite_by_id(a->suite), key, integrity))
        return false;
    job.key = &k;
    right = run(b, &job, false) && memcmp(esp + front_len, sealed, sealed_len) == 0 && run(b, &job, true) &&
            memcmp(esp + front_len, text, job.len) == 0;
    crypto_key_wipe(&k);
    return right;
}

bool selftest_known_answers(const struct crypto_backend *b, char *why, size_t cap)
{
    for (size_t i = 0; i < sizeof knowns / sizeof knowns[0]; i++)
        if (!answer_right(b, &knowns[i])) {
            snprintf(why, cap, "%s: %s gives a wrong answer to a published packet", suite_by_id(knowns[i].suite)->name,
                     b->name);
            return false;
        }
    return true;
}
