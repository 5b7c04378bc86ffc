/* SPDX-License-Identifier: BSD-3-Clause */
/* The crowd, see crowd.h. */
#include "tests/sim/crowd.h"

#include "common/log.h"
#include "ctrl/isakmp/isakmp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SERVER_ADDRESS 0x0a000001u
#define FIRST_ADDRESS  0x0a010001u
#define PORT           848
#define IKE_TEXT                                                                                             \
    "gvpn: 1\n"                                                                                              \
    "ike:\n"                                                                                                 \
    "  listen: [%s]\n"                                                                                       \
    "  proposals: [{encryption: aes-256, hash: sha256, group: 19, auth: psk, lifetime: 1h}]\n"               \
    "  pre-shared-keys: [{peer: 10.0.0.0/8, secret: \"a pre-shared key of 32 octets !!\"}]\n"

static const struct endpoint *server_at(void)
{
    static struct endpoint at = {.port = PORT};

    at.addr = addr_v4(SERVER_ADDRESS);
    return &at;
}

static struct now now_of(const struct crowd *c)
{
    return (struct now){.scaled = c->clock.now, .real = c->clock.now};
}

/* ---- the network: a heap of datagrams ---- */

static bool before(const struct crowd_packet *a, const struct crowd_packet *b)
{
    return a->at.ns != b->at.ns ? a->at.ns < b->at.ns : a->order < b->order;
}

static void swap(struct crowd_packet *a, struct crowd_packet *b)
{
    struct crowd_packet t = *a;

    *a = *b;
    *b = t;
}

static void push_packet(struct crowd *c, struct crowd_packet p)
{
    size_t i = c->n_queued++;

    if (c->n_queued > c->cap_queued) {
        c->cap_queued = 2 * c->n_queued;
        c->queue = reallocarray(c->queue, c->cap_queued, sizeof(*c->queue));
        assert_non_null(c->queue);
    }
    c->queue[i] = p;
    for (; i > 0 && before(&c->queue[i], &c->queue[(i - 1) / 2]); i = (i - 1) / 2)
        swap(&c->queue[i], &c->queue[(i - 1) / 2]);
}

static struct crowd_packet pop_packet(struct crowd *c)
{
    struct crowd_packet first = c->queue[0];

    c->queue[0] = c->queue[--c->n_queued];
    for (size_t i = 0, k; (k = 2 * i + 1) < c->n_queued; i = k) {
        if (k + 1 < c->n_queued && before(&c->queue[k + 1], &c->queue[k]))
            k++;
        if (!before(&c->queue[k], &c->queue[i]))
            break;
        swap(&c->queue[k], &c->queue[i]);
    }
    return first;
}

static uint8_t exchange_of(struct span datagram)
{
    return datagram.len >= 20 ? datagram.p[18] : 0;
}

static void count(struct crowd *c, bool from_server, struct span datagram)
{
    if (mono_to_s(c->clock.now) != c->second) {
        c->second = mono_to_s(c->clock.now);
        c->in_second = c->from_server = 0;
    }
    c->sent++;
    c->in_second++;
    c->from_server += from_server;
    if (c->in_second > c->peak)
        c->peak = c->in_second;
    if (c->from_server > c->peak_server)
        c->peak_server = c->from_server;
    c->pushes += exchange_of(datagram) == ISAKMP_EXCHANGE_GROUPKEY_PUSH;
    c->acks += exchange_of(datagram) == ISAKMP_EXCHANGE_GROUPKEY_PUSH_ACK;
}

static void env_send(void *crowd, const struct path *path, struct span datagram)
{
    struct crowd *c = crowd;
    struct crowd_packet p = {.order = c->order++, .path = {.local = path->remote, .remote = path->local}, .len = datagram.len};

    count(c, endpoint_equal(&path->local, server_at()), datagram);
    if (wire_chance(&c->clock, c->loss)) {
        c->lost++;
        return;
    }
    p.at = mono_add(c->clock.now, mono_us(1000 + (int64_t)(wire_random(&c->clock) % (1000 * CROWD_SLOW_MS))));
    p.bytes = malloc(datagram.len);
    assert_non_null(p.bytes);
    memcpy(p.bytes, datagram.p, datagram.len);
    push_packet(c, p);
}

