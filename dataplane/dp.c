/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The order of start: lock, DPDK, self test, ports, counter page, snapshots, TAP, workers, control socket. Nothing is
 * forwarded before the workers run, and they run with the fail-close defaults until a policy comes.
 */
#include "dataplane/dp.h"

#include "common/clock.h"
#include "common/daemon.h"
#include "dataplane/eal.h"
#include "dataplane/explain.h"
#include "dataplane/ipc.h"
#include "dataplane/pmtu.h"
#include "dataplane/port.h"
#include "dataplane/punt.h"
#include "dataplane/slow.h"
#include "dataplane/tap.h"
#include "dataplane/worker.h"

#include <rte_cycles.h>
#include <rte_launch.h>

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

struct dp {
    const struct cfg *cfg;
    const struct options *options;
    struct clock clock;
    int lock_fd, tap_fd;
    bool eal;
    uint64_t instance;
    const struct crypto_backend *crypto;
    char pair_names[IPC_MAX_PAIRS][IPC_NAME_MAX];
    struct ports ports;
    struct punt punt;
    struct ipc_page_mem page;
    struct snap_store *store;
    struct pipeline_config pipeline;
    struct worker_shared shared;
    struct worker *workers[CFG_MAX_WORKERS];
    unsigned n_launched;
    struct ipc_server *ipc;
    bool attached;
    struct slow *slow;
    char error[2048];
};

static bool self_test(struct dp *dp)
{
    char why[256] = "";

    dp->crypto = crypto_ipsec_mb();
    if (dp->crypto == NULL) {
        (void)snprintf(dp->error, sizeof(dp->error), "ipsec-mb can't run on this CPU");
        return false;
    }
    if (!crypto_selftest(dp->crypto, why, sizeof(why))) {
        (void)snprintf(dp->error, sizeof(dp->error), "crypto self test of %s failed: %s", dp->crypto->name, why);
        return false;
    }
    log_msg(SELF_TEST, "passed");
    return true;
}

/* The configuration as the pipeline wants it. */
static void fill_pipeline(struct dp *dp)
{
    const struct cfg *cfg = dp->cfg;
    struct pipeline_config *p = &dp->pipeline;

    p->n_pairs = (unsigned)cfg->n_pairs;
    p->n_workers = (unsigned)cfg->n_workers;
    p->local_pair = cfg->local.pair;
    p->unregistered_clear = cfg->unregistered == CFG_UNREGISTERED_CLEAR;
    p->df = cfg->df == CFG_DF_SET ? PIPELINE_DF_SET : cfg->df == CFG_DF_CLEAR ? PIPELINE_DF_CLEAR : PIPELINE_DF_COPY;
    p->mss_clamp = cfg->mss_clamp;
    p->tsc_hz = rte_get_tsc_hz();
    for (unsigned i = 0; i < p->n_pairs; i++) {
        (void)snprintf(p->pairs[i].name, sizeof(p->pairs[i].name), "%s", cfg->pairs[i].name);
        (void)snprintf(dp->pair_names[i], sizeof(dp->pair_names[i]), "%s", cfg->pairs[i].name);
        p->pairs[i].mtu = cfg->pairs[i].mtu;
        p->pairs[i].tag = cfg->pairs[i].sgt_default;
        p->pairs[i].sgt_inline = cfg->pairs[i].sgt == CFG_SGT_INLINE;
    }
    for (size_t i = 0; i < cfg->local.n_addresses && i < IPC_MAX_ADDRESSES; i++) {
        p->own[p->n_own++] = cfg->local.addresses[i].addr;
    }
}

static struct pmtu *open_pmtu(void)
{
    uint64_t seed[2];

    return getrandom(seed, sizeof(seed), 0) == (ssize_t)sizeof(seed) ? pmtu_new(seed) : NULL;
}

static bool open_store(struct dp *dp)
{
    struct snap_config c = {.n_pairs = dp->pipeline.n_pairs,
                            .n_workers = dp->pipeline.n_workers,
                            .pairs = (const char(*)[IPC_NAME_MAX])dp->pair_names, /* C11 has no such implicit cast */
                            .crypto = dp->crypto,
                            .tsc_hz = rte_get_tsc_hz(),
                            .clock_rate = dp->options->clock_rate,
                            .lab_left = dp->cfg->lab_counters_left};

    if (getrandom(&dp->instance, sizeof(dp->instance), 0) != (ssize_t)sizeof(dp->instance) ||
        !ipc_page_open(&dp->page, dp->instance)) {
        (void)snprintf(dp->error, sizeof(dp->error), "no memory for the counter page");
        return false;
    }
    dp->page.page->n_workers = dp->pipeline.n_workers;
    port_describe(&dp->ports, dp->page.page);
    port_publish(&dp->ports, dp->page.page);
    c.page = dp->page.page;
    dp->pipeline.pmtu = open_pmtu();
    dp->store = snap_store_new(&c);
    if (dp->store == NULL || dp->pipeline.pmtu == NULL) {
        (void)snprintf(dp->error, sizeof(dp->error), "no memory for snapshots");
    }
    return dp->store != NULL && dp->pipeline.pmtu != NULL;
}

