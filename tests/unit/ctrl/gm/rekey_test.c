/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a rekey changes on a member, from the requirements: figure 8 of the guide (T0, T1, T2), installed is installed, deletes
 * (RFC 6407 5.9), replacement, another list, transports, and what a hostile but genuine key server may try.
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
        assert_memory_equal(&before, &f->sas[0], sizeof(before)); /* key, ids, suite, end: nothing */
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

static void what_is_over_never_comes_back(void **state)
{
    struct fixture *f = *state;
    struct push p = rekey_of(1, (uint32_t[]){2000}, (uint32_t[]){3600});

    join(f);
    p.n_deleted = 1;
    p.deleted[0] = 1000;
    assert_int_equal(hand_in(f, 100, &p), GM_REKEY_APPLIED);
    assert_null(wished(f, 1000));
    p = rekey_of(2, (uint32_t[]){1000, 2000}, (uint32_t[]){3000, 3000});
    assert_int_equal(hand_in(f, 110, &p), GM_REKEY_REPEATED);
    assert_null(wished(f, 1000));
    /* By its own end, too. */
    f->now = mono_s(3700);
    timers_fire(&f->timers, f->now);
    p = rekey_of(2, (uint32_t[]){2000, 3000}, (uint32_t[]){3000, 3000});
    (void)hand_in(f, 3701, &p);
    assert_null(wished(f, 2000));
    assert_non_null(wished(f, 3000));
    /* And what only the data plane remembers. */
    f->gone = 4000;
    p = rekey_of(1, (uint32_t[]){4000}, (uint32_t[]){3000});
    (void)hand_in(f, 3702, &p);
    assert_null(wished(f, 4000));
}

/* KS18: old SAs receive until the delay is over, and send no more once the new one is ready. */
static void a_replacement_sends_at_once_and_the_old_one_goes_after_the_delay(void **state)
{
    struct fixture *f = *state;
    struct push p = rekey_of(1, (uint32_t[]){2000}, (uint32_t[]){3600});
    char why[160];

    join(f);
    p.policy.replace = true;
    p.policy.deactivate_in_s = 40;
    assert_int_equal(gm_rekey(f->gm, &p, false, at(f, 100), why), GM_REKEY_APPLIED);
    wish(f);
    assert_int_equal(wished(f, 1000)->send_end_in_ms, 40000); /* until the new one receives everywhere */
    assert_false(wished(f, 2000)->send);
    acknowledge(f);
    wish(f);
    assert_int_equal(wished(f, 1000)->send_end_in_ms, 1);
    assert_true(wished(f, 1000)->receive);
    assert_true(wished(f, 2000)->send);
    assert_int_equal(wished(f, 2000)->send_in_ms, 0);
    assert_int_equal(hand_in(f, 110, &p), GM_REKEY_REPEATED); /* again: the delay doesn't begin anew */
    assert_int_equal(wished(f, 1000)->end_in_ms, 30000);
    push_wipe(&p);
    f->now = mono_s(140);
    timers_fire(&f->timers, f->now);
    wish(f);
    assert_int_equal(f->n_sas, 1);
}

static void a_replacement_without_delay_ends_the_old_one_now(void **state)
{
    struct fixture *f = *state;
    struct push p = rekey_of(1, (uint32_t[]){2000}, (uint32_t[]){3600});

    join(f);
    p.policy.replace = true;
    assert_int_equal(hand_in(f, 100, &p), GM_REKEY_APPLIED);
    assert_int_equal(f->n_sas, 1);
    assert_int_equal(f->sas[0].spi, 2000);
    assert_int_equal(f->asked, 1);
}

