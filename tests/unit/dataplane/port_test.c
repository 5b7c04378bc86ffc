/* SPDX-License-Identifier: BSD-3-Clause */
/* What ports say of themselves in the counter page, which gvpnd reads at any instant. Ports without devices. */
#include "dataplane/port.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

#define NO_DEVICE 31 /* DPDK has no such port, so its counters stay at zero */

static const struct cfg_port lan = {.name = "lan0", .device = "net_tap0,iface=gin"};
static struct ipc_page page;

static void ports_are_described(void **state)
{
    static const struct ports ports = {.n = 1, .p = {{.cfg = &lan, .id = NO_DEVICE, .driver = "net_tap", .queues = 2, .mtu = 1500}}};

    (void)state;
    port_describe(&ports, &page);
    assert_int_equal(page.n_ports, 1);
    assert_string_equal(page.ports[0].name, "lan0");
    assert_string_equal(page.ports[0].device, "net_tap0,iface=gin");
    assert_string_equal(page.ports[0].driver, "net_tap");
    assert_int_equal(page.ports[0].queues, 2);
    assert_int_equal(page.ports[0].mtu, 1500);
}

/* A reader would see a text of which the first octet is already there and the rest isn't. */
static void nothing_but_counters_and_links_is_written_again(void **state)
{
    static const struct ports ports = {.n = 1, .p = {{.cfg = &lan, .id = NO_DEVICE, .link_up = true, .speed = 10000}}};
    char texts[offsetof(struct ipc_page_port, rx_packets)];

    (void)state;
    memset(page.ports[0].name, 0x5a, sizeof(page.ports[0].name));
    memcpy(texts, &page.ports[0], sizeof(texts));
    port_publish(&ports, &page);
    assert_int_equal(page.ports[0].link_up, true);
    assert_int_equal(page.ports[0].speed, 10000);
    assert_memory_equal(&page.ports[0], texts, sizeof(texts));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(ports_are_described),
                                       cmocka_unit_test(nothing_but_counters_and_links_is_written_again)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
