/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One session: datagrams and time go to phase1, pull and repeat, and what they say comes out as datagrams and
 * events. The order of every input is the same: duplicate? -> machine -> send -> event. No payload is read or
 * written here.
 */
#include "ctrl/run/session_impl.h"

#include "common/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void on_resend(struct timer *t, mono_t now);
static void on_end(struct timer *t, mono_t now);

struct session *session_new(struct sessions *ss, const struct path *path, bool initiator)
{
    uint8_t jitter;
    struct session *s = calloc(1, sizeof(*s));
    if (!s || !ss->env.random(ss->env.ctx, &jitter, sizeof(jitter))) {
        free(s);
        return NULL;
    }
    s->set = ss;
    s->path = *path;
    s->initiator = initiator;
    s->resend.fire = on_resend;
    s->end.fire = on_end;
    s->patience = MONO_NEVER;
    s->began = ss->env.now(ss->env.ctx).real;
    repeat_init(&s->phase1_repeat, initiator, jitter);
    repeat_init(&s->inform_repeat, initiator, jitter);
    s->next = ss->list;
    if (ss->list)
        ss->list->prev = s;
    ss->list = s;
    ss->n++;
    if (!initiator)
        ss->n_half++;
    return s;
}

void session_free(struct session *s)
{
    if (!s)
        return;
    struct sessions *ss = s->set;
    timer_cancel(ss->env.real_timers, &s->resend);
    timer_cancel(ss->env.real_timers, &s->end);
    demux_remove(&ss->demux, &s->demux);
    for (size_t i = 0; i < s->n_pulls; i++) {
        pull_free(s->pulls[i].pull);
        repeat_wipe(&s->pulls[i].repeat);
    }
    phase1_free(s->phase1);
    repeat_wipe(&s->phase1_repeat);
    repeat_wipe(&s->inform_repeat);
    if (s->prev)
        s->prev->next = s->next;
    else
        ss->list = s->next;
    if (s->next)
        s->next->prev = s->prev;
    ss->n--;
    if (!s->initiator && !s->up)
        ss->n_half--;
    wipe(s, sizeof(*s));
    free(s);
}

/* The member's registration has failed: the only place that says so. */
void session_fail(struct session *s, const char *reason, struct now now)
{
    char peer[ADDR_TEXT_MAX];
    struct sessions *ss = s->set;
    if (!s->up) {
        ss->stats.phase1_failed++;
        log_msg(IKE_PHASE1_FAILED, endpoint_text(&s->path.remote, peer), reason);
    }
    if (s->leaving) {
        session_end_leave(s, reason, now);
        return;
    }
    s->ending = true;
    if (s->initiator && ss->events.gm_failed)
        ss->events.gm_failed(ss->events.ctx, s, reason, now);
    session_free(s);
}

/* The repeat whose answer is awaited: what runs under phase 1 when there is something. Member only. */
static struct repeat *awaited(struct session *s)
{
    if (s->leaving && s->up)
        return &s->inform_repeat;
    return s->n_pulls ? &s->pulls[0].repeat : &s->phase1_repeat;
}

static mono_t impatient_at(struct session *s)
{
    return mono_add(awaited(s)->first, s->patience);
}

/* Sets both timers to what the present state wants. False: memory is short. */
static bool set_timers(struct session *s, mono_t now)
{
    struct timers *ts = s->set->env.real_timers;
    if (s->initiator)
        return timer_set(ts, &s->resend, mono_min(repeat_next(awaited(s)), impatient_at(s)));
    return timer_set(ts, &s->end, mono_add(now, mono_ms(SESSION_LINGER_MS)));
}

/*
 * A datagram was accepted by a machine and `out` is what it says: remember both, send, and wait anew. Ends
 * the session and returns false when memory is short.
 */
bool session_progress(struct session *s, struct repeat *r, struct span received, struct span out,
                      struct now now)
{
    if (received.len)
        repeat_accepted(r, received);
    bool ok = true;
    if (out.len) {
        ok = repeat_sent(r, out, now.real);
        if (ok)
            sessions_send(s->set, &s->path, out);
    }
    ok = ok && set_timers(s, now.real);
    if (!ok)
        session_fail(s, "memory is short", now);
    else
        s->hint[0] = '\0';
    return ok;
}

bool session_set_patience(struct session *s, mono_t patience)
{
    s->patience = patience;
    return set_timers(s, s->set->env.now(s->set->env.ctx).real);
}

