/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * show gm replay, show ks replay: how replayed packets are told, and the clocks for it (DP4, DP5, KS11, KS12). What the data
 * plane counts per SA stands beside; null where it doesn't.
 */
#include "ctrl/ctl/view.h"

static void put_method(struct json *j, enum replay_method method, uint16_t window, bool strict_sender, bool tag)
{
    json_kv_string(j, "method", name_of(replay_names, method));
    view_window(j, method, window);
    json_kv_bool(j, "strict_sender", strict_sender);
    json_kv_bool(j, "tag", tag);
}

static void put_gm_sa(struct json *j, const struct gm_sa *s, const struct ipc_page *page, mono_t now)
{
    json_object(j);
    view_spi(j, "spi", s->sa.spi);
    json_kv_u64(j, "sa", s->sa.number);
    put_method(j, s->sa.replay, s->sa.window, s->sa.strict_sender, s->sa.tag);
    if (s->sa.replay == REPLAY_TIME)
        json_kv_u64(j, "pseudotime_ms", gm_pseudotime_ms(s->time_zero, now));
    else
        json_kv_null(j, "pseudotime_ms");
    view_packets_in(j, page, s->sa.spi);
    view_replay_counts(j, page, s->sa.spi, s->sa.replay, s->sa.strict_sender);
    view_offset_bins(j, s->sa.replay == REPLAY_TIME ? s->sa.window * 1000u : 0);
    view_senders(j, s->sa.replay == REPLAY_TIME ? page : NULL, s->sa.spi);
    json_end_object(j);
}

static void put_gm(struct ctl_request *r, const struct gm *gm)
{
    struct json *j = r->out;
    mono_t now = roles_now(r->roles).scaled;
    const struct ipc_page *page = view_page(r->roles, gm);
    const struct gm_clock *clock = gm_clock(gm);
    size_t n;
    const struct gm_sa *sas = gm_sas(gm, &n);

    json_object(j);
    json_kv_string(j, "name", gm_config(gm)->name);
    json_kv_string(j, "state", name_of(gm_state_names, gm_state(gm, now)));
    view_gm_pseudotime(j, gm, now);
    if (clock->is_set) {
        json_kv_u64(j, "synchronised_s_ago", view_seconds_since(clock->set_at, now));
        json_kv_u64(j, "round_trip_ms", clock->round_trip_ms);
    } else {
        json_kv_null(j, "synchronised_s_ago");
        json_kv_null(j, "round_trip_ms");
    }
    json_key(j, "sas");
    json_array(j);
    for (size_t i = 0; i < n; i++)
        put_gm_sa(j, &sas[i], page, now);
    json_end_array(j);
    json_end_object(j);
}

int ctl_show_gm_replay(struct ctl_request *r)
{
    return view_groups(r, 3, put_gm, NULL);
}

static void put_ks(struct ctl_request *r, const struct ks_group *g)
{
    mono_t now = roles_now(r->roles).scaled;
    struct json *j = r->out;

    json_object(j);
    json_kv_string(j, "name", g->config->name);
    view_ks_pseudotime(j, g, now);
    if (g->pseudotime.runs)
        json_kv_u64(j, "started_s_ago", view_seconds_since(g->pseudotime.zero, now));
    else
        json_kv_null(j, "started_s_ago");
    json_kv_u64(j, "members", ks_members_present(&g->members));
    if (ks_group_limit(g))
        json_kv_u64(j, "members_most", ks_group_limit(g));
    else
        json_kv_null(j, "members_most");
    json_key(j, "sas");
    json_array(j);
    for (size_t i = 0; i < g->config->ks.n_sas; i++) {
        const struct config_sa *sa = &g->config->ks.sas[i];

        json_object(j);
        json_kv_u64(j, "number", sa->number);
        put_method(j, sa->replay, sa->window, sa->strict_sender, sa->tag);
        json_end_object(j);
    }
    json_end_array(j);
    json_end_object(j);
}

int ctl_show_ks_replay(struct ctl_request *r)
{
    return view_groups(r, 3, NULL, put_ks);
}
