/* SPDX-License-Identifier: BSD-3-Clause */
/* Rounds of a rekey, their acknowledgements, and who missed it: see rekey.h. */
#include "ctrl/ks/rekey.h"

#include "common/log.h"
#include "ctrl/ks/epoch.h"
#include "ctrl/ks/group.h"
#include "ctrl/push/ack.h"

#include <stddef.h>

const struct name ks_rekey_names[] = {
    {KS_REKEY_NONE, "none"},         {KS_REKEY_TEK, "new TEK"},       {KS_REKEY_KEK, "new KEK"},
    {KS_REKEY_POLICY, "new policy"}, {KS_REKEY_TIME, "pseudotime"},   {KS_REKEY_REMINDER, "reminder"},
    {KS_REKEY_OPERATOR, "operator"}, {KS_REKEY_EPOCH, "new key epoch"}, {0, NULL}};

const struct config_rekey *ks_rekey_settings(const struct ks_rekey *r)
{
    return r->farewell ? &r->farewell->settings : &r->group->config->ks.rekey;
}

size_t ks_rekey_targets(const struct ks_group *g)
{
    return g->members.n;
}

static bool is_multicast(const struct ks_kek *k)
{
    return k->kek.destination.addr.family != 0;
}

bool ks_wave_is_due(const struct ks_rekey *r, const struct ks_target *t)
{
    return t->pending && t->rekey == r->id && t->round < r->round;
}

/* Is it part of a rekey that begins now? */
static bool joins(const struct ks_rekey *r, const struct ks_target *t)
{
    return t->kek != 0 && (r->why != KS_REKEY_REMINDER || t->pending);
}

static void join(struct ks_rekey *r, struct ks_target *t)
{
    t->pending = true;
    t->rekey = r->id;
    t->round = 0;
    t->useless = 0;
}

/* All who hold a multicast KEK. A newest one that nobody can hold yet has no listeners. */
static size_t join_multicast(struct ks_rekey *r)
{
    size_t n = 0;

    for (size_t i = 0; i < r->keks->n; i++) {
        struct ks_kek *k = &r->keks->all[i];

        k->first = k->number + 1;
        k->in_use |= k->offered;
        k->live = k->in_use && !k->closed;
        k->all.pending = false;
        if (!is_multicast(k) || !k->live)
            continue;
        join(r, &k->all);
        n++;
    }
    return n;
}

/*
 * Was a unicast KEK announced since this multicast one? Who has it listens no more, and nobody can say so: to them the rekey goes
 * under that one, too.
 */
static bool was_left(const struct ks_rekey *r, const struct ks_kek *k)
{
    for (size_t i = 0; i < r->keks->n && r->keks->all[i].serial > k->serial; i++) {
        if (r->keks->all[i].live && !is_multicast(&r->keks->all[i]))
            return true;
    }
    return false;
}

static size_t join_members(struct ks_rekey *r)
{
    size_t n = 0;

    for (size_t i = 0; i < r->members->n; i++) {
        struct ks_member *m = &r->members->entries[i];
        const struct ks_kek *k = ks_kek_find(r->keks, m->target.kek);

        if (!ks_member_is_present(m) || !k || !joins(r, &m->target)) {
            m->target.pending = false;
            continue;
        }
        n++;
        if (!r->farewell) {
            m->keys_end = mono_max(m->keys_end, ks_tek_last_end(r->group));
            ks_spent_sent(r->group, m);
        }
        if (r->why != KS_REKEY_REMINDER)
            m->rekeys_sent++;
        if (is_multicast(k) && !was_left(r, k))
            m->target.pending = false; /* it listens, and nobody asks it */
        else
            join(r, &m->target);
    }
    return n;
}

/* The first round should be over so long before the end of a key that has a successor. */
static mono_t round_until(const struct ks_group *g)
{
    mono_t end = MONO_NEVER;

    for (size_t i = 0; i < g->n_teks; i++) {
        for (size_t k = i + 1; k < g->n_teks; k++) {
            if (g->teks[k].number == g->teks[i].number)
                end = mono_min(end, g->teks[i].end);
        }
    }
    return mono_is_never(end) ? end : mono_sub(end, mono_s(KS_TEK_END_S));
}

