/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Replay protection and metadata header of packets (DP4, DP5, DP10): what stands between the ESP stages and replay.h. Sending:
 * sequence number and header; receiving: the check before decryption, the header and its time after it, and the one
 * acceptance at the end. Internal to the pipeline. esp: where the ESP header stands; text: where the decrypted text stands.
 */
#ifndef GVPN_DATAPLANE_GUARD_H
#define GVPN_DATAPLANE_GUARD_H

#include "dataplane/core/esp.h"
#include "dataplane/sa.h"
#include "dataplane/vec.h"

#define GUARD_META (META_TIME | META_TAG) /* of sa.checks */

/* What is the same for a run of packets of one SA. */
struct guard {
    struct replay_now now; /* what times are accepted; any without META_TIME */
    bool sample;           /* one packet is wanted for the picture of the senders' clocks */
};

static inline struct guard guard_begin(const struct sa *sa, uint64_t now_tsc)
{
    struct guard g = {{0, {0, UINT64_MAX}}, false};

    if (sa->checks & META_TIME) {
        g.now = replay_now(sa->replay, now_tsc);
        g.sample = replay_sample_due(sa->replay, g.now.ms);
    }
    return g;
}

/* --- sending --- */

/* What metadata headers say: the SA's time, and the tag of packets that brought none. */
struct guard_stamp {
    const struct sa *sa; /* whose time ms is; NULL at the beginning */
    uint64_t ms;
    uint16_t tag;
};

/* For a packet of this SA: the time is looked up once per run of packets. */
static inline const struct guard_stamp *guard_stamp(struct guard_stamp *stamp, const struct sa *sa, uint64_t now_tsc)
{
    if (sa != stamp->sa) {
        stamp->sa = sa;
        stamp->ms = sa->checks & META_TIME ? pseudotime_ms(&sa->replay->time, now_tsc) : 0;
    }
    return stamp;
}

/* Writes the header of an SA that has one, before a packet of this family. */
static inline void guard_put(const struct sa *sa, uint8_t *text, enum l3_kind kind, const struct pkt *p,
                             const struct guard_stamp *stamp)
{
    meta_put(text, sa->checks & GUARD_META, esp_next(kind), stamp->ms, p->tag != 0 ? p->tag : stamp->tag);
}

/* --- receiving, before decryption --- */

/* The IV in host order. */
static inline uint64_t guard_iv(const uint8_t *esp)
{
    return __builtin_bswap64(load64(esp + ESP_HEADER_LEN));
}

/*
 * Could the packet be a new one? For SAs with SA_COUNTER or SA_STRICT. VERDICT_RECEIVED_DECRYPTED, or drop_replay_counter or
 * drop_replay_sender, counted. iv: host order, of a strict SA; peek: replay_peek_again() was called for this burst, or {0}.
 */
enum verdict guard_before_counter(const struct sa *sa, const uint8_t *esp);
enum verdict guard_refuse_sender(const struct sa *sa);

static inline enum verdict guard_before(const struct sa *sa, struct replay_peek *peek, const uint8_t *esp, uint64_t iv)
{
    if (sa->checks & SA_COUNTER)
        return guard_before_counter(sa, esp);
    if (__builtin_expect(replay_peek_may(sa->replay, peek, iv, sa->sender_mask), 1))
        return VERDICT_RECEIVED_DECRYPTED;
    return guard_refuse_sender(sa);
}

/* --- receiving, after the ICV was right --- */

/*
 * Is the header of an SA with these META_ flags as it should be, and its time one that is accepted? For text that has the
 * octets.
 */
static inline bool guard_usual(const struct guard *g, unsigned flags, const uint8_t *text, uint8_t next)
{
    struct meta meta;

    return meta_get(text, META_LEN_MAX, flags, next, &meta) && replay_span_has(g->now.span, meta.time_ms);
}

/*
 * The same, check by check, for a payload of len octets that `next` announced: VERDICT_RECEIVED_DECRYPTED, drop_metadata or
 * drop_replay_time (counted, and noted for log and histogram).
 */
enum verdict guard_meta(const struct guard *g, const struct pkt *p, const uint8_t *esp, const uint8_t *text, uint32_t len,
                        uint8_t next);

/* The tag and the time of a header that was checked; 0 without. */
static inline uint16_t guard_tag(const struct sa *sa, const uint8_t *text)
{
    return sa->checks & META_TAG ? load16_be(text + META_LEN) : 0;
}

static inline uint64_t guard_time(const uint8_t *text)
{
    return __builtin_bswap64(load64(text + 4));
}

/* One packet for the picture of the senders' clocks. p: the outer packet, still in place. */
void guard_sample(struct guard *g, const struct pkt *p, const uint8_t *esp, const uint8_t *text);

/*
 * The last check of a packet that everything else let in: accepts it once. VERDICT_RECEIVED_DECRYPTED, drop_replay_counter or
 * drop_replay_sender, counted. For any SA.
 */
enum verdict guard_accept(struct sa *sa, const uint8_t *esp, const uint8_t *text);

/* The same in a run of packets of one strict SA. */
static inline enum verdict guard_accept_strict(const struct sa *sa, struct replay_run *run, const uint8_t *esp, const uint8_t *text)
{
    if (__builtin_expect(replay_run_accept(run, guard_iv(esp), guard_time(text)), 1))
        return VERDICT_RECEIVED_DECRYPTED;
    return guard_refuse_sender(sa);
}

#endif
