/* SPDX-License-Identifier: BSD-3-Clause */
/* Nothing is timed before every packet went through the path once and libcrypto found every octet right. */
#include "tools/bench/bench.h"

#include "common/secret.h"
#include "dataplane/core/esp.h"

#include <rte_cycles.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PEER 100 /* sender id of who seals what the gateway receives */

/* Is the outer header the inner one's with protocol ESP (lengths and checksum: the receiving path checks them)? */
static bool outer_right(const struct bench_options *o, const uint8_t *outer, const uint8_t *inner)
{
    if (o->family == 6)
        return outer[6] == IPPROTO_ESP_OCTET && memcmp(outer, inner, 4) == 0 && memcmp(outer + 7, inner + 7, 33) == 0;
    return outer[9] == IPPROTO_ESP_OCTET && memcmp(outer + 12, inner + 12, 8) == 0;
}

/* Opens an ESP frame with libcrypto, which shares nothing with the path, and compares with the clear packet. */
static bool esp_right(const struct bench_options *o, const struct bench_packet *p, const uint8_t *frame, size_t len)
{
    const struct crypto_backend *referee = crypto_libcrypto();
    unsigned l2_len = bench_l2_len(o), header_len = l3_header_len(bench_kind(o));
    size_t inner_len = (size_t)p->clear_len - l2_len;
    struct esp_geometry g = bench_layout(o);
    static struct crypto_key key;
    uint8_t copy[2048], secret[BENCH_KEY_MAX];
    struct crypto_job job;
    bool right;

    if (len != l2_len + esp_any_outer(&g, bench_kind(o), (uint32_t)inner_len) || len > sizeof copy)
        return false;
    memcpy(copy, frame, len);
    bench_key(p->sa, secret);
    memset(&job, 0, sizeof job);
    if (!referee->key_set(&key, o->suite, secret, secret + BENCH_INTEGRITY))
        return false;
    job.key = &key;
    job.esp = copy + l2_len + header_len;
    job.len = p->text_len;
    job.open = true;
    if (o->suite->salt_len != 0) {
        memcpy(job.nonce, secret + o->suite->key_len, 4);
        memcpy(job.nonce + 4, job.esp + ESP_HEADER_LEN, ESP_IV_LEN);
    }
    referee->submit(NULL, &job); /* it needs no lanes */
    right = job.ok && memcmp(copy, p->inner, l2_len) == 0 && outer_right(o, copy + l2_len, p->inner + l2_len) &&
            memcmp(crypto_text(&job) + g.meta_len, p->inner + l2_len, inner_len) == 0;
    crypto_key_wipe(&key);
    wipe(secret, sizeof secret);
    return right;
}

static bool right(const struct bench_run *run, const struct bench_packet *p, const struct rte_mbuf *m)
{
    const uint8_t *frame = rte_pktmbuf_mtod(m, const uint8_t *);

    if (run->outbound)
        return esp_right(&run->o, p, frame, m->data_len);
    return m->data_len == p->clear_len && memcmp(frame, p->inner, p->clear_len) == 0;
}

bool bench_check(struct bench_run *run)
{
    bool ok = true;

    for (unsigned lane = 0; lane < run->o.workers; lane++)
        for (unsigned at = 0; at < run->n; at += run->o.burst) {
            struct pkt_vec *v = bench_receive(run, lane, at);
            unsigned out = 0;

            bench_path(run, lane, v);
            for (unsigned half = 0; half < 2; half++) { /* at once, and out of lanes */
                ok = ok && out + v->n_tx <= run->o.burst;
                for (unsigned i = 0; ok && i < v->n_tx; i++)
                    ok = right(run, &run->packets[at + out++], v->tx[i]);
                bench_give_back(lane, v->tx, v->n_tx);
                if (half == 0)
                    v = bench_empty(run, lane);
            }
            ok = ok && out == run->o.burst;
        }
    if (!ok)
        fprintf(stderr, "gvpn-bench: the output of the path is wrong (%s, checked with libcrypto); nothing measured\n",
                run->outbound ? "outbound" : "inbound");
    return ok;
}

bool bench_protect(struct bench_run *run)
{
    struct bench_run *peer = calloc(1, sizeof *peer);
    bool ok = peer != NULL;

    if (!ok)
        return false;
    peer->o = run->o;
    peer->pool = run->pool;
    peer->outbound = true;
    memcpy(peer->packets, run->packets, sizeof peer->packets);
    rte_delay_ms(2); /* strict windows take what was sent after they began */
    bench_gateway_open(&peer->gateway, &run->o, crypto_libcrypto(), PEER);
    for (unsigned at = 0; ok && at < run->n; at += run->o.burst) {
        struct pkt_vec *v = bench_receive(peer, 0, at);

        bench_path(peer, 0, v);
        ok = v->n_tx == run->o.burst;
        for (unsigned i = 0; ok && i < run->o.burst; i++) {
            struct bench_packet *p = &run->packets[at + i];

            p->len = v->tx[i]->data_len;
            memcpy(p->frame, rte_pktmbuf_mtod(v->tx[i], const void *), p->len);
            ok = esp_right(&run->o, p, p->frame, p->len);
        }
        bench_give_back(0, v->tx, v->n_tx);
    }
    bench_gateway_close(&peer->gateway);
    free(peer);
    return ok;
}
