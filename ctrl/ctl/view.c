/* SPDX-License-Identifier: BSD-3-Clause */
/* Pieces that several views share. What comes from the counter page is clamped before it is used. */
#include "ctrl/ctl/view.h"

#include <stdio.h>
#include <string.h>

void view_spi(struct json *j, const char *key, uint32_t spi)
{
    char text[16];

    snprintf(text, sizeof(text), "0x%08x", (unsigned)spi);
    json_kv_string(j, key, text);
}

uint64_t view_seconds_until(mono_t at, mono_t now)
{
    int64_t s = mono_to_s(mono_sub(at, now));

    return s > 0 ? (uint64_t)s : 0;
}

uint64_t view_seconds_since(mono_t at, mono_t now)
{
    return view_seconds_until(now, at);
}

const char *view_text_or_null(const char *text)
{
    return text[0] ? text : NULL;
}

void view_rule_sa(struct json *j, const struct acl_entry *e)
{
    if (e->sa)
        json_kv_u64(j, "sa", e->sa);
    else
        json_kv_null(j, "sa");
}

void view_rules(struct json *j, const char *key, const struct acl *acl)
{
    char text[ACL_TEXT_MAX];

    json_key(j, key);
    json_array(j);
    for (size_t i = 0; i < acl->n; i++) {
        json_object(j);
        json_kv_u64(j, "number", acl->entries[i].number);
        view_rule_sa(j, &acl->entries[i]);
        json_kv_string(j, "text", acl_entry_text(&acl->entries[i], text));
        json_end_object(j);
    }
    json_end_array(j);
}

void view_bindings(struct json *j, const struct config_group *g)
{
    json_key(j, "bindings");
    json_array(j);
    for (size_t i = 0; i < g->gm.n_bindings; i++) {
        json_object(j);
        json_kv_string(j, "pair", g->gm.bindings[i].pair);
        if (g->gm.bindings[i].vlan)
            json_kv_u64(j, "vlan", g->gm.bindings[i].vlan);
        else
            json_kv_null(j, "vlan");
        json_end_object(j);
    }
    json_end_array(j);
}

bool view_group_name(struct ctl_request *r, size_t at, bool as_member, bool as_server, const char **name, int *code)
{
    const struct config_group *g;

    *name = r->n_words > at ? r->words[at] : NULL;
    if (!*name)
        return true;
    g = config_find_group(roles_config(r->roles), *name);
    if (g && (g->is_member ? as_member : as_server))
        return true;
    if (!g)
        *code = ctl_error(r, CTL_NOT_FOUND, "no group named %s", *name);
    else
        *code = ctl_error(r, CTL_NOT_FOUND, "group %s is %s here", *name, g->is_member ? "a member's" : "a key server's");
    return false;
}

int view_groups(struct ctl_request *r, size_t at, void (*put_member)(struct ctl_request *r, const struct gm *gm),
                void (*put_server)(struct ctl_request *r, const struct ks_group *g))
{
    const struct ks *ks = roles_ks(r->roles);
    const char *name;
    int code;

    if (!view_group_name(r, at, put_member != NULL, put_server != NULL, &name, &code))
        return code;
    json_object(r->out);
    json_key(r->out, "groups");
    json_array(r->out);
    for (size_t i = 0; put_member && i < roles_members(r->roles); i++) {
        const struct gm *gm = roles_member(r->roles, i);

        if (!name || strcmp(gm_config(gm)->name, name) == 0)
            put_member(r, gm);
    }
    for (size_t i = 0; put_server && i < ks->n_groups; i++) {
        if (!name || strcmp(ks->groups[i]->config->name, name) == 0)
            put_server(r, ks->groups[i]);
    }
    json_end_array(r->out);
    json_end_object(r->out);
    return CTL_OK;
}

void view_digest(struct json *j, const char *key, const uint8_t digest[32])
{
    char text[65];

    for (size_t i = 0; i < 32; i++)
        snprintf(text + 2 * i, 3, "%02x", digest[i]);
    json_kv_string(j, key, text);
}

const struct ipc_page *view_page(struct roles *r, const struct gm *gm)
{
    struct dpc *d = plane_dpc(roles_plane(r, gm));

    return dpc_attached(d) ? dpc_page(d) : NULL;
}

const struct ipc_page_sa *view_slot(const struct ipc_page *page, uint32_t spi)
{
    for (size_t i = 0; page && i < IPC_MAX_SAS; i++) {
        if (atomic_load_explicit(&page->sas[i].spi, memory_order_acquire) == spi)
            return &page->sas[i];
    }
    return NULL;
}

static void counter(struct json *j, const char *key, const _Atomic uint64_t *v)
{
    if (v)
        json_kv_u64(j, key, atomic_load_explicit(v, memory_order_relaxed));
    else
        json_kv_null(j, key);
}

