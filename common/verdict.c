/* SPDX-License-Identifier: BSD-3-Clause */
/* Names and sentences of the verdicts, from the list in the header. */
#include "common/verdict.h"

#include <stddef.h>

static const struct {
    const char *name, *meaning;
} verdicts[VERDICT_COUNT] = {
#define X(id, name, meaning) [VERDICT_##id] = {name, meaning},
    VERDICTS(X)
#undef X
};

const char *verdict_name(unsigned v)
{
    return v < VERDICT_COUNT ? verdicts[v].name : NULL;
}

const char *verdict_meaning(unsigned v)
{
    return v < VERDICT_COUNT ? verdicts[v].meaning : NULL;
}
