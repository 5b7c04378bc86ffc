/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the algorithms of a KEK are called (RFC 6407 5.3): by configuration (`rekey:`, `accept:`), views and logs. Judges
 * nothing.
 */
#ifndef GVPN_CTRL_POLICY_KEK_H
#define GVPN_CTRL_POLICY_KEK_H

#include "ctrl/policy/policy.h"

enum policy_kek_encryption { POLICY_KEK_AES_128, POLICY_KEK_AES_192, POLICY_KEK_AES_256, POLICY_KEK_3DES };
enum policy_kek_hash { POLICY_KEK_SHA1, POLICY_KEK_SHA256, POLICY_KEK_SHA384, POLICY_KEK_SHA512 };

/* "aes-128", ...; "sha256", ... */
extern const struct name policy_kek_encryption_names[];
extern const struct name policy_kek_hash_names[];

/* Which it is; false when it is none of those. */
MUST_CHECK bool policy_kek_encryption(const struct policy_kek *k, enum policy_kek_encryption *out);
/* The hash of its signatures, for ECDSA that of the curve (RFC 4754). */
MUST_CHECK bool policy_kek_hash(const struct policy_kek *k, enum policy_kek_hash *out);
/* The same as text, "unknown" when it is none of those; never NULL. */
const char *policy_kek_encryption_text(const struct policy_kek *k);
const char *policy_kek_hash_text(const struct policy_kek *k);
/* "rsa", "ecdsa-256", "ecdsa-384" */
const char *policy_kek_signature_text(const struct policy_kek *k);
/* 32 hex digits; returns out. */
const char *policy_kek_spi_text(const struct policy_kek *k, char out[2 * POLICY_KEK_SPI_LEN + 1]);

#endif
