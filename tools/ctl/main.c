/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * gvpnctl: asks gvpnd and shows the answer, as a table or (--json) as the document itself. `check FILE` needs no daemon: it
 * runs the loaders that the daemons run.
 */
#include "ctrl/config/config.h"
#include "tools/ctl/check.h"
#include "tools/ctl/request.h"
#include "tools/ctl/support.h"
#include "tools/ctl/views.h"

#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage_text[] =
    "usage: gvpnctl [--socket PATH | --run-dir DIR] [--json] COMMAND ...\n"
    "members and key servers\n"
    "  status                          groups, keys and traffic on one screen\n"
    "  show group [G]                  the same with policy and key servers\n"
    "  show acl [G]                    every list of a group, and whether it is in use\n"
    "  show isakmp sa                  IKE sessions: peer, state, algorithms, lifetime\n"
    "  show counters [--pair P]        ports, verdicts, workers, IKE\n"
    "  show ports|workers [--pair P]   traffic of every port, what every worker does\n"
    "  show events [COUNT]             the last messages, newest last\n"
    "  show log-messages               every message there is\n"
    "  show version                    of gvpnd and its data planes\n"
    "members\n"
    "  show gm [G]                     registration, bindings, policy and SAs of a member\n"
    "  show gm replay [G]              windows, pseudotime, drops, whose clock is off\n"
    "  show ipsec sa                   SAs and their counters\n"
    "  show ruleset [--pair P]         what the data plane has: lists in their order\n"
    "  show fail-close [G]             in effect or not, and what passes then\n"
    "  clear gm replay                 count replays anew; windows stay\n"
    "  gm direction G both|inbound-only|inbound-optional\n"
    "                                  how a member uses its SAs, until the next rekey\n"
    "  explain [--in|--out] [--pair P] [--vlan V] SRC DST PROTO [SPORT DPORT]\n"
    "                                  what happens to such a packet, and why\n"
    "key servers\n"
    "  show ks members [G]             who registered here, who has left\n"
    "  show ks policy [G]              keys by SPI, lifetimes, list, when the next key is made\n"
    "  show ks rekey [G [members]]     KEK, rounds, who hasn't acknowledged; what is due when\n"
    "  show ks replay [G]              windows, and the clock that members follow\n"
    "  show feature [F]                which member announced what, and who lacks it\n"
    "  rekey G [--replace [now]]       tell members everything; with new keys in place of the old\n"
    "  clear ks members G [A [--bar]]  forget members (of address A); --bar: new keys without them\n"
    "operation\n"
    "  clear group G                   member: register anew; key server: new keys\n"
    "  clear counters\n"
    "  check FILE                      load a configuration as the daemons would\n"
    "  reload                          put the changed file into effect, or say why not\n"
    "  tech-support                    every view in one document, no secrets\n"
    "named, but not supported by this version\n"
    "  show ks coop, trace, clear ks coop role,\n"
    "  plan, debug, monitor, top\n"
    "exit: 0 ok, 1 failure, 2 usage, 3 daemon or data plane unreachable, 4 not found, 5 degraded\n";

static void usage(FILE *to)
{
    (void)fputs(usage_text, to);
}

static int ask(const char *socket_path, char **words, int n_words, int as_json)
{
    json_t *document;
    const char *error;
    int code;

    (void)request_send(socket_path, words, n_words, &code, &document);
    error = json_string_value(json_object_get(document, "error"));
    if (as_json) {
        (void)json_dumpf(document, stdout, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
        (void)fputc('\n', stdout);
    }
    if (error)
        (void)fprintf(stderr, "gvpnctl: %s\n", error);
    else if (!as_json)
        views_print(stdout, words, n_words, document);
    json_decref(document);
    return code;
}

/* --json is also taken behind the command, where people often put it. Returns how many words are left. */
static int take_json(char **argv, int from, int argc, int *as_json)
{
    int left = from;

    for (int i = from; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0)
            *as_json = 1;
        else
            argv[left++] = argv[i];
    }
    return left;
}

int main(int argc, char **argv)
{
    static const struct option longs[] = {{"socket", required_argument, NULL, 's'},
                                          {"run-dir", required_argument, NULL, 'r'},
                                          {"json", no_argument, NULL, 'j'},
                                          {"help", no_argument, NULL, 'h'},
                                          {"version", no_argument, NULL, 'V'},
                                          {NULL, 0, NULL, 0}};
    char socket_path[PATH_MAX] = "/run/gvpn/gvpnd.sock";
    int as_json = 0, c;

    /* '+': options of a command are its own. */
    while ((c = getopt_long(argc, argv, "+h", longs, NULL)) != -1) {
        switch (c) {
        case 's':
            (void)snprintf(socket_path, sizeof(socket_path), "%s", optarg);
            break;
        case 'r':
            (void)snprintf(socket_path, sizeof(socket_path), "%s/gvpnd.sock", optarg);
            break;
        case 'j':
            as_json = 1;
            break;
        case 'h':
            usage(stdout);
            return CTL_OK;
        case 'V':
            (void)printf("gvpnctl %s\n", GVPN_VERSION);
            return CTL_OK;
        default:
            usage(stderr);
            return CTL_USAGE;
        }
    }
    if (optind == argc) {
        usage(stderr);
        return CTL_USAGE;
    }
    argc = take_json(argv, optind + 1, argc, &as_json);
    if (strcmp(argv[optind], "check") == 0) {
        if (argc - optind != 2) {
            usage(stderr);
            return CTL_USAGE;
        }
        return check_file(argv[optind + 1], as_json);
    }
    if (strcmp(argv[optind], "tech-support") == 0 && argc - optind == 1)
        return support_print(socket_path, as_json);
    return ask(socket_path, argv + optind, argc - optind, as_json);
}
