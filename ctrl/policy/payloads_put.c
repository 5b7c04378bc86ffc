/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Policy to payloads. Our members get one SAT per TEK (any to any) and the ordered list in the GAP; others get one SAT per
 * permit entry, which shares its TEK's SPI, or a refusal that names the features they lack.
 */
#include "ctrl/policy/fault.h"

#include <stdlib.h>
#include <string.h>

static const struct selector any = {
    .src.addr.family = 4,
    .dst.addr.family = 4,
    .sport.high = UINT16_MAX,
    .dport.high = UINT16_MAX,
};

/* The SAT of an SA, without what depends on the peer. */
static struct gdoi_sat sat_of(const struct policy_sa *sa)
{
    return (struct gdoi_sat){
        .sel = any,
        .transform = sa->suite->transform,
        .spi = sa->spi,
        .life_s = sa->lifetime_s,
        .encapsulation = sa->transport ? GDOI_ENCAP_TRANSPORT : GDOI_ENCAP_TUNNEL,
        .auth = sa->suite->auth,
        .key_bits = sa->suite->key_bits,
        .preservation = GDOI_PRESERVE_BOTH,
        .direction = GDOI_SYMMETRIC,
    };
}

/*
 * One pair of delays stands for the whole group; the largest of each is the safe one: a member changes over at the
 * delay or 30 s before the old key's end, whichever is first.
 */
static bool delays(const struct policy *p, struct gdoi_gap *gap, struct policy_fault *why)
{
    uint32_t atd = p->activate_in_s, dtd = p->deactivate_in_s;
    for (size_t i = 0; i < p->n_sas; i++) {
        atd = p->sas[i].activate_in_s > atd ? p->sas[i].activate_in_s : atd;
        dtd = p->sas[i].deactivate_in_s > dtd ? p->sas[i].deactivate_in_s : dtd;
    }
    if (atd > UINT16_MAX || dtd > UINT16_MAX)
        return policy_fault(why, ISAKMP_N_REFUSED, "a delay above %u seconds can't be said in a GAP", UINT16_MAX);
    gap->atd_s = (uint16_t)atd;
    gap->dtd_s = (uint16_t)dtd;
    return true;
}

static void put_sak(struct isakmp_chain *c, const struct policy_kek *kek)
{
    struct gdoi_sak sak = {.source = kek->source,
                           .destination = kek->destination,
                           .cipher = kek->cipher,
                           .key_bits = kek->cipher == GDOI_KEK_AES ? kek->key_bits : 0,
                           .life_s = kek->lifetime_s,
                           .hash = kek->hash,
                           .signature = kek->signature,
                           .signature_bits = kek->signature_bits,
                           .ack = kek->ack};
    memcpy(sak.spi, kek->spi, sizeof(sak.spi));
    gdoi_sak_put(c, &sak);
}

static bool put_ours(struct isakmp_chain *c, const struct policy *p, bool rekey, struct gdoi_gap *gap,
                     struct policy_fault *why)
{
    size_t cap = p->acl.n * POLICY_RULE_V6_LEN;
    uint8_t *rules = malloc(cap > 0 ? cap : 1);
    if (rules == NULL)
        return policy_fault(why, ISAKMP_N_REFUSED, "memory is short");
    struct buf_writer w = buf_writer_of(rules, cap);
    policy_rules_put(&w, &p->acl);
    gap->has_digest = true;
    gap->has_policy = !rekey || p->has_rules;
    gap->policy = buf_written(&w);
    for (size_t i = 0; i < GDOI_DIGEST_LEN; i++)
        gap->digest[i] = p->digest[i];
    gap->receive_only = p->receive_only;
    gap->has_pseudotime = p->has_pseudotime && (rekey || p->has_kek || policy_time_window(p) > 0);
    gap->pseudotime_ms = p->pseudotime_ms;
    gap->replace = p->replace;
    gdoi_gap_put(c, gap);
    free(rules);
    for (size_t i = 0; i < p->n_sas; i++) {
        struct gdoi_sat sat = sat_of(&p->sas[i]);
        sat.has_private = true;
        sat.number = p->sas[i].number;
        sat.replay_method = (uint16_t)p->sas[i].replay;
        sat.replay_window = p->sas[i].window;
        sat.metadata = (uint16_t)((sat.replay_method == REPLAY_TIME ? GDOI_METADATA_TIME : 0) |
                                  (p->sas[i].tag ? GDOI_METADATA_TAG : 0));
        sat.strict_sender = p->sas[i].strict_sender;
        sat.given_before = p->sas[i].given_before;
        gdoi_sat_put(c, &sat);
    }
    return true;
}

