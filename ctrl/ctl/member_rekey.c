/* SPDX-License-Identifier: BSD-3-Clause */
/* What a member's views say of its KEK and the rekeys that came under it (GM3, GM4), of what it accepts (GM9), and
 * `gm direction` (GM8). */
#include "ctrl/ctl/view.h"
#include "ctrl/policy/kek.h"

#include <string.h>

void view_member_rekeys(struct json *j, const struct gm *gm, mono_t now)
{
    const struct gm_rekey_stats *s = &gm_stats(gm)->rekey;
    const struct gm_kek *k = gm_kek(gm);

    json_kv_u64(j, "rekeys_received", s->received);
    if (s->has_last)
        json_kv_u64(j, "last_rekey_seq", s->last_number);
    else
        json_kv_null(j, "last_rekey_seq");
    view_kek(j, k->has ? k->kek.spi : NULL, k->end, now);
}

static void put_kek(struct json *j, const struct gm *gm, mono_t now)
{
    const struct gm_kek *k = gm_kek(gm);
    struct endpoint group;
    char text[ADDR_TEXT_MAX];
    bool multicast = gm_kek_group(&k->kek, &group);

    json_key(j, "kek");
    json_object(j);
    view_kek_spi(j, k->kek.spi);
    json_kv_u64(j, "expires_in_s", view_seconds_until(k->end, now));
    json_kv_string(j, "encryption", policy_kek_encryption_text(&k->kek));
    json_kv_string(j, "signature", policy_kek_signature_text(&k->kek));
    json_kv_string(j, "hash", policy_kek_hash_text(&k->kek));
    json_kv_u64(j, "signing_key_bits", k->kek.signature_bits);
    json_kv_string(j, "transport", multicast ? "multicast" : "unicast");
    json_kv_string(j, "destination", multicast ? endpoint_text(&group, text) : NULL);
    json_kv_bool(j, "acknowledged", k->kek.ack != 0);
    json_kv_u64(j, "last_seq", k->last);
    json_end_object(j);
}

static void put_last(struct json *j, const struct gm_rekey_stats *s, mono_t now)
{
    char text[ADDR_TEXT_MAX];

    json_key(j, "last");
    json_object(j);
    json_kv_u64(j, "seq", s->last_number);
    json_kv_string(j, "from", endpoint_text(&s->last_from, text));
    json_kv_string(j, "to", endpoint_text(&s->last_to, text));
    json_kv_u64(j, "s_ago", view_seconds_since(s->last_at, now));
    json_end_object(j);
}

void view_gm_rekeys(struct json *j, const struct gm *gm, mono_t now)
{
    const struct gm_rekey_stats *s = &gm_stats(gm)->rekey;

    if (gm_kek(gm)->has)
        put_kek(j, gm, now);
    else
        json_kv_null(j, "kek");
    json_key(j, "rekeys");
    json_object(j);
    json_kv_u64(j, "received", s->received);
    json_kv_u64(j, "received_unicast", s->received - s->multicast);
    json_kv_u64(j, "received_multicast", s->multicast);
    json_kv_u64(j, "received_since_registration", s->since_registration);
    json_kv_u64(j, "repeated", s->repeated);
    json_kv_u64(j, "acknowledgements_sent", s->acknowledged);
    if (s->has_last)
        put_last(j, s, now);
    else
        json_kv_null(j, "last");
    json_key(j, "dropped");
    json_object(j);
    for (unsigned i = 0; i < GM_DROP_COUNT; i++)
        json_kv_u64(j, name_of(gm_rekey_drop_names, i), s->dropped[i]);
    json_end_object(j);
    json_end_object(j);
    json_kv_u64(j, "recoveries", gm_stats(gm)->recoveries);
}

void view_gm_direction(struct json *j, const struct gm *gm, mono_t now)
{
    const struct gm_directions *d = gm_directions(gm);

    json_kv_string(j, "direction", name_of(gm_direction_names, gm_direction(gm, now)));
    json_kv_string(j, "direction_by", d->has_override              ? "operator"
                                      : gm_config(gm)->gm.passive  ? "configuration"
                                      : d->receive_only            ? "key-server"
                                      : mono_is_never(d->passive_until) ? "default"
                                                                        : "conversion");
    if (mono_is_never(d->passive_until))
        json_kv_null(j, "converts_in_s");
    else
        json_kv_u64(j, "converts_in_s", view_seconds_until(d->passive_until, now));
}

static void put_accepted(struct json *j, const char *key, const struct name *names, unsigned mask)
{
    json_key(j, key);
    json_array(j);
    for (const struct name *n = names; n->text; n++) {
        if (mask & 1u << n->value)
            json_string(j, n->text);
    }
    json_end_array(j);
}

void view_gm_accept(struct json *j, const struct gm *gm)
{
    const struct config_accept *a = &gm_config(gm)->gm.accept;

    json_key(j, "accept");
    json_object(j);
    json_key(j, "suites");
    json_array(j);
    for (size_t i = 0; i < a->n_suites; i++)
        json_string(j, a->suites[i]->name);
    json_end_array(j);
    put_accepted(j, "rekey_encryption", policy_kek_encryption_names, a->rekey_encryption);
    put_accepted(j, "rekey_hash", policy_kek_hash_names, a->rekey_hash);
    json_end_object(j);
}

int ctl_gm_direction(struct ctl_request *r)
{
    const char *name = r->n_words > 2 ? r->words[2] : "";
    unsigned direction;

    if (r->n_words != 4 || !name_find(gm_direction_names, r->words[3], &direction))
        return ctl_error(r, CTL_USAGE, "gm direction: expected GROUP both|inbound-only|inbound-optional");
    for (size_t i = 0; i < roles_members(r->roles); i++) {
        struct gm *gm = roles_member(r->roles, i);

        if (strcmp(gm_config(gm)->name, name) != 0)
            continue;
        gm_set_direction(gm, (enum gm_direction)direction, roles_now(r->roles));
        json_object(r->out);
        json_kv_string(r->out, "group", name);
        json_kv_string(r->out, "direction", name_of(gm_direction_names, direction));
        json_kv_string(r->out, "note",
                       "until the next rekey or registration with news; then configuration and key server rule again");
        json_end_object(r->out);
        return CTL_OK;
    }
    return ctl_error(r, CTL_NOT_FOUND, "no group named %s has a member here", name);
}
