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
    const struct suite *suite;
    bool transport;
    uint32_t lifetime_s;
    enum replay_method replay;
    uint16_t window;    /* packets (counter), seconds (time), or 0 */
    bool tag;           /* packets carry a security group tag (DP10) */
    bool strict_sender; /* only with time replay and counter-mode suites */
    struct acl acl; /* entries carry this SA's number */
};

struct config_key_server {
    struct addr address;
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
/* `wan`, `wan VLAN 10`, or the first with ` and N more`: for messages. */
#define CONFIG_BINDINGS_TEXT 64
char *config_bindings_text(const struct config_member *m, char out[CONFIG_BINDINGS_TEXT]);
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
