/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Workers run while the control thread changes the policy as fast as it can (DP9): no packet is lost or wrongly judged, no
 * freed snapshot or SA is read (run under ASan and TSan), no IV comes twice. Both SAs exist in every policy that
 * a worker may meet, so each packet must leave encrypted and each ESP packet must be let in.
 */
#include "tests/stage/rig.h"

#include "dataplane/core/bytes.h"

#include <pthread.h>
#include <rte_lcore.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define WORKERS  2
#define ROUNDS   200000 /* at most */
#define PACKETS  8
#define SWAPS    2000

struct worker {
    struct rte_mbuf *mbufs[PACKETS]; /* its own: ThreadSanitizer doesn't see into DPDK's pools */
    unsigned index;
    unsigned wrong;
    uint64_t ivs[ROUNDS * PACKETS];
    unsigned n_ivs;
};

static struct rig r;
static struct worker workers[WORKERS];
static _Atomic unsigned running;
static _Atomic bool enough;

static void commit(unsigned i)
{
    struct ipc_sa m = rig_sa_message(&r, 0x1000, 10, 1);
    struct ipc_sa other = rig_sa_message(&r, 0x10000 + i, 20, 100);
    struct ipc_commit c;

    rig_begin(&r);
    rig_group(&r, 0, "g", "wan", IPC_GROUP_POLICY);
    for (unsigned k = 0; k < i % 30; k++)
        rig_rule(&r, 0, IPC_LIST_DOWNLOADED, 20, "permit udp 10.7.0.0/16 10.8.0.0/16");
    rig_rule(&r, 0, IPC_LIST_DOWNLOADED, 10, "permit ip 10.1.0.0/16 10.2.0.0/16");
    rig_sa(&r, &m);
    rig_sa(&r, &other); /* a new SA each time, the one before is deleted */
    c = (struct ipc_commit){r.epoch, r.n_messages};
    assert_int_equal(snap_commit(r.store, &c, r.now_tsc, MONO_ZERO, r.reason), IPC_OK);
}

static void run_burst(struct worker *w, struct pkt_vec *v)
{
    uint8_t frame[256];
    size_t len = rig_ipv4(frame, "10.1.0.1", "10.2.0.1", 17, (uint16_t)w->index, 53, 100);

    v->n = PACKETS;
    v->pair = 0;
    v->local = false;
    for (unsigned i = 0; i < PACKETS; i++) {
        v->m[i] = w->mbufs[i];
        rte_pktmbuf_reset(v->m[i]);
        memcpy(rte_pktmbuf_append(v->m[i], (uint16_t)len), frame, len);
    }
    pipeline_begin(r.ctx[w->index], r.now_tsc);
    pipeline_outbound(r.ctx[w->index], v);
    pipeline_end(r.ctx[w->index]);
    w->wrong += v->n_tx != PACKETS;
    for (unsigned i = 0; i < v->n_tx; i++) {
        const uint8_t *out = rte_pktmbuf_mtod(v->tx[i], const uint8_t *);

        w->wrong += v->tx_verdict[i] != VERDICT_SENT_ENCRYPTED || load32(out + 34) != __builtin_bswap32(0x1000);
        w->ivs[w->n_ivs++] = __builtin_bswap64(load64(out + 42));
    }
}

/* EAL bound the process to one CPU. */
static void leave_cpu(void)
{
    cpu_set_t all;

    memset(&all, 0xff, sizeof all);
    pthread_setaffinity_np(pthread_self(), sizeof all, &all);
}

static void *work(void *arg)
{
    struct worker *w = arg;
    static _Thread_local struct pkt_vec v;

    leave_cpu();
    rte_thread_register();
    snap_store_online(r.store, w->index);
    for (unsigned i = 0; i < ROUNDS && !enough; i++) {
        run_burst(w, &v);
        if (i % 64 == 0) { /* as around a sleep */
            snap_store_offline(r.store, w->index);
            sched_yield();
            snap_store_online(r.store, w->index);
        }
    }
    snap_store_offline(r.store, w->index);
    rte_thread_unregister();
    running--;
    return NULL;
}

static int compare_u64(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

static void workers_run_while_policy_changes(void **state)
{
    static uint64_t all[WORKERS * ROUNDS * PACKETS];
    pthread_t threads[WORKERS];
    unsigned swaps = 0, n = 0;

    (void)state;
    rig_open(&r, WORKERS);
    for (unsigned w = 0; w < WORKERS; w++)
        snap_store_offline(r.store, w);
    commit(0);
    running = WORKERS;
    for (unsigned w = 0; w < WORKERS; w++) {
        workers[w].index = w;
        assert_int_equal(rte_pktmbuf_alloc_bulk(r.pool, workers[w].mbufs, PACKETS), 0);
        assert_int_equal(pthread_create(&threads[w], NULL, work, &workers[w]), 0);
    }
    leave_cpu();
    while (running > 0) {
        if (swaps == SWAPS)
            enough = true;
        else if (snap_store_settled(r.store))
            commit(++swaps);
        sched_yield();
    }
    for (unsigned w = 0; w < WORKERS; w++) {
        pthread_join(threads[w], NULL);
        rte_pktmbuf_free_bulk(workers[w].mbufs, PACKETS);
        assert_int_equal(workers[w].wrong, 0);
        memcpy(all + n, workers[w].ivs, workers[w].n_ivs * sizeof all[0]);
        n += workers[w].n_ivs;
    }
    print_message("%u policies under %u packets\n", swaps, n);
    assert_true(swaps > 100);
    assert_true(snap_store_settled(r.store));
    qsort(all, n, sizeof all[0], compare_u64);
    for (unsigned i = 1; i < n; i++)
        assert_true(all[i] != all[i - 1]);
    for (unsigned w = 0; w < WORKERS; w++)
        snap_store_online(r.store, w);
    rig_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(workers_run_while_policy_changes)};

    rig_start_eal();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
