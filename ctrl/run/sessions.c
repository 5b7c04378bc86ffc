/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The set of sessions: finds the one a datagram belongs to, or lets the stateless front (phase1/halfopen)
 * look at it and makes a responder when a message 3 brings our cookie back and admission agrees. A datagram
 * that fits nothing is counted and dropped in silence: after a restart we don't say that a cookie is unknown,
 * since anyone could make us say it to anybody (RFC 2408 5.2 leaves the notify optional).
 */
#include "ctrl/run/session_impl.h"

#include "common/log.h"
#include "ctrl/crypto/dh.h"

#include <stdlib.h>
#include <string.h>

void sessions_drop(struct sessions *ss, enum session_drop kind, const struct path *path, const char *why)
{
    uint64_t *counters[] = {
        [DROP_MALFORMED] = &ss->stats.dropped_malformed, [DROP_UNKNOWN] = &ss->stats.dropped_unknown,
        [DROP_STATE] = &ss->stats.dropped_state,         [DROP_AUTH] = &ss->stats.dropped_auth,
        [DROP_DUPLICATE] = &ss->stats.dropped_duplicate, [DROP_LIMIT] = &ss->stats.dropped_limit,
    };
    char from[ADDR_TEXT_MAX];
    ++*counters[kind];
    if (why[0])
        log_msg(IKE_DROP, endpoint_text(&path->remote, from), why);
}

void sessions_send(struct sessions *ss, const struct path *path, struct span datagram)
{
    ss->stats.datagrams_out++;
    ss->env.send(ss->env.ctx, path, datagram);
}

struct rng sessions_rng(struct sessions *ss)
{
    return (struct rng){.get = ss->env.random, .ctx = ss->env.ctx};
}

void sessions_settings(struct sessions *ss, const struct path *path, struct phase1_settings *out)
{
    memset(out, 0, sizeof(*out));
    out->local = path->local;
    out->remote = path->remote;
    out->proposals = ss->config->proposals;
    out->n_proposals = ss->config->n_proposals;
    out->doi = ss->config->phase1_doi;
    out->n_psks = config_find_psks(ss->config, &path->remote.addr, out->psks);
    out->rng = sessions_rng(ss);
}

static bool is_server_address(const struct config *c, const struct addr *a)
{
    for (size_t i = 0; i < c->n_groups; i++) {
        if (!c->groups[i].is_member && addr_equal(&c->groups[i].ks.address, a))
            return true;
    }
    return false;
}

static bool has_server(const struct config *c)
{
    for (size_t i = 0; i < c->n_groups; i++) {
        if (!c->groups[i].is_member)
            return true;
    }
    return false;
}

/* The front exists only where there is, or was, a key server: it holds some megabytes. */
bool sessions_prepare(struct sessions *ss, const struct config *config)
{
    if (ss->halfopen || !has_server(config))
        return true;
    uint8_t secret[32];
    bool ok = ss->env.random(ss->env.ctx, secret, sizeof(secret));
    if (ok)
        ss->halfopen = halfopen_new(secret, config->proposals, config->n_proposals);
    wipe(secret, sizeof(secret));
    return ss->halfopen != NULL;
}

struct sessions *sessions_new(const struct env *env, const struct config *config,
                              const struct session_events *events)
{
    uint64_t seeds[3];
    struct sessions *ss = calloc(1, sizeof(*ss));
    if (!ss)
        return NULL;
    ss->env = *env;
    ss->config = config;
    ss->events = *events;
    ss->scratch = malloc(PULL_MAX_MESSAGE);
    ss->admit = malloc(sizeof(*ss->admit));
    if (!ss->scratch || !ss->admit || !env->random(env->ctx, seeds, sizeof(seeds)) ||
        !demux_init(&ss->demux, seeds) || !sessions_prepare(ss, config)) {
        sessions_free(ss);
        return NULL;
    }
    admit_init(ss->admit, seeds[2], env->now(env->ctx).real);
    return ss;
}

void sessions_set_config(struct sessions *ss, const struct config *config)
{
    if (ss->halfopen)
        halfopen_set_proposals(ss->halfopen, config->proposals, config->n_proposals);
    ss->config = config;
}

void sessions_free(struct sessions *ss)
{
    if (!ss)
        return;
    while (ss->list)
        session_free(ss->list);
    halfopen_free(ss->halfopen);
    demux_free(&ss->demux);
    free(ss->admit);
    free(ss->scratch);
    free(ss);
}

const struct session_stats *sessions_stats(const struct sessions *ss)
{
    return &ss->stats;
}

void sessions_clear_stats(struct sessions *ss)
{
    ss->stats = (struct session_stats){0};
}

static uint32_t seconds(mono_t d)
{
    int64_t s = mono_to_s(d);
    return s < 0 ? 0 : (uint32_t)s;
}