static struct now env_now(void *crowd)
{
    return now_of(crowd);
}

static bool env_random(void *crowd, void *out, size_t len)
{
    struct crowd *c = crowd;

    for (size_t i = 0; i < len; i++)
        ((uint8_t *)out)[i] = (uint8_t)(wire_random(&c->clock) >> 24);
    return true;
}

static void deliver(struct crowd *c, const struct crowd_packet *p)
{
    struct span bytes = span_of(p->bytes, p->len);
    uint32_t at = (uint32_t)p->path.local.addr.b[0] << 24 | (uint32_t)p->path.local.addr.b[1] << 16 |
                  (uint32_t)p->path.local.addr.b[2] << 8 | p->path.local.addr.b[3];

    if (at == SERVER_ADDRESS) {
        if (c->server_up && exchange_of(bytes) == ISAKMP_EXCHANGE_GROUPKEY_PUSH_ACK)
            ks_acknowledged(&c->ks, &p->path, bytes, now_of(c));
        else if (c->server_up)
            sessions_datagram(c->server_sessions, &p->path, bytes, now_of(c));
        return;
    }
    assert_in_range(at - FIRST_ADDRESS, 0, c->n - 1);
    struct crowd_member *m = &c->members[at - FIRST_ADDRESS];
    if (gm_push_is_for(m->gm, bytes))
        (void)gm_push(m->gm, &p->path, &m->at.addr, bytes, now_of(c));
    else
        sessions_datagram(c->member_sessions, &p->path, bytes, now_of(c));
}

/* ---- the judge ---- */

static void make_dirty(struct crowd_member *m)
{
    if (m->dirty)
        return;
    m->dirty = true;
    m->next_dirty = m->crowd->dirty;
    m->crowd->dirty = m;
}

static void learn_ends(struct crowd *c)
{
    const struct ks_group *g = c->server_up ? c->ks.groups[0] : NULL;

    for (size_t i = 0; g && i < g->n_teks; i++) {
        size_t k = 0;

        while (k < c->n_ends && k < CROWD_ENDS && c->ends[k].spi != g->teks[i].spi)
            k++;
        if (k < c->n_ends && k < CROWD_ENDS)
            continue;
        c->ends[c->n_ends % CROWD_ENDS].spi = g->teks[i].spi;
        c->ends[c->n_ends++ % CROWD_ENDS].end = g->teks[i].end;
    }
}

static mono_t end_of(const struct crowd *c, uint32_t spi)
{
    for (size_t i = 0; i < CROWD_ENDS && i < c->n_ends; i++)
        if (c->ends[i].spi == spi)
            return c->ends[i].end;
    fail_msg("nobody made key 0x%08x", (unsigned)spi);
    return MONO_ZERO;
}

static void say(const struct crowd *c, const struct crowd_member *m, const char *what)
{
    if (c->mute + c->expired + c->deaf < 10)
        print_message("  at %lld s: member %zu %s\n", (long long)mono_to_s(c->clock.now), (size_t)(m - c->members), what);
}

/* Do some others receive with what it sends? */
static void ask_others(struct crowd *c, const struct crowd_member *m, uint32_t spi)
{
    for (unsigned i = 0; i < CROWD_ASKED; i++) {
        const struct crowd_member *other = &c->members[wire_random(&c->clock) % c->n];

        for (unsigned w = 0; other->in && w < DP_WORKERS; w++)
            if (!dp_receives(&other->dp, w, spi, c->clock.now)) {
                say(c, m, "sends what another doesn't receive");
                c->deaf++;
                break;
            }
    }
}

