/* SPDX-License-Identifier: BSD-3-Clause */
/* A membership with everything around it faked: clocks, random octets, registrations and the data plane that it wishes for. */
#ifndef GVPN_TESTS_UNIT_CTRL_GM_GM_FIXTURE_H
#define GVPN_TESTS_UNIT_CTRL_GM_GM_FIXTURE_H

#include "ctrl/gm/gm.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define WORKERS 2

struct fixture {
    struct timers timers, real_timers;
    struct env env;
    uint32_t seed;
    struct config *config;
    struct gm *gm;
    /* what it asked */
    unsigned asked;
    uint16_t asked_ids;
    struct addr asked_server;
    struct now asked_at;
    bool refuse_to_start;
    uint32_t held; /* SPI that the data plane has already */
    bool holds_all; /* it has whatever is asked for, parked SAs, too */
    uint32_t gone; /* SPI that it had, and never takes again */
    unsigned changed;
    /* what it sent and where it listens */
    unsigned sent;
    struct path sent_path;
    uint8_t sent_bytes[512];
    size_t sent_len;
    unsigned listened;
    struct endpoint group_address; /* unset = unicast */
    struct addr group_source;
    /* its last wish */
    struct ipc_group group;
    struct ipc_bind bind; /* the last one */
    size_t n_binds;
    struct ipc_rule rules[32];
    size_t n_rules;
    struct ipc_sa sas[POLICY_MAX_SAS];
    size_t n_sas;
    struct ipc_time times[POLICY_MAX_SAS];
    size_t n_times;
    uint64_t epoch;
    mono_t now;
};

static const char *const member_file =
    "gvpn: 1\n"
    "ike: {listen: [10.0.0.2], pre-shared-keys: [{peer: 10.0.0.0/24, secret: \"0123456789abcdef0123456789abcdef\"}]}\n"
    "groups:\n"
    "  - name: ONE\n"
    "    identity: 484\n"
    "    member:\n"
    "      key-servers: [10.0.0.1, 10.0.0.9, 10.0.0.7]\n"
    "      data-plane: {socket: gvpn-dp.sock, pair: wan}\n"
    "      fail-close: {enabled: true, allow: [\"deny tcp any eq 22 any\"]}\n";

static bool fake_random(void *ctx, void *out, size_t len)
{
    struct fixture *f = ctx;

    for (size_t i = 0; i < len; i++) {
        f->seed = f->seed * 1103515245 + 12345;
        ((uint8_t *)out)[i] = (uint8_t)(f->seed >> 16);
    }
    return true;
}

static struct now fake_now(void *ctx)
{
    const struct fixture *f = ctx;

    return (struct now){.scaled = f->now, .real = f->now};
}

static struct now at(struct fixture *f, int64_t s)
{
    f->now = mono_s(s);
    return fake_now(f);
}

static bool on_register(void *ctx, struct gm *gm, const struct addr *server, uint16_t ids, struct now now)
{
    struct fixture *f = ctx;

    (void)gm;
    f->asked++;
    f->asked_at = now;
    f->asked_ids = ids;
    f->asked_server = *server;
    return !f->refuse_to_start;
}

static void on_changed(void *ctx, struct gm *gm)
{
    (void)gm;
    ((struct fixture *)ctx)->changed++;
}

static void on_listen(void *ctx, struct gm *gm, const struct endpoint *group, const struct addr *source)
{
    struct fixture *f = ctx;

    (void)gm;
    f->listened++;
    f->group_address = group ? *group : (struct endpoint){.port = 0};
    f->group_source = source ? *source : (struct addr){.family = 0};
}

static void on_send(void *ctx, const struct path *path, struct span datagram)
{
    struct fixture *f = ctx;

    f->sent++;
    f->sent_path = *path;
    f->sent_len = datagram.len;
    assert_true(datagram.len <= sizeof(f->sent_bytes));
    memcpy(f->sent_bytes, datagram.p, datagram.len);
}

static bool on_holds(void *ctx, const struct gm *gm, uint32_t spi)
{
    (void)gm;
    return ((struct fixture *)ctx)->held == spi || ((struct fixture *)ctx)->holds_all;
}

