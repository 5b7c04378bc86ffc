/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The value that everything is about: what a group's members must protect, with which SAs and keys. A key server makes
 * one, GDOI payloads carry it, a member gets it back and hands it to the data plane. One door for policy: registration
 * and rekey both end in ctrl/policy/payloads_get.c.
 */
#ifndef GVPN_CTRL_POLICY_POLICY_H
#define GVPN_CTRL_POLICY_POLICY_H

#include "common/acl.h"
#include "common/feature.h"
#include "common/mono.h"
#include "common/names.h"
#include "common/secret.h"
#include "common/suite.h"

#define POLICY_MAX_SAS        32 /* TEKs in one download, overlapping generations included */
#define POLICY_MAX_SENDER_IDS 64 /* SENDER_ID_REQUEST is at most this */

/* Identity of a group: a 32-bit number (ID_KEY_ID) or an IPv4 address (ID_IPV4_ADDR) (KS1). */
struct group_id {
    bool is_address;
    uint32_t value; /* number, or address in host order */
};

bool group_id_equal(const struct group_id *a, const struct group_id *b);
/* "484" or "10.1.1.1"; returns out. */
const char *group_id_text(const struct group_id *id, char out[ADDR_TEXT_MAX]);

enum replay_method { REPLAY_NONE = 0, REPLAY_COUNTER = 1, REPLAY_TIME = 2 };

#define REPLAY_COUNTER_MIN  64   /* packets */
#define REPLAY_COUNTER_MAX  4096 /* also what is meant when no number stands there */
#define REPLAY_TIME_MIN_S   1
#define REPLAY_TIME_MAX_S   100  /* also the default (KS11) */
#define REPLAY_COUNTER_MEMBERS 2 /* one counter per SA is no use with more senders (KS12) */

/* What a peer announced inside a PULL message, where the HASH covers it; all zero when it announced nothing. */
struct peer_features {
    bool ours; /* it sent our vendor id */
    uint32_t version; /* software version, major << 16 | minor << 8 | patch */
    uint64_t features;
};

struct policy_sa {
    uint16_t number; /* of the `sa` entry; rules name it */
    uint32_t spi;    /* host order */
    const struct suite *suite;
    bool transport;  /* transport mode; else tunnel with preserved header */
    enum replay_method replay;
    uint16_t window; /* packets (counter), seconds (time), or 0 */
    bool tag;        /* packets carry a security group tag */
    bool strict_sender; /* beside the time, a window of IVs per sender id; only with time and counter-mode suites */
    bool given_before; /* counter replay, at registration: the member may have had the key already (KS12) */
    uint32_t lifetime_s; /* remaining, counted from message 1 of the PULL on the member (decision 18) */
    uint32_t activate_in_s, deactivate_in_s; /* ATD, DTD; 0 = at once / at its end */
    struct secret key;       /* cipher key | salt */
    struct secret integrity; /* empty for combined modes */
};

#define POLICY_KEK_SPI_LEN    16   /* CKY-I | CKY-R of the rekeys */
#define POLICY_KEK_IV_LEN     16   /* the longest: AES */
#define POLICY_MAX_PUBLIC_KEY 1100 /* octets of a DER SubjectPublicKeyInfo: RSA of 8192 bits */

/* What protects the rekeys of a group (RFC 6407 5.3, 5.6.2). Immutable but for what is left of its life (decision 19). */
struct policy_kek {
    uint8_t spi[POLICY_KEK_SPI_LEN];
    uint16_t cipher;      /* enum gdoi_kek_cipher */
    uint16_t key_bits;    /* of AES: 128, 192, 256 */
    uint16_t signature;   /* enum gdoi_signature */
    uint16_t hash;        /* enum gdoi_signature_hash; 0 = what the curve says */
    uint16_t signature_bits; /* of the signing key, for people; 0 = not said */
    uint16_t ack;         /* enum gdoi_kek_ack (RFC 8263); 0 = none wanted */
    uint32_t lifetime_s;  /* remaining, never 0 */
    struct endpoint source;      /* where rekeys come from; unset address = any */
    struct endpoint destination; /* multicast group and port; an unset address = unicast, to where the member registered from */
    uint8_t iv[POLICY_KEK_IV_LEN]; /* the same for every rekey (RFC 6407 5.6.2.1) */
    struct secret key;
    uint8_t public_key[POLICY_MAX_PUBLIC_KEY]; /* DER SubjectPublicKeyInfo that signatures are verified with */
    size_t public_key_len;
};

/*
 * What a rekey's signature is over and how. RFC 6407 leaves open which Length the header has in the hash, and some key servers
 * sign without DigestInfo; who names one of these takes it beside the canonical form (`interop: {push-signature: ...}`).
 */
enum policy_signature_form {
    POLICY_SIGNATURE_CANONICAL,     /* Length without encryption padding; PKCS #1 with DigestInfo */
    POLICY_SIGNATURE_BARE_HASH,     /* ... without DigestInfo */
    POLICY_SIGNATURE_PADDED_LENGTH, /* Length as in the datagram */
};

struct policy {
    bool has_kek; /* the group has rekeys; in a rekey: it brings a new KEK */
    struct policy_kek kek;
    uint32_t rekey_number; /* in a PULL with a KEK: of the last rekey sent under it, 0 = none yet (RFC 6407 5.7) */
    bool has_rules; /* `acl` was said; a rekey that doesn't change the list carries the digest alone */
    struct acl acl; /* ordered permit/deny, entries carry SA numbers; owned */
    uint8_t digest[32]; /* SHA-256 of the encoded rules: same policy, same digest */
    struct policy_sa sas[POLICY_MAX_SAS]; /* oldest generation first */
    size_t n_sas;
    uint8_t sid_bits; /* 0 = no sender ids came */
    uint64_t sender_ids[POLICY_MAX_SENDER_IDS];
    size_t n_sender_ids;
    /*
     * Pseudotime of the group (KS11); needed by SAs with REPLAY_TIME. On the key server the value at made_at; on a member,
     * as pull_policy() gives it, the value at that moment.
     */
    bool has_pseudotime;
    uint64_t pseudotime_ms;
    mono_t made_at;        /* key server */
    uint32_t round_trip_ms; /* member: of messages 1 and 2, which half is in the value of */
    bool receive_only; /* members send in clear (KS13); never a consequence of anything but the server's word */
    bool replace;      /* in a rekey: SAs that it doesn't bring go after deactivate_in_s, not at their end (KS18) */
    uint32_t activate_in_s;   /* in a rekey: for SAs that take over from others (RFC 6407 5.4.1); in sas[] where both are */
    uint32_t deactivate_in_s; /* in a rekey: for SAs that it replaces or deletes (RFC 6407 5.4.1); 0 = at once */
};

/* "none", "counter", "time" */
extern const struct name replay_names[];
/* The smallest window of the SAs that tell replays by time, in seconds; 0 when there is none. */
uint16_t policy_time_window(const struct policy *p);
/*
 * What stands against this combination (docs/configuration.md has the table), as a sentence that goes on after a colon; or
 * NULL. Key server and member judge by it alike.
 */
const char *policy_sa_conflict(const struct policy_sa *sa);

/* Which weak algorithm protects these rekeys, that only `legacy: true` allows ("3des", "sha1"); NULL for none. */
const char *policy_kek_legacy(const struct policy_kek *kek);

void policy_init(struct policy *p);
/* Frees the list and wipes keys. */
void policy_wipe(struct policy *p);
/* Deep copy; dst must be initialised or wiped. */
MUST_CHECK bool policy_copy(struct policy *dst, const struct policy *src);

#endif
