/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a key server logs when it admits and refuses, under the original's names and with its parameters (OP3): each message is
 * caused, and read as a whole.
 */
#include "tests/unit/ctrl/ks/rekey_fixture.h"

#include "ctrl/ks/epoch.h"
#include "tests/lib/said.h"

#define AUTHORIZE ", authorize: {addresses: [\"permit 10.1.0.0/30\"]}"

/* Refused, with this sentence for the peer. */
static void refused(struct fixture *f, const struct registration *r, const char *sentence)
{
    struct refusal why = {.text = ""};
    struct policy p;

    said_begin();
    assert_false(ks_request(&f->ks, r, &p, &why, at(f->now)));
    assert_non_null(strstr(why.text, sentence));
    assert_int_equal(said_any("KS_REFUSED"), 0); /* which is for what has no message of its own */
}

static void an_unauthorised_address(void **state)
{
    struct fixture *f = *state;
    struct registration r = registration_of(9);

    begin(f, UNICAST, AUTHORIZE, SA("p"));
    refused(f, &r, "10.1.0.9 is not authorised");
    assert_int_equal(said("%GDOI-1-UNAUTHORIZED_IPADDR: Group G received registration from unauthorized ip address: 10.1.0.9"), 1);
    assert_int_equal(said("%GDOI-3-KS_UNAUTHORIZED: Registration: unauthorized GM 10.1.0.9:848 tried to join group G"), 1);
    assert_int_equal(said_all.n, 2);
    assert_int_equal(group(f)->refusals, 1);
}

static void a_group_that_is_not_there(void **state)
{
    struct fixture *f = *state;
    struct registration r = registration_of(1);

    begin(f, UNICAST, "", SA("p"));
    r.group.value = 999;
    refused(f, &r, "no group with identity 999");
    assert_int_equal(said("%GDOI-4-KS_BAD_ID: Registration: KS and GM 10.1.0.1:848 are configured differently: no group with "
                          "identity 999"), 1);
    assert_int_equal(said_all.n, 1);
}

static void an_address_of_ours_that_does_not_serve_it(void **state)
{
    struct fixture *f = *state;
    struct registration r = registration_of(1);

    begin(f, UNICAST, "", SA("p"));
    assert_true(addr_parse("10.0.0.9", &r.local.addr));
    refused(f, &r, "not served at 10.0.0.9");
    assert_int_equal(said("%GDOI-1-UNREGISTERED_INTERFACE: Group G received registration from unregistered interface: 10.0.0.9, "
                          "of GM 10.1.0.1:848"), 1);
    assert_int_equal(said_all.n, 1);
}

/* KS16, with the sample of the original: what is longer than a day is not for everybody. */
static void a_version_that_lacks_a_feature(void **state)
{
    struct fixture *f = *state;
    struct registration r = registration_of(1);

    begin(f, UNICAST, "", SA("l"));
    r.features.features &= ~(uint64_t)FEATURE_LONG_LIFETIME;
    r.features.version = 0x010203;
    refused(f, &r, "lacks: long lifetime");
    assert_int_equal(said("%GDOI-4-REJECT_GM_VERSION_REGISTER: Reject registration of GM 10.1.0.1:848(ver 0x10203) in group G as it "
                          "cannot support these GETVPN features enabled: long lifetime"), 1);
    assert_int_equal(said_all.n, 1);
}

static void who_is_barred(void **state)
{
    struct fixture *f = *state;
    struct registration r = registration_of(1);
    char error[KS_EPOCH_ERROR_MAX];

    begin(f, UNICAST, "", SA("p"));
    join_member(f, 1, NULL);
    join_member(f, 2, NULL);
    assert_true(ks_epoch_bar(group(f), &r.peer.addr, f->now, error));
    refused(f, &r, "10.1.0.1 is barred");
    assert_int_equal(said("%GDOI-3-KS_GM_REVOKED: Group G: 10.1.0.1:848, which is barred, tried to register"), 1);
    assert_int_equal(said_all.n, 1);
}

static void who_comes_and_goes(void **state)
{
    struct fixture *f = *state;
    struct registration r = registration_of(1);

    begin(f, UNICAST, "", SA("p"));
    said_begin();
    join_member(f, 1, NULL);
    assert_int_equal(said("%GDOI-5-KS_REGS_COMPL: KS has completed registration in group G of GM 10.1.0.1:848 (version 0.1.0)"), 1);
    assert_int_equal(said_any("KS_FIRST_GM"), 1);
    assert_true(ks_left(&f->ks, &r, at(f->now)));
    assert_int_equal(said("%GDOI-5-GM_UNREGISTER: GM 10.1.0.1:848 has left group G at KS 10.0.0.1: it has said so"), 1);
    assert_int_equal(said_any("KS_LAST_GM"), 1);
}

/* Acknowledgements that nothing asked for are told of; who sends them without end is told of once more, until its next rekey. */
static void useless_acknowledgements(void **state)
{
    struct fixture *f = *state;
    struct policy p;

    begin(f, UNICAST, "", SA("p"));
    join_member(f, 1, &p);
    assert_true(ks_group_rekey(group(f), f->now));
    run_to(f, START + 1);
    acknowledge(f, 1, &p.kek, 1);
    said_begin();
    for (unsigned i = 1; i < KS_USELESS_ACKS; i++)
        acknowledge(f, 1, &p.kek, 1); /* copies */
    assert_int_equal(said_all.n, 0);
    acknowledge(f, 1, &p.kek, 7);
    assert_int_equal(said("%GDOI-3-KS_UNSOL_ACK: Group G: unsolicited acknowledgement from 10.1.0.1:848: a number that was never sent"), 1);
    assert_int_equal(said("%GDOI-3-KS_BLACKHOLE_ACK: Group G: 32 acknowledgements of no use came from 10.1.0.1:848; until it is sent a "
                          "rekey its next ones are not told of"), 1);
    acknowledge(f, 1, &p.kek, 7);
    assert_int_equal(said_all.n, 2);
    assert_int_equal(group(f)->acks.late, KS_USELESS_ACKS - 1);
    assert_int_equal(group(f)->acks.unsolicited, 2); /* counted all the same */
    assert_true(ks_group_rekey(group(f), f->now));
    run_to(f, START + 2);
    said_begin();
    acknowledge(f, 1, &p.kek, 7);
    assert_int_equal(said_any("KS_UNSOL_ACK"), 1);
    acknowledge(f, 1, &p.kek, 2);
    assert_int_equal(group(f)->acks.accepted, 2); /* what is of use never was refused */
    policy_wipe(&p);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(an_unauthorised_address),
        T(a_group_that_is_not_there),
        T(an_address_of_ours_that_does_not_serve_it),
        T(a_version_that_lacks_a_feature),
        T(who_is_barred),
        T(who_comes_and_goes),
        T(useless_acknowledgements),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
