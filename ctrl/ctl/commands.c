/* SPDX-License-Identifier: BSD-3-Clause */
/* The table of commands, and the small ones themselves. */
#include "ctrl/ctl/commands.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define ANY        CTL_MAX_WORDS
#define ERROR_MAX  512

struct command {
    const char *words[3];
    int (*run)(struct ctl_request *r); /* NULL: the contract has it, this version doesn't */
    size_t most;                       /* words that may follow */
};

/* What gvpnctl does without us, or with several questions. */
static int of_the_tool(struct ctl_request *r)
{
    return ctl_error(r, CTL_USAGE, "%s is gvpnctl's own", r->words[0]);
}

/* Longer ones first where one begins like another. */
static const struct command commands[] = {
    {{"status"}, ctl_status, 0},
    {{"show", "group"}, ctl_show_group, 1},
    {{"show", "gm", "replay"}, ctl_show_gm_replay, 1},
    {{"show", "gm"}, ctl_show_gm, 1},
    {{"show", "isakmp", "sa"}, ctl_show_isakmp_sa, 0},
    {{"show", "ipsec", "sa"}, ctl_show_ipsec_sa, 0},
    {{"show", "acl"}, ctl_show_acl, 1},
    {{"show", "ruleset"}, ctl_show_ruleset, 2},
    {{"show", "ks", "members"}, ctl_show_ks_members, 1},
    {{"show", "ks", "policy"}, ctl_show_ks_policy, 1},
    {{"show", "ks", "rekey"}, ctl_show_ks_rekey, 2},
    {{"show", "ks", "replay"}, ctl_show_ks_replay, 1},
    {{"show", "ks", "coop"}, NULL, ANY},
    {{"show", "feature"}, ctl_show_feature, 1},
    {{"show", "counters"}, ctl_show_counters, 2},
    {{"show", "ports"}, ctl_show_ports, 2},
    {{"show", "workers"}, ctl_show_workers, 2},
    {{"show", "fail-close"}, ctl_show_fail_close, 1},
    {{"show", "events"}, ctl_show_events, 1},
    {{"show", "version"}, ctl_show_version, 0},
    {{"show", "log-messages"}, ctl_show_log_messages, 0},
    {{"explain"}, ctl_explain, ANY},
    {{"trace"}, NULL, ANY},
    {{"rekey"}, ctl_rekey, 3},
    {{"clear", "group"}, ctl_clear_group, 1},
    {{"clear", "ks", "members"}, ctl_clear_ks_members, 3},
    {{"clear", "ks", "coop"}, NULL, ANY},
    {{"clear", "gm", "replay"}, ctl_clear_gm_replay, 0},
    {{"clear", "counters"}, ctl_clear_counters, 0},
    {{"gm", "direction"}, ctl_gm_direction, 2},
    {{"check"}, of_the_tool, ANY},
    {{"reload"}, ctl_reload_file, 0},
    {{"plan"}, NULL, ANY},
    {{"debug"}, NULL, ANY},
    {{"monitor"}, NULL, ANY},
    {{"top"}, NULL, ANY},
    {{"tech-support"}, of_the_tool, ANY},
};

#define N_COMMANDS (sizeof(commands) / sizeof(commands[0]))

int ctl_error(struct ctl_request *r, int code, const char *fmt, ...)
{
    char text[ERROR_MAX];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    json_object(r->out);
    json_kv_string(r->out, "error", text);
    json_end_object(r->out);
    return code;
}

/* How many words of the request are the command's own, from the first on. */
static size_t common_words(const struct ctl_request *r, const struct command *c)
{
    size_t n = 0;

    while (n < 3 && n < r->n_words && c->words[n] && strcmp(r->words[n], c->words[n]) == 0)
        n++;
    return n;
}

static size_t length(const struct command *c)
{
    size_t n = 0;

    while (n < 3 && c->words[n])
        n++;
    return n;
}

static void append(char text[ERROR_MAX], const char *more)
{
    size_t len = strlen(text);

    snprintf(text + len, ERROR_MAX - len, "%.40s", more);
}

/* The words are no command: says which can stand where they go wrong. */
static int say_possible(struct ctl_request *r)
{
    char begin[ERROR_MAX] = "", possible[ERROR_MAX] = "";
    const char *last = "";
    size_t right = 0;

    for (size_t i = 0; i < N_COMMANDS; i++) {
        size_t n = common_words(r, &commands[i]);

        right = n > right ? n : right;
    }
    for (size_t i = 0; i <= right && i < r->n_words; i++) {
        append(begin, r->words[i]);
        append(begin, i == right || i + 1 == r->n_words ? ": " : " ");
    }
    for (size_t i = 0; i < N_COMMANDS; i++) {
        const char *word = common_words(r, &commands[i]) == right ? commands[i].words[right] : NULL;

        if (!word || strcmp(word, last) == 0)
            continue;
        append(possible, *last ? ", " : "");
        append(possible, word);
        last = word;
    }
    return ctl_error(r, CTL_USAGE, "%s%sexpected one of: %s", begin, right < r->n_words ? "no such command; " : "", possible);
}

int ctl_run(struct ctl_request *r)
{
    for (size_t i = 0; i < N_COMMANDS; i++) {
        const struct command *c = &commands[i];
        char text[ERROR_MAX] = "";

        if (common_words(r, c) < length(c))
            continue;
        for (size_t k = 0; k < length(c); k++)
            snprintf(text + strlen(text), ERROR_MAX - strlen(text), "%s%s", k ? " " : "", c->words[k]);
        if (!c->run)
            return ctl_error(r, CTL_FAILURE, "%s: not supported by this version", text);
        if (r->n_words > length(c) + c->most)
            return ctl_error(r, CTL_USAGE, "%s: too many words", text);
        return c->run(r);
    }
    return say_possible(r);
}

bool ctl_plane_has_pair(struct ctl_request *r, struct plane *p, const char *pair)
{
    const struct ipc_hello *h = dpc_hello(plane_dpc(p));

    for (size_t i = 0; !h && i < roles_members(r->roles); i++) { /* detached: what the configuration says */
        const struct gm *gm = roles_member(r->roles, i);

        const struct config_member *c = &gm_config(gm)->gm;

        for (size_t k = 0; roles_plane(r->roles, gm) == p && k < c->n_bindings; k++)
            if (strcmp(c->bindings[k].pair, pair) == 0)
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
