/* SPDX-License-Identifier: BSD-3-Clause */
/* AES-256-CBC over whole blocks, without padding of its own (RFC 2409 appendix B pads with zeros, the
 * caller's work). */
#ifndef GVPN_CTRL_CRYPTO_CBC_H
#define GVPN_CTRL_CRYPTO_CBC_H

#include "common/buf.h"

#define CBC_KEY_LEN 32
#define CBC_BLOCK   16

/* len: a multiple of CBC_BLOCK, not 0; in and out may be the same memory. False: wrong length or the library
 * failed. */
MUST_CHECK bool cbc_encrypt(const uint8_t key[CBC_KEY_LEN], const uint8_t iv[CBC_BLOCK], const uint8_t *in,
                            uint8_t *out, size_t len);
MUST_CHECK bool cbc_decrypt(const uint8_t key[CBC_KEY_LEN], const uint8_t iv[CBC_BLOCK], const uint8_t *in,
                            uint8_t *out, size_t len);

#endif
