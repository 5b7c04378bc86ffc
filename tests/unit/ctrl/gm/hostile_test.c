/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A member among attackers: others that hold the KEK and can't sign, and somebody on path who sends copies from elsewhere or holds
 * answers back (GM4; RFC 6407 7.3; RFC 8263 3).
 */
#include "tests/unit/ctrl/gm/push_fixture.h"

#include "ctrl/crypto/hash.h"
#include "ctrl/gm/limit.h"

#define STRANGER 0x0a060606 /* 10.6.6.6 */
#define SERVER   0x0a000001

static struct path path_from(uint32_t source, uint16_t port)
{
    return (struct path){.local = {.addr = own, .port = 848}, .remote = {.addr = addr_v4(source), .port = port}};
}

/* What every member can make: right KEK, any number, signed by itself. */
static struct datagram forged(uint32_t number)
{
    struct policy_kek k = real_kek(1, other_key);
    struct push p = rekey_of(1, (uint32_t[]){6666}, (uint32_t[]){3600});
    struct datagram d;

    p.number = number;
    d = sealed(&k, other_key, &p);
    push_wipe(&p);
    return d;
}

/* Forged ones from there, so many in that second; returns how many were checked. */
static uint64_t flood(struct fixture *f, int64_t s, uint32_t source, unsigned n)
{
    uint64_t before = stats(f)->dropped[GM_DROP_FORGED];
    struct datagram d = forged(1000000);

    for (unsigned i = 0; i < n; i++)
        arrives_by(f, s, &d, path_from(source, 848));
    return stats(f)->dropped[GM_DROP_FORGED] - before;
}

/* RFC 6407 7.3.3: a member can make others check signatures, a few of them; the key server's rekeys come through meanwhile. */
static void a_member_makes_others_check_few_signatures(void **state)
{
    struct fixture *f = *state;
    struct datagram d = good(6, 2000);

    join_real(f, 5);
    assert_int_equal(flood(f, 100, STRANGER, 1000), GM_FORGED_PER_SECOND_OTHERS);
    assert_int_equal(stats(f)->dropped[GM_DROP_LIMIT], 1000 - GM_FORGED_PER_SECOND_OTHERS);
    arrives(f, 100, &d);
    assert_non_null(wished(f, 2000));
    assert_int_equal(stats(f)->received, 1);
    assert_int_equal(flood(f, 101, STRANGER, 1000), GM_FORGED_PER_SECOND_OTHERS); /* and no more later on */
    assert_in_range(flood(f, 103, STRANGER + 1, 1000), 1, GM_FORGED_PER_SECOND_OTHERS); /* whoever it is */
}

static void who_claims_the_servers_address_is_bounded_as_well(void **state)
{
    struct fixture *f = *state;
    struct datagram d;

    join_real(f, 5);
    assert_int_equal(flood(f, 100, SERVER, 2000), GM_FORGED_PER_SECOND_SERVER);
    assert_int_equal(flood(f, 100, STRANGER, 20), GM_FORGED_PER_SECOND_OTHERS); /* a share of its own */
    d = good(6, 2000);
    arrives(f, 100, &d);
    assert_int_equal(stats(f)->received, 0); /* it drowns ... */
    assert_int_equal(gm_kek(f->gm)->last, 5);
    arrives(f, 101, &d); /* ... and counts as never seen */
    assert_int_equal(stats(f)->received, 1);
}

static void genuine_ones_are_never_too_many(void **state)
{
    struct fixture *f = *state;

    join_real(f, 5);
    for (uint32_t number = 6; number < 6 + GM_FORGED_PER_SECOND_SERVER + 100; number++) {
        struct datagram d = good(number, 2000);

        arrives(f, 100, &d);
    }
    assert_int_equal(stats(f)->received, GM_FORGED_PER_SECOND_SERVER + 100);
    assert_int_equal(stats(f)->dropped[GM_DROP_LIMIT], 0);
}

