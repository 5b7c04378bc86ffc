/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * gvpn-dp's file (OP1): values and defaults, the golden table of errors, and the examples of configs/
 * (argument: that folder).
 */
#include "dataplane/cfg.h"

#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static const char *configs;

#define N(rows) (sizeof(rows) / sizeof((rows)[0]))

#define PORTS                                                                                                \
    "ports:\n"                                                                                               \
    "  - {name: lan0, device: \"0000:03:00.0\"}\n"                                                           \
    "  - {name: wan0, device: \"net_tap1,iface=gout,mac=02:00:00:00:01:02\"}\n"
#define PAIRS "pairs: [{name: wan, inside: lan0, outside: wan0}]\n"
#define LOCAL "local: {tap: gvpn0, addresses: [10.0.0.2/24]}\n"
#define BASE  "gvpn-dp: 1\n" PORTS PAIRS LOCAL /* six lines */

static struct cfg *parse(const char *text)
{
    struct yaml_error e;
    struct cfg *c = cfg_parse("f", text, strlen(text), &e);

    if (!c)
        fail_msg("%s\n%s", text, e.text);
    return c;
}

static void smallest_file_gets_defaults(void **state)
{
    struct cfg *c = parse(BASE);

    (void)state;
    assert_string_equal(c->file, "f");
    assert_string_equal(c->control_socket, "gvpn-dp.sock");
    assert_false(c->has_eal);
    assert_int_equal(c->n_eal, 0);
    assert_int_equal(c->n_workers, 1);
    assert_int_equal(c->workers[0], sysconf(_SC_NPROCESSORS_ONLN) > 1 ? 1 : 0);
    assert_int_equal(c->n_ports, 2);
    assert_string_equal(c->ports[0].name, "lan0");
    assert_string_equal(c->ports[0].device, "0000:03:00.0");
    assert_true(c->ports[0].pci);
    assert_false(c->ports[1].pci);
    assert_int_equal(c->n_pairs, 1);
    assert_int_equal(c->pairs[0].inside, 0);
    assert_int_equal(c->pairs[0].outside, 1);
    assert_int_equal(c->pairs[0].mtu, 1500);
    assert_string_equal(c->local.tap, "gvpn0");
    assert_int_equal(c->local.pair, 0);
    assert_int_equal(c->local.n_addresses, 1);
    assert_int_equal(c->local.addresses[0].addr.b[3], 2);
    assert_int_equal(c->local.addresses[0].prefix_len, 24);
    assert_int_equal(c->local.n_gateways, 0);
    assert_false(c->local.has_mac);
    assert_int_equal(c->df, CFG_DF_COPY);
    assert_true(c->mss_clamp);
    assert_int_equal(c->idle_poll, 64);
    assert_int_equal(c->idle_sleep_us, 50);
    assert_int_equal(c->unregistered, CFG_UNREGISTERED_DROP);
    assert_false(c->lab);
    assert_int_equal(c->lab_counters_left, 0);
    assert_int_equal(c->log_level, LOG_LEVEL_INFO);
    assert_int_equal(c->log_to, LOG_TO_STDERR);
    assert_int_equal(c->n_lints, 0);
    cfg_free(c);
    cfg_free(NULL);
}

