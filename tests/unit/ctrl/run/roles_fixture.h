/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A key server and a member, each with everything but sockets and a data plane, which exchange datagrams in memory; their
 * configurations can be replaced at any step. The data plane is what the test says: roles_dp_attached.
 */
#ifndef GVPN_TESTS_UNIT_CTRL_RUN_ROLES_FIXTURE_H
#define GVPN_TESTS_UNIT_CTRL_RUN_ROLES_FIXTURE_H

#include "ctrl/crypto/rng.h"
#include "ctrl/run/roles.h"
#include "ctrl/run/udp.h"
#include "tests/unit/ctrl/run/dpc_quiet.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MAX_DATAGRAMS 128
#define CLEAN         11 /* datagrams of an undisturbed registration */

struct side {
    struct loop *loop;
    struct config *config;
    struct roles *roles;
    struct net *net;
    bool broken; /* no random octets */
};

struct datagram {
    struct path path; /* as its receiver sees it */
    struct side *to;
    uint8_t *bytes;
    size_t len;
};

struct net {
    struct side ks, gm;
    struct datagram queue[MAX_DATAGRAMS];
    size_t n, delivered;
};

/* ---- the data plane ---- */

static bool roles_dp_attached;   /* as roles see it */
static struct ipc_page roles_dp_page;
static const struct ipc_hello *roles_dp_hello; /* NULL = no pair is there: memberships wait for attach() */

struct dpc *dpc_new(const char *socket_path, uint32_t clock_rate, const struct dpc_events *events)
{
    (void)socket_path;
    (void)clock_rate;
    (void)events;
    return calloc(1, 1);
}

void dpc_free(struct dpc *d)
{
    free(d);
}

bool dpc_attach(struct dpc *d, char reason[IPC_TEXT_MAX])
{
    (void)d;
    (void)reason;
    return false;
}

bool dpc_attached(const struct dpc *d)
{
    (void)d;
    return roles_dp_attached;
}

const struct ipc_hello *dpc_hello(const struct dpc *d)
{
    (void)d;
    return roles_dp_hello;
}

uint64_t dpc_begin(struct dpc *d)
{
    (void)d;
    return 0;
}

void dpc_put(struct dpc *d, const struct ipc_msg *m)
{
    (void)d;
    (void)m;
}

bool dpc_tell(struct dpc *d, const struct ipc_msg *m)
{
    (void)d;
    (void)m;
    return false;
}

const struct ipc_page *dpc_page(const struct dpc *d)
{
    (void)d;
    return roles_dp_attached ? &roles_dp_page : NULL;
}

const struct ipc_page *dpc_last_page(const struct dpc *d)
{
    return dpc_page(d);
}

/* ---- both sides and the wire ---- */

static struct now on_now(void *ctx)
{
    return loop_now(((struct side *)ctx)->loop);
}

static bool on_random(void *ctx, void *out, size_t len)
{
    return !((struct side *)ctx)->broken && rng_system(NULL, out, len);
}

static void on_send(void *ctx, const struct path *path, struct span bytes)
{
    struct side *s = ctx;
    struct net *net = s->net;
    struct datagram *d = &net->queue[net->n++];

    assert_true(net->n <= MAX_DATAGRAMS);
    *d = (struct datagram){.path = {.local = path->remote, .remote = path->local},
                           .to = s == &net->ks ? &net->gm : &net->ks,
                           .bytes = malloc(bytes.len),
                           .len = bytes.len};
    assert_non_null(d->bytes);
    memcpy(d->bytes, bytes.p, bytes.len);
}

/* Delivers the next datagram; false when there is none. */
static bool deliver(struct net *net)
{
    struct datagram *d = &net->queue[net->delivered];

    if (net->delivered == net->n)
        return false;
    net->delivered++;
    roles_datagram(d->to->roles, &d->path, span_of(d->bytes, d->len));
    free(d->bytes);
    return true;
}

static struct config *parse(const char *text)
{
    struct yaml_error e = {.text = ""};
    struct config *c = config_parse("test.yaml", text, strlen(text), &e);

    if (!c)
        print_error("%s\n", e.text);
    assert_non_null(c);
    return c;
}

