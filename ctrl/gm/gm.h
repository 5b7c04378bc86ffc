/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The life of one membership (GM1, GM2, GM6, GM7): which key server to ask and when, what was downloaded, and what the
 * data plane should hold now. It sends nothing itself: it asks through gm_ops, and describes its wish when asked.
 *
 * Order of an install (GM2): new SAs for receiving on every worker, acknowledged, then for sending, then old ones go.
 *
 * With a KEK the group has rekeys (GM3, GM4): what they bring moves the next registration on. Without one members renew by
 * registering.
 */
#ifndef GVPN_CTRL_GM_GM_H
#define GVPN_CTRL_GM_GM_H

#include "common/ipc/ipc.h"
#include "common/names.h"
#include "ctrl/config/config.h"
#include "ctrl/gm/direction.h"
#include "ctrl/gm/kek.h"
#include "ctrl/gm/recover.h"
#include "ctrl/policy/payloads.h"
#include "ctrl/run/env.h"

/* As `status` names them. */
enum gm_state { GM_DOWN, GM_REGISTERING, GM_REGISTERED, GM_RE_REGISTERING, GM_FAIL_CLOSE, GM_FAIL_OPEN };
extern const struct name gm_state_names[];

struct gm;

struct gm_ops {
    void *ctx;
    /* Start a registration with this server; gm_policy() or gm_failed() will follow. False: could not even start. */
    bool (*register_with)(void *ctx, struct gm *gm, const struct addr *server, uint16_t n_sender_ids, struct now now);
    /* What the data plane should hold has changed: run a transaction in which gm_wish() is asked. */
    void (*changed)(void *ctx, struct gm *gm);
    /* Does the attached data plane have this SA already, from an earlier gvpnd or connection? NULL = never. */
    bool (*holds)(void *ctx, const struct gm *gm, uint32_t spi);
    /*
     * Counter replay: is it known which sequence numbers were used with this SA, because the attached data plane has it, or one
     * had it that died while gvpnd lived? NULL = never.
     */
    bool (*knows_numbers)(void *ctx, const struct gm *gm, uint32_t spi);
    /* Was this SA deleted in the present data-plane process, which then never takes it again? NULL = never. */
    bool (*gone)(void *ctx, const struct gm *gm, uint32_t spi);
    /*
     * Rekeys come from `source` (unset address = from anywhere) to this multicast group from now on, or, with NULL, to nothing
     * but the member's own address. Said again after every attach, as interfaces may be new. NULL = nobody cares.
     */
    void (*listen)(void *ctx, struct gm *gm, const struct endpoint *group, const struct addr *source);
};

/* An SA as this member holds it. */
struct gm_sa {
    struct policy_sa sa;
    mono_t end;          /* hard limit */
    mono_t send_from;    /* activation */
    mono_t send_until;   /* 30 s before the end, when a newer one exists; else the end */
    mono_t replaced_at;  /* a rekey, or traffic (GM13), said that it sends no more when a newer one is ready; MONO_NEVER = none did */
    uint8_t sid_bits;    /* width of its sender ids */
    mono_t time_zero;    /* with REPLAY_TIME: instant at which its pseudotime was 0; may lie before any other */
    bool in_policy;      /* the latest policy has it: the sender ids that came with that are for it, and for no other */
    bool parked;         /* out of use, but still known to the data plane, which takes a deleted SPI never again */
    bool was_parked;     /* its presence in the data plane doesn't mean that workers receive with it */
    bool gone;           /* the data plane has deleted it: of no use any more */
    bool lost;           /* counter replay: nobody knows any more which numbers were used with it, so it is gone for good */
    bool low;            /* the data plane runs out of its IVs, or of its sequence numbers */
    uint64_t wished_in;  /* epoch that carried it for receiving first; 0 = none yet */
    bool acknowledged;   /* every worker receives with it */
    uint64_t instance;   /* data-plane process that `senders` belong to; 0 = none */
    size_t n_senders;
    struct ipc_sender senders[IPC_MAX_WORKERS];
};

