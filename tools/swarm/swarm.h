/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * gvpn-swarm: many members of one group in one process against a real key server, each with an address of its own, real phase 1,
 * PULL, rekeys and acknowledgements (ctrl/phase1, pull, push), and no data plane. It measures the key server: how fast it
 * registers, how long a rekey takes to reach everybody, whether anybody's last key ends.
 */
#ifndef GVPN_TOOLS_SWARM_SWARM_H
#define GVPN_TOOLS_SWARM_SWARM_H

#include "common/clock.h"
#include "ctrl/push/push.h"
#include "ctrl/run/session.h"

#include <sys/types.h>

#define SWARM_MAX_MEMBERS 16384 /* as many sessions as there can be */
#define SWARM_KEKS        2     /* the present one, and the one before for rekeys that are repeated */
#define SWARM_SPIS        6     /* TEKs that a member remembers */
#define SWARM_REKEYS      64    /* rekeys that are measured one by one */
#define SWARM_SA_NUMBERS  8

struct swarm_options {
    struct endpoint server;
    struct addr first; /* of the first member; the others follow */
    uint16_t port;     /* all members' own */
    struct group_id group;
    const char *secret;
    unsigned members, parallel, rekeys, seconds, loss, clock_rate;
    unsigned sender_ids;
    pid_t server_pid; /* 0 = not watched */
    bool json;
};

struct swarm;

struct swarm_member {
    struct swarm *swarm;
    struct endpoint at;
    struct session *session; /* a registration under way */
    mono_t begun;            /* real: of the present try */
    bool registered;
    unsigned registrations, failures;
    struct peer_features server; /* what the key server announced */
    struct policy_kek *keks[SWARM_KEKS]; /* owned; the newest first */
    uint32_t last[SWARM_KEKS];           /* number of the newest rekey under each */
    uint32_t spis[SWARM_SPIS];           /* TEKs that came, the newest first */
    mono_t keys_end;                     /* scaled: when the newest TEK ends */
    mono_t renew;                        /* scaled: when it registers again because no rekey came */
    bool past_end;                       /* it has been without a key */
    struct timer next;                   /* real: registers then */
    struct timer ack;                    /* real */
    struct timer end;                    /* scaled: renew, or the end */
    uint32_t ack_number;
    unsigned ack_kek;
};

/* A rekey with something new in it, as it reaches the members. */
struct swarm_rekey {
    uint32_t spi;   /* its newest TEK, or the first octets of a new KEK's SPI */
    bool kek;
    uint32_t number; /* of its first message */
    mono_t first, last;
    unsigned n;
    uint32_t *after_us; /* owned: each member's first copy, after the very first */
};

struct swarm_counts {
    uint64_t sent, received, lost; /* datagrams; lost: dropped on purpose */
    uint64_t pushes, repeated, refused, acks; /* rekeys that came, those without news, those that couldn't be used */
};

struct swarm {
    struct swarm_options o;
    struct clock clock;
    struct now now;
    struct timers timers, real_timers;
    struct env env;
    struct config *config;
    struct sessions *sessions;
    int fd;
    uint64_t random;
    bool stopped;

    struct swarm_member *members;
    unsigned n_begun, n_under_way, n_registered, n_failed;
    mono_t began, all_registered; /* real; MONO_NEVER until then */
    uint32_t *took_us;            /* of each member's first registration */
    struct swarm_rekey rekeys[SWARM_REKEYS];
    unsigned n_rekeys, past_end, reregistered;
    struct swarm_counts counts;
    char last_error[160];
    /* of the key server's process */
    uint64_t rss_kb[2]; /* before anybody registered, and when all had */
    double cpu_s[3];    /* the same, and at the end */
};

/* options.c: false with a sentence on standard error; `--help` says the options and ends the program. */
MUST_CHECK bool swarm_options_parse(int argc, char **argv, struct swarm_options *o);
/* The wanted configuration of all members; NULL with a sentence. */
struct config *swarm_options_config(const struct swarm_options *o);

/* net.c: one socket; each datagram leaves from, and tells, the member's own address. False: errno says why. */
MUST_CHECK bool swarm_net_open(struct swarm *s);
void swarm_net_send(void *swarm, const struct path *path, struct span datagram);
/* Waits until a datagram comes or `until` (real), and handles all that came. */
void swarm_net_wait(struct swarm *s, mono_t until);
/* A number below n. */
uint32_t swarm_random(struct swarm *s, uint32_t n);

/* member.c */
MUST_CHECK bool swarm_members_open(struct swarm *s);
void swarm_members_close(struct swarm *s);
/* Begins registrations while fewer than `parallel` are under way. */
void swarm_members_begin(struct swarm *s);
/* A datagram for the member with this address. */
void swarm_members_datagram(struct swarm *s, const struct path *path, struct span datagram);

/* rekey.c: a GROUPKEY-PUSH for this member; false: it is something else. */
bool swarm_rekey_datagram(struct swarm_member *m, struct span datagram);
/* What a registration brought: its KEK and its keys. */
void swarm_rekey_policy(struct swarm_member *m, const struct policy *p);
void swarm_rekey_free(struct swarm_member *m);

/* report.c */
void swarm_report_progress(const struct swarm *s);
void swarm_report(const struct swarm *s);
/* Memory in kB and CPU seconds of the key server's process; zeroes when it isn't watched. */
void swarm_report_server(const struct swarm *s, uint64_t *rss_kb, double *cpu_s);

#endif
