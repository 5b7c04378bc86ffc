/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * reload and clear: what an operator changes in a running daemon. Every answer says what was done, and in `note` what can't
 * be done without rekey messages.
 */
#include "ctrl/ctl/commands.h"

#include <string.h>

int ctl_reload_file(struct ctl_request *r)
{
    struct ctl_reload result = {.error = "not possible here"};
    bool ok;

    if (r->n_words != 1)
        return ctl_error(r, CTL_USAGE, "reload takes no more words");
    ok = r->hooks->reload && r->hooks->reload(r->hooks->ctx, &result);
    json_object(r->out);
    json_kv_bool(r->out, "reloaded", ok);
    json_kv_string(r->out, "file", result.file);
    if (ok)
        json_kv_u64(r->out, "groups", result.config->n_groups);
    else
        json_kv_string(r->out, "error", result.error);
    json_key(r->out, "warnings");
    json_array(r->out);
    for (size_t i = 0; ok && i < result.config->n_lints; i++)
        json_string(r->out, result.config->lints[i]);
    json_end_array(r->out);
    json_end_object(r->out);
    return ok ? CTL_OK : CTL_FAILURE;
}

int ctl_clear_counters(struct ctl_request *r)
{
    size_t n;

    if (r->n_words != 2)
        return ctl_error(r, CTL_USAGE, "clear counters takes no more words");
    n = roles_clear_counters(r->roles);
    json_object(r->out);
    json_kv_bool(r->out, "ike", true);
    json_kv_u64(r->out, "data_planes", n);
    json_kv_u64(r->out, "data_planes_not_reached", roles_planes(r->roles) - n);
    json_kv_string(r->out, "note", "counters of SAs count on: they are part of the SA");
    json_end_object(r->out);
    return CTL_OK;
}

int ctl_clear_gm_replay(struct ctl_request *r)
{
    size_t n;

    if (r->n_words != 3)
        return ctl_error(r, CTL_USAGE, "clear gm replay takes no more words");
    n = roles_clear_replay(r->roles);
    json_object(r->out);
    json_kv_u64(r->out, "data_planes", n);
    json_kv_u64(r->out, "data_planes_not_reached", roles_planes(r->roles) - n);
    json_kv_string(r->out, "note",
                   "drops and senders of `show gm replay` are counted anew; windows, clocks and sequence numbers stay: a cleared "
                   "window would let in again what it let in before");
    json_end_object(r->out);
    return CTL_OK;
}

static void put_cleared(struct json *j, const struct config_group *g, const char *role, const char *note)
{
    json_kv_string(j, "group", g->name);
    json_kv_string(j, "role", role);
    json_kv_string(j, "note", note);
}

static int clear_server(struct ctl_request *r, struct ks_group *g)
{
    size_t forgotten = g->members.n;
    bool told = g->keks.n > 0;

    if (!ks_epoch_clear(g, roles_now(r->roles).scaled))
        return ctl_error(r, CTL_FAILURE, "group %s: random octets are short; nothing changed", g->config->name);
    log_msg(KS_CLEAR_REGISTER, g->config->name, forgotten);
    json_object(r->out);
    put_cleared(r->out, g->config, "key-server",
                told ? "new keys, sender ids from 0; members are told to register again, and use the old keys for 60 s more"
                     : "new keys, sender ids from 0; members use the old keys until they register again: clear the group on them, "
                       "too");
    json_kv_u64(r->out, "members_forgotten", forgotten);
    json_kv_u64(r->out, "members_told", told ? forgotten : 0);
    json_kv_u64(r->out, "new_teks", g->n_teks);
    json_end_object(r->out);
    return CTL_OK;
}

int ctl_clear_group(struct ctl_request *r)
{
    struct ks_group *g;

    if (r->n_words != 3)
        return ctl_error(r, CTL_USAGE, "clear group: expected the name of a group");
    g = ks_find(roles_ks(r->roles), r->words[2]);
    if (g)
        return clear_server(r, g);
    for (size_t i = 0; i < roles_members(r->roles); i++) {
        struct gm *gm = roles_member(r->roles, i);

        if (strcmp(gm_config(gm)->name, r->words[2]) != 0)
            continue;
        roles_clear_member(r->roles, gm);
        json_object(r->out);
        put_cleared(r->out, gm_config(gm), "member",
                    "policy and keys are out of use until the key server has answered; fail-close decides meanwhile");
        json_end_object(r->out);
        return CTL_OK;
    }
    return ctl_error(r, CTL_NOT_FOUND, "no group named %s", r->words[2]);
}

enum bar { BAR_NONE, BAR_SET, BAR_LIFTED };

static int put_forgotten(struct ctl_request *r, const struct ks_group *g, size_t n, enum bar bar)
{
    json_object(r->out);
    put_cleared(r->out, g->config, "key-server",
                bar == BAR_SET
                    ? "it can't register again; everybody has new keys, others register again, and the old keys end in 60 s"
                : bar == BAR_LIFTED ? "it was barred, and may register again"
                : g->keks.n > 0 ? "they get no more rekeys, keep their keys, and may register again"
                                : "only the entries are forgotten: without rekey messages those members keep their keys and may "
                                  "register again");
    json_kv_u64(r->out, "members_forgotten", n);
    json_kv_bool(r->out, "barred", bar == BAR_SET);
    json_end_object(r->out);
    return CTL_OK;
}

static int set_bar(struct ctl_request *r, struct ks_group *g, const struct addr *address)
{
    size_t before = g->members.n, n = ks_members_count(&g->members, address);
    char error[KS_EPOCH_ERROR_MAX];

    if (!ks_epoch_bar(g, address, roles_now(r->roles).scaled, error))
        return ctl_error(r, CTL_FAILURE, "group %s: %s", g->config->name, error);
    log_msg(KS_CLEAR_MEMBERS, g->config->name, before);
    log_msg(GM_DELETE, g->config->name, r->words[4]);
    return put_forgotten(r, g, n, BAR_SET);
}

int ctl_clear_ks_members(struct ctl_request *r)
{
    const char *name = r->n_words > 3 ? r->words[3] : "";
    struct ks_group *g = ks_find(roles_ks(r->roles), name);
    struct addr address;
    bool lifted;
    size_t n;

    if (r->n_words < 4 || (r->n_words > 4 && !addr_parse(r->words[4], &address)) ||
        (r->n_words > 5 && strcmp(r->words[5], "--bar") != 0))
        return ctl_error(r, CTL_USAGE, "clear ks members: expected GROUP [ADDRESS [--bar]]");
    if (!g)
        return ctl_error(r, CTL_NOT_FOUND, "no group named %s is served here", name);
    if (r->n_words > 5)
        return set_bar(r, g, &address);
    lifted = r->n_words == 5 && ks_epoch_unbar(g, &address);
    n = ks_members_forget(&g->members, r->n_words == 5 ? &address : NULL);
    ks_spent_forgot(g);
    if (r->n_words == 5 && n == 0 && !lifted)
        return ctl_error(r, CTL_NOT_FOUND, "group %s has no member at %s", name, r->words[4]);
    log_msg(KS_CLEAR_MEMBERS, name, n);
    if (r->n_words == 5)
        log_msg(GM_DELETE, name, r->words[4]);
    return put_forgotten(r, g, n, lifted ? BAR_LIFTED : BAR_NONE);
}