/* The clock of the present policy (KS11). Its SAs run by it unless they were installed by another. */
struct gm_clock {
    bool is_set;
    mono_t zero;            /* instant of pseudotime 0 */
    mono_t set_at;          /* when the key server told it */
    uint32_t round_trip_ms; /* of the messages that did */
};

/* Why a rekey was dropped. */
enum gm_rekey_drop {
    GM_DROP_COPY, /* of a datagram that came before */
    GM_DROP_LIMIT, /* not looked at: too many from there were forged */
    GM_DROP_MALFORMED,
    GM_DROP_OLD_NUMBER,  /* not larger than the last one's */
    GM_DROP_FORGED,      /* no signature, or a wrong one */
    GM_DROP_CONTENT,     /* genuine, but what it says can't be used or isn't accepted */
    GM_DROP_PSEUDOTIME,  /* genuine, but too old */
    GM_DROP_EARLIER_KEK, /* genuine, but under the KEK before, and it brings what isn't installed */
    GM_DROP_COUNT
};
/* "copy", "malformed", "old_number", ... */
extern const struct name gm_rekey_drop_names[];

struct gm_rekey_stats {
    uint64_t received; /* good ones, repeated ones included */
    uint64_t multicast; /* of them: that came by multicast */
    uint64_t since_registration; /* of them: since the last registration that came through */
    uint64_t repeated; /* of them: nothing new in them */
    uint64_t acknowledged;
    uint64_t dropped[GM_DROP_COUNT];
    bool has_last; /* a good one came */
    uint32_t last_number;
    mono_t last_at; /* scaled */
    struct endpoint last_from, last_to;
};

struct gm_stats {
    uint32_t attempts; /* begun */
    uint32_t registrations, failures;
    uint32_t recoveries; /* registrations because of what came in (GM13) */
    char last_error[160];
    struct gm_rekey_stats rekey;
};

/* config must outlive the membership or be replaced by gm_set_config(). */
struct gm *gm_new(const struct config_group *config, const struct env *env, const struct gm_ops *ops);
/* Wipes and frees; tells nobody. */
void gm_free(struct gm *gm);

/*
 * Another configuration of the same group on the same data plane: policy, SAs and sender ids stay. Also brings a retired
 * membership back. A registration under way goes on unless its server is no longer listed; then the owner has ended its
 * session, and the first server is asked.
 */
void gm_set_config(struct gm *gm, const struct config_group *config, struct now now);
/*
 * The group was removed: it registers no more, keys and lists go out of use, and gm_wish() says `unprotected` of `own`,
 * a copy of the configuration without lists that the membership frees.
 */
void gm_retire(struct gm *gm, struct config_group *own);
/* The copy that a retired membership owns, to take places from it that other groups rule now; NULL when it isn't retired. */
struct config_group *gm_retired_config(struct gm *gm);
/* Leaves for good (GM12): registers no more, and keys and lists go out of use. */
void gm_leave(struct gm *gm);
/* Drops policy and keys and registers at once with the first server. The owner has ended a registration under way. */
void gm_clear(struct gm *gm, struct now now);

/* The data plane is there (again): its process instance and number of workers. Registers when there is no policy. */
void gm_attached(struct gm *gm, uint64_t instance, unsigned n_workers, struct now now);
void gm_detached(struct gm *gm, struct now now);
/* The address that it registers from: what messages and key server know it by. To be told before gm_policy(). */
void gm_set_own(struct gm *gm, const struct addr *own);
/* What the key server announced when it was asked: rekeys are read by that, too. To be told before gm_policy(). */
void gm_server_announced(struct gm *gm, const struct peer_features *server);
/* A registration came through. *policy is taken over (and left empty). */
void gm_policy(struct gm *gm, struct policy *policy, struct now now);
void gm_failed(struct gm *gm, const char *reason, struct now now);

/*
 * What a key server gave, or asks for, can't be used: the message that this kind of fault has (OP3), if it has one. For all three
 * ways that policy comes: registration, rekey, and what the data plane says to it.
 */
