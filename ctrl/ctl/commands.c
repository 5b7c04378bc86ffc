/* SPDX-License-Identifier: BSD-3-Clause */
/* The table of commands, and the small ones themselves. */
#include "ctrl/ctl/commands.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct command {
    const char *words[3];
    int (*run)(struct ctl_request *r); /* NULL: the contract has it, this version doesn't */
};

/* Longer ones first where one begins like another. */
static const struct command commands[] = {
    {{"status"}, ctl_status},
    {{"show", "group"}, ctl_show_group},
    {{"show", "ks", "members"}, ctl_show_ks_members},
    {{"show", "ipsec", "sa"}, ctl_show_ipsec_sa},
    {{"show", "counters"}, ctl_show_counters},
    {{"show", "version"}, ctl_show_version},
    {{"show", "ports"}, ctl_show_ports},
    {{"show", "workers"}, ctl_show_workers},
    {{"show", "isakmp", "sa"}, ctl_show_isakmp_sa},
    {{"show", "events"}, ctl_show_events},
    {{"show", "log-messages"}, ctl_show_log_messages},
    {{"explain"}, ctl_explain},
    {{"reload"}, ctl_reload_file},
    {{"clear", "counters"}, ctl_clear_counters},
    {{"clear", "group"}, ctl_clear_group},
    {{"clear", "ks", "members"}, ctl_clear_ks_members},
    {{"show", "gm"}, NULL},
    {{"show", "acl"}, NULL},
    {{"show", "ruleset"}, NULL},
    {{"show", "ks"}, NULL},
    {{"show", "feature"}, NULL},
    {{"show", "fail-close"}, NULL},
    {{"trace"}, NULL},
    {{"rekey"}, NULL},
    {{"clear"}, NULL},
    {{"gm"}, NULL},
    {{"plan"}, NULL},
    {{"debug"}, NULL},
    {{"monitor"}, NULL},
    {{"top"}, NULL},
    {{"tech-support"}, NULL},
};

int ctl_error(struct ctl_request *r, int code, const char *fmt, ...)
{
    char text[256];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    json_object(r->out);
    json_kv_string(r->out, "error", text);
    json_end_object(r->out);
    return code;
}

static bool begins_with(const struct ctl_request *r, const struct command *c)
{
    for (size_t i = 0; i < 3 && c->words[i]; i++) {
        if (i >= r->n_words || strcmp(r->words[i], c->words[i]) != 0)
            return false;
    }
    return true;
}

int ctl_run(struct ctl_request *r)
{
    char text[128] = "";

    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (!begins_with(r, &commands[i]))
            continue;
        if (commands[i].run)
            return commands[i].run(r);
        for (size_t k = 0; k < r->n_words && k < 3; k++)
            snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s", k ? " " : "", r->words[k]);
        return ctl_error(r, CTL_FAILURE, "%s: not supported by this version", text);
    }
    return ctl_error(r, CTL_USAGE, "no such command: %s", r->n_words ? r->words[0] : "(none)");
}

bool ctl_plane_has_pair(struct ctl_request *r, struct plane *p, const char *pair)
{
    const struct ipc_hello *h = dpc_hello(plane_dpc(p));

    for (size_t i = 0; !h && i < roles_members(r->roles); i++) { /* detached: what the configuration says */
        const struct gm *gm = roles_member(r->roles, i);

        if (roles_plane(r->roles, gm) == p && strcmp(gm_config(gm)->gm.pair, pair) == 0)
            return true;
    }
    for (unsigned i = 0; h && i < h->n_pairs && i < IPC_MAX_PAIRS; i++) {
        if (strcmp(h->pairs[i], pair) == 0)
            return true;
    }
    return false;
}

int ctl_planes(struct ctl_request *r, size_t first, struct plane *planes[CTL_MAX_PLANES], int *code)
{
    const char *pair = NULL;
    int n = 0;

    if (r->n_words == first + 2 && strcmp(r->words[first], "--pair") == 0)
        pair = r->words[first + 1];
    else if (r->n_words != first) {
        *code = ctl_error(r, CTL_USAGE, "expected nothing more, or --pair NAME");
        return -1;
    }
    for (size_t i = 0; i < roles_planes(r->roles) && n < CTL_MAX_PLANES; i++) {
        struct plane *p = roles_plane_at(r->roles, i);

        if (pair && !ctl_plane_has_pair(r, p, pair))
            continue;
        if (!dpc_attached(plane_dpc(p))) {
            *code = ctl_error(r, CTL_UNREACHABLE, "the data plane at %s is not attached", plane_socket(p));
            return -1;
        }
        planes[n++] = p;
    }
    if (pair && n == 0) {
        *code = ctl_error(r, CTL_NOT_FOUND, "no data plane here has the port pair %s", pair);
        return -1;
    }
    return n;
}

int ctl_show_version(struct ctl_request *r)
{
    json_object(r->out);
    json_kv_string(r->out, "version", GVPN_VERSION);
    json_key(r->out, "data_planes");
    json_array(r->out);
    for (size_t i = 0; i < roles_planes(r->roles); i++) {
        struct plane *p = roles_plane_at(r->roles, i);
        const struct ipc_hello *hello = dpc_hello(plane_dpc(p));

        json_object(r->out);
        json_kv_string(r->out, "socket", plane_socket(p));
        json_kv_string(r->out, "version", hello ? hello->program_version : NULL);
        json_end_object(r->out);
    }
    json_end_array(r->out);
    json_end_object(r->out);
    return CTL_OK;
}
