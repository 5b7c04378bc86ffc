/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Two gateways: what one sends, the other gives out octet by octet as it went in (DP1), in every burst size and packet
 * length, on real mbufs; and each judged by the independent crypto backend.
 */
#include "tests/stage/rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define LEN_MAX 1446 /* the effective MTU of 1500 */

static uint8_t frames[VEC_MAX][2048];
static const uint8_t *pointers[VEC_MAX];
static size_t lens[VEC_MAX];
static struct rig_result sent[VEC_MAX], received[VEC_MAX];

/* Sends n frames from a to b and compares. */
static void there(struct rig *a, struct rig *b, unsigned n)
{
    const uint8_t *esp[VEC_MAX];
    size_t esp_lens[VEC_MAX];

    rig_run(a, 0, false, false, n, pointers, lens, sent);
    for (unsigned i = 0; i < n; i++) {
        const uint8_t *in = frames[i] + 14, *out = sent[i].bytes + 14;
        size_t inner_len = lens[i] - 14;

        assert_int_equal(sent[i].verdict, VERDICT_SENT_ENCRYPTED);
        assert_memory_equal(sent[i].bytes, frames[i], 14);
        assert_int_equal(out[9], 50);
        assert_int_equal(out[1], in[1]);
        assert_int_equal(out[8], in[8]);
        assert_memory_equal(out + 12, in + 12, 8);
        assert_int_equal((inner_len + 2 + 3) / 4 * 4 + 20 + 16 + 16, sent[i].len - 14);
        if (inner_len >= 40)
            assert_memory_not_equal(out + 36, in, 20);
        esp[i] = sent[i].bytes;
        esp_lens[i] = sent[i].len;
    }
    rig_run(b, 0, true, false, n, esp, esp_lens, received);
    for (unsigned i = 0; i < n; i++) {
        assert_int_equal(received[i].verdict, VERDICT_RECEIVED_DECRYPTED);
        assert_int_equal(received[i].len, lens[i]);
        assert_memory_equal(received[i].bytes, frames[i], lens[i]);
    }
}

static void fill(unsigned i, size_t ip_len)
{
    lens[i] = rig_ipv4(frames[i], "10.1.0.1", "10.2.0.1", ip_len >= 24 ? 17 : 1, (uint16_t)(1000 + i), 53, ip_len);
    pointers[i] = frames[i];
}

static void every_length_comes_back(void **state)
{
    struct rig a, b;

    (void)state;
    rig_open(&a, 1);
    rig_open(&b, 1);
    rig_simple_policy(&a, 1);
    rig_simple_policy(&b, 2);
    for (size_t len = 20; len <= LEN_MAX; len += VEC_BURST) {
        unsigned n = 0;

        while (n < VEC_BURST && len + n <= LEN_MAX) {
            fill(n, len + n);
            n++;
        }
        there(&a, &b, n);
        there(&b, &a, n);
    }
    rig_close(&a);
    rig_close(&b);
}

static void every_burst_size_comes_back(void **state)
{
    struct rig a, b;
    unsigned seed = (unsigned)time(NULL);

    (void)state;
    print_message("seed %u\n", seed);
    srand(seed);
    rig_open(&a, 1);
    rig_open(&b, 1);
    rig_simple_policy(&a, 1);
    rig_simple_policy(&b, 2);
    for (unsigned n = 1; n <= VEC_MAX; n++) {
        for (unsigned i = 0; i < n; i++)
            fill(i, 20 + (unsigned)rand() % (LEN_MAX - 19));
        there(&a, &b, n);
    }
    rig_close(&a);
    rig_close(&b);
}

/* What ipsec-mb sends OpenSSL must read, and the other way round: no bug of ours cancels itself out. */
static void backends_read_each_other(void **state)
{
    struct rig a, b;

    (void)state;
    rig_open_with(&a, 1, crypto_ipsec_mb());
    rig_open_with(&b, 1, crypto_libcrypto());
    rig_simple_policy(&a, 1);
    rig_simple_policy(&b, 2);
    for (unsigned i = 0; i < VEC_BURST; i++)
        fill(i, 28 + i * 43);
    there(&a, &b, VEC_BURST);
    there(&b, &a, VEC_BURST);
    rig_close(&a);
    rig_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_length_comes_back),
        cmocka_unit_test(every_burst_size_comes_back),
        cmocka_unit_test(backends_read_each_other),
    };

    rig_start_eal();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
