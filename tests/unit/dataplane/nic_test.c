/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What is asked of network cards, tried on the abilities that drivers of DPDK 22.11 report: ixgbe, i40e, virtio, and
 * devices that lack something. There is no card here; these numbers stand in for them.
 */
#include "dataplane/nic.h"

#include "common/ipc/page.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define ALL_RSS (IPC_PORT_RSS_IPV4 | IPC_PORT_RSS_IPV6 | IPC_PORT_RSS_PORTS)

static const struct rte_eth_dev_info ixgbe = {
    .min_rx_bufsize = 1024,
    .max_rx_pktlen = 15872,
    .max_mtu = 15872 - RTE_ETHER_HDR_LEN - RTE_ETHER_CRC_LEN,
    .max_rx_queues = 128,
    .max_tx_queues = 128,
    .flow_type_rss_offloads = RTE_ETH_RSS_IPV4 | RTE_ETH_RSS_NONFRAG_IPV4_TCP | RTE_ETH_RSS_NONFRAG_IPV4_UDP |
                              RTE_ETH_RSS_IPV6 | RTE_ETH_RSS_NONFRAG_IPV6_TCP | RTE_ETH_RSS_NONFRAG_IPV6_UDP,
    .tx_offload_capa = RTE_ETH_TX_OFFLOAD_IPV4_CKSUM | RTE_ETH_TX_OFFLOAD_VLAN_INSERT | RTE_ETH_TX_OFFLOAD_SECURITY,
};

/* Has no bit for "any IPv4": what is neither TCP nor UDP, ESP for one, is RTE_ETH_RSS_NONFRAG_IPV4_OTHER. */
static const struct rte_eth_dev_info i40e = {
    .min_rx_bufsize = 1024,
    .max_rx_pktlen = 9728,
    .max_mtu = 9728 - RTE_ETHER_HDR_LEN - RTE_ETHER_CRC_LEN - 8,
    .max_rx_queues = 64,
    .max_tx_queues = 64,
    .flow_type_rss_offloads = RTE_ETH_RSS_FRAG_IPV4 | RTE_ETH_RSS_NONFRAG_IPV4_TCP | RTE_ETH_RSS_NONFRAG_IPV4_UDP |
                              RTE_ETH_RSS_NONFRAG_IPV4_OTHER | RTE_ETH_RSS_FRAG_IPV6 | RTE_ETH_RSS_NONFRAG_IPV6_TCP |
                              RTE_ETH_RSS_NONFRAG_IPV6_UDP | RTE_ETH_RSS_NONFRAG_IPV6_OTHER | RTE_ETH_RSS_L2_PAYLOAD |
                              RTE_ETH_RSS_ESP,
    .tx_offload_capa = RTE_ETH_TX_OFFLOAD_IPV4_CKSUM | RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE | RTE_ETH_TX_OFFLOAD_MULTI_SEGS,
};

static const struct rte_eth_dev_info without_rss = {
    .max_rx_pktlen = 9728, .max_mtu = 9698, .max_rx_queues = 4, .max_tx_queues = 4};

static struct nic_want wanted(uint16_t queues, uint16_t mtu)
{
    return (struct nic_want){.queues = queues, .mtu = mtu, .room = nic_room(mtu)};
}

static struct nic_plan plan_for(const struct rte_eth_dev_info *info, uint16_t queues, uint16_t mtu)
{
    struct nic_want want = wanted(queues, mtu);
    char error[NIC_TEXT_MAX] = "";
    struct nic_plan plan;

    if (!nic_plan(&plan, info, &want, error)) {
        fail_msg("%s", error);
    }
    return plan;
}

static void refused(const struct rte_eth_dev_info *info, struct nic_want want, const char *first, const char *second)
{
    char error[NIC_TEXT_MAX] = "";
    struct nic_plan plan;

    assert_false(nic_plan(&plan, info, &want, error));
    if (strstr(error, first) == NULL || strstr(error, second) == NULL) {
        fail_msg("'%s' doesn't say '%s' and '%s'", error, first, second);
    }
}

static void test_one_queue_needs_no_rss(void **state)
{
    struct nic_plan plan = plan_for(&ixgbe, 1, 1500);

    (void)state;
    assert_int_equal(plan.conf.rxmode.mq_mode, RTE_ETH_MQ_RX_NONE);
    assert_int_equal(plan.conf.rx_adv_conf.rss_conf.rss_hf, 0);
    assert_int_equal(plan.rss, 0);
    assert_string_equal(plan.limit, "");
    assert_string_equal(plan_for(&without_rss, 1, 1500).limit, "");
}

