/* SPDX-License-Identifier: BSD-3-Clause */
/* A key server with one group that has rekeys, a clock that tests turn, and everything that it sends. */
#ifndef GVPN_TESTS_UNIT_CTRL_KS_REKEY_FIXTURE_H
#define GVPN_TESTS_UNIT_CTRL_KS_REKEY_FIXTURE_H

#include "ctrl/ks/ks.h"

#include "common/log.h"
#include "ctrl/push/ack.h"
#include "ctrl/push/push.h"
#include "tests/lib/signing_keys.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define START     1000 /* s */
#define MAX_SENT  20000
#define UNICAST   "transport: unicast"
#define MULTICAST "multicast: {destination: 239.0.1.2}"

struct sent {
    struct path path;
    mono_t at;
    size_t len;
    uint8_t *bytes;
};

struct fixture {
    struct timers timers, real_timers;
    struct env env;
    uint64_t state;
    bool broken;
    mono_t now;
    char key[64], other_key[64]; /* files */
    struct config *config;
    struct ks ks;
    struct sent *sent;
    size_t n_sent;
};

static const struct peer_features ours = {.ours = true, .version = 0x000100, .features = FEATURES_KNOWN};

static bool fake_random(void *ctx, void *out, size_t len)
{
    struct fixture *f = ctx;
    uint64_t x = ++f->state;

    for (size_t i = 0; i < len && !f->broken; i++) {
        x = x * 6364136223846793005ull + 1442695040888963407ull;
        ((uint8_t *)out)[i] = (uint8_t)(x >> 56);
    }
    return !f->broken;
}

static void fake_send(void *ctx, const struct path *path, struct span bytes)
{
    struct fixture *f = ctx;
    struct sent *s = &f->sent[f->n_sent++];

    assert_true(f->n_sent < MAX_SENT);
    *s = (struct sent){.path = *path, .at = f->now, .len = bytes.len, .bytes = malloc(bytes.len)};
    memcpy(s->bytes, bytes.p, bytes.len);
}

static inline void forget_sent(struct fixture *f)
{
    for (size_t i = 0; i < f->n_sent; i++)
        free(f->sent[i].bytes);
    f->n_sent = 0;
}

/* A file with one group; rekey: what stands behind the signing key, NULL = no `rekey`. more: keys of the group. */
static struct config *config_of(const struct fixture *f, const char *key, const char *rekey, const char *more, const char *sas)
{
    struct yaml_error e = {.text = ""};
    char text[6000], section[600] = "";
    struct config *c;

    if (rekey)
        snprintf(section, sizeof(section), ", rekey: {signing-key: %s, %s}", key ? key : f->key, rekey);
    snprintf(text, sizeof(text),
             "gvpn: 1\n"
             "ike: {listen: [10.0.0.1, 10.0.0.9], pre-shared-keys: [{peer: 10.0.0.0/8, secret: 0123456789abcdef0123456789abcdef}]}\n"
             "acls: {a: [\"permit ip 10.1.0.0/16 10.1.0.0/16\"], b: [\"permit ip 10.2.0.0/16 10.2.0.0/16\"]}\n"
             "transform-sets: {t: {suite: aes-gcm-256}, u: {suite: aes-gcm-128}}\n"
             "profiles: {p: {transform-set: t, lifetime: 1h}, q: {transform-set: u, lifetime: 1h},"
             " r: {transform-set: t, lifetime: 2h}, s: {transform-set: t, lifetime: 300s}, w: {transform-set: t, lifetime: 8h}, l: {transform-set: t, lifetime: 2d}}\n"
             "groups:\n"
             "  - {name: G, identity: 484, key-server: {address: 10.0.0.1%s%s, sa: [%s]}}\n",
             section, more, sas);
    c = config_parse("test.yaml", text, strlen(text), &e);
    if (!c)
        fail_msg("%s", e.text);
    return c;
}

#define SA(profile) "{number: 10, profile: " profile ", acl: a, replay: none}"

static inline void begin(struct fixture *f, const char *rekey, const char *more, const char *sas)
{
    f->now = mono_s(START);
    f->config = config_of(f, NULL, rekey, more, sas);
    assert_true(ks_init(&f->ks, f->config, &f->env, f->now));
}

/* Puts another file into effect and frees the one before, as the daemon does. */
static inline void reload(struct fixture *f, struct config *c)
{
    char error[KS_ERROR_MAX];
    struct ks_change *change = ks_prepare(&f->ks, c, f->now, error);

    assert_non_null(change);
    ks_commit(&f->ks, change);
    config_free(f->config);
    f->config = c;
}

