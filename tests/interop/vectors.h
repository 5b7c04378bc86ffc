/* SPDX-License-Identifier: BSD-3-Clause */
/* Files of the Wycheproof project (schemas aead_test, mac_test, ind_cpa_test, ecdh_test,
 * ecdsa_p1363_verify, rsassa_pkcs1_verify; version 1) for tests. */
#ifndef GVPN_TESTS_INTEROP_VECTORS_H
#define GVPN_TESTS_INTEROP_VECTORS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VECTORS_MAX 4096 /* octets of any value */

/* One value of a vector. */
struct octets {
    uint8_t b[VECTORS_MAX];
    size_t len;
};

struct vector; /* one test of a file, with its group */

/* Calls check for every test of FOLDER/FILE and returns how many there were; fails when the file is no such
 * file. */
size_t vectors_each(const char *folder, const char *file, void (*check)(const struct vector *v));

/* A number of the group ("keySize", in bits); 0 when it has none of this name. */
size_t vector_number(const struct vector *v, const char *name);
/* A value of the group written in hex ("publicKeyDer"); fails as below. */
void vector_group_octets(const struct vector *v, const char *name, struct octets *out);
/* A value written in hex ("key"); fails the test when it is missing, longer than VECTORS_MAX or no hex. */
void vector_octets(const struct vector *v, const char *name, struct octets *out);
/* "valid" is true, "invalid" and "acceptable" are not: see vector_acceptable. */
bool vector_valid(const struct vector *v);
/* Neither valid nor invalid: an implementation may do as it likes. */
bool vector_acceptable(const struct vector *v);
/* Its number in the file, for messages. */
int vector_id(const struct vector *v);

#endif
