/* SPDX-License-Identifier: BSD-3-Clause */
/* The command line of a daemon: every option with its check. */
#include "common/options.h"

#include "common/daemon.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

enum { EXIT_USAGE = 2 };

/* gvpnd's own come first: those of both begin behind them. */
enum { OWN = 2 };
static const struct option longs[] = {
    {"state-dir", required_argument, NULL, 's'},  {"foreground", no_argument, NULL, 'f'},
    {"check", no_argument, NULL, 'k'},            {"run-dir", required_argument, NULL, 'r'},
    {"clock-rate", required_argument, NULL, 'R'}, {"log-level", required_argument, NULL, 'l'},
    {"help", no_argument, NULL, 'h'},             {"version", no_argument, NULL, 'V'},
    {NULL, 0, NULL, 0}};

static int wrong(const struct options_daemon *d, const char *option, const char *expected)
{
    (void)fprintf(stderr, "%s: %s %s: expected %s\n", d->name, option, optarg, expected);
    return EXIT_USAGE;
}

static int wrong_usage(const struct options_daemon *d)
{
    (void)fputs(d->usage, stderr);
    return EXIT_USAGE;
}

/* One option: as options_read(). */
static int take(int c, const struct options_daemon *d, struct options *o)
{
    switch (c) {
    case 'c':
        o->file = optarg;
        return -1;
    case 'k':
        o->check = true;
        return -1;
    case 'r':
        o->run_dir = optarg;
        return -1;
    case 's':
        o->state_dir = optarg;
        return -1;
    case 'f':
        return -1;
    case 'R':
        return daemon_parse_rate(optarg, &o->clock_rate) ? -1 : wrong(d, "--clock-rate", "a whole number from 1 to 1000");
    case 'l':
        o->has_level = daemon_parse_level(optarg, &o->level);
        return o->has_level ? -1 : wrong(d, "--log-level", "error, warn, info or debug");
    case 'h':
        (void)fputs(d->usage, stdout);
        return EXIT_SUCCESS;
    case 'V':
        (void)printf("%s %s\n", d->name, GVPN_VERSION);
        return EXIT_SUCCESS;
    default:
        return wrong_usage(d);
    }
}

int options_read(int argc, char **argv, const struct options_daemon *d, struct options *o)
{
    int c;

    *o = (struct options){.run_dir = "/run/gvpn", .clock_rate = 1};
    while ((c = getopt_long(argc, argv, "c:h", d->more ? longs : longs + OWN, NULL)) != -1) {
        int status = take(c, d, o);

        if (status >= 0)
            return status;
    }
    return o->file && optind == argc ? -1 : wrong_usage(d);
}
