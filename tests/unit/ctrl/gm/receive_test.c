/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Datagrams of rekeys at a member (GM4), with real keys and signatures: what is taken is acknowledged (RFC 8263), everything else
 * moves its counter and nothing more, and never disturbs the next good one.
 */
#include "tests/unit/ctrl/gm/push_fixture.h"

/* The acknowledgement that waits leaves within a second, to where the rekey came from. */
static void assert_acknowledged(struct fixture *f, uint8_t kek, uint32_t number)
{
    struct policy_kek k = real_kek(kek, key);
    struct push_ack ack;
    char text[ADDR_TEXT_MAX];

    assert_int_equal(f->sent, 0);
    f->now = mono_add(f->now, mono_s(1));
    timers_fire(&f->timers, f->now);
    assert_int_equal(f->sent, 1);
    assert_true(push_ack_is_for(&k, span_of(f->sent_bytes, f->sent_len)));
    assert_true(push_ack_get(&k, span_of(f->sent_bytes, f->sent_len), &ack));
    assert_int_equal(ack.number, number);
    assert_true(addr_equal(&ack.member, &own));
    assert_string_equal(endpoint_text(&f->sent_path.remote, text), "10.0.0.1:848");
    assert_string_equal(endpoint_text(&f->sent_path.local, text), "10.0.0.2:848");
    f->sent = 0;
}

static void a_good_one_is_applied_and_acknowledged(void **state)
{
    struct fixture *f = *state;
    struct datagram d = good(6, 2000);

    join_real(f, 5);
    arrives(f, 100, &d);
    assert_non_null(wished(f, 2000));
    assert_int_equal(stats(f)->received, 1);
    assert_int_equal(stats(f)->repeated, 0);
    assert_int_equal(stats(f)->last_number, 6);
    assert_int_equal(gm_kek(f->gm)->last, 6);
    assert_acknowledged(f, 1, 6);
    assert_int_equal(stats(f)->acknowledged, 1);
    assert_int_equal(all_drops(f), 0);
}

/* The acknowledgement was lost: the next round brings the same with another number. */
static void a_repeated_one_is_acknowledged_again(void **state)
{
    struct fixture *f = *state;
    struct datagram d = good(6, 2000);

    join_real(f, 5);
    arrives(f, 100, &d);
    assert_acknowledged(f, 1, 6);
    d = good(7, 2000);
    arrives(f, 110, &d);
    assert_int_equal(stats(f)->received, 2);
    assert_int_equal(stats(f)->repeated, 1);
    assert_acknowledged(f, 1, 7);
}

static void two_in_one_second_are_both_acknowledged(void **state)
{
    struct fixture *f = *state;
    struct datagram d = good(6, 2000);

    join_real(f, 5);
    arrives(f, 100, &d);
    d = good(7, 3000);
    f->seed = 1;
    arrives(f, 100, &d);
    assert_int_equal(f->sent, 1); /* the first leaves at once */
    f->sent = 0;
    assert_acknowledged(f, 1, 7);
    assert_int_equal(stats(f)->acknowledged, 2);
}

/* RFC 6407 5.7, 4.4: larger than every number before, however much; equal and smaller ones are replays. */
static void numbers_only_grow(void **state)
{
    static const struct {
        uint32_t number;
        bool taken;
    } rows[] = {{5, false}, {4, false}, {0, false}, {6, true}, {6, false}, {16, true}, {15, false}, {UINT32_MAX, true},
                {UINT32_MAX, false}, {1, false}};
    struct fixture *f = *state;
    uint64_t taken = 0, old = 0;

    join_real(f, 5);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct datagram d = good(rows[i].number, (uint32_t)(2000 + i));

        arrives(f, 100 + (int64_t)i, &d);
        taken += rows[i].taken;
        old += !rows[i].taken;
        assert_int_equal(stats(f)->received, taken);
        assert_int_equal(stats(f)->dropped[GM_DROP_OLD_NUMBER], old);
        assert_int_equal(wished(f, (uint32_t)(2000 + i)) != NULL, rows[i].taken);
    }
}

