/* SPDX-License-Identifier: BSD-3-Clause */
/* See sgt.h. */
#include "dataplane/sgt.h"

#include "dataplane/core/cmd.h"

#define TYPE_FIRST 0x0600 /* smaller ones are lengths: IP may be in a SNAP header */

/* May a frame with this inside pass without being looked at? */
static bool is_harmless(uint16_t type_be)
{
    uint16_t type = __builtin_bswap16(type_be);

    return type_be != L2_IPV4_BE && type_be != L2_IPV6_BE && !l2_is_tpid(type_be) && type != CMD_TYPE && type >= TYPE_FIRST;
}

enum sgt_way sgt_read(struct rte_mbuf *m, bool take, uint16_t *tag)
{
    uint8_t *frame = rte_pktmbuf_mtod(m, uint8_t *);
    struct cmd c;

    if (cmd_read(frame, m->data_len, &c) != CMD_TAGGED)
        return SGT_REFUSE;
    if (!take)
        return is_harmless(c.type_be) ? SGT_PASS : SGT_REFUSE;
    if (l2_is_tpid(c.type_be) || c.type_be == __builtin_bswap16(CMD_TYPE))
        return SGT_REFUSE;
    (void)cmd_strip(frame, &c);
    m->data_off = (uint16_t)(m->data_off + CMD_LEN);
    m->data_len = (uint16_t)(m->data_len - CMD_LEN);
    m->pkt_len = m->data_len;
    *tag = c.tag;
    return SGT_READ;
}

bool sgt_write(struct rte_mbuf *m, uint32_t l2_len, uint16_t tag)
{
    if (m->data_off < CMD_LEN)
        return false;
    (void)cmd_put(rte_pktmbuf_mtod(m, uint8_t *), l2_len, tag);
    m->data_off = (uint16_t)(m->data_off - CMD_LEN);
    m->data_len = (uint16_t)(m->data_len + CMD_LEN);
    m->pkt_len = m->data_len;
    return true;
}

void sgt_vec(struct pkt_vec *v)
{
    for (unsigned i = 0; i < v->n; i++) {
        struct pkt *p = &v->pkts[i];

        if (p->to == PKT_TO_TX && p->verdict == VERDICT_RECEIVED_DECRYPTED && p->tag != 0 &&
            !sgt_write(v->m[i], p->l2_len, p->tag))
            pkt_drop(p, VERDICT_DROP_NO_BUFFER);
    }
}