static void judge(struct crowd *c, struct crowd_member *m)
{
    const struct dp_sa *sends[DP_WORKERS];
    bool all = true;

    c->looks++;
    for (unsigned w = 0; w < DP_WORKERS; w++) {
        sends[w] = dp_sender(&m->dp, w, CROWD_SA, c->clock.now);
        all = all && sends[w];
    }
    if (!all) {
        if (m->in) {
            say(c, m, "can't send");
            c->mute++;
        }
        return;
    }
    m->in = true;
    for (unsigned w = 0; w < DP_WORKERS; w++)
        if (mono_reached(mono_add(end_of(c, sends[w]->spi), mono_ms(CROWD_SLOW_MS)), c->clock.now)) {
            say(c, m, "sends with a key that has ended");
            c->expired++;
        }
    ask_others(c, m, sends[0]->spi);
}

void crowd_judge_all(struct crowd *c)
{
    learn_ends(c);
    for (size_t i = 0; i < c->n; i++)
        judge(c, &c->members[i]);
}

/* ---- a member's gvpnd ---- */

static void changed(struct crowd_member *m)
{
    m->changed = true;
    must_set_timer(&m->crowd->real_timers, &m->transact, m->crowd->clock.now);
}

static void on_transact(struct timer *t, mono_t now)
{
    struct crowd_member *m = (struct crowd_member *)(void *)((char *)t - offsetof(struct crowd_member, transact));

    if (!m->changed || m->under_way)
        return;
    m->changed = false;
    m->under_way = ++m->epoch;
    dp_begin(&m->dp, m->under_way);
    gm_wish(m->gm, 0, m->under_way, dp_put, &m->dp, now);
    dp_commit(&m->dp);
}

static void on_ack(void *ctx, struct dp *dp, uint64_t epoch, const char *refused)
{
    struct crowd_member *m = ctx;

    (void)dp;
    if (refused)
        fail_msg("a transaction was refused: %s", refused);
    m->under_way = 0;
    gm_acknowledged(m->gm, epoch, NULL, now_of(m->crowd));
    if (m->changed)
        changed(m);
}

static void on_given(void *ctx, struct dp *dp, uint32_t spi, uint64_t sender, unsigned worker)
{
    (void)ctx, (void)dp, (void)spi, (void)sender, (void)worker; /* world.h's judge looks at this */
}

static void on_dp_changed(void *ctx, struct dp *dp)
{
    (void)dp;
    make_dirty(ctx);
}

static bool gm_registers(void *ctx, struct gm *gm, const struct addr *server, uint16_t n_ids, struct now now)
{
    struct crowd_member *m = ctx;
    struct path path = {.local = m->at, .remote = {.addr = *server, .port = PORT}};

    m->session = sessions_register(m->crowd->member_sessions, &path, &gm_config(gm)->id, n_ids, m, now);
    return m->session != NULL;
}

static void gm_changed(void *ctx, struct gm *gm)
{
    (void)gm;
    changed(ctx);
}

static bool gm_holds(void *ctx, const struct gm *gm, uint32_t spi)
{
    (void)gm;
    return dp_holds(&((struct crowd_member *)ctx)->dp, spi);
}

static bool gm_gone(void *ctx, const struct gm *gm, uint32_t spi)
{
    (void)gm;
    return dp_gone(&((struct crowd_member *)ctx)->dp, spi);
}

static void session_policy(void *ctx, struct session *s, struct policy *policy, struct now now)
{
    struct crowd_member *m = session_owner(s);
    struct peer_features server = {.ours = true, .version = 1, .features = feature_ours()};

    (void)ctx;
    m->session = NULL;
    gm_server_announced(m->gm, &server);
    gm_policy(m->gm, policy, now);
}

static void session_failed(void *ctx, struct session *s, const char *reason, struct now now)
{
    struct crowd_member *m = session_owner(s);

    (void)ctx;
    m->session = NULL;
    gm_failed(m->gm, reason, now);
}