static void values_are_taken(void **state)
{
    static const uint8_t mac[6] = {0x02, 0, 0, 0xab, 0xCD, 3};
    struct cfg *c = parse(
        "gvpn-dp: 1\nlab: true\nlog: {level: warn, to: syslog}\ncontrol-socket: /run/x/dp.sock\n"
        "eal: [--in-memory, -m, \"256\"]\nworkers: [3, 1]\n"
        "ports:\n"
        "  - {name: a, device: 03:00.0, rx-descriptors: 4096, tx-descriptors: 64}\n  - {name: b, device: net_af_packet0}\n"
        "  - {name: c, device: net_af_packet1}\n  - {name: d, device: 04:00.1}\n"
        "  - {name: e, device: 05:00.1}\n"
        "pairs:\n"
        "  - {name: one, inside: b, outside: a, mtu: 576, sgt: inline, sgt-default: 77}\n  - {name: two, inside: c, outside: d, mtu: "
        "9000}\n"
        "local: {tap: t, pair: two, addresses: [10.0.0.2/24, \"2001:db8::2/64\"], gateway: \"2001:db8::1\","
        " mac: 02:00:00:ab:CD:03}\n"
        "df: clear\nmss-clamp: false\nidle: {poll: 1, sleep: 0s}\nunregistered: clear\nlab-counters-left: 4294967294\n");

    (void)state;
    assert_int_equal(c->df, CFG_DF_CLEAR);
    assert_false(c->mss_clamp);
    assert_true(c->lab);
    assert_int_equal(c->lab_counters_left, UINT32_MAX - 1);
    assert_int_equal(c->log_level, LOG_LEVEL_WARN);
    assert_int_equal(c->log_to, LOG_TO_SYSLOG);
    assert_string_equal(c->control_socket, "/run/x/dp.sock");
    assert_true(c->has_eal);
    assert_int_equal(c->n_eal, 3);
    assert_string_equal(c->eal[2], "256");
    assert_int_equal(c->n_workers, 2);
    assert_int_equal(c->workers[0], 3);
    assert_true(c->ports[0].pci);
    assert_string_equal(c->ports[0].device, "0000:03:00.0"); /* the domain is written out */
    assert_int_equal(c->ports[0].rx_descriptors, 4096);
    assert_int_equal(c->ports[0].tx_descriptors, 64);
    assert_int_equal(c->ports[1].rx_descriptors, 1024);
    assert_int_equal(c->n_pairs, 2);
    assert_int_equal(c->pairs[0].inside, 1);
    assert_int_equal(c->pairs[0].mtu, 576);
    assert_int_equal(c->pairs[0].sgt, CFG_SGT_INLINE);
    assert_int_equal(c->pairs[0].sgt_default, 77);
    assert_int_equal(c->pairs[1].sgt, CFG_SGT_NONE);
    assert_int_equal(c->pairs[1].sgt_default, 0);
    assert_int_equal(c->pairs[1].outside, 3);
    assert_int_equal(c->pairs[1].mtu, 9000);
    assert_int_equal(c->local.pair, 1);
    assert_int_equal(c->local.n_addresses, 2);
    assert_int_equal(c->local.addresses[1].addr.family, 6);
    assert_int_equal(c->local.addresses[1].prefix_len, 64);
    assert_int_equal(c->local.n_gateways, 1);
    assert_int_equal(c->local.gateways[0].family, 6);
    assert_true(c->local.has_mac);
    assert_memory_equal(c->local.mac, mac, 6);
    assert_int_equal(c->idle_poll, 1);
    assert_int_equal(c->idle_sleep_us, 0);
    assert_int_equal(c->unregistered, CFG_UNREGISTERED_CLEAR);
    assert_int_equal(c->n_lints, 1);
    assert_string_equal(c->lints[0], "f:12:5: port 'e' is in no pair");
    cfg_free(c);
}

static void an_empty_eal_list_counts_as_given(void **state)
{
    struct cfg *c = parse(BASE "eal: []\n");

    (void)state;
    assert_true(c->has_eal);
    assert_int_equal(c->n_eal, 0);
    cfg_free(c);
}