static void test_nothing_that_changes_a_frame_is_turned_on(void **state)
{
    (void)state;
    for (uint16_t queues = 1; queues < 3; queues++) {
        assert_int_equal(plan_for(&ixgbe, queues, 1500).conf.rxmode.offloads, 0);
        assert_int_equal(plan_for(&ixgbe, queues, 1500).conf.txmode.offloads, 0);
        assert_int_equal(plan_for(&i40e, queues, 1500).conf.rxmode.offloads, 0);
        assert_int_equal(plan_for(&i40e, queues, 1500).conf.txmode.offloads, RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE);
    }
}

/* Never a bit that the driver doesn't list (it would refuse), never the SPI, which a group has only one of. */
static void test_hash_is_what_the_card_can(void **state)
{
    const struct rte_eth_dev_info *cards[] = {&ixgbe, &i40e};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct nic_plan plan = plan_for(cards[i], 4, 1500);
        uint64_t hash = plan.conf.rx_adv_conf.rss_conf.rss_hf;

        assert_int_equal(plan.conf.rxmode.mq_mode, RTE_ETH_MQ_RX_RSS);
        assert_int_equal(hash & ~cards[i]->flow_type_rss_offloads, 0);
        assert_int_equal(hash & (RTE_ETH_RSS_ESP | RTE_ETH_RSS_L2_PAYLOAD), 0);
        assert_int_equal(plan.rss, ALL_RSS);
        assert_string_equal(plan.limit, "");
    }
    assert_true(plan_for(&i40e, 4, 1500).conf.rx_adv_conf.rss_conf.rss_hf & RTE_ETH_RSS_NONFRAG_IPV4_OTHER);
}

static void test_a_card_without_rss_is_used_with_a_warning(void **state)
{
    struct nic_plan plan = plan_for(&without_rss, 2, 1500);

    (void)state;
    assert_int_equal(plan.conf.rxmode.mq_mode, RTE_ETH_MQ_RX_NONE);
    assert_int_equal(plan.rss, 0);
    assert_non_null(strstr(plan.limit, "no RSS"));
}

static void test_a_card_that_hashes_less_is_used_with_a_warning(void **state)
{
    struct rte_eth_dev_info info = ixgbe;

    (void)state;
    info.flow_type_rss_offloads = RTE_ETH_RSS_IPV4 | RTE_ETH_RSS_NONFRAG_IPV4_TCP;
    assert_int_equal(plan_for(&info, 2, 1500).rss, IPC_PORT_RSS_IPV4 | IPC_PORT_RSS_PORTS);
    assert_non_null(strstr(plan_for(&info, 2, 1500).limit, "IPv4 ports only"));
    info.flow_type_rss_offloads = RTE_ETH_RSS_NONFRAG_IPV4_UDP;
    assert_int_equal(plan_for(&info, 2, 1500).rss, IPC_PORT_RSS_PORTS);
    assert_non_null(strstr(plan_for(&info, 2, 1500).limit, "ESP"));
}

static void test_too_few_queues(void **state)
{
    struct rte_eth_dev_info info = ixgbe;

    (void)state;
    (void)plan_for(&without_rss, 4, 1500);
    refused(&without_rss, wanted(5, 1500), "5 workers", "4 to receive");
    info.max_tx_queues = 3;
    refused(&info, wanted(4, 1500), "4 workers", "3 to send");
}

static void test_frames_that_do_not_fit(void **state)
{
    struct rte_eth_dev_info info = ixgbe;
    struct nic_want want = wanted(1, 9000);

    (void)state;
    (void)plan_for(&ixgbe, 1, 9000);
    info.max_rx_pktlen = 1518;
    (void)plan_for(&info, 1, 1500);
    refused(&info, want, "up to 1500 octets", "9000");
    info = ixgbe;
    info.max_mtu = 9000;
    (void)plan_for(&info, 1, 9000);
    info.max_mtu = 8999;
    refused(&info, want, "up to 8999 octets", "9000");
    info.max_mtu = 4000;
    refused(&info, want, "up to 4000 octets", "9000");
    info.max_rx_pktlen = 0;
    refused(&info, want, "up to 0 octets", "9000");
    info = ixgbe;
    info.min_rx_bufsize = 65535;
    refused(&info, want, "65535", "not supported");
}

