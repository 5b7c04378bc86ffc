/* SPDX-License-Identifier: BSD-3-Clause */
/* The command line of gvpn-bench. What this version lacks is said, not ignored. */
#include "tools/bench/bench.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "usage: gvpn-bench [--suite S] [--sizes 64,512,1420,imix] [--direction out|in] [--sas N] [--rules N]\n"
    "                  [--workers N] [--burst 1|2|4|8|16|32] [--family 4|6] [--vlan N]\n"
    "                  [--replay time|counter|none] [--strict] [--rounds N] [--compare] [--stages] [--json]\n"
    "Measures the packet path without a port: TSC cycles per packet, beside the same packets without the path (harness)\n"
    "and the bare crypto calls (raw). Sizes are IP packets before encryption; without --direction both are measured,\n"
    "without --burst with 32 packets at a time, as gvpn-dp has them. --compare puts replay by time and per sender,\n"
    "16 SAs, 100 and 1000 rules, the other family, tags, other bursts and two workers beside all that, in turns, without\n"
    "--sizes at 64 and 1420. --stages: what each stage of the path takes, measured apart from the rest.\n";

static bool wrong(const char *option, const char *value, const char *what)
{
    fprintf(stderr, "gvpn-bench: %s %s: %s\n", option, value, what);
    return false;
}

static bool parse_number(const char *option, const char *text, unsigned min, unsigned max, unsigned *v)
{
    char *end, what[64];
    unsigned long n;

    errno = 0;
    n = strtoul(text, &end, 10);
    snprintf(what, sizeof what, "a number from %u to %u was expected", min, max);
    if (*text < '0' || *text > '9' || *end != '\0' || errno != 0 || n < min || n > max)
        return wrong(option, text, what);
    *v = (unsigned)n;
    return true;
}

static bool parse_suite(struct bench_options *o, const char *name)
{
    o->suite = suite_by_name(name);
    if (o->suite == NULL)
        return wrong("--suite", name, "no suite has this name");
    if (!o->suite->supported)
        return wrong("--suite", name, "not supported by this version");
    return true;
}

static bool parse_sizes(struct bench_options *o, const char *text)
{
    char copy[256], *at, *rest = copy;

    if (strlen(text) >= sizeof copy)
        return wrong("--sizes", text, "too long");
    strcpy(copy, text);
    o->n_sizes = 0;
    while ((at = strsep(&rest, ",")) != NULL) {
        unsigned size = BENCH_IMIX;

        if (o->n_sizes == BENCH_SIZES)
            return wrong("--sizes", text, "too many sizes");
        if (strcmp(at, "imix") != 0 && !parse_number("--sizes", at, 1, UINT16_MAX, &size))
            return false;
        o->sizes[o->n_sizes++] = size;
    }
    return true;
}

static bool parse_direction(struct bench_options *o, const char *text)
{
    o->out = strcmp(text, "out") == 0;
    o->in = strcmp(text, "in") == 0;
    return o->out || o->in || wrong("--direction", text, "out or in was expected");
}

/* What fits BENCH_MTU once protected. Comparisons run both families, and time windows with their metadata. */
static bool check_sizes(const struct bench_options *o)
{
    for (unsigned i = 0; i < o->n_sizes; i++) {
        struct bench_options six = *o;

        if (o->compare) {
            six.family = 6;
            six.replay = IPC_REPLAY_TIME;
        }
        if (o->sizes[i] != BENCH_IMIX && (o->sizes[i] < bench_size_min(&six) || o->sizes[i] > bench_size_max(&six))) {
            fprintf(stderr, "gvpn-bench: --sizes %u: a number from %u to %u was expected for IPv%u\n", o->sizes[i],
                    bench_size_min(&six), bench_size_max(&six), six.family);
            return false;
        }
    }
    return true;
}

static bool check_compare(const struct bench_options *o)
{
    const char *why = o->workers != 1 ? "one worker" : o->sas != 1 ? "one SA" : NULL;

    if (!o->compare || why == NULL)
        return true;
    fprintf(stderr, "gvpn-bench: --compare: the base case has %s\n", why);
    return false;
}

static bool parse_family(struct bench_options *o, const char *text)
{
    if (strcmp(text, "4") != 0 && strcmp(text, "6") != 0)
        return wrong("--family", text, "4 or 6 was expected");
    o->family = text[0] == '6' ? 6 : 4;
    return true;
}

