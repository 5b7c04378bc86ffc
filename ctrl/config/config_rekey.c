/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * `key-server.rekey`: how a group's keys are pushed to its members (KS4 to KS8), with the signing key from its file. What
 * can't work is an error here; what works, and loses members on a bad day, a warning.
 */
#include "ctrl/config/loader.h"
#include "ctrl/gdoi/gdoi.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DAYS_30      2592000u
#define LONG_S       86400u /* KS17 */
#define PEM_MAX      16384 /* octets: RSA of 8192 bits takes half of it */
#define TEK_END_S    90    /* the first round of a rekey should be over so long before a TEK ends (KS5) */
#define KEK_END_S    200   /* a KEK is renewed so long before its end, retransmissions and waves apart (KS4) */
#define KEK_TEKS     3     /* a KEK should live for so many TEKs */

enum cipher { AES_128, AES_192, AES_256, TRIPLE_DES };

static const struct name transports[] = {{false, "multicast"}, {true, "unicast"}, {0, NULL}};
static const struct name ciphers[] = {
    {AES_128, "aes-128"}, {AES_192, "aes-192"}, {AES_256, "aes-256"}, {TRIPLE_DES, "3des"}, {0, NULL}};
static const struct name hashes[] = {{GDOI_SIG_SHA1, "sha1"},
                                     {GDOI_SIG_SHA256, "sha256"},
                                     {GDOI_SIG_SHA384, "sha384"},
                                     {GDOI_SIG_SHA512, "sha512"},
                                     {0, NULL}};
static const struct name acknowledgements[] = {{GDOI_ACK_KEK_SHA256, "rfc8263"}, {0, "none"}, {0, NULL}};

struct config_signing_key *config_signing_key_hold(struct config_signing_key *k)
{
    k->users++;
    return k;
}

void config_signing_key_release(struct config_signing_key *k)
{
    if (!k || --k->users > 0)
        return;
    sig_key_free(k->key);
    free(k);
}

static bool parse_key(struct schema *s, const struct yaml_node *n, void *at)
{
    struct config_signing_key **out = at, *k;
    uint8_t *pem = loader_alloc(s, n, 1, PEM_MAX);
    char why[120] = "";
    size_t len = 0;
    bool ok = false;

    k = pem ? loader_alloc(s, n, 1, sizeof(*k)) : NULL;
    if (!k || !config_secret_file(s, n, pem, PEM_MAX, &len))
        goto out;
    k->key = sig_key_load(span_of(pem, len), why, sizeof(why));
    if (!k->key) {
        schema_fail(s, n, "'%s': %s, expected a PEM private key: RSA of at least 2048 bits, ECDSA P-256 or P-384", n->text, why);
        goto out;
    }
    k->users = 1;
    snprintf(k->file, sizeof(k->file), "%s", n->text);
    *out = k;
    k = NULL;
    ok = true;
out:
    if (pem)
        wipe(pem, PEM_MAX);
    free(pem);
    free(k);
    return ok || loader_is(s, CONFIG_MISTAKE_SIGNING_KEY);
}

static bool parse_cipher(struct schema *s, const struct yaml_node *n, void *at)
{
    static const uint16_t bits[] = {[AES_128] = 128, [AES_192] = 192, [AES_256] = 256};
    struct config_rekey *r = at;
    unsigned cipher;

    if (!schema_enum(s, n, ciphers, NULL, &cipher))
        return false;
    if (cipher != TRIPLE_DES) {
        r->cipher = GDOI_KEK_AES;
        r->key_bits = bits[cipher];
        return true;
    }
    if (!loader_of(s)->c->legacy)
        return schema_fail(s, n, "3des is legacy (blocks of 64 bits: CVE-2016-2183), expected `legacy: true` at the top of the "
                                 "file for it");
    r->cipher = GDOI_KEK_3DES;
    r->key_bits = 0;
    return loader_lint(s, n, "encryption: 3des is legacy, better aes-256");
}

static bool parse_hash(struct schema *s, const struct yaml_node *n, void *at)
{
    unsigned hash;

    if (!schema_enum(s, n, hashes, NULL, &hash))
        return false;
    if (hash == GDOI_SIG_SHA1 && !loader_of(s)->c->legacy)
        return schema_fail(s, n, "sha1 is legacy (signatures with it can be forged: CVE-2005-4900), expected `legacy: true` at the "
                                 "top of the file for it");
    *(uint16_t *)at = (uint16_t)hash;
    return true;
}

/* IKE runs over IPv4, and so do rekeys. */
static bool parse_destination(struct schema *s, const struct yaml_node *n, void *at)
{
    const char *text = schema_text(s, n, ADDR_TEXT_MAX);
    struct addr *a = at;

    if (!text)
        return false;
    if (!addr_parse(text, a) || !addr_is_multicast(a))
        return schema_fail(s, n, "'%s', expected a multicast address", text);
    if (a->family != 4)
        return schema_fail(s, n, "'%s' is IPv6 and IKE runs over IPv4, expected an IPv4 multicast address", text);
    return true;
}

static const struct schema_field retransmit_fields[] = {
    {.key = "interval", .type = SCHEMA_SECONDS, SCHEMA_AT(struct config_rekey, interval_s), .min = 10, .max = 60},
    {.key = "count", .type = SCHEMA_UINT, SCHEMA_AT(struct config_rekey, count), .min = 0, .max = 10},
    {0},
};