static bool on_gone(void *ctx, const struct gm *gm, uint32_t spi)
{
    (void)gm;
    return ((struct fixture *)ctx)->gone == spi;
}

static void on_put(void *ctx, const struct ipc_msg *m)
{
    struct fixture *f = ctx;

    if (m->type == IPC_GROUP)
        f->group = m->u.group;
    else if (m->type == IPC_BIND)
        f->bind = m->u.bind, f->n_binds++;
    else if (m->type == IPC_RULE)
        f->rules[f->n_rules++] = m->u.rule;
    else if (m->type == IPC_SA)
        f->sas[f->n_sas++] = m->u.sa;
    else if (m->type == IPC_TIME)
        f->times[f->n_times++] = m->u.time;
    else
        fail_msg("unexpected message %d", (int)m->type);
}

static void wish(struct fixture *f)
{
    f->n_rules = f->n_sas = f->n_times = f->n_binds = 0;
    gm_wish(f->gm, 3, ++f->epoch, on_put, f, f->now);
}

static void acknowledge(struct fixture *f)
{
    gm_acknowledged(f->gm, f->epoch, NULL, (struct now){f->now, f->now});
}

static struct config *config_from(const char *text)
{
    struct yaml_error e = {.text = ""};
    struct config *c = config_parse("test.yaml", text, strlen(text), &e);

    if (!c)
        print_error("%s\n", e.text);
    assert_non_null(c);
    return c;
}

static int set_up_with(void **state, const char *text)
{
    struct fixture *f = test_calloc(1, sizeof(*f));
    struct gm_ops ops = {
        .ctx = f, .register_with = on_register, .changed = on_changed, .holds = on_holds, .gone = on_gone,
        .listen = on_listen};

    timers_init(&f->timers);
    timers_init(&f->real_timers);
    f->env = (struct env){.ctx = f, .now = fake_now, .send = on_send, .random = fake_random, .timers = &f->timers, .real_timers = &f->real_timers};
    f->config = config_from(text);
    f->gm = gm_new(&f->config->groups[0], &f->env, &ops);
    assert_non_null(f->gm);
    *state = f;
    return 0;
}

static inline int set_up(void **state)
{
    return set_up_with(state, member_file);
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    gm_free(f->gm);
    config_free(f->config);
    assert_true(mono_is_never(timers_next(&f->timers)));
    assert_true(mono_is_never(timers_next(&f->real_timers)));
    timers_free(&f->timers);
    timers_free(&f->real_timers);
    test_free(f);
    return 0;
}

/* A policy with one rule and n SAs of number 10, SPIs and lifetimes as given, ids first, first + 1, ... */
static struct policy policy_of(size_t n, const uint32_t *spis, const uint32_t *lifetimes, uint64_t first_id, size_t n_ids)
{
    struct policy p;
    struct acl_entry e[2];
    const char *error;
    size_t column;

    policy_init(&p);
    assert_int_equal(acl_parse_entry("permit ip 10.1.0.0/16 10.1.0.0/16", e, &error, &column), 1);
    e[0].sa = 10;
    e[0].number = 1;
    assert_true(acl_append(&p.acl, &e[0]));
    p.sid_bits = 24;
    p.n_sender_ids = n_ids;
    for (size_t i = 0; i < n_ids; i++)
        p.sender_ids[i] = first_id + i;
    for (size_t i = 0; i < n; i++) {
        p.sas[p.n_sas] = (struct policy_sa){.number = 10,
                                            .spi = spis[i],
                                            .suite = suite_by_id(SUITE_AES_GCM_128),
                                            .lifetime_s = lifetimes[i]};
        p.sas[p.n_sas].key.len = 20;
        memset(p.sas[p.n_sas].key.b, (int)spis[i], 20);
        p.n_sas++;
    }
    return p;
}

static inline void give(struct fixture *f, int64_t s, size_t n, const uint32_t *spis, const uint32_t *lifetimes, uint64_t id)
{
    struct policy p = policy_of(n, spis, lifetimes, id, 4 * WORKERS);

    gm_policy(f->gm, &p, at(f, s));
    policy_wipe(&p);
}

#endif
