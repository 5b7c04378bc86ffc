/* SPDX-License-Identifier: BSD-3-Clause */
/* See rig.h. */
#include "tests/stage/rig.h"

#include "common/secret.h"
#include "dataplane/pmtu.h"

#include <rte_eal.h>
#include <rte_errno.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define POOL_SIZE 1023

static struct rte_mempool *the_pool;

void rig_start_eal(void)
{
    char *argv[] = {(char[]){"rig"},         (char[]){"--no-huge"},      (char[]){"--no-shconf"},
                    (char[]){"--no-pci"},    (char[]){"--no-telemetry"}, (char[]){"--iova-mode=va"},
                    (char[]){"-m"},          (char[]){"128"},            (char[]){"--log-level=3"},
                    (char[]){"-l"},          (char[]){"0"}};

    assert_true(rte_eal_init(sizeof argv / sizeof argv[0], argv) >= 0);
    the_pool = rte_pktmbuf_pool_create("rig", POOL_SIZE, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, 0);
    assert_non_null(the_pool);
}

void rig_open_with(struct rig *r, unsigned n_workers, const struct crypto_backend *crypto)
{
    struct snap_config c = {0};

    memset(r, 0, sizeof *r);
    assert_true(n_workers <= RIG_WORKERS_MAX);
    assert_non_null(crypto);
    r->pool = the_pool;
    r->crypto = crypto;
    r->n_workers = n_workers;
    r->now_tsc = 1000000000;
    r->page = aligned_alloc(64, (sizeof *r->page + 63) & ~(size_t)63);
    assert_non_null(r->page);
    memset(r->page, 0, sizeof *r->page);
    strcpy(r->pairs[0], "wan");
    strcpy(r->pairs[1], "dmz");
    c.n_pairs = 2;
    c.n_workers = n_workers;
    c.pairs = (const char(*)[IPC_NAME_MAX])r->pairs;
    c.crypto = crypto;
    c.page = r->page;
    c.tsc_hz = 1000000000;
    c.clock_rate = 1;
    r->store = snap_store_new(&c);
    assert_non_null(r->store);
    r->config.n_pairs = 2;
    r->config.n_workers = n_workers;
    r->config.pairs[0].mtu = r->config.pairs[1].mtu = 1500;
    r->config.local_pair = 0;
    r->config.tsc_hz = 1000000000;
    r->config.mss_clamp = true;
    r->config.pmtu = pmtu_new((const uint64_t[2]){1, 2});
    assert_non_null(r->config.pmtu);
    r->config.n_own = 2;
    assert_true(addr_parse("10.9.9.9", &r->config.own[0]));
    assert_true(addr_parse("2001:db8::9", &r->config.own[1]));
    for (unsigned w = 0; w < n_workers; w++) {
        r->ctx[w] = pipeline_ctx_new(&r->config, r->store, w, crypto, SOCKET_ID_ANY);
        assert_non_null(r->ctx[w]);
        snap_store_online(r->store, w);
    }
}

void rig_open(struct rig *r, unsigned n_workers)
{
    rig_open_with(r, n_workers, crypto_ipsec_mb());
}

void rig_close(struct rig *r)
{
    for (unsigned w = 0; w < r->n_workers; w++) {
        snap_store_offline(r->store, w);
        pipeline_ctx_free(r->ctx[w]);
    }
    snap_store_free(r->store);
    pmtu_free(r->config.pmtu);
    free(r->page);
    assert_int_equal(rte_mempool_avail_count(r->pool), POOL_SIZE);
}

void rig_begin(struct rig *r)
{
    r->n_messages = 0;
    snap_begin(r->store, ++r->epoch);
}

void rig_group(struct rig *r, unsigned index, const char *name, const char *pair, enum ipc_group_state state)
{
    rig_group_on(r, index, name, pair, 0, state);
}

void rig_group_on(struct rig *r, unsigned index, const char *name, const char *pair, unsigned vlan,
                  enum ipc_group_state state)
{
    struct ipc_group m = {.group = (uint16_t)index, .state = state};

    strcpy(m.name, name);
    r->n_messages++;
    snap_group(r->store, &m);
    rig_bind(r, index, pair, vlan);
}