static const struct schema_field wave_fields[] = {
    {.key = "members", .type = SCHEMA_UINT, SCHEMA_AT(struct config_rekey, wave_members), .min = 1, .max = 10000},
    {.key = "interval", .type = SCHEMA_SECONDS, SCHEMA_AT(struct config_rekey, wave_interval_s), .min = 1, .max = 60},
    {0},
};

static const struct schema_field multicast_fields[] = {
    {.key = "destination",
     .type = SCHEMA_CUSTOM,
     .flags = SCHEMA_REQUIRED,
     SCHEMA_AT(struct config_rekey, destination.addr),
     .fn = parse_destination},
    {.key = "port", .type = SCHEMA_UINT, SCHEMA_AT(struct config_rekey, destination.port), .min = 1, .max = UINT16_MAX},
    {0},
};

static const struct schema_field fields[] = {
    {.key = "transport", .type = SCHEMA_ENUM, SCHEMA_AT(struct config_rekey, unicast), .names = transports},
    {.key = "lifetime", .type = SCHEMA_SECONDS, SCHEMA_AT(struct config_rekey, lifetime_s), .min = 300, .max = DAYS_30},
    {.key = "encryption", .type = SCHEMA_CUSTOM, .fn = parse_cipher},
    {.key = "hash", .type = SCHEMA_CUSTOM, SCHEMA_AT(struct config_rekey, hash), .fn = parse_hash},
    {.key = "retransmit", .type = SCHEMA_MAP, .fields = retransmit_fields},
    {.key = "waves", .type = SCHEMA_MAP, .fields = wave_fields},
    {.key = "acknowledgement", .type = SCHEMA_ENUM, SCHEMA_AT(struct config_rekey, ack), .names = acknowledgements},
    {.key = "multicast", .type = SCHEMA_MAP, .fields = multicast_fields},
    {.key = "signing-key",
     .type = SCHEMA_CUSTOM,
     .flags = SCHEMA_REQUIRED,
     SCHEMA_AT(struct config_rekey, key),
     .fn = parse_key},
    {0},
};

/* What doesn't go together. */
static bool check(struct schema *s, const struct yaml_node *n, struct config_rekey *r)
{
    const struct yaml_node *hash = yaml_find(n, "hash"), *ack = yaml_find(n, "acknowledgement");
    enum sig_kind kind = sig_key_kind(r->key->key);

    if (!r->unicast && !yaml_find(n, "multicast"))
        return schema_fail(s, n, "the key 'multicast' is missing, expected it beside transport multicast");
    if (r->cipher == GDOI_KEK_3DES && r->lifetime_s > LONG_S)
        return schema_fail(s, yaml_find(n, "lifetime"), "more than 1d is for AES, expected 5m to 1d beside 3des");
    if (!r->unicast && ack && r->ack)
        return schema_fail(s, ack, "rfc8263 is for unicast, expected none beside transport multicast");
    if (!r->unicast)
        r->ack = 0;
    else
        r->destination = (struct endpoint){0};
    if (kind == SIG_RSA)
        return true;
    if (hash && r->hash != (kind == SIG_ECDSA_256 ? GDOI_SIG_SHA256 : GDOI_SIG_SHA384))
        return schema_fail(s, hash, "the curve of the signing key has its own hash, expected %s",
                           kind == SIG_ECDSA_256 ? "sha256" : "sha384");
    r->hash = 0;
    return true;
}

/* What works, and leaves little time to members that didn't hear a rekey at once. */
static bool lint(struct schema *s, const struct yaml_node *n, const struct config_key_server *ks)
{
    const struct config_rekey *r = &ks->rekey;
    uint32_t wave_s = r->unicast ? r->wave_interval_s : 0, longest = 0, shortest = UINT32_MAX;
    const struct yaml_node *lifetime = yaml_find(n, "lifetime");

    for (size_t i = 0; i < ks->n_sas; i++) {
        longest = ks->sas[i].lifetime_s > longest ? ks->sas[i].lifetime_s : longest;
        shortest = ks->sas[i].lifetime_s < shortest ? ks->sas[i].lifetime_s : shortest;
    }
    if (shortest / 2 < TEK_END_S + wave_s &&
        !loader_lint(s, n, "rekey: with a lifetime of %us the first round of a rekey can't end %ds before the end of a key",
                     (unsigned)shortest, TEK_END_S))
        return false;
    if (r->lifetime_s / 4 * 3 < KEK_END_S + r->interval_s * r->count + wave_s &&
        !loader_lint(s, lifetime ? lifetime : n, "rekey: a KEK of %us can't be renewed %ds before its end with these retransmissions",
                     (unsigned)r->lifetime_s, KEK_END_S))
        return false;
    return r->lifetime_s >= (uint64_t)KEK_TEKS * longest ||
           loader_lint(s, lifetime ? lifetime : n, "rekey: the KEK lives for %us, better at least %d lifetimes of a key (%us)",
                       (unsigned)r->lifetime_s, KEK_TEKS, (unsigned)longest);
}

bool config_rekey_parse(struct schema *s, const struct yaml_node *n, void *at)
{
    struct config_key_server *ks = at;

    ks->rekey = (struct config_rekey){.lifetime_s = 86400,
                                      .cipher = GDOI_KEK_AES,
                                      .key_bits = 256,
                                      .hash = GDOI_SIG_SHA256,
                                      .ack = GDOI_ACK_KEK_SHA256,
                                      .interval_s = 10,
                                      .count = 2,
                                      .wave_members = 50,
                                      .wave_interval_s = 5,
                                      .destination.port = 848};
    ks->has_rekey = true;
    return schema_map(s, n, fields, &ks->rekey) && check(s, n, &ks->rekey) && lint(s, n, ks);
}