void sessions_each(const struct sessions *ss, struct now now,
                   void (*each)(void *ctx, const struct session_view *v), void *ctx)
{
    char state[SESSION_STATE_MAX];
    for (const struct session *s = ss->list; s; s = s->next) {
        struct session_view v = {.path = s->path, .initiator = s->initiator, .established = s->up};
        v.state = session_state_text(s, state);
        v.identity = phase1_identity(s->phase1);
        v.chosen = phase1_chosen(s->phase1);
        v.age_s = seconds(mono_sub(now.real, s->began));
        if (s->up) {
            const struct ike_sa *sa = phase1_sa(s->phase1);
            v.lifetime_left_s = seconds(mono_sub(mono_add(sa->started, mono_s(sa->lifetime_s)), now.scaled));
        }
        each(ctx, &v);
    }
}

size_t sessions_count(const struct sessions *ss)
{
    return ss->n;
}

/* ---- member: beginning ---- */

static struct session *initiate(struct sessions *ss, const struct path *path, const struct group_id *group,
                                uint16_t n_sender_ids, bool leaving, void *owner, struct now now)
{
    char peer[ADDR_TEXT_MAX];
    const char *why = "memory is short";
    struct phase1_settings settings;
    struct buf_writer out = buf_writer_of(ss->scratch, PULL_MAX_MESSAGE);
    uint8_t cookies[DEMUX_COOKIES] = {0};

    struct session *s = ss->n < SESSIONS_MAX ? session_new(ss, path, true) : NULL;
    if (!s)
        goto fail;
    s->group = *group;
    s->n_sender_ids = n_sender_ids;
    s->leaving = leaving;
    s->owner = owner;
    sessions_settings(ss, path, &settings);
    s->phase1 = phase1_new_initiator(&settings, now.scaled, &out, &why);
    if (!s->phase1)
        goto fail;
    memcpy(cookies, phase1_cookie_i(s->phase1), ISAKMP_COOKIE_LEN);
    if (!demux_put(&ss->demux, &s->demux, cookies) ||
        !session_begin(s, span_of(NULL, 0), buf_written(&out), now))
        goto fail;
    return s;

fail:
    log_msg(IKE_PHASE1_FAILED, endpoint_text(&path->remote, peer), why);
    session_free(s);
    return NULL;
}

struct session *sessions_register(struct sessions *ss, const struct path *path, const struct group_id *group,
                                  uint16_t n_sender_ids, void *owner, struct now now)
{
    return initiate(ss, path, group, n_sender_ids, false, owner, now);
}

struct session *sessions_leave(struct sessions *ss, const struct path *path, const struct group_id *group,
                               void *owner, struct now now)
{
    return initiate(ss, path, group, 0, true, owner, now);
}

void *session_owner(const struct session *s)
{
    return s->owner;
}

void session_abort(struct session *s)
{
    if (!s->ending) {
        if (s->leaving && s->up)
            session_say_goodbye(s);
        session_free(s);
    }
}

/* ---- key server: beginning ---- */

/* Has this peer a pre-shared key entry of its own, so that it needn't queue with strangers? */
static bool has_own_entry(const struct phase1_settings *settings)
{
    return settings->n_psks > 0 &&
           settings->psks[0]->peer.len == 8 * addr_len(settings->psks[0]->peer.addr.family);
}

/* Message 3 brought our cookie back. Everything is made aside; the session begins when the message was good.
 */
static void begin_responder(struct sessions *ss, const struct path *path,
                            const struct phase1_settings *settings, const struct phase1_offer *offer,
                            struct span datagram, struct now now)
{
    struct buf_writer out = buf_writer_of(ss->scratch, PULL_MAX_MESSAGE);
    struct phase1_report report = {.why = ""};
    const char *why = "memory is short";
    uint8_t cookies[DEMUX_COOKIES];

    bool known = has_own_entry(settings) ||
                 (ss->events.ks_knows && ss->events.ks_knows(ss->events.ctx, &path->remote.addr));
    size_t max_half =
        known ? SESSIONS_MAX_HALF : SESSIONS_MAX_HALF / 2; /* strangers can't take the others' room */
    if (ss->n >= SESSIONS_MAX || ss->n_half >= max_half ||
        !admit_allow(ss->admit, &path->remote.addr, known, dh_cost(offer->chosen.group), now.real)) {
        sessions_drop(ss, DROP_LIMIT, path, "too many registrations at once");
        return;
    }
    struct session *s = session_new(ss, path, false);
    if (!s)
        goto fail;
    s->phase1 = phase1_new_responder(settings, offer, now.scaled, &why);
    if (!s->phase1)
        goto fail;
    switch (phase1_step(s->phase1, datagram, now.scaled, &out, &report)) {
    case PHASE1_GOES_ON:
        break;
    case PHASE1_DROP_MALFORMED:
        sessions_drop(ss, DROP_MALFORMED, path, report.why);
        session_free(s);
        return;
    default:
        why = report.why;
        goto fail;
    }
    memcpy(cookies, offer->cookie_i, ISAKMP_COOKIE_LEN);
    memcpy(cookies + ISAKMP_COOKIE_LEN, offer->cookie_r, ISAKMP_COOKIE_LEN);
    why = "memory is short";
    if (!demux_put(&ss->demux, &s->demux, cookies) || !session_begin(s, datagram, buf_written(&out), now))
        goto fail;
    halfopen_spend(ss->halfopen, offer);
    session_log_key(s);
    return;

fail:
    sessions_drop(ss, DROP_STATE, path, why);
    session_free(s);
}

