/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Payloads to policy: the one door. Everything is verified into a draft, which becomes the policy only when nothing is
 * wrong with it; an authenticated key server is distrusted like anybody else (CVE-2023-20109).
 */
#include "ctrl/policy/fault.h"

#include <string.h>

#define MIN_SID_BITS 8 /* narrower or wider ones than RFC 6054 3 has in mind leave too few ids or IVs */
#define MAX_SID_BITS 32

struct draft {
    bool ours;
    bool rekey;
    bool has_kek_key;
    struct policy p;
    struct gdoi_sat sats[POLICY_MAX_SAS]; /* the first SAT of each of p.sas */
    bool has_key[POLICY_MAX_SAS];
    bool has_sids;
    uint16_t atd_s, dtd_s;
};

static struct policy_sa *find_sa(struct draft *d, uint32_t spi)
{
    for (size_t i = 0; i < d->p.n_sas; i++)
        if (d->p.sas[i].spi == spi)
            return &d->p.sas[i];
    return NULL;
}

static bool is_any(const struct selector *s)
{
    return s->proto == 0 && s->src.len == 0 && s->dst.len == 0 && !selector_has_ports(s);
}

/* What this version can't run, said by name. */
static bool check_supported(const struct gdoi_sat *t, const struct suite *suite, bool ours, struct policy_fault *why)
{
    const uint16_t notify = ISAKMP_N_ATTRIBUTES_NOT_SUPPORTED;
    if (suite == NULL)
        return policy_fault(why, ISAKMP_N_INVALID_TRANSFORM_ID,
                            "SA 0x%08x: unknown suite (transform %u, key length %u, authentication %u)", t->spi,
                            t->transform, t->key_bits, t->auth);
    if (!suite->supported)
        return policy_fault(why, ISAKMP_N_INVALID_TRANSFORM_ID, "SA 0x%08x: suite %s: not supported by this version",
                            t->spi, suite->name);
    if (t->encapsulation != GDOI_ENCAP_TUNNEL && !feature_supported(FEATURE_TRANSPORT))
        return policy_fault(why, notify, "SA 0x%08x: transport mode: not supported by this version", t->spi);
    if (t->preservation != GDOI_PRESERVE_BOTH)
        return policy_fault(why, notify, "SA 0x%08x: both addresses are not preserved: not supported by this version",
                            t->spi);
    if (t->direction == GDOI_SENDER_ONLY || (ours && t->direction != GDOI_SYMMETRIC))
        return policy_fault(why, notify, "SA 0x%08x: SA direction %u: not supported by this version", t->spi,
                            t->direction);
    return true;
}

static bool check_sat(const struct gdoi_sat *t, bool ours, struct policy_fault *why)
{
    if (t->life_s > POLICY_MAX_LIFETIME_S)
        return policy_fault(why, ISAKMP_N_ATTRIBUTES_NOT_SUPPORTED, "SA 0x%08x: lifetime of %u s is above 30 days",
                            t->spi, t->life_s);
    if (t->has_private != ours)
        return policy_fault(why, ISAKMP_N_ATTRIBUTES_NOT_SUPPORTED, "SA 0x%08x: private attributes %s", t->spi,
                            ours ? "are missing" : "without our vendor id");
    if (ours && t->number == 0)
        return policy_fault(why, ISAKMP_N_ATTRIBUTES_NOT_SUPPORTED, "SA 0x%08x: no SA number", t->spi);
    if (ours && !is_any(&t->sel))
        return policy_fault(why, ISAKMP_N_INVALID_ID_INFORMATION,
                            "SA 0x%08x: SAT has a selector although the policy has rules", t->spi);
    return check_supported(t, suite_by_wire(t->transform, t->key_bits, t->auth), ours, why) ||
           policy_fault_is(why, POLICY_FAULT_UNSUPPORTED);
}

/* Two SATs of one SPI may differ in their selectors only. */
static bool same_sa(const struct gdoi_sat *a, const struct gdoi_sat *b)
{
    return a->transform == b->transform && a->life_s == b->life_s && a->encapsulation == b->encapsulation &&
           a->auth == b->auth && a->key_bits == b->key_bits && a->preservation == b->preservation &&
           a->direction == b->direction;
}

