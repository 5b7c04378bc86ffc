/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * gvpnd: start in order, run, reload, stop in reverse order. Exit 0 after a clean stop or a good --check, 1 for a bad file
 * or a start that failed, 2 for wrong usage.
 */
#include "common/daemon.h"
#include "common/secret.h"
#include "ctrl/config/config.h"
#include "ctrl/crypto/rng.h"
#include "ctrl/ctl/ctl.h"
#include "ctrl/options.h"
#include "ctrl/run/events.h"
#include "ctrl/run/multicast.h"
#include "ctrl/run/roles.h"
#include "ctrl/run/udp.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define ADDRESS_WAIT  mono_s(30) /* a member's addresses may appear with its data plane */
#define ADDRESS_RETRY mono_ms(250)

struct daemon {
    const struct options *o;
    struct config *config;
    struct loop *loop;
    struct udp *udp;
    struct multicast *multicast; /* NULL until a group's rekeys come by it */
    struct roles *roles;
    struct ctl *ctl;
    struct events *events;
    int lock;
    int keylog;
    struct timer bind_again; /* real */
    mono_t bind_until;
    const char *stopped_by;
    bool failed;
};

/* Effects that exchanges ask for. */

static struct now on_now(void *ctx)
{
    struct daemon *d = ctx;

    return loop_now(d->loop);
}

static void on_send(void *ctx, const struct path *path, struct span datagram)
{
    struct daemon *d = ctx;

    udp_send(d->udp, path, datagram);
}

static void on_keylog(void *ctx, const char *line)
{
    struct daemon *d = ctx;

    /* One write per line, so that several daemons may share the file. */
    (void)dprintf(d->keylog, "%s\n", line);
}

static void on_datagram(void *ctx, const struct path *path, struct span bytes)
{
    struct daemon *d = ctx;

    roles_datagram(d->roles, path, bytes);
}

static const char *on_hear(void *ctx, const void *owner, const struct addr *local, const struct endpoint *group,
                           const struct addr *source)
{
    struct daemon *d = ctx;

    if (!d->multicast)
        d->multicast = multicast_new(d->loop, on_datagram, d);
    return d->multicast ? multicast_hear(d->multicast, owner, local, group, source) : "memory is short";
}

/* Stopping: members leave first (GM12); a second signal doesn't wait for that. */

static void stop(struct daemon *d, const char *why)
{
    d->stopped_by = why;
    loop_stop(d->loop);
}

static void on_left(void *ctx)
{
    struct daemon *d = ctx;

    loop_stop(d->loop);
}

static void leave(struct daemon *d, const char *why)
{
    bool at_once = !d->roles || roles_is_leaving(d->roles);

    d->stopped_by = why;
    if (at_once)
        loop_stop(d->loop);
    else
        roles_leave(d->roles, on_left, d);
}

static void on_sigterm(void *ctx)
{
    leave(ctx, "SIGTERM");
}

static void on_sigint(void *ctx)
{
    leave(ctx, "SIGINT");
}

/* Reload. Everything that may fail comes first. */

__attribute__((format(printf, 2, 3))) static bool say(struct ctl_reload *out, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    vsnprintf(out->error, sizeof(out->error), fmt, args);
    va_end(args);
    return false;
}

/* What --check can't know: how this process runs. */
static bool fits_process(const struct daemon *d, const struct config *c, struct ctl_reload *out)
{
    if (d->o->clock_rate != 1 && !c->lab)
        return say(out, "--clock-rate needs `lab: true` in %s", c->file);
    if (d->keylog >= 0 && !c->lab)
        return say(out, "GVPN_KEYLOG needs `lab: true` in %s", c->file);
    return true;
}