static const struct {
    const char *text, *want;
} error_rows[] = {
    {"{}", "f:1:1: the key 'gvpn-dp' is missing, expected it here"},
    {"gvpn: 1\n", "f:1:1: unknown key 'gvpn', expected one of: gvpn-dp, lab, log, control-socket, eal, "
                  "workers, ports, pairs, "},
    {"gvpn-dp: 2\n", "f:1:10: gvpn-dp: '2', expected 1"},
    {"gvpn-dp: 1\n", "f:1:1: the key 'ports' is missing, expected it here"},
    {"gvpn-dp: 1\n" PORTS, "f:1:1: the key 'pairs' is missing, expected it here"},
    {"gvpn-dp: 1\n" PORTS PAIRS, "f:1:1: the key 'local' is missing, expected it here"},
    {BASE "port: []\n", "f:7:1: unknown key 'port', did you mean 'ports'?"},
    {BASE "lab: 1\n", "f:7:6: lab: '1', expected true or false"},
    {BASE "lab-counters-left: 5\n", "f:7:20: lab-counters-left: only for tests, expected `lab: true` in this file as well"},
    {BASE "lab: false\nlab-counters-left: 5\n", "f:8:20: lab-counters-left: only for tests, expected `lab: true` "},
    {BASE "lab: true\nlab-counters-left: 0\n", "f:8:20: lab-counters-left: '0', expected a number from 1 to 4294967294"},
    {BASE "control-socket: ''\n", "f:7:17: control-socket: nothing here, expected text"},
    {BASE "eal: [-l, \"1\"]\n", "f:7:7: '-l' comes from workers and ports, expected another EAL option"},
    {BASE "eal: [-l1]\n", "f:7:7: '-l1' comes from workers and ports, expected another EAL option"},
    {BASE "eal: [\"--vdev=net_null0\"]\n",
     "f:7:7: '--vdev=net_null0' comes from workers and ports, expected another EAL option"},
    {BASE "eal: [--allow, x]\n",
     "f:7:7: '--allow' comes from workers and ports, expected another EAL option"},
    {BASE "eal: [--proc-type=secondary]\n",
     "f:7:7: '--proc-type=secondary': gvpn-dp shares its memory with nobody, expected another EAL option"},
    {BASE "eal: [--in-memory, -m, \"64\", --no-huge]\n",
     "f:7:6: eal: --in-memory and --no-huge, expected one of the two"},
    {BASE "eal: --no-huge\n", "f:7:6: eal: a single value, expected a list"},
    {BASE "workers: []\n", "f:7:10: workers: too few items, expected at least 1"},
    {BASE "workers: [1, 1]\n", "f:7:14: '1' stands twice, expected one worker for a CPU"},
    {BASE "workers: [1024]\n", "f:7:11: '1024', expected a number from 0 to 1023"},
    {BASE "workers: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]\n",
     "f:7:65: too many items, expected at most 16"},
    {BASE "workers: [one]\n", "f:7:11: 'one', expected a number from 0 to 1023"},
    {"gvpn-dp: 1\nports: [{name: a, device: 03:00.0}]\n", "f:2:8: ports: too few items, expected at least 2"},
    {"gvpn-dp: 1\nports: [{name: a, device: 03:00.0, rx-descriptors: 63}, {}]\n",
     "f:2:52: rx-descriptors: '63', expected a number from 64 to 8192"},
    {"gvpn-dp: 1\nports: [{name: a, device: 03:00.0, tx-descriptors: 8193}, {}]\n",
     "f:2:52: tx-descriptors: '8193', expected a number from 64 to 8192"},
    {"gvpn-dp: 1\nports: [{name: a}, {}]\n", "f:2:9: the key 'device' is missing, expected it here"},
    {"gvpn-dp: 1\nports: [{name: a, device: eth0}, {}]\n",
     "f:2:27: device: 'eth0', expected a PCI address such as 0000:03:00.0 or a virtual device such as "
     "net_tap0,iface=wan"},
    {"gvpn-dp: 1\nports: [{name: a, device: \"net_tap0,mac=fixed,ifaze=x,remote=y\"}, {}]\n",
     "f:2:27: device: 'ifaze=x', expected an argument of net_tap such as iface=wan or mac=02:00:00:00:00:01"},
    {"gvpn-dp: 1\nports: [{name: a, device: net_}, {}]\n",
     "f:2:27: device: 'net_', expected a PCI address such "},
    {"gvpn-dp: 1\nports: [{name: a, device: net-tap0}, {}]\n",
     "f:2:27: device: 'net-tap0', expected a PCI address "},
    {"gvpn-dp: 1\nports: [{name: a, device: enp3s0f0}, {}]\n",
     "f:2:27: device: 'enp3s0f0', expected a PCI address "},
    {"gvpn-dp: 1\nports: [{name: a, device: 03:00.x}, {}]\n",
     "f:2:27: device: '03:00.x', expected a PCI address such "},
    {"gvpn-dp: 1\nports: [{name: a, device: 03:00.0}, {name: a, device: 03:00.1}]\n",
     "f:2:44: name: 'a' stands twice, expected another name"},
    {"gvpn-dp: 1\nports: [{name: a, device: \"net_tap0,iface=x\"}, {name: b, device: net_tap0}]\n",
     "f:2:66: device: port 'a' has this device, expected another"},
    {"gvpn-dp: 1\nports: [{name: a, device: 03:00.0}, {name: b, device: \"0000:03:00.0\"}]\n",
     "f:2:55: device: port 'a' has this device, expected another"},
    {"gvpn-dp: 1\n" PORTS "pairs: []\n" LOCAL, "f:5:8: pairs: too few items, expected at least 1"},
    {"gvpn-dp: 1\n" PORTS "pairs: [{name: w, inside: lan1, outside: wan0}]\n" LOCAL,
     "f:5:27: inside: no port is named 'lan1', expected a name from ports"},
    {"gvpn-dp: 1\n" PORTS "pairs: [{name: w, inside: lan0, outside: lan0}]\n" LOCAL,
     "f:5:42: outside: 'lan0' is the inside port, expected another"},
    {"gvpn-dp: 1\n" PORTS
     "pairs: [{name: w, inside: lan0, outside: wan0}, {name: x, inside: wan0, outside: lan0}]\n" LOCAL,
     "f:5:67: inside: port 'wan0' is in pair 'w' already"},
    {"gvpn-dp: 1\n" PORTS "pairs: [{name: w, inside: lan0}]\n" LOCAL, "f:5:9: the key 'outside' is missing, expected it here"},
    {"gvpn-dp: 1\n" PORTS "pairs: [{name: w, inside: lan0, outside: wan0, mtu: 575}]\n" LOCAL,
     "f:5:53: mtu: '575', expected a number from 576 to 9000"},
    {"gvpn-dp: 1\n" PORTS "pairs: [{name: w, inside: lan0, outside: wan0, mtu: 9001}]\n" LOCAL,
     "f:5:53: mtu: '9001', expected a number from 576 to 9000"},
    {"gvpn-dp: 1\n" PORTS "pairs: [{name: w, inside: lan0, outside: wan0, sgt-default: 65535}]\n" LOCAL,
     "f:5:61: sgt-default: '65535', expected a number from 1 to 65534"},
    {"gvpn-dp: 1\n" PORTS PAIRS "local: {addresses: [10.0.0.2/24]}\n",
     "f:6:1: local: the key 'tap' is missing, expected it here"},
    {"gvpn-dp: 1\n" PORTS PAIRS "local: {tap: abcdefghijklmnop, addresses: [10.0.0.2/24]}\n",
     "f:6:14: tap: 16 octets of text, expected at most 15"},
    {"gvpn-dp: 1\n" PORTS PAIRS "local: {tap: t}\n", "f:6:1: local: the key 'addresses' is missing, expected it here"},
    {"gvpn-dp: 1\n" PORTS PAIRS "local: {tap: t, pair: lan, addresses: [10.0.0.2/24]}\n",
     "f:6:23: pair: no pair is named 'lan', expected a name from pairs"},
    {"gvpn-dp: 1\n" PORTS PAIRS "local: {tap: t, addresses: [10.0.0.2]}\n",
     "f:6:29: '10.0.0.2', expected an address with its prefix length such as 10.0.0.2/24"},
    {"gvpn-dp: 1\n" PORTS PAIRS "local: {tap: t, addresses: [10.0.0.2/33]}\n",
     "f:6:29: '10.0.0.2/33', expected a prefix length from 1 to 32"},
    {"gvpn-dp: 1\n" PORTS PAIRS "local: {tap: t, addresses: [10.0.0.2/]}\n",
     "f:6:29: '10.0.0.2/', expected a prefix length from 1 to 32"},
    {"gvpn-dp: 1\n" PORTS PAIRS "local: {tap: t, addresses: [\"2001:db8::1/129\"]}\n",
     "f:6:29: '2001:db8::1/129', expected a prefix length from 1 to 128"},
    {"gvpn-dp: 1\n" PORTS PAIRS "local: {tap: t, addresses: [224.0.0.5/24]}\n",
     "f:6:29: '224.0.0.5/24', expected a unicast address"},
    {"gvpn-dp: 1\n" PORTS PAIRS "local: {tap: t, addresses: [10.0.0.2/24, 10.0.0.2/16]}\n",
     "f:6:42: '10.0.0.2/16' stands twice, expected it once"},
    {"gvpn-dp: 1\n" PORTS PAIRS "local: {tap: t, addresses: [10.0.0.2/24], gateway: gw}\n",
     "f:6:52: gateway: 'gw' is no address, expected the next hop's"},
    {"gvpn-dp: 1\n" PORTS PAIRS "local: {tap: t, addresses: [10.0.0.2/24], gateway: 10.0.0.2}\n",
     "f:6:52: gateway: '10.0.0.2' is an own address, expected the next hop's"},
    {"gvpn-dp: 1\n" PORTS PAIRS "local: {tap: t, addresses: [10.0.0.2/23], gateway: 10.0.2.1}\n",
     "f:6:52: gateway: '10.0.2.1' isn't in the network of an address, expected a neighbour's"},
    {"gvpn-dp: 1\n" PORTS PAIRS "local: {tap: t, addresses: [10.0.0.2/24], gateway: \"fe80::1\"}\n",
     "f:6:52: gateway: 'fe80::1' isn't in the network of an address, expected a neighbour's"},
    {"gvpn-dp: 1\n" PORTS PAIRS "local: {tap: t, addresses: [10.0.0.2/24], gateway: [10.0.0.1, 10.0.0.3]}\n",
     "f:6:63: '10.0.0.3' is the second one of IPv4, expected at most one of each family"},
    {"gvpn-dp: 1\n" PORTS PAIRS "local: {tap: t, addresses: [10.0.0.2/24], gateway: []}\n",
     "f:6:52: gateway: too few items, expected at least 1"},
    {"gvpn-dp: 1\n" PORTS PAIRS "local: {tap: t, addresses: [10.0.0.2/24], mac: \"01:00:5e:00:00:01\"}\n",
     "f:6:48: mac: '01:00:5e:00:00:01', expected a unicast MAC address such as 02:00:00:00:00:01"},
    {"gvpn-dp: 1\n" PORTS PAIRS "local: {tap: t, addresses: [10.0.0.2/24], mac: \"00:00:00:00:00:00\"}\n",
     "f:6:48: mac: '00:00:00:00:00:00', expected a unicast MAC address such as 02:00:00:00:00:01"},
    {"gvpn-dp: 1\n" PORTS PAIRS "local: {tap: t, addresses: [10.0.0.2/24], mac: 02-00-00-00-00-01}\n",
     "f:6:48: mac: '02-00-00-00-00-01', expected a unicast MAC address such as 02:00:00:00:00:01"},
    {BASE "df: keep\n", "f:7:5: df: 'keep', expected one of: copy, set, clear"},
    {BASE "mss-clamp: 1\n", "f:7:12: mss-clamp: '1', expected true or false"},
    {BASE "idle: {sleep: 50}\n",
     "f:7:15: sleep: '50' has no unit, expected a duration such as 50us, 10ms, 30s, 15m, 1h or 30d"},
    {BASE "idle: {sleep: 11ms}\n", "f:7:15: sleep: '11ms', expected 0s to 10ms"},
    {BASE "idle: {poll: 0}\n", "f:7:14: poll: '0', expected a number from 1 to 1000000"},
    {BASE "unregistered: pass\n", "f:7:15: unregistered: 'pass', expected one of: drop, clear"},
};

