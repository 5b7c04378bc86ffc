/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a rekey changes on a member, from the requirements: figure 8 of the guide (T0, T1, T2), installed is installed, KEKs and
 * transports. What it takes away is in rekey_change_test.c.
 */
#include "tests/unit/ctrl/gm/rekey_fixture.h"

#include "ctrl/policy/kek.h"

/* Figure 8: a rekey before T0 moves the registration on; the new SA sends from T1 = E - 30, the old one is gone at T2 = E. */
static void figure_8(void **state)
{
    struct fixture *f = *state;
    struct push p = rekey_of(2, (uint32_t[]){1000, 2000}, (uint32_t[]){360, 3600});

    join(f);
    p.policy.sas[1].activate_in_s = 330; /* as our key server says: E - 30 */
    p.policy.sas[0].deactivate_in_s = 360;
    assert_in_range(mono_to_s(gm_next_registration(f->gm)), 3520, 3540);
    assert_int_equal(hand_in(f, 3240, &p), GM_REKEY_APPLIED);
    assert_in_range(mono_to_s(gm_next_registration(f->gm)), 3240 + 3520, 3240 + 3540);
    f->now = mono_s(3540); /* T0 */
    timers_fire(&f->timers, f->now);
    assert_int_equal(f->asked, 1);
    assert_int_equal(gm_sending(f->gm, 10, mono_ms(3569999))->sa.spi, 1000);
    assert_int_equal(gm_sending(f->gm, 10, mono_s(3570))->sa.spi, 2000); /* T1 */
    assert_int_equal(wished(f, 1000)->send_end_in_ms, 330000);
    assert_int_equal(wished(f, 2000)->send_in_ms, 330000);
    assert_true(wished(f, 2000)->send && wished(f, 2000)->receive);
    f->now = mono_s(3600); /* T2 */
    timers_fire(&f->timers, f->now);
    wish(f);
    assert_null(wished(f, 1000));
    assert_non_null(wished(f, 2000));
    assert_int_equal(f->asked, 1);
}

static void without_a_rekey_it_registers_at_t0(void **state)
{
    struct fixture *f = *state;

    join(f);
    f->now = mono_s(3540);
    timers_fire(&f->timers, f->now);
    assert_int_equal(f->asked, 2);
}

/* The rekey came while the registration that it makes needless had failed already. */
static void a_late_rekey_ends_the_tries_to_register(void **state)
{
    struct fixture *f = *state;
    struct push p = rekey_of(1, (uint32_t[]){2000}, (uint32_t[]){3600});

    join(f);
    f->now = mono_s(3540);
    timers_fire(&f->timers, f->now);
    gm_failed(f->gm, "timeout", at(f, 3548));
    assert_int_equal(gm_state(f->gm, f->now), GM_RE_REGISTERING);
    assert_int_equal(hand_in(f, 3549, &p), GM_REKEY_APPLIED);
    assert_int_equal(gm_state(f->gm, f->now), GM_REGISTERED);
    assert_true(mono_is_never(timers_next(&f->real_timers)));
    assert_in_range(mono_to_s(gm_next_registration(f->gm)), 3549 + 3520, 3549 + 3540);
}

/* The new SA has the sender ids of the registration, and the old one's are untouched. */
static void a_new_sa_sends_with_the_ids_of_the_registration(void **state)
{
    struct fixture *f = *state;
    struct push p = rekey_of(1, (uint32_t[]){2000}, (uint32_t[]){3600});

    join(f);
    assert_int_equal(hand_in(f, 3000, &p), GM_REKEY_APPLIED);
    for (unsigned w = 0; w < WORKERS; w++) {
        assert_int_equal(wished(f, 1000)->senders[w].id, w);
        assert_int_equal(wished(f, 2000)->senders[w].id, w);
        assert_int_equal(wished(f, 2000)->senders[w].iv_first, 0);
    }
    assert_int_equal(wished(f, 2000)->sid_bits, 24);
    /* Another data-plane process: other ids for both. */
    gm_detached(f->gm, at(f, 3001));
    gm_attached(f->gm, 78, WORKERS, at(f, 3002));
    wish(f);
    assert_int_equal(f->asked, 1);
    assert_int_equal(wished(f, 1000)->senders[0].id, WORKERS);
    assert_int_equal(wished(f, 2000)->senders[0].id, WORKERS);
}