/* A driver that counts buffers in KiB must not lose what a frame with two tags needs. */
static void test_a_frame_fits_one_buffer(void **state)
{
    (void)state;
    for (uint16_t mtu = 576; mtu <= 9000; mtu++) {
        uint32_t data = nic_room(mtu) - RTE_PKTMBUF_HEADROOM;

        assert_true(data / 1024 * 1024 >= (uint32_t)mtu + RTE_ETHER_HDR_LEN + 8 + RTE_ETHER_CRC_LEN);
        assert_true(data >= (uint32_t)mtu + RTE_ETHER_HDR_LEN + 8 + NIC_TAILROOM);
    }
    assert_int_equal(nic_room(1500), RTE_MBUF_DEFAULT_BUF_SIZE);
}

static void test_texts(void **state)
{
    (void)state;
    assert_string_equal(nic_rss_text(0), "none");
    assert_string_equal(nic_rss_text(ALL_RSS), "IPv4 IPv6 ports");
    assert_string_equal(nic_rss_text(IPC_PORT_RSS_IPV6 | IPC_PORT_RSS_PORTS), "IPv6 ports");
}

static void make(const char *root, const char *name, const char *link)
{
    char path[2 * PATH_MAX];

    (void)snprintf(path, sizeof(path), "%s/%s", root, name);
    assert_int_equal(link == NULL ? mkdir(path, 0700) : symlink(link, path), 0);
}

static void test_binding_of_a_pci_device(void **state)
{
    static const struct {
        const char *address, *driver, *said;
    } cases[] = {{"0000:01:00.0", "../drivers/vfio-pci", NULL},
                 {"0000:01:00.1", "../../../../bus/pci/drivers/mlx5_core", NULL},
                 {"0000:01:00.2", "../drivers/uio_pci_generic", NULL},
                 {"0000:02:00.0", "../drivers/ixgbe", "driver ixgbe; bind it to vfio-pci"},
                 {"0000:02:00.1", "../drivers/virtio-pci", "driverctl set-override 0000:02:00.1 vfio-pci"},
                 {"0000:02:00.2", NULL, "no driver"},
                 {"0000:02:00.3", "../drivers/vfio-pci-not", "vfio-pci-not"}};
    char root[] = "/tmp/nic_test.XXXXXX", error[NIC_TEXT_MAX], name[128], command[128];

    (void)state;
    assert_non_null(mkdtemp(root));
    make(root, "bus", NULL);
    make(root, "bus/pci", NULL);
    make(root, "bus/pci/devices", NULL);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        (void)snprintf(name, sizeof(name), "bus/pci/devices/%s", cases[i].address);
        make(root, name, NULL);
        if (cases[i].driver != NULL) {
            (void)snprintf(name, sizeof(name), "bus/pci/devices/%s/driver", cases[i].address);
            make(root, name, cases[i].driver);
        }
        error[0] = '\0';
        assert_int_equal(nic_check_binding(root, cases[i].address, error), cases[i].said == NULL);
        if (cases[i].said != NULL && strstr(error, cases[i].said) == NULL) {
            fail_msg("'%s' doesn't say '%s'", error, cases[i].said);
        }
    }
    assert_false(nic_check_binding(root, "0000:03:00.0", error));
    assert_non_null(strstr(error, "there is no PCI device 0000:03:00.0"));
    for (size_t i = sizeof(cases) / sizeof(cases[0]); i-- > 0;) {
        (void)snprintf(command, sizeof(command), "%s/bus/pci/devices/%s/driver", root, cases[i].address);
        (void)unlink(command);
        (void)snprintf(command, sizeof(command), "%s/bus/pci/devices/%s", root, cases[i].address);
        (void)rmdir(command);
    }
    for (const char *const *d = (const char *const[]){"/bus/pci/devices", "/bus/pci", "/bus", "", NULL}; *d != NULL; d++) {
        (void)snprintf(command, sizeof(command), "%s%s", root, *d);
        assert_int_equal(rmdir(command), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_queue_needs_no_rss),
        cmocka_unit_test(test_nothing_that_changes_a_frame_is_turned_on),
        cmocka_unit_test(test_hash_is_what_the_card_can),
        cmocka_unit_test(test_a_card_without_rss_is_used_with_a_warning),
        cmocka_unit_test(test_a_card_that_hashes_less_is_used_with_a_warning),
        cmocka_unit_test(test_too_few_queues),
        cmocka_unit_test(test_frames_that_do_not_fit),
        cmocka_unit_test(test_a_frame_fits_one_buffer),
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_binding_of_a_pci_device),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