static void errors_say_what_and_where(void **state)
{
    (void)state;
    for (size_t i = 0; i < N(error_rows); i++) {
        struct yaml_error e;
        struct cfg *c = cfg_parse("f", error_rows[i].text, strlen(error_rows[i].text), &e);
        size_t len = strlen(error_rows[i].want);
        bool open_end = error_rows[i].want[len - 1] == ' '; /* the row gives the beginning only */

        if (c)
            fail_msg("%s\naccepted, wanted: %s", error_rows[i].text, error_rows[i].want);
        if (open_end ? strncmp(e.text, error_rows[i].want, len) : strcmp(e.text, error_rows[i].want))
            fail_msg("%s\nwanted: %s\n   got: %s", error_rows[i].text, error_rows[i].want, e.text);
    }
}

static void several_pairs_need_a_choice(void **state)
{
    static const char text[] =
        "gvpn-dp: 1\n"
        "ports: [{name: a, device: 03:00.0}, {name: b, device: 03:00.1}, {name: c, device: 03:00.2},"
        " {name: d, device: 03:00.3}]\n"
        "pairs: [{name: w, inside: a, outside: b}, {name: x, inside: c, outside: d}]\n" LOCAL;
    static const char twice[] =
        "gvpn-dp: 1\n"
        "ports: [{name: a, device: 03:00.0}, {name: b, device: 03:00.1}, {name: c, device: 03:00.2},"
        " {name: d, device: 03:00.3}]\n"
        "pairs: [{name: w, inside: a, outside: b}, {name: w, inside: c, outside: d}]\n" LOCAL;
    struct yaml_error e;

    (void)state;
    assert_null(cfg_parse("f", text, strlen(text), &e));
    assert_string_equal(e.text,
                        "f:4:1: local: the key 'pair' is missing, expected it where there are several pairs");
    assert_null(cfg_parse("f", twice, strlen(twice), &e));
    assert_string_equal(e.text, "f:3:50: name: 'w' stands twice, expected another name");
}

