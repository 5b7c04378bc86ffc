/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Any frames through the whole packet path on real mbufs: parse, reasm, esp_rx, esp_any, classify, fit, esp_tx. Nothing that the
 * policy wants encrypted crosses in clear in either direction, every frame gets a verdict, no buffer is lost; and with ASan no
 * octet around a frame is touched that the path has no business with.
 *
 * The input: 1 octet, enum way, then items: length 2 (little endian) | kind | how | that many octets. An item is a frame as it is,
 * or (SEALED) what stands between an ESP header and an ICV, sealed by one of our keys behind an outer header that fits it.
 */
#include "common/secret.h"
#include "dataplane/core/meta.h"
#include "tests/fuzz/fuzz.h"
#include "tests/stage/rig.h"

#include <string.h>

#if defined(__SANITIZE_ADDRESS__)
#define WITH_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WITH_ASAN 1
#endif
#endif

#ifdef WITH_ASAN
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(at, size)   ((void)(at), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(at, size) ((void)(at), (void)(size))
#endif

enum way { INBOUND = 1, INLINE_TAGS = 2, FROM_TAP = 4 };
enum kind { KEY = 0x0f, TAGGED = 0x10, WITH_META = 0x20, SIX = 0x40, SEALED = 0x80 };
enum how { ECN = 3, WRONG_ICV = 4, CHAIN = 8, SHARED = 16, FAR = 32, REPLAYED = 64 };

#define ITEMS      8
#define POOL_SIZE  511
#define BUFFER     (RTE_PKTMBUF_HEADROOM + 9216)
#define FOREIGN_ID 0xabcdefULL
/* What may be written around a frame that leaves: IPv6 header, ESP header, IV and metadata; padding, trailer and ICV. */
#define FRONT_MAX  (40 + 8 + 16 + 16)
#define BEHIND_MAX (17 + 32)

static const struct {
    enum suite_id suite;
    bool transport;
    enum ipc_replay replay;
    uint32_t window;
    uint8_t metadata;
    bool strict;
} keys[] = {
    {SUITE_AES_GCM_128, false, IPC_REPLAY_NONE, 0, 0, false},
    {SUITE_AES_GCM_256, false, IPC_REPLAY_TIME, 10000, IPC_META_TIME | IPC_META_TAG, true},
    {SUITE_AES_GMAC_192, false, IPC_REPLAY_NONE, 0, IPC_META_TAG, false},
    {SUITE_CHACHA20_POLY1305, false, IPC_REPLAY_COUNTER, 64, 0, false},
    {SUITE_AES_CBC_128_SHA256, false, IPC_REPLAY_TIME, 10000, IPC_META_TIME, false},
    {SUITE_NULL_SHA1, false, IPC_REPLAY_NONE, 0, 0, false},
    {SUITE_3DES_SHA1, false, IPC_REPLAY_COUNTER, 64, 0, false},
    {SUITE_AES_CBC_256_SHA512, true, IPC_REPLAY_NONE, 0, 0, false},
    {SUITE_AES_GCM_192, true, IPC_REPLAY_NONE, 0, 0, false},
};
#define N_KEYS (sizeof keys / sizeof keys[0])

static struct rig rig;
static struct rte_mempool *pool;
static struct crypto_key sealers[N_KEYS];
static void *sealing_lanes;
static struct ipc_sa messages[N_KEYS];
static struct rte_mbuf *watched[ITEMS];
static unsigned n_watched;
static uint32_t number; /* of a sealed packet: no two have the same */

static uint32_t spi_of(unsigned key)
{
    return 0x1000 + key;
}

/* 10.1.K.0/24 to 10.2.K.0/24 and the like is what key K protects. */
static void add_rules(unsigned key)
{
    char text[96];

    snprintf(text, sizeof text, "permit ip 10.1.%u.0/24 10.2.%u.0/24", key, key);
    rig_rule(&rig, 0, IPC_LIST_DOWNLOADED, 10 + key, text);
    snprintf(text, sizeof text, "permit ip 2001:db8:1:%u::/64 2001:db8:2:%u::/64", key, key);
    rig_rule(&rig, 0, IPC_LIST_DOWNLOADED, 10 + key, text);
}

/* LeakSanitizer doesn't look into the memory of DPDK, which points to what these free. */
static void tear_down(void)
{
    rig.crypto->lanes_free(sealing_lanes);
    rig_close(&rig);
}

static void set_up(void)
{
    rig_start_eal();
    atexit(tear_down);
    pool = rte_pktmbuf_pool_create("fuzz", POOL_SIZE, 0, 0, BUFFER, 0);
    MUST(pool != NULL);
    rig_open(&rig, 1);
    rig_begin(&rig);
    rig_group(&rig, 0, "g", "wan", IPC_GROUP_POLICY);
    for (unsigned k = 0; k < N_KEYS; k++) {
        struct ipc_sa *m = &messages[k];

        *m = rig_suite_message(&rig, keys[k].suite, keys[k].transport, spi_of(k), 10 + k, 1);
        m->replay = keys[k].replay;
        m->window = keys[k].window;
        m->metadata = keys[k].metadata;
        m->strict_sender = keys[k].strict;
        m->end_in_ms = 1000ULL * 3600 * 24 * 365;
        add_rules(k);
        rig_sa(&rig, m);
        if (keys[k].replay == IPC_REPLAY_TIME) {
            struct ipc_time t = {0, spi_of(k), 1000000};

            rig.n_messages++;
            snap_time(rig.store, &t);
        }
        MUST(rig.crypto->key_set(&sealers[k], suite_by_id(keys[k].suite), m->key.b, m->integrity.b));
    }
    MUST(rig_commit(&rig) == IPC_OK);
    sealing_lanes = rig.crypto->lanes_new();
    MUST(sealing_lanes != NULL);
}

/* ---- frames ---- */

static void put_addresses(uint8_t *ip, bool six, unsigned key)
{
    static const uint8_t four[8] = {10, 1, 0, 1, 10, 2, 0, 1};
    static const uint8_t v6[8] = {0x20, 1, 0x0d, 0xb8, 0, 1, 0, 0};

    if (!six) {
        memcpy(ip + 12, four, 8);
        ip[14] = ip[18] = (uint8_t)key;
        return;
    }
    memset(ip + 8, 0, 32);
    memcpy(ip + 8, v6, 8);
    memcpy(ip + 24, v6, 8);
    ip[29] = 2;
    ip[15] = ip[31] = (uint8_t)key;
    ip[23] = ip[39] = 1;
}

/* Ethernet and outer header for an ESP packet of esp_len octets. Returns how many octets they have. */
static size_t put_front(uint8_t *frame, uint8_t kind, uint8_t how, size_t esp_len)
{
    static const uint8_t macs[12] = {2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1};
    uint8_t *at = frame + 12;
    size_t head = kind & SIX ? 40 : 20;

    memcpy(frame, macs, 12);
    if (kind & TAGGED) {
        memcpy(at, "\x81\0\0\7", 4);
        at += 4;
    }
    memcpy(at, kind & SIX ? "\x86\xdd" : "\x08\0", 2);
    at += 2;
    memset(at, 0, head);
    put_addresses(at, kind & SIX, (kind & KEY) % N_KEYS);
    if (kind & SIX) {
        store16_be(at, (uint16_t)(0x6000 | (how & ECN) << 4));
        store16_be(at + 4, (uint16_t)esp_len);
        at[6] = 50;
        at[7] = 64;
    } else {
        at[0] = 0x45;
        at[1] = how & ECN;
        store16_be(at + 2, (uint16_t)(head + esp_len));
        at[8] = 64;
        at[9] = 50;
        store16(at + 10, (uint16_t)~sum_fold(sum_ipv4(at)));
    }
    return (size_t)(at - frame) + head;
}

static void seal(unsigned key, uint8_t *esp, uint32_t text_len)
{
    struct crypto_job job = {.key = &sealers[key], .esp = esp, .len = text_len};

    if (suite_by_id(keys[key].suite)->counter_mode) {
        memcpy(job.nonce, messages[key].key.b + messages[key].key.len - 4, 4);
        memcpy(job.nonce + 4, esp + 8, 8);
    }
    rig.crypto->submit(sealing_lanes, &job);
    rig.crypto->flush(sealing_lanes);
    MUST(job.done && job.ok);
}

/* A frame with what an item says in an ESP packet of ours. Returns its length, 0 when there is no such packet. */
static size_t put_sealed(uint8_t *frame, uint8_t kind, uint8_t how, const uint8_t *text, size_t len)
{
    unsigned key = (kind & KEY) % N_KEYS;
    const struct suite *s = suite_by_id(keys[key].suite);
    uint32_t head_len = kind & WITH_META ? meta_len(keys[key].metadata) : 0;
    size_t text_len = (head_len + len) / s->align * s->align, front;
    uint64_t now_ms = 1000000 + (rig.now_tsc - 1000000000) / RIG_MS;
    uint8_t *esp;

    if (text_len == 0)
        return 0;
    len = text_len - head_len;
    front = put_front(frame, kind, how, 8u + s->iv_len + text_len + s->icv_len);
    esp = frame + front;
    number += how & REPLAYED ? 0 : 1;
    store32(esp, __builtin_bswap32(spi_of(key)));
    store32(esp + 4, __builtin_bswap32(number));
    if (s->iv_len >= 8)
        store64(esp + 8, __builtin_bswap64(FOREIGN_ID << 40 | number));
    if (s->iv_len == 16)
        store64(esp + 16, number);
    if (head_len != 0)
        meta_put(esp + 8 + s->iv_len, keys[key].metadata, kind & SIX ? 41 : 4, now_ms - (how & FAR ? 10001 : 0), 77);
    memcpy(esp + 8 + s->iv_len + head_len, text, len);
    seal(key, esp, (uint32_t)text_len);
    if (how & WRONG_ICV)
        esp[8u + s->iv_len + text_len] ^= 1;
    return front + 8u + s->iv_len + text_len + s->icv_len;
}

/* ---- buffers ---- */

/* Pieces are put together in the buffer of the last one. */
static bool may_be_piece(const uint8_t *frame, size_t len)
{
    size_t at = 12;

    while (at + 4 < len && (load16_be(frame + at) == 0x8100 || load16_be(frame + at) == 0x88a8 || load16_be(frame + at) == 0x9100))
        at += 4;
    if (len < at + 2 + 20)
        return false;
    return load16_be(frame + at) == 0x86dd ? frame[at + 8] == 44 : (load16_be(frame + at + 8) & 0x3fff) != 0;
}

static void watch(struct rte_mbuf *m, bool inbound)
{
    uint8_t *buffer = m->buf_addr, *data = rte_pktmbuf_mtod(m, uint8_t *), *end = data + m->data_len;
    size_t front = (size_t)(data - buffer), behind = m->buf_len - front - m->data_len;

    if (inbound && may_be_piece(data, m->data_len))
        return;
    watched[n_watched++] = m;
    if (!inbound) {
        size_t room = behind < BEHIND_MAX ? behind : BEHIND_MAX;

        front -= FRONT_MAX;
        end += room;
        behind -= room;
    }
    ASAN_POISON_MEMORY_REGION(buffer, front);
    ASAN_POISON_MEMORY_REGION(end, behind);
}

static void unwatch(void)
{
    for (unsigned i = 0; i < n_watched; i++)
        ASAN_UNPOISON_MEMORY_REGION(watched[i]->buf_addr, watched[i]->buf_len);
    n_watched = 0;
}

static struct rte_mbuf *segment(const uint8_t *p, size_t len)
{
    struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
    char *to = m != NULL ? rte_pktmbuf_append(m, (uint16_t)len) : NULL;

    MUST(to != NULL);
    memcpy(to, p, len);
    return m;
}

/* A frame as a driver may hand it over. */
static struct rte_mbuf *buffer_of(const uint8_t *frame, size_t len, uint8_t how, bool inbound)
{
    struct rte_mbuf *m = segment(frame, how & CHAIN ? len / 2 : len);

    if (how & CHAIN)
        MUST(rte_pktmbuf_chain(m, segment(frame + len / 2, len - len / 2)) == 0);
    else if (!(how & SHARED))
        watch(m, inbound);
    return m;
}

/* ---- judgement: with a parser of its own, which knows less and suspects more ---- */

/* Does an IP packet of a flow that has to be encrypted stand in this frame? */
static bool is_protected_flow(const uint8_t *frame, size_t len)
{
    static const uint8_t from[6] = {0x20, 1, 0x0d, 0xb8, 0, 1}, to[6] = {0x20, 1, 0x0d, 0xb8, 0, 2};
    size_t at = 12;
    const uint8_t *ip;

    while (at + 4 < len && (load16_be(frame + at) == 0x8100 || load16_be(frame + at) == 0x88a8 || load16_be(frame + at) == 0x9100))
        at += 4;
    if (len < at + 2)
        return false;
    ip = frame + at + 2;
    if (load16_be(frame + at) == 0x0800 && len >= at + 2 + 20)
        return ip[12] == 10 && ip[13] == 1 && ip[16] == 10 && ip[17] == 2 && ip[14] == ip[18] && ip[14] < N_KEYS;
    if (load16_be(frame + at) == 0x86dd && len >= at + 2 + 40)
        return memcmp(ip + 8, from, 6) == 0 && memcmp(ip + 24, to, 6) == 0 && ip[14] == 0 && ip[30] == 0 && ip[15] == ip[31] &&
               ip[15] < N_KEYS && !(ip[6] == 58 && ip[7] == 255);
    return false;
}

/* The IP header of a frame, behind its tags. */
static const uint8_t *ip_of(const struct rte_mbuf *m, size_t *left)
{
    const uint8_t *frame = rte_pktmbuf_mtod(m, const uint8_t *);
    size_t at = 12;

    while (l2_is_tpid(load16(frame + at)))
        at += 4;
    if (load16_be(frame + at) == 0x8909)
        at += 8;
    *left = m->data_len - at - 2;
    return frame + at + 2;
}

static void judge(const struct rte_mbuf *m, enum verdict verdict, bool inbound)
{
    const uint8_t *frame = rte_pktmbuf_mtod(m, const uint8_t *), *ip;
    size_t left;
    struct l3 h;

    MUST(m->data_len == m->pkt_len && m->nb_segs == 1 && m->data_off + m->data_len <= m->buf_len);
    if (is_protected_flow(frame, m->data_len))
        MUST(verdict == (inbound ? VERDICT_RECEIVED_DECRYPTED : VERDICT_SENT_ENCRYPTED) || verdict == VERDICT_LOCAL);
    if (verdict != VERDICT_SENT_ENCRYPTED && verdict != VERDICT_RECEIVED_DECRYPTED)
        return;
    ip = ip_of(m, &left);
    if (ip[0] >> 4 == 6)
        l3_parse_ipv6(ip, left, &h);
    else
        l3_parse_ipv4(ip, left, &h);
    MUST(h.len == left && (h.flaw == L3_OK || (inbound && h.flaw == L3_FRAGMENT)));
    MUST(inbound || (h.extra == 0 && l3_proto(&h) == IPPROTO_ESP_OCTET && h.len <= rig.config.pairs[0].mtu));
}

static uint64_t counted(void)
{
    uint64_t sum = 0;

    for (unsigned k = 0; k < VERDICT_COUNT; k++)
        sum += k == VERDICT_SENT_ICMP_TOO_BIG ? 0 : pipeline_counted(rig.ctx[0], k);
    return sum;
}

static void release(struct rte_mbuf **m, const uint8_t *verdicts, unsigned n, bool inbound)
{
    for (unsigned i = 0; i < n; i++) {
        if (verdicts != NULL)
            judge(m[i], (enum verdict)verdicts[i], inbound);
        rte_pktmbuf_free(m[i]);
    }
}

static void run(struct pkt_vec *v, bool inbound)
{
    uint64_t before = counted(), n = v->n;

    pipeline_begin(rig.ctx[0], rig.now_tsc);
    do {
        if (inbound)
            pipeline_inbound(rig.ctx[0], v);
        else
            pipeline_outbound(rig.ctx[0], v);
        release(v->tx, v->tx_verdict, v->n_tx, inbound);
        release(v->punt, NULL, v->n_punt, inbound);
        release(v->back, NULL, v->n_back, inbound);
    } while (vec_next(v));
    v->n = 0; /* idle: what waits in lanes comes out */
    if (inbound)
        pipeline_inbound(rig.ctx[0], v);
    else
        pipeline_outbound(rig.ctx[0], v);
    release(v->tx, v->tx_verdict, v->n_tx, inbound);
    release(v->punt, NULL, v->n_punt, inbound);
    pipeline_end(rig.ctx[0]);
    MUST(inbound ? counted() - before == n : counted() - before >= n);
    MUST(pipeline_counted(rig.ctx[0], VERDICT_DROP_INTERNAL) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t frame[65536 + 256];
    static struct pkt_vec v;
    struct rte_mbuf *kept[ITEMS];
    unsigned n_kept = 0;
    bool inbound;

    if (pool == NULL)
        set_up();
    if (size < 1)
        return 0;
    inbound = data[0] & INBOUND;
    rig.config.pairs[0].sgt_inline = data[0] & INLINE_TAGS;
    v.local = !inbound && data[0] & FROM_TAP;
    v.pair = 0;
    v.n = 0;
    rig.now_tsc += 2000 * RIG_MS; /* pieces of the input before are out of time */
    for (data++, size--; size >= 4 && v.n < ITEMS;) {
        size_t len = load16(data), n;
        uint8_t kind = data[2], how = data[3];

        data += 4;
        size -= 4;
        len = len < size ? len : size;
        n = kind & SEALED ? put_sealed(frame, kind, how, data, len < 9000 ? len : 9000) : len;
        if (!(kind & SEALED))
            memcpy(frame, data, len);
        data += len;
        size -= len;
        if (n < 14 || n > BUFFER - RTE_PKTMBUF_HEADROOM) /* no driver hands over less than an Ethernet header */
            continue;
        v.m[v.n++] = buffer_of(frame, n, how, inbound);
        if (how & SHARED) {
            rte_pktmbuf_refcnt_update(v.m[v.n - 1], 1);
            kept[n_kept++] = v.m[v.n - 1];
        }
    }
    if (v.n > 0)
        run(&v, inbound);
    unwatch();
    rte_pktmbuf_free_bulk(kept, n_kept);
    MUST(rte_mempool_avail_count(pool) == POOL_SIZE);
    return 0;
}