/* What the private attributes ask for, and whether it fits together and this version does it. */
static bool check_replay(const struct gdoi_sat *t, const struct policy_sa *sa, struct policy_fault *why)
{
    const uint16_t notify = ISAKMP_N_ATTRIBUTES_NOT_SUPPORTED;
    uint64_t missing = policy_sa_features(sa) & ~feature_ours();
    char text[POLICY_FAULT_TEXT_MAX];
    if (missing != 0)
        return policy_fault(why, notify, "SA 0x%08x: %.60s: not supported by this version", t->spi,
                            policy_features_text(missing, text)) ||
               policy_fault_is(why, POLICY_FAULT_UNSUPPORTED);
    if (((t->metadata & GDOI_METADATA_TIME) != 0) != (t->replay_method == REPLAY_TIME))
        return policy_fault(why, notify, "SA 0x%08x: time replay and the metadata header don't agree", t->spi);
    if (policy_sa_conflict(sa) != NULL)
        return policy_fault(why, notify, "SA 0x%08x: %s", t->spi, policy_sa_conflict(sa));
    return true;
}

static bool add_sa(struct draft *d, const struct gdoi_sat *t, struct policy_fault *why)
{
    if (d->p.n_sas == POLICY_MAX_SAS)
        return policy_fault(why, ISAKMP_N_PAYLOAD_MALFORMED, "more than %d SAs", POLICY_MAX_SAS) ||
               policy_fault_is(why, POLICY_FAULT_SAS);
    struct policy_sa sa = {
        .number = t->number,
        .spi = t->spi,
        .suite = suite_by_wire(t->transform, t->key_bits, t->auth),
        .transport = t->encapsulation == GDOI_ENCAP_TRANSPORT,
        .replay = (enum replay_method)t->replay_method,
        .window = t->replay_method == REPLAY_NONE ? 0 : t->replay_window,
        .tag = (t->metadata & GDOI_METADATA_TAG) != 0,
        .strict_sender = t->strict_sender != 0,
        .given_before = t->given_before != 0,
        .lifetime_s = t->life_s,
    };
    if (!check_replay(t, &sa, why))
        return false;
    d->sats[d->p.n_sas] = *t;
    d->p.sas[d->p.n_sas++] = sa;
    return true;
}

static bool add_sat(struct draft *d, const struct gdoi_sat *t, struct policy_fault *why)
{
    if (!check_sat(t, d->ours, why))
        return false;
    struct policy_sa *sa = find_sa(d, t->spi);
    if (sa == NULL) {
        if (!add_sa(d, t, why))
            return false;
        sa = &d->p.sas[d->p.n_sas - 1];
    } else if (d->ours) {
        return policy_fault(why, ISAKMP_N_INVALID_SPI, "SA 0x%08x stands twice", t->spi);
    } else if (!same_sa(&d->sats[sa - d->p.sas], t)) {
        return policy_fault(why, ISAKMP_N_INVALID_SPI, "SA 0x%08x stands twice with different content", t->spi);
    }
    if (d->ours)
        return true;
    /* for now a rule carries the place of its SA; number_plain() makes numbers of them */
    struct acl_entry e = {.permit = true, .sa = (uint16_t)(sa - d->p.sas + 1), .sel = t->sel};
    if (!acl_append(&d->p.acl, &e))
        return policy_fault(why, ISAKMP_N_PAYLOAD_MALFORMED, "more than %d rules", ACL_MAX_ENTRIES) ||
               policy_fault_is(why, POLICY_FAULT_RULES);
    return true;
}

/* Do two SAs carry the same rules in the same order? Walks both lists at once. */
static bool same_rules(const struct acl *acl, uint16_t a, uint16_t b)
{
    size_t i = 0, k = 0;
    for (;;) {
        while (i < acl->n && acl->entries[i].sa != a)
            i++;
        while (k < acl->n && acl->entries[k].sa != b)
            k++;
        if (i == acl->n || k == acl->n)
            return i == acl->n && k == acl->n;
        if (!selector_equal(&acl->entries[i].sel, &acl->entries[k].sel))
            return false;
        i++;
        k++;
    }
}

