/* SPDX-License-Identifier: BSD-3-Clause */
/* The software version as a number and as text. */
#include "ctrl/policy/version.h"

#include <stdio.h>

uint32_t policy_version_ours(void)
{
    uint32_t part[3] = {0};
    size_t i = 0;
    for (const char *p = GVPN_VERSION; *p && i < 3; p++) {
        if (*p == '.')
            i++;
        else if (*p >= '0' && *p <= '9')
            part[i] = (part[i] * 10 + (uint32_t)(*p - '0')) & 0xff;
        else
            break;
    }
    return part[0] << 16 | part[1] << 8 | part[2];
}

const char *policy_version_text(uint32_t version, char out[POLICY_VERSION_TEXT_MAX])
{
    snprintf(out, POLICY_VERSION_TEXT_MAX, "%u.%u.%u", version >> 16, version >> 8 & 0xff, version & 0xff);
    return out;
}