static void begin_round(struct ks_rekey *r, mono_t now)
{
    mono_t until = r->farewell || r->round > 0 ? MONO_NEVER : round_until(r->group);

    r->round++;
    r->in_round = true;
    r->pause = ks_schedule_pause(ks_rekey_settings(r), r->members->n, now, until);
    must_set_timer(r->group->env->timers, &r->timer, now);
}

void ks_rekey_start(struct ks_rekey *r, enum ks_rekey_why why, mono_t now)
{
    size_t listeners;

    r->replace &= ks_rekey_pending(r) > 0; /* who didn't hear of it hears it now */
    ks_rekey_stop(r);
    r->id = ++r->group->last_rekey;
    r->why = why;
    r->round = 0;
    r->began = now;
    listeners = join_multicast(r);
    r->sent_to = join_members(r);
    if (listeners + r->sent_to == 0)
        return;
    r->active = true;
    begin_round(r, now);
}

void ks_rekey_stop(struct ks_rekey *r)
{
    timer_cancel(r->group->env->timers, &r->timer);
    r->active = r->in_round = false;
}

/* What a target that isn't asked to acknowledge was sent, it is taken to have. */
static void settle(const struct ks_rekey *r, struct ks_target *t)
{
    if (t->offered)
        t->kek = t->offered;
    t->offered = 0;
    t->rules = r->group->rules_serial;
    t->pending = false;
}

/* RFC 8263 6: who never acknowledged anything may not be able to. */
static bool is_gone(const struct ks_member *m)
{
    return m->missed >= KS_MISSED_MAX && (m->features.ours || m->rekeys_acked > 0);
}

static void miss(const struct ks_rekey *r, struct ks_member *m)
{
    char peer[ADDR_TEXT_MAX];

    m->missed++;
    if (!is_gone(m))
        return;
    m->ejected = true;
    m->target.pending = false;
    log_msg(KS_NACK_GM_EJECT, r->group->config->name, endpoint_text(&m->peer, peer), m->missed);
}

/* Older KEKs of which nobody tells who holds them: the newest has been said often enough. */
static void settle_multicast(struct ks_rekey *r)
{
    const struct ks_kek *newest = ks_kek_newest(r->keks);

    for (size_t i = 0; i < r->keks->n; i++) {
        struct ks_kek *k = &r->keks->all[i];

        if (!is_multicast(k) || !k->all.pending)
            continue;
        k->closed = k != newest;
        k->all.rules = r->group->rules_serial;
        k->all.pending = false;
        for (size_t m = 0; !r->farewell && m < r->members->n; m++) {
            if (r->members->entries[m].target.kek == k->serial && !r->members->entries[m].target.pending)
                r->members->entries[m].target.kek = newest->serial;
        }
    }
}

/* The last round has had its time. */
static void finish(struct ks_rekey *r)
{
    ks_rekey_stop(r);
    settle_multicast(r);
    for (size_t i = 0; i < r->members->n; i++) {
        struct ks_member *m = &r->members->entries[i];
        const struct ks_kek *k = ks_kek_find(r->keks, m->target.kek);

        if (!m->target.pending || m->target.rekey != r->id || !k)
            continue;
        if (k->kek.ack == 0)
            settle(r, &m->target);
        else if (r->why != KS_REKEY_REMINDER)
            miss(r, m);
    }
    log_debug("ks", "group %s: rekey (%s) is over, %zu members didn't acknowledge it", r->group->config->name,
              name_of(ks_rekey_names, r->why), ks_rekey_pending(r));
    if (r->farewell)
        ks_farewell_end(r->farewell);
    else
        ks_group_set_timer(r->group);
}

/* Is there anybody to send to again? */
static bool has_more(const struct ks_rekey *r)
{
    if (r->round > ks_rekey_settings(r)->count)
        return false;
    for (size_t i = 0; i < r->keks->n; i++) {
        if (r->keks->all[i].all.pending)
            return true;
    }
    return ks_rekey_pending(r) > 0;
}

static void on_timer(struct timer *t, mono_t now)
{
    struct ks_rekey *r = (struct ks_rekey *)((char *)t - offsetof(struct ks_rekey, timer));
    uint32_t lifetime_s = 0;
    mono_t due;

    if (r->in_round) {
        r->in_round = ks_wave_send(r, now);
        must_set_timer(r->group->env->timers, &r->timer,
                       mono_add(now, r->in_round ? r->pause : mono_s(ks_rekey_settings(r)->interval_s)));
        return;
    }
    if (!has_more(r)) {
        finish(r);
        return;
    }
    due = ks_group_next_rekey(r->group, &lifetime_s);
    if (!r->farewell && ks_schedule_is_merged(now, due, lifetime_s)) {
        ks_rekey_stop(r); /* KS10: that one says it all; who hasn't acknowledged stays pending until then */
        return;
    }
    begin_round(r, now);
}