/*
 * A frame for the MAC of a TAP-backed port would end in the kernel below it, never in the port; so a TAP on such a port
 * doesn't take the port's MAC but one of its own, made from it. Everywhere else both are one station.
 */
static void choose_mac(const struct dp *dp, uint8_t mac[6])
{
    const struct cfg_local *local = &dp->cfg->local;
    const struct port *outside = &dp->ports.p[dp->cfg->pairs[local->pair].outside];

    memcpy(mac, local->has_mac ? local->mac : outside->mac, 6);
    if (!local->has_mac && strncmp(outside->cfg->device, "net_tap", strlen("net_tap")) == 0) {
        mac[0] = (uint8_t)((mac[0] | 0x02) & ~0x01);
        mac[2] ^= 0x80;
    }
}

static bool open_tap(struct dp *dp)
{
    const struct cfg_local *local = &dp->cfg->local;
    char error[TAP_ERROR_MAX];
    uint8_t mac[6];

    choose_mac(dp, mac);
    if (memcmp(mac, (const uint8_t[6]){0}, sizeof(mac)) == 0) {
        (void)snprintf(dp->error, sizeof(dp->error), "port %s (%.200s) has no MAC address that the TAP could take; set local.mac",
                       dp->ports.p[dp->cfg->pairs[local->pair].outside].cfg->name,
                       dp->ports.p[dp->cfg->pairs[local->pair].outside].cfg->device);
        return false;
    }
    dp->tap_fd = tap_open(local, mac, dp->cfg->pairs[local->pair].mtu, error);
    if (dp->tap_fd < 0) {
        (void)snprintf(dp->error, sizeof(dp->error), "%s", error);
    }
    return dp->tap_fd >= 0;
}

static bool launch_workers(struct dp *dp)
{
    struct worker_shared *s = &dp->shared;

    *s = (struct worker_shared){.pipeline = &dp->pipeline,
                                .store = dp->store,
                                .crypto = dp->crypto,
                                .page = dp->page.page,
                                .punt = &dp->punt,
                                .n_pairs = dp->pipeline.n_pairs,
                                .idle_poll = dp->cfg->idle_poll,
                                .idle_sleep_us = dp->cfg->idle_sleep_us};
    for (unsigned i = 0; i < s->n_pairs; i++) {
        s->inside[i] = dp->ports.p[dp->cfg->pairs[i].inside].id;
        s->outside[i] = dp->ports.p[dp->cfg->pairs[i].outside].id;
    }
    for (unsigned i = 0; i < dp->pipeline.n_workers; i++) {
        dp->workers[i] = worker_new(s, i, dp->cfg->workers[i]);
        if (dp->workers[i] == NULL) {
            (void)snprintf(dp->error, sizeof(dp->error), "no memory for worker %u", i);
            return false;
        }
    }
    for (unsigned i = 0; i < dp->pipeline.n_workers; i++) {
        if (rte_eal_remote_launch(worker_run, dp->workers[i], eal_worker_lcore(i)) != 0) {
            (void)snprintf(dp->error, sizeof(dp->error), "worker %u did not start", i);
            return false;
        }
        dp->n_launched = i + 1;
    }
    return true;
}

static void answer_explain(void *ctx, const struct ipc_explain *question, struct ipc_explained *answer)
{
    struct dp *dp = ctx;

    explain_flow(&dp->pipeline, snap_store_current(dp->store), rte_rdtsc(), question, answer);
}

/* `text` with attached false: why a controller was refused, or why the present one is lost. */
static void open_log(const struct options *o, const struct cfg *cfg)
{
    log_open("gvpn-dp", o->has_level ? o->level : cfg->log_level, cfg->log_to);
}

static void log_attach(void *ctx, bool attached, const char *text)
{
    struct dp *dp = ctx;

    if (attached) {
        log_msg(CTRL_ATTACHED, dp->cfg->control_socket);
    } else if (dp->attached) {
        log_msg(CTRL_DETACHED, text);
    } else {
        log_msg(CTRL_REFUSED, text);
    }
    dp->attached = attached;
}

