/* SPDX-License-Identifier: BSD-3-Clause */
/* What is remembered of SPIs over data-plane processes: what they deleted, and the sequence numbers of those that died. */
#include "ctrl/run/spis.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct spis s;
static struct ipc_page page, last;

static int setup(void **state)
{
    (void)state;
    memset(&s, 0, sizeof(s));
    memset(&page, 0, sizeof(page));
    memset(&last, 0, sizeof(last));
    return 0;
}

static void slot(struct ipc_page *p, unsigned at, uint32_t spi, enum ipc_replay replay, uint64_t lease, uint64_t top)
{
    p->sas[at].spi = spi;
    p->sas[at].replay = replay;
    p->sas[at].sequence_lease = lease;
    p->sas[at].sequence_top[at % IPC_MAX_WORKERS] = top; /* whichever says most */
    p->sas[at].sequence_top[(at + 1) % IPC_MAX_WORKERS] = top / 2;
}

static struct ipc_sa put(uint32_t spi, enum ipc_replay replay)
{
    struct ipc_sa sa = {.spi = spi, .replay = replay};

    spis_put(&s, &sa);
    return sa;
}

static void transaction(uint32_t spi, enum ipc_replay replay)
{
    spis_begin(&s);
    if (spi)
        put(spi, replay);
    spis_in_effect(&s);
}

/* Only counter replay has numbers; a lying page harms nobody else. */
static void marks_are_of_counted_sas_only(void **state)
{
    struct ipc_sa sa;

    (void)state;
    last.instance = 1;
    slot(&last, 0, 300, IPC_REPLAY_COUNTER, 65536, 70000);
    slot(&last, 255, 301, IPC_REPLAY_TIME, 65536, 70000);
    slot(&last, 7, 302, IPC_REPLAY_COUNTER, UINT64_MAX, 1ULL << 32);
    spis_attached(&s, 2, &page, &last);
    sa = put(300, IPC_REPLAY_COUNTER);
    assert_true(sa.sequence_used == 65536 && sa.sequence_top == 70000);
    sa = put(301, IPC_REPLAY_TIME);
    assert_true(sa.sequence_used == 0 && sa.sequence_top == 0);
    sa = put(302, IPC_REPLAY_COUNTER);
    assert_true(sa.sequence_used == UINT32_MAX && sa.sequence_top == UINT32_MAX);
    sa = put(303, IPC_REPLAY_COUNTER);
    assert_true(sa.sequence_used == 0 && sa.sequence_top == 0);
}

/* Whose numbers are known: of a dead process's SAs with counter replay, until their marks are forgotten. */
static void it_is_known_whose_numbers_are_known(void **state)
{
    (void)state;
    last.instance = 1;
    slot(&last, 0, 300, IPC_REPLAY_COUNTER, 0, 0); /* nothing was sent yet, and that is known */
    slot(&last, 1, 301, IPC_REPLAY_NONE, 0, 0);
    assert_false(spis_has_mark(&s, 300));
    spis_attached(&s, 2, &page, &last);
    assert_true(spis_has_mark(&s, 300));
    assert_false(spis_has_mark(&s, 301));
    assert_false(spis_has_mark(&s, 302));
    for (unsigned i = 0; i < SPIS_MAX_MARKS; i++) {
        memset(&last, 0, sizeof(last));
        last.instance = 1000 + i;
        slot(&last, 0, 1000 + i, IPC_REPLAY_COUNTER, 1, 1);
        spis_attached(&s, 1001 + i, &page, &last);
    }
    assert_false(spis_has_mark(&s, 300));
    assert_true(spis_has_mark(&s, 1000));
}

/* The page of the same process says nothing that its SAs don't know. */
static void a_living_process_leaves_no_marks(void **state)
{
    (void)state;
    last.instance = 2;
    slot(&last, 0, 300, IPC_REPLAY_COUNTER, 65536, 70000);
    spis_attached(&s, 2, &last, &last);
    assert_int_equal(put(300, IPC_REPLAY_COUNTER).sequence_used, 0);
    spis_attached(&s, 2, &page, NULL);
    assert_int_equal(put(300, IPC_REPLAY_COUNTER).sequence_used, 0);
}

