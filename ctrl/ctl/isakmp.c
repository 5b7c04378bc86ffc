/* SPDX-License-Identifier: BSD-3-Clause */
/* show isakmp sa: every session, as member or key server; no cookie, key or message id is shown. */
#include "ctrl/ctl/commands.h"

#include <stdio.h>

/* The numbers of RFC 2409 appendix A that this version can run; others come out as numbers. */
static const struct name encryptions[] = {{5, "3des"}, {7, "aes"}, {0, NULL}};
static const struct name hashes[] = {{2, "sha1"}, {4, "sha256"}, {5, "sha384"}, {6, "sha512"}, {0, NULL}};
static const struct name auths[] = {{1, "psk"}, {3, "rsa"}, {9, "ecdsa"}, {0, NULL}};

static void put_algorithms(struct json *j, const struct config_proposal *p)
{
    char text[32], encryption[48];

    if (!p) {
        json_kv_null(j, "encryption");
        json_kv_null(j, "hash");
        json_kv_null(j, "group");
        json_kv_null(j, "auth");
        return;
    }
    if (p->key_bits)
        snprintf(encryption, sizeof(encryption), "%s-%u", name_text(encryptions, p->encryption, text), p->key_bits);
    else
        snprintf(encryption, sizeof(encryption), "%s", name_text(encryptions, p->encryption, text));
    json_kv_string(j, "encryption", encryption);
    json_kv_string(j, "hash", name_text(hashes, p->hash, text));
    json_kv_u64(j, "group", p->group);
    json_kv_string(j, "auth", name_text(auths, p->auth, text));
}

static void put_session(void *ctx, const struct session_view *v)
{
    struct json *j = ctx;
    char text[ADDR_TEXT_MAX];

    json_object(j);
    json_kv_string(j, "peer", endpoint_text(&v->path.remote, text));
    json_kv_string(j, "local", endpoint_text(&v->path.local, text));
    json_kv_string(j, "role", v->initiator ? "initiator" : "responder");
    json_kv_bool(j, "established", v->established);
    json_kv_string(j, "state", v->state);
    json_kv_string(j, "identity", v->identity[0] ? v->identity : NULL);
    put_algorithms(j, v->chosen);
    if (v->established)
        json_kv_u64(j, "lifetime_left_s", v->lifetime_left_s);
    else
        json_kv_null(j, "lifetime_left_s");
    json_kv_u64(j, "age_s", v->age_s);
    json_end_object(j);
}

int ctl_show_isakmp_sa(struct ctl_request *r)
{
    const struct sessions *ss = roles_sessions(r->roles);

    json_object(r->out);
    json_kv_u64(r->out, "count", sessions_count(ss));
    json_key(r->out, "sas");
    json_array(r->out);
    sessions_each(ss, roles_now(r->roles), put_session, r->out);
    json_end_array(r->out);
    json_end_object(r->out);
    return CTL_OK;
}