/* GM2: ends and delays come in whole seconds and in different messages; between two SAs there is no moment without one. */
static void the_old_sa_sends_until_the_new_one_is_active(void **state)
{
    struct fixture *f = *state;
    struct push p = rekey_of(1, (uint32_t[]){2000}, (uint32_t[]){3600});

    join(f); /* 1000 ends at 3600: it would stop at 3570 */
    p.policy.activate_in_s = 573;
    assert_int_equal(hand_in(f, 3000, &p), GM_REKEY_APPLIED);
    assert_int_equal(wished(f, 1000)->send_end_in_ms, 573000);
    assert_int_equal(wished(f, 2000)->send_in_ms, 573000);
    p = rekey_of(1, (uint32_t[]){3000}, (uint32_t[]){3600}); /* and never beyond its own end */
    p.policy.activate_in_s = 1000;
    assert_int_equal(hand_in(f, 3001, &p), GM_REKEY_APPLIED);
    assert_int_equal(wished(f, 1000)->send_end_in_ms, 572000);
}

/* KS17: three days are more than a delay can say. Without one the old SA sends until 30 s before its end, and stays until then. */
static void long_lifetimes_need_no_delay(void **state)
{
    struct fixture *f = *state;
    const uint32_t days_3 = 3 * 86400;
    struct push p = rekey_of(1, (uint32_t[]){2000}, (uint32_t[]){days_3});

    join(f);
    assert_int_equal(hand_in(f, 3000, &p), GM_REKEY_APPLIED);
    p = rekey_of(2, (uint32_t[]){2000, 3000}, (uint32_t[]){days_3 - 1000, 30 * 86400});
    assert_int_equal(hand_in(f, 4000, &p), GM_REKEY_APPLIED);
    assert_int_equal(gm_sending(f->gm, 10, mono_s(4000 + 65536))->sa.spi, 2000);
    assert_int_equal(gm_sending(f->gm, 10, mono_s(3000 + days_3 - 31))->sa.spi, 2000);
    assert_int_equal(gm_sending(f->gm, 10, mono_s(3000 + days_3 - 30))->sa.spi, 3000);
    assert_int_equal(wished(f, 2000)->end_in_ms, (days_3 - 1000) * 1000);
}

/* RFC 6407 5.4.1: who says only the new SA says the delay for it all the same. */
static void a_delay_without_the_old_sa_counts(void **state)
{
    struct fixture *f = *state;
    struct push p = rekey_of(1, (uint32_t[]){2000}, (uint32_t[]){3600});

    join(f);
    p.policy.activate_in_s = 100;
    assert_int_equal(hand_in(f, 1000, &p), GM_REKEY_APPLIED);
    assert_int_equal(wished(f, 1000)->send_end_in_ms, 100000);
    assert_int_equal(wished(f, 2000)->send_in_ms, 100000);
    assert_int_equal(gm_sending(f->gm, 10, mono_s(1099))->sa.spi, 1000);
    assert_int_equal(gm_sending(f->gm, 10, mono_s(1100))->sa.spi, 2000);
}

/* As the data plane would get them: what lies between the fields of a struct means nothing. */
static void same_message(const struct ipc_sa *a, const struct ipc_sa *b)
{
    static uint8_t octets[2][4096];
    struct buf_writer wa = buf_writer_of(octets[0], sizeof(octets[0])), wb = buf_writer_of(octets[1], sizeof(octets[1]));

    ipc_encode(&wa, &(struct ipc_msg){.type = IPC_SA, .u.sa = *a});
    ipc_encode(&wb, &(struct ipc_msg){.type = IPC_SA, .u.sa = *b});
    assert_false(wa.overflow || wb.overflow);
    assert_int_equal(wa.len, wb.len);
    assert_memory_equal(octets[0], octets[1], wa.len);
}

