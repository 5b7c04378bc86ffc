/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The SAs that a member holds: merged by SPI, planned for sending, removed when they end or are deleted; and which of them
 * count for the next registration (GM2, DP3; RFC 6054). What the data plane is told of them is gm/wish.c.
 */
#include "ctrl/gm/gm_impl.h"

#include "common/log.h"

#include <stdio.h>
#include <string.h>

#define SEND_OLD_LEAD_S 30 /* GM2: stop sending with the old one this long before its end */

struct gm_sa *gm_install_find(struct gm *gm, uint32_t spi)
{
    for (size_t i = 0; i < gm->n_sas; i++) {
        if (gm->sas[i].sa.spi == spi)
            return &gm->sas[i];
    }
    return NULL;
}

/* Does the policy have its number, or, under whatever number, itself? */
static bool is_wanted(const struct policy *p, const struct policy_sa *sa)
{
    for (size_t i = 0; i < p->n_sas; i++) {
        if (p->sas[i].number == sa->number || p->sas[i].spi == sa->spi)
            return true;
    }
    return false;
}

static bool spi_in_policy(const struct policy *p, uint32_t spi)
{
    for (size_t i = 0; i < p->n_sas; i++) {
        if (p->sas[i].spi == spi)
            return true;
    }
    return false;
}

bool gm_install_is_over(const struct gm *gm, uint32_t spi)
{
    for (size_t i = 0; i < gm->n_over && i < GM_MAX_OVER; i++) {
        if (gm->over[i] == spi)
            return true;
    }
    return gm->ops.gone && gm->ops.gone(gm->ops.ctx, gm, spi);
}

/*
 * Drops SAs that have ended and those whose number the policy no longer has (NULL: whatever their number). Parked ones stay
 * to their end: deleted, they could not come back with the next policy.
 */
static void drop_gone(struct gm *gm, const struct policy *p, mono_t now)
{
    size_t kept = 0;

    for (size_t i = 0; i < gm->n_sas; i++) {
        const struct gm_sa *s = &gm->sas[i];

        if (mono_reached(s->end, now))
            gm->over[gm->n_over++ % GM_MAX_OVER] = s->sa.spi;
        if (mono_reached(s->end, now) || (p && !s->parked && !is_wanted(p, &s->sa)))
            continue;
        if (kept != i)
            gm->sas[kept] = gm->sas[i];
        kept++;
    }
    wipe(&gm->sas[kept], (gm->n_sas - kept) * sizeof(gm->sas[0]));
    gm->n_sas = kept;
}

/*
 * An older SA of a number sends until 30 s before its end, or until the next one is activated if the key server said when, or
 * no longer if it was replaced; the last to its end.
 */
static void plan_sending(struct gm *gm)
{
    for (size_t i = 0; i < gm->n_sas; i++) {
        struct gm_sa *s = &gm->sas[i];

        s->send_until = s->end;
        for (size_t k = i + 1; k < gm->n_sas; k++) {
            const struct gm_sa *next = &gm->sas[k];

            if (next->sa.number != s->sa.number || next->parked || next->lost)
                continue;
            s->send_until = mono_min(s->replaced_at, mono_sub(s->end, mono_s(SEND_OLD_LEAD_S)));
            if (next->sa.activate_in_s > 0)
                s->send_until = mono_min(s->send_until, next->send_from);
            break;
        }
    }
}

static void set_change_timer(struct gm *gm)
{
    mono_t next = gm->directions.passive_until;

    for (size_t i = 0; i < gm->n_sas; i++)
        next = mono_min(next, gm->sas[i].end);
    must_set_timer(gm->env->timers, &gm->change, next);
}

void gm_install_on_change(struct timer *t, mono_t now)
{
    struct gm *gm = (struct gm *)((char *)t - offsetof(struct gm, change));

    drop_gone(gm, NULL, now);
    if (gm_direction_expire(&gm->directions, now))
        log_msg(GM_CONV_SA_DUPLEX, gm->config->name);
    set_change_timer(gm);
    if (gm->n_sas == 0 && gm->has_policy && !gm_install_revert(gm))
        log_msg(GM_FAIL_CLOSE, gm->config->name);
    gm->ops.changed(gm->ops.ctx, gm);
}

bool gm_install_revert(struct gm *gm)
{
    if (!gm->config->gm.revert || !gm->has_policy || gm->n_sas > 0)
        return false;
    gm_install_park(gm);
    gm->reverted = true;
    log_msg(GM_REVERT, gm->config->name);
    return true;
}