static bool exchange(struct daemon *d, const struct config *c, struct ctl_reload *out)
{
    struct addr failed;
    char address[ADDR_TEXT_MAX];
    int err;

    if (!d->roles)
        return true; /* still waiting for its addresses: starts with the new file */
    if (!udp_prepare(d->udp, c->listen, c->n_listen, &err, &failed))
        return say(out, "can't listen on %s port %d: %s", addr_text(&failed, address), UDP_PORT_GDOI, strerror(err));
    if (!roles_reload(d->roles, c, out->error)) {
        udp_abandon(d->udp);
        return false;
    }
    udp_commit(d->udp);
    return true;
}

static bool reload(void *ctx, struct ctl_reload *out)
{
    struct daemon *d = ctx;
    struct yaml_error e = {.text = ""};
    struct config *c = config_load(d->o->file, &e);

    *out = (struct ctl_reload){.file = d->o->file};
    if (!c) {
        config_log_mistake(&e);
        (void)say(out, "%s", e.text);
    }
    if (!c || !fits_process(d, c, out) || !exchange(d, c, out)) {
        log_msg(CONFIG_KEPT, out->error);
        config_free(c);
        return false;
    }
    config_free(d->config);
    d->config = c;
    out->config = c;
    log_open("gvpnd", d->o->has_level ? d->o->level : c->log_level, c->log_to);
    for (size_t i = 0; i < c->n_lints; i++)
        log_msg(CONFIG_LINT, c->lints[i]);
    log_msg(CONFIG_RELOADED, c->file, c->n_groups);
    return true;
}

static void on_sighup(void *ctx)
{
    struct ctl_reload ignored;

    (void)reload(ctx, &ignored);
}

/* Start. Each step says what failed. */

/* GVPN_KEYLOG: refused unless the file says `lab: true`, and announced. */
static bool open_keylog(struct daemon *d)
{
    const char *path = getenv("GVPN_KEYLOG");

    if (!path || !path[0])
        return true;
    if (!d->config->lab) {
        log_msg(START_FAILED, "GVPN_KEYLOG is set: writing keys needs `lab: true` in the configuration");
        return false;
    }
    d->keylog = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (d->keylog < 0) {
        log_msg(START_FAILED, "GVPN_KEYLOG can't be opened");
        return false;
    }
    log_msg(KEYLOG_ON, path);
    return true;
}

static bool has_member(const struct config *c)
{
    for (size_t i = 0; i < c->n_groups; i++) {
        if (c->groups[i].is_member)
            return true;
    }
    return false;
}

static bool start_roles(struct daemon *d)
{
    struct roles_settings s = {.loop = d->loop,
                               .config = d->config,
                               .run_dir = d->o->run_dir,
                               .clock_rate = d->o->clock_rate,
                               .hear = on_hear,
                               .env = {.ctx = d,
                                       .now = on_now,
                                       .send = on_send,
                                       .random = rng_system,
                                       .keylog = d->keylog >= 0 ? on_keylog : NULL,
                                       .timers = loop_timers(d->loop),
                                       .real_timers = loop_real_timers(d->loop)}};
    char path[PATH_MAX], text[PATH_MAX + 64];
    int err;

    d->roles = roles_new(&s, loop_now(d->loop));
    if (!d->roles) {
        log_msg(START_FAILED, "out of memory or random octets");
        return false;
    }
    if (!daemon_path(d->o->run_dir, "gvpnd.sock", path, sizeof(path)))
        return false;
    d->ctl = ctl_open(d->loop, d->roles, &(struct ctl_hooks){.ctx = d, .reload = reload, .events = d->events}, path, &err);
    if (!d->ctl) {
        snprintf(text, sizeof(text), "operator socket %s: %s", path, strerror(err));
        log_msg(START_FAILED, text);
        return false;
    }
    daemon_notify("READY=1");
    return true;
}