/*
 * RFC 6407 has no SA numbers: SAs with equal rules are generations of one, in the order of their SATs; their rules are
 * kept once.
 */
static bool number_plain(struct draft *d, struct policy_fault *why)
{
    struct acl kept = {0};
    bool first[POLICY_MAX_SAS] = {false};
    for (size_t i = 0; i < d->p.n_sas; i++) {
        size_t k = 0;
        while (k < i && !same_rules(&d->p.acl, (uint16_t)(k + 1), (uint16_t)(i + 1)))
            k++;
        first[i] = k == i;
        d->p.sas[i].number = k == i ? (uint16_t)(i + 1) : d->p.sas[k].number;
    }
    for (size_t i = 0; i < d->p.acl.n; i++) {
        struct acl_entry e = d->p.acl.entries[i];
        e.number = (uint16_t)(kept.n + 1);
        if (first[e.sa - 1] && !acl_append(&kept, &e)) {
            acl_free(&kept);
            return policy_fault(why, ISAKMP_N_PAYLOAD_MALFORMED, "memory is short");
        }
    }
    acl_free(&d->p.acl);
    d->p.acl = kept;
    return true;
}

/* The rules of a key server of ours: they are whole, their digest is right, and in a PULL their SAs exist. */
static bool take_rules(struct draft *d, const struct gdoi_gap *gap, policy_digest_fn digest, struct policy_fault *why)
{
    const uint16_t notify = ISAKMP_N_ATTRIBUTES_NOT_SUPPORTED;
    memcpy(d->p.digest, gap->digest, GDOI_DIGEST_LEN);
    d->p.has_rules = gap->has_policy;
    if (d->rekey && !gap->has_policy)
        return true;
    if (!digest(gap->policy, d->p.digest))
        return policy_fault(why, notify, "the digest can't be computed");
    if (memcmp(d->p.digest, gap->digest, GDOI_DIGEST_LEN) != 0)
        return policy_fault(why, notify, "the policy's digest is wrong");
    if (!policy_rules_get(gap->policy, &d->p.acl, why))
        return false;
    for (size_t i = 0; i < d->p.acl.n; i++) {
        bool found = d->rekey || !d->p.acl.entries[i].permit;
        for (size_t k = 0; k < d->p.n_sas && !found; k++)
            found = d->p.sas[k].number == d->p.acl.entries[i].sa;
        if (!found)
            return policy_fault(why, notify, "rule %zu names sa %u, which has no key", i + 1, d->p.acl.entries[i].sa);
    }
    return true;
}

/* What a key server of ours says beside its SAs. */
static bool take_ours(struct draft *d, const struct gdoi_sa *sa, policy_digest_fn digest, struct policy_fault *why)
{
    const uint16_t notify = ISAKMP_N_ATTRIBUTES_NOT_SUPPORTED;
    if (!sa->has_gap || !sa->gap.has_digest || (!d->rekey && !sa->gap.has_policy))
        return policy_fault(why, notify, "the policy or its digest is missing");
    if (sa->gap.replace && (!d->rekey || !feature_supported(FEATURE_REPLACE)))
        return policy_fault(why, notify, "replacing all SAs: %s",
                            d->rekey ? "not supported by this version" : "only a rekey can");
    if (!take_rules(d, &sa->gap, digest, why))
        return false;
    d->p.replace = sa->gap.replace;
    d->p.receive_only = sa->gap.receive_only;
    d->p.has_pseudotime = sa->gap.has_pseudotime;
    d->p.pseudotime_ms = sa->gap.pseudotime_ms;
    if (policy_time_window(&d->p) > 0 && !d->p.has_pseudotime)
        return policy_fault(why, notify, "time replay without the pseudotime");
    if (d->p.pseudotime_ms > POLICY_MAX_PSEUDOTIME_MS)
        return policy_fault(why, notify, "a pseudotime of more than 70 years");
    return true;
}

