/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The contract between gvpnd and gvpn-dp: messages. Values here, bytes in ipc/codec.c; how they travel is ipc/ring.h
 * and ipc/channel.h; the picture is docs/ipc.md.
 *
 * gvpnd always sends its whole wish: BEGIN(epoch), then every GROUP, BIND, RULE, SA and TIME of every group, then
 * COMMIT(epoch). The data plane builds a new snapshot beside the old one, swaps the pointer, waits until every
 * worker has seen it and then answers ACK(epoch). A transaction with any error changes nothing and is answered with
 * the reason. SAs are known by SPI: one that is installed keeps its key, IV counters and replay state, and its end
 * never moves later; an expired SPI is never installed again. Lifetimes travel as remaining time only.
 */
#ifndef GVPN_COMMON_IPC_IPC_H
#define GVPN_COMMON_IPC_IPC_H

#include "common/acl.h"
#include "common/addr.h"
#include "common/mono.h"
#include "common/secret.h"

#define IPC_VERSION       5
#define IPC_NAME_MAX      32   /* group, pair and port names, NUL included */
#define IPC_TEXT_MAX      160  /* reasons, NUL included */
#define IPC_MAX_PAIRS     16
#define IPC_MAX_WORKERS   16
#define IPC_MAX_GROUPS    64
#define IPC_MAX_BINDINGS  64   /* of one group */
#define IPC_MAX_VLAN      4094 /* 4095 is reserved (802.1Q 9.6) */
#define IPC_MAX_SAS       256  /* SAs at once, all groups */
#define IPC_MAX_ADDRESSES 8
#define IPC_MAX_REKEYS    2    /* destinations of a group's rekeys: of its present KEK and of the one before */
#define IPC_STRICT_WINDOW 4096 /* IVs of one sender (strict_sender) */

enum ipc_type {
    IPC_HELLO = 1,   /* dp -> ctrl, once per attach, over the socket with the descriptors */
    IPC_ATTACH,      /* ctrl -> dp, first on the socket: protocol version and clock rate */
    IPC_REFUSE,      /* dp -> ctrl, over the socket: why the attach is refused; then it closes */
    IPC_BEGIN,       /* ctrl -> dp */
    IPC_GROUP,
    IPC_RULE,
    IPC_SA,
    IPC_TIME,
    IPC_COMMIT,
    IPC_ACK,         /* dp -> ctrl */
    IPC_EVENT,       /* dp -> ctrl */
    IPC_EXPLAIN,     /* ctrl -> dp */
    IPC_EXPLAINED,   /* dp -> ctrl */
    IPC_CLEAR_COUNTERS, /* ctrl -> dp */
    IPC_BIND,        /* ctrl -> dp, part of a transaction like GROUP */
    IPC_CLEAR_REPLAY, /* ctrl -> dp: what was dropped as a replay and the senders' clocks are counted anew; windows stay */
};

struct ipc_attach {
    uint32_t version;
    uint32_t clock_rate;
};

struct ipc_hello {
    uint32_t version;
    uint32_t clock_rate;
    uint64_t instance; /* random per data-plane process */
    uint16_t n_pairs, n_workers, n_queues;
    char pairs[IPC_MAX_PAIRS][IPC_NAME_MAX];
    char program_version[IPC_NAME_MAX];
};

struct ipc_refuse {
    char reason[IPC_TEXT_MAX];
};

struct ipc_begin {
    uint64_t epoch; /* at least 1, strictly increasing within an attach; the first is above the page's at that time */
};

/* What a group's traffic does. */
enum ipc_group_state {
    IPC_GROUP_FAIL_CLOSE, /* no policy (or lost): drop all but the fail-close list's exceptions and exempt traffic */
    IPC_GROUP_FAIL_OPEN,  /* no policy, configured to pass in clear */
    IPC_GROUP_POLICY,     /* the downloaded policy rules */
    IPC_GROUP_UNPROTECTED_DROP,  /* removed from the configuration */
    IPC_GROUP_UNPROTECTED_CLEAR,
};