void rig_bind(struct rig *r, unsigned index, const char *pair, unsigned vlan)
{
    struct ipc_bind m = {.group = (uint16_t)index, .vlan = (uint16_t)vlan};

    strcpy(m.pair, pair);
    r->n_messages++;
    snap_bind(r->store, &m);
}

void rig_rule(struct rig *r, unsigned group, enum ipc_list list, unsigned sa, const char *text)
{
    struct acl_entry entries[2];
    const char *error = NULL;
    size_t column = 0, n = acl_parse_entry(text, entries, &error, &column);

    if (n == 0)
        fail_msg("%s: %s", text, error);
    for (size_t i = 0; i < n; i++) {
        struct ipc_rule m = {.group = (uint16_t)group, .list = list, .entry = entries[i]};

        m.entry.sa = (uint16_t)sa;
        m.entry.number = (uint16_t)(r->n_messages + 1);
        r->n_messages++;
        snap_rule(r->store, &m);
    }
}

struct ipc_sa rig_sa_message(const struct rig *r, uint32_t spi, unsigned number, uint64_t first_sender)
{
    struct ipc_sa m = {.number = (uint16_t)number,
                       .spi = spi,
                       .suite = SUITE_AES_GCM_128,
                       .receive = true,
                       .send = true,
                       .sid_bits = 24,
                       .end_in_ms = 3600000,
                       .n_senders = (uint16_t)r->n_workers};
    uint8_t key[20];

    for (unsigned i = 0; i < sizeof key; i++)
        key[i] = (uint8_t)(spi * 31 + (spi >> 8) * 5 + i * 7);
    assert_true(secret_set(&m.key, key, sizeof key));
    for (unsigned w = 0; w < r->n_workers; w++)
        m.senders[w].id = first_sender + w;
    return m;
}

struct ipc_sa rig_suite_message(const struct rig *r, enum suite_id id, bool transport, uint32_t spi, unsigned number,
                                uint64_t first_sender)
{
    struct ipc_sa m = rig_sa_message(r, spi, number, first_sender);
    const struct suite *s = suite_by_id(id);
    uint8_t key[SECRET_MAX];

    for (unsigned i = 0; i < sizeof key; i++)
        key[i] = (uint8_t)(spi * 31 + id * 5 + i * 7);
    m.suite = (uint8_t)id;
    m.transport = transport;
    assert_true(secret_set(&m.key, key, (size_t)s->key_len + s->salt_len));
    assert_true(secret_set(&m.integrity, key + 64, s->integrity_len));
    if (!s->counter_mode) {
        m.sid_bits = 0;
        m.n_senders = 0;
    }
    return m;
}

void rig_sa(struct rig *r, const struct ipc_sa *m)
{
    r->n_messages++;
    snap_sa(r->store, m);
}

enum ipc_result rig_commit(struct rig *r)
{
    struct ipc_commit m = {r->epoch, r->n_messages};
    mono_t now = mono_ns((int64_t)r->now_tsc);
    enum ipc_result result = snap_commit(r->store, &m, r->now_tsc, now, r->reason);

    if (result != IPC_OK)
        return result;
    for (unsigned w = 0; w < r->n_workers; w++)
        snap_store_quiescent(r->store, w);
    assert_true(snap_store_settled(r->store));
    return result;
}

void rig_simple_policy(struct rig *r, uint64_t first_sender)
{
    struct ipc_sa sa = rig_sa_message(r, 0x1000, 10, first_sender);

    rig_simple_sa(r, &sa);
}

void rig_simple_sa(struct rig *r, const struct ipc_sa *sa)
{
    rig_begin(r);
    rig_group(r, 0, "g", "wan", IPC_GROUP_POLICY);
    rig_rule(r, 0, IPC_LIST_DOWNLOADED, 10, "deny udp any eq 848 any eq 848");
    rig_rule(r, 0, IPC_LIST_DOWNLOADED, 10, "permit ip 10.1.0.0/16 10.2.0.0/16");
    rig_rule(r, 0, IPC_LIST_DOWNLOADED, 10, "permit ip 10.2.0.0/16 10.1.0.0/16");
    rig_rule(r, 0, IPC_LIST_DOWNLOADED, 10, "permit ip 10.1.0.0/16 239.0.0.0/8");
    rig_rule(r, 0, IPC_LIST_DOWNLOADED, 10, "permit ip 2001:db8:1::/48 2001:db8:2::/48");
    rig_rule(r, 0, IPC_LIST_DOWNLOADED, 10, "permit ip 2001:db8:2::/48 2001:db8:1::/48");
    rig_rule(r, 0, IPC_LIST_DOWNLOADED, 10, "permit ip 2001:db8:1::/48 ff00::/8");
    rig_sa(r, sa);
    assert_int_equal(rig_commit(r), IPC_OK);
}

