/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A membership under another configuration, cleared, removed and left (OP1, GM12): what goes out of use, what must be able to
 * come back although the data plane never takes a deleted SPI again, and for which keys its sender ids are good (RFC 6054).
 */
#include "tests/unit/ctrl/gm/gm_fixture.h"

static void write_file(char *text, size_t cap, const char *name, const char *servers, const char *more)
{
    snprintf(text, cap,
             "gvpn: 1\n"
             "ike: {listen: [10.0.0.2], pre-shared-keys: [{peer: 10.0.0.0/24, secret: \"0123456789abcdef0123456789abcdef\"}]}\n"
             "groups: [{name: %s, identity: 484, member: {key-servers: [%s], data-plane: {pair: wan}%s}}]\n",
             name, servers, more);
}

static struct config *config_of(const char *name, const char *servers, const char *more)
{
    char text[1024];

    write_file(text, sizeof(text), name, servers, more);
    return config_from(text);
}

static int begin_anew(void **state)
{
    char text[1024];

    write_file(text, sizeof(text), "ONE", "10.0.0.1, 10.0.0.9", "");
    set_up_with(state, text);
    ((struct fixture *)*state)->holds_all = true;
    return 0;
}

/* Up to two SAs of an hour, and four sender ids from first_id. */
static void give_hour(struct fixture *f, int64_t s, size_t n, const uint32_t *spis, uint64_t first_id)
{
    struct policy p = policy_of(n, spis, (uint32_t[]){3600, 3600}, first_id, 4);

    gm_policy(f->gm, &p, at(f, s));
    policy_wipe(&p);
}

/* Attached, registered with SPI 1000 and ids 0 to 3, and sending. */
static void begin(struct fixture *f)
{
    gm_attached(f->gm, 77, 1, at(f, 0));
    give_hour(f, 0, 1, (uint32_t[]){1000}, 0);
    wish(f);
    acknowledge(f);
    wish(f);
    acknowledge(f);
    assert_int_equal(f->n_sas, 1);
    assert_true(f->sas[0].send && f->sas[0].receive);
}

static void exchange_config(struct fixture *f, const char *name, const char *servers, const char *more)
{
    struct config *c = config_of(name, servers, more);

    gm_set_config(f->gm, &c->groups[0], fake_now(f));
    config_free(f->config);
    f->config = c;
}

static void another_configuration_keeps_policy_and_keys(void **state)
{
    struct fixture *f = *state;

    begin(f);
    exchange_config(f, "RENAMED", "10.0.0.9, 10.0.0.1", ", fail-close: {allow: [deny tcp any eq 22 any]}");
    wish(f);
    assert_int_equal(f->asked, 1);
    assert_true(f->changed > 0);
    assert_int_equal(f->group.state, IPC_GROUP_POLICY);
    assert_string_equal(f->group.name, "ONE"); /* an SA belongs to the group's name in the data plane */
    assert_int_equal(f->n_rules, 1 + 2);
    assert_true(f->n_sas == 1 && f->sas[0].send);
    assert_string_equal(gm_config(f->gm)->name, "RENAMED");
}

/* GM1: the registration under way goes on with a server that is still listed, else the first is asked at once. */
static void a_server_that_is_gone_is_not_waited_for(void **state)
{
    struct fixture *f = *state;
    char text[ADDR_TEXT_MAX];

    gm_attached(f->gm, 77, 1, at(f, 0));
    assert_int_equal(f->asked, 1);
    exchange_config(f, "ONE", "10.0.0.7, 10.0.0.1", "");
    assert_int_equal(f->asked, 1);
    assert_string_equal(addr_text(gm_server(f->gm), text), "10.0.0.1");
    exchange_config(f, "ONE", "10.0.0.7, 10.0.0.8", "");
    assert_int_equal(f->asked, 2);
    assert_string_equal(addr_text(&f->asked_server, text), "10.0.0.7");
    gm_failed(f->gm, "timeout", fake_now(f));
    assert_false(mono_is_never(timers_next(&f->real_timers)));
    exchange_config(f, "ONE", "10.0.0.1", ""); /* while it waits for the next try */
    assert_int_equal(f->asked, 3);
    assert_true(mono_is_never(timers_next(&f->real_timers)));
}

/*
 * The same key comes back after `clear`. Deleted it could not be installed again, so it stays with the data plane, out of
 * use, and is used again with the sender ids and counters that it has there.
 */
