/* SPDX-License-Identifier: BSD-3-Clause */
/* What gvpn-swarm says: a line about the progress, and the result as a table or as JSON. */
#include "tools/swarm/swarm.h"

#include "common/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int compare(const void *a, const void *b)
{
    uint32_t x, y;

    memcpy(&x, a, sizeof(x));
    memcpy(&y, b, sizeof(y));
    return x < y ? -1 : x > y;
}

/* The value below which so many percent of n are, in ms; sorts them. */
static double percentile_ms(uint32_t *us, unsigned n, unsigned percent)
{
    size_t at;

    if (n == 0)
        return 0;
    at = (size_t)(n - 1) * percent / 100;
    qsort(us, n, sizeof(*us), compare);
    return us[at] / 1000.0;
}

static double seconds(mono_t from, mono_t to)
{
    return (double)(to.ns - from.ns) / 1e9;
}

void swarm_report_server(const struct swarm *s, uint64_t *rss_kb, double *cpu_s)
{
    char path[64], line[512];
    unsigned long user = 0, system_ = 0;
    const char *rest;
    FILE *f;

    *rss_kb = 0;
    *cpu_s = 0;
    if (s->o.server_pid == 0)
        return;
    snprintf(path, sizeof(path), "/proc/%d/status", (int)s->o.server_pid);
    f = fopen(path, "re");
    while (f != NULL && fgets(line, sizeof(line), f) != NULL)
        if (strncmp(line, "VmRSS:", 6) == 0)
            *rss_kb = strtoull(line + 6, NULL, 10);
    if (f != NULL)
        fclose(f);
    snprintf(path, sizeof(path), "/proc/%d/stat", (int)s->o.server_pid);
    f = fopen(path, "re");
    /* Behind the name in parentheses: state and ten numbers, then user and system time (proc(5)). */
    if (f != NULL && fgets(line, sizeof(line), f) != NULL && (rest = strrchr(line, ')')) != NULL &&
        sscanf(rest, ") %*c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %lu %lu", &user, &system_) == 2)
        *cpu_s = (double)(user + system_) / (double)sysconf(_SC_CLK_TCK);
    if (f != NULL)
        fclose(f);
}

void swarm_report_progress(const struct swarm *s)
{
    const struct swarm_rekey *r = s->n_rekeys ? &s->rekeys[s->n_rekeys - 1] : NULL;
    double run = seconds(s->began, s->now.real);

    fprintf(stderr, "\r%6.0f s: %u of %u registered, %.0f/s, %u failed tries, %u rekeys", run, s->n_registered, s->o.members,
            s->n_registered / (run > 0 ? run : 1), s->n_failed, s->n_rekeys);
    if (r != NULL)
        fprintf(stderr, ", the last has reached %u", r->n);
    fprintf(stderr, ", %llu acknowledgements   ", (unsigned long long)s->counts.acks);
}

static void put_rekeys(struct json *j, const struct swarm *s)
{
    json_key(j, "rekeys");
    json_array(j);
    for (unsigned i = 0; i < s->n_rekeys; i++) {
        const struct swarm_rekey *r = &s->rekeys[i];

        json_object(j);
        json_kv_string(j, "kind", r->kek ? "kek" : "tek");
        json_kv_u64(j, "number", r->number);
        json_kv_u64(j, "members", r->n);
        json_key(j, "fan_out_s");
        json_double(j, seconds(r->first, r->last), 3);
        json_key(j, "p50_ms");
        json_double(j, percentile_ms(r->after_us, r->n, 50), 1);
        json_key(j, "p99_ms");
        json_double(j, percentile_ms(r->after_us, r->n, 99), 1);
        json_end_object(j);
    }
    json_end_array(j);
}

static void put_server(struct json *j, const struct swarm *s)
{
    json_key(j, "server");
    if (s->o.server_pid == 0) {
        json_null(j);
        return;
    }
    json_object(j);
    json_kv_u64(j, "rss_kb_before", s->rss_kb[0]);
    json_kv_u64(j, "rss_kb_registered", s->rss_kb[1]);
    json_key(j, "rss_bytes_per_member");
    json_double(j, s->n_registered ? ((double)s->rss_kb[1] - (double)s->rss_kb[0]) * 1024 / s->n_registered : 0, 0);
    json_key(j, "cpu_s_registering");
    json_double(j, s->cpu_s[1] - s->cpu_s[0], 2);
    json_key(j, "cpu_s_afterwards");
    json_double(j, s->cpu_s[2] - s->cpu_s[1], 2);
    json_end_object(j);
}