static bool parse_replay(struct bench_options *o, const char *text)
{
    o->replay = strcmp(text, "time") == 0 ? IPC_REPLAY_TIME : strcmp(text, "counter") == 0 ? IPC_REPLAY_COUNTER : IPC_REPLAY_NONE;
    return o->replay != IPC_REPLAY_NONE || strcmp(text, "none") == 0 ||
           wrong("--replay", text, "time, counter or none was expected");
}

/* Windows over numbers are measured with packets that come again and again, in the order of one SA and worker. */
static bool check_replay(const struct bench_options *o)
{
    if (o->strict && o->replay != IPC_REPLAY_TIME) {
        fprintf(stderr, "gvpn-bench: --strict: only with --replay time\n");
        return false;
    }
    if ((o->strict || o->replay == IPC_REPLAY_COUNTER) && (o->sas != 1 || o->workers != 1 || o->compare)) {
        fprintf(stderr, "gvpn-bench: --strict, --replay counter: only with one SA and one worker, without --compare\n");
        return false;
    }
    return true;
}

static bool check_together(struct bench_options *o, bool rules_given)
{
    if (!rules_given)
        o->rules = o->sas;
    if (o->rules < o->sas) {
        fprintf(stderr, "gvpn-bench: --rules %u: every one of %u SAs needs a rule\n", o->rules, o->sas);
        return false;
    }
    if ((o->burst & (o->burst - 1)) != 0) {
        fprintf(stderr, "gvpn-bench: --burst %u: a power of two was expected\n", o->burst);
        return false;
    }
    return check_sizes(o) && check_compare(o) && check_replay(o);
}

static const struct option options[] = {
    {"suite", required_argument, NULL, 's'},   {"sizes", required_argument, NULL, 'z'},
    {"direction", required_argument, NULL, 'd'}, {"sas", required_argument, NULL, 'a'},
    {"rules", required_argument, NULL, 'r'},   {"workers", required_argument, NULL, 'w'},
    {"burst", required_argument, NULL, 'b'},   {"family", required_argument, NULL, 'f'},
    {"vlan", required_argument, NULL, 'v'},    {"compare", no_argument, NULL, 'c'},
    {"replay", required_argument, NULL, 'y'},  {"strict", no_argument, NULL, 't'},
    {"rounds", required_argument, NULL, 'n'},  {"json", no_argument, NULL, 'j'},
    {"stages", no_argument, NULL, 'S'},        {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0}};

bool bench_options_parse(struct bench_options *o, int argc, char **argv, bool *help)
{
    bool rules_given = false, sizes_given = false, ok = true;
    int c;

    *o = (struct bench_options){.suite = suite_by_id(SUITE_AES_GCM_128),
                                .sizes = {64, 512, 1420, BENCH_IMIX},
                                .n_sizes = 4,
                                .out = true,
                                .in = true,
                                .sas = 1,
                                .workers = 1,
                                .family = 4,
                                .burst = VEC_BURST,
                                .rounds = BENCH_ROUNDS};
    *help = false;
    while (ok && (c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        switch (c) {
        case 's':
            ok = parse_suite(o, optarg);
            break;
        case 'z':
            sizes_given = true;
            ok = parse_sizes(o, optarg);
            break;
        case 'd':
            ok = parse_direction(o, optarg);
            break;
        case 'a':
            ok = parse_number("--sas", optarg, 1, BENCH_FLOWS, &o->sas);
            break;
        case 'r':
            rules_given = true;
            ok = parse_number("--rules", optarg, 1, ACL_MAX_ENTRIES, &o->rules);
            break;
        case 'w':
            ok = parse_number("--workers", optarg, 1, IPC_MAX_WORKERS, &o->workers);
            break;
        case 'b':
            ok = parse_number("--burst", optarg, 1, VEC_BURST, &o->burst);
            break;
        case 'f':
            ok = parse_family(o, optarg);
            break;
        case 'v':
            ok = parse_number("--vlan", optarg, 1, 4094, &o->vlan);
            break;
        case 'y':
            ok = parse_replay(o, optarg);
            break;
        case 'n':
            ok = parse_number("--rounds", optarg, 3, BENCH_ROUNDS, &o->rounds);
            break;
        case 't':
            o->strict = true;
            break;
        case 'c':
            o->compare = true;
            break;
        case 'j':
            o->json = true;
            break;
        case 'S':
            o->stages = true;
            break;
        case 'h':
            fputs(usage, stdout);
            *help = true;
            return true;
        default:
            fputs(usage, stderr);
            return false;
        }
    }
    if (ok && optind < argc)
        return wrong("unexpected argument", argv[optind], "see --help");
    if (o->compare && !sizes_given) {
        o->sizes[1] = 1420;
        o->n_sizes = 2;
    }
    return ok && check_together(o, rules_given);
}