/* A key server that doesn't announce our extensions must not use them. */
static bool take_plain(struct draft *d, const struct gdoi_sa *sa, policy_digest_fn digest, struct policy_fault *why)
{
    if (sa->has_gap && (sa->gap.has_policy || sa->gap.has_digest || sa->gap.has_pseudotime ||
                        sa->gap.replace || sa->gap.receive_only))
        return policy_fault(why, ISAKMP_N_ATTRIBUTES_NOT_SUPPORTED, "private GAP attributes without our vendor id");
    for (size_t i = 1; i < d->p.n_sas; i++)
        if (d->sats[i].direction != d->sats[0].direction)
            return policy_fault(why, ISAKMP_N_ATTRIBUTES_NOT_SUPPORTED,
                                "SAs of different directions: not supported by this version");
    d->p.receive_only = d->p.n_sas > 0 && d->sats[0].direction == GDOI_RECEIVER_ONLY;
    d->p.has_rules = d->p.n_sas > 0;
    if (!number_plain(d, why))
        return false;
    if (!policy_set_digest(&d->p, digest))
        return policy_fault(why, ISAKMP_N_ATTRIBUTES_NOT_SUPPORTED, "the digest can't be computed");
    return true;
}

/* A list that can't encrypt anything is a mistake or an attack: nothing permits, or a deny of everything comes first. */
static bool check_rules(const struct acl *acl, struct policy_fault *why)
{
    bool closed_v4 = false, closed_v6 = false;
    for (size_t i = 0; i < acl->n; i++) {
        const struct acl_entry *e = &acl->entries[i];
        bool *closed = e->sel.src.addr.family == 4 ? &closed_v4 : &closed_v6;
        if (e->permit && !*closed)
            return true;
        if (!e->permit && is_any(&e->sel))
            *closed = true;
    }
    return policy_fault(why, ISAKMP_N_ATTRIBUTES_NOT_SUPPORTED, "no rule of the policy can ever encrypt anything");
}

/* Delays belong to overlaps: all but the oldest SA of a number wait, all but the newest end early. */
static bool take_delays(struct draft *d, struct policy_fault *why)
{
    bool outlived = d->p.n_sas == 0 || !d->rekey;
    d->p.activate_in_s = d->rekey ? d->atd_s : 0;
    d->p.deactivate_in_s = d->rekey ? d->dtd_s : 0;
    for (size_t i = 0; i < d->p.n_sas; i++) {
        struct policy_sa *sa = &d->p.sas[i];
        bool has_older = false, has_newer = false;
        for (size_t k = 0; k < d->p.n_sas; k++) {
            has_older |= k < i && d->p.sas[k].number == sa->number;
            has_newer |= k > i && d->p.sas[k].number == sa->number;
        }
        if (has_older && d->atd_s >= sa->lifetime_s)
            return policy_fault(why, ISAKMP_N_ATTRIBUTES_NOT_SUPPORTED,
                                "SA 0x%08x would be activated after its end (%u s, %u s)", sa->spi, d->atd_s,
                                sa->lifetime_s);
        outlived |= d->atd_s < sa->lifetime_s;
        sa->activate_in_s = has_older ? d->atd_s : 0;
        sa->deactivate_in_s = !has_newer ? 0 : d->dtd_s < sa->lifetime_s ? d->dtd_s : sa->lifetime_s;
    }
    return outlived || policy_fault(why, ISAKMP_N_ATTRIBUTES_NOT_SUPPORTED,
                                    "no SA outlives the activation delay of %u s", d->atd_s);
}

/* What the SAK says, as a policy has it. */
static bool take_sak(struct draft *d, const struct gdoi_sak *sak, struct policy_fault *why)
{
    struct policy_kek *kek = &d->p.kek;
    if (sak->life_s > POLICY_MAX_LIFETIME_S)
        return policy_fault(why, ISAKMP_N_ATTRIBUTES_NOT_SUPPORTED, "the KEK's lifetime of %u s is above 30 days",
                            sak->life_s);
    *kek = (struct policy_kek){.cipher = sak->cipher,
                               .key_bits = sak->key_bits,
                               .signature = sak->signature,
                               .hash = sak->hash,
                               .signature_bits = sak->signature_bits,
                               .ack = sak->ack,
                               .lifetime_s = sak->life_s,
                               .source = sak->source,
                               .destination = sak->destination};
    if (!addr_is_multicast(&kek->destination.addr)) /* rekeys come to where the member registered from */
        kek->destination.addr = (struct addr){0};
    memcpy(kek->spi, sak->spi, sizeof(kek->spi));
    d->p.has_kek = true;
    return true;
}