static void assert_acknowledged_to(struct fixture *f, const char *to)
{
    char text[ADDR_TEXT_MAX];

    f->now = mono_add(f->now, mono_s(1));
    timers_fire(&f->timers, f->now);
    assert_int_equal(f->sent, 1);
    assert_string_equal(endpoint_text(&f->sent_path.remote, text), to);
    assert_string_equal(endpoint_text(&f->sent_path.local, text), "10.0.0.2:848");
    f->sent = 0;
}

/* A copy that is faster than the original: the key server hears of it all the same, its sender nothing. */
static void a_copy_from_elsewhere_diverts_no_acknowledgement(void **state)
{
    struct fixture *f = *state;
    struct datagram d = good(6, 2000);

    join_real(f, 5);
    arrives_by(f, 100, &d, path_from(STRANGER, 4000));
    assert_int_equal(stats(f)->received, 1);
    assert_acknowledged_to(f, "10.0.0.1:848");
    d = good(7, 3000);
    arrives_by(f, 110, &d, path_from(SERVER, 4000));
    assert_acknowledged_to(f, "10.0.0.1:848");
}

/* RFC 6407 5.3: the SAK says where rekeys come from; if it doesn't, it is who the member registered with. */
static void the_sak_says_where_acknowledgements_go(void **state)
{
    static const struct {
        uint32_t address;
        uint16_t port;
        const char *to;
    } rows[] = {{0x0a000007, 8480, "10.0.0.7:8480"}, {0x0a000007, 0, "10.0.0.7:848"}, {0, 0, "10.0.0.1:848"}};
    struct fixture *f = *state;

    for (size_t i = 0; i < 3; i++) {
        struct policy p = policy_of(1, (uint32_t[]){1000}, (uint32_t[]){3600}, 0, 4 * WORKERS);
        struct datagram d = good((uint32_t)(6 + i), (uint32_t)(2000 + i));

        p.has_kek = true;
        p.kek = real_kek(1, key);
        p.kek.source = (struct endpoint){.port = rows[i].port};
        if (rows[i].address)
            p.kek.source.addr = addr_v4(rows[i].address);
        p.digest[0] = 1;
        gm_clear(f->gm, at(f, 99));
        gm_attached(f->gm, 77, WORKERS, at(f, 99));
        gm_server_announced(f->gm, &ours);
        gm_policy(f->gm, &p, at(f, 99));
        policy_wipe(&p);
        arrives_by(f, 100, &d, path_from(STRANGER, 4000));
        assert_acknowledged_to(f, rows[i].to);
    }
}

/* The key server moves: the KEK that it brings says where to, and that is where it sends from already. */
static void the_sak_of_a_rekey_says_so_for_that_rekey(void **state)
{
    struct fixture *f = *state;
    struct policy_kek old = real_kek(1, key);
    struct push p = rekey_of(1, (uint32_t[]){2000}, (uint32_t[]){3600});
    struct datagram d;

    join_real(f, 5);
    p.policy.has_kek = true;
    p.policy.kek = real_kek(2, other_key);
    p.policy.kek.source.addr = addr_v4(0x0a000007);
    for (p.number = 6; p.number <= 7; p.number++) { /* also when it is repeated */
        d = sealed(&old, key, &p);
        arrives_by(f, 94 + p.number, &d, path_from(0x0a000007, 848));
        assert_acknowledged_to(f, "10.0.0.7:848");
    }
    push_wipe(&p);
}

/* Rekeys by multicast come to the group's port; we have a socket at the port of IKE only, and a key server tells us by it. */
static void what_came_to_another_port_is_acknowledged_from_ours(void **state)
{
    struct fixture *f = *state;
    struct datagram d = good(6, 2000);
    struct path path = path_from(SERVER, 848);

    join_real(f, 5);
    path.local = (struct endpoint){.addr = addr_v4(0xef010203), .port = 8480};
    arrives_by(f, 100, &d, path);
    assert_acknowledged_to(f, "10.0.0.1:848");
}

/* The second octet of its downloaded list's first source. */
static uint8_t list_of(const struct fixture *f)
{
    size_t i = 0;

    while (i < f->n_rules && f->rules[i].list != IPC_LIST_DOWNLOADED)
        i++;
    assert_true(i < f->n_rules);
    return f->rules[i].entry.sel.src.addr.b[1];
}

