/* SPDX-License-Identifier: BSD-3-Clause */
/* Phase-1 SA bodies; what we write of one that was understood reads back as the same: octet by octet as it came, or from
 * its fields. */
#include "ctrl/isakmp/sa.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

static void write_and_read_back(const struct isakmp_sa *sa)
{
    static struct isakmp_sa back;
    static uint8_t out[65536];
    struct buf_writer w = buf_writer_of(out, sizeof(out));
    buf_put_u8(&w, 0);
    struct isakmp_chain c = isakmp_chain_at(&w, 0);
    isakmp_sa_put(&c, sa);
    MUST(!w.overflow);
    MUST(isakmp_sa_get(span_of(out + 5, w.len - 5), &back) == ISAKMP_OK);
    MUST(back.n == sa->n && back.doi == sa->doi && back.situation == sa->situation && back.proposal == sa->proposal);
    for (size_t i = 0; i < sa->n; i++) {
        MUST(sa->t[i].attributes.len == 0 || span_equal(sa->t[i].attributes, back.t[i].attributes));
        back.t[i].attributes = sa->t[i].attributes;
        MUST(memcmp(&back.t[i], &sa->t[i], sizeof(sa->t[i])) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct isakmp_sa sa;
    if (isakmp_sa_get(span_of(data, size), &sa) != ISAKMP_OK)
        return 0;
    MUST(sa.n >= 1 && sa.n <= ISAKMP_MAX_TRANSFORMS);
    for (size_t i = 0; i < sa.n; i++) {
        const struct isakmp_transform *t = &sa.t[i];
        if (!t->understood || t->encryption == 0 || t->hash == 0 || t->auth == 0 || t->group == 0 || t->life_kb != 0 ||
            t->life_s > UINT32_MAX)
            return 0; /* phase 1 never answers with such a one */
    }
    write_and_read_back(&sa);
    for (size_t i = 0; i < sa.n; i++)
        sa.t[i].attributes = span_of(NULL, 0);
    write_and_read_back(&sa);
    return 0;
}
