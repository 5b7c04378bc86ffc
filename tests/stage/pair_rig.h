/* SPDX-License-Identifier: BSD-3-Clause */
/* Two gateways of one group: a sends, b receives; and what a sends for a packet that the policy permits. */
#ifndef GVPN_TESTS_STAGE_PAIR_RIG_H
#define GVPN_TESTS_STAGE_PAIR_RIG_H

#include "tests/stage/rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct rig a, b;
static uint8_t f[2048];

static int open_both(void **state)
{
    (void)state;
    rig_open(&a, 1);
    rig_open(&b, 1);
    rig_simple_policy(&a, 1);
    rig_simple_policy(&b, 2);
    return 0;
}

static int close_both(void **state)
{
    (void)state;
    rig_close(&a);
    rig_close(&b);
    return 0;
}

/* A permitted packet of so many octets, in f. */
static size_t permitted(size_t ip_len)
{
    return rig_ipv4(f, "10.1.0.1", "10.2.0.1", 17, 1000, 53, ip_len);
}

static void expect(struct rig *r, bool inbound, size_t len, enum verdict verdict, enum pkt_to to)
{
    rig_expect(r, inbound, f, len, verdict, to);
}

/* What a sends for it, in f. */
static size_t esp_of(size_t ip_len)
{
    struct rig_result sent = rig_one(&a, false, f, permitted(ip_len));

    assert_int_equal(sent.verdict, VERDICT_SENT_ENCRYPTED);
    memcpy(f, sent.bytes, sent.len);
    return sent.len;
}

#endif
