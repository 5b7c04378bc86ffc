/* SPDX-License-Identifier: BSD-3-Clause */
/* Two sides of phase 1 in memory: an initiator, a half-open front and a responder, and the six messages
 * between them. */
#ifndef GVPN_TESTS_PHASE1_PAIR_H
#define GVPN_TESTS_PHASE1_PAIR_H

#include "ctrl/phase1/halfopen.h"

#define PAIR_MEMBER "10.0.0.2"
#define PAIR_SERVER "10.0.0.1"
#define PAIR_NOW    ((mono_t){1000000000000})

struct pair_message {
    uint8_t b[PHASE1_MAX_MESSAGE];
    size_t len;
};

struct pair {
    struct phase1_settings initiator, responder; /* may be changed between pair_init() and pair_start() */
    struct config_psk psk_i, psk_r;
    struct config_proposal proposal;
    struct halfopen *front;
    struct phase1 *i, *r;
    struct phase1_offer offer;
    struct pair_message m[7];    /* m[1] to m[6] */
    struct phase1_report report; /* of the last step */
};

void pair_init(struct pair *p, uint16_t group);
/* Makes the front and the initiator; m[1] is there. */
void pair_start(struct pair *p);
void pair_free(struct pair *p);
/* Runs the exchange until message `upto` was written (2 to 6); every step must succeed. */
void pair_run(struct pair *p, int upto);

struct span pair_span(const struct pair_message *m);
/* One step; the answer replaces *answer, or is lost when answer is NULL. */
enum phase1_result pair_step(struct pair *p, struct phase1 *to, struct span datagram,
                             struct pair_message *answer);
enum halfopen_result pair_front(struct pair *p, struct span datagram, mono_t now,
                                struct pair_message *answer);
/* A message 1 that offers these groups, written by hand, each transform as small as it can be. */
void pair_offer(struct pair_message *m, const uint16_t *groups, size_t n, const uint8_t *cookie_i);
/* One of the results that mean: nothing changed. */
bool pair_is_drop(enum phase1_result r);
/* Both are up, and with the same keys. */
void pair_assert_up(struct pair *p);

#endif
