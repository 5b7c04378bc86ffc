/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Two real workers with two queues of two ports each, the slow path and the control thread, all at once: host packets out,
 * ESP in, IKE to the appliance, frames from its TAP, and a new policy whenever the last one is in effect (DP9). Run under
 * ThreadSanitizer, too. Nothing is lost or judged wrongly, no IV of the one SA comes twice, none is used before its lease is
 * in the counter page (DP3), and every counter agrees with what was seen on the wire.
 *
 * Ports are DPDK's net_null; callbacks put packets in and look at what comes out. ThreadSanitizer doesn't see into
 * DPDK's libraries, so what crosses threads through a mempool is said with handed_over() and taken_over().
 */
#include "tests/stage/rig.h"

#include "dataplane/core/bytes.h"
#include "dataplane/worker.h"

#include <pthread.h>
#include <rte_dev.h>
#include <rte_ethdev.h>
#include <rte_lcore.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#include <sanitizer/tsan_interface.h>
#define handed_over(p) __tsan_release(p)
#define taken_over(p)  __tsan_acquire(p)
#endif
#endif
#ifndef handed_over
#define handed_over(p) ((void)(p))
#define taken_over(p)  ((void)(p))
#endif

#define WORKERS  2
#define PER_POLL 8     /* host packets of one poll */
#define POLLS    20000 /* of one worker's outside port that bring packets */
#define MBUFS    255   /* of one queue */

enum { INSIDE, OUTSIDE, PORTS };

/* One worker's side of the wire; its thread's own but for what is atomic. */
struct lane {
    _Atomic uint64_t last_iv; /* + 1; 0 = none yet */
    _Atomic unsigned polls;
    _Atomic unsigned from_tap;
    unsigned put_in, sent, received, wrong;
    uint64_t ivs[POLLS * PER_POLL];
};

static struct rig r;
static struct lane lanes[WORKERS];
static struct rte_mempool *pools[WORKERS + 1]; /* the last one is the slow path's */
static struct worker_shared shared;
static uint16_t ports[PORTS];
static uint8_t host_frame[256], esp_frame[256], plain_frame[256], ike_frame[256], tap_frame[256];
static size_t host_len, esp_len, plain_len, ike_len, tap_len;

static void write_frame(struct rte_mbuf *m, const uint8_t *frame, size_t len)
{
    taken_over(m);
    rte_pktmbuf_reset(m);
    memcpy(rte_pktmbuf_append(m, (uint16_t)len), frame, len);
    handed_over(m); /* for who gets it through the punt ring: see tests/tsan.supp */
}

/* net_null fills the whole burst with packets of its own: overwrite the first ones, give the others back. */
static uint16_t receive(uint16_t port, uint16_t queue, struct rte_mbuf *m[], uint16_t n, uint16_t max, void *arg)
{
    struct lane *lane = &lanes[queue];
    bool inside = port == ports[INSIDE];
    unsigned polls = atomic_load(&lane->polls), keep = inside ? PER_POLL : 2;

    (void)max;
    (void)arg;
    if (n < keep || polls == POLLS || (inside && lane->put_in == POLLS * PER_POLL))
        keep = 0; /* n is small when the punt ring has the pool's mbufs */
    if (inside)
        lane->put_in += keep;
    for (unsigned i = 0; i < keep; i++) {
        if (inside)
            write_frame(m[i], host_frame, host_len);
        else if (i == 0)
            write_frame(m[i], esp_frame, esp_len);
        else
            write_frame(m[i], ike_frame, ike_len);
    }
    rte_pktmbuf_free_bulk(m + keep, n - keep);
    if (!inside && keep != 0) /* the outside port is polled after the inside one */
        atomic_store(&lane->polls, polls + 1);
    return (uint16_t)keep;
}

static void see_outside(struct lane *lane, const uint8_t *out, size_t len)
{
    uint64_t iv;

    if (len == tap_len && memcmp(out + 14, tap_frame + 14, 20) == 0) {
        lane->from_tap++;
        return;
    }
    lane->wrong += out[14 + 9] != 50 || load32(out + 34) != __builtin_bswap32(0x1000);
    if (lane->sent == POLLS * PER_POLL) {
        lane->wrong++;
        return;
    }
    iv = __builtin_bswap64(load64(out + 42));
    lane->ivs[lane->sent++] = iv;
    atomic_store_explicit(&lane->last_iv, (iv & 0xffffffffff) + 1, memory_order_release);
}

static uint16_t transmit(uint16_t port, uint16_t queue, struct rte_mbuf *m[], uint16_t n, void *arg)
{
    struct lane *lane = &lanes[queue];

    (void)arg;
    for (unsigned i = 0; i < n; i++) {
        const uint8_t *out = rte_pktmbuf_mtod(m[i], const uint8_t *);

        if (port == ports[OUTSIDE]) {
            see_outside(lane, out, m[i]->data_len);
        } else {
            lane->wrong += m[i]->data_len != plain_len || memcmp(out, plain_frame, plain_len) != 0;
            lane->received++;
        }
        handed_over(m[i]);
    }
    return n;
}

