/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One session: datagrams and time go to phase1, pull and repeat, and what they say comes out as datagrams and events.
 * The order of every input is the same: duplicate? -> machine -> send -> event. No payload is read or written here.
 */
#include "ctrl/run/session_impl.h"

#include "common/log.h"
#include "ctrl/pull/inform.h"

#include <inttypes.h>
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
    repeat_init(&s->phase1_repeat, initiator, jitter);
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
static void fail(struct session *s, const char *reason, struct now now)
{
    char peer[ADDR_TEXT_MAX];
    struct sessions *ss = s->set;
    if (!s->up) {
        ss->stats.phase1_failed++;
        log_msg(IKE_PHASE1_FAILED, endpoint_text(&s->path.remote, peer), reason);
    }
    s->ending = true;
    if (s->initiator && ss->events.gm_failed)
        ss->events.gm_failed(ss->events.ctx, s, reason, now);
    session_free(s);
}

/* The repeat whose answer is awaited: the PULL's when there is one. Member only. */
static struct repeat *awaited(struct session *s)
{
    return s->n_pulls ? &s->pulls[0].repeat : &s->phase1_repeat;
}

/* Sets both timers to what the present state wants. False: memory is short. */
static bool set_timers(struct session *s, mono_t now)
{
    struct timers *ts = s->set->env.real_timers;
    if (s->initiator)
        return timer_set(ts, &s->resend, repeat_next(awaited(s)));
    return timer_set(ts, &s->end, mono_add(now, mono_ms(SESSION_LINGER_MS)));
}

/*
 * A datagram was accepted by a machine and `out` is what it says: remember both, send, and wait anew. Ends the session
 * and returns false when memory is short.
 */
static bool progress(struct session *s, struct repeat *r, struct span received, struct span out, struct now now)
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
        fail(s, "memory is short", now);
    else
        s->hint[0] = '\0';
    return ok;
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

/* ---- member ---- */

static void begin_pull(struct session *s, struct now now)
{
    struct sessions *ss = s->set;
    struct rng rng = sessions_rng(ss);
    struct buf_writer out = buf_writer_of(ss->scratch, PULL_MAX_MESSAGE);
    struct session_pull *p = &s->pulls[0];

    p->pull = pull_new_member(phase1_sa(s->phase1), &s->group, s->n_sender_ids, &rng, now.scaled, &out);
    if (!p->pull) {
        fail(s, "the registration could not be started: memory or random is short", now);
        return;
    }
    p->message_id = pull_message_id(p->pull);
    repeat_init(&p->repeat, true, s->phase1_repeat.jitter);
    s->n_pulls = 1;
    (void)progress(s, &p->repeat, span_of(NULL, 0), buf_written(&out), now);
}

/* Tells the server that we need this phase 1 no longer (RFC 2409 5.7); it may get lost, the server has a time-out. */
static void say_goodbye(struct session *s)
{
    struct sessions *ss = s->set;
    struct rng rng = sessions_rng(ss);
    struct buf_writer out = buf_writer_of(ss->scratch, PULL_MAX_MESSAGE);
    if (inform_put_delete(phase1_sa(s->phase1), &rng, &out))
        sessions_send(ss, &s->path, buf_written(&out));
}

static void deliver_policy(struct session *s, struct now now)
{
    struct sessions *ss = s->set;
    say_goodbye(s);
    s->ending = true;
    if (ss->events.gm_policy)
        ss->events.gm_policy(ss->events.ctx, s, pull_policy(s->pulls[0].pull), now);
    session_free(s);
}

/* ---- key server ---- */

static void fill_registration(const struct session *s, const struct pull *pull, struct registration *reg)
{
    memset(reg, 0, sizeof(*reg));
    reg->peer = s->path.remote;
    reg->local = s->path.local;
    snprintf(reg->identity, sizeof(reg->identity), "%s", phase1_identity(s->phase1));
    reg->group = *pull_group(pull);
    reg->features = *pull_features(pull);
    reg->sender_ids_wanted = pull_sender_ids_wanted(pull);
}

/* Says no under the protection of phase 1, and ends the PULL. */
static void refuse(struct session *s, struct session_pull *p, struct span received, const struct refusal *why,
                   struct now now)
{
    struct sessions *ss = s->set;
    struct buf_writer out = buf_writer_of(ss->scratch, PULL_MAX_MESSAGE);
    ss->stats.pulls_refused++;
    if (!pull_refuse(p->pull, why->notify, why->missing, why->text, &out))
        out.len = 0;
    (void)progress(s, &p->repeat, received, buf_written(&out), now);
}

static const char *const CANT_ENCODE = "the policy can't be sent: ";