/* RFC 6407 5.9: all TEKs and the KEK: the group begins anew, members come one after another. */
static void a_full_reset_makes_members_register_one_after_another(void **state)
{
    unsigned in_half[2] = {0};
    mono_t first = MONO_NEVER;

    for (unsigned i = 0; i < 50; i++) {
        struct fixture *f;
        struct push p;

        assert_int_equal(set_up(state), 0);
        f = *state;
        f->seed = i * 7919;
        join(f);
        push_init(&p);
        p.delete_all_teks = p.delete_kek = true;
        assert_int_equal(hand_in(f, 100, &p), GM_REKEY_APPLIED);
        assert_int_equal(f->n_sas, 0);
        assert_int_equal(f->group.state, IPC_GROUP_POLICY); /* what it wants encrypted is dropped (GM6) */
        assert_false(gm_kek(f->gm)->has);
        assert_true(gm_kek(f->gm)->has_earlier); /* to acknowledge again */
        assert_in_range(gm_next_registration(f->gm).ns, mono_s(100).ns, mono_s(110).ns);
        in_half[gm_next_registration(f->gm).ns > mono_s(105).ns]++;
        first = mono_min(first, gm_next_registration(f->gm));
        f->now = mono_s(110);
        timers_fire(&f->timers, f->now);
        assert_int_equal(f->asked, 2);
        assert_int_equal(tear_down(state), 0);
    }
    assert_in_range(in_half[0], 12, 38);
    assert_true(mono_before(first, mono_s(102)));
}

/* Decision 21: the KEK now, the TEKs after a minute; nobody is without keys while all register. */
static void a_removal_with_a_delay_leaves_time_to_register(void **state)
{
    struct fixture *f = *state;
    struct push p = rekey_of(1, (uint32_t[]){1000}, (uint32_t[]){60});

    join(f);
    p.delete_kek = true;
    assert_int_equal(hand_in(f, 100, &p), GM_REKEY_APPLIED);
    assert_int_equal(wished(f, 1000)->end_in_ms, 60000);
    assert_true(wished(f, 1000)->send);
    assert_in_range(mono_to_s(gm_next_registration(f->gm)), 100, 130);
}

static void deleted_with_a_delay(void **state)
{
    struct fixture *f = *state;
    struct push p = rekey_of(1, (uint32_t[]){2000}, (uint32_t[]){3600});

    join(f);
    p.delete_all_teks = true;
    p.policy.deactivate_in_s = 20;
    assert_int_equal(hand_in(f, 100, &p), GM_REKEY_APPLIED);
    assert_int_equal(wished(f, 1000)->end_in_ms, 20000);
    assert_int_equal(wished(f, 2000)->end_in_ms, 3600000);
    assert_int_equal(f->asked, 1);
}

static void delete_of_a_stranger_changes_nothing(void **state)
{
    struct fixture *f = *state;
    struct push p;

    join(f);
    push_init(&p);
    p.n_deleted = 1;
    p.deleted[0] = 4711;
    assert_int_equal(hand_in(f, 100, &p), GM_REKEY_REPEATED);
    assert_non_null(wished(f, 1000));
    assert_in_range(mono_to_s(gm_next_registration(f->gm)), 3520, 3540);
}

/* TEK: matching ACL: the new list at once, SAs kept. */
static void another_list(void **state)
{
    struct fixture *f = *state;
    struct push p = rekey_of(1, (uint32_t[]){1000}, (uint32_t[]){3500});

    join(f);
    p.policy.has_rules = true;
    p.policy.digest[0] = 2;
    add_rule(&p.policy, "deny udp 10.1.0.0/16 10.1.0.0/16", 0);
    add_rule(&p.policy, "permit ip 10.2.0.0/16 10.2.0.0/16", 10);
    assert_int_equal(hand_in(f, 100, &p), GM_REKEY_APPLIED);
    assert_int_equal(f->rules[f->n_rules - 2].list, IPC_LIST_DOWNLOADED);
    assert_false(f->rules[f->n_rules - 2].entry.permit);
    assert_true(f->rules[f->n_rules - 1].entry.permit);
    assert_true(wished(f, 1000)->send);
    assert_int_equal(gm_current_policy(f->gm)->digest[0], 2);
    assert_int_equal(gm_current_policy(f->gm)->acl.n, 2);
    /* The same list again is no news. */
    p = rekey_of(1, (uint32_t[]){1000}, (uint32_t[]){3500});
    p.policy.has_rules = true;
    p.policy.digest[0] = 2;
    add_rule(&p.policy, "permit ip 10.2.0.0/16 10.2.0.0/16", 10);
    assert_int_equal(hand_in(f, 101, &p), GM_REKEY_REPEATED);
    assert_int_equal(gm_current_policy(f->gm)->acl.n, 2);
}

