/* SPDX-License-Identifier: BSD-3-Clause */
/* A gateway as gvpnd would set it up: rules by port, SAs in turns. */
#include "tools/bench/bench.h"

#include "common/secret.h"

#include <rte_cycles.h>
#include <rte_malloc.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void die(const char *what)
{
    fprintf(stderr, "gvpn-bench: %s\n", what);
    exit(EXIT_FAILURE);
}

void bench_key(unsigned i, uint8_t key[BENCH_KEY_MAX])
{
    for (unsigned k = 0; k < BENCH_KEY_MAX; k++)
        key[k] = (uint8_t)(k * 11 + i * 29 + 1);
}

static void send_rules(struct bench_gateway *g, const struct bench_options *o, uint32_t *n_messages)
{
    const char *src = o->family == 6 ? "2001:db8:1::/48" : "10.1.0.0/16";
    const char *dst = o->family == 6 ? "2001:db8:2::/48" : "10.2.0.0/16";

    for (unsigned i = 0; i < o->rules; i++) {
        struct ipc_rule m = {.list = IPC_LIST_DOWNLOADED};
        uint16_t port = (uint16_t)(BENCH_PORT_FIRST + i);

        m.entry.permit = true;
        m.entry.sa = (uint16_t)(1 + i % o->sas);
        m.entry.number = (uint16_t)(i + 1);
        m.entry.sel.proto = 17;
        m.entry.sel.sport = (struct port_range){0, UINT16_MAX};
        m.entry.sel.dport = (struct port_range){port, port};
        if (!prefix_parse(src, &m.entry.sel.src) || !prefix_parse(dst, &m.entry.sel.dst))
            die("internal: prefix");
        snap_rule(g->store, &m);
        ++*n_messages;
    }
}

/* All gateways of a run have one clock: the TSC. */
static void send_time(struct bench_gateway *g, uint32_t spi, uint32_t *n_messages)
{
    struct ipc_time m = {.spi = spi, .pseudotime_ms = rte_rdtsc() / (g->tsc_hz / 1000)};

    snap_time(g->store, &m);
    ++*n_messages;
}

static void send_sas(struct bench_gateway *g, const struct bench_options *o, uint64_t sender, uint32_t *n_messages)
{
    const struct suite *suite = o->suite;

    for (unsigned i = 0; i < o->sas; i++) {
        struct ipc_sa m = {.number = (uint16_t)(1 + i),
                           .spi = 0x10000 + i,
                           .suite = (uint8_t)suite->id,
                           .receive = true,
                           .send = true,
                           .sid_bits = suite->counter_mode ? 24 : 0,
                           .end_in_ms = 24 * 3600 * 1000,
                           .n_senders = (uint16_t)(suite->counter_mode ? o->workers : 0)};
        uint8_t key[BENCH_KEY_MAX];

        bench_key(i, key);
        for (unsigned w = 0; w < m.n_senders; w++)
            m.senders[w].id = sender + w;
        if (!secret_set(&m.key, key, (size_t)suite->key_len + suite->salt_len) ||
            !secret_set(&m.integrity, key + BENCH_INTEGRITY, suite->integrity_len))
            die("internal: key length");
        m.replay = o->replay;
        m.metadata = o->replay == IPC_REPLAY_TIME ? IPC_META_TIME : 0;
        m.window = o->replay == IPC_REPLAY_TIME ? IPC_TIME_WINDOW_MAX_MS : o->replay == IPC_REPLAY_COUNTER ? 1024 : 0;
        m.strict_sender = o->strict;
        snap_sa(g->store, &m);
        ++*n_messages;
        if (o->replay == IPC_REPLAY_TIME)
            send_time(g, m.spi, n_messages);
    }
}

static void send_policy(struct bench_gateway *g, const struct bench_options *o, uint64_t sender)
{
    struct ipc_group group = {.state = IPC_GROUP_POLICY, .name = "bench"};
    struct ipc_bind bind = {.pair = "bench"};
    struct ipc_commit commit = {.epoch = 1, .n_messages = 2};
    char reason[IPC_TEXT_MAX];

    snap_begin(g->store, 1);
    snap_group(g->store, &group);
    snap_bind(g->store, &bind);
    send_rules(g, o, &commit.n_messages);
    send_sas(g, o, sender, &commit.n_messages);
    if (snap_commit(g->store, &commit, rte_rdtsc(), MONO_ZERO, reason) != IPC_OK)
        die(reason);
}

void bench_gateway_open(struct bench_gateway *g, const struct bench_options *o, const struct crypto_backend *crypto,
                        uint64_t sender)
{
    struct snap_config c = {.n_pairs = 1, .n_workers = o->workers, .crypto = crypto, .clock_rate = 1};

    memset(g, 0, sizeof *g);
    g->tsc_hz = rte_get_tsc_hz();
    g->page = rte_zmalloc("page", sizeof *g->page, 64);
    if (g->page == NULL)
        die("no memory");
    strcpy(g->pairs[0], "bench");
    strcpy(g->config.pairs[0].name, "bench");
    g->config.pairs[0].mtu = BENCH_MTU;
    g->config.n_pairs = 1;
    g->config.n_workers = o->workers;
    g->config.local_pair = -1;
    g->config.mss_clamp = true;
    g->config.tsc_hz = g->tsc_hz;
    c.pairs = (const char(*)[IPC_NAME_MAX])g->pairs;
    c.page = g->page;
    c.tsc_hz = g->tsc_hz;
    g->store = snap_store_new(&c);
    if (g->store == NULL)
        die("no memory");
    for (unsigned w = 0; w < o->workers; w++) {
        g->ctx[w] = pipeline_ctx_new(&g->config, g->store, w, crypto, SOCKET_ID_ANY);
        if (g->ctx[w] == NULL)
            die("no memory");
        snap_store_online(g->store, w);
    }
    send_policy(g, o, sender);
}

void bench_gateway_close(struct bench_gateway *g)
{
    for (unsigned w = 0; w < g->config.n_workers; w++) {
        snap_store_offline(g->store, w);
        pipeline_ctx_free(g->ctx[w]);
    }
    snap_store_free(g->store);
    rte_free(g->page);
}
