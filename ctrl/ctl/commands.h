/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The commands that gvpnctl sends here. Each writes one JSON document and returns the exit code; a command that must wait
 * for the data plane takes the pending answer along. Names and keys are fixed by the operator contract (OP2).
 */
#ifndef GVPN_CTRL_CTL_COMMANDS_H
#define GVPN_CTRL_CTL_COMMANDS_H

#include "common/json.h"
#include "ctrl/ctl/ctl.h"

struct ctl_request {
    struct roles *roles;
    const struct ctl_hooks *hooks;
    const char *words[CTL_MAX_WORDS]; /* the command itself included */
    size_t n_words;
    struct json *out;
    /* A command that can't answer now returns CTL_LATER and later calls done(ctx, exit code) with out filled. */
    void (*done)(void *ctx, int exit_code);
    void *ctx;
    struct plane *waits_for; /* whose answer it waits for; cancelled when the connection goes */
};

#define CTL_LATER (-1)

#define CTL_MAX_PLANES 64

/* Runs the command in r->words. Words that are no command are an error that says what is possible there. */
int ctl_run(struct ctl_request *r);

/* Writes {"error": text} and returns code. */
int ctl_error(struct ctl_request *r, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Has this data plane a port pair of that name? */
bool ctl_plane_has_pair(struct ctl_request *r, struct plane *p, const char *pair);
/*
 * The data planes that a view is about: all, or the one with the port pair behind `--pair` (words from `first` on). Returns
 * how many, or -1 with *code set and an error written: wrong words, no such pair, one that isn't attached.
 */
int ctl_planes(struct ctl_request *r, size_t first, struct plane *planes[CTL_MAX_PLANES], int *code);

int ctl_status(struct ctl_request *r);
int ctl_show_group(struct ctl_request *r);
int ctl_show_gm(struct ctl_request *r);
int ctl_show_gm_replay(struct ctl_request *r);
int ctl_gm_direction(struct ctl_request *r);
int ctl_show_acl(struct ctl_request *r);
int ctl_show_ruleset(struct ctl_request *r);
int ctl_show_fail_close(struct ctl_request *r);
int ctl_show_ks_members(struct ctl_request *r);
int ctl_show_ks_policy(struct ctl_request *r);
int ctl_show_ks_rekey(struct ctl_request *r);
int ctl_show_ks_replay(struct ctl_request *r);
int ctl_show_feature(struct ctl_request *r);
int ctl_show_ipsec_sa(struct ctl_request *r);
int ctl_show_counters(struct ctl_request *r);
int ctl_show_version(struct ctl_request *r);
int ctl_show_ports(struct ctl_request *r);
int ctl_show_workers(struct ctl_request *r);
int ctl_show_isakmp_sa(struct ctl_request *r);
int ctl_show_events(struct ctl_request *r);
int ctl_show_log_messages(struct ctl_request *r);
int ctl_explain(struct ctl_request *r);
int ctl_reload_file(struct ctl_request *r);
int ctl_rekey(struct ctl_request *r);
int ctl_clear_counters(struct ctl_request *r);
int ctl_clear_gm_replay(struct ctl_request *r);
int ctl_clear_group(struct ctl_request *r);
int ctl_clear_ks_members(struct ctl_request *r);

#endif