/* How many SAs of the policy we don't hold yet. */
static size_t count_new(struct gm *gm, const struct policy *p)
{
    size_t n = 0;

    for (size_t i = 0; i < p->n_sas; i++)
        n += gm_install_find(gm, p->sas[i].spi) == NULL;
    return n;
}

/*
 * Counter replay: had this member the key before, in a life of which nothing is left? Then numbers of it were used and accepted that
 * nobody knows. What a server that we have a policy of brings since, an earlier life can't have had.
 */
static bool is_lost(const struct gm *gm, const struct policy_sa *sa)
{
    bool since = gm->has_policy && addr_equal(gm_server(gm), &gm->home);

    return sa->replay == REPLAY_COUNTER && sa->given_before && !since &&
           !(gm->ops.knows_numbers && gm->ops.knows_numbers(gm->ops.ctx, gm, sa->spi));
}

/* It is remembered to its end, so that nothing brings it back, but not its key. */
static void lose(struct gm *gm, struct gm_sa *s)
{
    s->lost = s->gone = true;
    secret_wipe(&s->sa.key);
    secret_wipe(&s->sa.integrity);
    log_msg(GM_KEY_LOST, gm->config->name, (unsigned)s->sa.spi);
}

static void add_sa(struct gm *gm, const struct policy_sa *sa, uint8_t sid_bits, mono_t now, bool *told)
{
    struct gm_sa *s = gm_install_find(gm, sa->spi);
    mono_t end = mono_add(now, mono_s(sa->lifetime_s));

    if (s) { /* installed is installed: its end never moves later, its key never changes */
        s->end = mono_min(s->end, end);
        if (s->n_senders == 0)
            s->sid_bits = sid_bits;
        s->was_parked = s->was_parked || s->parked;
        s->parked = false;
        s->in_policy = true;
        gm_clock_correct(gm, s, now, told);
        return;
    }
    s = &gm->sas[gm->n_sas++];
    *s = (struct gm_sa){.sa = *sa,
                        .end = end,
                        .send_from = mono_add(now, mono_s(sa->activate_in_s)),
                        .sid_bits = sid_bits,
                        .replaced_at = MONO_NEVER,
                        .time_zero = gm->clock.zero,
                        .in_policy = true};
    if (is_lost(gm, sa))
        lose(gm, s);
}

/* What was parked and doesn't come back has nothing to wait for. */
static void drop_parked(struct gm *gm, const struct policy *p)
{
    size_t kept = 0;

    for (size_t i = 0; i < gm->n_sas; i++) {
        if (gm->sas[i].parked && !spi_in_policy(p, gm->sas[i].sa.spi))
            continue;
        if (kept != i)
            gm->sas[kept] = gm->sas[i];
        kept++;
    }
    wipe(&gm->sas[kept], (gm->n_sas - kept) * sizeof(gm->sas[0]));
    gm->n_sas = kept;
}

void gm_install_park(struct gm *gm)
{
    for (size_t i = 0; i < gm->n_sas; i++) {
        gm->sas[i].parked = true;
        gm->sas[i].in_policy = gm->sas[i].acknowledged = false;
        gm->sas[i].wished_in = 0;
    }
    policy_wipe(&gm->policy);
    policy_init(&gm->policy);
    gm->has_policy = gm->reverted = gm->is_enabled = false;
    gm->clock = gm->rekey_clock = (struct gm_clock){.is_set = false};
    memset(gm->ids, 0, sizeof(gm->ids));
    gm->n_ids = 0;
    gm->ids_instance = 0;
    gm->n_senders = 0;
    gm_kek_wipe(&gm->kek);
    gm_kek_changed(gm);
    gm_directions_init(&gm->directions);
}

/*
 * The group went on without us, by keys that were replaced or deleted, and the key server has ours no more: what we send with them
 * nobody reads. Another key server's say nothing of that.
 */
static void stop_unheard(struct gm *gm, mono_t now)
{
    bool unheard = gm->recover.is_alone && gm->has_policy && addr_equal(gm_server(gm), &gm->home);

    for (size_t i = 0; i < gm->n_sas && unheard; i++) {
        if (!gm->sas[i].in_policy)
            gm->sas[i].replaced_at = mono_min(gm->sas[i].replaced_at, now);
    }
    gm->recover.is_alone = false;
}

/* A key whose numbers were lost, and that the server has no more, nobody brings back. */
static void forget_lost(struct gm *gm)
{
    for (size_t i = gm->n_sas; i-- > 0;) {
        if (gm->sas[i].lost && !gm->sas[i].in_policy)
            gm_install_drop(gm, i);
    }
}

