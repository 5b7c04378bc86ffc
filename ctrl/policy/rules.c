/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The ordered list as octets (our GAP attribute 130) and back. One entry has one encoding, so that equal lists have equal
 * digests; whatever isn't that encoding is refused.
 *
 *      0                   1                   2                   3
 *      0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *     !    Action     !    Family     !   Protocol    ! Source prefix !
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *     !  Dest. prefix !       0       !           SA number           !
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *     !      Lowest source port       !      Highest source port      !
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *     !    Lowest destination port    !    Highest destination port   !
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *     ~           Source address, 4 or 16 octets, then                ~
 *     ~           destination address of the same length              ~
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 */
#include "ctrl/policy/fault.h"

#include <stdlib.h>

static void put_range(struct buf_writer *w, const struct port_range *r)
{
    buf_put_u16(w, r->low);
    buf_put_u16(w, r->high);
}

void policy_rules_put(struct buf_writer *w, const struct acl *acl)
{
    for (size_t i = 0; i < acl->n; i++) {
        const struct acl_entry *e = &acl->entries[i];
        size_t len = addr_len(e->sel.src.addr.family);
        buf_put_u8(w, e->permit);
        buf_put_u8(w, e->sel.src.addr.family);
        buf_put_u8(w, e->sel.proto);
        buf_put_u8(w, e->sel.src.len);
        buf_put_u8(w, e->sel.dst.len);
        buf_put_u8(w, 0);
        buf_put_u16(w, e->sa);
        put_range(w, &e->sel.sport);
        put_range(w, &e->sel.dport);
        buf_put_bytes(w, e->sel.src.addr.b, len);
        buf_put_bytes(w, e->sel.dst.addr.b, len);
    }
}

/* No bit behind the prefix is set. */
static bool is_clean(const struct prefix *p)
{
    for (unsigned i = p->len; i < 8 * addr_len(p->addr.family); i++)
        if ((p->addr.b[i / 8] >> (7 - i % 8) & 1) != 0)
            return false;
    return true;
}

static const char *check(const struct acl_entry *e)
{
    size_t bits = 8 * addr_len(e->sel.src.addr.family);
    if (e->sel.src.len > bits || e->sel.dst.len > bits)
        return "a prefix that is too long";
    if (!is_clean(&e->sel.src) || !is_clean(&e->sel.dst))
        return "an address with host bits set";
    if (e->sel.sport.low > e->sel.sport.high || e->sel.dport.low > e->sel.dport.high)
        return "a port range that ends before it begins";
    if (selector_has_ports(&e->sel) && !selector_proto_has_ports(e->sel.proto))
        return "ports with a protocol that has none";
    if (e->permit && e->sa == 0)
        return "a permit without an SA number";
    return NULL;
}

/* Reads one entry; NULL, or what is wrong with it. */
static const char *get_entry(struct buf_reader *r, struct acl_entry *e)
{
    uint8_t action, family, zero;
    struct selector *s = &e->sel;
    if (!buf_get_u8(r, &action) || !buf_get_u8(r, &family) || !buf_get_u8(r, &s->proto) ||
        !buf_get_u8(r, &s->src.len) || !buf_get_u8(r, &s->dst.len) || !buf_get_u8(r, &zero) ||
        !buf_get_u16(r, &e->sa) || !buf_get_u16(r, &s->sport.low) || !buf_get_u16(r, &s->sport.high) ||
        !buf_get_u16(r, &s->dport.low) || !buf_get_u16(r, &s->dport.high))
        return "an entry that is cut short";
    if (action > 1)
        return "an unknown action";
    if (addr_len(family) == 0)
        return "an unknown address family";
    if (zero != 0)
        return "a nonzero reserved octet";
    if (!buf_get_bytes(r, s->src.addr.b, addr_len(family)) || !buf_get_bytes(r, s->dst.addr.b, addr_len(family)))
        return "an entry that is cut short";
    e->permit = action == 1;
    s->src.addr.family = s->dst.addr.family = family;
    return check(e);
}

bool policy_rules_get(struct span bytes, struct acl *acl, struct policy_fault *why)
{
    struct buf_reader r = buf_reader_of(bytes);
    struct acl x = {0};
    const char *wrong = NULL;
    *acl = (struct acl){0};
    while (r.left > 0 && wrong == NULL) {
        struct acl_entry e = {.number = (uint16_t)(x.n + 1)};
        if (x.n == ACL_MAX_ENTRIES)
            wrong = "too many entries";
        else
            wrong = get_entry(&r, &e);
        if (wrong == NULL && !acl_append(&x, &e))
            wrong = "more entries than memory holds";
    }
    if (wrong != NULL) {
        policy_fault(why, ISAKMP_N_ATTRIBUTES_NOT_SUPPORTED, "rule %zu: the list has %s", x.n + 1, wrong);
        if (x.n == ACL_MAX_ENTRIES)
            policy_fault_is(why, POLICY_FAULT_RULES);
        acl_free(&x);
        return false;
    }
    *acl = x;
    return true;
}

bool policy_set_digest(struct policy *p, policy_digest_fn digest)
{
    size_t cap = p->acl.n * POLICY_RULE_V6_LEN;
    uint8_t *bytes = malloc(cap > 0 ? cap : 1);
    bool ok = false;
    if (bytes == NULL)
        return false;
    struct buf_writer w = buf_writer_of(bytes, cap);
    policy_rules_put(&w, &p->acl);
    if (!w.overflow)
        ok = digest(buf_written(&w), p->digest);
    free(bytes);
    return ok;
}
