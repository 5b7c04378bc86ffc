/* SPDX-License-Identifier: BSD-3-Clause */
/* What a genuine rekey changes on a member: see rekey.h. */
#include "ctrl/gm/rekey.h"

#include "common/log.h"
#include "ctrl/gm/gm_impl.h"
#include "ctrl/policy/kek.h"
#include "ctrl/policy/keylog.h"

#include <stdio.h>
#include <string.h>

#define DRIFT_DIV        1000 /* two clocks that nobody corrects part by so much of the time at most; real ones by a tenth of that */
#define SPREAD_S         30 /* keys or list are missing: members register within this, or half of what their keys live, ... */
#define SPREAD_NO_KEYS_S 10 /* ... or this when there are none */

/* ---- the KEK ---- */

void gm_kek_changed(struct gm *gm)
{
    struct endpoint group;
    bool multicast = gm->kek.has && gm_kek_group(&gm->kek.kek, &group);

    must_set_timer(gm->env->timers, &gm->kek_end, gm_kek_next(&gm->kek));
    if (gm->ops.listen)
        gm->ops.listen(gm->ops.ctx, gm, multicast ? &group : NULL, multicast ? &gm->kek.kek.source.addr : NULL);
}

void gm_kek_on_end(struct timer *t, mono_t now)
{
    struct gm *gm = (struct gm *)((char *)t - offsetof(struct gm, kek_end));

    if (gm_kek_expire(&gm->kek, now))
        log_msg(GM_DELETE_EXPIRED_KEK, gm->config->name);
    gm_kek_changed(gm);
    gm->ops.changed(gm->ops.ctx, gm); /* rekeys come to fewer places */
}

void gm_kek_log(struct gm *gm, enum gm_kek_news news)
{
    struct endpoint group;
    bool multicast = gm_kek_group(&gm->kek.kek, &group);
    char spi[2 * POLICY_KEK_SPI_LEN + 1];

    if (news != GM_KEK_NEW)
        return;
    if (!gm->had_kek || multicast != gm->is_multicast) {
        if (multicast)
            log_msg(GM_REKEY_TRANS_2_MULTI, gm->config->name);
        else
            log_msg(GM_REKEY_TRANS_2_UNI, gm->config->name);
    }
    gm->had_kek = true;
    gm->is_multicast = multicast;
    log_msg(SA_KEK_UPDATED, gm->config->name, policy_kek_spi_text(&gm->kek.kek, spi),
            (unsigned)gm->kek.kek.lifetime_s);
}

void gm_log_keys(struct gm *gm, const struct policy *p)
{
    const struct env *env = gm->env;
    char line[KEYLOG_LINE_MAX];

    if (!env->keylog)
        return;
    if (p->has_kek && !gm_kek_knows(&gm->kek, p->kek.spi)) {
        keylog_kek_line(&p->kek, line);
        env->keylog(env->ctx, line);
    }
    for (size_t i = 0; i < p->n_sas; i++) {
        if (gm_install_find(gm, p->sas[i].spi))
            continue;
        keylog_esp_line(p->sas[i].spi, p->sas[i].suite, &p->sas[i].key, &p->sas[i].integrity, line);
        env->keylog(env->ctx, line);
    }
    wipe(line, sizeof(line));
}

void gm_direction_follow(struct gm *gm, bool receive_only, bool news, mono_t now)
{
    char server[ADDR_TEXT_MAX];

    switch (gm_direction_told(&gm->directions, receive_only, news, now)) {
    case GM_DIRECTION_SAME:
        break;
    case GM_DIRECTION_TO_RECEIVE_ONLY:
        log_msg(GM_SA_INGRESS, addr_text(&gm->home, server), gm->config->name);
        break;
    case GM_DIRECTION_CONVERTING:
        log_msg(GM_CONV_SA_PASSIVE, gm->config->name, (unsigned)GM_CONVERT_S);
        break;
    }
    gm_install_settle(gm); /* the timer of the passive phase */
}

/* ---- may it be used? Nothing changes here. ---- */

