/* SPDX-License-Identifier: BSD-3-Clause */
/* show ks rekey, rekey: how and when a key server pushes keys, and who has acknowledged them (KS4 to KS8, KS18). No key is shown. */
#include "ctrl/ctl/view.h"

#include "ctrl/policy/payloads.h"

#include <stdio.h>
#include <string.h>

static const struct name ciphers[] = {{128, "aes-128"}, {192, "aes-192"}, {256, "aes-256"}, {0, NULL}};
static const struct name signatures[] = {
    {GDOI_SIG_RSA, "rsa"}, {GDOI_SIG_ECDSA_256, "ecdsa-256"}, {GDOI_SIG_ECDSA_384, "ecdsa-384"}, {0, NULL}};
static const struct name hashes[] = {{GDOI_SIG_SHA1, "sha1"},
                                     {GDOI_SIG_SHA256, "sha256"},
                                     {GDOI_SIG_SHA384, "sha384"},
                                     {GDOI_SIG_SHA512, "sha512"},
                                     {0, NULL}};

/* Whole milliseconds round up, so that what is due in a moment isn't shown as due now. */
static void put_until(struct json *j, const char *key, mono_t at, mono_t now)
{
    if (mono_is_never(at))
        json_kv_null(j, key);
    else
        json_kv_u64(j, key, view_seconds_until(at, now));
}

/* Of a signature: as long as the modulus, or two numbers below the order of the curve (RFC 6407 5.6.2). */
static uint64_t signature_octets(const struct policy_kek *p)
{
    return p->signature == GDOI_SIG_RSA ? p->signature_bits / 8u : p->signature_bits / 8u * 2;
}

static void put_kek(struct json *j, const struct ks_kek *k, mono_t now)
{
    const struct policy_kek *p = &k->kek;
    unsigned hash = p->hash;
    bool triple_des = p->cipher == GDOI_KEK_3DES;

    if (hash == 0) /* what the curve says (RFC 4754) */
        hash = p->signature == GDOI_SIG_ECDSA_256 ? GDOI_SIG_SHA256 : GDOI_SIG_SHA384;
    json_object(j);
    view_kek_spi(j, p->spi);
    json_kv_string(j, "encryption", triple_des ? "3des" : name_of(ciphers, p->key_bits));
    json_kv_u64(j, "key_octets", triple_des ? 24 : p->key_bits / 8u);
    json_kv_u64(j, "iv_octets", triple_des ? 8 : 16); /* a block */
    json_kv_string(j, "signature", name_of(signatures, p->signature));
    json_kv_string(j, "hash", name_of(hashes, hash));
    json_kv_u64(j, "signing_key_bits", p->signature_bits);
    json_kv_u64(j, "signing_key_octets", p->public_key_len);
    json_kv_u64(j, "signature_octets", signature_octets(p));
    json_kv_string(j, "signing_key_file", k->key->file);
    json_kv_u64(j, "lifetime_s", p->lifetime_s);
    json_kv_u64(j, "made_s_ago", view_seconds_since(k->made_at, now));
    json_kv_u64(j, "expires_in_s", view_seconds_until(k->end, now));
    json_kv_u64(j, "number", k->number);
    json_end_object(j);
}

static void put_keks(struct json *j, const struct ks_keks *ks, mono_t now)
{
    json_key(j, "kek");
    put_kek(j, &ks->all[0], now);
    json_key(j, "older_keks");
    json_array(j);
    for (size_t i = 1; i < ks->n; i++) {
        json_object(j);
        view_kek_spi(j, ks->all[i].kek.spi);
        json_kv_u64(j, "expires_in_s", view_seconds_until(ks->all[i].end, now));
        json_kv_u64(j, "number", ks->all[i].number);
        json_end_object(j);
    }
    json_end_array(j);
}

static void put_settings(struct json *j, const struct config_rekey *r)
{
    char to[ADDR_TEXT_MAX];

    json_kv_string(j, "transport", r->unicast ? "unicast" : "multicast");
    json_kv_string(j, "destination", r->unicast ? NULL : endpoint_text(&r->destination, to));
    json_kv_string(j, "acknowledgement", r->ack ? "rfc8263" : "none");
    json_key(j, "retransmit");
    json_object(j);
    json_kv_u64(j, "interval_s", r->interval_s);
    json_kv_u64(j, "count", r->count);
    json_end_object(j);
    json_key(j, "waves");
    json_object(j);
    json_kv_u64(j, "members", r->wave_members);
    json_kv_u64(j, "interval_s", r->wave_interval_s);
    json_end_object(j);
}

static void put_round(struct json *j, const struct ks_rekey *r, mono_t now)
{
    json_object(j);
    json_kv_string(j, "why", name_of(ks_rekey_names, r->why));
    json_kv_u64(j, "began_s_ago", view_seconds_since(r->began, now));
    json_kv_bool(j, "under_way", r->active);
    json_kv_u64(j, "round", r->round);
    json_kv_u64(j, "members", r->sent_to);
    if (r->keks->n > 0 && r->keks->all[r->keks->n - 1].kek.ack)
        json_kv_u64(j, "pending", ks_rekey_pending(r));
    else
        json_kv_null(j, "pending");
    json_end_object(j);
}

static void put_rounds(struct json *j, const struct ks_group *g, mono_t now)
{
    json_kv_u64(j, "rekeys", g->last_rekey);
    json_key(j, "last");
    if (g->rekey.why == KS_REKEY_NONE)
        json_null(j);
    else
        put_round(j, &g->rekey, now);
    json_key(j, "leaving");
    json_array(j);
    for (const struct ks_farewell *f = g->farewells; f; f = f->next)
        put_round(j, &f->rekey, now);
    json_end_array(j);
}