#define IKE(own, peer)                                                                                                 \
    "gvpn: 1\n"                                                                                                        \
    "ike: {listen: [" own "], proposals: [{encryption: aes-256, hash: sha256, group: 19, auth: psk, lifetime: 24h}],"  \
    " pre-shared-keys: [{peer: " peer ", secret: \"0123456789abcdef0123456789abcdef\"}]}\n"
#define SETS                                                                                                           \
    "acls: {a: [\"permit ip 10.1.0.0/16 10.1.0.0/16\"], b: [\"permit ip 10.2.0.0/16 10.2.0.0/16\"]}\n"                 \
    "transform-sets: {t: {suite: aes-gcm-256}, u: {suite: aes-gcm-128}}\n"                                             \
    "profiles: {p: {transform-set: t, lifetime: 1h}, q: {transform-set: u, lifetime: 1h}}\n"
#define SERVER(name, id, profile, acl)                                                                                 \
    "  - {name: " name ", identity: " id ", key-server: {address: 10.0.0.1, authorize: {addresses: [\"permit any\"]},"   \
    " sa: [{number: 10, profile: " profile ", acl: " acl ", replay: none}]}}\n"
#define MEMBER(name, id, servers, pair)                                                                                \
    "  - {name: " name ", identity: " id ", member: {key-servers: [" servers "], data-plane: {pair: " pair "}}}\n"

static const char *const server_file = IKE("10.0.0.1", "10.0.0.2") SETS "groups:\n" SERVER("ONE", "484", "p", "a");
static const char *const member_file = IKE("10.0.0.2", "10.0.0.1") "groups:\n" MEMBER("ONE", "484", "10.0.0.1", "wan");

typedef const char *hear_fn(void *ctx, const void *owner, const struct addr *local, const struct endpoint *group,
                            const struct addr *source);

static void start_hearing(struct net *net, struct side *s, const char *text, hear_fn *hear)
{
    struct roles_settings settings = {.run_dir = "/nowhere", .clock_rate = 1, .hear = hear};

    s->net = net;
    s->loop = loop_new(1);
    assert_non_null(s->loop);
    s->config = parse(text);
    settings.loop = s->loop;
    settings.config = s->config;
    settings.env = (struct env){.ctx = s,
                                .now = on_now,
                                .send = on_send,
                                .random = on_random,
                                .timers = loop_timers(s->loop),
                                .real_timers = loop_real_timers(s->loop)};
    s->roles = roles_new(&settings, loop_now(s->loop));
    assert_non_null(s->roles);
}

static void start(struct net *net, struct side *s, const char *text)
{
    start_hearing(net, s, text, NULL);
}

static void stop(struct side *s)
{
    roles_free(s->roles);
    loop_free(s->loop);
    config_free(s->config);
}

/* As main does: the old one is freed when nothing may refer to it. */
static void reload(struct side *s, const char *text)
{
    char error[ROLES_ERROR_MAX];
    struct config *c = parse(text);

    assert_true(roles_reload(s->roles, c, error));
    memset(s->config->file, 0xee, sizeof(s->config->file));
    config_free(s->config);
    s->config = c;
}

__attribute__((unused)) static int set_up(void **state)
{
    struct net *net = test_calloc(1, sizeof(*net));

    roles_dp_attached = false;
    roles_dp_hello = NULL;
    start(net, &net->ks, server_file);
    start(net, &net->gm, member_file);
    *state = net;
    return 0;
}

static int tear_down(void **state)
{
    struct net *net = *state;

    stop(&net->ks);
    stop(&net->gm);
    while (net->delivered < net->n)
        free(net->queue[net->delivered++].bytes);
    test_free(net);
    return 0;
}

/* The data plane is there, as far as the membership knows. */
static void attach(struct net *net, size_t i)
{
    gm_attached(roles_member(net->gm.roles, i), 7, 1, loop_now(net->gm.loop));
}

static const struct policy *policy_at(struct net *net, size_t i)
{
    return gm_current_policy(roles_member(net->gm.roles, i));
}

__attribute__((unused)) static struct ks_group *group(struct net *net, const char *name)
{
    struct ks_group *g = ks_find(roles_ks(net->ks.roles), name);

    assert_non_null(g);
    return g;
}

#endif
