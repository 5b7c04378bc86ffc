/* SPDX-License-Identifier: BSD-3-Clause */
/* What roles.c (who is told what), roles_reload.c and roles_leave.c share; nobody else includes this. */
#ifndef GVPN_CTRL_RUN_ROLES_IMPL_H
#define GVPN_CTRL_RUN_ROLES_IMPL_H

#include "ctrl/run/roles.h"

struct member {
    struct gm *gm;
    struct plane *plane;
    struct session *session; /* the registration under way */
    struct addr local;       /* the address that it registers from */
    struct session *leave;   /* the LEAVE under way */
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
};

/* A membership that isn't listed or known to its plane yet; makes the plane when it is the first on it. NULL: no memory. */
struct member *roles_member_new(struct roles *r, const struct config_group *config);
/* Ends its sessions, leaves its plane, frees. NULL is harmless. */
void roles_member_free(struct member *m);
/* The whole path of a data plane's socket. */
#define ROLES_SOCKET_MAX (2 * CONFIG_MAX_TEXT)
void roles_socket_path(const struct roles *r, const char *socket, char out[ROLES_SOCKET_MAX]);
/* Frees planes without memberships. */
void roles_free_unused_planes(struct roles *r);
/* roles_leave.c: the key server has answered LEAVE (why NULL), or it failed. */
void roles_left(struct member *m, const char *why);

#endif
