/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The packet path for a python judge: commands on stdin, one answer line each on stdout.
 *     sa SUITE KEY+SALT SPI SENDER FIRST   a fresh gateway with this SA: permit 10.1.0.0/16 <-> 10.2.0.0/16 and multicast
 *     out FRAME | in FRAME                 answers "VERDICT FRAME": what came out, or what was said about it, or "-"
 * All numbers and octets are hexadecimal.
 */
#include "common/secret.h"
#include "tests/lib/hex.h"
#include "tests/stage/rig.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct rig rig;
static bool is_open;

static void set_sa(char *args)
{
    char suite[64], key_text[128];
    uint64_t sender, first;
    uint8_t key[64];
    struct ipc_sa m;
    unsigned spi;

    if (sscanf(args, "%63s %127s %x %" SCNx64 " %" SCNx64, suite, key_text, &spi, &sender, &first) != 5)
        exit(2);
    if (is_open)
        rig_close(&rig);
    rig_open(&rig, 1);
    is_open = true;
    m = rig_sa_message(&rig, spi, 10, sender);
    m.suite = (uint8_t)suite_by_name(suite)->id;
    m.senders[0].iv_first = first;
    if (!secret_set(&m.key, key, hex_decode(key_text, key, sizeof key)))
        exit(2);
    rig_begin(&rig);
    rig_group(&rig, 0, "g", "wan", IPC_GROUP_POLICY);
    rig_rule(&rig, 0, IPC_LIST_DOWNLOADED, 10, "permit ip 10.1.0.0/16 10.2.0.0/16");
    rig_rule(&rig, 0, IPC_LIST_DOWNLOADED, 10, "permit ip 10.2.0.0/16 10.1.0.0/16");
    rig_rule(&rig, 0, IPC_LIST_DOWNLOADED, 10, "permit ip 10.1.0.0/16 239.0.0.0/8");
    rig_sa(&rig, &m);
    if (rig_commit(&rig) != IPC_OK) {
        fprintf(stderr, "%s\n", rig.reason);
        exit(2);
    }
    printf("ok\n");
}

static void run(bool inbound, const char *text)
{
    uint8_t frame[2048];
    size_t len = hex_decode(text, frame, sizeof frame);
    static struct rig_out out;
    const uint8_t *frames[1] = {frame};
    const struct rig_result *result;
    uint64_t before[VERDICT_COUNT];

    for (unsigned v = 0; v < VERDICT_COUNT; v++)
        before[v] = rig_count(&rig, v);
    rig_all(&rig, 0, inbound, false, 1, frames, &len, &out);
    result = out.n_tx > 0 ? &out.tx[0] : out.n_punt > 0 ? &out.punt[0] : out.n_back > 0 ? &out.back[0] : NULL;
    for (unsigned v = 0; v < VERDICT_COUNT; v++)
        if (v != VERDICT_SENT_ICMP_TOO_BIG && rig_count(&rig, v) > before[v])
            printf("%s ", verdict_name(v));
    for (size_t i = 0; result != NULL && i < result->len; i++)
        printf("%02x", result->bytes[i]);
    printf("%s\n", result == NULL ? "-" : "");
}

int main(void)
{
    static char line[8192];

    rig_start_eal();
    while (fgets(line, sizeof line, stdin) != NULL) {
        if (strncmp(line, "sa ", 3) == 0)
            set_sa(line + 3);
        else if (is_open && strncmp(line, "out ", 4) == 0)
            run(false, line + 4);
        else if (is_open && strncmp(line, "in ", 3) == 0)
            run(true, line + 3);
        else
            return 2;
        fflush(stdout);
    }
    if (is_open)
        rig_close(&rig);
    return 0;
}
