/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The responder and key server machines behind a pipe, for tests/oracle/ike_exchange_test.py: a datagram per
 * line in hex, answered by "RESULT [datagram]". One peer (10.0.0.2), one exchange, group 484, one TEK; no
 * repeats, no timers.
 */
#include "common/suite.h"
#include "ctrl/crypto/hash.h"
#include "ctrl/phase1/halfopen.h"
#include "ctrl/policy/payloads.h"
#include "ctrl/pull/pull.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_DATAGRAM 8192

static const struct rng rng = {.get = rng_system};
static struct config_proposal proposal; /* the only one that it accepts */
static struct config_psk psk;
static struct phase1_settings settings;
static struct halfopen *front;
static struct phase1 *phase1;
static struct pull *pull;
static uint8_t scratch[PULL_MAX_MESSAGE];

static bool set_up(void)
{
    static const char key[] = "an oracle's pre-shared key, 32 oct", secret[32] = "half-open";
    settings = (struct phase1_settings){.psks = {&psk}, .n_psks = 1, .rng = rng};
    settings.local = (struct endpoint){addr_v4(0x0a000001), 848};
    settings.remote = (struct endpoint){addr_v4(0x0a000002), 848};
    front = halfopen_new((const uint8_t *)secret, &proposal, 1);
    return front && secret_set(&psk.secret, key, strlen(key));
}

static bool make_policy(struct policy *p)
{
    static const char tek[] = "sixteen octets!!salt";
    const struct acl_entry rule = {.permit = true,
                                   .sa = 10,
                                   .number = 1,
                                   .sel = {.src = {addr_v4(0x0a010000), 16},
                                           .dst = {addr_v4(0x0a020000), 16},
                                           .sport = {0, 65535},
                                           .dport = {0, 65535}}};
    policy_init(p);
    p->n_sas = 1;
    p->sas[0].number = 10;
    p->sas[0].spi = 0x12345678;
    p->sas[0].suite = suite_by_id(SUITE_AES_GCM_128);
    p->sas[0].lifetime_s = 3600;
    return acl_append(&p->acl, &rule) && secret_set(&p->sas[0].key, tek, strlen(tek)) &&
           policy_set_digest(p, hash_span);
}

static const char *main_mode(struct span datagram, struct buf_writer *out)
{
    struct phase1_offer offer;
    struct phase1_report report;
    const char *why;
    if (!phase1) {
        enum halfopen_result r = halfopen_step(front, &settings.remote, datagram, mono_s(1000), out, &offer);
        if (r == HALFOPEN_ANSWERED)
            return "answered";
        if (r == HALFOPEN_MESSAGE3)
            phase1 = phase1_new_responder(&settings, &offer, mono_s(1000), &why);
        if (!phase1)
            return "dropped";
    }
    enum phase1_result r = phase1_step(phase1, datagram, mono_s(1000), out, &report);
    return r == PHASE1_GOES_ON ? "goes-on" : r == PHASE1_ESTABLISHED ? "established" : "dropped";
}

static const char *answer(struct buf_writer *out)
{
    struct policy policy;
    struct pull_report report;
    bool ok = make_policy(&policy) && pull_answer(pull, &policy, out, &report);
    policy_wipe(&policy);
    return ok ? "request" : "error";
}

static const char *deliver(struct buf_writer *out)
{
    struct pull_report report;
    struct policy *p = pull_pending(pull);
    p->sid_bits = 24;
    while (p->n_sender_ids < pull_sender_ids_wanted(pull) && p->n_sender_ids < POLICY_MAX_SENDER_IDS) {
        p->sender_ids[p->n_sender_ids] = 7 + p->n_sender_ids;
        p->n_sender_ids++;
    }
    return pull_deliver(pull, out, &report) ? "accept" : "error";
}

static const char *group_pull(struct span datagram, struct buf_writer *out)
{
    struct pull_report report;
    enum pull_result r = PULL_DROP_STATE;
    if (!phase1 || !phase1_sa(phase1))
        return "dropped";
    if (pull) {
        r = pull_step(pull, datagram, mono_s(1001), out, &report);
    } else {
        pull = pull_new_server(phase1_sa(phase1), &rng, datagram, mono_s(1001), &r, &report);
    }
    return r == PULL_REQUEST ? answer(out) : r == PULL_ACCEPT ? deliver(out) : "dropped";
}

static size_t read_hex(const char *line, uint8_t *out)
{
    size_t n = 0;
    unsigned v;
    for (; n < MAX_DATAGRAM && line[0] > ' ' && line[1] > ' ' && sscanf(line, "%2x", &v) == 1; line += 2)
        out[n++] = (uint8_t)v;
    return n;
}

/* Arguments: encryption, key bits, hash and group, as numbers of RFC 2409 appendix A. */
int main(int argc, char **argv)
{
    static char line[2 * MAX_DATAGRAM + 4];
    static uint8_t datagram[MAX_DATAGRAM];
    uint16_t numbers[4] = {0};
    for (int i = 0; i < 4 && i + 1 < argc; i++)
        numbers[i] = (uint16_t)atoi(argv[i + 1]);
    proposal = (struct config_proposal){.encryption = numbers[0],
                                        .key_bits = numbers[1],
                                        .hash = numbers[2],
                                        .group = numbers[3],
                                        .auth = 1,
                                        .lifetime_s = 86400};
    if (!set_up())
        return 1;
    while (fgets(line, sizeof line, stdin)) {
        struct buf_writer out = buf_writer_of(scratch, sizeof scratch);
        struct span d = span_of(datagram, read_hex(line, datagram));
        bool is_pull = d.len > 18 && datagram[18] == 32;
        fputs(is_pull ? group_pull(d, &out) : main_mode(d, &out), stdout);
        if (out.len)
            putchar(' ');
        for (size_t i = 0; i < out.len; i++)
            printf("%02x", scratch[i]);
        putchar('\n');
        fflush(stdout);
    }
    pull_free(pull);
    phase1_free(phase1);
    halfopen_free(front);
    secret_wipe(&psk.secret);
    return 0;
}
