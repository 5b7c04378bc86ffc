/* SPDX-License-Identifier: BSD-3-Clause */
/* gvpnd's command line: every option with its check, and the usage text. */
#include "ctrl/options.h"

#include "common/daemon.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

enum { EXIT_USAGE = 2 };

static void usage(FILE *to)
{
    (void)fprintf(to, "usage: gvpnd -c FILE [--check] [--run-dir DIR] [--state-dir DIR] [--foreground]\n"
                      "             [--clock-rate R] [--log-level L]\n"
                      "       gvpnd --version\n"
                      "  -c FILE          configuration\n"
                      "  --check          load FILE as the daemon would, say what is wrong with it, and exit\n"
                      "  --run-dir DIR    lock and sockets (default /run/gvpn)\n"
                      "  --state-dir DIR  what survives a restart (default /var/lib/gvpn); this version keeps nothing there\n"
                      "  --foreground     stay in the foreground, which gvpnd always does\n"
                      "  --clock-rate R   1 to 1000: lifetimes run so much faster (lab)\n"
                      "  --log-level L    error, warn, info or debug; wins over the file\n");
}

int options_parse(int argc, char **argv, struct options *o)
{
    static const struct option longs[] = {{"check", no_argument, NULL, 'k'},
                                          {"run-dir", required_argument, NULL, 'r'},
                                          {"state-dir", required_argument, NULL, 's'},
                                          {"foreground", no_argument, NULL, 'f'},
                                          {"clock-rate", required_argument, NULL, 'R'},
                                          {"log-level", required_argument, NULL, 'l'},
                                          {"help", no_argument, NULL, 'h'},
                                          {"version", no_argument, NULL, 'V'},
                                          {NULL, 0, NULL, 0}};
    int c;

    *o = (struct options){.run_dir = "/run/gvpn", .clock_rate = 1};
    while ((c = getopt_long(argc, argv, "c:h", longs, NULL)) != -1) {
        switch (c) {
        case 'c':
            o->file = optarg;
            break;
        case 'k':
            o->check = true;
            break;
        case 'r':
            o->run_dir = optarg;
            break;
        case 's':
            o->state_dir = optarg;
            break;
        case 'f':
            break;
        case 'R':
            if (daemon_parse_rate(optarg, &o->clock_rate))
                break;
            (void)fprintf(stderr, "gvpnd: --clock-rate %s: expected a whole number from 1 to 1000\n", optarg);
            return EXIT_USAGE;
        case 'l':
            o->has_level = daemon_parse_level(optarg, &o->level);
            if (o->has_level)
                break;
            (void)fprintf(stderr, "gvpnd: --log-level %s: expected error, warn, info or debug\n", optarg);
            return EXIT_USAGE;
        case 'h':
            usage(stdout);
            return EXIT_SUCCESS;
        case 'V':
            (void)printf("gvpnd %s\n", GVPN_VERSION);
            return EXIT_SUCCESS;
        default:
            usage(stderr);
            return EXIT_USAGE;
        }
    }
    if (!o->file || optind < argc) {
        usage(stderr);
        return EXIT_USAGE;
    }
    return -1;
}
