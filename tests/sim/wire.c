/* SPDX-License-Identifier: BSD-3-Clause */
/* The fake network, see wire.h. Any lack of memory aborts: this is test code. */
#include "tests/sim/wire.h"

#include "common/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void must(bool ok, const char *what)
{
    if (!ok) {
        fprintf(stderr, "wire: %s\n", what);
        abort();
    }
}

uint64_t wire_random(struct wire *w)
{
    /* splitmix64: a full-period generator; any seed will do */
    uint64_t z = (w->rng += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

bool wire_chance(struct wire *w, unsigned percent)
{
    return wire_random(w) % 100 < percent;
}

struct now wire_now(const struct wire_host *h)
{
    return (struct now){.scaled = mono_ns(h->wire->now.ns * h->rate), .real = h->wire->now};
}

struct wire_fate wire_deliver(void)
{
    return (struct wire_fate){.copies = 1, .delay = {mono_ms(WIRE_DELAY_MS)}};
}

struct wire_fate wire_lose(void)
{
    return (struct wire_fate){0};
}

void wire_inject(struct wire *w, const struct endpoint *from, const struct endpoint *to, struct span bytes,
                 mono_t delay)
{
    if (w->n == w->cap) {
        w->cap = w->cap ? w->cap * 2 : 64;
        w->queue = realloc(w->queue, w->cap * sizeof(*w->queue));
        must(w->queue, "out of memory");
    }
    /* exactly as long as the datagram, so that a sanitizer sees every read past its end */
    uint8_t *copy = malloc(bytes.len ? bytes.len : 1);
    must(copy, "out of memory");
    if (bytes.len)
        memcpy(copy, bytes.p, bytes.len);
    w->queue[w->n++] = (struct wire_packet){mono_add(w->now, delay), w->order++, *from, *to, copy, bytes.len};
}

static struct now env_now(void *ctx)
{
    return wire_now(ctx);
}

static bool env_random(void *ctx, void *out, size_t len)
{
    struct wire_host *h = ctx;
    uint8_t *p = out;
    for (size_t i = 0; i < len; i++)
        p[i] = (uint8_t)(wire_random(h->wire) >> 32);
    return true;
}

static void env_send(void *ctx, const struct path *path, struct span datagram)
{
    struct wire_host *h = ctx;
    struct wire *w = h->wire;
    struct wire_packet p = {w->now, 0, path->local, path->remote, NULL, datagram.len};
    uint8_t *copy = malloc(datagram.len ? datagram.len : 1);
    must(copy, "out of memory");
    memcpy(copy, datagram.p, datagram.len);
    p.bytes = copy;
    h->sent++;
    h->sent_bytes += datagram.len;
    uint64_t number = w->n_sent++;
    if (w->tap)
        w->tap(w->ctx, w, number, &p);
    struct wire_fate fate = w->fate ? w->fate(w->ctx, w, number, &p) : wire_deliver();
    for (unsigned i = 0; i < fate.copies && i < WIRE_MAX_COPIES; i++)
        wire_inject(w, &p.from, &p.to, span_of(copy, datagram.len), fate.delay[i]);
    free(copy);
}

/* Every wire begins at the same instant, but the log's rate limits live as long as the process: theirs never
 * goes back. */
static mono_t log_base;

static void tell_log(const struct wire *w)
{
    log_set_now(mono_add(log_base, w->now));
}

void wire_init(struct wire *w, uint64_t seed)
{
    memset(w, 0, sizeof(*w));
    w->rng = seed;
    w->now = mono_s(1000);
    log_base = mono_add(log_base, mono_s(7200));
    tell_log(w);
}

void wire_free(struct wire *w)
{
    for (size_t i = 0; i < w->n; i++)
        free(w->queue[i].bytes);
    free(w->queue);
    while (w->n_hosts)
        wire_leave(w->hosts[0]);
}

void wire_join(struct wire *w, struct wire_host *h, const char *address, uint32_t rate)
{
    memset(h, 0, sizeof(*h));
    must(w->n_hosts < WIRE_MAX_HOSTS, "too many hosts");
    must(addr_parse(address, &h->at.addr), "bad address");
    h->at.port = 848;
    h->wire = w;
    h->rate = rate;
    timers_init(&h->timers);
    timers_init(&h->real_timers);
    h->env = (struct env){.ctx = h,
                          .now = env_now,
                          .send = env_send,
                          .random = env_random,
                          .timers = &h->timers,
                          .real_timers = &h->real_timers};
    w->hosts[w->n_hosts++] = h;
}

void wire_reset_host(struct wire_host *h)
{
    timers_free(&h->timers);
    timers_free(&h->real_timers);
    timers_init(&h->timers);
    timers_init(&h->real_timers);
}

void wire_leave(struct wire_host *h)
{
    struct wire *w = h->wire;
    for (size_t i = 0; i < w->n_hosts; i++) {
        if (w->hosts[i] == h) {
            memmove(&w->hosts[i], &w->hosts[i + 1], (w->n_hosts - i - 1) * sizeof(w->hosts[0]));
            w->n_hosts--;
            break;
        }
    }
    timers_free(&h->timers);
    timers_free(&h->real_timers);
}

/* Index of the datagram that arrives first, or n when none is in flight. */
static size_t first_in_flight(const struct wire *w)
{
    size_t best = w->n;
    for (size_t i = 0; i < w->n; i++) {
        if (best == w->n || mono_before(w->queue[i].at, w->queue[best].at) ||
            (w->queue[i].at.ns == w->queue[best].at.ns && w->queue[i].order < w->queue[best].order))
            best = i;
    }
    return best;
}

static void deliver(struct wire *w, size_t i)
{
    struct wire_packet p = w->queue[i];
    w->queue[i] = w->queue[--w->n];
    for (size_t k = 0; k < w->n_hosts; k++) {
        struct wire_host *h = w->hosts[k];
        if (!addr_equal(&h->at.addr, &p.to.addr) || !h->receive)
            continue;
        struct path path = {.local = p.to, .remote = p.from};
        h->received++;
        h->received_bytes += p.len;
        h->receive(h->ctx, &path, span_of(p.bytes, p.len), wire_now(h));
        break;
    }
    free(p.bytes);
}

/* A scaled instant on the real clock, rounded up; never stays never. */
static mono_t to_real(const struct wire_host *h, mono_t scaled)
{
    if (mono_is_never(scaled))
        return scaled;
    return mono_ns((scaled.ns + h->rate - 1) / h->rate);
}

static mono_t next_timer(const struct wire *w)
{
    mono_t next = MONO_NEVER;
    for (size_t i = 0; i < w->n_hosts; i++) {
        next = mono_min(next, timers_next(&w->hosts[i]->real_timers));
        next = mono_min(next, to_real(w->hosts[i], timers_next(&w->hosts[i]->timers)));
    }
    return next;
}

static void fire(struct wire *w)
{
    for (size_t k = 0; k < w->n_hosts; k++) {
        timers_fire(&w->hosts[k]->real_timers, wire_now(w->hosts[k]).real);
        timers_fire(&w->hosts[k]->timers, wire_now(w->hosts[k]).scaled);
    }
}

void wire_run(struct wire *w, mono_t until)
{
    for (;;) {
        size_t i = first_in_flight(w);
        mono_t packet = i < w->n ? w->queue[i].at : MONO_NEVER;
        mono_t timer = next_timer(w);
        mono_t next = mono_min(packet, timer);
        if (mono_before(until, next))
            break;
        w->now = mono_max(w->now, next);
        tell_log(w);
        if (!mono_before(timer, packet))
            deliver(w, i);
        else
            fire(w);
        if (w->between)
            w->between(w->ctx, w);
    }
    w->now = until;
}

void wire_run_for(struct wire *w, mono_t duration)
{
    wire_run(w, mono_add(w->now, duration));
}
