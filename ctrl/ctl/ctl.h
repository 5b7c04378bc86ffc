/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The operator socket: one request per connection, answered with an exit code and a JSON document, then closed. A request
 * is the words of the command, each ended by a newline, then an empty line; at most CTL_MAX_REQUEST octets. The answer is
 * the exit code in decimal, a newline, the document. Only root and our own user may connect (mode 0600, credentials
 * checked). One function per command (ctl/commands.h); they never show a secret.
 */
#ifndef GVPN_CTRL_CTL_CTL_H
#define GVPN_CTRL_CTL_CTL_H

#include "common/exit.h"
#include "ctrl/run/events.h"
#include "ctrl/run/roles.h"

#define CTL_MAX_REQUEST     4096
#define CTL_MAX_WORDS       32
#define CTL_MAX_CONNECTIONS 16

/* How a reload ended. */
struct ctl_reload {
    const char *file;
    const struct config *config; /* in effect now; NULL when it failed */
    char error[1024];            /* why it failed; what --check would say, as it says it */
};

/* What commands ask of the daemon itself. */
struct ctl_hooks {
    void *ctx;
    bool (*reload)(void *ctx, struct ctl_reload *out);
    const struct events *events; /* NULL = none are kept */
};

struct ctl;

/* Serves on `path`. NULL with *err the errno. roles must outlive it; hooks are copied. */
struct ctl *ctl_open(struct loop *l, struct roles *roles, const struct ctl_hooks *hooks, const char *path, int *err);
/* Closes every connection and removes the socket. */
void ctl_close(struct ctl *c);

#endif