/* Decision 16, at every point of an SA's life: before it is installed everywhere, while it is used, when it is over. */
static void installed_is_installed_at_every_point(void **state)
{
    static const int64_t points[] = {0, 1, 100, 1800, 3500, 3569, 3571, 3599};
    struct fixture *f;

    for (size_t i = 0; i < sizeof(points) / sizeof(points[0]); i++) {
        struct push p = rekey_of(1, (uint32_t[]){1000}, (uint32_t[]){86400});
        struct ipc_sa before;

        assert_int_equal(set_up(state), 0);
        f = *state;
        join(f);
        at(f, points[i]);
        wish(f);
        before = f->sas[0];
        memset(p.policy.sas[0].key.b, 0xee, 20);
        p.policy.sas[0].suite = suite_by_id(SUITE_AES_GCM_256);
        p.policy.sas[0].window = 7;
        assert_int_equal(hand_in(f, points[i], &p), GM_REKEY_REPEATED);
        assert_int_equal(f->n_sas, 1);
        same_message(&before, &f->sas[0]); /* key, ids, suite, end: nothing */
        assert_int_equal(tear_down(state), 0);
    }
}

static void an_end_moves_sooner_and_never_later(void **state)
{
    struct fixture *f = *state;
    struct push p = rekey_of(2, (uint32_t[]){1000, 2000}, (uint32_t[]){500, 3600});

    join(f);
    (void)hand_in(f, 100, &p);
    assert_int_equal(wished(f, 1000)->end_in_ms, 500000);
    p = rekey_of(2, (uint32_t[]){1000, 2000}, (uint32_t[]){9000, 9000});
    (void)hand_in(f, 200, &p);
    assert_int_equal(wished(f, 1000)->end_in_ms, 400000);
    assert_int_equal(wished(f, 2000)->end_in_ms, 3500000);
}

static void a_new_kek_moves_its_registration(void **state)
{
    struct fixture *f = *state;
    struct push p;
    struct policy short_kek = policy_of(1, (uint32_t[]){1000}, (uint32_t[]){3600}, 0, 4 * WORKERS);

    join(f);
    short_kek.has_kek = true;
    short_kek.kek = kek_of(5, 1000);
    gm_policy(f->gm, &short_kek, at(f, 10));
    policy_wipe(&short_kek);
    assert_in_range(mono_to_s(gm_next_registration(f->gm)), 1010 - 190, 1010 - 40);
    p = rekey_of(0, NULL, NULL);
    p.policy.digest[0] = 0; /* as fixture: nothing said */
    p.policy.has_kek = true;
    p.policy.kek = kek_of(2, 7200);
    assert_int_equal(hand_in(f, 700, &p), GM_REKEY_APPLIED);
    assert_int_equal(gm_kek(f->gm)->kek.spi[0], 2);
    assert_in_range(mono_to_s(gm_next_registration(f->gm)), 3520, 3540); /* the TEK's turn */
    f->now = mono_s(1010);
    timers_fire(&f->timers, f->now);
    assert_true(gm_kek(f->gm)->has);
}

static void a_kek_that_nobody_renews_ends(void **state)
{
    struct fixture *f = *state;
    struct policy p = policy_of(1, (uint32_t[]){1000}, (uint32_t[]){9000}, 0, 4 * WORKERS);

    gm_attached(f->gm, 77, WORKERS, at(f, 0));
    p.has_kek = true;
    p.kek = kek_of(1, 600);
    gm_policy(f->gm, &p, at(f, 0));
    policy_wipe(&p);
    assert_in_range(mono_to_s(gm_next_registration(f->gm)), 410, 560);
    f->now = mono_s(560);
    timers_fire(&f->timers, f->now);
    assert_int_equal(f->asked, 2);
    /* An old server gives the same one: it ends, and the next registration is after that. */
    p = policy_of(1, (uint32_t[]){1000}, (uint32_t[]){8440}, 100, 4 * WORKERS);
    p.has_kek = true;
    p.kek = kek_of(1, 40);
    gm_policy(f->gm, &p, at(f, 560));
    policy_wipe(&p);
    assert_in_range(mono_to_s(gm_next_registration(f->gm)), 600, 680);
    f->now = mono_s(600);
    timers_fire(&f->timers, f->now);
    assert_false(gm_kek(f->gm)->has);
    f->now = mono_s(680);
    timers_fire(&f->timers, f->now);
    assert_int_equal(f->asked, 3);
}