/* A number that the new list doesn't name keeps its SA, but nobody registers for it. */
static void a_number_that_goes_isnt_renewed(void **state)
{
    struct fixture *f = *state;
    struct push p = rekey_of(0, NULL, NULL);

    join(f);
    add_sa(&p, 20, 2000, 7200);
    p.policy.has_rules = true;
    p.policy.digest[0] = 2;
    add_rule(&p.policy, "permit ip 10.2.0.0/16 10.2.0.0/16", 20);
    assert_int_equal(hand_in(f, 100, &p), GM_REKEY_APPLIED);
    assert_int_equal(f->n_sas, 2);
    assert_in_range(mono_to_s(gm_next_registration(f->gm)), 7300 - 80, 7300 - 60);
    f->now = mono_s(3600);
    timers_fire(&f->timers, f->now);
    wish(f);
    assert_int_equal(f->n_sas, 1);
    assert_int_equal(f->asked, 1);
}

static void a_rule_without_a_key_is_refused(void **state)
{
    struct fixture *f = *state;
    struct push p = rekey_of(1, (uint32_t[]){2000}, (uint32_t[]){3500});
    char why[160];

    join(f);
    p.policy.has_rules = true;
    p.policy.digest[0] = 2;
    add_rule(&p.policy, "permit ip 10.2.0.0/16 10.2.0.0/16", 30);
    assert_int_equal(gm_rekey(f->gm, &p, false, at(f, 100), why), GM_REKEY_REFUSED);
    assert_string_equal(why, "rule 1 names sa 30, which has no key");
    push_wipe(&p);
    wish(f);
    assert_null(wished(f, 2000)); /* nothing of it */
    assert_int_equal(gm_current_policy(f->gm)->digest[0], 1);
}

