/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Leaving a group (GM12): under a phase 1 of its own a member says LEAVE, again and again until the key server answers by
 * deleting that phase 1; so a lost datagram costs half a second and not the server's knowledge. Both are informationals
 * with a HASH (RFC 2409 5.7). Whether the peer is a member at all is not known here.
 */
#include "ctrl/run/session_impl.h"

#include "ctrl/pull/inform.h"

#include <stdio.h>
#include <string.h>

void session_begin_leave(struct session *s, struct now now)
{
    struct sessions *ss = s->set;
    struct rng rng = sessions_rng(ss);
    struct buf_writer out = buf_writer_of(ss->scratch, PULL_MAX_MESSAGE);

    if (inform_put_leave(phase1_sa(s->phase1), &rng, &s->group, &out))
        (void)session_progress(s, &s->inform_repeat, span_of(NULL, 0), buf_written(&out), now);
    else
        session_end_leave(s, "memory or random is short", now);
}

void session_end_leave(struct session *s, const char *why, struct now now)
{
    struct sessions *ss = s->set;

    s->ending = true;
    if (ss->events.gm_left)
        ss->events.gm_left(ss->events.ctx, s, why, now);
    session_free(s);
}

bool session_in_leave(struct session *s, const struct inform *in, struct span datagram, struct now now)
{
    struct sessions *ss = s->set;
    struct rng rng = sessions_rng(ss);
    struct buf_writer out = buf_writer_of(ss->scratch, PULL_MAX_MESSAGE);
    struct registration reg = {.peer = s->path.remote, .local = s->path.local};
    bool said = false;

    snprintf(reg.identity, sizeof(reg.identity), "%s", phase1_identity(s->phase1));
    for (size_t i = 0; i < in->n_notifies; i++) {
        if (in->notifies[i].type != ISAKMP_N_LEAVE)
            continue;
        said = true;
        reg.group = in->notifies[i].group;
        if (ss->events.ks_left)
            ss->events.ks_left(ss->events.ctx, &reg, now);
    }
    if (!said)
        return false;
    s->left = true;
    if (!inform_put_delete(phase1_sa(s->phase1), &rng, &out))
        out.len = 0; /* then the member ends by its own time-out */
    (void)session_progress(s, &s->inform_repeat, datagram, buf_written(&out), now);
    return true;
}
