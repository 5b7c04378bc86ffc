/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * gvpnd's configuration as a value: text -> struct config, table driven, without side effects beyond reading
 * the files that it names (secrets). `--check`, the daemon and `gvpnctl check` call the same loader (OP1).
 * Every default is filled in here, so nobody else knows defaults. Immutable once loaded.
 */
#ifndef GVPN_CTRL_CONFIG_CONFIG_H
#define GVPN_CTRL_CONFIG_CONFIG_H

#include "common/acl.h"
#include "common/log.h"
#include "common/secret.h"
#include "common/suite.h"
#include "common/yaml.h"
#include "ctrl/crypto/sig.h"
#include "ctrl/policy/policy.h"

#define CONFIG_NAME_MAX      32 /* NUL included */
#define CONFIG_MAX_TEXT      256
#define CONFIG_MAX_SERVERS   8
#define CONFIG_MAX_LISTEN    8
#define CONFIG_MAX_PROPOSALS 20 /* all of them fit one datagram */
#define CONFIG_PROPOSAL_TEXT 128 /* octets of a proposal as text */
#define CONFIG_MAX_PSKS      10000
#define CONFIG_MAX_SHARED    8  /* pre-shared keys of one peer (several members behind one NAT) */
#define CONFIG_MAX_GROUPS    64 /* as many as a data plane takes */
#define CONFIG_MAX_SAS       16 /* of one group: two generations of each fit a download (POLICY_MAX_SAS) */
#define CONFIG_MAX_PAIRS     16 /* as many as a data plane takes */
#define CONFIG_MAX_VLAN      4094
#define CONFIG_MAX_BINDINGS  64 /* of one group: pairs times VLANs */
#define CONFIG_PSK_MIN       16 /* octets */
#define CONFIG_MAX_ACCEPT    6  /* suites that a member may name (GM9) */
#define CONFIG_PSEUDOTIME_SYNC_S 1800 /* default of `pseudotime-sync` (KS11) */

/* Phase-1 numbers as they stand on the wire (RFC 2409 appendix A). */
struct config_proposal {
    uint16_t encryption; /* 7 = AES-CBC, 5 = 3DES-CBC */
    uint16_t key_bits;   /* 128, 192, 256; 0 for 3DES */
    uint16_t hash;       /* 2 = SHA-1, 4, 5, 6 = SHA2-256, -384, -512 */
    uint16_t group;      /* 14, 15, 16, 19, 20, 21; 2 and 5 */
    uint16_t auth;       /* 1 = PSK */
    uint32_t lifetime_s;
};

struct config_psk {
    struct prefix peer;       /* longest match wins */
    char id[CONFIG_MAX_TEXT]; /* expected ID payload as text; empty = the peer's address */
    struct secret secret;     /* at least CONFIG_PSK_MIN octets */
};

/* One `sa` entry of a key server's group, everything resolved. */
struct config_sa {
    uint16_t number;
    char profile[CONFIG_NAME_MAX]; /* its name: another one is another key (KS9) */
    const struct suite *suite;
    bool transport;
    uint32_t lifetime_s;
    enum replay_method replay;
    uint16_t window;    /* packets (counter), seconds (time), or 0 */
    bool tag;           /* packets carry a security group tag (DP10) */
    bool strict_sender; /* only with time replay and counter-mode suites */
    struct acl acl; /* entries carry this SA's number */
};

/* A signing key lives as long as a configuration or a KEK that was made with it needs it: a rekey is signed by the old one. */
struct config_signing_key {
    struct sig_key *key;
    unsigned users;
    char file[CONFIG_MAX_TEXT]; /* as the configuration names it */
};

/* `rekey` of a key server's group (KS4 to KS8), in the numbers of RFC 6407 5.3 and RFC 8263. */
struct config_rekey {
    bool unicast;
    uint32_t lifetime_s; /* of the KEK */
    uint16_t cipher, key_bits;
    uint16_t hash; /* 0 = what the curve says */
    uint16_t ack;  /* 0 = none wanted, as with multicast */
    uint32_t interval_s, count;              /* retransmissions */
    uint32_t wave_members, wave_interval_s;  /* unicast */
    struct endpoint destination;             /* multicast; unset for unicast */
    struct config_signing_key *key;          /* owned as one of its users */
};

struct config_key_server {
    struct addr address;
    bool has_rekey; /* false: no KEK, members renew by registering */
    struct config_rekey rekey;
    uint32_t pseudotime_sync_s; /* with time replay and rekey: how often members hear of the time at least (KS11) */
    struct config_sa *sas; /* ordered by number */
    size_t n_sas;
    struct acl authorize; /* permit/deny on the source address; implicit deny at the end */
    bool has_authorize;   /* false: open, with a lint */
    uint8_t sender_id_bits;
    bool receive_only;
};

