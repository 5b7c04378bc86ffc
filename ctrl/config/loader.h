/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Inside ctrl/config only: what the section parsers share while a file is read. Named things (acls, transform
 * sets, profiles) live here until groups have resolved them; the tables of top-level keys are walked in that
 * order.
 */
#ifndef GVPN_CTRL_CONFIG_LOADER_H
#define GVPN_CTRL_CONFIG_LOADER_H

#include "common/schema.h"
#include "ctrl/config/config.h"

/* Each begins with its name, see config_value_find(). */
struct named_acl {
    char name[CONFIG_NAME_MAX];
    struct acl acl;
    const struct yaml_node *node; /* where it stands; valid while the file is read */
    bool is_protecting;           /* an `sa` refers to it */
    bool is_local;                /* a `local-acl` does */
};

struct named_set {
    char name[CONFIG_NAME_MAX];
    const struct suite *suite;
    bool transport;
};

struct named_profile {
    char name[CONFIG_NAME_MAX];
    const struct named_set *set;
    uint32_t lifetime_s;
};

struct loader {
    struct schema s; /* s.user is this loader */
    struct config *c;
    struct named_acl *acls;
    size_t n_acls;
    struct named_set *sets;
    size_t n_sets;
    struct named_profile *profiles;
    size_t n_profiles;
    bool inline_secret; /* a `secret:` stands in the file itself */
    bool with_rekey;    /* the group that is read has `rekey` */
};

static inline struct loader *loader_of(const struct schema *s)
{
    return s->user;
}

/* What kind of mistake it is, behind one that was said: schema_fail(...) || loader_is(...). Always false. */
bool loader_is(struct schema *s, enum config_mistake kind);
/* Adds a warning at a node's place; false (with the error set) only when memory is short. */
bool loader_lint(struct schema *s, const struct yaml_node *n, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* calloc that says so at the node when it fails. */
void *loader_alloc(struct schema *s, const struct yaml_node *n, size_t count, size_t size);

/* config_value.c: values that several sections use. */
/* A unicast IPv4 address -> struct addr. */
schema_fn config_value_addr;
/* "484" or "10.1.1.1" -> struct group_id. */
schema_fn config_value_group_id;
/* Any text of up to 255 octets; stores nothing. */
schema_fn config_value_any;
/* The thing of this name in an array of things that begin with their name, or NULL with the error set. */
const void *config_value_find(struct schema *s, const struct yaml_node *n, const char *kind,
                              const void *array, size_t count, size_t size);

/* config_secret.c: `secret` or `secret-file` of a map -> struct secret, length checked. */
bool config_secret_parse(struct schema *s, const struct yaml_node *map, struct secret *out);
/* Up to cap octets of the file that n names; refused when others may touch it. The caller wipes out. */
bool config_secret_file(struct schema *s, const struct yaml_node *n, uint8_t *out, size_t cap, size_t *len);

/* config_rekey.c: `key-server.rekey` -> has_rekey and rekey of a struct config_key_server whose `sa` are known. */
schema_fn config_rekey_parse;

/* config_acl.c */
schema_fn config_acl_named;      /* the section acls */
schema_fn config_acl_fail_close; /* a list of deny entries -> struct acl */
schema_fn config_acl_authorize;  /* a list of `permit|deny ADDRESS` -> struct acl */
schema_fn config_acl_local;      /* the name of a list -> struct acl, with a warning for its permit entries (GM5) */
schema_fn config_acl_protecting; /* the name of a list -> const struct named_acl * */
/* Warnings of lists as policy, once it is known which are. False when memory is short. */
bool config_acl_lint(struct schema *s);

/* No `proposals:` means one proposal. False when memory is short. */
bool config_ike_set_defaults(struct config *c);

/* One table or function per section. */
extern const struct schema_field config_ike_fields[];    /* base: struct config */
extern const struct schema_field config_server_fields[]; /* base: struct config_group */
extern const struct schema_field config_member_fields[]; /* base: struct config_group */
extern const struct schema_field config_accept_fields[]; /* base: struct config_group */
schema_fn config_sets_parse;
schema_fn config_sets_parse_profiles;
schema_fn config_groups_parse;

/* config_later.c: parts of the language that this version checks and then refuses. */
extern const struct schema_field config_later_certificates[];
extern const struct schema_field config_later_dpd[];
extern const struct schema_field config_later_cooperative[];
extern const struct schema_field config_later_interop[];
schema_fn config_later_duration; /* any duration of 1 s to 30 d */

#endif