struct ipc_group {
    uint16_t group; /* index within the transaction, 0 .. IPC_MAX_GROUPS-1, each once */
    char name[IPC_NAME_MAX];
    enum ipc_group_state state;
    bool passive;      /* accepts clear where ESP was expected (GM8) */
    bool receive_only; /* sends clear (KS13) */
    /* Multicast groups (IPv4) and UDP ports that rekeys come to: for the appliance itself, whatever the policy. */
    uint8_t n_rekeys;
    struct endpoint rekeys[IPC_MAX_REKEYS];
};

/* Where a group that was announced rules (GM11): all of a port pair but the VLANs that are bound apart, or one VLAN. */
struct ipc_bind {
    uint16_t group;
    char pair[IPC_NAME_MAX];
    uint16_t vlan; /* VID of the outermost tag; 0 = the pair */
};

/* Which of a group's lists a rule belongs to; searched in this order. */
enum ipc_list { IPC_LIST_FAIL_CLOSE, IPC_LIST_LOCAL, IPC_LIST_DOWNLOADED, IPC_LIST_COUNT };

/* Rules of a list arrive in their order. */
struct ipc_rule {
    uint16_t group;
    enum ipc_list list;
    struct acl_entry entry; /* entry.sa = number of the SA that protects it (downloaded permits) */
};

/*
 * One sender id and the first IV counter that it may use (RFC 6054; DP3). One per worker, in worker order; no id twice. For
 * an SA that has ids already these are what its workers go on with when their present ones are used up; iv_first is 0 then.
 * iv_first is at most 2^(64 - sid_bits): that value = none left.
 */
struct ipc_sender {
    uint64_t id;
    uint64_t iv_first;
};

/* What tells a replayed packet (DP4, DP5). */
enum ipc_replay { IPC_REPLAY_NONE, IPC_REPLAY_COUNTER, IPC_REPLAY_TIME };

#define IPC_META_TIME 1 /* the metadata header carries the pseudotime; exactly with IPC_REPLAY_TIME */
#define IPC_META_TAG  2 /* ... a security group tag */

#define IPC_COUNTER_WINDOW_MIN 64
#define IPC_COUNTER_WINDOW_MAX 4096
#define IPC_TIME_WINDOW_MIN_MS 1000
#define IPC_TIME_WINDOW_MAX_MS 100000

struct ipc_sa {
    uint16_t group;
    uint16_t number;  /* `sa` number: rules name it */
    uint32_t spi;     /* host order */
    uint8_t suite;    /* enum suite_id */
    bool receive;     /* accept packets with it */
    bool send;        /* may be used to send, from send_in_ms on; the first usable one of a number wins */
    bool transport;   /* transport mode instead of header-preserving tunnel; never with metadata */
    enum ipc_replay replay;
    uint32_t window;    /* packets with IPC_REPLAY_COUNTER, ms to either side with IPC_REPLAY_TIME, else 0 */
    uint8_t metadata;   /* IPC_META_ bits; 0 = packets have no metadata header, and need none */
    bool strict_sender; /* beside the time, a window of IPC_STRICT_WINDOW IVs per sender id; counter modes only */
    /* With IPC_REPLAY_COUNTER, else 0, and only for an SA that is new to the data plane: what another data-plane process
       did with it. Numbers up to the first may have been sent, and up to the second accepted: neither happens again. */
    uint32_t sequence_used, sequence_top;
    uint8_t sid_bits; /* sender id bits: 8 to 32; 0 when the suite isn't a counter mode, or nobody has ids */
    uint32_t send_in_ms;     /* activation delay */
    uint32_t send_end_in_ms; /* stop sending with it; 0 = at its end */
    uint64_t end_in_ms;      /* hard limit; 0 is refused */
    struct secret key;       /* cipher key | salt */
    struct secret integrity; /* empty for combined modes */
    uint16_t n_senders;      /* 0 = receive only, or one per worker */
    struct ipc_sender senders[IPC_MAX_WORKERS];
};

/*
 * The pseudotime of an SA with IPC_REPLAY_TIME (KS11), behind the SA's message; each such SA has one. Every SA has a clock of
 * its own: a key server that lost its clock begins anew with new keys, and the old ones go on with the old time. An SA
 * that is new to the data plane takes the value; for one that is installed it is a correction: forward at once, backward
 * by running at half speed, so that its clock never stands still or goes back.
 */
struct ipc_time {
    uint16_t group;
    uint32_t spi;
    uint64_t pseudotime_ms; /* when the message was made */
};

