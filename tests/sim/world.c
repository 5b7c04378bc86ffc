/* SPDX-License-Identifier: BSD-3-Clause */
/* The group's processes and how they live and die, see world.h. */
#include "tests/sim/world.h"

#include "common/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ATTACH_MS  200 /* as ctrl/run/plane.c */
#define SERVER_NET "10.0.0."
#define MEMBER_NET "10.1.0."
#define IKE_TEXT                                                                                             \
    "gvpn: 1\n"                                                                                              \
    "ike:\n"                                                                                                 \
    "  listen: [%s]\n"                                                                                       \
    "  proposals: [{encryption: aes-256, hash: sha256, group: 19, auth: psk, lifetime: 1h}]\n"               \
    "  pre-shared-keys: [{peer: 10.0.0.0/8, secret: \"a pre-shared key of 32 octets !!\"}]\n"

static struct config *parse(const char *text)
{
    struct yaml_error e = {.text = ""};
    struct config *c = config_parse("sim.yaml", text, strlen(text), &e);

    if (!c)
        print_error("%s\n", e.text);
    assert_non_null(c);
    return c;
}

static struct config *server_config(const char *address, unsigned lifetime_s, const char *replay)
{
    char text[2048];

    snprintf(text, sizeof(text),
             IKE_TEXT "acls: {corporate: [\"permit ip 10.0.0.0/8 10.0.0.0/8\"]}\n"
                      "transform-sets: {strong: {suite: aes-gcm-256}}\n"
                      "profiles: {branch: {transform-set: strong, lifetime: %us}}\n"
                      "groups:\n"
                      "  - name: GETVPN\n"
                      "    identity: 484\n"
                      "    key-server: {address: %s, sender-id-bits: 16, sa: [{number: %d, profile: branch, "
                      "acl: corporate, replay: %s}]}\n",
             address, lifetime_s, address, WORLD_SA, replay);
    return parse(text);
}

static struct config *member_config(const struct world *w, const char *address)
{
    char text[2048], servers[128] = "";

    for (size_t i = 0; i < w->n_servers; i++)
        snprintf(servers + strlen(servers), sizeof(servers) - strlen(servers), "%s" SERVER_NET "%zu",
                 i ? ", " : "", i + 1);
    snprintf(text, sizeof(text),
             IKE_TEXT "groups:\n"
                      "  - name: GETVPN\n"
                      "    identity: 484\n"
                      "    member: {key-servers: [%s], data-plane: {socket: dp.sock, pair: wan}}\n",
             address, servers);
    return parse(text);
}

/* ---- key servers ---- */

static bool ks_asks(void *ctx, const struct registration *reg, struct policy *out, struct refusal *why,
                    struct now now)
{
    return ks_request(&((struct world_server *)ctx)->ks, reg, out, why, now);
}

static bool ks_accepts(void *ctx, const struct registration *reg, struct policy *policy, struct refusal *why,
                       struct now now)
{
    return ks_accept(&((struct world_server *)ctx)->ks, reg, policy, why, now);
}

static void server_receives(void *ctx, const struct path *path, struct span datagram, struct now now)
{
    struct world_server *s = ctx;

    sessions_datagram(s->ss, path, datagram, now);
    if (sessions_count(s->ss) > s->most_sessions)
        s->most_sessions = sessions_count(s->ss);
}

/* The judge must know of every key. */
static void tell_newest_key(struct world_server *s)
{
    const struct ks_group *g = s->ss ? s->ks.groups[0] : NULL;

    if (!g || g->n_teks == 0 || g->teks[g->n_teks - 1].spi == s->newest_spi)
        return;
    s->newest_spi = g->teks[g->n_teks - 1].spi;
    judge_made(&s->world->judge, s->newest_spi, g->teks[g->n_teks - 1].end);
}

void world_server_start(struct world_server *s)
{
    struct session_events events = {.ctx = s, .ks_request = ks_asks, .ks_accept = ks_accepts};

    assert_null(s->ss);
    assert_true(ks_init(&s->ks, s->config, &s->host.env, wire_now(&s->host).scaled));
    s->ss = sessions_new(&s->host.env, s->config, &events);
    assert_non_null(s->ss);
    s->host.ctx = s;
    s->host.receive = server_receives;
    s->lives++;
    tell_newest_key(s);
}

