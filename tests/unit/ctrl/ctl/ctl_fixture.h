/* SPDX-License-Identifier: BSD-3-Clause */
/* A gvpnd without sockets that answers operators: made from a configuration's text, asked a line at a time. */
#ifndef GVPN_TESTS_UNIT_CTRL_CTL_CTL_FIXTURE_H
#define GVPN_TESTS_UNIT_CTRL_CTL_CTL_FIXTURE_H

#include "ctrl/crypto/rng.h"
#include "ctrl/ctl/commands.h"
#include "tests/unit/ctrl/ctl/referee.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct fixture {
    struct loop *loop;
    struct config *config;
    struct roles *roles;
    struct events *events;
    struct ctl_hooks hooks;
    bool reload_works;
    struct json json;
    char *text; /* of the latest answer */
    size_t sent; /* datagrams */
};

static struct now on_now(void *ctx)
{
    return loop_now(((struct fixture *)ctx)->loop);
}

static void on_send(void *ctx, const struct path *path, struct span bytes)
{
    (void)path;
    (void)bytes;
    ((struct fixture *)ctx)->sent++;
}

static struct fixture *fixture_open(const char *config)
{
    struct fixture *f = test_calloc(1, sizeof(*f));
    struct yaml_error e = {.text = ""};
    struct roles_settings s = {.run_dir = "/nowhere", .clock_rate = 1};

    f->loop = loop_new(1);
    f->events = events_new();
    f->config = config_parse("gvpnd.yaml", config, strlen(config), &e);
    if (!f->config)
        fail_msg("%s", e.text);
    s.loop = f->loop;
    s.config = f->config;
    s.env = (struct env){.ctx = f,
                         .now = on_now,
                         .send = on_send,
                         .random = rng_system,
                         .timers = loop_timers(f->loop),
                         .real_timers = loop_real_timers(f->loop)};
    f->roles = roles_new(&s, loop_now(f->loop));
    assert_non_null(f->roles);
    f->hooks = (struct ctl_hooks){.ctx = f, .events = f->events};
    return f;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    free(f->text);
    roles_free(f->roles);
    loop_free(f->loop);
    config_free(f->config);
    events_free(f->events);
    test_free(f);
    return 0;
}

/* Keeps command and answer for answers_test.py. */
static inline void keep(const char *line, const char *text)
{
    const char *path = getenv("GVPN_ANSWERS");
    FILE *to = path ? fopen(path, "a") : NULL;

    if (!path)
        return;
    assert_non_null(to);
    fprintf(to, "%s\t%s\n", line, text);
    assert_int_equal(fclose(to), 0);
}

/* Runs a command given as one line; returns the exit code, the answer is in f->text. */
static int ask(struct fixture *f, const char *line)
{
    char words[256], *save = NULL;
    struct ctl_request r = {.roles = f->roles, .hooks = &f->hooks, .out = &f->json};
    int code;

    snprintf(words, sizeof(words), "%s", line);
    for (char *w = strtok_r(words, " ", &save); w; w = strtok_r(NULL, " ", &save))
        r.words[r.n_words++] = w;
    json_init(&f->json);
    code = ctl_run(&r);
    assert_int_not_equal(code, CTL_LATER);
    free(f->text);
    f->text = json_finish(&f->json);
    json_free(&f->json);
    assert_non_null(f->text);
    if (!referee_is_object(f->text))
        fail_msg("%s: not an object: %s", line, f->text);
    keep(line, f->text);
    assert_int_equal(code == CTL_OK || code == CTL_DEGRADED, !referee_has(f->text, "error"));
    return code;
}

/* A member that registers with group `id`. */
static void join(struct fixture *f, const char *peer, uint32_t id, uint64_t features)
{
    struct registration r = {.group.value = id, .sender_ids_wanted = 4, .features = {.ours = true, .features = features}};
    struct refusal why;
    struct policy p;

    assert_true(addr_parse(peer, &r.peer.addr) && addr_parse("10.0.0.1", &r.local.addr));
    r.peer.port = r.local.port = 848;
    snprintf(r.identity, sizeof(r.identity), "%s", peer);
    assert_true(ks_request(roles_ks(f->roles), &r, &p, &why, loop_now(f->loop)));
    assert_true(ks_accept(roles_ks(f->roles), &r, &p, &why, loop_now(f->loop)));
    policy_wipe(&p);
}

#endif