void session_set_replace(struct session *s)
{
    s->replace = true;
}

bool session_begin(struct session *s, struct span received, struct span out, struct now now)
{
    if (received.len)
        repeat_accepted(&s->phase1_repeat, received);
    if (!repeat_sent(&s->phase1_repeat, out, now.real) || !set_timers(s, now.real))
        return false;
    sessions_send(s->set, &s->path, out);
    return true;
}

void session_log_key(struct session *s)
{
    char line[256] = "ikev1 ";
    const struct env *env = &s->set->env;
    size_t at = strlen(line);
    if (s->keys_logged || !env->keylog || !phase1_keylog(s->phase1, line + at, sizeof(line) - at))
        return;
    char *comma = strchr(line, ',');
    if (comma)
        *comma = ' ';
    env->keylog(env->ctx, line);
    s->keys_logged = true;
    wipe(line, sizeof(line));
}

const char *session_state_text(const struct session *s, char out[SESSION_STATE_MAX])
{
    const struct session_pull *p = s->n_pulls ? &s->pulls[s->n_pulls - 1] : NULL;

    if (s->up && (s->leaving || s->left))
        snprintf(out, SESSION_STATE_MAX, "LEAVE: %s", s->leaving ? "sent" : "answered");
    else if (p)
        snprintf(out, SESSION_STATE_MAX, "PULL: %s", pull_state_text(p->pull));
    else
        snprintf(out, SESSION_STATE_MAX, "phase 1: %s", s->phase1 ? phase1_state_text(s->phase1) : "beginning");
    return out;
}

/* ---- phase 1 ---- */

/* True when repeat has dealt with the datagram: it was a copy. */
bool session_was_repeated(struct session *s, struct repeat *r, struct span datagram, struct now now)
{
    switch (repeat_judge(r, datagram, now.real)) {
    case REPEAT_NEW:
        return false;
    case REPEAT_ANSWER:
        sessions_send(s->set, &s->path, repeat_stored(r));
        sessions_drop(s->set, DROP_DUPLICATE, &s->path, "");
        return true;
    default:
        sessions_drop(s->set, DROP_DUPLICATE, &s->path, "");
        return true;
    }
}

static void phase1_is_up(struct session *s, struct now now)
{
    char peer[ADDR_TEXT_MAX];
    struct sessions *ss = s->set;
    s->up = true;
    ss->stats.phase1_established++;
    log_msg(IKE_PHASE1_UP, endpoint_text(&s->path.remote, peer), phase1_identity(s->phase1));
    if (s->leaving) {
        session_begin_leave(s, now);
    } else if (s->initiator) {
        session_begin_pull(s, now);
    } else {
        ss->n_half--;
        halfopen_remember(ss->halfopen, phase1_offered(s->phase1));
    }
}

/* The initiator has learnt the responder's cookie with message 2. */
static bool learn_cookie(struct session *s)
{
    uint8_t cookies[DEMUX_COOKIES];
    memcpy(cookies, phase1_cookie_i(s->phase1), ISAKMP_COOKIE_LEN);
    memcpy(cookies + ISAKMP_COOKIE_LEN, phase1_cookie_r(s->phase1), ISAKMP_COOKIE_LEN);
    if (memcmp(cookies, s->demux.cookies, DEMUX_COOKIES) == 0)
        return true;
    return demux_put(&s->set->demux, &s->demux, cookies);
}

/* A refusal in clear: a hint, because anybody may have said it. With what we offered when it is about that. */
static void note_refusal(struct session *s, const struct phase1_report *report)
{
    char offered[640], why[768];
    int n = snprintf(why, sizeof(why), "the peer seems to say %s (not authenticated)", report->notify_text);
    if (report->notify == ISAKMP_N_NO_PROPOSAL_CHOSEN) {
        phase1_offered_text(s->phase1, offered, sizeof(offered));
        snprintf(why + n, sizeof(why) - (size_t)n, "; offered were %s", offered);
    }
    snprintf(s->hint, sizeof(s->hint), "%.*s", (int)sizeof(s->hint) - 1, why);
    sessions_drop(s->set, DROP_AUTH, &s->path, why);
}

