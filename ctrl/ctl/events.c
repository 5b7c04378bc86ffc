/* SPDX-License-Identifier: BSD-3-Clause */
/* show events [COUNT], show log-messages: what was said, and everything that can be said (OP3, OP4). */
#include "ctrl/ctl/commands.h"

#include <stdlib.h>
#include <string.h>

/* "GDOI-5-GM_REGS_COMPL" -> 5. */
static uint64_t severity_of(const char *mnemonic)
{
    const char *dash = strchr(mnemonic, '-');

    return dash && dash[1] >= '0' && dash[1] <= '7' ? (uint64_t)(dash[1] - '0') : 7;
}

/* 1 to EVENTS_MAX; 0 = it isn't such a number. */
static size_t parse_count(const char *text)
{
    char *end;
    unsigned long n = strtoul(text, &end, 10);

    return text[0] >= '0' && text[0] <= '9' && *end == '\0' && n >= 1 && n <= EVENTS_MAX ? n : 0;
}

static void put_event(struct json *j, const struct event_record *e)
{
    char time[EVENTS_TIME_MAX];

    json_object(j);
    json_kv_string(j, "time", events_time_text(e->unix_ms, time));
    json_kv_u64(j, "time_unix_ms", (uint64_t)e->unix_ms);
    json_kv_string(j, "mnemonic", log_mnemonic(e->id));
    json_kv_u64(j, "severity", severity_of(log_mnemonic(e->id)));
    json_kv_string(j, "text", e->text);
    json_end_object(j);
}

int ctl_show_events(struct ctl_request *r)
{
    const struct events *e = r->hooks->events;
    size_t count = e ? events_count(e) : 0, wanted = count;

    if (r->n_words > 3 || (r->n_words == 3 && parse_count(r->words[2]) == 0))
        return ctl_error(r, CTL_USAGE, "show events: COUNT is 1..%d", EVENTS_MAX);
    if (r->n_words == 3)
        wanted = parse_count(r->words[2]);
    json_object(r->out);
    json_kv_u64(r->out, "total", e ? events_total(e) : 0);
    json_kv_u64(r->out, "suppressed", log_suppressed());
    json_key(r->out, "events");
    json_array(r->out);
    for (size_t i = wanted < count ? count - wanted : 0; i < count; i++)
        put_event(r->out, events_at(e, i));
    json_end_array(r->out);
    json_end_object(r->out);
    return CTL_OK;
}

int ctl_show_log_messages(struct ctl_request *r)
{
    json_object(r->out);
    json_key(r->out, "messages");
    json_array(r->out);
    for (unsigned id = 0; id < LOG_ID_COUNT; id++) {
        json_object(r->out);
        json_kv_string(r->out, "mnemonic", log_mnemonic(id));
        json_kv_u64(r->out, "severity", severity_of(log_mnemonic(id)));
        json_kv_string(r->out, "text", log_text(id));
        json_end_object(r->out);
    }
    json_end_array(r->out);
    json_end_object(r->out);
    return CTL_OK;
}