static void forged_and_broken_ones_change_nothing(void **state)
{
    struct fixture *f = *state;
    struct policy_kek k = real_kek(1, key), wrong_key = k, foreign = real_kek(1, other_key);
    struct push p = rekey_of(1, (uint32_t[]){2000}, (uint32_t[]){3600});
    struct datagram d, next = good(7, 3000);

    p.number = 6;
    join_real(f, 5);
    d = sealed(&foreign, other_key, &p); /* signed by another key: any member could */
    arrives(f, 100, &d);
    assert_int_equal(stats(f)->dropped[GM_DROP_FORGED], 1);
    wrong_key.key.b[0] ^= 1;
    d = sealed(&wrong_key, key, &p);
    arrives(f, 101, &d);
    assert_int_equal(stats(f)->dropped[GM_DROP_MALFORMED], 1);
    d = sealed(&k, key, &p);
    for (size_t len = 1; len < d.len; len += 7) { /* truncated */
        struct datagram cut = d;

        cut.len = len;
        arrives(f, 102, &cut);
    }
    for (size_t i = 28; i < d.len; i += 5) { /* one bit wrong */
        struct datagram bad = d;

        bad.b[i] ^= 0x10;
        arrives(f, 103, &bad);
    }
    assert_null(wished(f, 2000));
    assert_int_equal(stats(f)->received, 0);
    assert_int_equal(f->sent, 0);
    assert_int_equal(gm_kek(f->gm)->last, 5); /* nobody who can't sign moves the number */
    assert_int_equal(f->n_sas, 1);
    arrives(f, 104, &next); /* and the next good one isn't disturbed */
    assert_non_null(wished(f, 3000));
    assert_acknowledged(f, 1, 7);
    push_wipe(&p);
}

static void a_stranger_s_is_nobodys(void **state)
{
    struct fixture *f = *state;
    struct policy_kek k = real_kek(9, key);
    struct push p = rekey_of(1, (uint32_t[]){2000}, (uint32_t[]){3600});
    struct datagram d;

    join_real(f, 5);
    p.number = 6;
    d = sealed(&k, key, &p);
    assert_false(gm_push_is_for(f->gm, span_of(d.b, d.len)));
    arrives(f, 100, &d);
    assert_int_equal(all_drops(f), 0);
    push_wipe(&p);
}

/* RFC 6407 4.3: the new KEK comes under the old one; what is repeated under that is acknowledged under it, for as long as it may be. */
static void a_kek_rekey_and_its_repetitions(void **state)
{
    struct fixture *f = *state;
    struct policy_kek old = real_kek(1, key), new = real_kek(2, other_key);
    struct push p = rekey_of(1, (uint32_t[]){2000}, (uint32_t[]){3600});
    struct datagram d;

    join_real(f, 5);
    p.policy.has_kek = true;
    p.policy.kek = new;
    p.number = 6;
    d = sealed(&old, key, &p);
    arrives(f, 100, &d);
    assert_acknowledged(f, 1, 6);
    assert_int_equal(gm_kek(f->gm)->kek.spi[0], 2);
    assert_int_equal(gm_kek(f->gm)->last, 0);
    p.number = 7;
    d = sealed(&old, key, &p);
    arrives(f, 110, &d);
    assert_acknowledged(f, 1, 7);
    assert_int_equal(stats(f)->repeated, 1);
    arrives(f, 112, &d); /* its number counts there, too */
    assert_int_equal(stats(f)->dropped[GM_DROP_OLD_NUMBER], 1);
    p.policy.has_kek = false;
    p.policy.sas[0].spi = 3000;
    p.number = 8;
    d = sealed(&old, key, &p); /* something new: not under the old one */
    arrives(f, 113, &d);
    assert_int_equal(stats(f)->dropped[GM_DROP_EARLIER_KEK], 1);
    assert_null(wished(f, 3000));
    p.number = 1;
    d = sealed(&new, other_key, &p);
    arrives(f, 114, &d);
    assert_non_null(wished(f, 3000));
    assert_int_equal(gm_kek(f->gm)->last, 1);
    f->sent = 0;
    f->now = mono_s(101 + GM_KEK_EARLIER_S);
    timers_fire(&f->timers, f->now);
    p.number = 9;
    d = sealed(&old, key, &p);
    assert_false(gm_push_is_for(f->gm, span_of(d.b, d.len)));
    push_wipe(&p);
}