static inline int set_up(void **state)
{
    struct fixture *f = test_calloc(1, sizeof(*f));

    log_set_level(LOG_LEVEL_ERROR);
    timers_init(&f->timers);
    timers_init(&f->real_timers);
    f->env = (struct env){
        .ctx = f, .random = fake_random, .send = fake_send, .timers = &f->timers, .real_timers = &f->real_timers};
    f->sent = test_calloc(MAX_SENT, sizeof(*f->sent));
    assert_true(signing_key_file(signing_key_p256, f->key));
    assert_true(signing_key_file(signing_key_p256_other, f->other_key));
    *state = f;
    return 0;
}

static inline int tear_down(void **state)
{
    struct fixture *f = *state;

    ks_free(&f->ks);
    config_free(f->config);
    assert_true(mono_is_never(timers_next(&f->timers)));
    forget_sent(f);
    unlink(f->key);
    unlink(f->other_key);
    timers_free(&f->timers);
    timers_free(&f->real_timers);
    test_free(f->sent);
    test_free(f);
    return 0;
}

static inline struct ks_group *group(struct fixture *f)
{
    return ks_find(&f->ks, "G");
}

static inline struct now at(mono_t t)
{
    return (struct now){.scaled = t, .real = t};
}

/* Everything that is due until then happens. */
static inline void run_until(struct fixture *f, mono_t until)
{
    while (mono_reached(timers_next(&f->timers), until)) {
        f->now = mono_max(f->now, timers_next(&f->timers));
        timers_fire(&f->timers, f->now);
    }
    f->now = until;
}

static inline void run_to(struct fixture *f, int64_t s)
{
    run_until(f, mono_s(s));
}

static inline struct registration registration_of(unsigned member)
{
    struct registration r = {.group = {.value = 484}, .sender_ids_wanted = 4, .features = ours};

    r.peer = (struct endpoint){.addr = addr_v4(0x0a010000u + member), .port = 848};
    assert_true(addr_parse("10.0.0.1", &r.local.addr));
    r.local.port = 848;
    addr_text(&r.peer.addr, r.identity);
    return r;
}

/* Registers member number so and so; its policy goes to *p unless that is NULL. */
static inline void join_as(struct fixture *f, const struct registration *r, struct policy *p)
{
    struct refusal why = {.text = ""};
    struct policy mine;

    if (!ks_request(&f->ks, r, &mine, &why, at(f->now)) || !ks_accept(&f->ks, r, &mine, &why, at(f->now)))
        fail_msg("%s", why.text);
    if (p)
        *p = mine;
    else
        policy_wipe(&mine);
}

static inline void join_member(struct fixture *f, unsigned member, struct policy *p)
{
    struct registration r = registration_of(member);

    join_as(f, &r, p);
}

static inline struct ks_member *member(struct fixture *f, unsigned number)
{
    struct registration r = registration_of(number);
    struct ks_member *m = ks_members_find(&group(f)->members, &r.peer.addr, r.identity);

    assert_non_null(m);
    return m;
}

/* Opens the i-th datagram that was sent, under this KEK, whatever its number. */
static inline void open_push(const struct fixture *f, size_t i, const struct policy_kek *kek, struct push *p)
{
    struct policy_fault why = {.text = ""};
    enum push_result result;

    assert_true(i < f->n_sent);
    push_init(p);
    result = push_open(kek, 0, &ours, POLICY_SIGNATURE_CANONICAL, span_of(f->sent[i].bytes, f->sent[i].len), p, &why);
    if (result != PUSH_OK)
        fail_msg("datagram %zu: %s %s", i, name_of(push_result_names, result), why.text);
}

/* The number of the i-th datagram. */
static inline uint32_t number_of(const struct fixture *f, size_t i, const struct policy_kek *kek)
{
    struct push p;
    uint32_t number;

    open_push(f, i, kek, &p);
    number = p.number;
    push_wipe(&p);
    return number;
}

/* A member acknowledges this number from its own address. */
static inline void acknowledge(struct fixture *f, unsigned number, const struct policy_kek *kek, uint32_t rekey)
{
    struct registration r = registration_of(number);
    struct path path = {.local = r.local, .remote = r.peer};
    uint8_t bytes[PUSH_ACK_MAX_LEN];
    struct buf_writer w = buf_writer_of(bytes, sizeof(bytes));

    assert_true(push_ack_put(kek, rekey, &r.peer.addr, &w));
    assert_true(ks_acknowledged(&f->ks, &path, buf_written(&w), at(f->now)));
}

#endif