void world_server_die(struct world_server *s)
{
    if (!s->ss)
        return;
    sessions_free(s->ss);
    ks_free(&s->ks);
    s->ss = NULL;
    s->host.receive = NULL;
    wire_reset_host(&s->host);
}

/* ---- a member's gvpnd: roles.c and plane.c in short ---- */

static void changed(struct world_member *m)
{
    m->changed = true;
    must_set_timer(&m->host.real_timers, &m->transact, m->world->wire.now);
}

static void on_transact(struct timer *t, mono_t now)
{
    struct world_member *m =
        (struct world_member *)(void *)((char *)t - offsetof(struct world_member, transact));

    if (!m->changed || m->under_way || !m->attached || (m->takes_over && !gm_current_policy(m->gm)))
        return;
    m->takes_over = m->changed = false;
    if (m->epoch < m->dp.published.epoch)
        m->epoch = m->dp.published.epoch;
    m->under_way = ++m->epoch;
    dp_begin(&m->dp, m->under_way);
    gm_wish(m->gm, 0, m->under_way, dp_put, &m->dp, now);
    dp_commit(&m->dp);
}

static void on_ack(void *ctx, struct dp *dp, uint64_t epoch, const char *refused)
{
    struct world_member *m = ctx;

    judge_ack(&m->world->judge, m->index, refused, dp->returned);
    dp->returned = 0;
    if (epoch != m->under_way)
        return;
    m->under_way = 0;
    gm_acknowledged(m->gm, epoch, refused, wire_now(&m->host));
    if (m->changed)
        changed(m);
}

static void on_given(void *ctx, struct dp *dp, uint32_t spi, uint64_t sender, unsigned worker)
{
    struct world_member *m = ctx;

    judge_given(&m->world->judge, m->index, spi, sender, dp->instance, worker);
}

static void on_dp_changed(void *ctx, struct dp *dp)
{
    (void)dp;
    ((struct world_member *)ctx)->world->judge.dirty = true;
}

static void on_attach(struct timer *t, mono_t now)
{
    struct world_member *m =
        (struct world_member *)(void *)((char *)t - offsetof(struct world_member, attach));

    if (!m->dp.up) {
        must_set_timer(&m->host.real_timers, &m->attach, mono_add(now, mono_ms(ATTACH_MS)));
        return;
    }
    m->attached = true;
    m->under_way = 0;
    m->takes_over = m->dp.published.epoch > 0;
    gm_attached(m->gm, m->dp.instance, DP_WORKERS, wire_now(&m->host));
    changed(m);
}

static bool gm_registers(void *ctx, struct gm *gm, const struct addr *server, uint16_t n_ids, struct now now)
{
    struct world_member *m = ctx;
    struct path path = {.local = m->host.at, .remote = {.addr = *server, .port = 848}};

    m->session = sessions_register(m->ss, &path, &gm_config(gm)->id, n_ids, m, now);
    if (m->session)
        assert_true(session_set_patience(m->session, gm_patience(gm)));
    return m->session != NULL;
}

static void gm_changed(void *ctx, struct gm *gm)
{
    (void)gm;
    changed(ctx);
}

static bool gm_holds(void *ctx, const struct gm *gm, uint32_t spi)
{
    struct world_member *m = ctx;

    (void)gm;
    return m->attached && dp_holds(&m->dp, spi);
}

static bool gm_gone(void *ctx, const struct gm *gm, uint32_t spi)
{
    struct world_member *m = ctx;

    (void)gm;
    return m->attached && dp_gone(&m->dp, spi);
}

static void session_policy(void *ctx, struct session *s, struct policy *policy, struct now now)
{
    struct world_member *m = ctx;

    assert_ptr_equal(s, m->session);
    m->session = NULL;
    gm_policy(m->gm, policy, now);
}

