/* SPDX-License-Identifier: BSD-3-Clause */
/* AES-CBC and 3DES-CBC over whole blocks, without padding of its own (RFC 2409 appendix B pads with zeros, the
 * caller's work). */
#ifndef GVPN_CTRL_CRYPTO_CBC_H
#define GVPN_CTRL_CRYPTO_CBC_H

#include "common/buf.h"

#define CBC_BLOCK_MAX 16

/* Octets of a block and of an IV: 16 for AES (7), 8 for 3DES (5), 0 for every other number. */
size_t cbc_block_len(uint16_t encryption);
/*
 * encryption: enum ike_cipher; the length of the key says which AES. iv: one block. len: a multiple of the block, not
 * 0; in and out may be the same memory. False: unknown cipher, wrong length of key or data, or the library failed.
 */
MUST_CHECK bool cbc_encrypt(uint16_t encryption, struct span key, const uint8_t *iv, const uint8_t *in, uint8_t *out,
                            size_t len);
MUST_CHECK bool cbc_decrypt(uint16_t encryption, struct span key, const uint8_t *iv, const uint8_t *in, uint8_t *out,
                            size_t len);

#endif