/* A main mode datagram in clear that belongs to no session, sent to a key server's address. */
static void front(struct sessions *ss, const struct path *path, struct span datagram, struct now now)
{
    struct buf_writer out = buf_writer_of(ss->scratch, PHASE1_MAX_MESSAGE);
    struct phase1_settings settings;
    struct phase1_offer offer;
    char why[1200];

    sessions_settings(ss, path, &settings);
    if (settings.n_psks == 0) {
        sessions_drop(ss, DROP_UNKNOWN, path, "no pre-shared key for this peer");
        return;
    }
    switch (halfopen_step(ss->halfopen, &path->remote, datagram, now.real, &out, &offer)) {
    case HALFOPEN_ANSWERED:
        sessions_send(ss, path, buf_written(&out));
        break;
    case HALFOPEN_NO_PROPOSAL:
        if (buf_written(&out).len)
            sessions_send(ss, path, buf_written(&out));
        halfopen_refusal(ss->halfopen, datagram, why, sizeof(why));
        sessions_drop(ss, DROP_STATE, path, why);
        break;
    case HALFOPEN_MESSAGE3:
        begin_responder(ss, path, &settings, &offer, datagram, now);
        break;
    case HALFOPEN_DROP_MALFORMED:
        sessions_drop(ss, DROP_MALFORMED, path, "malformed main mode message 1 or 3");
        break;
    case HALFOPEN_DROP_STATE:
        sessions_drop(ss, DROP_STATE, path, "");
        break;
    case HALFOPEN_DROP_COOKIE:
        sessions_drop(ss, DROP_UNKNOWN, path, "");
        break;
    case HALFOPEN_DROP_TOO_BIG:
        sessions_drop(ss, DROP_LIMIT, path, "SA payload is larger than we take");
        break;
    case HALFOPEN_ERROR:
        sessions_drop(ss, DROP_STATE, path, "the crypto library failed");
        break;
    }
}

/* ---- both ---- */

static const uint8_t no_cookie[ISAKMP_COOKIE_LEN];

static struct session *find(struct sessions *ss, const struct isakmp_header *h)
{
    uint8_t cookies[DEMUX_COOKIES];
    memcpy(cookies, h->cky_i, ISAKMP_COOKIE_LEN);
    memcpy(cookies + ISAKMP_COOKIE_LEN, h->cky_r, ISAKMP_COOKIE_LEN);
    struct demux_entry *e = demux_find(&ss->demux, cookies);
    if (!e) { /* message 2 brings a cookie that the initiator doesn't know yet */
        memcpy(cookies + ISAKMP_COOKIE_LEN, no_cookie, ISAKMP_COOKIE_LEN);
        e = demux_find(&ss->demux, cookies);
    }
    return e ? (struct session *)(void *)((char *)e - offsetof(struct session, demux)) : NULL;
}

void sessions_datagram(struct sessions *ss, const struct path *path, struct span datagram, struct now now)
{
    struct isakmp_header h;
    struct span body;

    ss->stats.datagrams_in++;
    enum isakmp_error error = isakmp_header_get(datagram, &h, &body);
    if (error != ISAKMP_OK) {
        sessions_drop(ss, DROP_MALFORMED, path, isakmp_error_text(error));
        return;
    }
    struct session *s = find(ss, &h);
    if (s && endpoint_equal(&s->path.remote, &path->remote) && endpoint_equal(&s->path.local, &path->local))
        session_datagram(s, &h, datagram, now);
    else if (s)
        sessions_drop(ss, DROP_UNKNOWN, path, "cookies of a session with another address or port");
    else if (h.exchange != ISAKMP_EXCHANGE_MAIN || (h.flags & ISAKMP_FLAG_ENCRYPTED))
        sessions_drop(ss, DROP_UNKNOWN, path,
                      ""); /* usual after a restart, or a late copy of an ended exchange */
    else if (ss->halfopen && is_server_address(ss->config, &path->local.addr))
        front(ss, path, datagram, now);
    else
        sessions_drop(ss, DROP_UNKNOWN, path,
                      memcmp(h.cky_r, no_cookie, sizeof(no_cookie)) == 0
                          ? "no key server at the address it was sent to"
                          : "");
}