enum config_unprotected { CONFIG_UNPROTECTED_DROP, CONFIG_UNPROTECTED_CLEAR };

/* Where a member group rules (GM11): a port pair but for VLANs that are bound apart, or one VLAN of it. */
struct config_binding {
    char pair[CONFIG_NAME_MAX];
    uint16_t vlan; /* 0 = the pair */
};

/* What a member takes from a key server (GM9); nothing said = whatever this version runs. */
struct config_accept {
    const struct suite *suites[CONFIG_MAX_ACCEPT];
    size_t n_suites;
    unsigned rekey_encryption; /* bits 1 << enum policy_kek_encryption; 0 = any */
    unsigned rekey_hash;       /* bits 1 << enum policy_kek_hash; 0 = any */
};

struct config_member {
    struct addr servers[CONFIG_MAX_SERVERS];
    size_t n_servers;
    char dp_socket[CONFIG_MAX_TEXT]; /* absolute, or relative to the run directory */
    struct config_binding bindings[CONFIG_MAX_BINDINGS]; /* in the file's order, pair by pair */
    size_t n_bindings;                                   /* at least 1 */
    bool fail_close;
    struct acl fail_close_allow; /* deny entries */
    bool revert;                 /* back to fail-close when all SAs have ended; only with fail_close */
    struct acl local_acl;        /* deny entries; a permit drops (GM5) */
    bool leave_on_stop;
    bool passive; /* `direction: passive`: takes clear packets, too, whatever the key server says (GM8) */
    bool legacy; /* the file's: weak algorithms are taken, in rekeys, too */
    struct config_accept accept;
    enum policy_signature_form push_signature; /* taken beside the canonical one (`interop`) */
    enum config_unprotected unprotected;
};

struct config_group {
    char name[CONFIG_NAME_MAX];
    struct group_id id;
    bool is_member; /* exactly one of the two below is valid */
    struct config_key_server ks;
    struct config_member gm;
    unsigned line; /* where it stands, for messages */
};

struct config {
    char file[CONFIG_MAX_TEXT];
    enum log_level log_level;
    enum log_target log_to;
    bool lab;
    bool legacy;
    struct addr listen[CONFIG_MAX_LISTEN]; /* IPv4, unicast */
    size_t n_listen;                       /* at least 1 */
    uint32_t phase1_doi;                   /* 2 GDOI (default) or 1 IPsec */
    struct config_proposal *proposals;
    size_t n_proposals;
    struct config_psk *psks;
    size_t n_psks;
    struct config_group *groups;
    size_t n_groups;
    char **lints; /* warnings of `check`: file:line:column: text */
    size_t n_lints;
};

/* Loads and checks a file. Returns NULL with *e filled; otherwise free with config_free(), which wipes
 * secrets. */
struct config *config_load(const char *file, struct yaml_error *e);
/* The same from memory; relative files are looked up beside `file`. */
struct config *config_parse(const char *file, const char *text, size_t len, struct yaml_error *e);
void config_free(struct config *c);
/* Kinds of mistakes in a file that the original has messages for (OP3): yaml_error.kind; `about` is the group, when it has a name. */
enum config_mistake {
    CONFIG_MISTAKE_OTHER,
    CONFIG_MISTAKE_INCOMPLETE,  /* a member without `identity` or `key-servers` */
    CONFIG_MISTAKE_SIGNING_KEY, /* none, or none that can be used */
    CONFIG_MISTAKE_RULES,       /* more than ACL_MAX_ENTRIES */
};
/* Logs GM_INCOMPLETE_CFG, KS_NO_RSA_KEYS or GDOI_ACL_NUM, if it is one of these. The daemon says so, not the loader. */
void config_log_mistake(const struct yaml_error *e);
/* `wan`, `wan VLAN 10`, or the first with ` and N more`: for messages. */
#define CONFIG_BINDINGS_TEXT 64
char *config_bindings_text(const struct config_member *m, char out[CONFIG_BINDINGS_TEXT]);
/* One more user of a signing key; returns it. */
struct config_signing_key *config_signing_key_hold(struct config_signing_key *k);
/* One less; the last one frees it. NULL is harmless. */
void config_signing_key_release(struct config_signing_key *k);
const struct config_group *config_find_group(const struct config *c, const char *name);
/* "aes-256/sha256/19/psk", for logs; numbers that have no name come out as numbers. Returns out. */
const char *config_proposal_text(const struct config_proposal *p, char out[CONFIG_PROPOSAL_TEXT]);
/*
 * The pre-shared keys that may belong to a peer address, longest prefix first; those of the longest matching
 * prefix only. Returns how many were written to out (at most CONFIG_MAX_SHARED).
 */
size_t config_find_psks(const struct config *c, const struct addr *peer,
                        const struct config_psk *out[CONFIG_MAX_SHARED]);

#endif