static bool put_plain(struct isakmp_chain *c, const struct policy *p, const struct gdoi_gap *gap,
                      struct policy_fault *why)
{
    gdoi_gap_put(c, gap);
    for (size_t i = 0; i < p->n_sas; i++) {
        struct gdoi_sat sat = sat_of(&p->sas[i]);
        size_t n = 0;
        sat.direction = p->receive_only ? GDOI_RECEIVER_ONLY : GDOI_SYMMETRIC;
        for (size_t k = 0; k < p->acl.n; k++) {
            if (p->acl.entries[k].sa != p->sas[i].number)
                continue;
            sat.sel = p->acl.entries[k].sel;
            gdoi_sat_put(c, &sat);
            n++;
        }
        if (n == 0)
            return policy_fault(why, ISAKMP_N_REFUSED, "sa %u has no permit entry: RFC 6407 can't say that",
                                p->sas[i].number);
    }
    return true;
}

/* Anything here is our own mistake; it must not become a member's. */
static bool check_kek(const struct policy_kek *kek, struct policy_fault *why)
{
    size_t key, iv;
    if (!gdoi_sak_key_len(kek->cipher, kek->cipher == GDOI_KEK_AES ? kek->key_bits : 0, &key, &iv) ||
        kek->key.len != key)
        return policy_fault(why, ISAKMP_N_REFUSED, "the KEK has a key of a wrong length");
    if (kek->lifetime_s == 0 || kek->lifetime_s > POLICY_MAX_LIFETIME_S)
        return policy_fault(why, ISAKMP_N_REFUSED, "the KEK has a lifetime of %u s", kek->lifetime_s);
    if (kek->public_key_len == 0 || kek->public_key_len > sizeof(kek->public_key))
        return policy_fault(why, ISAKMP_N_REFUSED, "the KEK has no signing key");
    return true;
}

static bool check_sas(const struct policy *p, bool rekey, struct policy_fault *why)
{
    if (p->has_kek && !check_kek(&p->kek, why))
        return false;
    if (p->n_sas == 0 && !(rekey && p->has_kek))
        return policy_fault(why, ISAKMP_N_REFUSED, "the group has no SA at present");
    for (size_t i = 0; i < p->n_sas; i++) {
        const struct policy_sa *sa = &p->sas[i];
        if (sa->spi < GDOI_FIRST_SPI || sa->number == 0)
            return policy_fault(why, ISAKMP_N_REFUSED, "an SA has a reserved SPI or no number");
        if (sa->lifetime_s == 0 || sa->lifetime_s > POLICY_MAX_LIFETIME_S)
            return policy_fault(why, ISAKMP_N_REFUSED, "SA 0x%08x has a lifetime of %u s", sa->spi, sa->lifetime_s);
        if (policy_sa_conflict(sa) != NULL)
            return policy_fault(why, ISAKMP_N_REFUSED, "SA 0x%08x: %s", sa->spi, policy_sa_conflict(sa));
    }
    if (policy_time_window(p) > 0 && !p->has_pseudotime)
        return policy_fault(why, ISAKMP_N_REFUSED, "the group has no pseudotime");
    return true;
}

static bool check_features(const struct policy *p, const struct peer_features *peer, struct policy_fault *why)
{
    char text[POLICY_FAULT_TEXT_MAX];
    uint64_t missing = policy_missing(p, peer);
    if (missing == 0)
        return true;
    policy_fault(why, ISAKMP_N_REFUSED, "the member lacks: %.120s", policy_features_text(missing, text));
    why->missing = missing;
    return false;
}

static bool put_sa(struct isakmp_chain *c, const struct policy *p, const struct peer_features *peer, bool rekey,
                   struct policy_fault *why)
{
    struct gdoi_gap gap = {0};
    size_t start = c->w->len;
    if (!check_sas(p, rekey, why) || !check_features(p, peer, why) || !delays(p, &gap, why))
        return false;
    struct isakmp_chain inner = gdoi_sa_begin(c);
    if (p->has_kek)
        put_sak(&inner, &p->kek);
    if (!(peer->ours ? put_ours(&inner, p, rekey, &gap, why) : put_plain(&inner, p, &gap, why)))
        return false;
    gdoi_sa_end_put(c);
    if (c->w->overflow || c->w->len - start > POLICY_MAX_SA_LEN)
        return policy_fault(why, ISAKMP_N_REFUSED, "the policy is too large for one message (%zu rules, %zu SAs)",
                            p->acl.n, p->n_sas);
    return true;
}