static void clear_puts_keys_out_of_use_until_it_has_registered(void **state)
{
    struct fixture *f = *state;

    begin(f);
    gm_clear(f->gm, at(f, 100));
    assert_int_equal(f->asked, 2);
    assert_int_equal(gm_state(f->gm, f->now), GM_REGISTERING);
    assert_null(gm_current_policy(f->gm));
    assert_null(gm_sending(f->gm, 10, f->now));
    wish(f);
    assert_int_equal(f->group.state, IPC_GROUP_FAIL_CLOSE);
    assert_int_equal(f->n_rules, 0);
    assert_int_equal(f->n_sas, 1);
    assert_false(f->sas[0].receive || f->sas[0].send);
    acknowledge(f);
    give_hour(f, 101, 1, (uint32_t[]){1000}, 40);
    wish(f);
    assert_true(f->sas[0].receive);
    assert_false(f->sas[0].send); /* receive first, whatever the page shows */
    acknowledge(f);
    wish(f);
    assert_true(f->sas[0].send);
    assert_int_equal(f->sas[0].senders[0].id, 0);
    assert_int_equal(f->sas[0].end_in_ms, 3600000 - 101000); /* its end never moves later */
}

static void what_does_not_come_back_after_clear_goes(void **state)
{
    struct fixture *f = *state;

    begin(f);
    gm_clear(f->gm, at(f, 100));
    give_hour(f, 101, 1, (uint32_t[]){2000}, 0);
    wish(f);
    assert_int_equal(f->n_sas, 1);
    assert_int_equal(f->sas[0].spi, 2000);
}

static void parked_keys_are_not_given_to_a_new_process(void **state)
{
    struct fixture *f = *state;

    begin(f);
    gm_clear(f->gm, at(f, 100));
    gm_detached(f->gm, at(f, 101));
    gm_attached(f->gm, 78, 1, at(f, 102));
    wish(f);
    assert_int_equal(f->n_sas, 0);
}

static void parked_keys_end_with_their_time(void **state)
{
    struct fixture *f = *state;

    begin(f);
    gm_leave(f->gm);
    f->now = mono_s(3600);
    timers_fire(&f->timers, f->now);
    wish(f);
    assert_int_equal(f->n_sas, 0);
}

/* GM12. */
static void it_leaves_for_good(void **state)
{
    struct fixture *f = *state;

    begin(f);
    assert_non_null(gm_home(f->gm));
    gm_leave(f->gm);
    assert_null(gm_home(f->gm));
    wish(f);
    assert_int_equal(f->group.state, IPC_GROUP_FAIL_CLOSE);
    assert_false(f->sas[0].receive || f->sas[0].send);
    assert_true(mono_is_never(gm_next_registration(f->gm)));
    gm_detached(f->gm, at(f, 5));
    gm_attached(f->gm, 78, 1, at(f, 6));
    gm_iv_low(f->gm, 1000, at(f, 7));
    assert_int_equal(f->asked, 1);
}

/* Decision 3: a removed group says what its configuration said, and outlives that configuration; it may come back. */
static void a_removed_group_is_unprotected_until_it_comes_back(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *more;
        enum ipc_group_state state;
    } rows[] = {{"", IPC_GROUP_UNPROTECTED_DROP},
                {", unprotected: drop", IPC_GROUP_UNPROTECTED_DROP},
                {", unprotected: clear", IPC_GROUP_UNPROTECTED_CLEAR}};

    begin(f);
    for (size_t i = 0; i < 3; i++) {
        struct config_group *own = calloc(1, sizeof(*own));
        unsigned asked = f->asked;

        exchange_config(f, "ONE", "10.0.0.1", rows[i].more);
        assert_non_null(own);
        *own = f->config->groups[0];
        gm_retire(f->gm, own);
        config_free(f->config);
        f->config = NULL;
        wish(f);
        assert_int_equal(f->group.state, rows[i].state);
        assert_string_equal(f->bind.pair, "wan");
        assert_int_equal(f->n_rules, 0);
        assert_int_equal(f->n_sas, 1);
        assert_false(f->sas[0].receive || f->sas[0].send);
        exchange_config(f, "ONE", "10.0.0.1", rows[i].more);
        assert_int_equal(f->asked, asked + 1);
        give_hour(f, 100, 1, (uint32_t[]){1000}, 100);
        wish(f);
        assert_int_equal(f->group.state, IPC_GROUP_POLICY);
        assert_true(f->sas[0].receive);
    }
}

/*
 * A key server that lost its memory, or another one, counts sender ids from 0 again: they are for its keys only. With an
 * older key they would be another member's, and two members would use one IV.
 */
