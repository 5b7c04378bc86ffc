/* SPDX-License-Identifier: BSD-3-Clause */
/* Results as a table for people or JSON for scripts. */
#include "tools/bench/bench.h"

#include "common/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const bench_stage_names[PIPELINE_STAGES] = {
    [PIPELINE_PARSE] = "parse", [PIPELINE_CLASSIFY] = "classify", [PIPELINE_PREPARE] = "prepare",
    [PIPELINE_CRYPTO] = "crypto", [PIPELINE_FINISH] = "finish", [PIPELINE_SETTLE] = "settle"};

const char *bench_size_text(unsigned size, char out[16])
{
    if (size == BENCH_IMIX)
        snprintf(out, 16, "imix");
    else
        snprintf(out, 16, "%u", size);
    return out;
}

static const char *replay_text(const struct bench_options *o)
{
    return o->replay == IPC_REPLAY_TIME ? "time" : o->replay == IPC_REPLAY_COUNTER ? "counter" : "none";
}

static void print_line(const struct bench_result *r)
{
    char size[16];

    printf("%-9s %6s %9.1f %9.1f %9.1f %9.2f %9.2f %9.2f", r->outbound ? "out" : "in", bench_size_text(r->size, size),
           r->cycles_per_packet, r->harness_cycles, r->raw_cycles, r->net_over_raw, r->mpps, r->gbps);
}

static void print_stages(const struct bench_options *o, const struct bench_result *r, unsigned n)
{
    char size[16];

    printf("\n%s%-9s %6s", o->compare ? "case       " : "", "direction", "size");
    for (unsigned k = 0; k < PIPELINE_STAGES; k++)
        printf(" %9s", bench_stage_names[k]);
    printf("  TSC cycles per packet, medians\n");
    for (unsigned i = 0; i < n; i++) {
        if (o->compare)
            printf("%-10s ", r[i].name);
        printf("%-9s %6s", r[i].outbound ? "out" : "in", bench_size_text(r[i].size, size));
        for (unsigned k = 0; k < PIPELINE_STAGES; k++)
            printf(" %9.1f", r[i].stages[k]);
        putchar('\n');
    }
}

void bench_report_table(const struct bench_options *o, const struct bench_result *r, unsigned n)
{
    printf("%s, IPv%u, %u SAs, %u rules, %u worker%s, %u flows, bursts of %u", o->suite->name, o->family, o->sas, o->rules,
           o->workers, o->workers > 1 ? "s" : "", BENCH_FLOWS, o->burst);
    if (o->vlan != 0)
        printf(", VLAN %u", o->vlan);
    if (o->replay != IPC_REPLAY_NONE)
        printf(", replay %s%s", replay_text(o), o->strict ? " strict" : "");
    printf("; TSC cycles per packet, middle rounds of one interleaved run\n");
    printf("%s%-9s %6s %9s %9s %9s %9s %9s %9s%s\n", o->compare ? "case       " : "", "direction", "size", "packet",
           "harness", "raw", "net/raw", "Mpps", "Gbit/s", o->compare ? "  net cycles" : o->workers > 1 ? "  times one" : "");
    for (unsigned i = 0; i < n; i++) {
        if (o->compare)
            printf("%-10s ", r[i].name);
        print_line(&r[i]);
        if (r[i].o.workers > 1)
            printf("   x %.2f", r[i].times_one);
        else if (r[i].against != NULL)
            printf("   %+6.1f %% %+6.1f over %s", r[i].over_percent, r[i].over_cycles, r[i].against);
        putchar('\n');
    }
    if (o->stages)
        print_stages(o, r, n);
}

static void kv_double(struct json *j, const char *key, double v, int decimals)
{
    json_key(j, key);
    json_double(j, v, decimals);
}

static void put_stages(struct json *j, const struct bench_result *r)
{
    json_key(j, "stages");
    json_object(j);
    for (unsigned k = 0; k < PIPELINE_STAGES; k++)
        kv_double(j, bench_stage_names[k], r->stages[k], 2);
    json_end_object(j);
}

bool bench_report_json(const struct bench_options *o, const struct bench_result *r, unsigned n)
{
    char size[16], *text;
    struct json j;

    json_init(&j);
    json_object(&j);
    json_key(&j, "results");
    json_array(&j);
    for (unsigned i = 0; i < n; i++) {
        json_object(&j);
        if (o->compare)
            json_kv_string(&j, "case", r[i].name);
        json_kv_string(&j, "suite", r[i].o.suite->name);
        json_kv_string(&j, "direction", r[i].outbound ? "out" : "in");
        json_kv_string(&j, "size", bench_size_text(r[i].size, size));
        json_kv_u64(&j, "family", r[i].o.family);
        json_kv_u64(&j, "vlan", r[i].o.vlan);
        json_kv_string(&j, "replay", replay_text(&r[i].o));
        json_kv_bool(&j, "strict", r[i].o.strict);
        json_kv_u64(&j, "sas", r[i].o.sas);
        json_kv_u64(&j, "rules", r[i].o.rules);
        json_kv_u64(&j, "workers", r[i].o.workers);
        json_kv_u64(&j, "burst", r[i].o.burst);
        json_kv_u64(&j, "rounds", r[i].o.rounds);
        kv_double(&j, "cycles_per_packet", r[i].cycles_per_packet, 2);
        kv_double(&j, "harness_cycles", r[i].harness_cycles, 2);
        kv_double(&j, "raw_cycles", r[i].raw_cycles, 2);
        kv_double(&j, "net_over_raw", r[i].net_over_raw, 3);
        kv_double(&j, "mpps", r[i].mpps, 3);
        kv_double(&j, "gbps", r[i].gbps, 3);
        if (r[i].o.workers > 1)
            kv_double(&j, "times_one_worker", r[i].times_one, 3);
        if (r[i].against != NULL) {
            json_kv_string(&j, "against", r[i].against);
            kv_double(&j, "over_percent", r[i].over_percent, 2);
            kv_double(&j, "over_cycles", r[i].over_cycles, 2);
        }
        if (o->stages)
            put_stages(&j, &r[i]);
        json_end_object(&j);
    }
    json_end_array(&j);
    json_end_object(&j);
    text = json_finish(&j);
    if (text == NULL)
        return false;
    puts(text);
    free(text);
    return true;
}