/* Every permit needs a key that is held or comes. */
static bool rules_have_keys(struct gm *gm, const struct policy *p, char why[160])
{
    for (size_t i = 0; p->has_rules && i < p->acl.n; i++) {
        const struct acl_entry *e = &p->acl.entries[i];
        bool found = !e->permit;

        for (size_t k = 0; k < p->n_sas && !found; k++)
            found = p->sas[k].number == e->sa;
        for (size_t k = 0; k < gm->n_sas && !found; k++)
            found = gm->sas[k].sa.number == e->sa && !gm->sas[k].parked;
        if (!found) {
            snprintf(why, 160, "rule %zu names sa %u, which has no key", i + 1, (unsigned)e->sa);
            return false;
        }
    }
    return true;
}

static bool can_be_used(struct gm *gm, const struct policy *p, char why[160])
{
    if (!gm_accepts(gm, p, why) || !rules_have_keys(gm, p, why))
        return false;
    for (size_t i = 0; i < p->n_sas; i++) {
        if (p->activate_in_s < p->sas[i].lifetime_s || gm_install_find(gm, p->sas[i].spi))
            continue;
        snprintf(why, 160, "SA 0x%08x would be activated after its end", (unsigned)p->sas[i].spi);
        return false;
    }
    if (gm_install_fits(gm, p))
        return true;
    snprintf(why, 160, "it would hold more than %d SAs", POLICY_MAX_SAS);
    return false;
}

/* Is all of it held already, or over? */
static bool is_installed(struct gm *gm, const struct push *p)
{
    for (size_t i = 0; i < p->policy.n_sas; i++) {
        if (!gm_install_find(gm, p->policy.sas[i].spi) && !gm_install_is_over(gm, p->policy.sas[i].spi))
            return false;
    }
    return !p->policy.has_kek || gm_kek_knows(&gm->kek, p->policy.kek.spi);
}

/* The smallest time window that the group's SAs have, those that come included; 0 without any. */
static unsigned time_window_s(const struct gm *gm, const struct policy *p)
{
    unsigned window = policy_time_window(p);

    for (size_t i = 0; i < gm->n_sas; i++) {
        const struct policy_sa *sa = &gm->sas[i].sa;

        if (sa->replay == REPLAY_TIME && gm->sas[i].in_policy && (window == 0 || sa->window < window))
            window = sa->window;
    }
    return window;
}

/*
 * How much earlier a rekey may be. Where no SA looks at the time nobody corrects the clocks between two rekeys, which may be weeks
 * apart, nor was a slow registration repeated.
 */
static uint64_t allowed_skew_ms(const struct gm *gm, const struct policy *p, mono_t now)
{
    const struct gm_clock *c = &gm->rekey_clock;
    unsigned window = time_window_s(gm, p);

    if (window > 0)
        return (window < GM_SKEW_MAX_S ? window : GM_SKEW_MAX_S) * 1000ull;
    return GM_SKEW_MAX_S * 1000ull + c->round_trip_ms / 2 + (uint64_t)(mono_to_ms(mono_sub(now, c->set_at)) / DRIFT_DIV);
}

/*
 * The four cases of the rekey pseudotime check: later or earlier, by little or by much. Only earlier by much is refused: it was held
 * back, and its keys would live longer here than with the key server.
 */
static bool time_is_right(const struct gm *gm, const struct policy *p, mono_t now, char why[160])
{
    uint64_t own = gm_pseudotime_ms(gm->rekey_clock.zero, now), peer = p->pseudotime_ms, skew_ms = allowed_skew_ms(gm, p, now);

    if (!p->has_pseudotime || !gm->rekey_clock.is_set)
        return true;
    if (peer >= own) {
        if (peer - own > skew_ms)
            log_msg(PSEUDO_TIME_LARGE, (unsigned long long)peer / 1000, (unsigned long long)own / 1000, gm->config->name);
        return true;
    }
    if (own - peer <= skew_ms)
        return true;
    log_msg(PSEUDO_TIME_TOO_OLD, "Rekey received", gm->config->name, (unsigned long long)own / 1000,
            (unsigned long long)peer / 1000, (unsigned)(skew_ms / 1000), "");
    snprintf(why, 160, "its pseudotime is %llu s before ours", (unsigned long long)(own - peer) / 1000);
    return false;
}

