/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The section `ike`: where we listen, who we are, what we propose, and the pre-shared keys. Numbers of
 * proposals are those of RFC 2409 appendix A, RFC 3526 and RFC 5903. IKE runs over IPv4.
 */
#include "ctrl/config/loader.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Key bits of AES-CBC (7); 3DES-CBC (5) has none. */
static const struct name encryptions[] = {{128, "aes-128"}, {192, "aes-192"}, {256, "aes-256"}, {0, "3des"}, {0, NULL}};
static const struct name hashes[] = {{4, "sha256"}, {5, "sha384"}, {6, "sha512"}, {2, "sha1"}, {0, NULL}};
static const struct name dh_groups[] = {{14, "14"}, {15, "15"}, {16, "16"}, {19, "19"}, {20, "20"},
                                        {21, "21"}, {2, "2"},   {5, "5"},   {0, NULL}};
static const struct name auths[] = {{1, "psk"}, {0, NULL}};
static const struct name auths_later[] = {{3, "rsa"}, {9, "ecdsa"}, {0, NULL}};
static const struct name dois[] = {{2, "gdoi"}, {1, "ipsec"}, {0, NULL}};

static bool parse_listen(struct schema *s, const struct yaml_node *n, void *at)
{
    struct config *c = at;
    struct addr a;

    if (!config_value_addr(s, n, &a))
        return false;
    for (size_t i = 0; i < c->n_listen; i++)
        if (addr_equal(&c->listen[i], &a))
            return schema_fail(s, n, "'%s' stands twice, expected it once", n->text);
    c->listen[c->n_listen++] = a;
    return true;
}

static bool parse_identity(struct schema *s, const struct yaml_node *n, void *at)
{
    const char *text = schema_text(s, n, CONFIG_MAX_TEXT - 1);

    (void)at;
    if (!text)
        return false;
    if (strcmp(text, "address") == 0)
        return true;
    if (strcmp(text, "dn") == 0 || (strncmp(text, "fqdn:", 5) == 0 && text[5]))
        return schema_value_not_supported(s, n, text, "address");
    return schema_fail(s, n, "'%s', expected one of: address, dn, fqdn:NAME", text);
}

static const struct schema_field proposal_fields[] = {
    {.key = "encryption",
     .type = SCHEMA_ENUM,
     SCHEMA_AT(struct config_proposal, key_bits),
     .names = encryptions},
    {.key = "hash",
     .type = SCHEMA_ENUM,
     SCHEMA_AT(struct config_proposal, hash),
     .names = hashes},
    {.key = "group",
     .type = SCHEMA_ENUM,
     SCHEMA_AT(struct config_proposal, group),
     .names = dh_groups},
    {.key = "auth",
     .type = SCHEMA_ENUM,
     SCHEMA_AT(struct config_proposal, auth),
     .names = auths,
     .later = auths_later},
    {.key = "lifetime",
     .type = SCHEMA_SECONDS,
     SCHEMA_AT(struct config_proposal, lifetime_s),
     .min = 60,
     .max = 86400},
    {0},
};

static const struct config_proposal default_proposal = {
    .encryption = 7, .key_bits = 256, .hash = 4, .group = 14, .auth = 1, .lifetime_s = 86400};

/* Why an algorithm is legacy; NULL when it isn't. */
static const char *weakness(const char *key, unsigned value)
{
    static const struct {
        const char *key;
        unsigned value;
        const char *why;
    } weak[] = {
        {"encryption", 0, "3des is legacy (blocks of 64 bits: CVE-2016-2183)"},
        {"hash", 2, "sha1 is legacy (on its way out: NIST SP 800-131A)"},
        {"group", 2, "2 is legacy (MODP 1024, within reach of states: RFC 8247 section 2.4)"},
        {"group", 5, "5 is legacy (MODP 1536, too weak by now: RFC 8247 section 2.4)"},
    };

    for (size_t i = 0; i < sizeof(weak) / sizeof(weak[0]); i++)
        if (strcmp(weak[i].key, key) == 0 && weak[i].value == value)
            return weak[i].why;
    return NULL;
}

/* Weak algorithms need `legacy: true`; with it they are a warning, at the place of each. */
static bool check_legacy(struct schema *s, const struct yaml_node *n, const struct config_proposal *p)
{
    const struct {
        const char *key;
        unsigned value;
    } used[] = {{"encryption", p->key_bits}, {"hash", p->hash}, {"group", p->group}};

    for (size_t i = 0; i < sizeof(used) / sizeof(used[0]); i++) {
        const struct yaml_node *child = yaml_find(n, used[i].key);
        const char *why = weakness(used[i].key, used[i].value);

        if (!why)
            continue; /* no default is weak: whatever is, stands there */
        if (!loader_of(s)->c->legacy)
            return schema_fail(s, child, "%s, expected `legacy: true` at the top of the file for it", why);
        if (!loader_lint(s, child, "%s: %s; only for peers that have nothing better", used[i].key, why))
            return false;
    }
    return true;
}

static bool parse_proposal(struct schema *s, const struct yaml_node *n, void *at)
{
    struct config *c = at;
    struct config_proposal *p = &c->proposals[c->n_proposals];

    *p = default_proposal;
    if (!schema_map(s, n, proposal_fields, p))
        return false;
    p->encryption = p->key_bits ? 7 : 5;
    if (!check_legacy(s, n, p))
        return false;
    for (size_t i = 0; i < c->n_proposals; i++) {
        const struct config_proposal *q = &c->proposals[i];

        if (q->key_bits == p->key_bits && q->hash == p->hash && q->group == p->group && q->auth == p->auth)
            return schema_fail(s, n, "the same proposal as item %zu, expected another", i + 1);
    }
    c->n_proposals++;
    return true;
}

