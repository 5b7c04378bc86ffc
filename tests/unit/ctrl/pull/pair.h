/* SPDX-License-Identifier: BSD-3-Clause */
/* Member and key server of a PULL in memory, on an ISAKMP SA that is simply there, and the four messages
 * between them. */
#ifndef GVPN_TESTS_PULL_PAIR_H
#define GVPN_TESTS_PULL_PAIR_H

#include "ctrl/pull/pull.h"

#define PAIR_GROUP 484u
#define PAIR_NOW   ((mono_t){1000000000000})

struct pair_message {
    uint8_t b[4096];
    size_t len;
};

struct pair {
    struct ike_sa sa_m, sa_s;
    struct pull *m, *s;
    struct policy policy;       /* of the server: one GCM SA, a permit and a deny */
    struct pair_message msg[5]; /* msg[1] to msg[4] */
    struct pull_report report;  /* of the last step */
};

void pair_init(struct pair *p);
void pair_free(struct pair *p);
/* Runs the exchange until message `upto` was written (1 to 4); every step must succeed. */
void pair_run(struct pair *p, int upto);

struct span pair_span(const struct pair_message *m);
enum pull_result pair_step(struct pair *p, struct pull *to, struct span datagram, mono_t now,
                           struct pair_message *answer);
/* Offers a datagram as a new PULL to the server; p->s is set when it is one. */
enum pull_result pair_request(struct pair *p, struct span datagram);
/* Seals raw payloads (the first one's type is `first`) behind a right HASH: what an authenticated, hostile
 * peer can do. */
void pair_seal(struct ike_sa *sa, uint8_t exchange, uint32_t message_id, struct span nonces,
               const uint8_t *payloads, size_t len, uint8_t first, struct ike_iv *iv,
               struct pair_message *out);

#endif
