/* SPDX-License-Identifier: BSD-3-Clause */
/* What roles.c (who is told what), roles_reload.c and roles_leave.c share; nobody else includes this. */
#ifndef GVPN_CTRL_RUN_ROLES_IMPL_H
#define GVPN_CTRL_RUN_ROLES_IMPL_H

#include "ctrl/crypto/hash.h"
#include "ctrl/run/roles.h"

/* Rekeys that came lately, by SHA-256: an exact copy is dropped before anything is decrypted (RFC 6407 7.3.5). */
#define ROLES_MAX_SEEN 64

struct seen {
    uint8_t hashes[ROLES_MAX_SEEN][HASH_LEN];
    size_t n; /* ring */
};

struct member {
    struct roles *roles;
    struct gm *gm;
    struct plane *plane;
    struct session *session; /* the registration under way */
    struct addr local;       /* the address that it registers from */
    struct addr home_local;  /* the address that it got its policy at: the key server knows it by that */
};

/* A LEAVE under way; it outlives a membership that a reload removes. */
struct farewell {
    struct farewell *next;
    struct roles *r;
    struct session *session;
    struct group_id group;
    char name[CONFIG_NAME_MAX];
    struct addr server, own; /* own: what the key server knows us by */
    const struct plane *plane; /* IKE travels through its data plane; NULL = it isn't ours any more */
};

/* Leaving on stop (roles_leave.c). */
struct leaving {
    bool active, parked;
    struct timer tick; /* real */
    mono_t until;      /* of the present step */
    void (*done)(void *ctx);
    void *ctx;
};

struct roles {
    struct roles_settings s;
    struct ks ks;
    struct sessions *sessions;
    struct member **members;
    size_t n_members;
    struct member **remnants; /* retired memberships: their pairs stay `unprotected` */
    size_t n_remnants;
    struct plane **planes;
    size_t n_planes;
    struct leaving leaving;
    struct farewell *farewells;
    struct seen seen;
};

/* A membership that isn't listed or known to its plane yet; makes the plane when it is the first on it. NULL: no memory. */
struct member *roles_member_new(struct roles *r, const struct config_group *config);
/* Ends its sessions, leaves its plane, frees. NULL is harmless. */
void roles_member_free(struct member *m);
/* The whole path of a data plane's socket. */
#define ROLES_SOCKET_MAX (2 * CONFIG_MAX_TEXT)
void roles_socket_path(const struct roles *r, const char *socket, char out[ROLES_SOCKET_MAX]);
/* Is it one of our addresses? */
bool roles_listens(const struct config *config, const struct addr *a);
/* Frees planes without memberships. */
void roles_free_unused_planes(struct roles *r);

/*
 * roles_leave.c. Begins to tell the key server that gave m its policy, if any, that m leaves. m may be freed at once. config:
 * what rules from now on; the exchange itself uses the keys of the sessions' present one.
 */
void roles_say_leave(struct roles *r, const struct member *m, const struct config *config);
/* The key server has answered (why NULL), or it failed. Frees f. */
void roles_left(struct farewell *f, const char *why);
/* A member of the group is there again: what wasn't heard yet must not be heard after it has registered. */
void roles_stay(struct roles *r, const struct group_id *group);
/* Ends them all without an event. */
void roles_free_farewells(struct roles *r);
/* A data plane goes that some of them may travel through. */
void roles_forget_plane(struct roles *r, const struct plane *p);

#endif
