/* SPDX-License-Identifier: BSD-3-Clause */
/* Header and payload chain of a datagram, then every body by its type, as an exchange would take them. */
#include "ctrl/isakmp/delete.h"
#include "ctrl/isakmp/id.h"
#include "ctrl/isakmp/notify.h"
#include "ctrl/isakmp/opaque.h"
#include "ctrl/isakmp/vid.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

static void one_body(const struct isakmp_payload *p)
{
    struct isakmp_id id;
    struct isakmp_notify n;
    struct isakmp_delete d;
    struct span s;
    enum isakmp_error e = ISAKMP_OK;
    switch (p->type) {
    case ISAKMP_PAYLOAD_ID:
        e = isakmp_id_get(p->body, &id);
        break;
    case ISAKMP_PAYLOAD_NOTIFY:
        e = isakmp_notify_get(p->body, &n);
        break;
    case ISAKMP_PAYLOAD_DELETE:
        e = isakmp_delete_get(p->body, &d);
        break;
    case ISAKMP_PAYLOAD_NONCE:
        e = isakmp_nonce_get(p->body, &s);
        break;
    case ISAKMP_PAYLOAD_VID:
        (void)isakmp_vid_get(p->body);
        break;
    default:
        break;
    }
    MUST(isakmp_error_text(e) != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct isakmp_header h;
    struct isakmp_payloads ps;
    struct span body;
    static uint8_t again[65536];
    if (isakmp_header_get(span_of(data, size), &h, &body) != ISAKMP_OK)
        return 0;
    MUST(body.len == size - ISAKMP_HEADER_LEN);
    if (isakmp_payloads_get(h.next_payload, body, ISAKMP_TRAILING_PADDING, &ps) != ISAKMP_OK)
        return 0;
    MUST(ps.n >= 1 && ps.n <= ISAKMP_MAX_PAYLOADS);
    struct buf_writer w = buf_writer_of(again, sizeof(again));
    struct isakmp_chain c = isakmp_message_begin(&w, &h);
    for (size_t i = 0; i < ps.n; i++) {
        one_body(&ps.p[i]);
        isakmp_payload_put(&c, ps.p[i].type, ps.p[i].body);
    }
    buf_put_span(&w, ps.padding);
    isakmp_message_end(&w);
    MUST(span_equal(buf_written(&w), span_of(data, size)) || size > ISAKMP_MAX_MESSAGE);
    return 0;
}
