/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Does a member send ESP or in clear, and does it take clear packets where ESP was agreed (GM8)? What rules, first of these:
 * the operator's word until the next rekey with news, `direction: passive` of the configuration, the key server's receive-only,
 * the passive phase after that was lifted. Values only.
 */
#ifndef GVPN_CTRL_GM_DIRECTION_H
#define GVPN_CTRL_GM_DIRECTION_H

#include "common/mono.h"
#include "common/names.h"

#define GM_CONVERT_S 300 /* receive-only was lifted: members send ESP and take both, until all of them do */

enum gm_direction {
    GM_DIRECTION_BOTH,             /* sends ESP, takes ESP */
    GM_DIRECTION_INBOUND_ONLY,     /* sends in clear, takes both: receive-only */
    GM_DIRECTION_INBOUND_OPTIONAL, /* sends ESP, takes both: passive */
};
/* "both", "inbound-only", "inbound-optional" */
extern const struct name gm_direction_names[];

struct gm_directions {
    bool has_override; /* the operator's */
    enum gm_direction override;
    bool receive_only; /* the key server's */
    mono_t passive_until; /* after that was lifted; MONO_NEVER = no such phase */
};

enum gm_direction_news { GM_DIRECTION_SAME, GM_DIRECTION_TO_RECEIVE_ONLY, GM_DIRECTION_CONVERTING };

void gm_directions_init(struct gm_directions *d);
enum gm_direction gm_direction_of(const struct gm_directions *d, bool configured_passive, mono_t now);
/*
 * What a policy said. news: it is one that ends the operator's word and a passive phase under way; a repetition isn't.
 */
enum gm_direction_news gm_direction_told(struct gm_directions *d, bool receive_only, bool news, mono_t now);
/* The passive phase is over: true when it ended just now. */
bool gm_direction_expire(struct gm_directions *d, mono_t now);

#endif