void ks_rekey_init(struct ks_rekey *r, struct ks_group *g, struct ks_farewell *farewell, struct ks_keks *keks,
                   struct ks_members *members)
{
    *r = (struct ks_rekey){.group = g, .farewell = farewell, .keks = keks, .members = members, .timer.fire = on_timer};
}

void ks_rekey_move(struct ks_rekey *to, struct ks_rekey *from)
{
    bool runs = from->active;
    mono_t at = from->timer.at;

    ks_rekey_stop(from);
    to->id = from->id;
    to->why = from->why;
    to->replace = from->replace;
    to->round = from->round;
    to->sent_to = from->sent_to;
    to->next = from->next;
    to->began = from->began;
    to->pause = from->pause;
    to->active = runs;
    if (!runs)
        return;
    to->in_round = false; /* what is left of the round comes with the next one */
    must_set_timer(to->group->env->timers, &to->timer, at);
}

size_t ks_rekey_pending(const struct ks_rekey *r)
{
    size_t n = 0;

    for (size_t i = 0; i < r->members->n; i++)
        n += r->members->entries[i].target.pending && r->members->entries[i].target.rekey == r->id;
    return n;
}

/* ---- acknowledgements (RFC 8263) ---- */

static bool counts(const struct ks_rekey *r, const struct ks_kek *k, const struct ks_target *t, uint32_t number)
{
    return t->pending && t->rekey == r->id && t->round > 0 && number >= k->first && number <= k->number;
}

static void silence(struct ks_rekey *r, struct ks_member *m)
{
    const struct ks_kek *newest = ks_kek_newest(r->keks);

    if (!r->farewell) {
        m->target.kek = newest->serial;
        m->target.offered = 0;
        m->target.rules = r->group->rules_serial;
    }
    m->target.pending = false;
    m->missed = 0;
    m->rekeys_acked++;
}

/*
 * One that is of no use: counted, told of with `why`, and after so many from member t (NULL = nobody's) told of no more. Always
 * true.
 */
static bool drop_ack(const struct ks_rekey *r, struct ks_target *t, const struct path *path, uint64_t *counter, const char *why)
{
    char peer[ADDR_TEXT_MAX];

    ++*counter;
    if (t && t->useless == KS_USELESS_ACKS)
        return true;
    endpoint_text(&path->remote, peer);
    if (why)
        log_msg(KS_UNSOL_ACK, r->group->config->name, peer, why);
    if (t && ++t->useless == KS_USELESS_ACKS)
        log_msg(KS_BLACKHOLE_ACK, r->group->config->name, t->useless, peer);
    return true;
}

bool ks_rekey_acknowledged(struct ks_rekey *r, const struct path *path, struct span datagram, mono_t now)
{
    struct ks_ack_stats *acks = &r->group->acks;
    struct ks_member *m;
    struct ks_kek *k = NULL;
    struct push_ack ack;

    for (size_t i = 0; i < r->keks->n && !k; i++)
        k = push_ack_is_for(&r->keks->all[i].kek, datagram) ? &r->keks->all[i] : NULL;
    if (!k)
        return false;
    m = ks_members_at(r->members, &path->remote); /* before any HMAC: strangers cost nothing */
    if (!m || !ks_member_is_present(m))
        return drop_ack(r, NULL, path, &acks->unsolicited, "no member there");
    if (!push_ack_read(&k->kek, datagram, &ack))
        return drop_ack(r, &m->target, path, &acks->forged, NULL);
    if (ack.number > k->number)
        return drop_ack(r, &m->target, path, &acks->unsolicited, "a number that was never sent");
    if (!counts(r, k, &m->target, ack.number)) /* copies, too: before any HMAC, as RFC 8263 5 wants it */
        return drop_ack(r, &m->target, path, &acks->late, NULL);
    if (!push_ack_get(&k->kek, datagram, &ack))
        return drop_ack(r, &m->target, path, &acks->forged, NULL);
    m->last_seen = now;
    acks->accepted++;
    silence(r, m);
    return true;
}
