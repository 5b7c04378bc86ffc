/* SPDX-License-Identifier: BSD-3-Clause */
/* Between mbufs and the table. A held fragment that is lost later is counted over from held_fragment to its reason. */
#include "dataplane/reasm.h"

#include "dataplane/core/reasm.h"

#include <rte_mbuf.h>
#include <rte_random.h>

#define SWEEPS 4 /* in the time that a datagram has */

static uint64_t timeout_of(const struct pipeline_ctx *ctx)
{
    return ctx->config->tsc_hz / 1000 * REASM_TIMEOUT_MS;
}

bool reasm_open(struct pipeline_ctx *ctx)
{
    uint64_t secret[2] = {rte_rand(), rte_rand()};
    uint32_t largest = 0;

    for (unsigned i = 0; i < ctx->config->n_pairs; i++)
        if (ctx->config->pairs[i].mtu > largest)
            largest = ctx->config->pairs[i].mtu;
    largest += REASM_ROOM;
    ctx->reasm = reasm_new(largest < REASM_PAYLOAD_MAX ? largest : REASM_PAYLOAD_MAX, timeout_of(ctx), secret);
    ctx->reasm_due = UINT64_MAX;
    return ctx->reasm != NULL;
}

void reasm_close(struct pipeline_ctx *ctx)
{
    reasm_free(ctx->reasm);
}

static void count_over(struct pipeline_ctx *ctx, enum verdict verdict, unsigned n)
{
    if (n == 0)
        return;
    pipeline_uncount(ctx, VERDICT_HELD_FRAGMENT, n);
    pipeline_count(ctx, verdict, n);
}

static void count_lost(struct pipeline_ctx *ctx, const struct reasm_lost *lost)
{
    count_over(ctx, VERDICT_DROP_REASSEMBLY_TIMEOUT, lost->timeout);
    count_over(ctx, VERDICT_DROP_REASSEMBLY_LIMIT, lost->limit);
    count_over(ctx, VERDICT_DROP_REASSEMBLY_OVERLAP, lost->overlap);
    count_over(ctx, VERDICT_DROP_ECN, lost->ecn);
}

static void read4(const struct pkt *p, struct reasm_key *key, struct reasm_fragment *f)
{
    uint16_t frag = load16_be(p->l3 + 6);

    memcpy(key->addrs, p->l3 + 12, 8);
    key->id = l3_id_be(&p->h);
    key->family = 4;
    f->header_len = IPV4_LEN;
    f->offset = (frag & 0x1fffu) * 8;
    f->more = frag & 0x2000;
}

static void read6(const struct pkt *p, struct reasm_key *key, struct reasm_fragment *f)
{
    const uint8_t *header = p->l3 + IPV6_LEN;

    memcpy(key->addrs, p->l3 + 8, 32);
    key->id = load32(header + 4);
    key->family = 6;
    f->header_len = IPV6_LEN;
    f->offset = load16_be(header + 2) & 0xfff8u;
    f->more = header[3] & 1;
}

static enum reasm_result add(struct pipeline_ctx *ctx, unsigned pair, const struct pkt *p, struct reasm_whole *whole)
{
    struct reasm_key key = {.pair = (uint8_t)pair, .vlan = p->vlan};
    struct reasm_fragment f = {.header = p->l3};
    struct reasm_lost lost = {0};
    enum reasm_result result;

    if (p->h.kind == L3_IPV6)
        read6(p, &key, &f);
    else
        read4(p, &key, &f);
    f.payload = p->l3 + l3_payload_at(&p->h);
    f.len = p->h.len - l3_payload_at(&p->h);
    f.ecn = l3_tos(&p->h) & 3;
    result = reasm_add(ctx->reasm, &key, &f, ctx->now_tsc, whole, &lost);
    count_lost(ctx, &lost);
    return result;
}

/* The header of the first fragment becomes that of a whole packet of ESP. */
static void fix_header(uint8_t *ip, const struct reasm_whole *whole)
{
    if (whole->header_len == IPV6_LEN) {
        ip[1] = (uint8_t)((ip[1] & ~0x30) | whole->ecn << 4);
        store16_be(ip + 4, (uint16_t)whole->payload_len);
        ip[6] = IPPROTO_ESP_OCTET;
        return;
    }
    ip[1] = (uint8_t)((ip[1] & ~3) | whole->ecn);
    store16_be(ip + 2, (uint16_t)(IPV4_LEN + whole->payload_len));
    store16(ip + 6, 0);
    store16(ip + 10, 0);
    store16(ip + 10, (uint16_t)~sum_fold(sum_ipv4(ip)));
}

