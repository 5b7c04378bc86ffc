/* SPDX-License-Identifier: BSD-3-Clause */
/* GDOI SA bodies: as many SATs as were counted can be taken, and no more. */
#include "ctrl/gdoi/sa.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct gdoi_sa sa;
    struct gdoi_sat sat;
    if (gdoi_sa_get(span_of(data, size), &sa) != ISAKMP_OK)
        return 0;
    MUST((sa.has_sak || sa.n_sats >= 1) && sa.n_sats <= GDOI_MAX_SATS);
    for (size_t n = 0; n < sa.n_sats; n++) {
        MUST(!gdoi_sa_end(&sa));
        (void)(gdoi_sa_next(&sa, &sat) == ISAKMP_OK);
    }
    MUST(gdoi_sa_end(&sa));
    return 0;
}