static void in_phase1(struct session *s, struct span datagram, struct now now)
{
    struct sessions *ss = s->set;
    struct phase1_report report = {.why = ""};
    struct buf_writer out = buf_writer_of(ss->scratch, PULL_MAX_MESSAGE);

    if (session_was_repeated(s, &s->phase1_repeat, datagram, now))
        return;
    enum phase1_result result = phase1_step(s->phase1, datagram, now.scaled, &out, &report);
    switch (result) {
    case PHASE1_GOES_ON:
    case PHASE1_ESTABLISHED:
        session_log_key(s);
        if (!learn_cookie(s)) {
            session_fail(s, "the peer's cookie is in use", now);
            return;
        }
        if (session_progress(s, &s->phase1_repeat, datagram, buf_written(&out), now) &&
            result == PHASE1_ESTABLISHED)
            phase1_is_up(s, now);
        return;
    case PHASE1_NOTED:
        note_refusal(s, &report);
        return;
    case PHASE1_DROP_MALFORMED:
        repeat_refused(&s->phase1_repeat, datagram);
        sessions_drop(ss, DROP_MALFORMED, &s->path, report.why);
        return;
    case PHASE1_DROP_AUTH:
        repeat_refused(&s->phase1_repeat, datagram);
        snprintf(s->hint, sizeof(s->hint), "%s", report.why);
        sessions_drop(ss, DROP_AUTH, &s->path, report.why);
        if (buf_written(&out).len) /* once in an exchange: a notify in clear that it failed */
            sessions_send(ss, &s->path, buf_written(&out));
        return;
    case PHASE1_DROP_REFUSED:
        snprintf(s->hint, sizeof(s->hint), "%s", report.why);
        sessions_drop(ss, DROP_STATE, &s->path, report.why);
        return;
    case PHASE1_DROP_STATE:
        sessions_drop(ss, DROP_STATE, &s->path, report.why);
        return;
    case PHASE1_ERROR:
        sessions_drop(ss, DROP_STATE, &s->path, report.why);
        session_fail(s, "random numbers or the crypto library failed", now);
        return;
    }
}

void session_datagram(struct session *s, const struct isakmp_header *h, struct span datagram, struct now now)
{
    if (h->exchange == ISAKMP_EXCHANGE_MAIN || (h->exchange == ISAKMP_EXCHANGE_INFORMATIONAL && !s->up))
        in_phase1(s, datagram, now);
    else if (s->up && h->exchange == ISAKMP_EXCHANGE_INFORMATIONAL)
        session_in_inform(s, datagram, now);
    else if (s->up && h->exchange == ISAKMP_EXCHANGE_GROUPKEY_PULL)
        session_in_pull(s, h->message_id, datagram, now);
    else
        sessions_drop(s->set, DROP_STATE, &s->path, s->up ? "exchange type that isn't ours" : "");
}

/* ---- time ---- */

static void on_resend(struct timer *t, mono_t now)
{
    struct session *s = (struct session *)(void *)((char *)t - offsetof(struct session, resend));
    struct sessions *ss = s->set;
    struct repeat *r = awaited(s);
    char reason[SESSION_REASON_MAX], state[SESSION_STATE_MAX];

    switch (mono_reached(impatient_at(s), now) ? REPEAT_GIVE_UP : repeat_due(r, now)) {
    case REPEAT_AGAIN:
        sessions_send(ss, &s->path, repeat_stored(r));
        break;
    case REPEAT_GIVE_UP:
        snprintf(reason, sizeof(reason), "no answer for %d s (%s)%s%s", (int)mono_to_s(mono_sub(now, r->first)),
                 session_state_text(s, state), s->hint[0] ? "; " : "", s->hint);
        session_fail(s, reason, ss->env.now(ss->env.ctx));
        return;
    case REPEAT_WAIT:
        break;
    }
    if (!set_timers(s, now))
        session_fail(s, "memory is short", ss->env.now(ss->env.ctx));
}

/* Key server: the linger is over, or the peer went silent halfway. */
static void on_end(struct timer *t, mono_t now)
{
    (void)now;
    struct session *s = (struct session *)(void *)((char *)t - offsetof(struct session, end));
    struct sessions *ss = s->set;
    char reason[SESSION_REASON_MAX];
    if (s->up) {
        session_free(s);
        return;
    }
    snprintf(reason, sizeof(reason), "nothing more came (phase 1: %s)%s%s", phase1_state_text(s->phase1),
             s->hint[0] ? "; " : "", s->hint);
    session_fail(s, reason, ss->env.now(ss->env.ctx));
}
