/* SPDX-License-Identifier: BSD-3-Clause */
/* A gateway as gvpnd would set it up, and the packets for it: 256 UDP flows spread over rules and SAs. */
#include "tools/bench/bench.h"

#include "common/secret.h"
#include "dataplane/core/esp.h"

#include <rte_cycles.h>
#include <rte_malloc.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PORT_FIRST 5000

static void die(const char *what)
{
    fprintf(stderr, "gvpn-bench: %s\n", what);
    exit(EXIT_FAILURE);
}

/* Which rule a flow hits: flows go round the rules, or are spread over them when those are more. */
static unsigned rule_of(unsigned flow, const struct bench_options *o)
{
    return o->rules <= BENCH_FLOWS ? flow % o->rules : flow * o->rules / BENCH_FLOWS;
}

void bench_key(unsigned i, uint8_t key[36])
{
    for (unsigned k = 0; k < 36; k++)
        key[k] = (uint8_t)(k * 11 + i * 29 + 1);
}

static void send_rules(struct bench_gateway *g, uint32_t *n_messages)
{
    for (unsigned i = 0; i < g->options->rules; i++) {
        struct ipc_rule m = {.list = IPC_LIST_DOWNLOADED};
        uint16_t port = (uint16_t)(PORT_FIRST + i);

        m.entry.permit = true;
        m.entry.sa = (uint16_t)(1 + i % g->options->sas);
        m.entry.number = (uint16_t)(i + 1);
        m.entry.sel.proto = 17;
        m.entry.sel.sport = (struct port_range){0, UINT16_MAX};
        m.entry.sel.dport = (struct port_range){port, port};
        if (!prefix_parse("10.1.0.0/16", &m.entry.sel.src) || !prefix_parse("10.2.0.0/16", &m.entry.sel.dst))
            die("internal: prefix");
        snap_rule(g->store, &m);
        ++*n_messages;
    }
}

static void send_sas(struct bench_gateway *g, uint64_t sender, uint32_t *n_messages)
{
    const struct suite *suite = g->options->suite;

    for (unsigned i = 0; i < g->options->sas; i++) {
        struct ipc_sa m = {.number = (uint16_t)(1 + i),
                           .spi = 0x10000 + i,
                           .suite = (uint8_t)suite->id,
                           .receive = true,
                           .send = true,
                           .sid_bits = 24,
                           .end_in_ms = 24 * 3600 * 1000,
                           .n_senders = 1};
        uint8_t key[36];

        bench_key(i, key);
        m.senders[0].id = sender;
        if (!secret_set(&m.key, key, (size_t)suite->key_len + suite->salt_len))
            die("internal: key length");
        snap_sa(g->store, &m);
        ++*n_messages;
    }
}

static void send_policy(struct bench_gateway *g, uint64_t sender)
{
    struct ipc_group group = {.state = IPC_GROUP_POLICY, .name = "bench"};
    struct ipc_bind bind = {.pair = "bench"};
    struct ipc_commit commit = {.epoch = 1, .n_messages = 2};
    char reason[IPC_TEXT_MAX];

    snap_begin(g->store, 1);
    snap_group(g->store, &group);
    snap_bind(g->store, &bind);
    send_rules(g, &commit.n_messages);
    send_sas(g, sender, &commit.n_messages);
    if (snap_commit(g->store, &commit, rte_rdtsc(), MONO_ZERO, reason) != IPC_OK)
        die(reason);
}

void bench_gateway_open(struct bench_gateway *g, const struct bench_options *o, const struct crypto_backend *crypto,
                        struct rte_mempool *pool, uint64_t sender)
{
    struct snap_config c = {.n_pairs = 1, .n_workers = 1, .crypto = crypto, .clock_rate = 1};

    memset(g, 0, sizeof *g);
    g->options = o;
    g->pool = pool;
    g->tsc_hz = rte_get_tsc_hz();
    g->page = rte_zmalloc("page", sizeof *g->page, 64);
    if (g->page == NULL)
        die("no memory");
    strcpy(g->pairs[0], "bench");
    strcpy(g->config.pairs[0].name, "bench");
    g->config.pairs[0].mtu = 1500;
    g->config.n_pairs = g->config.n_workers = 1;
    g->config.local_pair = -1;
    c.pairs = (const char(*)[IPC_NAME_MAX])g->pairs;
    c.page = g->page;
    c.tsc_hz = g->tsc_hz;
    g->store = snap_store_new(&c);
    if (g->store == NULL)
        die("no memory");
    g->ctx = pipeline_ctx_new(&g->config, g->store, 0, crypto, SOCKET_ID_ANY);
    if (g->ctx == NULL)
        die("no memory");
    snap_store_online(g->store, 0);
    send_policy(g, sender);
}

void bench_gateway_close(struct bench_gateway *g)
{
    snap_store_offline(g->store, 0);
    pipeline_ctx_free(g->ctx);
    snap_store_free(g->store);
    rte_free(g->page);
}

unsigned bench_packet_len(unsigned index, unsigned size)
{
    static const uint16_t imix[12] = {64, 570, 64, 64, 570, 64, 1418, 64, 570, 64, 570, 64};

    return size == BENCH_IMIX ? imix[index % 12] : size;
}

double bench_mean_len(unsigned size)
{
    double sum = 0;

    for (unsigned i = 0; i < 12; i++)
        sum += bench_packet_len(i, size);
    return sum / 12;
}

static void put_clear(uint8_t *frame, unsigned index, unsigned ip_len, const struct bench_options *o)
{
    static const uint8_t l2[L2_LEN] = {2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0};
    unsigned flow = index % BENCH_FLOWS;
    uint8_t *ip = frame + L2_LEN;
    uint8_t head[IPV4_LEN] = {0x45, 0, (uint8_t)(ip_len >> 8), (uint8_t)ip_len, 0x12, 0x34, 0x40, 0, 64, 17,
                              0,    0, 10,                     1,               0,    1,    10, 2, 0,  1};

    memcpy(frame, l2, sizeof l2);
    for (unsigned i = 0; i < ip_len; i++)
        ip[i] = (uint8_t)(i * 7 + index);
    head[15] = (uint8_t)(1 + flow % 200);
    head[19] = (uint8_t)(1 + flow / 2 % 200);
    memcpy(ip, head, sizeof head);
    store16(ip + 10, (uint16_t)~sum_fold(sum_ipv4(ip)));
    store16_be(ip + IPV4_LEN, (uint16_t)(1024 + flow));
    store16_be(ip + IPV4_LEN + 2, (uint16_t)(PORT_FIRST + rule_of(flow, o)));
}

void bench_packet_make(struct bench_packet *p, unsigned index, unsigned size, const struct bench_options *o)
{
    unsigned ip_len = bench_packet_len(index, size);

    p->clear_len = (uint16_t)(L2_LEN + ip_len);
    p->text_len = (uint16_t)esp_text_len(ip_len);
    p->sa = (uint16_t)(rule_of(index % BENCH_FLOWS, o) % o->sas);
    p->inner = malloc(p->clear_len);
    p->frame = malloc(L2_LEN + esp_outer_len(L3_IPV4, ip_len));
    if (p->inner == NULL || p->frame == NULL)
        die("no memory");
    put_clear(p->inner, index, ip_len, o);
    memcpy(p->frame, p->inner, p->clear_len);
    p->len = p->clear_len;
}

void bench_packets_free(struct bench_packet *p)
{
    for (unsigned i = 0; i < BENCH_PACKETS; i++) {
        free(p[i].inner);
        free(p[i].frame);
    }
}
