/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The one door for policy. Input: an octet (bit 0: the server is ours, bit 1: a rekey), the SA's length in two, the SA body,
 * the KD body.
 * Digests count as right when they are all zero, as a fuzzer can't invert SHA-256.
 */
#include "ctrl/policy/payloads.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

static bool zero_digest(struct span bytes, uint8_t out[GDOI_DIGEST_LEN])
{
    (void)bytes;
    memset(out, 0, GDOI_DIGEST_LEN);
    return true;
}

static void is_sane(const struct policy *p, bool rekey)
{
    MUST((p->n_sas >= 1 || (rekey && p->has_kek)) && p->n_sas <= POLICY_MAX_SAS);
    MUST(p->has_rules ? p->acl.n >= 1 && p->acl.n <= ACL_MAX_ENTRIES : rekey && p->acl.n == 0);
    MUST(p->n_sender_ids <= (rekey ? 0 : POLICY_MAX_SENDER_IDS));
    if (p->has_kek)
        MUST(p->kek.key.len > 0 && p->kek.public_key_len > 0 && p->kek.lifetime_s > 0);
    for (size_t i = 0; i < p->n_sas; i++) {
        const struct policy_sa *sa = &p->sas[i];
        MUST(sa->suite != NULL && sa->suite->supported && sa->spi >= GDOI_FIRST_SPI && sa->number != 0);
        MUST(sa->key.len == sa->suite->key_len + sa->suite->salt_len && sa->integrity.len == sa->suite->integrity_len);
        MUST(sa->lifetime_s >= 1 && sa->lifetime_s <= POLICY_MAX_LIFETIME_S && sa->activate_in_s < sa->lifetime_s);
        for (size_t k = 0; k < i; k++)
            MUST(sa->spi != p->sas[k].spi);
    }
    for (size_t i = 0; i < p->acl.n; i++) {
        bool found = rekey || !p->acl.entries[i].permit;
        for (size_t k = 0; k < p->n_sas; k++)
            found |= p->sas[k].number == p->acl.entries[i].sa;
        MUST(found);
    }
}

/* What a member took, a server can say again, and it is the same. */
static void carry(const struct policy *p, const struct peer_features *peer)
{
    static uint8_t a[65536], b[65536];
    struct policy_fault why;
    struct policy back;
    struct buf_writer wa = buf_writer_of(a, sizeof(a)), wb = buf_writer_of(b, sizeof(b));
    buf_put_u8(&wa, 0);
    buf_put_u8(&wb, 0);
    struct isakmp_chain ca = isakmp_chain_at(&wa, 0), cb = isakmp_chain_at(&wb, 0);
    policy_init(&back);
    if (!policy_put_sa(&ca, p, peer, &why) || !policy_put_kd(&cb, p, &why))
        return; /* too large to be said at once */
    bool ok = policy_from_payloads(span_of(a + 5, wa.len - 5), span_of(b + 5, wb.len - 5), peer, zero_digest, &back, &why);
    MUST(ok && back.n_sas == p->n_sas && back.receive_only == p->receive_only);
    MUST(!peer->ours || acl_equal(&back.acl, &p->acl));
    policy_wipe(&back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf_reader r = buf_reader_of(span_of(data, size));
    struct peer_features peer = {.features = feature_ours()};
    struct policy_fault why;
    struct policy p;
    struct span sa;
    uint8_t flags;
    uint16_t len;
    if (!buf_get_u8(&r, &flags) || !buf_get_u16(&r, &len) || !buf_get_span(&r, len, &sa))
        return 0;
    peer.ours = (flags & 1) != 0;
    policy_init(&p);
    bool rekey = (flags & 2) != 0;
    if ((rekey ? policy_from_rekey : policy_from_payloads)(sa, buf_rest(&r), &peer, zero_digest, &p, &why)) {
        is_sane(&p, rekey);
        if (!rekey)
            carry(&p, &peer);
    } else {
        MUST(p.n_sas == 0 && !p.has_kek && p.acl.entries == NULL && why.notify != 0 && why.text[0] != '\0');
    }
    policy_wipe(&p);
    return 0;
}