/* SAs whose ids run out go on with those that came now: with their next wish the data plane gets them. */
static void renew_senders(struct gm *gm)
{
    for (size_t i = 0; i < gm->n_sas; i++) {
        struct gm_sa *s = &gm->sas[i];

        if (!s->low || !s->in_policy || s->sa.replay == REPLAY_COUNTER || gm->n_ids < gm->n_workers)
            continue;
        s->n_senders = 0;
        s->low = false;
    }
}

bool gm_install_take(struct gm *gm, struct policy *policy, mono_t now, char why[160])
{
    bool told = false;

    drop_gone(gm, NULL, now);
    drop_parked(gm, policy);
    if (gm->n_sas + count_new(gm, policy) > POLICY_MAX_SAS) {
        snprintf(why, 160, "it would hold more than %d SAs", POLICY_MAX_SAS);
        return false;
    }
    drop_gone(gm, policy, now);
    for (size_t i = 0; i < gm->n_sas; i++)
        gm->sas[i].in_policy = false;
    gm->clock = (struct gm_clock){.is_set = policy_time_window(policy) > 0,
                                  .zero = mono_sub(now, mono_ms((int64_t)policy->pseudotime_ms)),
                                  .set_at = now,
                                  .round_trip_ms = policy->round_trip_ms};
    gm->rekey_clock = gm->clock;
    gm->rekey_clock.is_set = policy->has_pseudotime;
    for (size_t i = 0; i < policy->n_sas; i++) {
        add_sa(gm, &policy->sas[i], policy->sid_bits, now, &told);
        secret_wipe(&policy->sas[i].key);
        secret_wipe(&policy->sas[i].integrity);
    }
    forget_lost(gm);
    stop_unheard(gm, now);
    gm_install_settle(gm);

    memcpy(gm->ids, policy->sender_ids, sizeof(gm->ids));
    gm->n_ids = policy->n_sender_ids;
    gm->ids_instance = 0;
    renew_senders(gm);
    policy_wipe(&gm->policy);
    gm->policy = *policy;
    gm->list_was_replaced = false;
    policy_init(policy);
    return true;
}

void gm_install_settle(struct gm *gm)
{
    plan_sending(gm);
    set_change_timer(gm);
}

/* ---- rekeys ---- */

/* Who goes first when there is no room: what was parked, then the oldest that the rekey doesn't bring. */
static size_t least_wanted(const struct gm *gm, const struct policy *p)
{
    size_t found = gm->n_sas;

    for (size_t i = gm->n_sas; i-- > 0;) {
        if (!spi_in_policy(p, gm->sas[i].sa.spi) && (gm->sas[i].parked || found == gm->n_sas || !gm->sas[found].parked))
            found = i;
    }
    return found;
}

bool gm_install_fits(struct gm *gm, const struct policy *p)
{
    size_t n = count_new(gm, p);

    for (size_t i = 0; i < gm->n_sas; i++)
        n += spi_in_policy(p, gm->sas[i].sa.spi);
    return n <= POLICY_MAX_SAS;
}

/* Is there an SA in use that one of this number takes over from? */
static bool holds_number(const struct gm *gm, uint16_t number)
{
    for (size_t i = 0; i < gm->n_sas; i++) {
        if (gm->sas[i].sa.number == number && !gm->sas[i].parked && !gm->sas[i].lost)
            return true;
    }
    return false;
}

unsigned gm_install_rekeyed(struct gm *gm, struct policy *p, mono_t now)
{
    bool told = true; /* the rekey's own time was checked, and talked about, already */
    unsigned n_new = 0;

    for (size_t i = 0; i < p->n_sas; i++) {
        struct policy_sa *sa = &p->sas[i];
        struct gm_sa *known = gm_install_find(gm, sa->spi);

        if (!known && gm_install_is_over(gm, sa->spi))
            continue;
        if (!known && gm->n_sas == POLICY_MAX_SAS)
            gm_install_drop(gm, least_wanted(gm, p));
        n_new += known == NULL;
        if (!known && sa->activate_in_s == 0 && holds_number(gm, sa->number))
            sa->activate_in_s = p->activate_in_s;
        add_sa(gm, sa, gm->policy.sid_bits, now, &told);
        known = gm_install_find(gm, sa->spi);
        if (sa->deactivate_in_s > 0)
            known->end = mono_min(known->end, mono_add(now, mono_s(sa->deactivate_in_s)));
    }
    return n_new;
}

