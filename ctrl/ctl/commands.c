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
    {{"explain"}, ctl_explain},
    {{"show", "gm"}, NULL},
    {{"show", "isakmp"}, NULL},
    {{"show", "acl"}, NULL},
    {{"show", "ruleset"}, NULL},
    {{"show", "ks"}, NULL},
    {{"show", "feature"}, NULL},
    {{"show", "ports"}, NULL},
    {{"show", "workers"}, NULL},
    {{"show", "fail-close"}, NULL},
    {{"show", "events"}, NULL},
    {{"show", "log-messages"}, NULL},
    {{"trace"}, NULL},
    {{"rekey"}, NULL},
    {{"clear"}, NULL},
    {{"gm"}, NULL},
    {{"plan"}, NULL},
    {{"reload"}, NULL},
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
