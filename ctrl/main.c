/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * gvpnd: options, start in order, run, stop in reverse order. Exit 0 after a clean stop or a good --check, 1 for a bad
 * file or a start that failed, 2 for wrong usage.
 */
#include "common/daemon.h"
#include "common/secret.h"
#include "ctrl/config/config.h"
#include "ctrl/crypto/rng.h"
#include "ctrl/ctl/ctl.h"
#include "ctrl/run/roles.h"
#include "ctrl/run/udp.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { EXIT_USAGE = 2 };

#define ADDRESS_WAIT  mono_s(30) /* a member's addresses may appear with its data plane */
#define ADDRESS_RETRY mono_ms(250)

struct options {
    const char *file, *run_dir, *state_dir;
    bool check, has_level;
    enum log_level level;
    uint32_t clock_rate;
};

struct daemon {
    const struct options *o;
    struct config *config;
    struct loop *loop;
    struct udp *udp;
    struct roles *roles;
    struct ctl *ctl;
    int lock;
    int keylog;
    struct timer bind_again; /* real */
    mono_t bind_until;
    const char *stopped_by;
    bool failed;
};

static void usage(FILE *to)
{
    (void)fprintf(to, "usage: gvpnd -c FILE [--check] [--run-dir DIR] [--state-dir DIR] [--foreground]\n"
                      "             [--clock-rate R] [--log-level L]\n"
                      "       gvpnd --version\n"
                      "  -c FILE          configuration\n"
                      "  --check          load FILE as the daemon would, say what is wrong with it, and exit\n"
                      "  --run-dir DIR    lock and sockets (default /run/gvpn)\n"
                      "  --state-dir DIR  what survives a restart (default /var/lib/gvpn); this version keeps nothing there\n"
                      "  --foreground     stay in the foreground, which gvpnd always does\n"
                      "  --clock-rate R   1 to 1000: lifetimes run so much faster (lab)\n"
                      "  --log-level L    error, warn, info or debug; wins over the file\n");
}

/* Returns -1 to go on, else the exit status. */
static int parse_options(int argc, char **argv, struct options *o)
{
    static const struct option longs[] = {{"check", no_argument, NULL, 'k'},
                                          {"run-dir", required_argument, NULL, 'r'},
                                          {"state-dir", required_argument, NULL, 's'},
                                          {"foreground", no_argument, NULL, 'f'},
                                          {"clock-rate", required_argument, NULL, 'R'},
                                          {"log-level", required_argument, NULL, 'l'},
                                          {"help", no_argument, NULL, 'h'},
                                          {"version", no_argument, NULL, 'V'},
                                          {NULL, 0, NULL, 0}};
    int c;

    while ((c = getopt_long(argc, argv, "c:h", longs, NULL)) != -1) {
        switch (c) {
        case 'c':
            o->file = optarg;
            break;
        case 'k':
            o->check = true;
            break;
        case 'r':
            o->run_dir = optarg;
            break;
        case 's':
            o->state_dir = optarg;
            break;
        case 'f':
            break;
        case 'R':
            if (daemon_parse_rate(optarg, &o->clock_rate))
                break;
            (void)fprintf(stderr, "gvpnd: --clock-rate %s: expected a whole number from 1 to 1000\n", optarg);
            return EXIT_USAGE;
        case 'l':
            o->has_level = daemon_parse_level(optarg, &o->level);
            if (o->has_level)
                break;
            (void)fprintf(stderr, "gvpnd: --log-level %s: expected error, warn, info or debug\n", optarg);
            return EXIT_USAGE;
        case 'h':
            usage(stdout);
            return EXIT_SUCCESS;
        case 'V':
            (void)printf("gvpnd %s\n", GVPN_VERSION);
            return EXIT_SUCCESS;
        default:
            usage(stderr);
            return EXIT_USAGE;
        }
    }
    if (!o->file || optind < argc) {
        usage(stderr);
        return EXIT_USAGE;
    }
    return -1;
}

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

static void stop(struct daemon *d, const char *why)
{
    d->stopped_by = why;
    loop_stop(d->loop);
}

static void on_sigterm(void *ctx)
{
    stop(ctx, "SIGTERM");
}

static void on_sigint(void *ctx)
{
    stop(ctx, "SIGINT");
}

static void on_sighup(void *ctx)
{
    (void)ctx;
    log_msg(NO_RELOAD, "gvpnd");
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
    d->ctl = ctl_open(d->loop, d->roles, path, &err);
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

static int run(const struct options *o, struct config *config)
{
    struct daemon d = {.o = o, .config = config, .lock = -1, .keylog = -1};
    int status = EXIT_FAILURE;

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
    udp_close(d.udp);
    loop_free(d.loop);
    if (d.keylog >= 0)
        close(d.keylog);
    if (d.lock >= 0)
        close(d.lock);
    return status;
}

int main(int argc, char **argv)
{
    struct options o = {.run_dir = "/run/gvpn", .clock_rate = 1};
    struct yaml_error e = {.text = ""};
    struct config *config;
    int status = parse_options(argc, argv, &o);

    if (status >= 0)
        return status;
    daemon_protect_memory(); /* the file leads to pre-shared keys */
    config = config_load(o.file, &e);
    if (!config) {
        (void)fprintf(stderr, "%s\n", e.text);
        return EXIT_FAILURE;
    }
    for (size_t i = 0; i < config->n_lints; i++)
        (void)fprintf(stderr, "%s\n", config->lints[i]);
    if (o.clock_rate != 1 && !config->lab) {
        (void)fprintf(stderr, "gvpnd: --clock-rate needs `lab: true` in %s\n", o.file);
        status = EXIT_FAILURE;
    } else {
        status = o.check ? EXIT_SUCCESS : run(&o, config);
    }
    config_free(config);
    return status;
}
