/* SPDX-License-Identifier: BSD-3-Clause */
/* See cmd.h. Trusts no length. */
#include "dataplane/core/cmd.h"

#include "dataplane/core/l2.h"

#define VERSION    1
#define LENGTH     1 /* in units of 8 octets */
#define OPTION_TAG 0x0001

/* Behind the type. */
#define VERSION_AT 2
#define LENGTH_AT  3
#define OPTION_AT  4
#define TAG_AT     6
#define INSIDE_AT  8

enum cmd_result cmd_read(const uint8_t *frame, size_t len, struct cmd *c)
{
    const uint8_t *p;
    size_t at = 12;

    for (unsigned tags = 0; tags < L2_MAX_TAGS && len >= at + 2 && l2_is_tpid(load16(frame + at)); tags++)
        at += L2_TAG_LEN;
    if (len < at + 2 || load16_be(frame + at) != CMD_TYPE)
        return CMD_NONE;
    p = frame + at;
    if (len < at + INSIDE_AT + 2 || p[VERSION_AT] != VERSION || p[LENGTH_AT] != LENGTH ||
        load16_be(p + OPTION_AT) != OPTION_TAG || load16_be(p + TAG_AT) == CMD_NO_TAG)
        return CMD_BROKEN;
    *c = (struct cmd){.tag = load16_be(p + TAG_AT), .at = (uint8_t)at, .type_be = load16(p + INSIDE_AT)};
    return CMD_TAGGED;
}

uint8_t *cmd_strip(uint8_t *frame, const struct cmd *c)
{
    memmove(frame + CMD_LEN, frame, c->at);
    return frame + CMD_LEN;
}

uint8_t *cmd_put(uint8_t *frame, uint32_t l2_len, uint16_t tag)
{
    uint32_t front = l2_len - 2; /* without the type, which stays where it is */
    uint8_t *to = frame - CMD_LEN, *p = to + front;

    memmove(to, frame, front);
    store16_be(p, CMD_TYPE);
    p[VERSION_AT] = VERSION;
    p[LENGTH_AT] = LENGTH;
    store16_be(p + OPTION_AT, OPTION_TAG);
    store16_be(p + TAG_AT, tag);
    return to;
}
