/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a member's own file says about its policy: the local list (GM5), and fail-close that comes back when the keys have
 * ended (GM7). The data plane's side of both is in tests/stage/verdict_test.c.
 */
#include "common/log.h"
#include "tests/unit/ctrl/gm/gm_fixture.h"

/* The fixture's group, with a local list and revert as told. Free with config_free(). */
static struct config *other_config(const char *fail_close, bool local)
{
    char text[1000];
    struct yaml_error e = {.text = ""};
    struct config *c;

    snprintf(text, sizeof(text),
             "gvpn: 1\n"
             "ike: {listen: [10.0.0.2], pre-shared-keys: [{peer: 10.0.0.0/24, secret: 0123456789abcdef0123456789abcdef}]}\n"
             "acls: {own: [deny tcp 10.1.0.0/16 any eq 80, permit udp any host 10.1.0.9]}\n"
             "groups: [{name: ONE, identity: 484, member: {key-servers: [10.0.0.1, 10.0.0.9, 10.0.0.7],\n"
             "  data-plane: {pair: wan}, fail-close: {%s}%s}}]\n",
             fail_close, local ? ", local-acl: own" : "");
    c = config_parse("other.yaml", text, strlen(text), &e);
    if (!c)
        print_error("%s\n", e.text);
    assert_non_null(c);
    return c;
}

static void use(struct fixture *f, struct config *c)
{
    gm_set_config(f->gm, &c->groups[0], (struct now){f->now, f->now});
    config_free(f->config);
    f->config = c;
}

static char merged[512]; /* what the log said of it last */

static void on_log(void *ctx, enum log_id id, const char *line)
{
    (void)ctx;
    if (id == LOG_GM_ACL_MERGE || id == LOG_GM_ACL_PERMIT)
        snprintf(merged + strlen(merged), sizeof(merged) - strlen(merged), "%s\n", line);
}

/* Rules of a list in the last wish; *first is the place of the first. */
static size_t rules_of(const struct fixture *f, enum ipc_list list, size_t *first)
{
    size_t n = 0;

    for (size_t i = f->n_rules; i-- > 0;) {
        if (f->rules[i].list == list) {
            *first = i;
            n++;
        }
    }
    return n;
}

/* GM5: with the policy, also when only the configuration changes, and without registering anew. */
static void the_local_list_goes_with_the_policy_and_with_a_reload(void **state)
{
    struct fixture *f = *state;
    size_t at_rule = 0;
    unsigned asked, changed;

    gm_attached(f->gm, 1, WORKERS, at(f, 0));
    give(f, 0, 1, (uint32_t[]){1000}, (uint32_t[]){3600}, 0);
    wish(f);
    assert_int_equal(rules_of(f, IPC_LIST_LOCAL, &at_rule), 0);
    acknowledge(f);
    asked = f->asked;
    changed = f->changed;
    assert_string_equal(merged, "");

    use(f, other_config("enabled: true", true));
    assert_non_null(strstr(merged, "GM_ACL_MERGE: ACL of KS 10.0.0.1 and GM in group ONE merged: 2 local rules, then 1 of the KS\n"));
    assert_non_null(strstr(merged, "GM_ACL_PERMIT: Group ONE: a local ACL is for deny only; any traffic that matches its 1 permit"));
    assert_int_equal(f->changed, changed + 1);
    wish(f);
    assert_int_equal(f->group.state, IPC_GROUP_POLICY);
    assert_int_equal(rules_of(f, IPC_LIST_DOWNLOADED, &at_rule), 1);
    assert_int_equal(f->n_sas, 1);
    assert_int_equal(rules_of(f, IPC_LIST_LOCAL, &at_rule), 2);
    assert_false(f->rules[at_rule].entry.permit);
    assert_int_equal(f->rules[at_rule].entry.number, 1);
    assert_int_equal(f->rules[at_rule].entry.sa, 0);
    assert_int_equal(f->rules[at_rule].entry.sel.dport.low, 80);
    assert_true(f->rules[at_rule + 1].entry.permit);

    use(f, other_config("enabled: true", false));
    wish(f);
    assert_int_equal(rules_of(f, IPC_LIST_LOCAL, &at_rule), 0);
    assert_int_equal(f->asked, asked);
}

