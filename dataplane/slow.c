/* SPDX-License-Identifier: BSD-3-Clause */
/* Level-triggered epoll; every source is served for a bounded number of frames, so that none keeps out the others. */
#include "dataplane/slow.h"

#include "common/log.h"
#include "dataplane/tap.h"

#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define BATCH   64
#define TICK_MS 200
#define L2_LEN  14

struct slow {
    struct slow_config c;
    int epoll_fd, signal_fd, timer_fd;
    struct ipc_page_worker *counters; /* the slow path's own, after the workers' */
    mono_t now;                       /* real */
    const char *stopped_by;
    uint32_t generation; /* of the snapshot that was announced last */
    uint64_t cleared;    /* how often counters were cleared */
    struct mac_table macs;
    uint8_t scratch[SLOW_FRAME_MAX];
};

static void signals(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGTERM);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGHUP);
}

void slow_block_signals(void)
{
    sigset_t set;

    signals(&set);
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
}

static bool watch(struct slow *s, int fd)
{
    struct epoll_event e = {.events = EPOLLIN, .data.fd = fd};

    return fd < 0 || epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, fd, &e) == 0;
}

struct slow *slow_new(const struct slow_config *config, char error[SLOW_ERROR_MAX])
{
    struct itimerspec tick = {.it_interval = {.tv_nsec = TICK_MS * 1000000L}, .it_value = {.tv_nsec = 1}};
    struct slow *s = calloc(1, sizeof(*s));
    sigset_t set;

    if (s == NULL) {
        (void)snprintf(error, SLOW_ERROR_MAX, "out of memory");
        return NULL;
    }
    signals(&set);
    s->c = *config;
    s->counters = &config->page->workers[IPC_MAX_WORKERS];
    s->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    s->signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    s->timer_fd = timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC);
    if (s->epoll_fd < 0 || s->signal_fd < 0 || s->timer_fd < 0 || timerfd_settime(s->timer_fd, 0, &tick, NULL) != 0 ||
        !watch(s, s->signal_fd) || !watch(s, s->timer_fd) || !watch(s, config->tap_fd) ||
        !watch(s, config->punt->event_fd) || !watch(s, ipc_server_fd(config->ipc))) {
        (void)snprintf(error, SLOW_ERROR_MAX, "preparing the control loop: %s", strerror(errno));
        slow_free(s);
        return NULL;
    }
    return s;
}

static void close_if(int fd)
{
    if (fd >= 0) {
        close(fd);
    }
}

void slow_free(struct slow *s)
{
    if (s != NULL) {
        close_if(s->epoll_fd);
        close_if(s->signal_fd);
        close_if(s->timer_fd);
        free(s);
    }
}

static void count(struct slow *s, enum verdict v)
{
    atomic_fetch_add_explicit(&s->counters->packets[v], 1, memory_order_relaxed);
}

/* A frame from a worker: learn where its sender is, then give it to the kernel, unless it is about routes. */
static void deliver(struct slow *s, struct rte_mbuf *m)
{
    uint32_t len = rte_pktmbuf_pkt_len(m);
    const uint8_t *frame = len <= sizeof(s->scratch) ? rte_pktmbuf_read(m, 0, len, s->scratch) : NULL;

    if (frame == NULL || len < L2_LEN) {
        count(s, VERDICT_DROP_MALFORMED);
    } else if (!punt_is_routing(frame, len)) {
        mac_learn(&s->macs, frame + 6, m->port, s->now);
        if (!tap_write(s->c.tap_fd, frame, len)) {
            count(s, VERDICT_DROP_PUNT_FULL);
        }
    }
    rte_pktmbuf_free(m);
}

static void serve_punt(struct slow *s)
{
    struct rte_mbuf *frames[BATCH];
    unsigned n;

    punt_awake(s->c.punt);
    n = punt_get(s->c.punt, frames, BATCH);
    for (unsigned i = 0; i < n; i++) {
        deliver(s, frames[i]);
    }
    if (n == BATCH) {
        punt_wake(s->c.punt); /* there may be more: come back after the others had their turn */
    }
}

/* A frame from the kernel in a fresh buffer with its way out; NULL when there was none or it couldn't be kept. */
static struct rte_mbuf *take(struct slow *s, bool *more)
{
    struct rte_mbuf *m = rte_pktmbuf_alloc(s->c.ports->pool);
    uint8_t *to = m == NULL ? s->scratch : rte_pktmbuf_mtod(m, uint8_t *);
    size_t len = tap_read(s->c.tap_fd, to, m == NULL ? sizeof(s->scratch) : rte_pktmbuf_tailroom(m));

    *more = len > 0;
    if (len > 0 && m == NULL) {
        count(s, VERDICT_DROP_NO_BUFFER);
    } else if (len > 0 && len < L2_LEN) {
        count(s, VERDICT_DROP_MALFORMED);
    } else if (len > 0) {
        m->data_len = (uint16_t)len;
        m->pkt_len = (uint32_t)len;
        m->port = mac_find(&s->macs, to, s->c.outside, s->now);
        return m;
    }
    rte_pktmbuf_free(m);
    return NULL;
}

