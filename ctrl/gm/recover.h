/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * GM13: what a member receives says that its keys or its clock aren't the group's: then it registers with the next key
 * server. Judged every GM_RECOVER_EVERY_S from counts since the last look; at most once in GM_RECOVER_PAUSE_S, which doubles
 * each time and begins anew after a quiet GM_RECOVER_PAUSE_MAX_S. Real time: traffic and floods don't scale.
 */
#ifndef GVPN_CTRL_GM_RECOVER_H
#define GVPN_CTRL_GM_RECOVER_H

#include "common/mono.h"

#define GM_RECOVER_EVERY_S     10
#define GM_RECOVER_UNKNOWN_MIN 100 /* packets with an unknown SPI; and more than half of the ESP */
#define GM_RECOVER_PAUSE_S     100
#define GM_RECOVER_PAUSE_MAX_S 3600

/* Packets, as the data plane counts them: ever growing, but for a restart or a clear. */
struct gm_traffic {
    uint64_t decrypted;    /* accepted */
    uint64_t unknown_spi;  /* by the policy they should have been ours */
    uint64_t time_failed;  /* authenticated, but outside of the time window */
};

struct gm_recover {
    bool has_last;
    struct gm_traffic last;
    mono_t last_at;
    bool tripped_once;
    mono_t tripped_at;
    int64_t pause_s; /* until the next time */
    bool is_alone; /* of what came nothing could be read: nobody uses the keys that are held */
};

enum gm_recover_reason { GM_RECOVER_NONE, GM_RECOVER_UNKNOWN_SPI, GM_RECOVER_TIME };

/* A look at the counters; more often than every GM_RECOVER_EVERY_S is harmless. Says why to recover now, if so. */
enum gm_recover_reason gm_recover_look(struct gm_recover *r, const struct gm_traffic *now_counts, mono_t now);
/* Another data plane: what was counted belongs to the one before. */
void gm_recover_forget(struct gm_recover *r);

#endif