static void marks_only_grow(void **state)
{
    struct ipc_sa sa;

    (void)state;
    last.instance = 1;
    slot(&last, 0, 300, IPC_REPLAY_COUNTER, 131072, 5);
    spis_attached(&s, 2, &page, &last);
    last.instance = 2;
    slot(&last, 0, 300, IPC_REPLAY_COUNTER, 65536, 9);
    spis_attached(&s, 3, &page, &last);
    sa = put(300, IPC_REPLAY_COUNTER);
    assert_true(sa.sequence_used == 131072 && sa.sequence_top == 9);
}

/* A thousand keys later the oldest is forgotten, and nothing else. */
static void memory_is_bounded(void **state)
{
    (void)state;
    for (unsigned i = 0; i < SPIS_MAX_MARKS + IPC_MAX_SAS; i += IPC_MAX_SAS) {
        last.instance = i + 1;
        for (unsigned k = 0; k < IPC_MAX_SAS; k++)
            slot(&last, k, 1000 + i + k, IPC_REPLAY_COUNTER, 7, 8);
        spis_attached(&s, i + 2, &page, &last);
    }
    assert_int_equal(put(1000, IPC_REPLAY_COUNTER).sequence_used, 0);
    for (unsigned i = IPC_MAX_SAS; i < SPIS_MAX_MARKS + IPC_MAX_SAS; i++)
        assert_int_equal(put(1000 + i, IPC_REPLAY_COUNTER).sequence_used, 7);
}

/* A new process takes what another one deleted, but not where nobody knows the numbers any more. */
static void deleted_with_counters_is_deleted_for_ever(void **state)
{
    (void)state;
    spis_attached(&s, 1, &page, NULL);
    transaction(300, IPC_REPLAY_COUNTER);
    transaction(400, IPC_REPLAY_TIME);
    transaction(0, IPC_REPLAY_NONE);
    assert_true(spis_lost(&s, 300) && spis_lost(&s, 400));
    spis_attached(&s, 2, &page, NULL);
    assert_true(spis_lost(&s, 300));
    assert_false(spis_lost(&s, 400));
    slot(&page, 3, 500, IPC_REPLAY_COUNTER, 1, 1); /* an earlier gvpnd's, and not wished any more */
    spis_attached(&s, 2, &page, NULL);
    transaction(0, IPC_REPLAY_NONE);
    spis_attached(&s, 3, NULL, NULL);
    assert_true(spis_lost(&s, 300) && spis_lost(&s, 500));
}

/* Each SA has a line a second of its own, however many there are, and a lying data plane costs a fixed piece of memory. */
static void every_sa_has_its_line(void **state)
{
    (void)state;
    for (int64_t second = 1; second < 4; second++) {
        for (uint32_t spi = 256; spi < 256 + IPC_MAX_SAS; spi++)
            assert_true(spis_may_tell(&s, spi, mono_s(second)));
        for (uint32_t spi = 256; spi < 256 + IPC_MAX_SAS; spi++) {
            assert_false(spis_may_tell(&s, spi, mono_s(second)));
            assert_false(spis_may_tell(&s, spi, mono_sub(mono_s(second + 1), mono_ns(1))));
        }
    }
    for (uint32_t spi = 1000; spi < 10000; spi++)
        assert_true(spis_may_tell(&s, spi, mono_s(10)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(marks_are_of_counted_sas_only, setup),
        cmocka_unit_test_setup(a_living_process_leaves_no_marks, setup),
        cmocka_unit_test_setup(it_is_known_whose_numbers_are_known, setup),
        cmocka_unit_test_setup(marks_only_grow, setup),
        cmocka_unit_test_setup(memory_is_bounded, setup),
        cmocka_unit_test_setup(every_sa_has_its_line, setup),
        cmocka_unit_test_setup(deleted_with_counters_is_deleted_for_ever, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
