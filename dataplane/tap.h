/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The TAP that carries the appliance's own addresses (IKE, management): a raw /dev/net/tun descriptor without
 * IFF_VNET_HDR, so the kernel completes checksums and segments before we see a frame. It goes away with the process.
 * Owned by the slow-path thread; nothing here is called by a worker.
 */
#ifndef GVPN_DATAPLANE_TAP_H
#define GVPN_DATAPLANE_TAP_H

#include "dataplane/cfg.h"

#define TAP_ERROR_MAX 200

/*
 * Makes the interface and gives it everything `local:` says: MAC before up, then MTU (octets of an IP packet),
 * addresses, default route (metric 1024). Returns a non-blocking descriptor, or -1 with a sentence in error that names
 * the interface; nothing is left then.
 */
int tap_open(const struct cfg_local *local, const uint8_t mac[6], unsigned mtu, char error[TAP_ERROR_MAX]);
/* One Ethernet frame to the kernel. False when its queue is full or the interface is down. */
MUST_CHECK bool tap_write(int fd, const void *frame, size_t len);
/* One Ethernet frame from the kernel; its length, or 0 when there is none now. */
size_t tap_read(int fd, void *frame, size_t cap);

#endif
