/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Any IP packet, as a host or the WAN may send it, through everything that is done to packets that don't fit: MSS clamping
 * keeps the TCP checksum as right or wrong as it was, the pieces of a packet are the packet, a too-big message about it is
 * well formed and can be read. The first two octets of the input are an MTU.
 */
#include "dataplane/core/frag.h"
#include "dataplane/core/icmp.h"
#include "dataplane/core/mss.h"
#include "tests/fuzz/fuzz.h"

/* A copy of exactly this size, for ASan. */
static uint8_t *copy_of(const uint8_t *p, size_t len)
{
    uint8_t *copy = malloc(len ? len : 1);

    MUST(copy != NULL);
    if (len > 0)
        memcpy(copy, p, len);
    return copy;
}

/* Remainder of the sum over everything behind the addresses: what the TCP checksum sees, and no address changes. */
static uint32_t sum_of(const uint8_t *p, size_t len)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < len; i++)
        sum += i & 1 ? p[i] : (uint32_t)p[i] << 8;
    return (uint32_t)(sum % 0xffff);
}

static void clamp(const uint8_t *packet, size_t size, const struct l3 *h, uint32_t mtu)
{
    uint8_t *ip = copy_of(packet, size);
    uint32_t at = l3_payload_at(h);

    if (mss_clamp(ip, h, mtu)) {
        MUST(sum_of(ip + at, h->len - at) == sum_of(packet + at, h->len - at));
        MUST(memcmp(ip, packet, at) == 0 && !mss_clamp(ip, h, mtu));
    } else {
        MUST(memcmp(ip, packet, size) == 0);
    }
    free(ip);
}

static void cut(const uint8_t *ip, const struct l3 *h, uint32_t mtu)
{
    uint32_t step = frag_step(mtu), count = step == 0 ? 0 : frag_count(h->len, step), payload_len = h->len - IPV4_LEN;
    uint8_t out[IPV4_LEN];

    for (uint32_t i = 0; i < count; i++) {
        bool last = i + 1 == count;
        uint32_t n = last ? payload_len - i * step : step;

        MUST(n > 0 && n <= step);
        frag_put_header(out, ip, i * step, n, last);
        MUST(sum_right(sum_ipv4(out)) && load16_be(out + 2) == IPV4_LEN + n);
    }
}

static void tell(const uint8_t *ip, const struct l3 *h, uint16_t mtu)
{
    uint32_t len = icmp_too_big_len(h);
    uint8_t *out = copy_of(ip, 0);
    struct icmp_quote q;
    struct l3 said;

    free(out);
    out = malloc(len);
    MUST(out != NULL);
    icmp_put_too_big(out, ip, h, mtu);
    if (h->kind == L3_IPV6)
        l3_parse_ipv6(out, len, &said);
    else
        l3_parse_ipv4(out, len, &said);
    MUST(said.flaw == L3_OK && said.len == len && !icmp_may_answer(out, &said));
    if (icmp_read_too_big(out, &said, &q))
        MUST(q.mtu == mtu && q.ip > out && q.ip < out + len);
    free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct icmp_quote q;
    struct l3 h;
    uint32_t mtu;
    uint8_t *ip;

    if (size < 3)
        return 0;
    mtu = load16_be(data);
    size -= 2;
    ip = copy_of(data + 2, size);
    if (ip[0] >> 4 == 6)
        l3_parse_ipv6(ip, size, &h);
    else
        l3_parse_ipv4(ip, size, &h);
    if (h.flaw == L3_OK || h.flaw == L3_FRAGMENT) {
        bool judged = h.flaw == L3_OK || frag_can_be_judged(ip, &h);

        clamp(ip, size, &h, mtu);
        (void)!icmp_read_too_big(ip, &h, &q);
        if (judged && h.kind == L3_IPV4 && h.extra == 0 && h.len > mtu)
            cut(ip, &h, mtu);
        if (judged && icmp_may_answer(ip, &h))
            tell(ip, &h, (uint16_t)mtu);
    }
    free(ip);
    return 0;
}