static void session_failed(void *ctx, struct session *s, const char *reason, struct now now)
{
    struct world_member *m = ctx;

    assert_ptr_equal(s, m->session);
    m->session = NULL;
    snprintf(m->last_error, sizeof(m->last_error), "%s", reason);
    gm_failed(m->gm, reason, now);
}

static void member_receives(void *ctx, const struct path *path, struct span datagram, struct now now)
{
    sessions_datagram(((struct world_member *)ctx)->ss, path, datagram, now);
}

void world_gvpnd_start(struct world_member *m)
{
    struct session_events events = {.ctx = m, .gm_policy = session_policy, .gm_failed = session_failed};
    struct gm_ops ops = {
        .ctx = m, .register_with = gm_registers, .changed = gm_changed, .holds = gm_holds, .gone = gm_gone};

    assert_null(m->gm);
    m->ss = sessions_new(&m->host.env, m->config, &events);
    m->gm = gm_new(&m->config->groups[0], &m->host.env, &ops);
    assert_true(m->ss && m->gm);
    m->host.ctx = m;
    m->host.receive = member_receives;
    m->gvpnd_lives++;
    m->epoch = 0;
    m->attach.fire = on_attach;
    m->transact.fire = on_transact;
    must_set_timer(&m->host.real_timers, &m->attach, m->world->wire.now);
}

void world_gvpnd_die(struct world_member *m)
{
    if (!m->gm)
        return;
    m->registrations += gm_stats(m->gm)->registrations;
    m->failures += gm_stats(m->gm)->failures;
    sessions_free(m->ss);
    gm_free(m->gm);
    m->ss = NULL;
    m->gm = NULL;
    m->session = NULL;
    m->attached = m->changed = m->takes_over = false;
    m->under_way = 0;
    m->host.receive = NULL;
    wire_reset_host(&m->host);
    dp_forget_controller(&m->dp);
}

void world_dp_start(struct world_member *m)
{
    dp_start(&m->dp, ++m->world->instances);
    m->dp_lives++;
    judge_dp_started(&m->world->judge, m->index);
}

void world_dp_die(struct world_member *m)
{
    if (!m->dp.up)
        return;
    dp_die(&m->dp);
    if (!m->attached)
        return;
    m->attached = false;
    m->under_way = 0;
    gm_detached(m->gm, wire_now(&m->host));
    must_set_timer(&m->host.real_timers, &m->attach, mono_add(m->world->wire.now, mono_ms(ATTACH_MS)));
}

void world_start_members(struct world *w)
{
    for (size_t i = 0; i < w->n_members; i++) {
        world_dp_start(&w->members[i]);
        world_gvpnd_start(&w->members[i]);
    }
}

/* ---- the world ---- */

static struct wire_fate weather(void *ctx, struct wire *wire, uint64_t number, const struct wire_packet *p)
{
    struct world *w = ctx;
    struct wire_fate fate = {.copies = wire_chance(wire, w->loss) ? 0 : 1};

    (void)number;
    (void)p;
    fate.delay[0] = mono_us(1000 + (int64_t)(wire_random(wire) % (1000 * w->slow_ms)));
    if (mono_to_s(wire->now) != w->second) {
        w->second = mono_to_s(wire->now);
        w->in_second = 0;
    }
    if (++w->in_second > w->peak)
        w->peak = w->in_second;
    return fate;
}

static void on_look(struct timer *t, mono_t now)
{
    (void)now;
    ((struct world *)(void *)((char *)t - offsetof(struct world, look)))->judge.dirty = true;
}

static void after_each_event(void *ctx, struct wire *wire)
{
    struct world *w = ctx;

    (void)wire;
    for (size_t i = 0; i < w->n_servers; i++)
        tell_newest_key(&w->servers[i]);
    judge_look(&w->judge, w);
    must_set_timer(&w->ground.real_timers, &w->look, w->judge.look_again);
}

void world_init(struct world *w, uint64_t seed, size_t n_servers, size_t n_members, unsigned lifetime_s,
                unsigned loss)
{
    world_init_replay(w, seed, n_servers, n_members, lifetime_s, loss, "none");
}