/* Message 1 of a PULL is valid: ask the key server. Nothing is recorded yet (RFC 6407 3.2). */
static void answer_request(struct session *s, struct session_pull *p, struct span datagram, struct now now)
{
    struct sessions *ss = s->set;
    struct registration reg;
    struct refusal why = {.notify = ISAKMP_N_REFUSED};
    struct pull_report report = {.why = ""};
    struct buf_writer out = buf_writer_of(ss->scratch, PULL_MAX_MESSAGE);
    struct policy *policy = calloc(1, sizeof(*policy));

    if (!policy) {
        fail(s, "memory is short", now);
        return;
    }
    policy_init(policy);
    fill_registration(s, p->pull, &reg);
    bool ok = ss->events.ks_request(ss->events.ctx, &reg, policy, &why, now);
    if (ok && !pull_answer(p->pull, policy, &out, &report)) {
        snprintf(why.text, sizeof(why.text), "%s%.100s", CANT_ENCODE, report.why);
        ok = false;
    }
    policy_wipe(policy);
    free(policy);
    if (ok)
        (void)progress(s, &p->repeat, datagram, buf_written(&out), now);
    else
        refuse(s, p, datagram, &why, now);
}

/* Message 3 is valid: now, and only now, it becomes a member. */
static void answer_accept(struct session *s, struct session_pull *p, struct span datagram, struct now now)
{
    struct sessions *ss = s->set;
    struct registration reg;
    struct refusal why = {.notify = ISAKMP_N_REFUSED};
    struct pull_report report = {.why = ""};
    struct buf_writer out = buf_writer_of(ss->scratch, PULL_MAX_MESSAGE);

    fill_registration(s, p->pull, &reg);
    if (!ss->events.ks_accept(ss->events.ctx, &reg, pull_pending(p->pull), &why, now)) {
        refuse(s, p, datagram, &why, now);
    } else if (!pull_deliver(p->pull, &out, &report)) {
        snprintf(why.text, sizeof(why.text), "%s%.100s", CANT_ENCODE, report.why);
        refuse(s, p, datagram, &why, now);
    } else {
        ss->stats.pulls_served++;
        (void)progress(s, &p->repeat, datagram, buf_written(&out), now);
    }
}

/* A PULL datagram with a message id that isn't known yet: perhaps message 1 of a new one. */
static void new_pull(struct session *s, struct span datagram, struct now now)
{
    struct sessions *ss = s->set;
    struct rng rng = sessions_rng(ss);
    struct pull_report report = {.why = ""};
    enum pull_result result = PULL_DROP_STATE;

    if (s->n_pulls == SESSION_MAX_PULLS) {
        sessions_drop(ss, DROP_LIMIT, &s->path, "too many registrations under one phase 1");
        return;
    }
    struct pull *pull = pull_new_server(phase1_sa(s->phase1), &rng, datagram, now.scaled, &result, &report);
    if (!pull) {
        enum session_drop kind = result == PULL_DROP_MALFORMED ? DROP_MALFORMED
                                 : result == PULL_DROP_AUTH    ? DROP_AUTH
                                                               : DROP_STATE;
        sessions_drop(ss, kind, &s->path, report.why);
        return;
    }
    struct session_pull *p = &s->pulls[s->n_pulls++];
    p->pull = pull;
    p->message_id = pull_message_id(pull);
    repeat_init(&p->repeat, false, 0);
    answer_request(s, p, datagram, now);
}

/* ---- both ---- */