static struct rte_mbuf *mbuf_of(struct rig *r, const uint8_t *frame, size_t len)
{
    struct rte_mbuf *m = rte_pktmbuf_alloc(r->pool);
    char *data;

    assert_non_null(m);
    data = rte_pktmbuf_append(m, (uint16_t)len);
    assert_non_null(data);
    memcpy(data, frame, len);
    return m;
}

/* Finds where the mbuf went, copies it out and frees it. */
static void collect(struct pkt_vec *v, struct rte_mbuf *m, struct rig_result *out)
{
    for (unsigned k = 0; k < v->n_tx + v->n_punt; k++) {
        bool tx = k < v->n_tx;
        struct rte_mbuf *there = tx ? v->tx[k] : v->punt[k - v->n_tx];

        if (there != m)
            continue;
        assert_int_equal(out->len, 0); /* one owner only */
        assert_int_equal(out->verdict, tx ? v->tx_verdict[k] : v->punt_verdict[k - v->n_tx]);
        assert_int_equal(m->pkt_len, m->data_len);
        assert_true(m->data_len <= sizeof out->bytes);
        out->len = m->data_len;
        memcpy(out->bytes, rte_pktmbuf_mtod(m, const void *), m->data_len);
        rte_pktmbuf_free(m);
    }
}

/* Where a packet that went into lanes came out; nowhere: it was dropped, under a name that only the counters say. */
static void came_out(const struct pkt_vec *v, const struct pkt_vec *late, const struct rte_mbuf *m, struct rig_result *out)
{
    out->verdict = VERDICT_DROP_INTERNAL;
    out->to = PKT_TO_DROP;
    for (unsigned k = 0; k < 2; k++) {
        const struct pkt_vec *w = k == 0 ? v : late;

        for (unsigned i = 0; i < w->n_tx; i++)
            if (w->tx[i] == m) {
                out->verdict = (enum verdict)w->tx_verdict[i];
                out->to = PKT_TO_TX;
            }
        for (unsigned i = 0; i < w->n_punt; i++)
            if (w->punt[i] == m) {
                out->verdict = (enum verdict)w->punt_verdict[i];
                out->to = PKT_TO_PUNT;
            }
    }
}

/* The verdict of the one packet that was counted. */
static enum verdict counted_since(const struct pipeline_ctx *ctx, const uint64_t before[VERDICT_COUNT])
{
    enum verdict found = VERDICT_COUNT;

    for (unsigned k = 0; k < VERDICT_COUNT; k++)
        if (pipeline_counted(ctx, k) != before[k]) {
            assert_int_equal(pipeline_counted(ctx, k), before[k] + 1);
            assert_int_equal(found, VERDICT_COUNT);
            found = (enum verdict)k;
        }
    assert_int_not_equal(found, VERDICT_COUNT);
    return found;
}