/* RFC 8263 3: also the rekey that deletes the KEK which it came under is acknowledged, and once more when it is repeated. */
static void a_deletion_is_acknowledged(void **state)
{
    struct fixture *f = *state;
    struct policy_kek k = real_kek(1, key);
    struct push p;
    struct datagram d;

    join_real(f, 5);
    for (uint32_t number = 6; number <= 7; number++) {
        push_init(&p);
        p.number = number;
        p.delete_all_teks = p.delete_kek = true;
        d = sealed(&k, key, &p);
        arrives(f, 94 + number, &d);
        assert_int_equal(f->n_sas, 0);
        assert_acknowledged(f, 1, number);
        push_wipe(&p);
    }
    assert_int_equal(stats(f)->received, 2);
}

static void nobody_acknowledges_what_nobody_wants_acknowledged(void **state)
{
    struct fixture *f = *state;
    struct policy p = policy_of(1, (uint32_t[]){1000}, (uint32_t[]){3600}, 0, 4 * WORKERS);
    struct datagram d = good(6, 2000);

    p.has_kek = true;
    p.kek = real_kek(1, key);
    p.kek.ack = 0;
    gm_attached(f->gm, 77, WORKERS, at(f, 0));
    gm_server_announced(f->gm, &ours);
    gm_policy(f->gm, &p, at(f, 0));
    policy_wipe(&p);
    arrives(f, 100, &d);
    assert_int_equal(stats(f)->received, 1);
    f->now = mono_s(200);
    timers_fire(&f->timers, f->now);
    assert_int_equal(f->sent, 0);
}

/* A registration in between may know a smaller number than we do: the larger one stays. */
static void a_registration_brings_no_number_back(void **state)
{
    struct fixture *f = *state;
    struct datagram d = good(9, 2000);

    join_real(f, 5);
    arrives(f, 100, &d);
    join_real(f, 7);
    d = good(9, 3000);
    arrives(f, 101, &d);
    assert_int_equal(stats(f)->dropped[GM_DROP_OLD_NUMBER], 1);
}

/* Genuine, but not usable: refused whole, its number counts, not acknowledged. */
static void content_that_cannot_be_used(void **state)
{
    struct fixture *f = *state;
    struct policy_kek k = real_kek(1, key);
    struct push p = rekey_of(1, (uint32_t[]){2000}, (uint32_t[]){3600});
    struct datagram d;

    join_real(f, 5);
    p.policy.has_rules = true;
    memset(p.policy.digest, 0, sizeof(p.policy.digest));
    add_rule(&p.policy, "permit ip 10.2.0.0/16 10.2.0.0/16", 77);
    p.number = 6; /* the digest is wrong, too: whichever is seen first */
    d = sealed(&k, key, &p);
    arrives(f, 100, &d);
    assert_int_equal(stats(f)->dropped[GM_DROP_CONTENT], 1);
    assert_int_equal(gm_kek(f->gm)->last, 6);
    assert_null(wished(f, 2000));
    f->now = mono_s(102);
    timers_fire(&f->timers, f->now);
    assert_int_equal(f->sent, 0);
    push_wipe(&p);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(a_good_one_is_applied_and_acknowledged),
        T(a_repeated_one_is_acknowledged_again),
        T(two_in_one_second_are_both_acknowledged),
        T(numbers_only_grow),
        T(forged_and_broken_ones_change_nothing),
        T(a_stranger_s_is_nobodys),
        T(a_kek_rekey_and_its_repetitions),
        T(a_deletion_is_acknowledged),
        T(nobody_acknowledges_what_nobody_wants_acknowledged),
        T(a_registration_brings_no_number_back),
        T(content_that_cannot_be_used),
    };

    return cmocka_run_group_tests(tests, load_keys, free_keys);
}