static void open_port(unsigned which, const char *name)
{
    struct rte_eth_conf conf = {0};

    assert_int_equal(rte_eal_hotplug_add("vdev", name, "size=64,copy=0"), 0);
    assert_int_equal(rte_eth_dev_get_port_by_name(name, &ports[which]), 0);
    assert_int_equal(rte_eth_dev_configure(ports[which], WORKERS, WORKERS, &conf), 0);
    for (uint16_t q = 0; q < WORKERS; q++) {
        assert_int_equal(rte_eth_rx_queue_setup(ports[which], q, 64, 0, NULL, pools[q]), 0);
        assert_int_equal(rte_eth_tx_queue_setup(ports[which], q, 64, 0, NULL), 0);
        assert_non_null(rte_eth_add_rx_callback(ports[which], q, receive, NULL));
        assert_non_null(rte_eth_add_tx_callback(ports[which], q, transmit, NULL));
    }
    assert_int_equal(rte_eth_dev_start(ports[which]), 0);
}

/* A pool per queue: no mbuf goes from one worker to the other. */
static void open_ports(void)
{
    for (unsigned i = 0; i <= WORKERS; i++) {
        char name[] = {'q', (char)('0' + i), 0};

        pools[i] = rte_pktmbuf_pool_create(name, MBUFS, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, 0);
        assert_non_null(pools[i]);
    }
    open_port(INSIDE, "net_null0");
    open_port(OUTSIDE, "net_null1");
}

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
    rig_rule(&r, 0, IPC_LIST_DOWNLOADED, 10, "permit ip 10.2.0.0/16 10.1.0.0/16");
    rig_sa(&r, &m);
    rig_sa(&r, &other);
    c = (struct ipc_commit){r.epoch, r.n_messages};
    assert_int_equal(snap_commit(r.store, &c, r.now_tsc, MONO_ZERO, r.reason), IPC_OK);
}

/* What the workers will meet; a peer with sender id 900 encrypts the packet that comes in. */
static void make_frames(void)
{
    struct rig peer;
    struct rig_result esp;

    host_len = rig_ipv4(host_frame, "10.1.0.1", "10.2.0.1", 17, 9, 53, 100);
    plain_len = rig_ipv4(plain_frame, "10.2.0.1", "10.1.0.1", 17, 53, 9, 100);
    ike_len = rig_ipv4(ike_frame, "10.9.9.1", "10.9.9.9", 17, 848, 848, 80);
    tap_len = rig_ipv4(tap_frame, "10.9.9.9", "10.9.9.1", 17, 848, 848, 60);
    rig_open(&peer, 1);
    rig_simple_policy(&peer, 900);
    esp = rig_one(&peer, false, plain_frame, plain_len);
    assert_int_equal(esp.verdict, VERDICT_SENT_ENCRYPTED);
    memcpy(esp_frame, esp.bytes, esp.len);
    esp_len = esp.len;
    rig_close(&peer);
}

static void leave_cpu(void) /* to which EAL bound the process */
{
    cpu_set_t all;

    memset(&all, 0xff, sizeof all);
    pthread_setaffinity_np(pthread_self(), sizeof all, &all);
}

static void *work(void *worker)
{
    leave_cpu();
    rte_thread_register();
    worker_run(worker);
    rte_thread_unregister();
    return NULL;
}

/* The slow path's part. */
static unsigned punted, wrong_punted, given;

static void take_punted(void)
{
    struct rte_mbuf *m[64];
    unsigned n;

    punt_awake(shared.punt);
    while ((n = punt_get(shared.punt, m, 64)) != 0) {
        for (unsigned i = 0; i < n; i++) {
            taken_over(m[i]);
            wrong_punted +=
                m[i]->data_len != ike_len || memcmp(rte_pktmbuf_mtod(m[i], uint8_t *), ike_frame, ike_len) != 0;
            handed_over(m[i]);
        }
        rte_pktmbuf_free_bulk(m, n);
        punted += n;
    }
}

static void give_tap_frame(void)
{
    struct rte_mbuf *m[1];

    if (rte_mempool_get(pools[WORKERS], (void **)m) != 0)
        return;
    write_frame(m[0], tap_frame, tap_len);
    m[0]->port = ports[OUTSIDE];
    if (rte_ring_enqueue(shared.punt->from_tap, m[0]) == 0)
        given++;
    else
        rte_mempool_put(pools[WORKERS], m[0]);
}

