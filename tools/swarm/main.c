/* SPDX-License-Identifier: BSD-3-Clause */
/* gvpn-swarm: start, the loop, the end. What it is stands in swarm.h. */
#include "tools/swarm/swarm.h"

#include "common/log.h"
#include "ctrl/config/config.h"
#include "ctrl/crypto/rng.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PROGRESS_MS 1000

static struct now swarm_now(void *swarm)
{
    return ((struct swarm *)swarm)->now;
}

static bool system_random(void *swarm, void *out, size_t len)
{
    (void)swarm;
    return rng_system(NULL, out, len);
}

static bool open_all(struct swarm *s)
{
    clock_init(&s->clock, s->o.clock_rate);
    s->now = (struct now){.scaled = clock_now(&s->clock), .real = clock_real_now()};
    timers_init(&s->timers);
    timers_init(&s->real_timers);
    s->env = (struct env){.ctx = s,
                          .now = swarm_now,
                          .send = swarm_net_send,
                          .random = system_random,
                          .timers = &s->timers,
                          .real_timers = &s->real_timers};
    s->all_registered = MONO_NEVER;
    s->config = swarm_options_config(&s->o);
    if (s->config == NULL)
        return false;
    if (!rng_system(NULL, &s->random, sizeof(s->random)) || !swarm_members_open(s)) {
        fprintf(stderr, "gvpn-swarm: no memory\n");
        return false;
    }
    if (!swarm_net_open(s)) {
        fprintf(stderr, "gvpn-swarm: UDP port %u: %s\n", s->o.port, strerror(errno));
        return false;
    }
    return true;
}

static void close_all(struct swarm *s)
{
    swarm_members_close(s);
    if (s->config != NULL)
        config_free(s->config);
    if (s->fd >= 0)
        close(s->fd);
    timers_free(&s->timers);
    timers_free(&s->real_timers);
}

/* Has every rekey that was to be seen reached everybody? With losses a few miss all of its rounds, and register instead. */
static bool have_reached(const struct swarm *s)
{
    unsigned enough = s->o.loss == 0 ? s->o.members : s->o.members - s->o.members / 50;

    if (s->n_rekeys < s->o.rekeys)
        return false;
    for (unsigned i = 0; i < s->o.rekeys; i++)
        if (s->rekeys[i].n < enough)
            return false;
    return true;
}

static bool is_done(const struct swarm *s)
{
    if (mono_is_never(s->all_registered) || !have_reached(s))
        return false;
    /* The acknowledgements of the last one are on their way. */
    return s->o.rekeys == 0 || mono_reached(mono_add(s->rekeys[s->o.rekeys - 1].last, mono_ms(1500)), s->now.real);
}

static mono_t next_event(const struct swarm *s, mono_t progress)
{
    mono_t scaled = timers_next(&s->timers), wait = mono_sub(scaled, clock_now(&s->clock));
    mono_t at = mono_is_never(scaled) ? MONO_NEVER : mono_add(clock_real_now(), clock_to_real(&s->clock, wait));

    return mono_min(mono_min(at, timers_next(&s->real_timers)), progress);
}

static void run(struct swarm *s)
{
    mono_t end = mono_add(s->now.real, mono_s(s->o.seconds)), progress = s->now.real;

    s->began = s->now.real;
    swarm_report_server(s, &s->rss_kb[0], &s->cpu_s[0]);
    while (!is_done(s) && !mono_reached(end, s->now.real)) {
        swarm_members_begin(s);
        swarm_net_wait(s, next_event(s, progress));
        timers_fire(&s->real_timers, s->now.real);
        timers_fire(&s->timers, s->now.scaled);
        if (mono_reached(progress, s->now.real)) {
            swarm_report_progress(s);
            progress = mono_add(s->now.real, mono_ms(PROGRESS_MS));
        }
    }
}

int main(int argc, char **argv)
{
    static struct swarm s = {.fd = -1};
    uint64_t rss_kb;
    bool good;

    if (!swarm_options_parse(argc, argv, &s.o))
        return 2;
    log_set_level(LOG_LEVEL_ERROR);
    good = open_all(&s);
    if (good) {
        run(&s);
        swarm_report_progress(&s);
        swarm_report_server(&s, &rss_kb, &s.cpu_s[2]);
        swarm_report(&s);
        good = s.n_registered == s.o.members && have_reached(&s) && s.past_end == 0;
    }
    close_all(&s);
    return good ? 0 : 1;
}