void gm_install_drop(struct gm *gm, size_t i)
{
    gm->over[gm->n_over++ % GM_MAX_OVER] = gm->sas[i].sa.spi;
    gm->n_sas--;
    memmove(&gm->sas[i], &gm->sas[i + 1], (gm->n_sas - i) * sizeof(gm->sas[0]));
    wipe(&gm->sas[gm->n_sas], sizeof(gm->sas[0]));
}

bool gm_install_end(struct gm *gm, size_t i, mono_t at, mono_t now)
{
    bool sooner = mono_before(at, gm->sas[i].end);

    gm->sas[i].end = mono_min(gm->sas[i].end, at);
    gm->sas[i].replaced_at = mono_min(gm->sas[i].replaced_at, now);
    return sooner;
}

void gm_install_drop_ended(struct gm *gm, mono_t now)
{
    drop_gone(gm, NULL, now);
}

/* ---- sender ids, and what counts for the next registration ---- */

bool gm_install_take_senders(struct gm *gm)
{
    if (gm->ids_instance == gm->instance)
        return gm->n_senders == gm->n_workers;
    gm->ids_instance = gm->instance;
    gm->n_senders = 0;
    if (gm->n_ids < gm->n_workers || gm->n_workers == 0)
        return false;
    for (unsigned w = 0; w < gm->n_workers; w++)
        gm->senders[w] = (struct ipc_sender){.id = gm->ids[w], .iv_first = 0};
    gm->n_ids -= gm->n_workers;
    memmove(gm->ids, gm->ids + gm->n_workers, gm->n_ids * sizeof(gm->ids[0]));
    gm->n_senders = gm->n_workers;
    return true;
}

void gm_install_attached(struct gm *gm)
{
    for (size_t i = 0; i < gm->n_sas; i++) {
        gm->sas[i].acknowledged = false;
        gm->sas[i].gone = gm->sas[i].lost;
        gm->sas[i].wished_in = 0;
    }
}

bool gm_install_can_send(struct gm *gm)
{
    bool needless = gm->n_sas > 0;

    for (size_t i = 0; i < gm->n_sas; i++)
        needless = needless && !gm->sas[i].sa.suite->counter_mode;
    return gm_install_take_senders(gm) || needless;
}

/* After a new list without a new registration: keys of numbers that nothing leads to any more. */
static bool is_named(const struct gm *gm, uint16_t number)
{
    for (size_t i = 0; i < gm->policy.acl.n; i++) {
        if (gm->policy.acl.entries[i].permit && gm->policy.acl.entries[i].sa == number)
            return true;
    }
    return !gm->list_was_replaced;
}

mono_t gm_install_first_end(const struct gm *gm)
{
    mono_t first = MONO_NEVER;

    for (size_t i = 0; i < gm->n_sas; i++) {
        mono_t newest = gm->sas[i].end;

        if (!gm->sas[i].in_policy || !is_named(gm, gm->sas[i].sa.number))
            continue;
        for (size_t k = 0; k < gm->n_sas; k++) {
            if (gm->sas[k].in_policy && gm->sas[k].sa.number == gm->sas[i].sa.number)
                newest = mono_max(newest, gm->sas[k].end);
        }
        first = mono_min(first, newest);
    }
    return first;
}

/* Counter replay: can it be gone on with? */
static bool is_spent(const struct gm *gm, const struct gm_sa *s)
{
    return s->low || s->gone || (gm->ops.gone && gm->ops.gone(gm->ops.ctx, gm, s->sa.spi));
}

bool gm_install_has_lost(const struct gm *gm)
{
    for (size_t i = 0; i < gm->n_sas; i++) {
        if (gm->sas[i].lost)
            return true;
    }
    return false;
}

bool gm_needs_key(const struct gm *gm)
{
    for (size_t i = 0; i < gm->n_sas; i++) {
        const struct gm_sa *s = &gm->sas[i];
        bool has_newer = false;

        if (!s->in_policy || s->sa.replay != REPLAY_COUNTER || !is_spent(gm, s))
            continue;
        for (size_t k = i + 1; k < gm->n_sas; k++) {
            const struct gm_sa *next = &gm->sas[k];

            has_newer |= next->sa.number == s->sa.number && next->in_policy && !is_spent(gm, next);
        }
        if (!has_newer)
            return true;
    }
    return false;
}

size_t gm_install_usable(const struct gm *gm, mono_t now)
{
    size_t n = 0;

    for (size_t i = 0; i < gm->n_sas; i++)
        n += !mono_reached(gm->sas[i].end, now) && !gm->sas[i].parked && !gm->sas[i].gone;
    return n;
}

