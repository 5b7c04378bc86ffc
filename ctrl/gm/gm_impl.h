/* SPDX-License-Identifier: BSD-3-Clause */
/* The insides of a membership, shared by gm.c (when and with whom) and install.c (what and in which order) only. */
#ifndef GVPN_CTRL_GM_GM_IMPL_H
#define GVPN_CTRL_GM_GM_IMPL_H

#include "ctrl/gm/gm.h"

struct gm {
    const struct config_group *config;
    struct config_group *own_config; /* of a retired membership; NULL otherwise */
    char dp_name[CONFIG_NAME_MAX]; /* how the data plane knows the group, through renames */
    const struct env *env;
    struct gm_ops ops;

    bool attached;
    uint64_t instance;
    unsigned n_workers;

    /* registration */
    bool stopped; /* retired or left: registers no more */
    size_t server;
    struct addr home; /* who gave the policy */
    bool asking;
    bool due; /* it was time to register while that was impossible */
    size_t failed_in_a_row;
    struct timer next;  /* scaled: before the keys end */
    struct timer retry; /* real: after a failure */
    struct gm_stats stats;

    /* what was downloaded */
    bool has_policy;
    bool reverted; /* had a policy, whose SAs have all ended, and gave it up (GM7) */
    struct policy policy; /* its SAs' keys are wiped: they live in sas[] */
    struct gm_clock clock; /* of that policy */
    struct gm_sa sas[POLICY_MAX_SAS];
    size_t n_sas;
    struct timer change; /* scaled: an SA ends */
    uint64_t ids[POLICY_MAX_SENDER_IDS]; /* not yet given to a data-plane process */
    size_t n_ids;
    uint64_t ids_instance; /* process that `senders` was taken for; 0 = take new ones */
    size_t n_senders;
    struct ipc_sender senders[IPC_MAX_WORKERS];
};

/*
 * Takes a policy over. Fails with a reason in why[160], changing nothing, when its SAs and ours are more than fit.
 * An SPI that is known keeps its key and its end (installed is installed). Lifetimes are what is left now.
 */
MUST_CHECK bool gm_install_take(struct gm *gm, struct policy *policy, mono_t now, char why[160]);
/*
 * gm/clock.c: the key server's time for an SA that is installed already. Later ones are taken whatever they are, earlier
 * ones within min(window, 30 s), as the data plane then only slows down; what is earlier yet is said in the log, and the SA
 * keeps its time, because going back would let replays in. *told: it was said already.
 */
void gm_clock_correct(const struct gm *gm, struct gm_sa *s, mono_t now, bool *told);
/* Forgets policy and unused sender ids; the SAs stay known to the data plane, but out of use. */
void gm_install_park(struct gm *gm);
/*
 * With fail-close revert and when no SA is left: gives the policy up, so that fail-close is in effect (GM7). Registering goes
 * on as it was. False when there was nothing to do.
 */
bool gm_install_revert(struct gm *gm);
/* A data plane attached: it may be a new process, which needs sender ids of its own. */
void gm_install_attached(struct gm *gm);
/* False when a counter-mode SA has no sender ids for the present data plane and none are left. */
bool gm_install_can_send(struct gm *gm);
/*
 * Among the SA numbers of the latest policy, the end of its newest SA of the one that runs out first; MONO_NEVER without SAs.
 * What an earlier server gave is of no account: the group moves on with the keys of the present one.
 */
mono_t gm_install_first_end(const struct gm *gm);
/* SAs that haven't ended. */
size_t gm_install_usable(const struct gm *gm, mono_t now);
void gm_install_on_change(struct timer *t, mono_t now);

#endif
