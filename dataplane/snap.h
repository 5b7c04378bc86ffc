/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Snapshots: the immutable picture of all policy and SAs that workers read. The control thread builds one from the messages of
 * a transaction, swaps the pointer and learns by QSBR when every worker has let go of the old one; nothing here ever
 * blocks (DP9). SAs live in the store's registry by SPI and are only referred to by snapshots.
 *
 * Threads: everything but snap_store_current/_watch/_online/_offline/_quiescent belongs to the control thread.
 */
#ifndef GVPN_DATAPLANE_SNAP_H
#define GVPN_DATAPLANE_SNAP_H

#include "common/ipc/page.h"
#include "dataplane/ruleset.h"
#include "dataplane/sa.h"

#include <immintrin.h>
#include <string.h>

#define SNAP_SEND_MAX    8 /* SAs that can be ready to send for one `sa` number */
#define SNAP_VLANS       4096 /* values of a VLAN ID */
#define SNAP_INNER_GRACE 60 /* s for which the previous list still counts for decrypted packets (decision 1) */

/* One SA that may send, and when; order is the order of arrival, the first usable one sends. */
struct snap_send {
    struct sa *sa;
    uint64_t from_tsc; /* activation */
    uint64_t end_tsc;  /* stop sending, UINT64_MAX = at its hard limit */
};

/* The SAs of one `sa` number of a group. */
struct snap_number {
    uint16_t group;
    uint16_t number;
    uint16_t n;
    uint16_t reserved;
    struct snap_send send[SNAP_SEND_MAX];
    uint64_t unused[7];
};
static_assert(sizeof(struct snap_number) == 256, "an index becomes an address by a shift");

struct snap_group {
    char name[IPC_NAME_MAX];
    enum ipc_group_state state;
    bool passive, receive_only;
    struct acl lists[IPC_LIST_COUNT]; /* owned */
    uint16_t *numbers;                /* owned; per entry of the downloaded list: index in snap.numbers */
    struct acl previous;              /* owned; downloaded list before the last change */
    uint64_t previous_until_tsc;      /* 0 = there is none */
    /* The same lists as they are searched. */
    struct ruleset sets[IPC_LIST_COUNT], previous_set;
};

struct snap_spi {
    uint32_t spi_be;
    uint16_t used;
    uint16_t group; /* index: it protects this group's traffic and no other's */
    struct sa *sa;
};
static_assert(sizeof(struct snap_spi) == 16, "four entries of the SPI table fill one cache line");

/* Where rekeys of some group come to (IPC_GROUP). */
struct snap_rekey {
    uint32_t addr; /* IPv4, as in a packet */
    uint16_t port;
};

struct snap {
    uint64_t epoch;
    uint32_t generation; /* changes with every snapshot of the process: what the flow cache compares */
    uint16_t n_groups, n_numbers;
    uint32_t n_rules, n_sas;
    uint32_t spi_mask;
    struct snap_spi *spis; /* owned: open addressing */
    struct snap_number *numbers; /* owned */
    struct snap_group *groups; /* owned */
    struct sa **sas; /* owned array: every SA that this snapshot refers to */
    int8_t group_of[IPC_MAX_PAIRS][SNAP_VLANS]; /* index of the group that protects it, -1 = none */
    unsigned n_rekeys;
    struct snap_rekey rekeys[IPC_MAX_GROUPS * IPC_MAX_REKEYS]; /* of all groups */
};
static_assert(IPC_MAX_GROUPS <= INT8_MAX, "a group's index fits group_of");

/*
 * Index of the group that protects frames of a pair with this VLAN ID (GM11), -1 = none. vlan: VID of the outermost
 * tag, 0 = untagged or a priority tag. A pair's group protects all VLANs but those that have a group of their own. s may
 * be NULL (nothing was ever committed): -1.
 */
static inline int snap_group_of(const struct snap *s, unsigned pair, unsigned vlan)
{
    return s != NULL ? s->group_of[pair][vlan & (SNAP_VLANS - 1)] : -1;
}

/* Where the search for an SPI (network order) begins. SPIs that count up have places of their own. */
static inline uint32_t snap_spi_place(uint32_t spi_be)
{
    return (uint32_t)_mm_crc32_u32(0, spi_be);
}

/* The receiving SA of an SPI (network order) with its group, or NULL. */
static inline const struct snap_spi *snap_spi_find(const struct snap *s, uint32_t spi_be)
{
    uint32_t i = snap_spi_place(spi_be);

    for (;; i++) {
        const struct snap_spi *e = &s->spis[i & s->spi_mask];

        if (e->spi_be == spi_be && e->used)
            return e;
        if (!e->used)
            return NULL;
    }
}

/* SPI (network order) and group as they stand side by side in a taken place of the SPI table. */
static inline uint64_t snap_spi_key(uint32_t spi_be, int group)
{
    return spi_be | 1ULL << 32 | (uint64_t)(uint16_t)group << 48;
}