/* ---- doing it: nothing fails from here on ---- */

static void set_clock(struct gm *gm, const struct policy *p, mono_t now)
{
    mono_t before = gm->clock.zero;
    bool was_set = gm->clock.is_set;

    if (!p->has_pseudotime)
        return;
    gm->rekey_clock = (struct gm_clock){
        .is_set = true, .zero = mono_sub(now, mono_ms((int64_t)p->pseudotime_ms)), .set_at = now};
    if (time_window_s(gm, p) == 0)
        return;
    gm->clock = gm->rekey_clock;
    for (size_t i = 0; was_set && i < gm->n_sas; i++) {
        if (gm->sas[i].time_zero.ns == before.ns) /* others run by the clock of an earlier epoch */
            gm->sas[i].time_zero = gm->clock.zero;
    }
}

static bool is_brought(const struct policy *p, uint32_t spi)
{
    for (size_t i = 0; i < p->n_sas; i++) {
        if (p->sas[i].spi == spi)
            return true;
    }
    return false;
}

static bool is_deleted(const struct push *p, uint32_t spi)
{
    for (size_t i = 0; i < p->n_deleted; i++) {
        if (p->deleted[i] == spi)
            return true;
    }
    return p->delete_all_teks;
}

/* What it deletes or replaces goes after the delay; true when there was any that would have stayed. */
static bool end_sas(struct gm *gm, const struct push *p, mono_t now)
{
    mono_t at = mono_add(now, mono_s(p->has_policy ? p->policy.deactivate_in_s : 0));
    bool any = false;

    for (size_t i = 0; i < gm->n_sas; i++) {
        const struct gm_sa *s = &gm->sas[i];

        if (is_deleted(p, s->sa.spi) ||
            (p->has_policy && p->policy.replace && !s->parked && !is_brought(&p->policy, s->sa.spi)))
            any |= gm_install_end(gm, i, at, now);
    }
    gm_install_drop_ended(gm, now);
    return any;
}

/* Another list takes the place of the present one. */
static bool take_list(struct gm *gm, struct policy *p)
{
    if (!p->has_rules || memcmp(p->digest, gm->policy.digest, sizeof(p->digest)) == 0)
        return false;
    acl_free(&gm->policy.acl);
    gm->policy.acl = p->acl;
    p->acl = (struct acl){0};
    memcpy(gm->policy.digest, p->digest, sizeof(p->digest));
    gm->list_was_replaced = true;
    gm_log_merge(gm);
    return true;
}

/* Does it speak of a list that we don't have? Only our own key servers say the digest alone. */
static bool lacks_list(const struct gm *gm, const struct policy *p)
{
    static const uint8_t none[sizeof(p->digest)];

    return gm->server_features.ours && !p->has_rules && memcmp(p->digest, none, sizeof(none)) != 0 &&
           memcmp(p->digest, gm->policy.digest, sizeof(p->digest)) != 0;
}

/* Is there a permit whose number has no key any more? */
static bool lacks_key(const struct gm *gm, mono_t now)
{
    for (size_t i = 0; i < gm->policy.acl.n; i++) {
        const struct acl_entry *e = &gm->policy.acl.entries[i];
        bool held = !e->permit;

        for (size_t k = 0; k < gm->n_sas && !held; k++) {
            const struct gm_sa *s = &gm->sas[k];

            held = s->sa.number == e->sa && s->in_policy && !s->parked && !s->gone && !mono_reached(s->end, now);
        }
        if (!held)
            return true;
    }
    return false;
}

static mono_t spread(const struct gm *gm, mono_t now)
{
    mono_t left = mono_sub(gm_install_first_end(gm), now);

    if (gm_install_usable(gm, now) == 0)
        return mono_s(SPREAD_NO_KEYS_S);
    return mono_max(MONO_ZERO, mono_min(mono_s(SPREAD_S), mono_ns(left.ns / 2)));
}

