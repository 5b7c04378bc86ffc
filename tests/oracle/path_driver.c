/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The packet path for a python judge, any suite and mode, frames up to 9000 octets of IP. Commands on stdin, one answer line each:
 *     sa SUITE MODE METADATA TAG INLINE MTU KEY INTEGRITY SPI SENDER FIRST TIME
 *         a fresh gateway with this SA, for the rules below. MODE tunnel or transport; METADATA as in IPC_META_*; TAG and
 *         INLINE are the pair's; keys are hexadecimal, or -; SENDER and FIRST IV hexadecimal; TIME in ms, decimal
 *     out FRAME | in FRAME
 *         answers "VERDICT FRAME": what came out, or what was said about it, or "-"
 */
#include "common/secret.h"
#include "tests/lib/hex.h"
#include "tests/stage/rig.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define FRAME_MAX 9100
#define POOL_SIZE 63

static struct rig rig;
static const char *const rules[] = {"permit ip 10.1.0.0/16 10.2.0.0/16", "permit ip 10.2.0.0/16 10.1.0.0/16",
                                    "permit ip 10.1.0.0/16 239.0.0.0/8", "permit ip 2001:db8:1::/48 2001:db8:2::/48"};
static struct rte_mempool *pool;
static struct pkt_vec v;
static bool is_open;

static void set_key(struct secret *s, const char *text)
{
    uint8_t key[SECRET_MAX];

    if (!secret_set(s, key, strcmp(text, "-") == 0 ? 0 : hex_decode(text, key, sizeof key)))
        exit(2);
}

static void commit(const struct ipc_sa *m, uint64_t time_ms)
{
    struct ipc_time t = {0, m->spi, time_ms};

    rig_begin(&rig);
    rig_group(&rig, 0, "g", "wan", IPC_GROUP_POLICY);
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++)
        rig_rule(&rig, 0, IPC_LIST_DOWNLOADED, 10, rules[i]);
    rig_sa(&rig, m);
    if (m->replay == IPC_REPLAY_TIME) {
        rig.n_messages++;
        snap_time(rig.store, &t);
    }
    if (rig_commit(&rig) != IPC_OK) {
        fprintf(stderr, "%s\n", rig.reason);
        exit(2);
    }
}

static void set_sa(const char *args)
{
    char suite[64], mode[16], key[160], integrity[160];
    unsigned metadata, tag, tags_inline, mtu, spi;
    uint64_t sender, first, time_ms;
    struct ipc_sa m;

    if (sscanf(args, "%63s %15s %u %u %u %u %159s %159s %x %" SCNx64 " %" SCNx64 " %" SCNu64, suite, mode, &metadata, &tag,
               &tags_inline, &mtu, key, integrity, &spi, &sender, &first, &time_ms) != 12 ||
        suite_by_name(suite) == NULL)
        exit(2);
    if (is_open)
        rig_close(&rig);
    rig_open(&rig, 1);
    is_open = true;
    rig.config.pairs[0].mtu = (uint16_t)mtu;
    rig.config.pairs[0].tag = (uint16_t)tag;
    rig.config.pairs[0].sgt_inline = tags_inline;
    m = rig_suite_message(&rig, suite_by_name(suite)->id, strcmp(mode, "transport") == 0, spi, 10, sender);
    m.metadata = (uint8_t)metadata;
    m.replay = metadata & IPC_META_TIME ? IPC_REPLAY_TIME : IPC_REPLAY_NONE;
    m.window = metadata & IPC_META_TIME ? 1000 : 0;
    m.senders[0].iv_first = first;
    set_key(&m.key, key);
    set_key(&m.integrity, integrity);
    commit(&m, time_ms);
    printf("ok\n");
}

/* What came out of the vector, and then of the lanes. */
static void take(struct rte_mbuf **m, unsigned n, struct rte_mbuf **out)
{
    for (unsigned i = 0; i < n; i++) {
        if (*out != NULL)
            exit(2);
        *out = m[i];
    }
}

static void run(bool inbound, const char *text)
{
    static uint8_t frame[FRAME_MAX];
    size_t len = hex_decode(text, frame, sizeof frame);
    struct rte_mbuf *m = rte_pktmbuf_alloc(pool), *out = NULL;
    char *to = m != NULL ? rte_pktmbuf_append(m, (uint16_t)len) : NULL;
    uint64_t before[VERDICT_COUNT];

    if (to == NULL || len == 0)
        exit(2);
    memcpy(to, frame, len);
    for (unsigned k = 0; k < VERDICT_COUNT; k++)
        before[k] = rig_count(&rig, k);
    v.m[0] = m;
    v.n = 1;
    pipeline_begin(rig.ctx[0], rig.now_tsc);
    for (unsigned i = 0; i < 2; i++, v.n = 0) {
        if (inbound)
            pipeline_inbound(rig.ctx[0], &v);
        else
            pipeline_outbound(rig.ctx[0], &v);
        take(v.tx, v.n_tx, &out);
        take(v.back, v.n_back, &out);
        take(v.punt, v.n_punt, &out);
    }
    pipeline_end(rig.ctx[0]);
    for (unsigned k = 0; k < VERDICT_COUNT; k++)
        if (k != VERDICT_SENT_ICMP_TOO_BIG && rig_count(&rig, k) > before[k])
            printf("%s ", verdict_name(k));
    for (unsigned i = 0; out != NULL && i < out->data_len; i++)
        printf("%02x", rte_pktmbuf_mtod(out, const uint8_t *)[i]);
    printf("%s\n", out == NULL ? "-" : "");
    rte_pktmbuf_free(out);
}

int main(void)
{
    static char line[2 * FRAME_MAX + 64];

    rig_start_eal();
    pool = rte_pktmbuf_pool_create("path", POOL_SIZE, 0, 0, RTE_PKTMBUF_HEADROOM + FRAME_MAX + 64, 0);
    if (pool == NULL)
        return 2;
    while (fgets(line, sizeof line, stdin) != NULL) {
        if (strncmp(line, "sa ", 3) == 0)
            set_sa(line + 3);
        else if (is_open && strncmp(line, "out ", 4) == 0)
            run(false, line + 4);
        else if (is_open && strncmp(line, "in ", 3) == 0)
            run(true, line + 3);
        else
            return 2;
        fflush(stdout);
    }
    if (is_open)
        rig_close(&rig);
    return rte_mempool_avail_count(pool) != POOL_SIZE;
}
