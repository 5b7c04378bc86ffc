/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * gvpn-dp: options, start in order, run, stop in reverse order. Exit 0 after a clean stop or a good --check, 1 for a bad
 * file or a start that failed, 2 for wrong usage.
 */
#include "common/daemon.h"
#include "dataplane/dp.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

enum { EXIT_USAGE = 2 };

static void usage(FILE *to)
{
    (void)fprintf(to, "usage: gvpn-dp -c FILE [--check] [--run-dir DIR] [--clock-rate R] [--log-level L]\n"
                      "       gvpn-dp --version\n"
                      "  -c FILE          configuration\n"
                      "  --check          load FILE as the daemon would, say what is wrong with it, and exit\n"
                      "  --run-dir DIR    lock and control socket (default /run/gvpn)\n"
                      "  --clock-rate R   1 to 1000: lifetimes run so much faster (lab)\n"
                      "  --log-level L    error, warn, info or debug; wins over the file\n");
}

static int wrong(const char *option, const char *value, const char *expected)
{
    (void)fprintf(stderr, "gvpn-dp: %s %s: expected %s\n", option, value, expected);
    return EXIT_USAGE;
}

/* Returns -1 to go on, else the exit status. */
static int parse_options(int argc, char **argv, struct dp_options *o)
{
    static const struct option longs[] = {
        {"check", no_argument, NULL, 'k'},         {"run-dir", required_argument, NULL, 'r'},
        {"clock-rate", required_argument, NULL, 'R'}, {"log-level", required_argument, NULL, 'l'},
        {"help", no_argument, NULL, 'h'},          {"version", no_argument, NULL, 'V'},
        {NULL, 0, NULL, 0}};
    int c;

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
        case 'R':
            if (!daemon_parse_rate(optarg, &o->clock_rate)) {
                return wrong("--clock-rate", optarg, "a whole number from 1 to 1000");
            }
            break;
        case 'l':
            if (!daemon_parse_level(optarg, &o->log_level)) {
                return wrong("--log-level", optarg, "error, warn, info or debug");
            }
            o->has_log_level = true;
            break;
        case 'h':
            usage(stdout);
            return EXIT_SUCCESS;
        case 'V':
            (void)printf("gvpn-dp %s\n", GVPN_VERSION);
            return EXIT_SUCCESS;
        default:
            usage(stderr);
            return EXIT_USAGE;
        }
    }
    if (o->file == NULL || optind < argc) {
        usage(stderr);
        return EXIT_USAGE;
    }
    return -1;
}

int main(int argc, char **argv)
{
    struct dp_options o = {.run_dir = "/run/gvpn", .clock_rate = 1};
    struct yaml_error e = {.text = ""};
    struct cfg *cfg;
    int status = parse_options(argc, argv, &o);

    if (status >= 0) {
        return status;
    }
    daemon_protect_memory();
    cfg = cfg_load(o.file, &e);
    if (cfg == NULL) {
        (void)fprintf(stderr, "%s\n", e.text);
        return EXIT_FAILURE;
    }
    for (size_t i = 0; i < cfg->n_lints; i++) {
        (void)fprintf(stderr, "%s\n", cfg->lints[i]);
    }
    if (o.clock_rate != 1 && !cfg->lab) {
        (void)fprintf(stderr, "gvpn-dp: --clock-rate needs `lab: true` in %s\n", o.file);
        status = EXIT_FAILURE;
    } else if (o.check) {
        status = EXIT_SUCCESS;
    } else {
        status = dp_run(cfg, &o) ? EXIT_SUCCESS : EXIT_FAILURE;
    }
    cfg_free(cfg);
    return status;
}