static struct policy answer(uint8_t kek, uint32_t number, uint32_t spi)
{
    struct policy p = policy_of(1, &spi, (uint32_t[]){3000}, 100, 4 * WORKERS);

    p.has_kek = true;
    p.kek = real_kek(kek, kek == 1 ? key : other_key);
    p.rekey_number = number;
    p.digest[0] = 1;
    return p;
}

static void answered(struct fixture *f, int64_t s, struct policy p)
{
    gm_policy(f->gm, &p, at(f, s));
    policy_wipe(&p);
    timers_fire(&f->real_timers, f->now);
    wish(f);
}

/*
 * Message 4 is late, or was held back, and a rekey that was made after it has come before: the old list and the old keys mustn't
 * come back, so the member asks once more.
 */
static void an_answer_that_a_rekey_overtook_is_asked_for_again(void **state)
{
    struct fixture *f = *state;
    struct policy_kek k = real_kek(1, key);
    struct push p = rekey_of(1, (uint32_t[]){2000}, (uint32_t[]){3600});
    struct datagram d;
    unsigned asked;

    join_real(f, 5);
    p.policy.has_rules = true;
    add_rule(&p.policy, "permit ip 10.2.0.0/16 10.2.0.0/16", 10);
    assert_true(policy_set_digest(&p.policy, hash_span));
    p.number = 6;
    d = sealed(&k, key, &p);
    arrives(f, 100, &d);
    assert_int_equal(list_of(f), 2);
    asked = f->asked;
    answered(f, 101, answer(1, 5, 1000));
    assert_int_equal(list_of(f), 2);
    assert_int_equal(f->asked, asked + 1);
    assert_true(addr_equal(&f->asked_server, &(struct addr){.family = 4, .b = {10, 0, 0, 1}})); /* the same one */
    assert_int_equal(gm_stats(f->gm)->registrations, 1);
    answered(f, 102, answer(1, 5, 1000)); /* a key server that counts in another way: it has the last word */
    assert_int_equal(gm_stats(f->gm)->registrations, 2);
    assert_int_equal(list_of(f), 1);
    assert_int_equal(gm_kek(f->gm)->last, 6);
    push_wipe(&p);
}

/* The same with a KEK that a rekey has replaced meanwhile: it never rules again, and its numbers don't begin again. */
static void a_replaced_kek_does_not_come_back(void **state)
{
    struct fixture *f = *state;
    struct policy_kek old = real_kek(1, key);
    struct push p = rekey_of(1, (uint32_t[]){2000}, (uint32_t[]){3600});
    struct datagram rekey, replay = good(7, 3000);

    join_real(f, 5);
    p.policy.has_kek = true;
    p.policy.kek = real_kek(2, other_key);
    p.number = 8;
    rekey = sealed(&old, key, &p);
    arrives(f, 100, &rekey);
    for (unsigned i = 0; i < 2; i++) {
        answered(f, 101 + i, answer(1, 6, 1000));
        assert_int_equal(gm_kek(f->gm)->kek.spi[0], 2);
    }
    assert_int_equal(gm_stats(f->gm)->registrations, 2);
    arrives(f, 103, &replay);
    assert_null(wished(f, 3000));
    assert_int_equal(stats(f)->dropped[GM_DROP_OLD_NUMBER], 1);
    push_wipe(&p);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(a_member_makes_others_check_few_signatures),
        T(who_claims_the_servers_address_is_bounded_as_well),
        T(genuine_ones_are_never_too_many),
        T(a_copy_from_elsewhere_diverts_no_acknowledgement),
        T(the_sak_says_where_acknowledgements_go),
        T(the_sak_of_a_rekey_says_so_for_that_rekey),
        T(what_came_to_another_port_is_acknowledged_from_ours),
        T(an_answer_that_a_rekey_overtook_is_asked_for_again),
        T(a_replaced_kek_does_not_come_back),
    };

    return cmocka_run_group_tests(tests, load_keys, free_keys);
}