static void put_counts(struct json *j, const struct swarm *s)
{
    const struct swarm_counts *c = &s->counts;

    json_key(j, "datagrams");
    json_object(j);
    json_kv_u64(j, "sent", c->sent);
    json_kv_u64(j, "received", c->received);
    json_kv_u64(j, "lost_on_purpose", c->lost);
    json_kv_u64(j, "rekeys", c->pushes);
    json_kv_u64(j, "rekeys_repeated", c->repeated);
    json_kv_u64(j, "rekeys_refused", c->refused);
    json_kv_u64(j, "acknowledgements", c->acks);
    json_end_object(j);
}

static double registering_s(const struct swarm *s)
{
    return seconds(s->began, mono_is_never(s->all_registered) ? s->now.real : s->all_registered);
}

static void print_json(const struct swarm *s)
{
    struct json j;
    char *text;

    json_init(&j);
    json_object(&j);
    json_kv_u64(&j, "members", s->o.members);
    json_kv_u64(&j, "parallel", s->o.parallel);
    json_kv_u64(&j, "loss_percent", s->o.loss);
    json_kv_u64(&j, "registered", s->n_registered);
    json_kv_u64(&j, "failed_tries", s->n_failed);
    json_kv_u64(&j, "registered_again", s->reregistered);
    json_kv_u64(&j, "without_key", s->past_end);
    json_kv_string(&j, "last_error", s->last_error[0] ? s->last_error : NULL);
    json_key(&j, "registering_s");
    json_double(&j, registering_s(s), 3);
    json_key(&j, "registrations_per_s");
    json_double(&j, s->n_registered / registering_s(s), 1);
    json_key(&j, "p50_ms");
    json_double(&j, percentile_ms(s->took_us, s->n_registered, 50), 1);
    json_key(&j, "p99_ms");
    json_double(&j, percentile_ms(s->took_us, s->n_registered, 99), 1);
    put_rekeys(&j, s);
    put_counts(&j, s);
    put_server(&j, s);
    json_end_object(&j);
    text = json_finish(&j);
    puts(text != NULL ? text : "{}");
    free(text);
}

static void print_table(const struct swarm *s)
{
    printf("%u of %u members registered in %.1f s: %.0f/s, p50 %.0f ms, p99 %.0f ms; %u failed tries%s%s\n", s->n_registered,
           s->o.members, registering_s(s), s->n_registered / registering_s(s), percentile_ms(s->took_us, s->n_registered, 50),
           percentile_ms(s->took_us, s->n_registered, 99), s->n_failed, s->last_error[0] ? ", the last: " : "", s->last_error);
    for (unsigned i = 0; i < s->n_rekeys; i++) {
        const struct swarm_rekey *r = &s->rekeys[i];

        printf("%s rekey %u: reached %u in %.3f s, p50 %.0f ms, p99 %.0f ms\n", r->kek ? "KEK" : "TEK", r->number, r->n,
               seconds(r->first, r->last), percentile_ms(r->after_us, r->n, 50), percentile_ms(r->after_us, r->n, 99));
    }
    printf("%llu rekeys came, %llu of them again, %llu couldn't be used; %llu acknowledgements; %llu datagrams dropped on purpose\n",
           (unsigned long long)s->counts.pushes, (unsigned long long)s->counts.repeated, (unsigned long long)s->counts.refused,
           (unsigned long long)s->counts.acks, (unsigned long long)s->counts.lost);
    printf("%u registered again before their key ended, %u were without one\n", s->reregistered, s->past_end);
    if (s->o.server_pid != 0)
        printf("key server: %.0f octets of memory per member, %.2f s of CPU for registrations, %.2f s afterwards\n",
               s->n_registered ? ((double)s->rss_kb[1] - (double)s->rss_kb[0]) * 1024 / s->n_registered : 0,
               s->cpu_s[1] - s->cpu_s[0], s->cpu_s[2] - s->cpu_s[1]);
}

void swarm_report(const struct swarm *s)
{
    fputc('\n', stderr);
    if (s->o.json)
        print_json(s);
    else
        print_table(s);
}