static void on_start(struct timer *t, mono_t now)
{
    struct crowd_member *m = (struct crowd_member *)(void *)((char *)t - offsetof(struct crowd_member, start));

    (void)now;
    gm_attached(m->gm, 1, DP_WORKERS, now_of(m->crowd));
    changed(m);
}

/* ---- the key server ---- */

static bool ks_asks(void *ctx, const struct registration *reg, struct policy *out, struct refusal *why, struct now now)
{
    return ks_request(&((struct crowd *)ctx)->ks, reg, out, why, now);
}

static bool ks_accepts(void *ctx, const struct registration *reg, struct policy *policy, struct refusal *why,
                       struct now now)
{
    return ks_accept(&((struct crowd *)ctx)->ks, reg, policy, why, now);
}

static bool ks_knows_address(void *ctx, const struct addr *address)
{
    return ks_knows(&((struct crowd *)ctx)->ks, address);
}

void crowd_server_start(struct crowd *c)
{
    struct session_events events = {
        .ctx = c, .ks_request = ks_asks, .ks_accept = ks_accepts, .ks_knows = ks_knows_address};

    assert_true(ks_init(&c->ks, c->server_config, &c->env, c->clock.now));
    c->server_sessions = sessions_new(&c->env, c->server_config, &events);
    assert_non_null(c->server_sessions);
    c->server_up = true;
}

void crowd_server_die(struct crowd *c)
{
    if (!c->server_up)
        return;
    sessions_free(c->server_sessions);
    ks_free(&c->ks);
    c->server_up = false;
}

/* ---- the crowd ---- */

static struct config *parse(const char *text)
{
    struct yaml_error e = {.text = ""};
    struct config *c = config_parse("crowd.yaml", text, strlen(text), &e);

    if (!c)
        print_error("%s\n", e.text);
    assert_non_null(c);
    return c;
}

static struct config *parse_server(const char *lifetime, const char *rekey)
{
    char text[2048];

    snprintf(text, sizeof(text),
             IKE_TEXT "acls: {corporate: [\"permit ip 10.0.0.0/8 10.0.0.0/8\"]}\n"
                      "transform-sets: {strong: {suite: aes-gcm-256}}\n"
                      "profiles: {branch: {transform-set: strong, lifetime: %s}}\n"
                      "groups:\n"
                      "  - name: CROWD\n"
                      "    identity: 484\n"
                      "    key-server: {address: 10.0.0.1, rekey: %s, sa: [{number: %d, profile: branch, acl: corporate, "
                      "replay: none}]}\n",
             "10.0.0.1", lifetime, rekey, CROWD_SA);
    return parse(text);
}

static void open_member(struct crowd *c, size_t i)
{
    struct crowd_member *m = &c->members[i];
    struct dp_events events = {.ctx = m, .ack = on_ack, .given = on_given, .changed = on_dp_changed};
    struct gm_ops ops = {.ctx = m, .register_with = gm_registers, .changed = gm_changed, .holds = gm_holds, .gone = gm_gone};

    m->crowd = c;
    m->at = (struct endpoint){addr_v4(FIRST_ADDRESS + (uint32_t)i), PORT};
    m->start.fire = on_start;
    m->transact.fire = on_transact;
    dp_init(&m->dp, &c->clock, &c->real_timers, &events);
    dp_start(&m->dp, 1);
    m->gm = gm_new(&c->member_config->groups[0], &c->env, &ops);
    assert_non_null(m->gm);
}