/* Ports in pairs and addresses; the caller frees. */
static char *with_counts(int ports, int pairs, int addresses)
{
    char *text = NULL;
    size_t len;
    FILE *f = open_memstream(&text, &len);

    assert_non_null(f);
    fprintf(f, "gvpn-dp: 1\nports:\n");
    for (int i = 0; i < ports; i++)
        fprintf(f, "- {name: p%d, device: net_null%d}\n", i, i);
    fprintf(f, "pairs:\n");
    for (int i = 0; i < pairs; i++)
        fprintf(f, "- {name: w%d, inside: p%d, outside: p%d}\n", i, 2 * i, 2 * i + 1);
    fprintf(f, "local:\n  tap: abcdefghijklmno\n  pair: w7\n  addresses:\n");
    for (int i = 0; i < addresses; i++)
        fprintf(f, "  - \"2001:db8::%d/128\"\n", i + 1);
    assert_int_equal(fclose(f), 0);
    return text;
}

static void limits_hold(void **state)
{
    static const struct {
        int ports, pairs, addresses;
    } over[] = {{CFG_MAX_PORTS + 1, CFG_MAX_PAIRS, CFG_MAX_LOCAL},
                {CFG_MAX_PORTS, CFG_MAX_PAIRS + 1, CFG_MAX_LOCAL},
                {CFG_MAX_PORTS, CFG_MAX_PAIRS, CFG_MAX_LOCAL + 1}};
    char *text = with_counts(CFG_MAX_PORTS, CFG_MAX_PAIRS, CFG_MAX_LOCAL);
    struct cfg *c = parse(text);

    (void)state;
    assert_int_equal(c->local.pair, 7);
    cfg_free(c);
    free(text);
    for (size_t i = 0; i < N(over); i++) {
        struct yaml_error e;

        text = with_counts(over[i].ports, over[i].pairs, over[i].addresses);
        assert_null(cfg_parse("f", text, strlen(text), &e));
        assert_non_null(strstr(e.text, "too many items, expected at most"));
        free(text);
    }
}

