/* SPDX-License-Identifier: BSD-3-Clause */
/* The command line of gvpn-swarm, and the configuration that all of its members share. */
#include "tools/swarm/swarm.h"

#include "ctrl/config/config.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "usage: gvpn-swarm --server ADDRESS[:PORT] --secret TEXT [--group N] [--members N] [--first ADDRESS] [--port N]\n"
    "                  [--parallel N] [--sender-ids N] [--rekeys N] [--seconds N] [--loss PERCENT] [--clock-rate R]\n"
    "                  [--server-pid PID] [--json]\n"
    "Registers N members (1000) of group N (484) with a key server, at most 64 at a time, each from an address of its own from\n"
    "--first (127.1.0.1) on, whose pre-shared key is TEXT. Ends when so many --rekeys (0) have reached everybody, or after\n"
    "--seconds (60). --loss: datagrams dropped on purpose, both ways. --server-pid: whose memory and time to watch.\n"
    "Exit status: 0 all registered and nobody was ever without a key, 1 not so, 2 wrong options.\n";

static bool wrong(const char *what, const char *value)
{
    fprintf(stderr, "gvpn-swarm: %s: %s\n", value, what);
    return false;
}

static bool number(const char *text, unsigned low, unsigned high, unsigned *v)
{
    unsigned long n;
    char *end;

    errno = 0;
    n = strtoul(text, &end, 10);
    if (*text < '0' || *text > '9' || *end != '\0' || errno != 0 || n < low || n > high) {
        fprintf(stderr, "gvpn-swarm: %s: a number from %u to %u was expected\n", text, low, high);
        return false;
    }
    *v = (unsigned)n;
    return true;
}

static bool server(const char *text, struct endpoint *e)
{
    char address[ADDR_TEXT_MAX];
    const char *colon = strchr(text, ':');
    size_t len = colon ? (size_t)(colon - text) : strlen(text);
    unsigned port = 848;

    if (len >= sizeof(address) || (colon && !number(colon + 1, 1, UINT16_MAX, &port)))
        return wrong("an address, or ADDRESS:PORT, was expected", text);
    memcpy(address, text, len);
    address[len] = '\0';
    e->port = (uint16_t)port;
    return (addr_parse(address, &e->addr) && e->addr.family == 4) || wrong("an IPv4 address was expected", text);
}

static bool option(struct swarm_options *o, int c, const char *value)
{
    unsigned n = 0;

    switch (c) {
    case 's':
        return server(value, &o->server);
    case 'k':
        o->secret = value;
        return strlen(value) >= 16 || wrong("at least 16 octets are expected", "--secret");
    case 'g':
        return number(value, 0, UINT32_MAX, &o->group.value);
    case 'n':
        return number(value, 1, SWARM_MAX_MEMBERS, &o->members);
    case 'f':
        return (addr_parse(value, &o->first) && o->first.family == 4) || wrong("an IPv4 address was expected", value);
    case 'p':
        if (!number(value, 1, UINT16_MAX, &n))
            return false;
        o->port = (uint16_t)n;
        return true;
    case 'P':
        return number(value, 1, SWARM_MAX_MEMBERS, &o->parallel);
    case 'i':
        return number(value, 0, POLICY_MAX_SENDER_IDS, &o->sender_ids);
    case 'r':
        return number(value, 0, SWARM_REKEYS, &o->rekeys);
    case 't':
        return number(value, 1, 86400, &o->seconds);
    case 'l':
        return number(value, 0, 90, &o->loss);
    case 'c':
        return number(value, 1, 1000, &o->clock_rate);
    case 'w':
        if (!number(value, 1, INT32_MAX, &n))
            return false;
        o->server_pid = (pid_t)n;
        return true;
    case 'j':
        o->json = true;
        return true;
    default:
        return false;
    }
}

bool swarm_options_parse(int argc, char **argv, struct swarm_options *o)
{
    static const struct option known[] = {
        {"server", 1, NULL, 's'},     {"secret", 1, NULL, 'k'},     {"group", 1, NULL, 'g'},   {"members", 1, NULL, 'n'},
        {"first", 1, NULL, 'f'},      {"port", 1, NULL, 'p'},       {"parallel", 1, NULL, 'P'}, {"sender-ids", 1, NULL, 'i'},
        {"rekeys", 1, NULL, 'r'},     {"seconds", 1, NULL, 't'},    {"loss", 1, NULL, 'l'},    {"clock-rate", 1, NULL, 'c'},
        {"server-pid", 1, NULL, 'w'}, {"json", 0, NULL, 'j'},       {"help", 0, NULL, 'h'},   {NULL, 0, NULL, 0},
    };
    bool good = true;
    int c;

    *o = (struct swarm_options){.port = 10848, .members = 1000, .parallel = 64, .seconds = 60, .clock_rate = 1, .sender_ids = 4};
    o->group.value = 484;
    o->first = addr_v4(0x7f010001);
    while (good && (c = getopt_long(argc, argv, "h", known, NULL)) != -1) {
        if (c == 'h') {
            (void)fputs(usage, stdout);
            exit(EXIT_SUCCESS);
        }
        good = option(o, c, optarg);
    }
    if (good && optind == argc && o->server.addr.family != 0 && o->secret != NULL)
        return true;
    fputs(usage, stderr);
    return false;
}

struct config *swarm_options_config(const struct swarm_options *o)
{
    char text[1024], server_text[ADDR_TEXT_MAX], first[ADDR_TEXT_MAX];
    struct yaml_error e = {.text = ""};
    struct config *c;
    int len;

    addr_text(&o->server.addr, server_text);
    len = snprintf(text, sizeof(text),
                   "gvpn: 1\n"
                   "ike:\n"
                   "  listen: [%s]\n"
                   "  proposals: [{encryption: aes-256, hash: sha256, group: 19, auth: psk, lifetime: 24h}]\n"
                   "  pre-shared-keys: [{peer: %s, secret: \"%s\"}]\n"
                   "groups:\n"
                   "  - name: SWARM\n"
                   "    identity: %u\n"
                   "    member: {key-servers: [%s], data-plane: {socket: none.sock, pair: none}}\n",
                   addr_text(&o->first, first), server_text, o->secret, o->group.value, server_text);
    c = config_parse("gvpn-swarm", text, (size_t)len, &e);
    if (!c)
        fprintf(stderr, "gvpn-swarm: %s\n", e.text);
    return c;
}