static void sender_ids_are_for_the_keys_that_they_came_with(void **state)
{
    struct fixture *f = *state;

    begin(f);
    give_hour(f, 100, 1, (uint32_t[]){2000}, 0);
    wish(f);
    acknowledge(f);
    assert_int_equal(f->n_sas, 2);
    gm_detached(f->gm, at(f, 200));
    gm_attached(f->gm, 78, 1, at(f, 201)); /* a new process needs ids for both */
    wish(f);
    acknowledge(f);
    wish(f);
    assert_int_equal(f->n_sas, 2);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(f->sas[i].send, f->sas[i].spi == 2000);
        assert_int_equal(f->sas[i].n_senders, f->sas[i].spi == 2000);
        assert_true(f->sas[i].receive);
    }
}

/* Each key keeps the width of ids that it came with. */
static void a_key_keeps_its_width_of_ids(void **state)
{
    struct fixture *f = *state;
    struct policy p;

    begin(f);
    policy_init(&p);
    p.sid_bits = 16;
    p.n_sender_ids = 4;
    p.n_sas = 1;
    p.sas[0] = (struct policy_sa){.number = 10, .spi = 2000, .suite = suite_by_id(SUITE_AES_GCM_128), .lifetime_s = 3600};
    p.sas[0].key.len = 20;
    gm_policy(f->gm, &p, at(f, 10));
    wish(f);
    assert_int_equal(f->n_sas, 2);
    assert_int_equal(f->sas[0].sid_bits, 24);
    assert_int_equal(f->sas[1].sid_bits, 16);
    policy_wipe(&p);
}

static void a_key_that_the_data_plane_deleted_is_not_counted_on(void **state)
{
    struct fixture *f = *state;

    f->gone = 1000;
    gm_attached(f->gm, 77, 1, at(f, 0));
    give_hour(f, 0, 2, (uint32_t[]){1000, 2000}, 0);
    wish(f);
    acknowledge(f);
    assert_int_equal(f->n_sas, 1);
    assert_int_equal(f->sas[0].spi, 2000);
    assert_int_equal(gm_sending(f->gm, 10, f->now)->sa.spi, 2000);
    assert_int_equal(gm_state(f->gm, f->now), GM_REGISTERED);
    f->gone = 0; /* another process may have it */
    gm_detached(f->gm, at(f, 10));
    gm_attached(f->gm, 78, 1, at(f, 11));
    wish(f);
    assert_int_equal(f->n_sas, 2);
}

/* GM11: other ports or VLANs are another wish with the same keys, and no registration. */
static void other_bindings_are_no_reason_to_register(void **state)
{
    struct fixture *f = *state;
    struct config *c = config_of("ONE", "10.0.0.1", "");
    unsigned asked;

    begin(f);
    wish(f);
    assert_int_equal(f->n_binds, 1);
    assert_true(f->bind.vlan == 0 && f->bind.group == 3);
    asked = f->asked;
    c->groups[0].gm.bindings[0].vlan = 10;
    c->groups[0].gm.bindings[1] = (struct config_binding){"lan", 20};
    c->groups[0].gm.n_bindings = 2;
    gm_set_config(f->gm, &c->groups[0], fake_now(f));
    config_free(f->config);
    f->config = c;
    assert_int_equal(f->asked, asked);
    wish(f);
    assert_int_equal(f->group.state, IPC_GROUP_POLICY);
    assert_int_equal(f->n_binds, 2);
    assert_string_equal(f->bind.pair, "lan");
    assert_int_equal(f->bind.vlan, 20);
    assert_int_equal(f->n_sas, 1);
    assert_int_equal(f->sas[0].spi, 1000);
    assert_true(f->sas[0].receive);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, begin_anew, tear_down)
    const struct CMUnitTest tests[] = {
        T(another_configuration_keeps_policy_and_keys),
        T(a_server_that_is_gone_is_not_waited_for),
        T(clear_puts_keys_out_of_use_until_it_has_registered),
        T(what_does_not_come_back_after_clear_goes),
        T(parked_keys_are_not_given_to_a_new_process),
        T(parked_keys_end_with_their_time),
        T(it_leaves_for_good),
        T(a_removed_group_is_unprotected_until_it_comes_back),
        T(sender_ids_are_for_the_keys_that_they_came_with),
        T(a_key_keeps_its_width_of_ids),
        T(a_key_that_the_data_plane_deleted_is_not_counted_on),
        T(other_bindings_are_no_reason_to_register),
    };

    log_set_level(LOG_LEVEL_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