/* The digest alone says that our list is another one: it must be fetched; the keys count meanwhile. */
static void a_digest_that_differs_makes_it_register(void **state)
{
    struct fixture *f = *state;
    struct push p = rekey_of(1, (uint32_t[]){2000}, (uint32_t[]){3600});

    join(f);
    p.policy.digest[0] = 9;
    assert_int_equal(hand_in(f, 100, &p), GM_REKEY_APPLIED);
    assert_non_null(wished(f, 2000));
    assert_in_range(mono_to_s(gm_next_registration(f->gm)), 100, 130);
    /* Key servers of other makers say no digest. */
    assert_int_equal(tear_down(state), 0);
    assert_int_equal(set_up(state), 0);
    f = *state;
    join(f);
    gm_server_announced(f->gm, &(struct peer_features){.ours = false});
    p = rekey_of(1, (uint32_t[]){2000}, (uint32_t[]){3600});
    p.policy.digest[0] = 9;
    (void)hand_in(f, 100, &p);
    assert_in_range(mono_to_s(gm_next_registration(f->gm)), 3600, 3700);
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
    f->now = mono_s(763);
    timers_fire(&f->timers, f->now);
    wish(f);
    assert_int_equal(f->group.n_rekeys, 0);
    gm_clear(f->gm, at(f, 800));
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

/* Receive-only by rekey, lifted by rekey with new SAs: five minutes of both, then ESP only. */
static void receive_only_comes_and_goes(void **state)
{
    struct fixture *f = *state;
    struct push p = rekey_of(1, (uint32_t[]){1000}, (uint32_t[]){3600});

    join(f);
    p.policy.receive_only = true;
    assert_int_equal(hand_in(f, 100, &p), GM_REKEY_REPEATED);
    assert_true(f->group.receive_only && !f->group.passive);
    p = rekey_of(2, (uint32_t[]){1000, 2000}, (uint32_t[]){3400, 3600});
    assert_int_equal(hand_in(f, 200, &p), GM_REKEY_APPLIED);
    assert_true(!f->group.receive_only && f->group.passive);
    f->now = mono_s(499);
    timers_fire(&f->timers, f->now);
    wish(f);
    assert_true(f->group.passive);
    f->changed = 0;
    f->now = mono_s(500);
    timers_fire(&f->timers, f->now);
    assert_int_equal(f->changed, 1);
    wish(f);
    assert_true(!f->group.receive_only && !f->group.passive);
}

static void the_operators_word_ends_with_the_next_rekey(void **state)
{
    struct fixture *f = *state;
    struct push p = rekey_of(1, (uint32_t[]){1000}, (uint32_t[]){3600});

    join(f);
    gm_set_direction(f->gm, GM_DIRECTION_INBOUND_OPTIONAL, at(f, 10));
    wish(f);
    assert_true(f->group.passive);
    assert_int_equal(hand_in(f, 20, &p), GM_REKEY_REPEATED);
    assert_true(f->group.passive);
    p = rekey_of(1, (uint32_t[]){2000}, (uint32_t[]){3600});
    assert_int_equal(hand_in(f, 30, &p), GM_REKEY_APPLIED);
    assert_false(f->group.passive);
}

/* When there is no room, what the rekey doesn't bring makes it, the oldest first. */
static void old_sas_make_room(void **state)
{
    struct fixture *f = *state;

    join(f);
    for (uint32_t i = 1; i <= 40; i++) { /* a change every 10 s, with keys of an hour */
        struct push p = rekey_of(1, (uint32_t[]){1000 + i}, (uint32_t[]){3600});

        assert_int_equal(hand_in(f, 10 * i, &p), GM_REKEY_APPLIED);
        assert_non_null(wished(f, 1000 + i));
        assert_in_range(f->n_sas, 1, POLICY_MAX_SAS);
    }
    assert_null(wished(f, 1000));
    assert_null(wished(f, 1008));
    assert_non_null(wished(f, 1009));
}

/* Edges that a genuine but hostile key server may send: nothing crashes, nothing lives for ever, nothing is half-installed. */
static void hostile_values(void **state)
{
    static const struct {
        uint32_t lifetime, activate, deactivate;
        bool taken;
    } rows[] = {
        {1, 0, 0, true},       {UINT32_MAX, 0, 0, true},          {UINT32_MAX, 0, UINT32_MAX, true},
        {3600, 3600, 0, false}, {3600, UINT32_MAX, 0, false},       {3600, 3599, 0, true},
        {3600, 0, UINT32_MAX, true},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct fixture *f;
        struct push p = rekey_of(1, (uint32_t[]){2000}, &rows[i].lifetime);

        assert_int_equal(set_up(state), 0);
        f = *state;
        join(f);
        p.policy.activate_in_s = rows[i].activate;
        p.policy.deactivate_in_s = rows[i].deactivate;
        p.policy.sas[0].deactivate_in_s = rows[i].deactivate;
        assert_int_equal(hand_in(f, 100, &p), rows[i].taken ? GM_REKEY_APPLIED : GM_REKEY_REFUSED);
        assert_int_equal(wished(f, 2000) != NULL, rows[i].taken);
        assert_non_null(wished(f, 1000));
        assert_int_equal(wished(f, 1000)->end_in_ms, 3500000);
        f->now = mono_s(101);
        timers_fire(&f->timers, f->now);
        p = rekey_of(1, (uint32_t[]){3000}, (uint32_t[]){3600}); /* the next good one isn't disturbed */
        assert_int_equal(hand_in(f, 102, &p), GM_REKEY_APPLIED);
        assert_int_equal(tear_down(state), 0);
    }
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
        cmocka_unit_test(installed_is_installed_at_every_point),
        T(an_end_moves_sooner_and_never_later),
        T(what_is_over_never_comes_back),
        T(a_replacement_sends_at_once_and_the_old_one_goes_after_the_delay),
        T(a_replacement_without_delay_ends_the_old_one_now),
        cmocka_unit_test(a_full_reset_makes_members_register_one_after_another),
        T(a_removal_with_a_delay_leaves_time_to_register),
        T(deleted_with_a_delay),
        T(delete_of_a_stranger_changes_nothing),
        T(another_list),
        T(a_number_that_goes_isnt_renewed),
        T(a_rule_without_a_key_is_refused),
        T(a_digest_that_differs_makes_it_register),
        T(a_new_kek_moves_its_registration),
        T(a_kek_that_nobody_renews_ends),
        T(it_listens_where_rekeys_come_to),
        T(under_the_earlier_kek_nothing_new_comes),
        T(receive_only_comes_and_goes),
        T(the_operators_word_ends_with_the_next_rekey),
        T(old_sas_make_room),
        cmocka_unit_test(hostile_values),
        T(without_a_policy_there_is_nothing_to_change),
        T(traffic_that_cannot_be_read_makes_it_ask_the_next_server),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
