/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What runs under an established phase 1: PULLs of both roles and informationals. The member has one PULL;
 * the key server keeps up to SESSION_MAX_PULLS, found by message id, and keeps them to the session's end so
 * that an id can't come twice. The questions to the key server are asked here; what they mean is not known
 * here.
 */
#include "ctrl/run/session_impl.h"

#include "common/log.h"
#include "ctrl/pull/inform.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_SLOW_PULLS 2 /* the third takes what it gets, within reason */

/* ---- member ---- */

void session_begin_pull(struct session *s, struct now now)
{
    struct sessions *ss = s->set;
    struct rng rng = sessions_rng(ss);
    struct buf_writer out = buf_writer_of(ss->scratch, PULL_MAX_MESSAGE);
    struct session_pull *p = &s->pulls[0];

    p->pull = pull_new_member(phase1_sa(s->phase1), &s->group, s->n_sender_ids, &rng, now.scaled, &out);
    if (!p->pull) {
        session_fail(s, "the registration could not be started: memory or random is short", now);
        return;
    }
    if (s->slow_pulls == MAX_SLOW_PULLS)
        pull_set_last_try(p->pull);
    if (ss->config->legacy)
        pull_set_legacy(p->pull);
    if (s->replace)
        pull_set_replace(p->pull);
    p->message_id = pull_message_id(p->pull);
    repeat_init(&p->repeat, true, s->phase1_repeat.jitter);
    s->n_pulls = 1;
    (void)session_progress(s, &p->repeat, span_of(NULL, 0), buf_written(&out), now);
}

/* The answer came too late for the time in it to be of use: ask once more under the same phase 1. */
static void begin_again(struct session *s, const char *why, struct now now)
{
    struct session_pull *p = &s->pulls[0];

    log_debug("ike", "PULL again: %s", why);
    repeat_wipe(&p->repeat);
    pull_free(p->pull);
    p->pull = NULL;
    s->n_pulls = 0;
    s->slow_pulls++;
    session_begin_pull(s, now);
}

void session_say_goodbye(struct session *s)
{
    struct sessions *ss = s->set;
    struct rng rng = sessions_rng(ss);
    struct buf_writer out = buf_writer_of(ss->scratch, PULL_MAX_MESSAGE);
    if (inform_put_delete(phase1_sa(s->phase1), &rng, &out))
        sessions_send(ss, &s->path, buf_written(&out));
}

const struct peer_features *session_features(const struct session *s)
{
    static const struct peer_features none;

    return s->n_pulls ? pull_features(s->pulls[0].pull) : &none;
}

struct session_fault session_fault(const struct session *s)
{
    return s->fault;
}

static void deliver_policy(struct session *s, struct now now)
{
    struct sessions *ss = s->set;
    session_say_goodbye(s);
    s->ending = true;
    if (ss->events.gm_policy)
        ss->events.gm_policy(ss->events.ctx, s, pull_policy(s->pulls[0].pull), now);
    session_free(s);
}

/* A message of a PULL is dropped: what was wrong with its HASH has a message of its own. */
static void drop_message(struct session *s, enum session_drop kind, const struct pull_report *report)
{
    char own[ADDR_TEXT_MAX], peer[ADDR_TEXT_MAX];

    sessions_drop(s->set, kind, &s->path, report->bad_hash ? "" : report->why);
    if (!report->bad_hash)
        return;
    endpoint_text(&s->path.remote, peer);
    endpoint_text(&s->path.local, own);
    if (s->initiator)
        log_msg(GM_HASH_FAIL, peer, own, report->why);
    else
        log_msg(KS_HASH_FAIL, peer, own, report->why);
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
    reg->replace_wanted = pull_replace_wanted(pull);
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
    (void)session_progress(s, &p->repeat, received, buf_written(&out), now);
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
        session_fail(s, "memory is short", now);
        return;
    }
    policy_init(policy);
    fill_registration(s, p->pull, &reg);
    bool ok = ss->events.ks_request(ss->events.ctx, &reg, policy, &why, now);
    if (ok && !pull_answer(p->pull, policy, &out, &report)) {
        snprintf(why.text, sizeof(why.text), "%s%.100s", CANT_ENCODE, report.why);
        why.missing = report.missing;
        ok = false;
    }
    policy_wipe(policy);
    free(policy);
    if (ok)
        (void)session_progress(s, &p->repeat, datagram, buf_written(&out), now);
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
        (void)session_progress(s, &p->repeat, datagram, buf_written(&out), now);
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
        drop_message(s, kind, &report);
        return;
    }
    struct session_pull *p = &s->pulls[s->n_pulls++];
    p->pull = pull;
    p->message_id = pull_message_id(pull);
    repeat_init(&p->repeat, false, 0);
    answer_request(s, p, datagram, now);
}

