/* SPDX-License-Identifier: BSD-3-Clause */
/* How a key server pushes its keys, and what came of asking it to. */
#include "tools/ctl/views_impl.h"

#include <stdlib.h>

static void print_settings(FILE *to, const json_t *r)
{
    const json_t *again = json_object_get(r, "retransmit"), *waves = json_object_get(r, "waves");

    table_text(to, 2, "transport          %s%s%s", view_text(r, "transport"),
               json_is_string(json_object_get(r, "destination")) ? " to " : "",
               json_is_string(json_object_get(r, "destination")) ? view_text(r, "destination") : "");
    table_text(to, 2, "acknowledgement    %s", view_text(r, "acknowledgement"));
    table_text(to, 2, "sent again         %s times, every %s", view_text(again, "count"), view_duration(again, "interval_s"));
    table_text(to, 2, "waves              of %s members, every %s", view_text(waves, "members"),
               view_duration(waves, "interval_s"));
}

static void print_kek(FILE *to, const json_t *r)
{
    static const char *const heads[] = {"OLDER KEK", ">ENDS IN", ">NUMBER", NULL};
    static const char *const keys[] = {"spi", "expires_in_s", "number", NULL};
    const json_t *k = json_object_get(r, "kek"), *older = json_object_get(r, "older_keks");

    table_text(to, 2, "TEKs               %s", view_text(r, "teks"));
    table_text(to, 2, "KEK                %s, %s, key of %s octets, IV of %s", view_text(k, "spi"), view_text(k, "encryption"),
               view_text(k, "key_octets"), view_text(k, "iv_octets"));
    table_text(to, 2, "  signed with      %s of %s bits, %s, signatures of %s octets", view_text(k, "signature"),
               view_text(k, "signing_key_bits"), view_text(k, "hash"), view_text(k, "signature_octets"));
    table_text(to, 2, "  signing key      %s, public part of %s octets", view_text(k, "signing_key_file"),
               view_text(k, "signing_key_octets"));
    table_text(to, 2, "  lives            %s, made %s ago, ends in %s", view_duration(k, "lifetime_s"),
               view_duration(k, "made_s_ago"), view_duration(k, "expires_in_s"));
    table_text(to, 2, "  last number      %s", view_text(k, "number"));
    if (json_array_size(older) > 0)
        view_array(to, 4, older, heads, keys);
    table_text(to, 2, "next TEK in        %s", view_duration(r, "next_tek_in_s"));
    table_text(to, 2, "next KEK in        %s", view_duration(r, "next_kek_in_s"));
    table_text(to, 2, "time is told in    %s", view_duration(r, "next_time_in_s"));
}

static void print_round(FILE *to, const char *what, const json_t *r)
{
    table_text(to, 2, "%s %s, %s ago, round %s%s", what, view_text(r, "why"), view_duration(r, "began_s_ago"),
               view_text(r, "round"), json_is_true(json_object_get(r, "under_way")) ? ", under way" : "");
    table_text(to, 2, "                   to %s members, %s haven't acknowledged", view_text(r, "members"), view_text(r, "pending"));
}

static void print_state(FILE *to, const json_t *r)
{
    const json_t *acks = json_object_get(r, "acknowledgements"), *round;
    char *barred = view_list(r, "barred");
    size_t i;

    table_text(to, 2, "rekeys             %s", view_text(r, "rekeys"));
    if (json_is_object(json_object_get(r, "last")))
        print_round(to, "last rekey        ", json_object_get(r, "last"));
    json_array_foreach (json_object_get(r, "leaving"), i, round)
        print_round(to, "told to register  ", round);
    table_text(to, 2, "acknowledgements   %s, late %s, unsolicited %s, forged %s", view_text(acks, "accepted"),
               view_text(acks, "late"), view_text(acks, "unsolicited"), view_text(acks, "forged"));
    table_text(to, 2, "barred             %s", barred ? barred : "?");
    free(barred);
}

void view_ks_rekey(FILE *to, const json_t *document)
{
    static const char *const heads[] = {"ADDRESS", "IDENTITY", "KEK", "PENDING", ">REKEYS", ">ACKED", ">MISSED", NULL};
    static const char *const keys[] = {"address", "identity", "kek", "pending", "rekeys_sent", "rekeys_acked", "missed", NULL};
    const json_t *g;
    size_t i;

    view_no_group(to, document, "is served here");
    json_array_foreach (json_object_get(document, "groups"), i, g) {
        const json_t *r = json_object_get(g, "rekey");

        table_text(to, 0, "group %s served at %s", view_text(g, "name"), view_text(g, "server"));
        if (!json_is_object(r)) {
            table_text(to, 2, "no rekeys: members renew by registering");
            continue;
        }
        print_settings(to, r);
        print_kek(to, r);
        print_state(to, r);
        if (json_is_array(json_object_get(r, "members")))
            view_array(to, 2, json_object_get(r, "members"), heads, keys);
    }
}

void view_rekey(FILE *to, const json_t *document)
{
    table_text(to, 0, "group %s (%s): rekey to %s members, %s new keys", view_text(document, "group"), view_text(document, "role"),
               view_text(document, "members_told"), view_text(document, "new_teks"));
    if (json_is_integer(json_object_get(document, "old_keys_receive_s")))
        table_text(to, 0, "the old keys receive for another %s", view_duration(document, "old_keys_receive_s"));
    table_text(to, 0, "%s", view_text(document, "note"));
}
