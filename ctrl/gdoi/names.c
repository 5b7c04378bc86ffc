/* SPDX-License-Identifier: BSD-3-Clause */
/* Names of GDOI's numbers, for logs and tools. */
#include "ctrl/gdoi/gdoi.h"

const struct name gdoi_sat_attr_names[] = {
    {GDOI_SAT_LIFE_TYPE, "life type"},
    {GDOI_SAT_LIFE_DURATION, "life duration"},
    {GDOI_SAT_GROUP_DESCRIPTION, "group description"},
    {GDOI_SAT_ENCAPSULATION, "encapsulation mode"},
    {GDOI_SAT_AUTH, "authentication algorithm"},
    {GDOI_SAT_KEY_LENGTH, "key length"},
    {GDOI_SAT_ADDRESS_PRESERVATION, "address preservation"},
    {GDOI_SAT_DIRECTION, "SA direction"},
    {GDOI_SAT_NUMBER, "SA number"},
    {GDOI_SAT_REPLAY_METHOD, "replay method"},
    {GDOI_SAT_REPLAY_WINDOW, "replay window"},
    {GDOI_SAT_METADATA, "metadata"},
    {GDOI_SAT_STRICT_SENDER, "strict sender"},
    {0, NULL},
};

const struct name gdoi_gap_attr_names[] = {
    {GDOI_GAP_ATD, "activation delay"},
    {GDOI_GAP_DTD, "deactivation delay"},
    {GDOI_GAP_SENDER_ID_REQUEST, "sender id request"},
    {GDOI_GAP_POLICY_DIGEST, "policy digest"},
    {GDOI_GAP_POLICY, "policy"},
    {GDOI_GAP_GROUP_MODE, "group mode"},
    {0, NULL},
};

const struct name gdoi_kd_names[] = {
    {GDOI_KD_TEK, "TEK"}, {GDOI_KD_KEK, "KEK"}, {GDOI_KD_LKH, "LKH"}, {GDOI_KD_SID, "SID"}, {0, NULL},
};
