/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A controller for tests: attaches to one gvpn-dp and does what lines on its standard input say, so that a data plane
 * can be tried without gvpnd. One answer line (or lines ended by ".") per command on standard output.
 *
 *   begin
 *   group INDEX NAME PAIR fail-close|fail-open|policy       (bound to all of PAIR; - = not yet)
 *   bind INDEX PAIR VLAN
 *   rule INDEX fail-close|local|downloaded SA-NUMBER NUMBER ACL-ENTRY...
 *   sa INDEX NUMBER SPI SUITE HEX-KEY SENDER-ID END-MS
 *   commit                            -> ack RESULT REASON
 *   explain out|in SRC DST PROTO SPORT DPORT
 *                                     -> DECISION VERDICT SPI MTU RULE
 *   at PAIR VLAN                      what explain is about from now on -> ok
 *   counters                          -> one "verdict N" per line, then "."
 *   clear                             -> ok
 *   ports                             -> one "NAME up|down RX TX DRIVER QUEUES MTU RSS" per line, then "."
 */
#include "common/ipc/channel.h"
#include "common/suite.h"

#include "tests/lib/hex.h"

#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

static struct ipc_channel channel;
static struct ipc_hello hello;
static uint64_t epoch;
static uint32_t n_messages;
static struct ipc_explain asked; /* pair and VLAN for explain */

static void die(const char *what)
{
    (void)fprintf(stderr, "dp_feed: %s\n", what);
    exit(1);
}

static void attach(const char *path)
{
    struct ipc_attach a = {.version = IPC_VERSION, .clock_rate = 1};
    char reason[IPC_TEXT_MAX];
    enum ipc_handshake h = IPC_HANDSHAKE_WAIT;
    int fd;

    ipc_channel_init(&channel);
    fd = ipc_connect(path, &a, reason);
    if (fd < 0) {
        die(reason);
    }
    for (int tries = 0; h == IPC_HANDSHAKE_WAIT && tries < 50; tries++) {
        struct pollfd p = {.fd = fd, .events = POLLIN};

        (void)poll(&p, 1, 100);
        h = ipc_complete(&channel, fd, &a, &hello, reason);
    }
    if (h != IPC_HANDSHAKE_DONE) {
        die(h == IPC_HANDSHAKE_WAIT ? "no HELLO" : reason);
    }
    epoch = channel.page->epoch;
}

static void send_message(struct ipc_msg *m)
{
    if (ipc_send(&channel, m) != IPC_RING_OK) {
        die("the data plane didn't take a message");
    }
    n_messages++;
}

/* The next message of this type; others (events) are passed over. */
static void receive(enum ipc_type type, struct ipc_msg *m)
{
    for (int tries = 0; tries < 500; tries++) {
        enum ipc_ring_result r = ipc_receive(&channel, m);
        struct pollfd p = {.fd = channel.wake_self, .events = POLLIN};

        if (r == IPC_RING_OK && m->type == type) {
            return;
        }
        if (r == IPC_RING_BROKEN) {
            die("the ring is broken");
        }
        if (r == IPC_RING_EMPTY && ipc_sleep(&channel)) {
            (void)poll(&p, 1, 10);
            ipc_awake(&channel);
        }
    }
    die("no answer");
}

static const char *word(void)
{
    const char *w = strtok(NULL, " \n");

    if (w == NULL) {
        die("a word is missing");
    }
    return w;
}

static uint64_t number(void)
{
    return strtoull(word(), NULL, 0);
}

static unsigned choose(const char *w, const char *const *names)
{
    unsigned i = 0;

    while (names[i] != NULL && strcmp(names[i], w) != 0) {
        i++;
    }
    if (names[i] == NULL) {
        die(w);
    }
    return i;
}

static void do_begin(void)
{
    struct ipc_msg m = {.type = IPC_BEGIN, .u.begin.epoch = ++epoch};

    send_message(&m);
    n_messages = 0;
    (void)puts("ok");
}

static void do_group(void)
{
    static const char *const states[] = {"fail-close", "fail-open", "policy", NULL};
    struct ipc_msg m = {.type = IPC_GROUP}, bind = {.type = IPC_BIND};

    m.u.group.group = (uint16_t)number();
    (void)snprintf(m.u.group.name, sizeof(m.u.group.name), "%s", word());
    bind.u.bind.group = m.u.group.group;
    (void)snprintf(bind.u.bind.pair, sizeof(bind.u.bind.pair), "%s", word());
    m.u.group.state = (enum ipc_group_state)choose(word(), states);
    send_message(&m);
    if (strcmp(bind.u.bind.pair, "-") != 0) {
        send_message(&bind);
    }
    (void)puts("ok");
}

static void do_bind(void)
{
    struct ipc_msg m = {.type = IPC_BIND};

    m.u.bind.group = (uint16_t)number();
    (void)snprintf(m.u.bind.pair, sizeof(m.u.bind.pair), "%s", word());
    m.u.bind.vlan = (uint16_t)number();
    send_message(&m);
    (void)puts("ok");
}

