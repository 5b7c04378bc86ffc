/* SPDX-License-Identifier: BSD-3-Clause */
/* SAT bodies: what is read is written so that it reads the same. */
#include "ctrl/gdoi/sat.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t out[256];
    struct gdoi_sat sat, back;
    if (gdoi_sat_get(span_of(data, size), &sat) != ISAKMP_OK)
        return 0;
    MUST(sat.spi >= GDOI_FIRST_SPI && sat.life_s > 0 && gdoi_sat_can_say(&sat.sel));
    if (sat.has_private && sat.number == 0)
        return 0; /* what we never send */
    struct buf_writer w = buf_writer_of(out, sizeof(out));
    buf_put_u8(&w, 0);
    struct isakmp_chain c = isakmp_chain_at(&w, 0);
    gdoi_sat_put(&c, &sat);
    MUST(!w.overflow);
    MUST(gdoi_sat_get(span_of(out + 5, w.len - 5), &back) == ISAKMP_OK);
    MUST(selector_equal(&sat.sel, &back.sel) && sat.transform == back.transform && sat.spi == back.spi &&
         sat.life_s == back.life_s && sat.encapsulation == back.encapsulation && sat.auth == back.auth &&
         sat.key_bits == back.key_bits && sat.preservation == back.preservation && sat.direction == back.direction &&
         sat.has_private == back.has_private && sat.number == back.number && sat.replay_method == back.replay_method &&
         sat.replay_window == back.replay_window && sat.metadata == back.metadata &&
         sat.strict_sender == back.strict_sender && sat.given_before == back.given_before);
    return 0;
}
