/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Diffie-Hellman: both sides agree, and no value that gives the secret away or leaves the group is used
 * (CVE-2015-3240: g^x = 0; CVE-2014-9221; CVE-2023-41913: too long).
 */
#include "ctrl/crypto/dh.h"
#include "tests/lib/hex.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const char prime_14[] =
    "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DD"
    "EF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED"
    "EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE45B3DC2007CB8A163BF0598DA48361C55D39A69163FA8FD24CF5F"
    "83655D23DCA3AD961C62F356208552BB9ED529077096966D670C354E4ABC9804F1746C08CA18217C32905E462E36CE3B"
    "E39E772C180E86039B2783A2EC07A28FB5C55DF06F4C52C9DE2BCBF6955817183995497CEA956AE515D2261898FA0510"
    "15728E5A8AACAA68FFFFFFFFFFFFFFFF";

/* Lengths: RFC 2409 6.2, RFC 3526, RFC 5903 section 7 (x | y in KE, x alone as the secret). */
static const struct {
    uint16_t group, public_len, shared_len;
} groups[] = {{2, 128, 128},  {5, 192, 192}, {14, 256, 256}, {15, 384, 384},
              {16, 512, 512}, {19, 64, 32},  {20, 96, 48},   {21, 132, 66}};
#define GROUPS (sizeof groups / sizeof groups[0])

static void both_sides_agree(void **state)
{
    (void)state;
    for (size_t i = 0; i < GROUPS; i++) {
        struct dh *a = dh_new(groups[i].group), *b = dh_new(groups[i].group);
        struct dh_shared ab, ba;
        assert_non_null(a);
        assert_non_null(b);
        assert_int_equal(dh_public_len(groups[i].group), groups[i].public_len);
        assert_int_equal(dh_public(a).len, groups[i].public_len);
        assert_false(span_equal(dh_public(a), dh_public(b)));
        assert_true(dh_shared(a, dh_public(b), &ab));
        assert_true(dh_shared(b, dh_public(a), &ba));
        assert_int_equal(ab.len, groups[i].shared_len);
        assert_memory_equal(&ab, &ba, sizeof ab);
        dh_free(a);
        dh_free(b);
    }
}

static void unknown_groups(void **state)
{
    (void)state;
    for (unsigned g = 0; g <= UINT16_MAX; g++) {
        bool known = false;
        for (size_t i = 0; i < GROUPS; i++)
            known = known || groups[i].group == g;
        if (known)
            continue;
        assert_int_equal(dh_public_len((uint16_t)g), 0);
        assert_null(dh_new((uint16_t)g));
    }
    dh_free(NULL);
}

static void refuse(const struct dh *d, const uint8_t *value, size_t len)
{
    static const struct dh_shared nothing;
    struct dh_shared s;
    memset(&s, 0xff, sizeof s);
    assert_false(dh_shared(d, span_of(value, len), &s));
    assert_memory_equal(&s, &nothing, sizeof s);
}

static void CVE_2015_3240_degenerate_modp(void **state)
{
    (void)state;
    struct dh *d = dh_new(14);
    uint8_t v[300] = {0}, p[256];
    hex_decode(prime_14, p, sizeof p);
    refuse(d, v, 256); /* 0 */
    v[255] = 1;
    refuse(d, v, 256);
    memcpy(v, p, 256);
    refuse(d, v, 256); /* p */
    v[255]--;
    refuse(d, v, 256); /* p - 1 */
    memcpy(v, p, 256);
    v[247]++; /* p + 2^64 */
    refuse(d, v, 256);
    memset(v, 0xff, 256);
    refuse(d, v, 256);
    /* p - 2 has order 2q: outside the subgroup of the generator. 2 and 4 are inside. */
    memcpy(v, p, 256);
    v[255] -= 2;
    refuse(d, v, 256);
    struct dh_shared s;
    memset(v, 0, sizeof v);
    v[255] = 4;
    assert_true(dh_shared(d, span_of(v, 256), &s));
    dh_free(d);
}

static void wrong_lengths(void **state)
{
    (void)state;
    for (size_t i = 0; i < GROUPS; i++) {
        struct dh *a = dh_new(groups[i].group), *b = dh_new(groups[i].group);
        uint8_t v[1024] = {0};
        struct span p = dh_public(b);
        memcpy(v, p.p, p.len);
        for (size_t len = 0; len <= sizeof v; len++)
            if (len != p.len)
                refuse(a, v, len);
        /* The right number with a zero in front is another encoding, not another number: refused all the
         * same. */
        memmove(v + 1, v, p.len);
        v[0] = 0;
        refuse(a, v, p.len + 1);
        dh_free(a);
        dh_free(b);
    }
}

static void points_off_the_curve(void **state)
{
    (void)state;
    for (size_t i = 0; i < GROUPS; i++) {
        if (groups[i].group < 19)
            continue;
        struct dh *a = dh_new(groups[i].group), *b = dh_new(groups[i].group);
        uint8_t v[132] = {0};
        size_t len = groups[i].public_len;
        refuse(a, v, len);
        memset(v, 0xff, len);
        refuse(a, v, len);
        for (size_t bit = 0; bit < 8 * len; bit++) {
            memcpy(v, dh_public(b).p, len);
            v[bit / 8] ^= (uint8_t)(1u << bit % 8);
            refuse(a, v, len);
        }
        dh_free(a);
        dh_free(b);
    }
}

/* A point of one curve on another; a number of one prime under another. */
static void values_of_other_groups(void **state)
{
    (void)state;
    for (size_t i = 0; i < GROUPS; i++) {
        struct dh *a = dh_new(groups[i].group);
        for (size_t j = 0; j < GROUPS; j++) {
            struct dh *b = dh_new(groups[j].group);
            uint8_t v[DH_MAX] = {0};
            struct dh_shared s;
            struct span p = dh_public(b);
            if (i != j)
                refuse(a, p.p, p.len);
            if (groups[i].group >= 19 && groups[j].group >= 19 && p.len < groups[i].public_len) {
                memcpy(v, p.p, p.len); /* padded behind: the right length, no point of this curve */
                refuse(a, v, groups[i].public_len);
            }
            assert_true(i != j || dh_shared(a, p, &s));
            dh_free(b);
        }
        dh_free(a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_sides_agree),
        cmocka_unit_test(unknown_groups),
        cmocka_unit_test(CVE_2015_3240_degenerate_modp),
        cmocka_unit_test(wrong_lengths),
        cmocka_unit_test(points_off_the_curve),
        cmocka_unit_test(values_of_other_groups),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