void crowd_init(struct crowd *c, uint64_t seed, size_t n, unsigned loss, const char *lifetime, const char *rekey)
{
    struct session_events events = {.ctx = c, .gm_policy = session_policy, .gm_failed = session_failed};

    assert_in_range(n, 1, CROWD_MAX);
    memset(c, 0, sizeof(*c));
    wire_init(&c->clock, seed);
    log_set_level(LOG_LEVEL_ERROR);
    timers_init(&c->timers);
    timers_init(&c->real_timers);
    c->env = (struct env){.ctx = c,
                          .now = env_now,
                          .send = env_send,
                          .random = env_random,
                          .timers = &c->timers,
                          .real_timers = &c->real_timers};
    c->n = n;
    c->loss = loss;
    c->server_config = parse_server(lifetime, rekey);
    c->member_config = parse("gvpn: 1\n"
                             "ike:\n"
                             "  listen: [10.1.0.1]\n"
                             "  proposals: [{encryption: aes-256, hash: sha256, group: 19, auth: psk, lifetime: 1h}]\n"
                             "  pre-shared-keys: [{peer: 10.0.0.1, secret: \"a pre-shared key of 32 octets !!\"}]\n"
                             "groups:\n"
                             "  - name: CROWD\n"
                             "    identity: 484\n"
                             "    member: {key-servers: [10.0.0.1], data-plane: {socket: dp.sock, pair: wan}}\n");
    c->member_sessions = sessions_new(&c->env, c->member_config, &events);
    c->members = calloc(n, sizeof(*c->members));
    assert_true(c->member_sessions && c->members);
    for (size_t i = 0; i < n; i++)
        open_member(c, i);
}

void crowd_free(struct crowd *c)
{
    crowd_server_die(c);
    sessions_free(c->member_sessions);
    for (size_t i = 0; i < c->n; i++) {
        struct crowd_member *m = &c->members[i];

        timer_cancel(&c->real_timers, &m->start);
        timer_cancel(&c->real_timers, &m->transact);
        gm_free(m->gm);
        dp_free(&m->dp);
    }
    while (c->n_queued > 0)
        free(c->queue[--c->n_queued].bytes);
    free(c->queue);
    free(c->members);
    config_free(c->server_config);
    config_free(c->member_config);
    timers_free(&c->timers);
    timers_free(&c->real_timers);
    wire_free(&c->clock);
}

void crowd_members_start(struct crowd *c, unsigned within_s)
{
    for (size_t i = 0; i < c->n; i++)
        must_set_timer(&c->real_timers, &c->members[i].start,
                       mono_add(c->clock.now, mono_ms((int64_t)(wire_random(&c->clock) % (1000 * within_s + 1)))));
}

static void judge_dirty(struct crowd *c)
{
    learn_ends(c);
    while (c->dirty) {
        struct crowd_member *m = c->dirty;

        c->dirty = m->next_dirty;
        m->dirty = false;
        judge(c, m);
    }
}

void crowd_run_for(struct crowd *c, mono_t duration)
{
    mono_t until = mono_add(c->clock.now, duration);

    for (;;) {
        mono_t timer = mono_min(timers_next(&c->timers), timers_next(&c->real_timers));
        mono_t packet = c->n_queued ? c->queue[0].at : MONO_NEVER;
        mono_t next = mono_min(timer, packet);

        if (mono_before(until, next))
            break;
        c->clock.now = mono_max(c->clock.now, next);
        if (mono_reached(packet, c->clock.now)) {
            struct crowd_packet p = pop_packet(c);

            deliver(c, &p);
            free(p.bytes);
        } else {
            timers_fire(&c->real_timers, c->clock.now);
            timers_fire(&c->timers, c->clock.now);
        }
        judge_dirty(c);
    }
    c->clock.now = until;
}

uint32_t crowd_registrations(const struct crowd *c)
{
    uint32_t n = 0;

    for (size_t i = 0; i < c->n; i++)
        n += gm_stats(c->members[i].gm)->registrations;
    return n;
}

size_t crowd_able(const struct crowd *c)
{
    size_t n = 0;

    for (size_t i = 0; i < c->n; i++)
        n += dp_sender(&c->members[i].dp, 0, CROWD_SA, c->clock.now) != NULL;
    return n;
}
