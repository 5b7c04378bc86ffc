/* SPDX-License-Identifier: BSD-3-Clause */
/* Messages about what came from a key server and can't be used (OP3). What follows from that is decided elsewhere. */
#include "ctrl/gm/gm_impl.h"

#include "common/log.h"

void gm_log_fault(const struct gm *gm, enum policy_fault_kind kind, const char *why)
{
    const char *name = gm->config->name;
    char server[ADDR_TEXT_MAX];

    addr_text(gm_server(gm), server);
    switch (kind) {
    case POLICY_FAULT_OTHER:
        break;
    case POLICY_FAULT_UNSUPPORTED:
        log_msg(GM_NO_CRYPTO_ENGINE, name, server, why);
        break;
    case POLICY_FAULT_SIGNATURE_KEY:
        log_msg(UNEXPECTED_SIGKEY, name, server, why);
        break;
    case POLICY_FAULT_TEK_PROTOCOL:
        log_msg(UNSUPPORTED_TEK_PROTO, name, server, why);
        break;
    case POLICY_FAULT_RULES:
        log_msg(GDOI_ACL_NUM, ACL_MAX_ENTRIES, why);
        break;
    case POLICY_FAULT_SAS:
        log_msg(GM_NO_IPSEC_FLOWS, name, server, why);
        break;
    }
}