void gm_log_fault(const struct gm *gm, enum policy_fault_kind kind, const char *why);

/* Writes GROUP, BINDs, RULEs, SAs and TIMEs for the transaction `epoch` through put(). `index`: the group's number in it. */
void gm_wish(struct gm *gm, uint16_t index, uint64_t epoch, void (*put)(void *ctx, const struct ipc_msg *m), void *ctx,
             mono_t now);
/* The transaction `epoch` is in effect on all workers, or was refused with this reason (NULL = in effect). */
void gm_acknowledged(struct gm *gm, uint64_t epoch, const char *refused, struct now now);
/*
 * The data plane says that a worker runs out of IVs under this SPI, or all of them out of sequence numbers: registers, once, for
 * ids that the SA goes on with (RFC 6054), or for another key.
 */
void gm_iv_low(struct gm *gm, uint32_t spi, struct now now);
/*
 * Counter replay: is there a number whose newest SA can't be gone on with, because its sequence numbers run out or are not known
 * any more? A registration then asks for another key (KS12).
 */
bool gm_needs_key(const struct gm *gm);
/* What its data plane has counted so far: every GM_RECOVER_EVERY_S or so (GM13). */
void gm_traffic(struct gm *gm, const struct gm_traffic *counts, struct now now);
/* The counts begin anew: they are another group's or another process's from now on. */
void gm_traffic_moved(struct gm *gm);

/* Is this datagram a rekey under one of its KEKs? By its cookies; ctrl/gm/receive.c. */
bool gm_push_is_for(const struct gm *gm, struct span datagram);
/*
 * A rekey, which gm_push_is_for(): opens, judges, applies and acknowledges it. own: the address that the member registered
 * from. Exact copies are the caller's to drop. False: it wasn't looked at, because too many from there were forged, so that a copy
 * of it is none yet.
 */
bool gm_push(struct gm *gm, const struct path *path, const struct addr *own, struct span datagram, struct now now);

/* A rekey for it was an exact copy of one that came before, and was dropped for that. */
void gm_push_copied(struct gm *gm);

/* The operator's word: holds until the next rekey, or registration, with news (GM8). */
void gm_set_direction(struct gm *gm, enum gm_direction direction, struct now now);

/* Views. */
const struct config_group *gm_config(const struct gm *gm);
enum gm_state gm_state(const struct gm *gm, mono_t now);
const struct policy *gm_current_policy(const struct gm *gm); /* NULL before the first */
const struct gm_sa *gm_sas(const struct gm *gm, size_t *n);
/* Not set without a policy that needs the time. */
const struct gm_clock *gm_clock(const struct gm *gm);
/* Pseudotime now, in ms, by the instant at which it was 0. */
uint64_t gm_pseudotime_ms(mono_t zero, mono_t now);
/* Which SA of this number is used for sending now; NULL when none. */
const struct gm_sa *gm_sending(const struct gm *gm, uint16_t number, mono_t now);
const struct addr *gm_server(const struct gm *gm); /* registered with, or being asked */
/* As gm_set_own() said; family 0 before. */
const struct addr *gm_own(const struct gm *gm);
/* What the key server announced at the last registration that came through. */
const struct peer_features *gm_server_features(const struct gm *gm);
/* When the last of its SAs ends; MONO_NEVER without any. */
mono_t gm_last_end(const struct gm *gm);
/* The server that gave the present policy; NULL without one. */
const struct addr *gm_home(const struct gm *gm);
/* How long to wait for one answer of a server; MONO_NEVER: as long as the exchange tries (GM1). */
mono_t gm_patience(const struct gm *gm);
const struct gm_stats *gm_stats(const struct gm *gm);
/* The KEKs that it holds. */
const struct gm_kek *gm_kek(const struct gm *gm);
enum gm_direction gm_direction(const struct gm *gm, mono_t now);
const struct gm_directions *gm_directions(const struct gm *gm);
/* Scaled instant of the next registration; MONO_NEVER when none is planned. */
mono_t gm_next_registration(const struct gm *gm);

#endif
