/* SPDX-License-Identifier: BSD-3-Clause */
/* What a member takes from a key server (GM9): `accept` of its configuration, at registration and in rekeys. */
#include "ctrl/gm/gm_impl.h"
#include "ctrl/policy/kek.h"

#include <stdio.h>

static bool takes_suite(const struct config_accept *a, const struct suite *suite)
{
    for (size_t i = 0; i < a->n_suites; i++) {
        if (a->suites[i] == suite)
            return true;
    }
    return a->n_suites == 0;
}

static bool takes(unsigned mask, bool known, unsigned value)
{
    return mask == 0 || (known && (mask & 1u << value));
}

static bool needs_legacy(const char *what, char why[160])
{
    snprintf(why, 160, "%s needs `legacy: true` in this member's file", what);
    return false;
}

bool gm_accepts(const struct gm *gm, const struct policy *p, char why[160])
{
    const struct config_accept *a = &gm->config->gm.accept;
    enum policy_kek_encryption encryption;
    enum policy_kek_hash hash;
    bool has_encryption = p->has_kek && policy_kek_encryption(&p->kek, &encryption);
    bool has_hash = p->has_kek && policy_kek_hash(&p->kek, &hash);

    if (p->has_kek && policy_kek_legacy(&p->kek) && !gm->config->gm.legacy)
        return needs_legacy(policy_kek_legacy(&p->kek), why);
    if (p->has_kek && addr_is_multicast(&p->kek.destination.addr) && p->kek.destination.addr.family != 4) {
        snprintf(why, 160, "rekeys come to an IPv6 multicast group: not supported by this version");
        return false;
    }
    for (size_t i = 0; i < p->n_sas; i++) {
        if (p->sas[i].suite->legacy && !gm->config->gm.legacy)
            return needs_legacy(p->sas[i].suite->name, why);
        if (takes_suite(a, p->sas[i].suite))
            continue;
        snprintf(why, 160, "SA 0x%08x has suite %s, which isn't in accept.suites", (unsigned)p->sas[i].spi,
                 p->sas[i].suite->name);
        return false;
    }
    if (p->has_kek && !takes(a->rekey_encryption, has_encryption, has_encryption ? encryption : 0)) {
        snprintf(why, 160, "rekeys are encrypted with %s, which isn't in accept.rekey-encryption",
                 policy_kek_encryption_text(&p->kek));
        return false;
    }
    if (p->has_kek && !takes(a->rekey_hash, has_hash, has_hash ? hash : 0)) {
        snprintf(why, 160, "rekeys are signed with hash %s, which isn't in accept.rekey-hash",
                 policy_kek_hash_text(&p->kek));
        return false;
    }
    return true;
}
