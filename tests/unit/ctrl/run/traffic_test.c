/* SPDX-License-Identifier: BSD-3-Clause */
/* A group's packets in the counter page (GM13): of its own index and its own SAs, on all workers, and of nobody else. */
#include "ctrl/run/traffic.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct ipc_page page;
static struct gm_sa held[2] = {{.sa = {.spi = 0x1000}}, {.sa = {.spi = 0x2000}}};

const struct gm_sa *gm_sas(const struct gm *gm, size_t *n)
{
    (void)gm;
    *n = 2;
    return held;
}

static void slot(size_t i, uint32_t spi, uint64_t packets_in, uint64_t replay_time)
{
    page.sas[i].spi = spi;
    page.sas[i].packets_in = packets_in;
    page.sas[i].replay_time = replay_time;
}

static void only_its_own_counts(void **state)
{
    struct gm_traffic t;

    (void)state;
    memset(&page, 0, sizeof(page));
    slot(0, 0x1000, 1, 10);
    slot(5, 0x2000, 2, 20);
    slot(6, 0x3000, 1000, 1000);            /* another group's */
    slot(IPC_MAX_SAS - 1, 0, 1000, 1000);   /* free */
    page.workers[0].unknown_spi[3] = 100;
    page.workers[IPC_MAX_WORKERS - 1].unknown_spi[3] = 200;
    page.workers[IPC_MAX_WORKERS].unknown_spi[3] = 400; /* the slow path */
    page.workers[0].unknown_spi[2] = 1000;
    t = traffic_of(&page, 3, NULL);
    assert_int_equal(t.decrypted, 3);
    assert_int_equal(t.time_failed, 30);
    assert_int_equal(t.unknown_spi, 700);
    t = traffic_of(&page, IPC_MAX_GROUPS - 1, NULL);
    assert_int_equal(t.unknown_spi, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(only_its_own_counts)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
