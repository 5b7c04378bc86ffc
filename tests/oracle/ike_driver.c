/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ctrl/crypto behind a pipe, for tests/oracle/ike_keys_test.py: one command per line, fields in hex ("-" =
 * empty), one line of answer. It computes nothing itself.
 *
 *     suite ENCRYPTION BITS HASH            -> 00 (numbers of RFC 2409 appendix A; for all that follow)
 *     keys PSK NI NR GXI GXR GXY CKYI CKYR   -> SKEYID _d _a _e KEY IV
 *     auth i|r PSK NI NR GXI GXR GXY CKYI CKYR SA ID -> HASH
 *     message SKEYID_A MID NONCES AFTER      -> HASH
 *     stretch SKEYID_E LEN                   -> KEY
 *     iv LAST MID                            -> IV
 *     seal KEY IV MESSAGE                    -> MESSAGE NEXT_IV
 *     open KEY IV MESSAGE                    -> MESSAGE NEXT_IV
 *     dh GROUP                               -> PUBLIC
 *     peer PUBLIC                            -> SHARED (of the last dh)
 *
 * "refused" when the function under test says no.
 */
#include "ctrl/crypto/dh.h"
#include "ctrl/crypto/ike_keys.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_FIELDS 16
#define MAX_LINE   16384

struct field {
    uint8_t b[2048];
    size_t len;
    const char *text;
};

static struct field fields[MAX_FIELDS];
static size_t n_fields;
static struct ike_suite suite = {.encryption = IKE_AES_CBC, .key_bits = 256, .hash = IKE_SHA256};

static void parse(char *line)
{
    n_fields = 0;
    for (char *t = strtok(line, " \n"); t && n_fields < MAX_FIELDS; t = strtok(NULL, " \n")) {
        struct field *f = &fields[n_fields++];
        f->text = t;
        f->len = 0;
        unsigned v;
        for (const char *p = t; f->len < sizeof f->b && sscanf(p, "%2x", &v) == 1 && p[1]; p += 2)
            f->b[f->len++] = (uint8_t)v;
    }
}

static struct span field(size_t i)
{
    return span_of(fields[i].b, fields[i].len);
}

static uint32_t number(size_t i)
{
    return (uint32_t)strtoul(fields[i].text, NULL, 0);
}

static void print_hex(const void *p, size_t len, const char *after)
{
    for (size_t i = 0; i < len; i++)
        printf("%02x", ((const uint8_t *)p)[i]);
    fputs(after, stdout);
}

static struct ike_keys_input input_at(size_t i)
{
    return (struct ike_keys_input){.suite = suite,
                                   .nonce_i = field(i),
                                   .nonce_r = field(i + 1),
                                   .public_i = field(i + 2),
                                   .public_r = field(i + 3),
                                   .shared = field(i + 4),
                                   .cookie_i = field(i + 5),
                                   .cookie_r = field(i + 6)};
}

static bool run_keys(void)
{
    struct ike_keys k;
    struct ike_iv iv;
    struct ike_keys_input in = input_at(2);
    if (!ike_keys_derive(&in, field(1), &k) || !ike_keys_first_iv(&in, &iv))
        return false;
    const struct secret *all[] = {&k.skeyid, &k.skeyid_d, &k.skeyid_a, &k.skeyid_e, &k.key};
    for (size_t i = 0; i < 5; i++)
        print_hex(all[i]->b, all[i]->len, " ");
    print_hex(iv.b, ike_suite_block_len(&suite), "\n");
    return true;
}

static bool run_auth(void)
{
    struct ike_keys k;
    uint8_t out[IKE_HASH_MAX];
    struct ike_keys_input in = input_at(3);
    if (!ike_keys_derive(&in, field(2), &k) ||
        !ike_keys_auth_hash(&in, &k.skeyid, fields[1].text[0] == 'i', field(10), field(11), out))
        return false;
    print_hex(out, ike_suite_hash_len(&suite), "\n");
    return true;
}

static bool run_message(void)
{
    struct secret a;
    uint8_t out[IKE_HASH_MAX];
    if (!secret_set(&a, fields[1].b, fields[1].len) ||
        !ike_keys_message_hash(suite.hash, &a, number(2), field(3), field(4), out))
        return false;
    print_hex(out, ike_suite_hash_len(&suite), "\n");
    return true;
}

static bool run_stretch(void)
{
    struct secret e, key;
    if (!secret_set(&e, fields[1].b, fields[1].len) || !ike_keys_stretch(suite.hash, &e, number(2), &key))
        return false;
    print_hex(key.b, key.len, "\n");
    return true;
}

static bool run_suite(void)
{
    if (n_fields != 4)
        return false;
    suite = (struct ike_suite){
        .encryption = (uint16_t)number(1), .key_bits = (uint16_t)number(2), .hash = (uint16_t)number(3)};
    puts("00");
    return true;
}

static bool run_iv(void)
{
    struct ike_sa sa = {.suite = suite};
    struct ike_iv iv;
    memcpy(sa.last.b, fields[1].b, ike_suite_block_len(&suite));
    if (!ike_sa_first_iv(&sa, number(2), &iv))
        return false;
    print_hex(iv.b, ike_suite_block_len(&suite), "\n");
    return true;
}

static bool run_crypt(bool seal)
{
    struct secret key;
    struct ike_iv iv;
    uint8_t msg[4096];
    size_t len = fields[3].len;
    memset(&iv, 0, sizeof iv);
    memcpy(iv.b, fields[2].b, ike_suite_block_len(&suite));
    memcpy(msg, fields[3].b, len);
    if (!secret_set(&key, fields[1].b, fields[1].len))
        return false;
    if (seal ? !ike_sa_seal(&suite, &key, &iv, msg, &len, sizeof msg)
             : !ike_sa_open(&suite, &key, &iv, field(3), msg, sizeof msg, &iv))
        return false;
    print_hex(msg, len, " ");
    print_hex(iv.b, ike_suite_block_len(&suite), "\n");
    return true;
}

static bool run_dh(struct dh **dh)
{
    dh_free(*dh);
    *dh = dh_new((uint16_t)number(1));
    if (!*dh)
        return false;
    struct span public = dh_public(*dh);
    print_hex(public.p, public.len, "\n");
    return true;
}

static bool run_peer(const struct dh *dh)
{
    struct dh_shared shared;
    if (!dh || !dh_shared(dh, field(1), &shared))
        return false;
    print_hex(shared.b, shared.len, "\n");
    return true;
}

int main(void)
{
    static char line[MAX_LINE];
    struct dh *dh = NULL;
    while (fgets(line, sizeof line, stdin)) {
        parse(line);
        const char *c = n_fields ? fields[0].text : "";
        bool ok = strcmp(c, "keys") == 0      ? run_keys()
                  : strcmp(c, "suite") == 0   ? run_suite()
                  : strcmp(c, "auth") == 0    ? run_auth()
                  : strcmp(c, "message") == 0 ? run_message()
                  : strcmp(c, "stretch") == 0 ? run_stretch()
                  : strcmp(c, "iv") == 0      ? run_iv()
                  : strcmp(c, "seal") == 0    ? run_crypt(true)
                  : strcmp(c, "open") == 0    ? run_crypt(false)
                  : strcmp(c, "dh") == 0      ? run_dh(&dh)
                  : strcmp(c, "peer") == 0    ? run_peer(dh)
                                              : false;
        if (!ok)
            puts("refused");
        fflush(stdout);
    }
    dh_free(dh);
    return 0;
}