static void it_listens_where_rekeys_come_to(void **state)
{
    struct fixture *f = *state;
    struct push p = rekey_of(0, NULL, NULL);
    char text[ADDR_TEXT_MAX];

    join(f);
    assert_int_equal(f->group_address.addr.family, 0);
    assert_int_equal(f->group.n_rekeys, 0);
    p.policy.has_kek = true;
    p.policy.kek = kek_of(2, 7200);
    p.policy.kek.destination = (struct endpoint){.addr = addr_v4(0xe8000102), .port = 0};
    assert_int_equal(hand_in(f, 700, &p), GM_REKEY_APPLIED);
    assert_string_equal(endpoint_text(&f->group_address, text), "232.0.1.2:848");
    assert_string_equal(addr_text(&f->group_source, text), "10.0.0.1");
    assert_int_equal(f->group.n_rekeys, 1);
    f->listened = 0;
    gm_detached(f->gm, at(f, 701));
    gm_attached(f->gm, 78, WORKERS, at(f, 702));
    assert_int_equal(f->listened, 1); /* at every HELLO */
    assert_int_equal(f->group_address.port, 848);
    p = rekey_of(0, NULL, NULL);
    p.policy.has_kek = true;
    p.policy.kek = kek_of(3, 7200);
    assert_int_equal(hand_in(f, 703, &p), GM_REKEY_APPLIED);
    assert_int_equal(f->group_address.addr.family, 0);
    assert_int_equal(f->group.n_rekeys, 1); /* of the one before, which is repeated */
    f->now = mono_s(703 + GM_KEK_EARLIER_S);
    timers_fire(&f->timers, f->now);
    wish(f);
    assert_int_equal(f->group.n_rekeys, 0);
    gm_clear(f->gm, at(f, 1400));
    assert_false(gm_kek(f->gm)->has);
}

/* Under the KEK before: what is installed is acknowledged again, what is new isn't taken. */
static void under_the_earlier_kek_nothing_new_comes(void **state)
{
    struct fixture *f = *state;
    struct push p = rekey_of(1, (uint32_t[]){2000}, (uint32_t[]){3600});
    char why[160];

    join(f);
    p.policy.has_kek = true;
    p.policy.kek = kek_of(2, 7200);
    assert_int_equal(gm_rekey(f->gm, &p, false, at(f, 100), why), GM_REKEY_APPLIED);
    assert_int_equal(gm_rekey(f->gm, &p, true, at(f, 110), why), GM_REKEY_REPEATED);
    add_sa(&p, 10, 3000, 3600);
    assert_int_equal(gm_rekey(f->gm, &p, true, at(f, 120), why), GM_REKEY_EARLIER_KEK);
    push_wipe(&p);
    p = rekey_of(0, NULL, NULL);
    p.policy.has_kek = true;
    p.policy.kek = kek_of(3, 7200);
    assert_int_equal(gm_rekey(f->gm, &p, true, at(f, 121), why), GM_REKEY_EARLIER_KEK);
    push_wipe(&p);
    wish(f);
    assert_null(wished(f, 3000));
    assert_int_equal(gm_kek(f->gm)->kek.spi[0], 2);
}

static void without_a_policy_there_is_nothing_to_change(void **state)
{
    struct fixture *f = *state;
    struct push p = rekey_of(1, (uint32_t[]){2000}, (uint32_t[]){3600});

    gm_attached(f->gm, 77, WORKERS, at(f, 0));
    assert_int_equal(hand_in(f, 1, &p), GM_REKEY_REFUSED);
    assert_int_equal(f->n_sas, 0);
}

