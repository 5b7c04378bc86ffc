/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A rekey on its way in, in the order of RFC 6407 4.4: which KEK by its cookies, then ctrl/push opens and verifies, then
 * gm/rekey.c judges and applies, and last it is acknowledged (RFC 8263). Each that is dropped moves one counter; nothing of it
 * is used, and nothing is answered.
 */
#include "common/log.h"
#include "ctrl/gm/gm_impl.h"
#include "ctrl/gm/rekey.h"
#include "ctrl/policy/kek.h"

bool gm_push_is_for(const struct gm *gm, struct span datagram)
{
    const struct gm_kek *k = &gm->kek;

    return (k->has && push_is_for(&k->kek, datagram)) || (k->has_earlier && push_is_for(&k->earlier, datagram));
}

void gm_push_copied(struct gm *gm)
{
    gm->stats.rekey.dropped[GM_DROP_COPY]++;
}

static void dropped(struct gm *gm, enum gm_rekey_drop reason, const struct path *path, const char *why)
{
    char from[ADDR_TEXT_MAX];

    gm->stats.rekey.dropped[reason]++;
    log_msg(GDOI_REKEY_FAILURE, gm->config->name, endpoint_text(&path->remote, from), why);
}

static void dropped_old(struct gm *gm, uint32_t last, const struct path *path)
{
    char from[ADDR_TEXT_MAX];

    gm->stats.rekey.dropped[GM_DROP_OLD_NUMBER]++;
    log_msg(GDOI_REKEY_SEQ_FAILURE, gm->config->name, endpoint_text(&path->remote, from), (unsigned)last);
}

static void received(struct gm *gm, uint32_t number, const struct path *path, bool repeated, mono_t now)
{
    struct gm_rekey_stats *s = &gm->stats.rekey;
    char from[ADDR_TEXT_MAX], to[ADDR_TEXT_MAX];

    s->received++;
    s->multicast += addr_is_multicast(&path->local.addr);
    s->since_registration++;
    s->repeated += repeated;
    s->has_last = true;
    s->last_number = number;
    s->last_at = now;
    s->last_from = path->remote;
    s->last_to = path->local;
    log_msg(GM_RECV_REKEY, gm->config->name, addr_text(&path->remote.addr, from), addr_text(&path->local.addr, to),
            (unsigned)number);
}

/* A genuine one. Its acknowledgement is made first: applying may take the KEK away that it is made with. */
static void take(struct gm *gm, const struct path *path, const struct addr *own, bool earlier, struct push *p,
                 struct now now)
{
    uint8_t bytes[PUSH_ACK_MAX_LEN];
    struct buf_writer ack = buf_writer_of(bytes, sizeof(bytes));
    const struct policy_kek *kek = earlier ? &gm->kek.earlier : &gm->kek.kek;
    /* A rekey that brings a KEK says by it where the key server is from now on. */
    struct path back = gm_ack_path(gm, p->policy.has_kek ? &p->policy.kek : kek, own);
    bool wanted = kek->ack != 0 && push_ack_put(kek, p->number, own, &ack);
    char why[160] = "";
    enum gm_rekey_result result = gm_rekey(gm, p, earlier, now, why);

    if (result == GM_REKEY_EARLIER_KEK) { /* for members that have no newer one: it comes under that as well */
        gm->stats.rekey.dropped[GM_DROP_EARLIER_KEK]++;
        log_debug("gm", "group %s: rekey %u dropped: %s", gm->config->name, (unsigned)p->number, why);
        return;
    }
    if (result != GM_REKEY_APPLIED && result != GM_REKEY_REPEATED) {
        dropped(gm, result == GM_REKEY_TOO_OLD ? GM_DROP_PSEUDOTIME : GM_DROP_CONTENT, path, why);
        return;
    }
    received(gm, p->number, path, result == GM_REKEY_REPEATED, now.scaled);
    if (wanted)
        gm_ack_later(gm, &back, buf_written(&ack), now.scaled);
}

/* Does it claim to be from a key server: the one of the KEK, the one that gave the policy, or another of the list? */
static bool is_from_server(const struct gm *gm, const struct policy_kek *kek, const struct addr *source)
{
    bool is = addr_equal(source, &kek->source.addr) || addr_equal(source, &gm->home);

    for (size_t i = 0; i < gm->config->gm.n_servers && !is; i++)
        is = addr_equal(source, &gm->config->gm.servers[i]);
    return is;
}

bool gm_push(struct gm *gm, const struct path *path, const struct addr *own, struct span datagram, struct now now)
{
    struct gm_kek *k = &gm->kek;
    bool earlier = !(k->has && push_is_for(&k->kek, datagram));
    const struct policy_kek *kek = earlier ? &k->earlier : &k->kek;
    uint32_t *last = earlier ? &k->earlier_last : &k->last;
    bool from_server = is_from_server(gm, kek, &path->remote.addr);
    struct policy_fault why = {.text = ""};
    struct push p;

    if (earlier && !(k->has_earlier && push_is_for(&k->earlier, datagram)))
        return true;
    if (!gm_limit_allows(&gm->limit, from_server, now.real)) {
        dropped(gm, GM_DROP_LIMIT, path, "too many that came from there weren't signed by the key server");
        return false;
    }
    push_init(&p);
    switch (push_open(kek, *last, &gm->server_features, gm->config->gm.push_signature, datagram, &p, &why)) {
    case PUSH_OK:
        *last = p.number;
        take(gm, path, own, earlier, &p, now);
        break;
    case PUSH_OTHER:
    case PUSH_MALFORMED:
        dropped(gm, GM_DROP_MALFORMED, path, "it is malformed");
        break;
    case PUSH_OLD:
        dropped_old(gm, *last, path);
        break;
    case PUSH_FORGED:
        gm_limit_forged(&gm->limit, from_server, now.real);
        dropped(gm, GM_DROP_FORGED, path, "it isn't signed by the key server");
        break;
    case PUSH_REFUSED:
        *last = p.number;
        gm_log_fault(gm, why.kind, why.text);
        dropped(gm, GM_DROP_CONTENT, path, why.text);
        break;
    }
    push_wipe(&p);
    return true;
}