static bool parse_proposals(struct schema *s, const struct yaml_node *n, void *at)
{
    struct config *c = at;

    c->n_proposals = 0;
    return schema_list(s, n, 1, CONFIG_MAX_PROPOSALS, parse_proposal, c);
}

const char *config_proposal_text(const struct config_proposal *p, char out[CONFIG_PROPOSAL_TEXT])
{
    static const struct name ciphers[] = {{1, "des"}, {5, "3des"}, {7, "aes"}, {0, NULL}};
    static const struct name all_hashes[] = {{1, "md5"}, {2, "sha1"}, {4, "sha256"}, {5, "sha384"}, {6, "sha512"}, {0, NULL}};
    static const struct name all_auths[] = {{1, "psk"}, {3, "rsa"}, {9, "ecdsa"}, {0, NULL}};
    char cipher[32], hash[32], auth[32], bits[16] = "";

    if (p->key_bits)
        snprintf(bits, sizeof(bits), "-%u", p->key_bits);
    else if (p->encryption == 7)
        snprintf(bits, sizeof(bits), "-no-length");
    snprintf(out, CONFIG_PROPOSAL_TEXT, "%s%s/%s/%u/%s", name_text(ciphers, p->encryption, cipher), bits,
             name_text(all_hashes, p->hash, hash), p->group, name_text(all_auths, p->auth, auth));
    return out;
}

bool config_ike_set_defaults(struct config *c)
{
    c->phase1_doi = 2;
    c->proposals = calloc(CONFIG_MAX_PROPOSALS, sizeof(*c->proposals));
    if (!c->proposals)
        return false;
    c->proposals[0] = default_proposal;
    c->n_proposals = 1;
    return true;
}

static bool parse_peer(struct schema *s, const struct yaml_node *n, void *at)
{
    struct prefix *p = at;
    const char *text = schema_text(s, n, ADDR_TEXT_MAX);
    struct addr a;

    if (!text)
        return false;
    if (strchr(text, ':'))
        return schema_fail(s, n, "'%s' is IPv6 and IKE runs over IPv4, expected an IPv4 address or prefix",
                           text);
    if (!strchr(text, '/') && !config_value_addr(s, n, &a))
        return false;
    if (!prefix_parse(text, p))
        return schema_fail(
            s, n, "'%s', expected an IPv4 address, or a prefix without host bits such as 10.0.0.0/24", text);
    return true;
}

static const struct schema_field psk_fields[] = {
    {.key = "peer",
     .type = SCHEMA_CUSTOM,
     .flags = SCHEMA_REQUIRED,
     SCHEMA_AT(struct config_psk, peer),
     .fn = parse_peer},
    {.key = "id",
     .type = SCHEMA_TEXT,
     .offset = offsetof(struct config_psk, id),
     .size = 128}, /* no peer may send longer */
    {.key = "secret", .type = SCHEMA_TEXT, .max = SECRET_MAX},
    {.key = "secret-file", .type = SCHEMA_TEXT, .max = CONFIG_MAX_TEXT - 1},
    {0},
};

static bool parse_psk(struct schema *s, const struct yaml_node *n, void *at)
{
    struct config *c = at;
    struct config_psk *p = &c->psks[c->n_psks++]; /* counted at once, so that it is wiped whatever happens */
    size_t shared = 1;

    if (!schema_map(s, n, psk_fields, p) || !config_secret_parse(s, n, &p->secret))
        return false;
    for (size_t i = 0; i + 1 < c->n_psks; i++) {
        const struct config_psk *q = &c->psks[i];

        if (!prefix_equal(&q->peer, &p->peer))
            continue;
        if (strcmp(q->id, p->id) == 0 && secret_equal(secret_span(&q->secret), secret_span(&p->secret)))
            return schema_fail(s, n, "the same peer, id and secret as item %zu, expected another", i + 1);
        shared++;
    }
    if (shared > CONFIG_MAX_SHARED)
        return schema_fail(s, n, "too many pre-shared keys for one peer, expected at most %d",
                           CONFIG_MAX_SHARED);
    return true;
}

static bool parse_psks(struct schema *s, const struct yaml_node *n, void *at)
{
    struct config *c = at;

    c->psks = loader_alloc(s, n, n->n, sizeof(*c->psks));
    return c->psks && schema_list(s, n, 1, CONFIG_MAX_PSKS, parse_psk, c);
}

/* What certificates bring is refused before the pre-shared keys are missed. */
const struct schema_field config_ike_fields[] = {
    {.key = "listen",
     .type = SCHEMA_LIST,
     .flags = SCHEMA_REQUIRED,
     .min = 1,
     .max = CONFIG_MAX_LISTEN,
     .fn = parse_listen},
    {.key = "identity", .type = SCHEMA_CUSTOM, .fn = parse_identity},
    {.key = "proposals", .type = SCHEMA_CUSTOM, .fn = parse_proposals},
    {.key = "certificates", .type = SCHEMA_MAP, .flags = SCHEMA_LATER, .fields = config_later_certificates},
    {.key = "pre-shared-keys", .type = SCHEMA_CUSTOM, .flags = SCHEMA_REQUIRED, .fn = parse_psks},
    {.key = "phase1-doi", .type = SCHEMA_ENUM, SCHEMA_AT(struct config, phase1_doi), .names = dois},
    {.key = "nat-traversal", .type = SCHEMA_FALSE},
    {.key = "fragmentation", .type = SCHEMA_FALSE},
    {.key = "aggressive-mode", .type = SCHEMA_FALSE},
    {.key = "dpd", .type = SCHEMA_MAP, .flags = SCHEMA_LATER, .fields = config_later_dpd},
    {0},
};