static void put_acks(struct json *j, const struct ks_group *g)
{
    char text[ADDR_TEXT_MAX];

    json_key(j, "acknowledgements");
    json_object(j);
    json_kv_u64(j, "accepted", g->acks.accepted);
    json_kv_u64(j, "late", g->acks.late);
    json_kv_u64(j, "unsolicited", g->acks.unsolicited);
    json_kv_u64(j, "forged", g->acks.forged);
    json_end_object(j);
    json_key(j, "barred");
    json_array(j);
    for (size_t i = 0; i < g->n_barred; i++)
        json_string(j, addr_text(&g->barred[i], text));
    json_end_array(j);
}

static void put_member(struct json *j, const struct ks_group *g, const struct ks_member *m)
{
    const char *kek = m->target.kek == 0 ? "none" : m->target.kek == g->keks.all[0].serial ? "newest" : "older";
    char text[ADDR_TEXT_MAX];

    json_object(j);
    json_kv_string(j, "address", addr_text(&m->peer.addr, text));
    json_kv_string(j, "identity", m->identity);
    json_kv_string(j, "kek", kek);
    json_kv_bool(j, "pending", m->target.pending);
    json_kv_u64(j, "rekeys_sent", m->rekeys_sent);
    json_kv_u64(j, "rekeys_acked", m->rekeys_acked);
    json_kv_u64(j, "missed", m->missed);
    json_end_object(j);
}

static void put_members(struct ctl_request *r, const struct ks_group *g)
{
    json_key(r->out, "members");
    if (r->n_words < 5) {
        json_null(r->out);
        return;
    }
    json_array(r->out);
    for (size_t i = 0; i < g->members.n; i++) {
        if (ks_member_is_present(&g->members.entries[i]))
            put_member(r->out, g, &g->members.entries[i]);
    }
    json_end_array(r->out);
}

static void put_group(struct ctl_request *r, const struct ks_group *g)
{
    mono_t now = roles_now(r->roles).scaled;
    struct json *j = r->out;
    char text[ADDR_TEXT_MAX];

    json_object(j);
    json_kv_string(j, "name", g->config->name);
    json_kv_string(j, "server", addr_text(&g->config->ks.address, text));
    json_key(j, "rekey");
    if (g->keks.n == 0) {
        json_null(j);
    } else {
        json_object(j);
        put_settings(j, &g->config->ks.rekey);
        json_kv_u64(j, "teks", g->n_teks);
        put_keks(j, &g->keks, now);
        put_until(j, "next_tek_in_s", ks_tek_next_due(g, NULL), now);
        put_until(j, "next_kek_in_s", ks_group_kek_due(g), now);
        put_until(j, "next_time_in_s", ks_group_time_due(g), now);
        put_rounds(j, g, now);
        put_acks(j, g);
        put_members(r, g);
        json_end_object(j);
    }
    json_end_object(j);
}

int ctl_show_ks_rekey(struct ctl_request *r)
{
    if (r->n_words == 5 && strcmp(r->words[4], "members") != 0)
        return ctl_error(r, CTL_USAGE, "show ks rekey: expected [GROUP [members]]");
    return view_groups(r, 3, NULL, put_group);
}

/* ---- rekey G [--replace [now]] ---- */

static int done(struct ctl_request *r, const struct ks_group *g, size_t new_teks, const char *note)
{
    json_object(r->out);
    json_kv_string(r->out, "group", g->config->name);
    json_kv_string(r->out, "role", "key-server");
    json_kv_string(r->out, "note", note);
    json_kv_u64(r->out, "members_told", g->rekey.sent_to);
    json_kv_u64(r->out, "new_teks", new_teks);
    if (new_teks)
        json_kv_u64(r->out, "old_keys_receive_s", view_seconds_until(g->replace_end, roles_now(r->roles).scaled));
    else
        json_kv_null(r->out, "old_keys_receive_s");
    json_end_object(r->out);
    return CTL_OK;
}

static int replace(struct ctl_request *r, struct ks_group *g, bool at_once)
{
    if (!ks_group_replace(g, at_once, roles_now(r->roles).scaled))
        return ctl_error(r, CTL_FAILURE, "group %s: random octets are short, or more than %d TEKs would live at once; nothing changed",
                         g->config->name, POLICY_MAX_SAS);
    return done(r, g, g->config->ks.n_sas,
                at_once ? "members drop the old keys as they hear of it: until all have, packets are lost"
                        : "members send with the new keys when all have been told once, and receive with both meanwhile");
}

int ctl_rekey(struct ctl_request *r)
{
    const char *name = r->n_words > 1 ? r->words[1] : "";
    bool with_replace = r->n_words > 2 && strcmp(r->words[2], "--replace") == 0;
    bool at_once = r->n_words > 3 && strcmp(r->words[3], "now") == 0;
    struct ks_group *g = ks_find(roles_ks(r->roles), name);

    if (r->n_words < 2 || (r->n_words > 2 && !with_replace) || (r->n_words > 3 && !at_once))
        return ctl_error(r, CTL_USAGE, "rekey: expected GROUP [--replace [now]]");
    if (!g)
        return ctl_error(r, CTL_NOT_FOUND, "no group named %s is served here", name);
    if (with_replace && g->keks.n > 0)
        return replace(r, g, at_once);
    if (!ks_group_rekey(g, roles_now(r->roles).scaled))
        return ctl_error(r, CTL_FAILURE, "group %s has no `rekey`: members renew by registering", name);
    return done(r, g, 0, "everything is said again; keys stay as they are");
}