/* True when repeat has dealt with the datagram: it was a copy. */
static bool was_repeated(struct session *s, struct repeat *r, struct span datagram, struct now now)
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
    if (s->initiator) {
        begin_pull(s, now);
    } else {
        ss->n_half--;
        halfopen_remember(ss->halfopen, &s->offer);
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

static void in_phase1(struct session *s, struct span datagram, struct now now)
{
    struct sessions *ss = s->set;
    struct phase1_report report = {.why = ""};
    struct buf_writer out = buf_writer_of(ss->scratch, PULL_MAX_MESSAGE);

    if (was_repeated(s, &s->phase1_repeat, datagram, now))
        return;
    enum phase1_result result = phase1_step(s->phase1, datagram, now.scaled, &out, &report);
    switch (result) {
    case PHASE1_GOES_ON:
    case PHASE1_ESTABLISHED:
        session_log_key(s);
        if (!learn_cookie(s)) {
            fail(s, "the peer's cookie is in use", now);
            return;
        }
        if (progress(s, &s->phase1_repeat, datagram, buf_written(&out), now) && result == PHASE1_ESTABLISHED)
            phase1_is_up(s, now);
        return;
    case PHASE1_NOTED:
        snprintf(s->hint, sizeof(s->hint), "the peer seems to say %s (not authenticated)", report.notify_text);
        sessions_drop(ss, DROP_AUTH, &s->path, s->hint);
        return;
    case PHASE1_DROP_MALFORMED:
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
        fail(s, "random numbers or the crypto library failed", now);
        return;
    }
}

/* Bad policy: tell the server by a delete (RFC 6407 3.3), then end. */
static void fail_pull(struct session *s, const char *prefix, const char *why, struct now now)
{
    char reason[SESSION_REASON_MAX];
    snprintf(reason, sizeof(reason), "%s%s", prefix, why);
    say_goodbye(s);
    fail(s, reason, now);
}

static void fail_refused(struct session *s, const struct pull_report *report, struct now now)
{
    char missing[48] = "";
    if (report->missing)
        snprintf(missing, sizeof(missing), "missing features 0x%" PRIx64 ": ", report->missing);
    fail_pull(s, missing, report->why, now);
}

static void in_known_pull(struct session *s, struct session_pull *p, struct span datagram, struct now now)
{
    struct sessions *ss = s->set;
    struct pull_report report = {.why = ""};
    struct buf_writer out = buf_writer_of(ss->scratch, PULL_MAX_MESSAGE);

    if (was_repeated(s, &p->repeat, datagram, now))
        return;
    switch (pull_step(p->pull, datagram, now.scaled, &out, &report)) {
    case PULL_GOES_ON:
        (void)progress(s, &p->repeat, datagram, buf_written(&out), now);
        return;
    case PULL_REQUEST:
        answer_request(s, p, datagram, now);
        return;
    case PULL_ACCEPT:
        answer_accept(s, p, datagram, now);
        return;
    case PULL_POLICY:
        deliver_policy(s, now);
        return;
    case PULL_REFUSED:
        fail_refused(s, &report, now);
        return;
    case PULL_BAD_POLICY:
        fail_pull(s, "the policy that came can't be used: ", report.why, now);
        return;
    case PULL_DROP_MALFORMED:
        sessions_drop(ss, DROP_MALFORMED, &s->path, report.why);
        return;
    case PULL_DROP_STATE:
        sessions_drop(ss, DROP_STATE, &s->path, report.why);
        return;
    case PULL_DROP_AUTH:
        repeat_refused(&p->repeat, datagram);
        snprintf(s->hint, sizeof(s->hint), "%.150s", report.why);
        sessions_drop(ss, DROP_AUTH, &s->path, report.why);
        return;
    case PULL_ERROR:
        fail_pull(s, "memory, random numbers or the crypto library failed", "", now);
        return;
    }
}

static void in_pull(struct session *s, uint32_t message_id, struct span datagram, struct now now)
{
    for (size_t i = 0; i < s->n_pulls; i++) {
        if (s->pulls[i].message_id == message_id) {
            in_known_pull(s, &s->pulls[i], datagram, now);
            return;
        }
    }
    if (s->initiator)
        sessions_drop(s->set, DROP_STATE, &s->path, "");
    else
        new_pull(s, datagram, now);
}

static void in_inform(struct session *s, struct span datagram, struct now now)
{
    struct inform in;
    struct pull_report report = {.why = ""};

    switch (inform_open(phase1_sa(s->phase1), datagram, &in)) {
    case INFORM_OK:
        break;
    case INFORM_DROP_MALFORMED:
        sessions_drop(s->set, DROP_MALFORMED, &s->path, "malformed informational");
        return;
    case INFORM_DROP_AUTH:
        sessions_drop(s->set, DROP_AUTH, &s->path, "informational with a wrong HASH");
        return;
    default:
        sessions_drop(s->set, DROP_STATE, &s->path, "");
        return;
    }
    if (s->n_pulls && pull_inform(s->pulls[0].pull, &in, &report) == PULL_REFUSED)
        fail_refused(s, &report, now);
    else if (s->initiator && in.deletes_sa)
        fail(s, "the key server ended phase 1", now);
    else if (in.deletes_sa)
        session_free(s);
}

void session_datagram(struct session *s, const struct isakmp_header *h, struct span datagram, struct now now)
{
    if (h->exchange == ISAKMP_EXCHANGE_MAIN || (h->exchange == ISAKMP_EXCHANGE_INFORMATIONAL && !s->up))
        in_phase1(s, datagram, now);
    else if (s->up && h->exchange == ISAKMP_EXCHANGE_INFORMATIONAL)
        in_inform(s, datagram, now);
    else if (s->up && h->exchange == ISAKMP_EXCHANGE_GROUPKEY_PULL)
        in_pull(s, h->message_id, datagram, now);
    else
        sessions_drop(s->set, DROP_STATE, &s->path, s->up ? "exchange type that isn't ours" : "");
}

/* ---- time ---- */

static void on_resend(struct timer *t, mono_t now)
{
    struct session *s = (struct session *)(void *)((char *)t - offsetof(struct session, resend));
    struct sessions *ss = s->set;
    struct repeat *r = awaited(s);
    char reason[SESSION_REASON_MAX];

    switch (repeat_due(r, now)) {
    case REPEAT_AGAIN:
        sessions_send(ss, &s->path, repeat_stored(r));
        break;
    case REPEAT_GIVE_UP:
        snprintf(reason, sizeof(reason), "no answer for %d s after %s%s%s", REPEAT_GIVE_UP_MS / 1000,
                 s->n_pulls ? pull_state_text(s->pulls[0].pull) : phase1_state_text(s->phase1),
                 s->hint[0] ? "; " : "", s->hint);
        fail(s, reason, ss->env.now(ss->env.ctx));
        return;
    case REPEAT_WAIT:
        break;
    }
    if (!set_timers(s, now))
        fail(s, "memory is short", ss->env.now(ss->env.ctx));
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
    snprintf(reason, sizeof(reason), "nothing more came after %s%s%s", phase1_state_text(s->phase1),
             s->hint[0] ? "; " : "", s->hint);
    fail(s, reason, ss->env.now(ss->env.ctx));
}