static void gateways_compare_by_bits(void **state)
{
    static const struct {
        const char *address, *gateway;
        bool ok;
    } rows[] = {{"10.0.0.2/30", "10.0.0.1", true}, {"10.0.0.2/30", "10.0.0.4", false},
                {"10.0.0.2/31", "10.0.0.3", true}, {"10.0.0.2/32", "10.0.0.3", false},
                {"10.0.0.2/1", "127.0.0.1", true}, {"10.0.0.2/1", "128.0.0.1", false},
                {"10.0.0.2/24", "\"::1\"", false},
                {"\"2001:db8::2/64\"", "\"fe80::1\"", true}, {"\"2001:db8::2/64\"", "\"2001:db8:0:1::1\"", false},
                {"10.0.0.2/24, \"2001:db8::2/64\"", "[\"2001:db8::1\", 10.0.0.1]", true},
                {"10.0.0.2/24, \"2001:db8::2/64\"", "[\"2001:db8::1\", \"fe80::1\"]", false}};
    char text[1000];

    (void)state;
    for (size_t i = 0; i < N(rows); i++) {
        struct yaml_error e;
        struct cfg *c;

        snprintf(text, sizeof(text),
                 "gvpn-dp: 1\n" PORTS PAIRS "local: {tap: t, addresses: [%s], gateway: %s}\n",
                 rows[i].address, rows[i].gateway);
        c = cfg_parse("f", text, strlen(text), &e);
        if ((c != NULL) != rows[i].ok)
            fail_msg("%s via %s: %s", rows[i].address, rows[i].gateway, c ? "accepted" : e.text);
        cfg_free(c);
    }
}