struct ipc_commit {
    uint64_t epoch;
    uint32_t n_messages; /* GROUP + BIND + RULE + SA + TIME since BEGIN */
};

enum ipc_result { IPC_OK, IPC_BAD_MESSAGE, IPC_BAD_ORDER, IPC_UNKNOWN_PAIR, IPC_LIMIT, IPC_SA_REFUSED, IPC_NO_MEMORY };

struct ipc_ack {
    uint64_t epoch;
    enum ipc_result result;
    char reason[IPC_TEXT_MAX]; /* empty when OK */
};

enum ipc_event_kind {
    IPC_EVENT_SA_EXPIRED,    /* value = SPI: hard limit reached */
    IPC_EVENT_IV_LOW,        /* value = SPI: a worker has used 90 % of its IVs, or all of their sequence numbers; told again */
    IPC_EVENT_IV_EXHAUSTED,  /* value = SPI: nothing leaves any more; told again */
    IPC_EVENT_UNREGISTERED_CLEAR, /* `unregistered: clear` together with fail-close; value = group */
    IPC_EVENT_UNKNOWN_SPI,   /* value = SPI; rate limited */
    IPC_EVENT_LINK,          /* value = pair << 1 | up */
    IPC_EVENT_REPLAY_TIME,   /* value = SPI: a verified packet was outside of the time window; the newest one, at most one a
                                second and SA */
};

struct ipc_event {
    enum ipc_event_kind kind;
    uint16_t group;
    uint64_t value;
    /* Only with IPC_EVENT_REPLAY_TIME: both pseudotimes, and where the packet came from. */
    uint64_t own_ms, sender_ms;
    struct addr source;
};

struct ipc_explain {
    uint32_t request; /* echoed */
    char pair[IPC_NAME_MAX]; /* empty = the first one */
    uint16_t vlan; /* of the frame; 0 = untagged */
    bool inbound; /* judge a clear packet from the outside */
    struct flow flow;
};

enum ipc_decision { IPC_DECISION_ENCRYPT, IPC_DECISION_CLEAR, IPC_DECISION_DROP, IPC_DECISION_LOCAL };
enum ipc_source { IPC_SOURCE_NONE, IPC_SOURCE_LOCAL, IPC_SOURCE_DOWNLOADED, IPC_SOURCE_FAIL_CLOSE };

struct ipc_explained {
    uint32_t request;
    bool known_pair; /* false: no such pair, nothing else is valid */
    enum ipc_decision decision;
    uint8_t verdict; /* enum verdict */
    enum ipc_source source;
    bool has_rule;
    struct acl_entry rule;
    bool has_group;
    char group[IPC_NAME_MAX];
    bool has_spi;
    uint32_t spi;
    uint32_t effective_mtu; /* largest IP packet that still fits; 0 = unknown */
    uint32_t path_mtu;      /* 0 = the pair's MTU counts; else the WAN said that it takes no more to this destination ... */
    uint32_t path_mtu_left_s; /* ... which holds for so much longer, in real seconds; 0 without */
};

struct ipc_msg {
    enum ipc_type type;
    union {
        struct ipc_attach attach;
        struct ipc_hello hello;
        struct ipc_refuse refuse;
        struct ipc_begin begin;
        struct ipc_group group;
        struct ipc_bind bind;
        struct ipc_rule rule;
        struct ipc_sa sa;
        struct ipc_time time;
        struct ipc_commit commit;
        struct ipc_ack ack;
        struct ipc_event event;
        struct ipc_explain explain;
        struct ipc_explained explained;
    } u;
};

/* One ring element holds one message; every message fits, HELLO included (it travels on the socket only). */
#define IPC_ELEMENT_LEN 1024
#define IPC_MESSAGE_MAX (IPC_ELEMENT_LEN - 4)

/*
 * Encodes into w. A value out of its range (docs/ipc.md has the table: suite, list, n_senders above the limit, key
 * length other than the suite's, name without NUL) sets overflow.
 */
void ipc_encode(struct buf_writer *w, const struct ipc_msg *m);
/*
 * Decodes exactly all of s into *m. Returns false with *m wiped when anything is short, long, unknown or out of range.
 * m may then hold a key: wipe it when done.
 */
MUST_CHECK bool ipc_decode(struct span s, struct ipc_msg *m);

#endif
