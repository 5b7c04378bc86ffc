/* SPDX-License-Identifier: BSD-3-Clause */
/* Who the peer must be, and who we are. */
#include "ctrl/phase1/identity.h"

#include "common/secret.h"

#include <string.h>

static uint8_t address_type(const struct addr *a)
{
    return a->family == 6 ? ISAKMP_ID_IPV6_ADDR : ISAKMP_ID_IPV4_ADDR;
}

struct isakmp_id phase1_identity_of_address(const struct addr *a)
{
    return (struct isakmp_id){.type = address_type(a), .data = span_of(a->b, addr_len(a->family))};
}

bool phase1_identity_matches(const struct isakmp_id *id, const char *expected, const struct addr *peer)
{
    struct addr a = *peer;
    if (expected[0] == 0 || addr_parse(expected, &a))
        return id->type == address_type(&a) && secret_equal(id->data, span_of(a.b, addr_len(a.family)));
    bool type_fits = strchr(expected, '@') ? id->type == ISAKMP_ID_USER_FQDN
                                           : id->type == ISAKMP_ID_FQDN || id->type == ISAKMP_ID_KEY_ID;
    return type_fits && secret_equal(id->data, span_of(expected, strlen(expected)));
}
