/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The insides of a membership, for this folder only: gm.c (when and with whom), install.c (what it holds), wish.c (what the
 * data plane is told), rekey.c, receive.c and ack.c (rekeys), accept.c, clock.c.
 */
#ifndef GVPN_CTRL_GM_GM_IMPL_H
#define GVPN_CTRL_GM_GM_IMPL_H

#include "ctrl/gm/gm.h"
#include "ctrl/gm/limit.h"
#include "ctrl/push/ack.h"

#define GM_SKEW_MAX_S 30 /* allowable difference of pseudotimes; or the window, whichever is less (KS11) */
#define GM_MAX_OVER 128 /* SPIs that have ended or were deleted, and that no rekey brings back */

/* An acknowledgement that waits for its moment (RFC 8263 3). */
struct gm_ack {
    struct timer timer; /* scaled */
    struct path path;
    uint8_t bytes[PUSH_ACK_MAX_LEN];
    size_t len; /* 0 = none waits */
};

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
    struct addr own;  /* the address that it registers from */
    bool is_enabled;  /* it was said that the downloaded list is in use */
    bool asking;
    bool overtaken; /* the last answer was older than a rekey, and it asks once more */
    bool due; /* it was time to register while that was impossible */
    size_t failed_in_a_row;
    struct timer next;  /* scaled: before the keys end */
    struct timer retry; /* real: after a failure */
    unsigned n_waits; /* registrations in a row after which a key was still needed (gm_needs_key) */
    mono_t soon; /* rekeys aren't enough: register by then; MONO_NEVER = they are */
    struct peer_features server_features;
    struct gm_stats stats;

    /* what was downloaded */
    bool has_policy;
    bool reverted; /* had a policy, whose SAs have all ended, and gave it up (GM7) */
    struct policy policy; /* its SAs' keys are wiped: they live in sas[] */
    struct gm_clock clock; /* of that policy */
    struct gm_clock rekey_clock; /* the same, which tells the age of rekeys, also where no SA looks at the time */
    bool list_was_replaced; /* by a rekey: SAs of numbers that it doesn't name stay, but aren't renewed */
    struct gm_sa sas[POLICY_MAX_SAS];
    size_t n_sas;
    uint32_t over[GM_MAX_OVER]; /* ring */
    size_t n_over;
    struct timer change; /* scaled: an SA or a passive phase ends */
    uint64_t ids[POLICY_MAX_SENDER_IDS]; /* not yet given to a data-plane process */
    size_t n_ids;
    uint64_t ids_instance; /* process that `senders` was taken for; 0 = take new ones */
    size_t n_senders;
    struct ipc_sender senders[IPC_MAX_WORKERS];

    /* rekeys */
    struct gm_kek kek;
    struct timer kek_end; /* scaled */
    bool is_multicast;    /* transport of the last KEK */
    bool had_kek;
    struct gm_ack ack;
    struct gm_limit limit;
    struct gm_directions directions;
    struct gm_recover recover;
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
/* The SA with this SPI, or NULL. */
struct gm_sa *gm_install_find(struct gm *gm, uint32_t spi);
/* Has it ended, or was it deleted? No rekey brings it back. */
bool gm_install_is_over(const struct gm *gm, uint32_t spi);
/* Could a rekey's SAs be held, if older ones make room? */
bool gm_install_fits(struct gm *gm, const struct policy *p);
/* Installs what a rekey brings and merges what is known; returns how many were new. Checked before by gm_install_fits(). */
unsigned gm_install_rekeyed(struct gm *gm, struct policy *p, mono_t now);
/* Forgets sas[i], for good. */
void gm_install_drop(struct gm *gm, size_t i);
/* sas[i] ends at that instant at the latest, and sends no more once a newer one is ready; false: it would have anyway. */
bool gm_install_end(struct gm *gm, size_t i, mono_t at, mono_t now);
/* Drops what has ended. */
void gm_install_drop_ended(struct gm *gm, mono_t now);
/* After a change of sas[]: plans sending and sets the timer for what ends next. */
void gm_install_settle(struct gm *gm);
/* Takes one unused id per worker for the present process; false when too few are left. */
bool gm_install_take_senders(struct gm *gm);
/* False when a counter-mode SA has no sender ids for the present data plane and none are left. */
bool gm_install_can_send(struct gm *gm);
/*
 * Among the SA numbers of the latest policy, the end of its newest SA of the one that runs out first; MONO_NEVER without SAs.
 * What an earlier server gave is of no account: the group moves on with the keys of the present one.
 */
mono_t gm_install_first_end(const struct gm *gm);
/* Is there a key of which nobody knows the numbers? It is remembered to its end, which comes soon once it was replaced. */
bool gm_install_has_lost(const struct gm *gm);
/* SAs that haven't ended. */
size_t gm_install_usable(const struct gm *gm, mono_t now);
void gm_install_on_change(struct timer *t, mono_t now);

/* gm.c: plans the next registration: before keys or KEK end, or by gm->soon. */
void gm_plan_next(struct gm *gm, mono_t now);
/* Rekeys aren't enough any more: registers within `spread` from now on, at random. */
void gm_register_soon(struct gm *gm, mono_t spread, mono_t now);
/* A rekey may have brought the key that was needed: then there is no reason to register soon. */
void gm_key_came(struct gm *gm);

/* rekey.c: the KEK isn't the one that it was: sets its timer, says so, and joins or leaves a multicast group. */
void gm_kek_changed(struct gm *gm);
void gm_kek_on_end(struct timer *t, mono_t now);
/* What a KEK that has come means for the log. */
void gm_kek_log(struct gm *gm, enum gm_kek_news news);
/* Why the configuration's `accept` refuses this, in why[160]; true when it doesn't (GM9). */
MUST_CHECK bool gm_accepts(const struct gm *gm, const struct policy *p, char why[160]);
/* Says that the member's own list stands before the key server's, if it has one (GM5). */
void gm_log_merge(const struct gm *gm);
/* The lab's key log: what this policy brings and isn't held yet. */
void gm_log_keys(struct gm *gm, const struct policy *p);
/* What a policy said about the direction. news: see direction.h. */
void gm_direction_follow(struct gm *gm, bool receive_only, bool news, mono_t now);

/*
 * ack.c: the way of acknowledgements of what came under this KEK (RFC 8263 3): back to the key server, as the registration and the
 * SAK, which are authentic, say it is. The source of the rekey's datagram isn't: a copy from elsewhere must not divert them.
 */
struct path gm_ack_path(const struct gm *gm, const struct policy_kek *kek, const struct addr *own);
/* Sends what waits, at once. */
void gm_ack_flush(struct gm *gm);
/* Sends it after a random time of at most 1 s, and what waited at once; none for empty bytes. */
void gm_ack_later(struct gm *gm, const struct path *path, struct span bytes, mono_t now);
void gm_ack_on_timer(struct timer *t, mono_t now);

#endif
