/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A fake network and a fake clock for simulations: hosts with an address each, an explicit queue of datagrams in flight,
 * and a policy function that may lose, copy, delay or change each of them. Nothing sleeps; the clock jumps from event to
 * event. Everything is a function of the seed.
 *
 * Every host has its own pair of timer heaps and two clocks: real and scaled (= real x rate).
 */
#ifndef GVPN_TESTS_SIM_WIRE_H
#define GVPN_TESTS_SIM_WIRE_H

#include "ctrl/run/env.h"

#define WIRE_MAX_HOSTS  64
#define WIRE_MAX_COPIES 4
#define WIRE_DELAY_MS   5 /* one way, unless the policy says otherwise */

struct wire;

/* One end. `receive` may be NULL: a host that is switched off; its datagrams vanish. */
struct wire_host {
    struct wire *wire;
    struct endpoint at;
    struct env env; /* give this to what is tested */
    struct timers timers, real_timers;
    uint32_t rate;
    void *ctx;
    void (*receive)(void *ctx, const struct path *path, struct span datagram, struct now now);
    uint64_t sent, sent_bytes, received, received_bytes;
};

/* One datagram in flight. */
struct wire_packet {
    mono_t at; /* when it arrives */
    uint64_t order; /* breaks ties: as sent */
    struct endpoint from, to;
    uint8_t *bytes; /* owned */
    size_t len;
};

/* What happens to a datagram: it arrives `copies` times, each after its delay. 0 copies = lost. */
struct wire_fate {
    unsigned copies;
    mono_t delay[WIRE_MAX_COPIES];
};

struct wire {
    mono_t now;
    uint64_t rng;
    uint64_t n_sent; /* datagrams put on the wire by hosts, lost ones included */
    struct wire_host *hosts[WIRE_MAX_HOSTS];
    size_t n_hosts;
    struct wire_packet *queue;
    size_t n, cap;
    uint64_t order;
    void *ctx;
    /* Called for every datagram that a host sends, numbered from 0. NULL: all arrive after WIRE_DELAY_MS. */
    struct wire_fate (*fate)(void *ctx, struct wire *w, uint64_t number, const struct wire_packet *p);
    /* Called with every datagram that a host sends, before its fate is known; may inject others. NULL: nobody looks. */
    void (*tap)(void *ctx, struct wire *w, uint64_t number, const struct wire_packet *p);
    /* Called after every event, when no host is in the middle of anything: the place for restarts. May be NULL. */
    void (*between)(void *ctx, struct wire *w);
};

void wire_init(struct wire *w, uint64_t seed);
void wire_free(struct wire *w);
/* Joins a host; h is the caller's memory and must outlive the wire. rate: how many times faster its scaled clock runs. */
void wire_join(struct wire *w, struct wire_host *h, const char *address, uint32_t rate);
/* Forgets a host's timers, as a restart does. */
void wire_reset_host(struct wire_host *h);
void wire_leave(struct wire_host *h);
/* Puts a datagram on its way whoever sent it (forgeries); arrives after `delay`. */
void wire_inject(struct wire *w, const struct endpoint *from, const struct endpoint *to, struct span bytes, mono_t delay);
/* Goes on until nothing is in flight and no timer is due before `until`; returns with now = until. */
void wire_run(struct wire *w, mono_t until);
/* The same for a duration. */
void wire_run_for(struct wire *w, mono_t duration);
/* Deterministic random numbers. */
uint64_t wire_random(struct wire *w);
/* True with a probability of percent. */
bool wire_chance(struct wire *w, unsigned percent);
struct now wire_now(const struct wire_host *h);
/* One copy after the usual delay. */
struct wire_fate wire_deliver(void);
/* No copy. */
struct wire_fate wire_lose(void);

#endif