void world_init_replay(struct world *w, uint64_t seed, size_t n_servers, size_t n_members, unsigned lifetime_s,
                       unsigned loss, const char *replay)
{
    char address[32];

    memset(w, 0, sizeof(*w));
    wire_init(&w->wire, seed);
    log_set_level(LOG_LEVEL_ERROR);
    w->wire.ctx = w;
    w->wire.fate = weather;
    w->wire.between = after_each_event;
    w->seed = seed;
    w->look.fire = on_look;
    w->n_servers = n_servers;
    w->n_members = n_members;
    w->loss = loss;
    w->slow_ms = 30;
    wire_join(&w->wire, &w->ground, "192.0.2.1", 1);
    for (size_t i = 0; i < n_servers; i++) {
        snprintf(address, sizeof(address), SERVER_NET "%zu", i + 1);
        w->servers[i].world = w;
        wire_join(&w->wire, &w->servers[i].host, address, 1);
        w->servers[i].config = server_config(address, lifetime_s, replay);
    }
    for (size_t i = 0; i < n_members; i++) {
        struct world_member *m = &w->members[i];
        struct dp_events events = {.ctx = m, .ack = on_ack, .given = on_given, .changed = on_dp_changed};

        snprintf(address, sizeof(address), MEMBER_NET "%zu", i + 1);
        m->world = w;
        m->index = (unsigned)i;
        wire_join(&w->wire, &m->host, address, 1);
        m->config = member_config(w, address);
        dp_init(&m->dp, &w->wire, &w->ground.real_timers, &events);
    }
    judge_init(&w->judge, seed, n_members, w->wire.now);
}

void world_free(struct world *w)
{
    for (size_t i = 0; i < w->n_members; i++) {
        world_gvpnd_die(&w->members[i]);
        dp_free(&w->members[i].dp);
        config_free(w->members[i].config);
    }
    for (size_t i = 0; i < w->n_servers; i++) {
        world_server_die(&w->servers[i]);
        config_free(w->servers[i].config);
    }
    judge_free(&w->judge);
    wire_free(&w->wire);
}

uint32_t world_registrations(const struct world *w)
{
    uint32_t n = 0;

    for (size_t i = 0; i < w->n_members; i++)
        n += w->members[i].registrations + (w->members[i].gm ? gm_stats(w->members[i].gm)->registrations : 0);
    return n;
}

uint32_t world_failures(const struct world *w)
{
    uint32_t n = 0;

    for (size_t i = 0; i < w->n_members; i++)
        n += w->members[i].failures + (w->members[i].gm ? gm_stats(w->members[i].gm)->failures : 0);
    return n;
}

mono_t world_between(struct world *w, mono_t low, mono_t high)
{
    return mono_ns(low.ns + (int64_t)(wire_random(&w->wire) % (uint64_t)(high.ns - low.ns + 1)));
}

uint64_t world_seed(uint64_t usual)
{
    const char *given = getenv("SIM_SEED");

    return given ? strtoull(given, NULL, 0) : usual;
}

static void print_worst(const char *name, const struct judge_worst *worst)
{
    if (worst->n)
        print_message("  %s: %llu times, longest %lld ms (member %u, %u, until %lld s)\n", name,
                      (unsigned long long)worst->n, (long long)mono_to_ms(worst->longest), worst->who,
                      worst->other, (long long)mono_to_s(worst->at));
}

void world_print(const struct world *w)
{
    print_message(
        "SIM_SEED=%llu: %.2f days, %u registrations, %u failed, %llu datagrams, at most %u in a second\n",
        (unsigned long long)w->seed, (double)w->wire.now.ns / 86400e9, world_registrations(w),
        world_failures(w), (unsigned long long)w->wire.n_sent, w->peak);
    print_message("  %llu looks, %llu switches of a worker, %zu (SPI, id) given\n",
                  (unsigned long long)w->judge.looks, (unsigned long long)w->judge.switches,
                  w->judge.n_pairs);
    print_worst("could not send", &w->judge.mute);
    print_worst("sent what another could not read", &w->judge.deaf);
    print_worst("a new data plane could send after", &w->judge.back);
}