static bool take_sa(struct draft *d, struct span body, policy_digest_fn digest, struct policy_fault *why)
{
    struct gdoi_sa sa;
    enum isakmp_error e = gdoi_sa_get(body, &sa);
    if (e != ISAKMP_OK)
        return policy_fault_decode(why, e);
    if (sa.n_sats == 0 && !d->rekey)
        return policy_fault(why, ISAKMP_N_PAYLOAD_MALFORMED, "the SA payload holds no TEK");
    if (sa.has_sak && !take_sak(d, &sa.sak, why))
        return false;
    d->atd_s = sa.gap.atd_s;
    d->dtd_s = sa.gap.dtd_s;
    while (!gdoi_sa_end(&sa)) {
        struct gdoi_sat sat;
        e = gdoi_sa_next(&sa, &sat);
        if (e != ISAKMP_OK)
            return policy_fault_decode(why, e);
        if (!add_sat(d, &sat, why))
            return false;
    }
    return (d->ours ? take_ours(d, &sa, digest, why) : take_plain(d, &sa, digest, why)) &&
           (!d->p.has_rules || check_rules(&d->p.acl, why)) && take_delays(d, why);
}

/* A GMAC key may come as an integrity key, since RFC 6407 5.6.1 names AES-GMAC there. */
static struct gdoi_tek settle_gmac(const struct gdoi_tek *tek, const struct suite *suite)
{
    struct gdoi_tek t = *tek;
    if (suite_is_gmac(suite) && t.algorithm_key.len == 0) {
        t.algorithm_key = t.integrity_key;
        t.integrity_key = span_of(NULL, 0);
    }
    return t;
}

static bool take_tek(struct draft *d, const struct gdoi_tek *given, struct policy_fault *why)
{
    const uint16_t notify = ISAKMP_N_INVALID_KEY_INFORMATION;
    struct policy_sa *sa = find_sa(d, given->spi);
    if (sa == NULL)
        return policy_fault(why, ISAKMP_N_INVALID_SPI, "a key has the SPI 0x%08x, which no SA has", given->spi);
    struct gdoi_tek tek = settle_gmac(given, sa->suite);
    if (d->has_key[sa - d->p.sas])
        return policy_fault(why, ISAKMP_N_INVALID_SPI, "SA 0x%08x has two keys", tek.spi);
    if (tek.algorithm_key.len != (size_t)(sa->suite->key_len + sa->suite->salt_len))
        return policy_fault(why, notify, "SA 0x%08x: %zu octets of key, %s has %u", tek.spi, tek.algorithm_key.len,
                            sa->suite->name, (unsigned)(sa->suite->key_len + sa->suite->salt_len));
    if (tek.integrity_key.len != sa->suite->integrity_len)
        return policy_fault(why, notify, "SA 0x%08x: %zu octets of integrity key, %s has %u", tek.spi,
                            tek.integrity_key.len, sa->suite->name, sa->suite->integrity_len);
    if (!secret_set(&sa->key, tek.algorithm_key.p, tek.algorithm_key.len) ||
        !secret_set(&sa->integrity, tek.integrity_key.p, tek.integrity_key.len))
        return policy_fault(why, notify, "SA 0x%08x: the key is too long", tek.spi);
    d->has_key[sa - d->p.sas] = true;
    return true;
}

static bool take_sids(struct draft *d, const struct gdoi_sids *sids, struct policy_fault *why)
{
    const uint16_t notify = ISAKMP_N_INVALID_KEY_INFORMATION;
    if (d->has_sids)
        return policy_fault(why, notify, "sender ids come twice");
    if (d->rekey)
        return policy_fault(why, notify, "sender ids come in a rekey");
    if (sids->bits < MIN_SID_BITS || sids->bits > MAX_SID_BITS)
        return policy_fault(why, notify, "sender ids of %u bits: %d to %d are supported", sids->bits, MIN_SID_BITS,
                            MAX_SID_BITS);
    d->has_sids = true;
    d->p.sid_bits = sids->bits;
    d->p.n_sender_ids = sids->n;
    memcpy(d->p.sender_ids, sids->values, sids->n * sizeof(sids->values[0]));
    return true;
}