void rig_run(struct rig *r, unsigned worker, bool inbound, bool local, unsigned n, const uint8_t *const frames[],
             const size_t lens[], struct rig_result results[])
{
    static struct pkt_vec v, late;
    struct rte_mbuf *sent[VEC_MAX];
    uint64_t before[VERDICT_COUNT];

    v.n = (uint16_t)n;
    v.pair = late.pair = 0;
    v.local = local;
    for (unsigned i = 0; i < n; i++)
        v.m[i] = sent[i] = mbuf_of(r, frames[i], lens[i]);
    for (unsigned k = 0; k < VERDICT_COUNT; k++)
        before[k] = pipeline_counted(r->ctx[worker], k);
    pipeline_begin(r->ctx[worker], r->now_tsc);
    late.n = late.n_tx = late.n_punt = 0;
    if (inbound) {
        pipeline_inbound(r->ctx[worker], &v);
        pipeline_inbound(r->ctx[worker], &late);
    } else {
        pipeline_outbound(r->ctx[worker], &v);
        pipeline_outbound(r->ctx[worker], &late);
    }
    pipeline_end(r->ctx[worker]);
    assert_int_equal(v.n, n); /* packets that are cut are for rig_all() */
    assert_int_equal(v.n_rest, 0);
    rte_pktmbuf_free_bulk(v.back, v.n_back);
    for (unsigned i = 0; i < n; i++) {
        results[i].verdict = (enum verdict)v.pkts[i].verdict;
        results[i].to = (enum pkt_to)v.pkts[i].to;
        results[i].tag = v.pkts[i].tag;
        results[i].len = 0;
        if (results[i].to == PKT_TO_LANES) {
            came_out(&v, &late, sent[i], &results[i]);
            if (results[i].to == PKT_TO_DROP && n == 1)
                results[i].verdict = counted_since(r->ctx[worker], before);
        }
        collect(&v, sent[i], &results[i]);
        collect(&late, sent[i], &results[i]);
        assert_int_equal(results[i].len == 0, results[i].to == PKT_TO_DROP);
    }
}

static void take_out(struct rte_mbuf *m, enum verdict verdict, enum pkt_to to, struct rig_result *out)
{
    assert_int_equal(m->pkt_len, m->data_len);
    assert_true(m->data_len <= sizeof out->bytes);
    out->verdict = verdict;
    out->to = to;
    out->len = m->data_len;
    memcpy(out->bytes, rte_pktmbuf_mtod(m, const void *), m->data_len);
    rte_pktmbuf_free(m);
}

static void take_vector(const struct pkt_vec *v, struct rig_out *out)
{
    assert_true(out->n_tx + v->n_tx <= RIG_OUT_MAX && out->n_back + v->n_back <= VEC_MAX);
    for (unsigned i = 0; i < v->n_tx; i++)
        take_out(v->tx[i], (enum verdict)v->tx_verdict[i], PKT_TO_TX, &out->tx[out->n_tx++]);
    for (unsigned i = 0; i < v->n_back; i++)
        take_out(v->back[i], VERDICT_SENT_ICMP_TOO_BIG, PKT_TO_TX, &out->back[out->n_back++]);
    for (unsigned i = 0; i < v->n_punt; i++)
        take_out(v->punt[i], (enum verdict)v->punt_verdict[i], PKT_TO_PUNT, &out->punt[out->n_punt++]);
}

static void run_vector(struct pipeline_ctx *ctx, bool inbound, struct pkt_vec *v, struct rig_out *out)
{
    if (inbound)
        pipeline_inbound(ctx, v);
    else
        pipeline_outbound(ctx, v);
    take_vector(v, out);
}

void rig_all(struct rig *r, unsigned worker, bool inbound, bool local, unsigned n, const uint8_t *const frames[],
             const size_t lens[], struct rig_out *out)
{
    static struct pkt_vec v;

    out->n_tx = out->n_back = out->n_punt = out->rounds = 0;
    v.n = (uint16_t)n;
    v.pair = 0;
    v.local = local;
    for (unsigned i = 0; i < n; i++)
        v.m[i] = mbuf_of(r, frames[i], lens[i]);
    pipeline_begin(r->ctx[worker], r->now_tsc);
    do {
        run_vector(r->ctx[worker], inbound, &v, out);
        out->rounds++;
    } while (vec_next(&v));
    v.n = 0; /* nothing comes: what waits in lanes goes */
    run_vector(r->ctx[worker], inbound, &v, out);
    pipeline_end(r->ctx[worker]);
}

struct rig_result rig_one(struct rig *r, bool inbound, const void *frame, size_t len)
{
    const uint8_t *frames[1] = {frame};
    struct rig_result result;

    rig_run(r, 0, inbound, false, 1, frames, &len, &result);
    return result;
}

