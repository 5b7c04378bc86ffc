/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An acknowledgement waits for a random moment before it leaves (RFC 8263 3: 5 s at most), so that a group's don't come to
 * the key server in one burst. One waits at a time: a newer one sends it off.
 */
#include "ctrl/gm/gm_impl.h"

#include <string.h>

#define ACK_JITTER_S 1 /* scaled, as is the key server's wait for it */

struct path gm_ack_path(const struct gm *gm, const struct policy_kek *kek, const struct addr *own)
{
    struct path p = {.local = {.addr = *own, .port = GM_KEK_PORT}, .remote = kek->source};

    if (p.remote.addr.family == 0)
        p.remote.addr = gm->home;
    if (p.remote.port == 0)
        p.remote.port = GM_KEK_PORT;
    return p;
}

void gm_ack_flush(struct gm *gm)
{
    struct gm_ack *a = &gm->ack;

    timer_cancel(gm->env->timers, &a->timer);
    if (a->len == 0)
        return;
    gm->env->send(gm->env->ctx, &a->path, span_of(a->bytes, a->len));
    gm->stats.rekey.acknowledged++;
    a->len = 0;
}

void gm_ack_on_timer(struct timer *t, mono_t now)
{
    (void)now;
    gm_ack_flush((struct gm *)((char *)t - offsetof(struct gm, ack.timer)));
}

void gm_ack_later(struct gm *gm, const struct path *path, struct span bytes, mono_t now)
{
    struct gm_ack *a = &gm->ack;

    gm_ack_flush(gm);
    if (bytes.len == 0 || bytes.len > sizeof(a->bytes))
        return;
    a->path = *path;
    memcpy(a->bytes, bytes.p, bytes.len);
    a->len = bytes.len;
    must_set_timer(gm->env->timers, &a->timer, mono_add(now, gm_up_to(gm->env, mono_s(ACK_JITTER_S))));
}