static bool take_kek(struct draft *d, const struct gdoi_kek *given, struct policy_fault *why)
{
    const uint16_t notify = ISAKMP_N_INVALID_KEY_INFORMATION;
    struct policy_kek *kek = &d->p.kek;
    size_t key_len, iv_len;
    if (!d->p.has_kek || memcmp(given->spi, kek->spi, sizeof(kek->spi)) != 0)
        return policy_fault(why, ISAKMP_N_INVALID_SPI, "a KEK has an SPI that no SAK has");
    if (d->has_kek_key)
        return policy_fault(why, ISAKMP_N_INVALID_SPI, "two KEKs");
    if (!gdoi_sak_key_len(kek->cipher, kek->key_bits, &key_len, &iv_len) ||
        given->algorithm_key.len != iv_len + key_len)
        return policy_fault(why, notify, "the KEK has %zu octets of IV and key", given->algorithm_key.len);
    if (given->signature_key.len > sizeof(kek->public_key))
        return policy_fault(why, notify, "the KEK's signing key is too long") ||
               policy_fault_is(why, POLICY_FAULT_SIGNATURE_KEY);
    if (!secret_set(&kek->key, given->algorithm_key.p + iv_len, key_len))
        return policy_fault(why, notify, "the KEK is too long");
    memcpy(kek->iv, given->algorithm_key.p, iv_len);
    memcpy(kek->public_key, given->signature_key.p, given->signature_key.len);
    kek->public_key_len = given->signature_key.len;
    d->has_kek_key = true;
    return true;
}

static bool take_packet(struct draft *d, const struct gdoi_kd_packet *p, struct policy_fault *why)
{
    switch (p->type) {
    case GDOI_KD_TEK:
        return take_tek(d, &p->tek, why);
    case GDOI_KD_KEK:
        return take_kek(d, &p->kek, why);
    default:
        return take_sids(d, &p->sids, why);
    }
}

static bool take_kd(struct draft *d, struct span body, struct policy_fault *why)
{
    struct gdoi_kd kd;
    enum isakmp_error e = gdoi_kd_get(body, &kd);
    if (e != ISAKMP_OK)
        return policy_fault_decode(why, e);
    while (!gdoi_kd_end(&kd)) {
        struct gdoi_kd_packet p;
        e = gdoi_kd_next(&kd, &p);
        if (e != ISAKMP_OK)
            return policy_fault_decode(why, e);
        if (!take_packet(d, &p, why))
            return false;
    }
    if (d->p.has_kek && !d->has_kek_key)
        return policy_fault(why, ISAKMP_N_INVALID_SPI, "the KEK has no key");
    for (size_t i = 0; i < d->p.n_sas; i++)
        if (!d->has_key[i])
            return policy_fault(why, ISAKMP_N_INVALID_SPI, "SA 0x%08x has no key", d->p.sas[i].spi);
    return true;
}

static bool take(struct span sa_body, struct span kd_body, const struct peer_features *peer, bool rekey,
                 policy_digest_fn digest, struct policy *out, struct policy_fault *why)
{
    struct draft d = {.ours = peer->ours, .rekey = rekey};
    bool ok = take_sa(&d, sa_body, digest, why) && take_kd(&d, kd_body, why);
    policy_wipe(out);
    if (ok)
        *out = d.p;
    else
        policy_wipe(&d.p);
    wipe(&d, sizeof(d));
    return ok;
}

bool policy_from_payloads(struct span sa_body, struct span kd_body, const struct peer_features *peer,
                          policy_digest_fn digest, struct policy *out, struct policy_fault *why)
{
    return take(sa_body, kd_body, peer, false, digest, out, why);
}

bool policy_from_rekey(struct span sa_body, struct span kd_body, const struct peer_features *peer, policy_digest_fn digest,
                       struct policy *out, struct policy_fault *why)
{
    return take(sa_body, kd_body, peer, true, digest, out, why);
}