/* GM13 at the next server, and not twice at once. */
static void traffic_that_cannot_be_read_makes_it_ask_the_next_server(void **state)
{
    struct fixture *f = *state;
    struct gm_traffic t = {1000, 0, 0};
    char text[ADDR_TEXT_MAX];

    join(f);
    gm_traffic(f->gm, &t, at(f, 100));
    t.unknown_spi = 5000;
    gm_traffic(f->gm, &t, at(f, 110));
    assert_int_equal(f->asked, 2);
    assert_string_equal(addr_text(&f->asked_server, text), "10.0.0.9");
    assert_int_equal(gm_stats(f->gm)->recoveries, 1);
    t.unknown_spi = 9000;
    gm_traffic(f->gm, &t, at(f, 120));
    assert_int_equal(f->asked, 2);
}

/*
 * GM13, KS18: a member that missed a --replace or a new epoch, came back by traffic, and still holds the key that was replaced. Nobody
 * reads that any more; but another key server's policy, or some ESP that it can read, mean that the group isn't gone.
 */
static void what_nobody_reads_is_not_sent(struct fixture *f, unsigned failures, uint64_t accepted, uint32_t sends)
{
    struct gm_traffic t = {1000, 0, 0};

    join(f);
    gm_traffic(f->gm, &t, at(f, 100));
    t.unknown_spi += 5000;
    t.decrypted += accepted;
    gm_traffic(f->gm, &t, at(f, 110));
    assert_int_equal(gm_stats(f->gm)->recoveries, 1);
    for (unsigned i = 0; i < failures; i++)
        gm_failed(f->gm, "no answer", at(f, 111));
    give(f, 112, 1, (uint32_t[]){2000}, (uint32_t[]){3600}, 100);
    for (unsigned i = 0; i < 3; i++) {
        wish(f);
        acknowledge(f);
    }
    assert_int_equal(gm_sending(f->gm, 10, at(f, 113).scaled)->sa.spi, sends);
    assert_true(wished(f, 1000)->receive);
}

static void keys_that_the_group_has_left_send_no_more(void **state)
{
    what_nobody_reads_is_not_sent(*state, 2, 0, 2000); /* the third of three servers is followed by the first: its own */
}

static void another_server_does_not_end_keys(void **state)
{
    what_nobody_reads_is_not_sent(*state, 0, 0, 1000);
}

static void keys_that_somebody_uses_go_on(void **state)
{
    what_nobody_reads_is_not_sent(*state, 2, 1, 1000);
}

static unsigned lines;

static void on_keylog(void *ctx, const char *line)
{
    (void)ctx;
    assert_true(strncmp(line, lines % 2 ? "esp 0x000007d0 " : "kek 0x0202", 10) == 0 || strncmp(line, "kek 0202", 8) == 0);
    lines++;
}

/* The lab's key log has what came by rekey, once. */
static void keys_of_rekeys_are_in_the_key_log(void **state)
{
    struct fixture *f = *state;

    join(f);
    f->env.keylog = on_keylog;
    for (unsigned i = 0; i < 2; i++) {
        struct push p = rekey_of(2, (uint32_t[]){1000, 2000}, (uint32_t[]){3600, 3600});

        p.policy.has_kek = true;
        p.policy.kek = kek_of(2, 7200);
        (void)hand_in(f, 10 + i, &p);
        assert_int_equal(lines, 2);
    }
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(figure_8),
        T(keys_of_rekeys_are_in_the_key_log),
        T(without_a_rekey_it_registers_at_t0),
        T(a_late_rekey_ends_the_tries_to_register),
        T(a_new_sa_sends_with_the_ids_of_the_registration),
        T(a_delay_without_the_old_sa_counts),
        T(the_old_sa_sends_until_the_new_one_is_active),
        T(long_lifetimes_need_no_delay),
        cmocka_unit_test(installed_is_installed_at_every_point),
        T(an_end_moves_sooner_and_never_later),
        T(a_new_kek_moves_its_registration),
        T(a_kek_that_nobody_renews_ends),
        T(it_listens_where_rekeys_come_to),
        T(under_the_earlier_kek_nothing_new_comes),
        T(without_a_policy_there_is_nothing_to_change),
        T(traffic_that_cannot_be_read_makes_it_ask_the_next_server),
        T(keys_that_the_group_has_left_send_no_more),
        T(another_server_does_not_end_keys),
        T(keys_that_somebody_uses_go_on),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