bool policy_put_sa(struct isakmp_chain *c, const struct policy *p, const struct peer_features *peer,
                   struct policy_fault *why)
{
    return put_sa(c, p, peer, false, why);
}

bool policy_can_be_said(const struct policy *p, const struct peer_features *peer, struct policy_fault *why)
{
    uint8_t *bytes = malloc(UINT16_MAX);
    bool ok = false;
    if (bytes == NULL)
        return policy_fault(why, ISAKMP_N_REFUSED, "memory is short");
    struct buf_writer w = buf_writer_of(bytes, UINT16_MAX);
    struct isakmp_chain c = isakmp_chain_at(&w, 0);
    buf_put_u8(&w, 0);
    ok = policy_put_sa(&c, p, peer, why);
    free(bytes);
    return ok;
}

static void put_kek(struct buf_writer *w, const struct policy_kek *kek)
{
    uint8_t key[POLICY_KEK_IV_LEN + SECRET_MAX]; /* IV | key */
    size_t iv = kek->cipher == GDOI_KEK_3DES ? 8 : POLICY_KEK_IV_LEN;
    struct gdoi_kek k = {.algorithm_key = span_of(key, iv + kek->key.len),
                         .signature_key = span_of(kek->public_key, kek->public_key_len)};
    memcpy(k.spi, kek->spi, sizeof(k.spi));
    memcpy(key, kek->iv, iv);
    memcpy(key + iv, kek->key.b, kek->key.len);
    gdoi_kd_put_kek(w, &k);
    wipe(key, sizeof(key));
}

bool policy_put_kd(struct isakmp_chain *c, const struct policy *p, struct policy_fault *why)
{
    struct gdoi_sids sids = {.bits = p->sid_bits, .n = p->n_sender_ids};
    if (p->n_sender_ids > GDOI_MAX_SENDER_IDS || (p->n_sender_ids > 0 && (p->sid_bits == 0 || p->sid_bits > 63)))
        return policy_fault(why, ISAKMP_N_REFUSED, "impossible number or width of sender ids");
    for (size_t i = 0; i < sids.n; i++) {
        sids.values[i] = p->sender_ids[i];
        if (sids.values[i] >> sids.bits != 0)
            return policy_fault(why, ISAKMP_N_REFUSED, "a sender id doesn't fit %u bits", sids.bits);
    }
    if (p->has_kek && !check_kek(&p->kek, why))
        return false;
    gdoi_kd_begin(c, (uint16_t)(p->has_kek + p->n_sas + (sids.n > 0)));
    if (p->has_kek)
        put_kek(c->w, &p->kek);
    for (size_t i = 0; i < p->n_sas; i++) {
        const struct policy_sa *sa = &p->sas[i];
        if (sa->key.len != sa->suite->key_len + sa->suite->salt_len || sa->integrity.len != sa->suite->integrity_len)
            return policy_fault(why, ISAKMP_N_REFUSED, "SA 0x%08x has a key of a wrong length", sa->spi);
        gdoi_kd_put_tek(c->w, &(struct gdoi_tek){.spi = sa->spi,
                                                 .algorithm_key = secret_span(&sa->key),
                                                 .integrity_key = secret_span(&sa->integrity)});
    }
    if (sids.n > 0)
        gdoi_kd_put_sids(c->w, &sids);
    isakmp_payload_end(c);
    if (c->w->overflow)
        return policy_fault(why, ISAKMP_N_REFUSED, "the keys don't fit one message");
    return true;
}

bool policy_put_rekey(struct isakmp_chain *c, const struct policy *p, const struct peer_features *peer,
                      struct policy_fault *why)
{
    if (p->n_sender_ids > 0)
        return policy_fault(why, ISAKMP_N_REFUSED, "sender ids don't go into a rekey");
    return put_sa(c, p, peer, true, why) && policy_put_kd(c, p, why);
}