static bool open_ipc(struct dp *dp)
{
    char path[PATH_MAX], reason[IPC_TEXT_MAX];
    struct ipc_server_config c = {.path = path,
                                  .page = dp->page,
                                  .store = dp->store,
                                  .ctx = dp,
                                  .explain = answer_explain,
                                  .attached = log_attach};

    if (!daemon_path(dp->options->run_dir, dp->cfg->control_socket, path, sizeof(path))) {
        (void)snprintf(dp->error, sizeof(dp->error), "the control socket's path is too long");
        return false;
    }
    c.hello.clock_rate = dp->options->clock_rate;
    c.hello.instance = dp->instance;
    c.hello.n_pairs = (uint16_t)dp->pipeline.n_pairs;
    c.hello.n_workers = (uint16_t)dp->pipeline.n_workers;
    c.hello.n_queues = (uint16_t)dp->pipeline.n_workers;
    memcpy(c.hello.pairs, dp->pair_names, sizeof(c.hello.pairs));
    (void)snprintf(c.hello.program_version, sizeof(c.hello.program_version), "%s", GVPN_VERSION);
    dp->ipc = ipc_server_new(&c, reason);
    if (dp->ipc == NULL) {
        (void)snprintf(dp->error, sizeof(dp->error), "control socket %.500s: %s", path, reason);
    }
    return dp->ipc != NULL;
}

/* The file is read anew. What workers, ports and the TAP were made from stays until the next start. */
static void reload(void *ctx)
{
    struct dp *dp = ctx;
    struct yaml_error e = {.text = ""};
    struct cfg *c = cfg_load(dp->cfg->file, &e);

    if (c == NULL) {
        log_msg(CONFIG_KEPT, e.text);
        return;
    }
    open_log(dp->options, c);
    log_msg(LOG_RELOADED, c->file, "gvpn-dp");
    cfg_free(c);
}

static bool open_loop(struct dp *dp)
{
    const struct cfg_pair *pair = &dp->cfg->pairs[dp->cfg->local.pair];
    struct slow_config c = {.cfg = dp->cfg,
                            .clock = &dp->clock,
                            .ports = &dp->ports,
                            .punt = &dp->punt,
                            .ipc = dp->ipc,
                            .page = dp->page.page,
                            .store = dp->store,
                            .tap_fd = dp->tap_fd,
                            .inside = dp->ports.p[pair->inside].id,
                            .outside = dp->ports.p[pair->outside].id,
                            .reload = reload,
                            .ctx = dp};

    dp->slow = slow_new(&c, dp->error);
    return dp->slow != NULL;
}

static bool open_punt(struct dp *dp)
{
    if (!punt_open(&dp->punt)) {
        (void)snprintf(dp->error, sizeof(dp->error), "no memory for the rings of the slow path");
        return false;
    }
    return true;
}

static bool start(struct dp *dp)
{
    dp->lock_fd = daemon_lock(dp->options->run_dir, "gvpn-dp.lock", dp->error);
    if (dp->lock_fd < 0) {
        return false;
    }
    slow_block_signals();
    clock_init(&dp->clock, dp->options->clock_rate);
    if (!eal_start(dp->cfg, dp->error)) {
        return false;
    }
    dp->eal = true;
    fill_pipeline(dp);
    return self_test(dp) && port_open_all(&dp->ports, dp->cfg, dp->error) && open_store(dp) && open_punt(dp) &&
           open_tap(dp) && launch_workers(dp) && open_ipc(dp) && open_loop(dp);
}

static void stop(struct dp *dp)
{
    dp->shared.stop = true;
    for (unsigned i = 0; i < dp->n_launched; i++) {
        (void)rte_eal_wait_lcore(eal_worker_lcore(i));
    }
    slow_free(dp->slow);
    ipc_server_free(dp->ipc);
    for (unsigned i = 0; i < dp->pipeline.n_workers; i++) {
        worker_free(dp->workers[i]);
    }
    if (dp->tap_fd >= 0) {
        close(dp->tap_fd);
    }
    if (dp->eal) {
        punt_close(&dp->punt);
        snap_store_free(dp->store);
        pmtu_free(dp->pipeline.pmtu);
        port_close_all(&dp->ports);
    }
    ipc_page_close(&dp->page);
    if (dp->eal) {
        eal_stop();
    }
    if (dp->lock_fd >= 0) {
        close(dp->lock_fd);
    }
}

bool dp_run(const struct cfg *cfg, const struct options *o)
{
    struct dp dp = {.cfg = cfg, .options = o, .lock_fd = -1, .tap_fd = -1, .page.fd = -1, .punt.event_fd = -1};
    const char *by = NULL;

    open_log(o, cfg);
    if (start(&dp)) {
        log_msg(DAEMON_START, "gvpn-dp", GVPN_VERSION, cfg->file);
        daemon_notify("READY=1");
        by = slow_run(dp.slow);
        daemon_notify("STOPPING=1");
        log_msg(DAEMON_STOP, "gvpn-dp", by != NULL ? by : "the control loop can't wait any more");
    } else {
        log_msg(START_FAILED, dp.error);
    }
    stop(&dp);
    return by != NULL;
}
