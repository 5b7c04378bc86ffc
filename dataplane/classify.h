/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the policy says about a packet (DP6, GM5, GM7, GM8). One function for packets and for `explain`; the flow cache
 * in front of it gives the same answers faster. Judges headers only; reads no packet bytes.
 */
#ifndef GVPN_DATAPLANE_CLASSIFY_H
#define GVPN_DATAPLANE_CLASSIFY_H

#include "common/ipc/ipc.h"
#include "dataplane/vec.h"

struct snap;

/* On what way the packet is. */
enum classify_way {
    CLASSIFY_OUT,     /* towards the outside */
    CLASSIFY_IN,      /* in clear from the outside */
    CLASSIFY_INNER,   /* was inside ESP: only the downloaded list counts */
    CLASSIFY_UNKNOWN, /* ESP from the outside with an unknown SPI: judged as protocol 50 */
};

enum classify_action {
    CLASSIFY_NONE,    /* an empty place of the flow cache */
    CLASSIFY_CLEAR,   /* passes in clear; verdict says under which name */
    CLASSIFY_PROTECT, /* OUT, INNER: permit; `number` is the index of its SA list in the snapshot */
    CLASSIFY_DROP,    /* verdict says why */
};

struct classify_result {
    uint8_t action;
    uint8_t verdict;
    uint16_t number;
};

/* Why: for explain. Pointers into the snapshot; NULL where nothing matched. */
struct classify_why {
    const struct acl_entry *rule;
    enum ipc_source source;
    const char *group; /* name, NULL when the pair has none */
    int number;        /* index of the SA list that a permit names, -1 without */
};

/*
 * The decision for a flow of a pair. snap NULL = nothing was ever committed (`unregistered_clear` decides). why may be
 * NULL. Exempt traffic and own addresses are not this function's business.
 */
struct classify_result classify_flow(const struct snap *s, bool unregistered_clear, unsigned pair,
                                     enum classify_way way, const struct flow *f, struct classify_why *why);

/* The flow cache: exact match on addresses, protocol, ports, way and pair; entries of older snapshots don't count. */
struct classify_cache;
/* entries: a power of two, at least 2. NULL when memory is short. */
struct classify_cache *classify_cache_new(unsigned entries, int socket);
void classify_cache_free(struct classify_cache *c);
/* The same decision for a parsed packet; IPv4 goes through the cache. */
struct classify_result classify_packet(struct classify_cache *c, const struct snap *s, bool unregistered_clear,
                                       unsigned pair, enum classify_way way, const struct pkt *p);

#endif