/* What a rekey can't give is to be fetched; if it gave all that was missing, a registration that failed needn't be tried again. */
static void plan(struct gm *gm, const struct push *p, mono_t now)
{
    bool reset = (p->delete_kek && !gm->kek.has) || lacks_key(gm, now);

    gm_key_came(gm);
    if (reset && (p->delete_kek || p->delete_all_teks || p->n_deleted > 0))
        log_msg(GM_RECV_DELETE, gm->config->name, p->delete_kek ? "it has no KEK any more" : "keys are missing");
    if (reset || lacks_list(gm, &p->policy) || !gm_install_can_send(gm))
        gm_register_soon(gm, spread(gm, now), now);
    if (!gm->asking && mono_is_never(gm->soon)) {
        timer_cancel(gm->env->real_timers, &gm->retry);
        gm->failed_in_a_row = 0;
    }
    gm_plan_next(gm, now);
}

/* With SAs, or with our extensions, it says whether members send. */
static void follow_direction(struct gm *gm, const struct push *p, bool news, mono_t now)
{
    bool said = p->has_policy && (p->policy.n_sas > 0 || gm->server_features.ours);
    bool receive_only = said ? p->policy.receive_only : gm->directions.receive_only;

    gm->policy.receive_only = receive_only;
    gm_direction_follow(gm, receive_only, news, now);
}

static bool apply(struct gm *gm, struct push *p, mono_t now)
{
    bool news = end_sas(gm, p, now);
    enum gm_kek_news kek = GM_KEK_NONE;
    unsigned n_new;

    set_clock(gm, &p->policy, now);
    if (p->policy.has_kek)
        kek = gm_kek_rekeyed(&gm->kek, &p->policy.kek, gm->env, now);
    if (p->delete_kek && kek != GM_KEK_NEW)
        gm_kek_delete(&gm->kek, now);
    gm_kek_log(gm, kek);
    if (p->delete_kek || kek == GM_KEK_NEW)
        gm_kek_changed(gm);
    n_new = gm_install_rekeyed(gm, &p->policy, now);
    if (n_new > 0)
        log_msg(SA_TEK_UPDATED, gm->config->name, n_new);
    news |= take_list(gm, &p->policy);
    news |= n_new > 0 || kek == GM_KEK_NEW || p->delete_kek;
    gm_install_drop_ended(gm, now);
    follow_direction(gm, p, news, now);
    gm_install_settle(gm);
    if (news || lacks_list(gm, &p->policy))
        plan(gm, p, now);
    if (gm->n_sas == 0 && !gm_install_revert(gm))
        log_msg(GM_FAIL_CLOSE, gm->config->name);
    return news;
}

enum gm_rekey_result gm_rekey(struct gm *gm, struct push *p, bool under_earlier, struct now now, char why[160])
{
    bool news;

    if (!gm->has_policy) {
        snprintf(why, 160, "there is no policy that it could change");
        return GM_REKEY_REFUSED;
    }
    if (under_earlier) {
        if (is_installed(gm, p))
            return GM_REKEY_REPEATED;
        snprintf(why, 160, "it came under an earlier KEK and brings what isn't installed");
        return GM_REKEY_EARLIER_KEK;
    }
    if (p->has_policy && !can_be_used(gm, &p->policy, why))
        return GM_REKEY_REFUSED;
    if (p->has_policy && !time_is_right(gm, &p->policy, now.scaled, why)) {
        if (time_window_s(gm, &p->policy) == 0) /* whoever's clock is wrong: the key server tells what was missed, and the time */
            gm_register_soon(gm, mono_s(SPREAD_S), now.scaled);
        return GM_REKEY_TOO_OLD;
    }
    gm_log_keys(gm, &p->policy);
    news = apply(gm, p, now.scaled);
    gm->ops.changed(gm->ops.ctx, gm);
    return news ? GM_REKEY_APPLIED : GM_REKEY_REPEATED;
}