static void do_rule(void)
{
    static const char *const lists[] = {"fail-close", "local", "downloaded", NULL};
    struct ipc_msg m = {.type = IPC_RULE};
    struct acl_entry entries[2];
    uint16_t sa, place;
    const char *error;
    size_t column, n;

    m.u.rule.group = (uint16_t)number();
    m.u.rule.list = (enum ipc_list)choose(word(), lists);
    sa = (uint16_t)number();
    place = (uint16_t)number();
    n = acl_parse_entry(strtok(NULL, "\n"), entries, &error, &column);
    if (n == 0) {
        die(error);
    }
    for (size_t i = 0; i < n; i++) {
        m.u.rule.entry = entries[i];
        m.u.rule.entry.sa = sa;
        m.u.rule.entry.number = place;
        send_message(&m);
    }
    (void)puts("ok");
}

static void do_sa(void)
{
    struct ipc_msg m = {.type = IPC_SA, .u.sa = {.receive = true, .send = true, .sid_bits = 24}};
    struct ipc_sa *sa = &m.u.sa;
    const struct suite *suite;
    uint64_t sender;

    sa->group = (uint16_t)number();
    sa->number = (uint16_t)number();
    sa->spi = (uint32_t)number();
    suite = suite_by_name(word());
    if (suite == NULL) {
        die("unknown suite");
    }
    sa->suite = (uint8_t)suite->id;
    sa->key.len = (uint16_t)hex_decode(word(), sa->key.b, sizeof(sa->key.b));
    sender = number();
    sa->end_in_ms = number();
    sa->n_senders = hello.n_workers;
    for (uint16_t i = 0; i < sa->n_senders; i++) {
        sa->senders[i].id = sender + i;
    }
    send_message(&m);
    (void)puts("ok");
}

static void do_commit(void)
{
    struct ipc_msg m = {.type = IPC_COMMIT, .u.commit = {.epoch = epoch, .n_messages = n_messages}};

    send_message(&m);
    receive(IPC_ACK, &m);
    (void)printf("ack %d %s\n", (int)m.u.ack.result, m.u.ack.reason);
}

static void do_at(void)
{
    (void)snprintf(asked.pair, sizeof(asked.pair), "%s", word());
    asked.vlan = (uint16_t)number();
    (void)puts("ok");
}

static void do_explain(void)
{
    static const char *const ways[] = {"out", "in", NULL}, *const decisions[] = {"encrypt", "clear", "drop", "local"};
    struct ipc_msg m = {.type = IPC_EXPLAIN, .u.explain = asked};
    struct ipc_explain *q = &m.u.explain;
    const struct ipc_explained *a = &m.u.explained;
    char text[ACL_TEXT_MAX];

    q->inbound = choose(word(), ways) == 1;
    if (!addr_parse(word(), &q->flow.src) || !addr_parse(word(), &q->flow.dst)) {
        die("not an address");
    }
    q->flow.proto = (uint8_t)number();
    q->flow.ports = q->flow.proto == 6 || q->flow.proto == 17 ? FLOW_PORTS : FLOW_NO_PORTS;
    q->flow.sport = (uint16_t)number();
    q->flow.dport = (uint16_t)number();
    send_message(&m);
    receive(IPC_EXPLAINED, &m);
    (void)printf("%s %s 0x%08x %u %s\n", decisions[a->decision], verdict_name(a->verdict), a->has_spi ? a->spi : 0,
                 a->effective_mtu, a->has_rule ? acl_entry_text(&a->rule, text) : "none");
}

static void do_counters(void)
{
    for (unsigned v = 0; v < VERDICT_COUNT; v++) {
        uint64_t sum = 0;

        for (unsigned w = 0; w <= IPC_MAX_WORKERS; w++) {
            sum += channel.page->workers[w].packets[v];
        }
        (void)printf("%s %" PRIu64 "\n", verdict_name(v), sum);
    }
    (void)puts(".");
}

static void do_clear(void)
{
    struct ipc_msg m = {.type = IPC_CLEAR_COUNTERS};

    send_message(&m);
    (void)puts("ok");
}

static void do_ports(void)
{
    for (unsigned i = 0; i < channel.page->n_ports && i < 2 * IPC_MAX_PAIRS; i++) {
        const struct ipc_page_port *p = &channel.page->ports[i];

        (void)printf("%.31s %s %" PRIu64 " %" PRIu64 " %.31s %u %u %u\n", p->name, p->link_up ? "up" : "down", p->rx_packets,
                     p->tx_packets, p->driver, p->queues, p->mtu, p->rss);
    }
    (void)puts(".");
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } commands[] = {{"begin", do_begin}, {"group", do_group},   {"bind", do_bind},       {"rule", do_rule},
                    {"sa", do_sa},       {"commit", do_commit}, {"explain", do_explain}, {"at", do_at},
                    {"clear", do_clear}, {"ports", do_ports},   {"counters", do_counters}};
    char line[1024];

    if (argc != 2) {
        die("usage: dp_feed SOCKET");
    }
    attach(argv[1]);
    (void)printf("attached %u\n", hello.n_workers);
    (void)fflush(stdout);
    while (fgets(line, sizeof(line), stdin) != NULL) {
        const char *name = strtok(line, " \n");
        size_t i = 0;

        while (i < sizeof(commands) / sizeof(commands[0]) && (name == NULL || strcmp(commands[i].name, name) != 0)) {
            i++;
        }
        if (i == sizeof(commands) / sizeof(commands[0])) {
            die("unknown command");
        }
        commands[i].run();
        (void)fflush(stdout);
    }
    (void)ipc_channel_close(&channel, false);
    return 0;
}