/* As gvpnd reads it: what a worker has used lies below the end that the page says. */
static void leases_hold(const struct ipc_page_sa *sa)
{
    for (unsigned w = 0; w < WORKERS; w++) {
        uint64_t used = atomic_load_explicit(&lanes[w].last_iv, memory_order_acquire);

        assert_true(used <= atomic_load_explicit(&sa->lease_end[w], memory_order_relaxed));
    }
}

static const struct ipc_page_sa *slot_of(uint32_t spi)
{
    for (unsigned i = 0; i < IPC_MAX_SAS; i++)
        if (atomic_load(&r.page->sas[i].spi) == spi)
            return &r.page->sas[i];
    fail_msg("SPI %x isn't in the page", spi);
    return NULL;
}

static bool ports_are_dry(void)
{
    for (unsigned w = 0; w < WORKERS; w++)
        if (atomic_load(&lanes[w].polls) < POLLS)
            return false;
    return true;
}

static uint64_t counted(enum verdict v)
{
    uint64_t sum = 0;

    for (unsigned w = 0; w < WORKERS; w++)
        sum += atomic_load(&r.page->workers[w].packets[v]);
    return sum;
}

static int compare_u64(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

static void every_iv_once(void)
{
    static uint64_t all[WORKERS * POLLS * PER_POLL];
    size_t n = 0;

    for (unsigned w = 0; w < WORKERS; w++) {
        memcpy(all + n, lanes[w].ivs, lanes[w].sent * sizeof all[0]);
        n += lanes[w].sent;
    }
    qsort(all, n, sizeof all[0], compare_u64);
    for (size_t i = 1; i < n; i++)
        assert_true(all[i] != all[i - 1]);
}

/* What the wire saw, what the workers counted, and what the SA counted. */
static void counters_agree(const struct ipc_page_sa *sa)
{
    struct ipc_event events[4];
    unsigned n = WORKERS * POLLS, sent = 0;

    (void)snap_store_tick(r.store, r.now_tsc, MONO_ZERO, events, 4);
    for (unsigned w = 0; w < WORKERS; w++) {
        assert_int_equal(lanes[w].wrong, 0);
        assert_int_equal(lanes[w].sent, lanes[w].put_in);
        assert_int_equal(lanes[w].received, POLLS);
        sent += lanes[w].sent;
    }
    assert_int_equal(wrong_punted, 0);
    assert_int_equal(counted(VERDICT_SENT_ENCRYPTED), sent);
    assert_int_equal(counted(VERDICT_RECEIVED_DECRYPTED), n);
    assert_int_equal(counted(VERDICT_DROP_PUNT_FULL) + punted, n); /* rates are limited */
    assert_int_equal(atomic_load(&sa->packets_out), sent);
    assert_int_equal(atomic_load(&sa->packets_in), n);
    assert_int_equal(lanes[0].from_tap, given);
}

static void workers_slow_path_and_control_at_once(void **state)
{
    struct worker *workers[WORKERS];
    pthread_t threads[WORKERS];
    struct punt punt;
    unsigned policies = 0;

    (void)state;
    make_frames();
    rig_open(&r, WORKERS);
    open_ports();
    assert_true(punt_open(&punt));
    shared = (struct worker_shared){.pipeline = &r.config, .store = r.store, .crypto = r.crypto, .page = r.page,
                                    .punt = &punt, .n_pairs = 1, .inside = {ports[INSIDE]},
                                    .outside = {ports[OUTSIDE]}, .idle_poll = 4, .idle_sleep_us = 20};
    r.now_tsc = rte_rdtsc(); /* worker_run()'s clock */
    for (unsigned w = 0; w < WORKERS; w++)
        snap_store_offline(r.store, w);
    commit(0);
    const struct ipc_page_sa *sa = slot_of(0x1000);
    for (unsigned w = 0; w < WORKERS; w++) {
        workers[w] = worker_new(&shared, w, w);
        assert_non_null(workers[w]);
        assert_int_equal(pthread_create(&threads[w], NULL, work, workers[w]), 0);
    }
    leave_cpu();
    while (!ports_are_dry() || atomic_load(&lanes[0].from_tap) < given) {
        leases_hold(sa);
        if (!ports_are_dry())
            give_tap_frame();
        if (snap_store_settled(r.store))
            commit(++policies);
        take_punted();
        sched_yield();
    }
    shared.stop = true;
    for (unsigned w = 0; w < WORKERS; w++)
        pthread_join(threads[w], NULL);
    take_punted();
    print_message("%u policies, %u frames punted, %u from the TAP\n", policies, punted, given);
    assert_true(policies > 3 && punted > 0 && given > 0);
    leases_hold(sa);
    punt_close(&punt);
    counters_agree(sa);
    every_iv_once();
    for (unsigned w = 0; w < WORKERS; w++) {
        worker_free(workers[w]);
        snap_store_online(r.store, w);
    }
    rig_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(workers_slow_path_and_control_at_once)};

    rig_start_eal();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
