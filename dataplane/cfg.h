/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * gvpn-dp's configuration as a value: text -> struct cfg, without side effects. `--check` and the daemon call
 * the same loader (OP1). Every default is filled in here, names are resolved to indices, and nothing is
 * looked at beyond the text: whether a device exists is said at start-up. Immutable once loaded.
 */
#ifndef GVPN_DATAPLANE_CFG_H
#define GVPN_DATAPLANE_CFG_H

#include "common/addr.h"
#include "common/log.h"
#include "common/yaml.h"

#define CFG_NAME_MAX    32 /* names of ports and pairs, NUL included */
#define CFG_IFNAME_MAX  16 /* a kernel interface, NUL included */
#define CFG_TEXT_MAX    256
#define CFG_MAX_EAL     32
#define CFG_MAX_WORKERS 16
#define CFG_MAX_PORTS   16
#define CFG_MAX_PAIRS   8
#define CFG_MAX_LOCAL   8 /* addresses on the TAP */
#define CFG_MTU_MIN     576
#define CFG_MTU_MAX     9000
#define CFG_DESC_MIN    64
#define CFG_DESC_MAX    8192

struct cfg_port {
    char name[CFG_NAME_MAX];
    char device[CFG_TEXT_MAX]; /* a PCI address with its domain, or a virtual device as EAL's --vdev wants it
                                */
    bool pci;                  /* device is a PCI address: goes to -a; else to --vdev */
    uint16_t rx_descriptors, tx_descriptors; /* of each queue; default 1024; the driver may take other ones */
};

enum cfg_sgt { CFG_SGT_NONE, CFG_SGT_INLINE };

/* A packet that enters one port of a pair leaves by the other. No port is in two pairs. */
struct cfg_pair {
    char name[CFG_NAME_MAX];
    uint8_t inside, outside; /* indices into ports[] */
    uint16_t mtu;            /* of the IP packet on the outside port, default 1500 */
    enum cfg_sgt sgt;        /* where the inside port's frames have their security group tag; default none */
    uint16_t sgt_default;    /* the tag of packets that bring none; 0 = none */
};

struct cfg_local_address {
    struct addr addr; /* the host's own address, host bits kept */
    uint8_t prefix_len;
};

/* The TAP by which this machine itself speaks through a pair (IKE above all). */
struct cfg_local {
    char tap[CFG_IFNAME_MAX];
    uint8_t pair; /* index into pairs[]; may be left out in the file when there is one pair */
    struct cfg_local_address addresses[CFG_MAX_LOCAL];
    size_t n_addresses;  /* at least 1 */
    struct addr gateways[2]; /* next hops, at most one of each family */
    size_t n_gateways;
    bool has_mac;        /* false: the outside port's */
    uint8_t mac[6];      /* unicast, not zero */
};

enum cfg_df { CFG_DF_COPY, CFG_DF_SET, CFG_DF_CLEAR };
enum cfg_unregistered { CFG_UNREGISTERED_DROP, CFG_UNREGISTERED_CLEAR };

struct cfg {
    char file[CFG_TEXT_MAX];
    char control_socket[CFG_TEXT_MAX]; /* absolute, or relative to the run directory; default gvpn-dp.sock */
    char *eal[CFG_MAX_EAL]; /* owned; as written: -l, -a and --vdev are refused, they come from this file */
    size_t n_eal;
    bool has_eal; /* false: choose by the rule for missing `eal:` (hugepages or --no-huge) */
    unsigned workers[CFG_MAX_WORKERS]; /* CPUs, as written; default 1, or 0 on a machine with one */
    size_t n_workers;
    struct cfg_port ports[CFG_MAX_PORTS];
    size_t n_ports;
    struct cfg_pair pairs[CFG_MAX_PAIRS];
    size_t n_pairs;
    struct cfg_local local;
    enum cfg_df df;                     /* of outer IPv4 headers, default copy */
    bool mss_clamp;                     /* default true */
    unsigned idle_poll;                 /* empty polls before a worker sleeps, default 64 */
    unsigned idle_sleep_us;             /* 0 = never sleep; default 50 */
    enum cfg_unregistered unregistered; /* until the first policy ever arrives; default drop */
    bool lab;                           /* allows --clock-rate other than 1, and lab_counters_left */
    uint64_t lab_counters_left;         /* the first SAs begin with so many IVs and sequence numbers; 0 = all */
    enum log_level log_level;           /* default info */
    enum log_target log_to;             /* default stderr */
    char **lints;                       /* warnings of --check: file:line:column: text */
    size_t n_lints;
};

/* Loads and checks a file. Returns NULL with *e filled (first error wins); otherwise free with cfg_free(). */
struct cfg *cfg_load(const char *file, struct yaml_error *e);
/* The same from memory; file is only the name in errors. */
struct cfg *cfg_parse(const char *file, const char *text, size_t len, struct yaml_error *e);
void cfg_free(struct cfg *c);

#endif
