/* SPDX-License-Identifier: BSD-3-Clause */
/* The packets: 256 UDP flows spread over rules and SAs, IPv4 or IPv6, with or without a tag. */
#include "tools/bench/bench.h"

#include "dataplane/core/esp.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define UDP_LEN 8

/* Which rule a flow hits: flows go round the rules, or are spread over them when those are more. */
static unsigned rule_of(unsigned flow, const struct bench_options *o)
{
    return o->rules <= BENCH_FLOWS ? flow % o->rules : flow * o->rules / BENCH_FLOWS;
}

unsigned bench_l2_len(const struct bench_options *o)
{
    return o->vlan != 0 ? L2_LEN + L2_TAG_LEN : L2_LEN;
}

enum l3_kind bench_kind(const struct bench_options *o)
{
    return o->family == 6 ? L3_IPV6 : L3_IPV4;
}

struct esp_geometry bench_layout(const struct bench_options *o)
{
    return esp_geometry_of(o->suite, false, o->replay == IPC_REPLAY_TIME ? META_LEN : 0);
}

unsigned bench_size_min(const struct bench_options *o)
{
    return l3_header_len(bench_kind(o)) + UDP_LEN;
}

unsigned bench_size_max(const struct bench_options *o)
{
    struct esp_geometry g = bench_layout(o);

    return esp_effective_mtu(bench_kind(o), BENCH_MTU, &g);
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

static void put_l2(uint8_t *frame, const struct bench_options *o)
{
    static const uint8_t macs[12] = {2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1};

    memcpy(frame, macs, sizeof macs);
    if (o->vlan != 0) {
        store16_be(frame + 12, 0x8100);
        store16_be(frame + 14, (uint16_t)o->vlan);
    }
    store16(frame + bench_l2_len(o) - 2, o->family == 6 ? L2_IPV6_BE : L2_IPV4_BE);
}

static void put_ipv4(uint8_t *ip, unsigned flow, unsigned ip_len)
{
    uint8_t head[IPV4_LEN] = {0x45, 0, (uint8_t)(ip_len >> 8), (uint8_t)ip_len, 0x12, 0x34, 0x40, 0, 64, 17,
                              0,    0, 10,                     1,               0,    1,    10, 2, 0,  1};

    head[15] = (uint8_t)(1 + flow % 200);
    head[19] = (uint8_t)(1 + flow / 2 % 200);
    memcpy(ip, head, sizeof head);
    store16(ip + 10, (uint16_t)~sum_fold(sum_ipv4(ip)));
}

static void put_ipv6(uint8_t *ip, unsigned flow, unsigned ip_len)
{
    uint8_t head[IPV6_LEN] = {0x60, [6] = 17, 64, 0x20, 0x01, 0x0d, 0xb8, 0, 1, [24] = 0x20, 0x01, 0x0d, 0xb8, 0, 2};

    head[23] = (uint8_t)(1 + flow % 200);
    head[39] = (uint8_t)(1 + flow / 2 % 200);
    memcpy(ip, head, sizeof head);
    store16_be(ip + 4, (uint16_t)(ip_len - IPV6_LEN));
}

static void put_clear(uint8_t *frame, unsigned index, unsigned ip_len, const struct bench_options *o)
{
    unsigned flow = index % BENCH_FLOWS, header_len = l3_header_len(bench_kind(o));
    uint8_t *ip = frame + bench_l2_len(o);

    put_l2(frame, o);
    for (unsigned i = 0; i < ip_len; i++)
        ip[i] = (uint8_t)(i * 7 + index);
    if (o->family == 6)
        put_ipv6(ip, flow, ip_len);
    else
        put_ipv4(ip, flow, ip_len);
    store16_be(ip + header_len, (uint16_t)(1024 + flow));
    store16_be(ip + header_len + 2, (uint16_t)(BENCH_PORT_FIRST + rule_of(flow, o)));
}

void bench_packet_make(struct bench_packet *p, unsigned index, unsigned size, const struct bench_options *o)
{
    unsigned ip_len = bench_packet_len(index, size), l2_len = bench_l2_len(o);
    struct esp_geometry g = bench_layout(o);

    p->clear_len = (uint16_t)(l2_len + ip_len);
    p->text_len = (uint16_t)esp_any_text(&g, g.meta_len + ip_len);
    p->sa = (uint16_t)(rule_of(index % BENCH_FLOWS, o) % o->sas);
    p->inner = malloc(p->clear_len);
    p->frame = malloc(l2_len + esp_any_outer(&g, bench_kind(o), ip_len));
    if (p->inner == NULL || p->frame == NULL) {
        fprintf(stderr, "gvpn-bench: no memory\n");
        exit(EXIT_FAILURE);
    }
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