/* Binds and goes on; a member's addresses may need some time to appear, a key server's must be there. */
static void bind_and_start(struct daemon *d)
{
    struct addr failed;
    char address[ADDR_TEXT_MAX], text[256];
    mono_t now = loop_now(d->loop).real;
    int err;

    d->udp = udp_open(d->loop, d->config->listen, d->config->n_listen, &err, &failed, on_datagram, d);
    if (!d->udp && err == EADDRNOTAVAIL && has_member(d->config) && mono_before(now, d->bind_until) &&
        timer_set(loop_real_timers(d->loop), &d->bind_again, mono_add(now, ADDRESS_RETRY)))
        return;
    if (!d->udp) {
        snprintf(text, sizeof(text), "can't listen on %s port %d: %s", addr_text(&failed, address), UDP_PORT_GDOI,
                 strerror(err));
        log_msg(START_FAILED, text);
    }
    if (!d->udp || !start_roles(d)) {
        d->failed = true;
        stop(d, "start failed");
    }
}

static void on_bind_again(struct timer *t, mono_t now)
{
    (void)now;
    bind_and_start((struct daemon *)((char *)t - offsetof(struct daemon, bind_again)));
}

static bool start(struct daemon *d)
{
    char error[DAEMON_ERROR_MAX];

    d->lock = daemon_lock(d->o->run_dir, "gvpnd.lock", error);
    if (d->lock < 0) {
        log_msg(START_FAILED, error);
        return false;
    }
    d->loop = loop_new(d->o->clock_rate);
    if (!d->loop || !loop_on_signal(d->loop, SIGTERM, on_sigterm, d) ||
        !loop_on_signal(d->loop, SIGINT, on_sigint, d) || !loop_on_signal(d->loop, SIGHUP, on_sighup, d)) {
        log_msg(START_FAILED, "the event loop could not be made");
        return false;
    }
    if (!open_keylog(d))
        return false;
    d->bind_again.fire = on_bind_again;
    d->bind_until = mono_add(loop_now(d->loop).real, ADDRESS_WAIT);
    log_msg(DAEMON_START, "gvpnd", GVPN_VERSION, d->config->file);
    bind_and_start(d);
    return !d->failed;
}

/* Stopping has begun: the loop will give SIGTERM its default action back, and a second one must not cut the wiping short. */
static void block_signals(void)
{
    sigset_t all;

    (void)sigfillset(&all);
    (void)sigprocmask(SIG_BLOCK, &all, NULL);
}

/* Takes config over. */
static int run(const struct options *o, struct config *config)
{
    struct daemon d = {.o = o, .config = config, .lock = -1, .keylog = -1};
    int status = EXIT_FAILURE;

    d.events = events_new();
    log_open("gvpnd", o->has_level ? o->level : config->log_level, config->log_to);
    if (start(&d)) {
        loop_run(d.loop);
        if (!d.failed)
            status = EXIT_SUCCESS;
        log_msg(DAEMON_STOP, "gvpnd", d.stopped_by ? d.stopped_by : "the event loop ended");
    }
    daemon_notify("STOPPING=1");
    block_signals();
    ctl_close(d.ctl);
    roles_free(d.roles);
    multicast_free(d.multicast);
    udp_close(d.udp);
    loop_free(d.loop);
    if (d.keylog >= 0)
        close(d.keylog);
    if (d.lock >= 0)
        close(d.lock);
    events_free(d.events);
    config_free(d.config);
    return status;
}

int main(int argc, char **argv)
{
    struct options o;
    struct yaml_error e = {.text = ""};
    struct config *config;
    int status = options_parse(argc, argv, &o);

    if (status >= 0)
        return status;
    daemon_protect_memory(); /* the file leads to pre-shared keys */
    config = config_load(o.file, &e);
    if (!config) {
        (void)fprintf(stderr, "%s\n", e.text);
        if (!o.check)
            config_log_mistake(&e);
        return EXIT_FAILURE;
    }
    for (size_t i = 0; i < config->n_lints; i++)
        (void)fprintf(stderr, "%s\n", config->lints[i]);
    if (o.clock_rate != 1 && !config->lab)
        (void)fprintf(stderr, "gvpnd: --clock-rate needs `lab: true` in %s\n", o.file);
    else if (!o.check)
        return run(&o, config);
    status = o.clock_rate != 1 && !config->lab ? EXIT_FAILURE : EXIT_SUCCESS;
    config_free(config);
    return status;
}