/* The group's (GM8), unless this SA is out of use or has nothing to make IVs from. */
static const char *sa_direction(const struct gm *gm, const struct gm_sa *s, mono_t now)
{
    if (s->parked || s->gone)
        return "none";
    if (s->n_senders == 0 && s->sa.suite->counter_mode)
        return name_of(gm_direction_names, GM_DIRECTION_INBOUND_ONLY);
    return name_of(gm_direction_names, gm_direction(gm, now));
}

void view_member_sa(struct json *j, const struct gm *gm, const struct gm_sa *s, const struct ipc_page *page, mono_t now)
{
    const struct ipc_page_sa *slot = view_slot(page, s->sa.spi);

    json_object(j);
    view_spi(j, "spi", s->sa.spi);
    json_kv_u64(j, "sa", s->sa.number);
    json_kv_string(j, "suite", s->sa.suite->name);
    json_kv_string(j, "direction", sa_direction(gm, s, now));
    json_kv_bool(j, "sending", gm_sending(gm, s->sa.number, now) == s && gm_direction(gm, now) != GM_DIRECTION_INBOUND_ONLY);
    json_kv_bool(j, "installed", s->acknowledged && !s->gone);
    json_kv_u64(j, "expires_in_s", view_seconds_until(s->end, now));
    json_key(j, "sender_ids");
    json_array(j);
    for (size_t i = 0; i < s->n_senders; i++) /* an SA that outlived a gvpnd keeps the ids that it sends with */
        json_u64(j, slot ? atomic_load_explicit(&slot->sender_id[i], memory_order_relaxed) : s->senders[i].id);
    json_end_array(j);
    counter(j, "packets_in", slot ? &slot->packets_in : NULL);
    counter(j, "packets_out", slot ? &slot->packets_out : NULL);
    counter(j, "bytes_in", slot ? &slot->bytes_in : NULL);
    counter(j, "bytes_out", slot ? &slot->bytes_out : NULL);
    json_end_object(j);
}

void view_kek_spi(struct json *j, const uint8_t spi[POLICY_KEK_SPI_LEN])
{
    char text[2 + 2 * POLICY_KEK_SPI_LEN + 1] = "0x";

    for (size_t i = 0; i < POLICY_KEK_SPI_LEN; i++)
        snprintf(text + 2 + 2 * i, 3, "%02x", spi[i]);
    json_kv_string(j, "spi", text);
}

void view_kek(struct json *j, const uint8_t *spi, mono_t end, mono_t now)
{
    json_key(j, "kek");
    if (!spi) {
        json_null(j);
        return;
    }
    json_object(j);
    view_kek_spi(j, spi);
    json_kv_u64(j, "expires_in_s", view_seconds_until(end, now));
    json_end_object(j);
}

void view_ks_kek(struct json *j, const struct ks_group *g, mono_t now)
{
    const struct ks_kek *k = g->keks.n > 0 ? &g->keks.all[0] : NULL;

    view_kek(j, k ? k->kek.spi : NULL, k ? k->end : MONO_NEVER, now);
}

void view_window(struct json *j, enum replay_method method, uint16_t window)
{
    if (method == REPLAY_TIME)
        json_kv_u64(j, "window_s", window);
    else
        json_kv_null(j, "window_s");
    if (method == REPLAY_COUNTER)
        json_kv_u64(j, "window_packets", window);
    else
        json_kv_null(j, "window_packets");
}

void view_tek(struct json *j, const struct ks_tek *t, bool receive_only, mono_t now)
{
    json_object(j);
    view_spi(j, "spi", t->spi);
    json_kv_u64(j, "sa", t->number);
    json_kv_string(j, "suite", t->suite->name);
    json_kv_string(j, "direction", receive_only ? "inbound-only" : "both");
    json_kv_bool(j, "sending", false); /* a key server carries no traffic */
    json_kv_u64(j, "expires_in_s", view_seconds_until(t->end, now));
    json_key(j, "sender_ids");
    json_array(j);
    json_end_array(j);
    json_kv_null(j, "packets_in");
    json_kv_null(j, "packets_out");
    json_kv_null(j, "bytes_in");
    json_kv_null(j, "bytes_out");
    json_end_object(j);
}

void view_packets_in(struct json *j, const struct ipc_page *page, uint32_t spi)
{
    const struct ipc_page_sa *slot = view_slot(page, spi);

    counter(j, "packets_in", slot ? &slot->packets_in : NULL);
}

void view_gm_pseudotime(struct json *j, const struct gm *gm, mono_t now)
{
    if (gm_clock(gm)->is_set)
        json_kv_u64(j, "pseudotime_ms", gm_pseudotime_ms(gm_clock(gm)->zero, now));
    else
        json_kv_null(j, "pseudotime_ms");
}

void view_ks_pseudotime(struct json *j, const struct ks_group *g, mono_t now)
{
    if (g->pseudotime.runs)
        json_kv_u64(j, "pseudotime_ms", ks_pseudotime_ms(&g->pseudotime, now));
    else
        json_kv_null(j, "pseudotime_ms");
}
