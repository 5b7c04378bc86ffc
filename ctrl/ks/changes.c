/* SPDX-License-Identifier: BSD-3-Clause */
/* What differs between two configurations of a group, and what follows: see changes.h. */
#include "ctrl/ks/changes.h"

#include <string.h>

const struct ks_row_effect ks_rows[KS_ROW_COUNT] = {
    [KS_ROW_TEK_LIFETIME] = {"lifetime of a key", false},
    [KS_ROW_TRANSFORM_SET] = {"transform set", true},
    [KS_ROW_PROFILE] = {"profile", true},
    [KS_ROW_ACL] = {"access list", true},
    [KS_ROW_REPLAY_ENABLED] = {"replay check enabled", true},
    [KS_ROW_REPLAY_WINDOW] = {"replay window", false},
    [KS_ROW_REPLAY_DISABLED] = {"replay check disabled", true},
    [KS_ROW_PACKETS] = {"what packets carry", true},
    [KS_ROW_RECEIVE_ONLY_ENABLED] = {"receive-only enabled", true},
    [KS_ROW_RECEIVE_ONLY_DISABLED] = {"receive-only disabled", true},
    [KS_ROW_AUTHORIZE] = {"authorize", false},
    [KS_ROW_SENDER_IDS] = {"sender-id-bits", false}, /* everybody registers */
    [KS_ROW_PSEUDOTIME_SYNC] = {"pseudotime-sync", false},
    [KS_ROW_REKEY_ENABLED] = {"rekey enabled", false}, /* nobody has a KEK yet */
    [KS_ROW_REKEY_DISABLED] = {"rekey disabled", false},
    [KS_ROW_KEK_LIFETIME] = {"lifetime of the KEK", false},
    [KS_ROW_SIGNING_KEY] = {"signing key", true},
    [KS_ROW_KEK_ALGORITHM] = {"algorithm of the KEK", true},
    [KS_ROW_TO_UNICAST] = {"multicast to unicast", true},
    [KS_ROW_TO_MULTICAST] = {"unicast to multicast", true},
    [KS_ROW_REKEY_ADDRESS] = {"address of rekeys", true},
    [KS_ROW_RETRANSMIT] = {"retransmissions", false},
};

static uint32_t row_if(bool differs, enum ks_row row)
{
    return differs ? 1u << row : 0;
}

static uint32_t replay_rows(const struct config_sa *a, const struct config_sa *b)
{
    if (a->replay == b->replay)
        return row_if(a->window != b->window, KS_ROW_REPLAY_WINDOW);
    if (a->replay == REPLAY_NONE)
        return 1u << KS_ROW_REPLAY_ENABLED;
    return 1u << (b->replay == REPLAY_NONE ? KS_ROW_REPLAY_DISABLED : KS_ROW_PACKETS);
}

static uint32_t sa_rows(const struct config_sa *a, const struct config_sa *b)
{
    return row_if(a->lifetime_s != b->lifetime_s, KS_ROW_TEK_LIFETIME) |
           row_if(a->suite != b->suite || a->transport != b->transport, KS_ROW_TRANSFORM_SET) |
           row_if(strcmp(a->profile, b->profile) != 0, KS_ROW_PROFILE) |
           row_if(!acl_equal(&a->acl, &b->acl), KS_ROW_ACL) |
           row_if(a->tag != b->tag || a->strict_sender != b->strict_sender, KS_ROW_PACKETS) | replay_rows(a, b);
}

/* Entries are ordered by number in both. */
static uint32_t all_sa_rows(const struct config_key_server *a, const struct config_key_server *b)
{
    uint32_t rows = row_if(a->n_sas != b->n_sas, KS_ROW_ACL);

    for (size_t i = 0, k = 0; i < a->n_sas && k < b->n_sas;) {
        if (a->sas[i].number == b->sas[k].number) {
            rows |= sa_rows(&a->sas[i++], &b->sas[k++]);
            continue;
        }
        rows |= 1u << KS_ROW_ACL;
        if (a->sas[i].number < b->sas[k].number)
            i++;
        else
            k++;
    }
    return rows;
}

static bool same_key(const struct config_rekey *a, const struct config_rekey *b)
{
    return span_equal(sig_key_public(a->key->key), sig_key_public(b->key->key));
}

static uint32_t rekey_rows(const struct config_rekey *a, const struct config_rekey *b)
{
    bool same_transport = a->unicast == b->unicast;

    return row_if(a->lifetime_s != b->lifetime_s, KS_ROW_KEK_LIFETIME) | row_if(!same_key(a, b), KS_ROW_SIGNING_KEY) |
           row_if(a->cipher != b->cipher || a->key_bits != b->key_bits || a->hash != b->hash ||
                      (same_transport && a->ack != b->ack),
                  KS_ROW_KEK_ALGORITHM) |
           row_if(!a->unicast && b->unicast, KS_ROW_TO_UNICAST) | row_if(a->unicast && !b->unicast, KS_ROW_TO_MULTICAST) |
           row_if(same_transport && !endpoint_equal(&a->destination, &b->destination), KS_ROW_REKEY_ADDRESS) |
           row_if(a->interval_s != b->interval_s || a->count != b->count || a->wave_members != b->wave_members ||
                      a->wave_interval_s != b->wave_interval_s,
                  KS_ROW_RETRANSMIT);
}

static uint32_t group_rows(const struct config_key_server *a, const struct config_key_server *b)
{
    return row_if(!a->receive_only && b->receive_only, KS_ROW_RECEIVE_ONLY_ENABLED) |
           row_if(a->receive_only && !b->receive_only, KS_ROW_RECEIVE_ONLY_DISABLED) |
           row_if(a->has_authorize != b->has_authorize || !acl_equal(&a->authorize, &b->authorize), KS_ROW_AUTHORIZE) |
           row_if(a->sender_id_bits != b->sender_id_bits, KS_ROW_SENDER_IDS) |
           row_if(a->pseudotime_sync_s != b->pseudotime_sync_s, KS_ROW_PSEUDOTIME_SYNC) |
           row_if(!addr_equal(&a->address, &b->address), KS_ROW_REKEY_ADDRESS) |
           row_if(!a->has_rekey && b->has_rekey, KS_ROW_REKEY_ENABLED) |
           row_if(a->has_rekey && !b->has_rekey, KS_ROW_REKEY_DISABLED);
}

struct ks_changes ks_changes_between(const struct config_group *old, const struct config_group *fresh)
{
    const struct config_key_server *a = &old->ks, *b = &fresh->ks;
    struct ks_changes c = {.rows = all_sa_rows(a, b) | group_rows(a, b)};

    if (!a->has_rekey || !b->has_rekey)
        return c;
    c.rows |= rekey_rows(&a->rekey, &b->rekey);
    for (unsigned row = 0; row < KS_ROW_COUNT; row++)
        c.rekey |= (c.rows & 1u << row) != 0 && ks_rows[row].rekey;
    return c;
}