/* Writes the whole packet into the buffer of the fragment that came last, behind its own Ethernet header. */
static enum verdict write_whole(struct rte_mbuf *m, struct pkt *p, const struct reasm_whole *whole)
{
    uint32_t len = p->l2_len + whole->header_len + whole->payload_len;
    uint8_t l2[L2_MAX_LEN], *frame;

    if (RTE_PKTMBUF_HEADROOM + len > m->buf_len)
        return VERDICT_DROP_REASSEMBLY_LIMIT;
    memcpy(l2, p->l3 - p->l2_len, p->l2_len);
    m->data_off = RTE_PKTMBUF_HEADROOM;
    m->data_len = (uint16_t)len;
    m->pkt_len = len;
    frame = rte_pktmbuf_mtod(m, uint8_t *);
    memcpy(frame, l2, p->l2_len);
    p->l3 = frame + p->l2_len;
    memcpy(p->l3, whole->header, whole->header_len);
    memcpy(p->l3 + whole->header_len, whole->payload, whole->payload_len);
    fix_header(p->l3, whole);
    if (whole->header_len == IPV6_LEN)
        l3_parse_ipv6(p->l3, len - p->l2_len, &p->h);
    else
        l3_parse_ipv4(p->l3, len - p->l2_len, &p->h);
    return p->h.flaw == L3_OK && p->h.extra == 0 ? VERDICT_RECEIVED_DECRYPTED : VERDICT_DROP_MALFORMED;
}

/*
 * Would a whole packet be ours or be dropped? What policy lets pass in clear (a host's own ESP) passes in pieces, too, and
 * what it drops needs no reassembly.
 */
static bool may_be_ours(struct pipeline_ctx *ctx, const struct pkt *p)
{
    struct classify_result r;

    if (ctx->snap == NULL)
        return false;
    r = classify_packet(ctx->cache, ctx->snap, false, p->group, CLASSIFY_UNKNOWN, &p->h, p->l3);
    return r.action == CLASSIFY_DROP && r.verdict == VERDICT_DROP_UNKNOWN_SPI;
}

static void one(struct pipeline_ctx *ctx, unsigned pair, struct rte_mbuf *m, struct pkt *p)
{
    static const uint8_t verdicts[] = {[REASM_HELD] = VERDICT_HELD_FRAGMENT,
                                       [REASM_MALFORMED] = VERDICT_DROP_MALFORMED,
                                       [REASM_OVERLAP] = VERDICT_DROP_REASSEMBLY_OVERLAP,
                                       [REASM_LIMIT] = VERDICT_DROP_REASSEMBLY_LIMIT,
                                       [REASM_ECN] = VERDICT_DROP_ECN};
    struct reasm_whole whole;
    enum reasm_result result;
    enum verdict verdict;

    if (!may_be_ours(ctx, p)) {
        p->way = CLASSIFY_UNKNOWN;
        p->todo = PKT_CLASSIFY;
        return;
    }
    result = add(ctx, pair, p, &whole);
    if (ctx->reasm_due == UINT64_MAX)
        ctx->reasm_due = ctx->now_tsc + timeout_of(ctx) / SWEEPS;
    if (result != REASM_WHOLE) {
        pkt_drop(p, (enum verdict)verdicts[result]);
        return;
    }
    verdict = write_whole(m, p, &whole);
    if (verdict != VERDICT_RECEIVED_DECRYPTED)
        pkt_drop(p, verdict);
    else
        p->todo = PKT_ESP_IN;
}

void reasm_vec(struct pipeline_ctx *ctx, struct pkt_vec *v)
{
    for (unsigned i = 0; i < v->n; i++)
        if (v->pkts[i].todo == PKT_REASSEMBLE)
            one(ctx, v->pair, v->m[i], &v->pkts[i]);
}

void reasm_poll(struct pipeline_ctx *ctx)
{
    struct reasm_lost lost = {0};
    unsigned left = reasm_sweep(ctx->reasm, ctx->now_tsc, &lost);

    count_lost(ctx, &lost);
    ctx->reasm_due = left == 0 ? UINT64_MAX : ctx->now_tsc + timeout_of(ctx) / SWEEPS;
}

void reasm_cleared(struct pipeline_ctx *ctx)
{
    reasm_forget_counts(ctx->reasm);
}