void rig_expect(struct rig *r, bool inbound, const void *frame, size_t len, enum verdict verdict, enum pkt_to to)
{
    uint64_t before = rig_count(r, verdict);
    struct rig_result result = rig_one(r, inbound, frame, len);

    assert_string_equal(verdict_name(result.verdict), verdict_name(verdict));
    assert_int_equal(result.to, to);
    assert_int_equal(rig_count(r, verdict), before + 1);
}

struct rig_result rig_local(struct rig *r, const void *frame, size_t len)
{
    const uint8_t *frames[1] = {frame};
    struct rig_result result;

    rig_run(r, 0, false, true, 1, frames, &len, &result);
    return result;
}

uint64_t rig_count(const struct rig *r, enum verdict v)
{
    uint64_t sum = 0;

    for (unsigned w = 0; w < r->n_workers; w++) {
        assert_int_equal(pipeline_counted(r->ctx[w], v), atomic_load(&r->page->workers[w].packets[v]));
        sum += pipeline_counted(r->ctx[w], v);
    }
    return sum;
}

void rig_fix_checksum(uint8_t *frame)
{
    uint8_t *ip = frame + 14;
    uint32_t sum = 0;

    ip[10] = ip[11] = 0;
    for (unsigned i = 0; i < (ip[0] & 15u) * 4; i += 2)
        sum += (uint32_t)ip[i] << 8 | ip[i + 1];
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    ip[10] = (uint8_t)(~sum >> 8);
    ip[11] = (uint8_t)~sum;
}

size_t rig_ipv4(uint8_t *frame, const char *src, const char *dst, uint8_t proto, uint16_t sport, uint16_t dport,
                size_t ip_len)
{
    static const uint8_t start[14] = {2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0};
    struct addr a, b;
    uint8_t *ip = frame + 14;

    assert_true(addr_parse(src, &a) && addr_parse(dst, &b));
    memcpy(frame, start, sizeof start);
    for (size_t i = 0; i < ip_len; i++)
        ip[i] = (uint8_t)(i * 13);
    ip[0] = 0x45;
    ip[1] = 0xb8;
    ip[2] = (uint8_t)(ip_len >> 8);
    ip[3] = (uint8_t)ip_len;
    ip[6] = ip[7] = 0;
    ip[8] = 63;
    ip[9] = proto;
    memcpy(ip + 12, a.b, 4);
    memcpy(ip + 16, b.b, 4);
    if (ip_len >= 24) {
        ip[20] = (uint8_t)(sport >> 8);
        ip[21] = (uint8_t)sport;
        ip[22] = (uint8_t)(dport >> 8);
        ip[23] = (uint8_t)dport;
    }
    rig_fix_checksum(frame);
    return 14 + ip_len;
}

size_t rig_ipv6(uint8_t *frame, const char *src, const char *dst, uint8_t next, uint16_t sport, uint16_t dport,
                size_t ip_len)
{
    static const uint8_t start[14 + 4] = {2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x86, 0xdd, 0x6b, 0x81, 0x23, 0x45};
    struct addr a, b;
    uint8_t *ip = frame + 14;

    assert_true(addr_parse(src, &a) && addr_parse(dst, &b) && a.family == 6 && b.family == 6);
    for (size_t i = 0; i < ip_len; i++)
        ip[i] = (uint8_t)(i * 13);
    memcpy(frame, start, sizeof start);
    ip[4] = (uint8_t)((ip_len - 40) >> 8);
    ip[5] = (uint8_t)(ip_len - 40);
    ip[6] = next;
    ip[7] = 63;
    memcpy(ip + 8, a.b, 16);
    memcpy(ip + 24, b.b, 16);
    if (ip_len >= 44) {
        ip[40] = (uint8_t)(sport >> 8);
        ip[41] = (uint8_t)sport;
        ip[42] = (uint8_t)(dport >> 8);
        ip[43] = (uint8_t)dport;
    }
    return 14 + ip_len;
}

size_t rig_tag(uint8_t *frame, size_t len, uint16_t tpid, uint16_t tci)
{
    memmove(frame + 16, frame + 12, len - 12);
    frame[12] = (uint8_t)(tpid >> 8);
    frame[13] = (uint8_t)tpid;
    frame[14] = (uint8_t)(tci >> 8);
    frame[15] = (uint8_t)tci;
    return len + 4;
}