/* Registered at 0 s with one key of 300 s; the last failure is at 290 s, the key ends. */
static void lose_all_keys(struct fixture *f)
{
    gm_attached(f->gm, 1, WORKERS, at(f, 0));
    give(f, 0, 1, (uint32_t[]){1000}, (uint32_t[]){300}, 0);
    f->now = mono_s(240);
    timers_fire(&f->timers, f->now);
    gm_failed(f->gm, "timeout", at(f, 290));
    assert_int_equal(gm_state(f->gm, f->now), GM_RE_REGISTERING);
    f->now = mono_s(300);
    timers_fire(&f->timers, f->now);
}

static void with_revert_fail_close_comes_back(void **state)
{
    struct fixture *f = *state;
    size_t unused;
    unsigned changed;

    use(f, other_config("revert: true", true));
    lose_all_keys(f);
    changed = f->changed;
    assert_int_equal(gm_state(f->gm, f->now), GM_FAIL_CLOSE);
    assert_null(gm_current_policy(f->gm));
    wish(f);
    assert_int_equal(f->group.state, IPC_GROUP_FAIL_CLOSE);
    assert_int_equal(rules_of(f, IPC_LIST_DOWNLOADED, &unused), 0);
    assert_int_equal(f->n_sas, 0);
    assert_true(changed >= 2); /* the policy, and its end */

    /* It goes on asking, and as soon as one answers all is well. */
    f->asked = 0;
    f->now = mono_s(360);
    timers_fire(&f->real_timers, f->now);
    assert_int_equal(f->asked, 1);
    assert_int_equal(gm_state(f->gm, f->now), GM_FAIL_CLOSE);
    give(f, 361, 1, (uint32_t[]){1001}, (uint32_t[]){300}, 8);
    wish(f);
    assert_int_equal(f->group.state, IPC_GROUP_POLICY);
    assert_int_equal(f->n_sas, 1);
    assert_int_equal(gm_state(f->gm, f->now), GM_REGISTERED);
}

/* One of two keys ends: there is one left, so nothing is given up. */
static void revert_waits_for_the_last_key(void **state)
{
    struct fixture *f = *state;

    use(f, other_config("revert: true", false));
    gm_attached(f->gm, 1, WORKERS, at(f, 0));
    give(f, 0, 2, (uint32_t[]){1000, 1001}, (uint32_t[]){300, 600}, 0);
    f->now = mono_s(300);
    timers_fire(&f->timers, f->now);
    wish(f);
    assert_int_equal(f->group.state, IPC_GROUP_POLICY);
    assert_non_null(gm_current_policy(f->gm));
    f->now = mono_s(600);
    timers_fire(&f->timers, f->now);
    wish(f);
    assert_int_equal(f->group.state, IPC_GROUP_FAIL_CLOSE);
}

/* The operator may say so when it has happened already; and fail-open, said later, is shown as what it is. */
static void a_reload_decides_for_a_group_without_keys(void **state)
{
    struct fixture *f = *state;

    lose_all_keys(f);
    wish(f);
    assert_int_equal(f->group.state, IPC_GROUP_POLICY);
    use(f, other_config("revert: true", false));
    wish(f);
    assert_int_equal(f->group.state, IPC_GROUP_FAIL_CLOSE);
    assert_int_equal(gm_state(f->gm, f->now), GM_FAIL_CLOSE);
    use(f, other_config("enabled: false", false));
    wish(f);
    assert_int_equal(f->group.state, IPC_GROUP_FAIL_OPEN);
    assert_int_equal(gm_state(f->gm, f->now), GM_FAIL_OPEN);
}

/* A member that never had a policy has lost none. */
static void before_the_first_policy_it_is_registering(void **state)
{
    struct fixture *f = *state;

    use(f, other_config("revert: true", false));
    gm_attached(f->gm, 1, WORKERS, at(f, 0));
    assert_int_equal(gm_state(f->gm, f->now), GM_REGISTERING);
    lose_all_keys(f);
    gm_clear(f->gm, at(f, 301));
    assert_int_equal(gm_state(f->gm, f->now), GM_REGISTERING);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(the_local_list_goes_with_the_policy_and_with_a_reload),
        T(with_revert_fail_close_comes_back),
        T(revert_waits_for_the_last_key),
        T(a_reload_decides_for_a_group_without_keys),
        T(before_the_first_policy_it_is_registering),
    };

    log_set_sink(on_log, NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