static void serve_tap(struct slow *s)
{
    bool more = true;

    for (unsigned i = 0; i < BATCH && more; i++) {
        struct rte_mbuf *m = take(s, &more);

        if (m != NULL && rte_ring_enqueue(s->c.punt->from_tap, m) != 0) {
            rte_pktmbuf_free(m);
            count(s, VERDICT_DROP_PUNT_FULL);
        }
    }
}

static void link_changed(void *ctx, size_t port, bool up)
{
    struct slow *s = ctx;

    (void)up;
    for (unsigned i = 0; i < s->c.cfg->n_pairs; i++) {
        const struct cfg_pair *pair = &s->c.cfg->pairs[i];
        bool both = s->c.ports->p[pair->inside].link_up && s->c.ports->p[pair->outside].link_up;
        struct ipc_event e = {.kind = IPC_EVENT_LINK, .value = (uint64_t)i << 1 | both};

        if (pair->inside == port || pair->outside == port) {
            (void)ipc_server_event(s->c.ipc, &e); /* detached: the next gvpnd looks at the page */
        }
    }
}

static void tell(struct slow *s, const struct ipc_event *e)
{
    if (e->kind == IPC_EVENT_SA_EXPIRED) {
        log_msg(SA_EXPIRED, (unsigned)e->value);
    }
    (void)ipc_server_event(s->c.ipc, e); /* detached: the next gvpnd reads the page */
}

static void serve_timer(struct slow *s)
{
    struct ipc_event events[BATCH];
    uint64_t times;
    unsigned n;

    if (read(s->timer_fd, &times, sizeof(times)) != (ssize_t)sizeof(times)) {
        return;
    }
    port_poll_links(s->c.ports, link_changed, s);
    port_publish(s->c.ports, s->c.page);
    n = snap_store_tick(s->c.store, rte_rdtsc(), clock_now(s->c.clock), events, BATCH);
    for (unsigned i = 0; i < n; i++) {
        tell(s, &events[i]);
    }
}

/* A new policy is in effect on every worker: say so, and say when the file's `unregistered: clear` undermines it. */
static void announce_policy(struct slow *s)
{
    const struct snap *snap = snap_store_current(s->c.store);

    if (snap == NULL || snap->generation == s->generation || s->c.page->epoch != snap->epoch) {
        return;
    }
    s->generation = snap->generation;
    log_msg(POLICY_INSTALLED, (unsigned long long)snap->epoch, snap->n_groups, snap->n_rules, snap->n_sas);
    for (unsigned i = 0; i < snap->n_groups; i++) {
        struct ipc_event e = {.kind = IPC_EVENT_UNREGISTERED_CLEAR, .group = (uint16_t)i, .value = i};

        if (s->c.cfg->unregistered == CFG_UNREGISTERED_CLEAR && snap->groups[i].state == IPC_GROUP_FAIL_CLOSE) {
            tell(s, &e);
        }
    }
}

static void serve_signal(struct slow *s)
{
    struct signalfd_siginfo info;

    while (read(s->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        if (info.ssi_signo == SIGHUP) {
            s->c.reload(s->c.ctx);
        } else {
            s->stopped_by = info.ssi_signo == SIGTERM ? "SIGTERM" : "SIGINT";
        }
    }
}

static void serve(struct slow *s, int fd)
{
    if (fd == s->c.punt->event_fd) {
        serve_punt(s);
    } else if (fd == s->c.tap_fd) {
        serve_tap(s);
    } else if (fd == s->timer_fd) {
        serve_timer(s);
    } else if (fd == s->signal_fd) {
        serve_signal(s);
    } /* else the IPC: polled in every round */
}

/* Somebody cleared the counters: workers see to theirs, ports and slow path are ours. */
static void clear_counters(struct slow *s)
{
    uint64_t cleared = snap_store_clear_generation(s->c.store);

    if (cleared == s->cleared) {
        return;
    }
    s->cleared = cleared;
    for (unsigned v = 0; v < VERDICT_COUNT; v++) {
        s->counters->packets[v] = 0;
    }
    port_clear(s->c.ports);
    port_publish(s->c.ports, s->c.page);
}

const char *slow_run(struct slow *s)
{
    struct epoll_event events[8];

    while (s->stopped_by == NULL) {
        int n = epoll_wait(s->epoll_fd, events, 8, ipc_server_wait_ms(s->c.ipc, clock_real_now()));
        struct ipc_server_now now;

        if (n < 0 && errno != EINTR) {
            return NULL;
        }
        now = (struct ipc_server_now){clock_real_now(), clock_now(s->c.clock), rte_rdtsc()};
        s->now = now.real;
        log_set_now(now.real);
        for (int i = 0; i < n; i++) {
            serve(s, events[i].data.fd);
        }
        ipc_server_poll(s->c.ipc, &now);
        announce_policy(s);
        clear_counters(s);
    }
    return s->stopped_by;
}