/* ---- both ---- */

/* Bad policy: tell the server by a delete (RFC 6407 3.3), then end. */
static void fail_pull(struct session *s, const char *prefix, const char *why, struct now now)
{
    char reason[SESSION_REASON_MAX];
    snprintf(reason, sizeof(reason), "%s%s", prefix, why);
    session_say_goodbye(s);
    session_fail(s, reason, now);
}

static void fail_refused(struct session *s, const struct pull_report *report, struct now now)
{
    char missing[48] = "";
    if (report->missing) {
        s->fault.kind = POLICY_FAULT_UNSUPPORTED;
        snprintf(missing, sizeof(missing), "missing features 0x%" PRIx64 ": ", report->missing);
    }
    fail_pull(s, missing, report->why, now);
}

static void in_known_pull(struct session *s, struct session_pull *p, struct span datagram, struct now now)
{
    struct sessions *ss = s->set;
    struct pull_report report = {.why = ""};
    struct buf_writer out = buf_writer_of(ss->scratch, PULL_MAX_MESSAGE);

    if (session_was_repeated(s, &p->repeat, datagram, now))
        return;
    switch (pull_step(p->pull, datagram, now.scaled, &out, &report)) {
    case PULL_GOES_ON:
        (void)session_progress(s, &p->repeat, datagram, buf_written(&out), now);
        return;
    case PULL_AGAIN:
        begin_again(s, report.why, now);
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
        s->fault = (struct session_fault){.bad_policy = true, .kind = report.kind};
        fail_pull(s, "the policy that came can't be used: ", report.why, now);
        return;
    case PULL_DROP_MALFORMED:
        repeat_refused(&p->repeat, datagram);
        drop_message(s, DROP_MALFORMED, &report);
        return;
    case PULL_DROP_STATE:
        sessions_drop(ss, DROP_STATE, &s->path, report.why);
        return;
    case PULL_DROP_AUTH:
        repeat_refused(&p->repeat, datagram);
        snprintf(s->hint, sizeof(s->hint), "%.150s", report.why);
        drop_message(s, DROP_AUTH, &report);
        return;
    case PULL_ERROR:
        fail_pull(s, "memory, random numbers or the crypto library failed", "", now);
        return;
    }
}

void session_in_pull(struct session *s, uint32_t message_id, struct span datagram, struct now now)
{
    for (size_t i = 0; !s->left && i < s->n_pulls; i++) {
        if (s->pulls[i].message_id == message_id) {
            in_known_pull(s, &s->pulls[i], datagram, now);
            return;
        }
    }
    if (s->initiator || s->left)
        sessions_drop(s->set, DROP_STATE, &s->path, "");
    else
        new_pull(s, datagram, now);
}

/* Key server: the member says no to message 2, by deleting phase 1 (RFC 6407 3.3) or with an error. */
static void note_rejection(const struct session *s, const struct inform *in)
{
    char group[ADDR_TEXT_MAX], peer[ADDR_TEXT_MAX];
    bool says_no = in->deletes_sa;

    for (size_t i = 0; i < in->n_notifies; i++)
        says_no |= inform_is_error(in->notifies[i].type);
    for (size_t i = 0; says_no && i < s->n_pulls; i++) {
        if (!pull_awaits_accept(s->pulls[i].pull))
            continue;
        group_id_text(pull_group(s->pulls[i].pull), group);
        log_msg(KS_GM_REJECTS_SA_PAYLOAD, endpoint_text(&s->path.remote, peer), group);
    }
}

void session_in_inform(struct session *s, struct span datagram, struct now now)
{
    struct inform in;
    struct pull_report report = {.why = ""};

    if (session_was_repeated(s, &s->inform_repeat, datagram, now))
        return;
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
    if (s->left && !in.deletes_sa) {
        sessions_drop(s->set, DROP_STATE, &s->path, "");
        return;
    }
    if (!s->initiator && session_in_leave(s, &in, datagram, now))
        return;
    note_rejection(s, &in);
    if (s->leaving && in.deletes_sa)
        session_end_leave(s, NULL, now);
    else if (s->n_pulls && pull_inform(s->pulls[0].pull, &in, &report) == PULL_REFUSED)
        fail_refused(s, &report, now);
    else if (s->initiator && in.deletes_sa)
        session_fail(s, "the key server ended phase 1", now);
    else if (in.deletes_sa)
        session_free(s);
}