/* The receiving SA of an SPI if it is this group's, or NULL. */
static inline struct sa *snap_sa_find(const struct snap *s, uint64_t key)
{
    uint32_t i = snap_spi_place((uint32_t)key);

    for (;; i++) {
        const struct snap_spi *e = &s->spis[i & s->spi_mask];
        uint64_t there;

        memcpy(&there, e, sizeof there);
        if (__builtin_expect(there == key, 1))
            return e->sa;
        if (!e->used)
            return NULL;
    }
}

static inline bool snap_can_send(const struct snap_send *send, uint64_t now_tsc)
{
    return now_tsc >= send->from_tsc && now_tsc < send->end_tsc && !sa_expired(send->sa, now_tsc);
}

/* The SA that sends for a number when it isn't the oldest one. */
struct sa *snap_sender_later(const struct snap_number *list, uint64_t now_tsc);

/*
 * The SA that sends for a number now: the oldest usable until it stops, else the next (decision 17). NULL when none is
 * usable.
 */
static inline struct sa *snap_sender(const struct snap *s, unsigned number, uint64_t now_tsc)
{
    const struct snap_number *list = &s->numbers[number];

    if (__builtin_expect(snap_can_send(&list->send[0], now_tsc), 1)) /* an empty place ended at 0 */
        return list->send[0].sa;
    return snap_sender_later(list, now_tsc);
}

struct snap_store;

struct snap_config {
    unsigned n_pairs, n_workers;
    const char (*pairs)[IPC_NAME_MAX]; /* names, in the order that pair indices mean; borrowed for ever */
    const struct crypto_backend *crypto;
    struct ipc_page *page; /* where leases and counters are published; one for the whole life of the process */
    uint64_t tsc_hz;       /* real */
    uint32_t clock_rate;   /* lifetimes run so much faster (decision 31); 1 normally */
    uint64_t lab_left;     /* SAs that come while there are none have so many counters left (sa_leave()); 0 = all */
};

/* NULL when memory is short. There is no snapshot until the first commit. */
struct snap_store *snap_store_new(const struct snap_config *c);
/* All workers must have stopped. Wipes every key. */
void snap_store_free(struct snap_store *st);

/* --- control thread: a transaction --- */

/* Starts one; an unfinished one is forgotten. */
void snap_begin(struct snap_store *st, uint64_t epoch);
/* Forgets an unfinished one, its keys included; harmless without. */
void snap_forget(struct snap_store *st);
/*
 * Take one message each. After the first error the rest of the transaction is ignored; snap_commit() reports it. The
 * caller wipes its messages.
 */
void snap_group(struct snap_store *st, const struct ipc_group *m);
void snap_bind(struct snap_store *st, const struct ipc_bind *m);
void snap_rule(struct snap_store *st, const struct ipc_rule *m);
void snap_sa(struct snap_store *st, const struct ipc_sa *m);
void snap_time(struct snap_store *st, const struct ipc_time *m);
/*
 * Ends the transaction. IPC_OK: the new snapshot is published, and snap_store_settled() says when all workers have
 * seen it: send ACK then. Anything else: nothing changed, reason (IPC_TEXT_MAX) says why.
 * now_tsc and now (scaled clock) are the same instant; lifetimes count from it.
 */
enum ipc_result snap_commit(struct snap_store *st, const struct ipc_commit *m, uint64_t now_tsc, mono_t now,
                            char reason[IPC_TEXT_MAX]);
/* Has every worker seen the last published snapshot? Also frees and wipes what no worker can reach any more. */
bool snap_store_settled(struct snap_store *st);

/* --- control thread: the rest --- */

/*
 * Once a second or whenever fresh numbers are wanted: sums the SA counters into the page, expires SAs by the clock (so that a
 * TSC that stood still extends nothing), frees what is out of reach, and reports at most `cap` events; returns how many.
 */
unsigned snap_store_tick(struct snap_store *st, uint64_t now_tsc, mono_t now, struct ipc_event *events, unsigned cap);
/* Zeroes all packet counters (workers do it themselves at their next poll). */
void snap_store_clear_counters(struct snap_store *st);
/* What was dropped as a replay and what is known of senders' clocks is counted anew, for all SAs; windows and clocks stay. */
void snap_store_clear_replay(struct snap_store *st);

/* --- any thread --- */

/* The snapshot in effect; NULL before the first commit ever. Workers: once per burst, between quiescent reports. */
const struct snap *snap_store_current(const struct snap_store *st);
struct ipc_page *snap_store_page(const struct snap_store *st);
/* Grows with every clearing of the counters. */
uint64_t snap_store_clear_generation(const struct snap_store *st);
/*
 * Where the store publishes the snapshot in effect and how often the counters were cleared, for who looks at every poll:
 * load the first with acquire.
 */
void snap_store_watch(struct snap_store *st, _Atomic(struct snap *) **current, _Atomic uint64_t **clear_generation);

/* --- worker `w` --- */

/* Begin and end of the time in which the worker may hold a snapshot; offline around sleeps and before it ends. */
void snap_store_online(struct snap_store *st, unsigned w);
void snap_store_offline(struct snap_store *st, unsigned w);
/* "I hold nothing now": once per poll. */
void snap_store_quiescent(struct snap_store *st, unsigned w);

#endif
