/* SPDX-License-Identifier: BSD-3-Clause */
/* Results as a table for people or JSON for scripts. */
#include "tools/bench/bench.h"

#include "common/json.h"

#include <stdio.h>
#include <stdlib.h>

const char *bench_size_text(unsigned size, char out[16])
{
    if (size == BENCH_IMIX)
        snprintf(out, 16, "imix");
    else
        snprintf(out, 16, "%u", size);
    return out;
}

void bench_report_table(const struct bench_options *o, const struct bench_result *r, unsigned n)
{
    char size[16];

    printf("%s, %u SAs, %u rules, 1 worker, %u flows, bursts of %u; TSC cycles per packet, middle rounds of one interleaved run\n",
           o->suite->name, o->sas, o->rules, BENCH_FLOWS, o->burst);
    printf("%-9s %6s %9s %9s %9s %9s %9s %9s\n", "direction", "size", "packet", "harness", "raw", "net/raw", "Mpps",
           "Gbit/s");
    for (unsigned i = 0; i < n; i++)
        printf("%-9s %6s %9.1f %9.1f %9.1f %9.2f %9.2f %9.2f\n", r[i].outbound ? "out" : "in",
               bench_size_text(r[i].size, size), r[i].cycles_per_packet, r[i].harness_cycles, r[i].raw_cycles,
               r[i].net_over_raw, r[i].mpps, r[i].gbps);
}

static void kv_double(struct json *j, const char *key, double v, int decimals)
{
    json_key(j, key);
    json_double(j, v, decimals);
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
        json_kv_string(&j, "suite", o->suite->name);
        json_kv_string(&j, "direction", r[i].outbound ? "out" : "in");
        json_kv_string(&j, "size", bench_size_text(r[i].size, size));
        json_kv_u64(&j, "sas", o->sas);
        json_kv_u64(&j, "rules", o->rules);
        json_kv_u64(&j, "workers", o->workers);
        json_kv_u64(&j, "burst", o->burst);
        kv_double(&j, "cycles_per_packet", r[i].cycles_per_packet, 2);
        kv_double(&j, "harness_cycles", r[i].harness_cycles, 2);
        kv_double(&j, "raw_cycles", r[i].raw_cycles, 2);
        kv_double(&j, "net_over_raw", r[i].net_over_raw, 3);
        kv_double(&j, "mpps", r[i].mpps, 3);
        kv_double(&j, "gbps", r[i].gbps, 3);
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
