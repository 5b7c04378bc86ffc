/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a changed configuration means for the members of a group (KS9): the two tables of the original guide ("Rekey Behavior
 * After Security Policy Changes", "Commands That Trigger a Rekey") as one table, a reload being the end of configuration mode. It
 * compares and says; keys are made in ctrl/ks/tek.h and ctrl/ks/kek.h by what they were made for.
 */
#ifndef GVPN_CTRL_KS_CHANGES_H
#define GVPN_CTRL_KS_CHANGES_H

#include "ctrl/config/config.h"

enum ks_row {
    /* of an `sa` entry */
    KS_ROW_TEK_LIFETIME,
    KS_ROW_TRANSFORM_SET,
    KS_ROW_PROFILE,
    KS_ROW_ACL, /* of an entry, or an entry more or less */
    KS_ROW_REPLAY_ENABLED,
    KS_ROW_REPLAY_WINDOW,
    KS_ROW_REPLAY_DISABLED,
    KS_ROW_PACKETS, /* tag, strict-sender, another replay method: what packets carry */
    /* of the group */
    KS_ROW_RECEIVE_ONLY_ENABLED,
    KS_ROW_RECEIVE_ONLY_DISABLED,
    KS_ROW_AUTHORIZE,
    KS_ROW_SENDER_IDS,
    KS_ROW_PSEUDOTIME_SYNC,
    /* of `rekey` */
    KS_ROW_REKEY_ENABLED,
    KS_ROW_REKEY_DISABLED,
    KS_ROW_KEK_LIFETIME,
    KS_ROW_SIGNING_KEY,
    KS_ROW_KEK_ALGORITHM, /* cipher, hash, kind of acknowledgement */
    KS_ROW_TO_UNICAST,
    KS_ROW_TO_MULTICAST,
    KS_ROW_REKEY_ADDRESS,
    KS_ROW_RETRANSMIT, /* and waves */
    KS_ROW_COUNT
};

/* What a row does: its words for logs, and whether members are told at once. */
struct ks_row_effect {
    const char *text;
    bool rekey;
};
extern const struct ks_row_effect ks_rows[KS_ROW_COUNT];

struct ks_changes {
    uint32_t rows; /* 1u << enum ks_row */
    bool rekey;    /* members are told at once: some row wants it, and they have a KEK */
};

struct ks_changes ks_changes_between(const struct config_group *old, const struct config_group *fresh);

#endif