static unsigned check_all(const char *pattern)
{
    char path[1000];
    glob_t found;
    unsigned n;

    snprintf(path, sizeof(path), "%s/%s", configs, pattern);
    assert_int_equal(glob(path, 0, NULL, &found), 0);
    for (n = 0; n < found.gl_pathc; n++) {
        struct yaml_error e;
        struct cfg *c = cfg_load(found.gl_pathv[n], &e);

        if (!c)
            fail_msg("%s", e.text);
        if (c->n_lints)
            fail_msg("%s", c->lints[0]);
        cfg_free(c);
    }
    globfree(&found);
    return n;
}

static void examples_load(void **state)
{
    (void)state;
    assert_true(check_all("data-plane*.yaml") >= 3);
    assert_true(check_all("demo/data-plane*.yaml") >= 2);
    assert_true(check_all("appliance-data-plane*.yaml") >= 2);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(smallest_file_gets_defaults),       cmocka_unit_test(values_are_taken),
        cmocka_unit_test(an_empty_eal_list_counts_as_given), cmocka_unit_test(errors_say_what_and_where),
        cmocka_unit_test(several_pairs_need_a_choice),       cmocka_unit_test(limits_hold),
        cmocka_unit_test(gateways_compare_by_bits),          cmocka_unit_test(examples_load),
    };

    configs = argc > 1 ? argv[1] : "configs";
    return cmocka_run_group_tests(tests, NULL, NULL);
}
