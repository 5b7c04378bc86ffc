/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * gvpn-dp's file by tables. Names of ports and pairs become indices here; the checks between sections (a port
 * in one pair only, a gateway that can be reached) stand at the place of the later one.
 */
#include "dataplane/cfg.h"

#include "common/names.h"
#include "common/schema.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool lint(struct schema *s, struct cfg *c, const struct yaml_node *n, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

static bool lint(struct schema *s, struct cfg *c, const struct yaml_node *n, const char *fmt, ...)
{
    char **grown = reallocarray(c->lints, c->n_lints + 1, sizeof(*grown));
    struct yaml_error text = {.text = ""};
    char what[400];
    va_list ap;

    if (grown) {
        c->lints = grown;
        va_start(ap, fmt);
        vsnprintf(what, sizeof(what), fmt, ap);
        va_end(ap);
        yaml_fail(&text, s->file, n->line, n->column, "%s", what);
        c->lints[c->n_lints] = strdup(text.text);
    }
    if (!grown || !c->lints[c->n_lints])
        return schema_fail(s, n, "out of memory");
    c->n_lints++;
    return true;
}

/* EAL options that the file's own keys become. */
static bool is_ours(const char *option)
{
    static const char *const words[] = {"--lcores", "--allow",      "--vdev",
                                        "--block",  "--main-lcore", "--coremask"};

    if (option[0] == '-' && option[1] != '-')
        return option[1] && strchr("lacb", option[1]);
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        size_t len = strlen(words[i]);

        if (strncmp(option, words[i], len) == 0 && (option[len] == 0 || option[len] == '='))
            return true;
    }
    return false;
}

static bool parse_eal(struct schema *s, const struct yaml_node *n, void *at)
{
    struct cfg *c = at;
    const char *text = schema_text(s, n, CFG_TEXT_MAX - 1);

    if (!text)
        return false;
    if (is_ours(text))
        return schema_fail(s, n, "'%s' comes from workers and ports, expected another EAL option", text);
    if (strncmp(text, "--proc-type", 11) == 0)
        return schema_fail(s, n, "'%s': gvpn-dp shares its memory with nobody, expected another EAL option", text);
    c->eal[c->n_eal] = strdup(text);
    if (!c->eal[c->n_eal])
        return schema_fail(s, n, "out of memory");
    c->n_eal++;
    return true;
}

static bool has_eal_option(const struct cfg *c, const char *option)
{
    for (size_t i = 0; i < c->n_eal; i++) {
        if (strcmp(c->eal[i], option) == 0)
            return true;
    }
    return false;
}

static bool parse_eals(struct schema *s, const struct yaml_node *n, void *at)
{
    struct cfg *c = at;

    c->has_eal = true;
    if (!schema_list(s, n, 0, CFG_MAX_EAL, parse_eal, c))
        return false;
    if (has_eal_option(c, "--in-memory") && has_eal_option(c, "--no-huge"))
        return schema_fail(s, n, "--in-memory and --no-huge, expected one of the two");
    return true;
}

static bool parse_worker(struct schema *s, const struct yaml_node *n, void *at)
{
    struct cfg *c = at;
    uint64_t lcore;

    if (!schema_uint(s, n, 0, 1023, &lcore))
        return false;
    for (size_t i = 0; i < c->n_workers; i++)
        if (c->workers[i] == lcore)
            return schema_fail(s, n, "'%s' stands twice, expected one worker for a CPU", n->text);
    c->workers[c->n_workers++] = (unsigned)lcore;
    return true;
}

/* 0000:03:00.0 or 03:00.0; the latter becomes the former, so that one device has one name. */
static bool take_pci(char text[CFG_TEXT_MAX])
{
    static const char full[] = "xxxx:xx:xx.x", shorter[] = "xx:xx.x";
    bool is_short = strlen(text) == strlen(shorter);
    const char *shape = is_short ? shorter : full;
    char copy[sizeof("0000:") + sizeof(full)];

    if (strlen(text) != strlen(shape))
        return false;
    for (size_t i = 0; shape[i]; i++)
        if (shape[i] == 'x' ? !isxdigit((unsigned char)text[i]) : text[i] != shape[i])
            return false;
    snprintf(copy, sizeof(copy), "%s%.12s", is_short ? "0000:" : "", text);
    memcpy(text, copy, sizeof(full));
    return true;
}

/* A virtual device as EAL names them: a driver's name, a number or more behind it, and arguments behind
 * commas. */
static bool is_vdev(const char *text)
{
    size_t len = strcspn(text, ",");

    for (size_t i = 0; i < len; i++)
        if (!isalnum((unsigned char)text[i]) && text[i] != '_')
            return false;
    return len > 4 && (strncmp(text, "net_", 4) == 0 || strncmp(text, "eth_", 4) == 0 ||
                       strncmp(text, "virtio_user", 11) == 0);
}

/* net_tap ignores all of its arguments when it doesn't know one, and makes an interface of another name. Returns the
 * unknown one, or NULL. */
static const char *unknown_tap_argument(const char *text)
{
    static const char *const known[] = {"iface=", "mac=", "remote=", "persist"};

    if (strncasecmp(text, "net_tap", 7) != 0)
        return NULL;
    for (const char *at = strchr(text, ','); at; at = strchr(at + 1, ',')) {
        bool found = false;

        for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
            found = found || strncmp(at + 1, known[i], strlen(known[i])) == 0;
        if (!found)
            return at + 1;
    }
    return NULL;
}

static const struct schema_field port_fields[] = {
    {.key = "name", .type = SCHEMA_NAME, .flags = SCHEMA_REQUIRED, SCHEMA_AT(struct cfg_port, name)},
    {.key = "device", .type = SCHEMA_TEXT, .flags = SCHEMA_REQUIRED, SCHEMA_AT(struct cfg_port, device)},
    {.key = "rx-descriptors",
     .type = SCHEMA_UINT,
     SCHEMA_AT(struct cfg_port, rx_descriptors),
     .min = CFG_DESC_MIN,
     .max = CFG_DESC_MAX},
    {.key = "tx-descriptors",
     .type = SCHEMA_UINT,
     SCHEMA_AT(struct cfg_port, tx_descriptors),
     .min = CFG_DESC_MIN,
     .max = CFG_DESC_MAX},
    {0},
};

static bool parse_port(struct schema *s, const struct yaml_node *n, void *at)
{
    struct cfg *c = at;
    struct cfg_port *p = &c->ports[c->n_ports];
    const char *unknown;

    p->rx_descriptors = p->tx_descriptors = 1024;
    if (!schema_map(s, n, port_fields, p))
        return false;
    p->pci = take_pci(p->device);
    if (!p->pci && !is_vdev(p->device))
        return schema_fail(s, yaml_find(n, "device"),
                           "'%s', expected a PCI address such as 0000:03:00.0 or a virtual device such as "
                           "net_tap0,iface=wan",
                           p->device);
    unknown = unknown_tap_argument(p->device);
    if (unknown)
        return schema_fail(s, yaml_find(n, "device"),
                           "'%.*s', expected an argument of net_tap such as iface=wan or mac=02:00:00:00:00:01",
                           (int)strcspn(unknown, ","), unknown);
    for (size_t i = 0; i < c->n_ports; i++) {
        size_t len = strcspn(p->device, ",");

        if (strcmp(c->ports[i].name, p->name) == 0)
            return schema_fail(s, yaml_find(n, "name"), "'%s' stands twice, expected another name", p->name);
        if (strcspn(c->ports[i].device, ",") == len && strncasecmp(c->ports[i].device, p->device, len) == 0)
            return schema_fail(s, yaml_find(n, "device"), "port '%s' has this device, expected another",
                               c->ports[i].name);
    }
    c->n_ports++;
    return true;
}

/* A port's name -> its index, which no pair has so far. */
static bool parse_port_name(struct schema *s, const struct yaml_node *n, struct cfg *c, uint8_t *out)
{
    const char *text = schema_name(s, n, CFG_NAME_MAX - 1);

    for (size_t i = 0; text && i < c->n_ports; i++) {
        if (strcmp(c->ports[i].name, text) != 0)
            continue;
        for (size_t j = 0; j < c->n_pairs; j++)
            if (c->pairs[j].inside == i || c->pairs[j].outside == i)
                return schema_fail(s, n, "port '%s' is in pair '%s' already", text, c->pairs[j].name);
        *out = (uint8_t)i;
        return true;
    }
    return text && schema_fail(s, n, "no port is named '%s', expected a name from ports", text);
}

static bool parse_text_only(struct schema *s, const struct yaml_node *n, void *at)
{
    (void)at;
    return schema_name(s, n, CFG_NAME_MAX - 1) != NULL;
}

static const struct name sgts[] = {{CFG_SGT_NONE, "none"}, {CFG_SGT_INLINE, "inline"}, {0, NULL}};

static const struct schema_field pair_fields[] = {
    {.key = "name", .type = SCHEMA_NAME, .flags = SCHEMA_REQUIRED, SCHEMA_AT(struct cfg_pair, name)},
    {.key = "inside", .type = SCHEMA_CUSTOM, .flags = SCHEMA_REQUIRED, .fn = parse_text_only},
    {.key = "outside", .type = SCHEMA_CUSTOM, .flags = SCHEMA_REQUIRED, .fn = parse_text_only},
    {.key = "mtu",
     .type = SCHEMA_UINT,
     SCHEMA_AT(struct cfg_pair, mtu),
     .min = CFG_MTU_MIN,
     .max = CFG_MTU_MAX},
    {.key = "sgt", .type = SCHEMA_ENUM, SCHEMA_AT(struct cfg_pair, sgt), .names = sgts},
    {.key = "sgt-default", .type = SCHEMA_UINT, SCHEMA_AT(struct cfg_pair, sgt_default), .min = 1, .max = 65534},
    {0},
};

static bool parse_pair(struct schema *s, const struct yaml_node *n, void *at)
{
    struct cfg *c = at;
    struct cfg_pair *p = &c->pairs[c->n_pairs];

    p->mtu = 1500;
    if (!schema_map(s, n, pair_fields, p) || !parse_port_name(s, yaml_find(n, "inside"), c, &p->inside) ||
        !parse_port_name(s, yaml_find(n, "outside"), c, &p->outside))
        return false;
    if (p->inside == p->outside)
        return schema_fail(s, yaml_find(n, "outside"), "'%s' is the inside port, expected another",
                           c->ports[p->outside].name);
    for (size_t i = 0; i < c->n_pairs; i++)
        if (strcmp(c->pairs[i].name, p->name) == 0)
            return schema_fail(s, yaml_find(n, "name"), "'%s' stands twice, expected another name", p->name);
    c->n_pairs++;
    return true;
}

/* 10.0.0.2/24: the host bits are the point, so this is no prefix. */
static bool parse_address(struct schema *s, const struct yaml_node *n, void *at)
{
    struct cfg_local *l = at;
    struct cfg_local_address *a = &l->addresses[l->n_addresses];
    const char *text = schema_text(s, n, ADDR_TEXT_MAX - 1), *slash = text ? strchr(text, '/') : NULL;
    char copy[ADDR_TEXT_MAX];
    unsigned len = 0, max;

    if (!text)
        return false;
    snprintf(copy, sizeof(copy), "%.*s", (int)strcspn(text, "/"), text);
    if (!slash || !addr_parse(copy, &a->addr))
        return schema_fail(s, n, "'%s', expected an address with its prefix length such as 10.0.0.2/24",
                           text);
    max = 8 * (unsigned)addr_len(a->addr.family);
    if (strspn(slash + 1, "0123456789") != strlen(slash + 1) || strlen(slash + 1) > 3 ||
        sscanf(slash + 1, "%u", &len) != 1 || len < 1 || len > max)
        return schema_fail(s, n, "'%s', expected a prefix length from 1 to %u", text, max);
    if (addr_is_multicast(&a->addr) || a->addr.b[0] == 0 || (a->addr.family == 4 && a->addr.b[0] >= 240))
        return schema_fail(s, n, "'%s', expected a unicast address", text);
    for (size_t i = 0; i < l->n_addresses; i++)
        if (addr_equal(&l->addresses[i].addr, &a->addr))
            return schema_fail(s, n, "'%s' stands twice, expected it once", text);
    a->prefix_len = (uint8_t)len;
    l->n_addresses++;
    return true;
}

/* Do two addresses agree in their first len bits? */
static bool same_prefix(const struct addr *a, const struct addr *b, unsigned len)
{
    unsigned octets = len / 8, bits = len % 8;

    return a->family == b->family && memcmp(a->b, b->b, octets) == 0 &&
           (bits == 0 || ((a->b[octets] ^ b->b[octets]) >> (8 - bits)) == 0);
}

static bool is_link_local(const struct addr *a)
{
    return a->family == 6 && a->b[0] == 0xfe && (a->b[1] & 0xc0) == 0x80;
}

/* Is it a neighbour of one of our addresses? Every IPv6 link is fe80::/64 too (RFC 4291 2.5.6). */
static bool is_neighbour(const struct cfg_local *l, const struct addr *a)
{
    for (size_t i = 0; i < l->n_addresses; i++)
        if (same_prefix(&l->addresses[i].addr, a, l->addresses[i].prefix_len) ||
            (l->addresses[i].addr.family == 6 && is_link_local(a)))
            return true;
    return false;
}

static bool parse_gateway(struct schema *s, const struct yaml_node *n, void *at)
{
    struct cfg_local *l = at;
    const char *text = schema_text(s, n, ADDR_TEXT_MAX - 1);
    struct addr a;

    if (!text)
        return false;
    if (!addr_parse(text, &a))
        return schema_fail(s, n, "'%s' is no address, expected the next hop's", text);
    for (size_t i = 0; i < l->n_addresses; i++)
        if (addr_equal(&l->addresses[i].addr, &a))
            return schema_fail(s, n, "'%s' is an own address, expected the next hop's", text);
    for (size_t i = 0; i < l->n_gateways; i++)
        if (l->gateways[i].family == a.family)
            return schema_fail(s, n, "'%s' is the second one of IPv%u, expected at most one of each family", text, a.family);
    if (!is_neighbour(l, &a))
        return schema_fail(s, n, "'%s' isn't in the network of an address, expected a neighbour's", text);
    l->gateways[l->n_gateways++] = a;
    return true;
}

static bool parse_gateways(struct schema *s, const struct yaml_node *n, void *at)
{
    return n->kind == YAML_LIST ? schema_list(s, n, 1, 2, parse_gateway, at) : parse_gateway(s, n, at);
}

static bool parse_mac(struct schema *s, const struct yaml_node *n, void *at)
{
    struct cfg_local *l = at;
    const char *text = schema_text(s, n, CFG_TEXT_MAX - 1);
    static const uint8_t zero[6];
    bool ok = text && strlen(text) == 17;

    for (size_t i = 0; ok && i < 17; i++)
        ok = i % 3 == 2 ? text[i] == ':' : isxdigit((unsigned char)text[i]) != 0;
    for (size_t i = 0; ok && i < 6; i++)
        l->mac[i] = (uint8_t)strtoul(text + 3 * i, NULL, 16);
    if (text && (!ok || (l->mac[0] & 1) || memcmp(l->mac, zero, 6) == 0))
        return schema_fail(s, n, "'%.64s', expected a unicast MAC address such as 02:00:00:00:00:01", text);
    l->has_mac = ok;
    return ok;
}

static bool parse_local_pair(struct schema *s, const struct yaml_node *n, void *at)
{
    struct cfg *c = s->user;
    const char *text = schema_name(s, n, CFG_NAME_MAX - 1);

    (void)at;
    for (size_t i = 0; text && i < c->n_pairs; i++) {
        if (strcmp(c->pairs[i].name, text) == 0) {
            c->local.pair = (uint8_t)i;
            return true;
        }
    }
    return text && schema_fail(s, n, "no pair is named '%s', expected a name from pairs", text);
}

static const struct schema_field local_fields[] = {
    {.key = "tap", .type = SCHEMA_NAME, .flags = SCHEMA_REQUIRED, SCHEMA_AT(struct cfg_local, tap)},
    {.key = "pair", .type = SCHEMA_CUSTOM, .fn = parse_local_pair},
    {.key = "addresses",
     .type = SCHEMA_LIST,
     .flags = SCHEMA_REQUIRED,
     .min = 1,
     .max = CFG_MAX_LOCAL,
     .fn = parse_address},
    {.key = "gateway", .type = SCHEMA_CUSTOM, .fn = parse_gateways},
    {.key = "mac", .type = SCHEMA_CUSTOM, .fn = parse_mac},
    {0},
};

static bool parse_local(struct schema *s, const struct yaml_node *n, void *at)
{
    struct cfg *c = at;

    if (!schema_map(s, n, local_fields, &c->local))
        return false;
    if (c->n_pairs > 1 && !yaml_find(n, "pair"))
        return schema_fail_key(s, n, "the key 'pair' is missing, expected it where there are several pairs");
    return true;
}

static const struct name dfs[] = {{CFG_DF_COPY, "copy"}, {CFG_DF_SET, "set"}, {CFG_DF_CLEAR, "clear"}, {0, NULL}};
static const struct name unregistered[] = {
    {CFG_UNREGISTERED_DROP, "drop"}, {CFG_UNREGISTERED_CLEAR, "clear"}, {0, NULL}};

static const struct schema_field idle_fields[] = {
    {.key = "poll", .type = SCHEMA_UINT, SCHEMA_AT(struct cfg, idle_poll), .min = 1, .max = 1000000},
    {.key = "sleep",
     .type = SCHEMA_MICROSECONDS,
     SCHEMA_AT(struct cfg, idle_sleep_us),
     .min = 0,
     .max = 10000},
    {0},
};

static const struct schema_field log_fields[] = {
    {.key = "level", .type = SCHEMA_ENUM, SCHEMA_AT(struct cfg, log_level), .names = names_log_level},
    {.key = "to", .type = SCHEMA_ENUM, SCHEMA_AT(struct cfg, log_to), .names = names_log_target},
    {0},
};

static bool parse_counters_left(struct schema *s, const struct yaml_node *n, void *at)
{
    struct cfg *c = at;

    if (!c->lab)
        return schema_fail(s, n, "only for tests, expected `lab: true` in this file as well");
    return schema_uint(s, n, 1, UINT32_MAX - 1, &c->lab_counters_left);
}

/* In the order of work: names before what refers to them. */
static const struct schema_field top_fields[] = {
    {.key = "gvpn-dp", .type = SCHEMA_UINT, .flags = SCHEMA_REQUIRED, .min = 1, .max = 1},
    {.key = "lab", .type = SCHEMA_BOOL, SCHEMA_AT(struct cfg, lab)},
    {.key = "log", .type = SCHEMA_MAP, .fields = log_fields},
    /* A socket's whole path has at most 107 octets, the run directory's included. */
    {.key = "control-socket",
     .type = SCHEMA_TEXT,
     .offset = offsetof(struct cfg, control_socket),
     .size = 100},
    {.key = "eal", .type = SCHEMA_CUSTOM, .fn = parse_eals},
    {.key = "workers", .type = SCHEMA_LIST, .min = 1, .max = CFG_MAX_WORKERS, .fn = parse_worker},
    {.key = "ports",
     .type = SCHEMA_LIST,
     .flags = SCHEMA_REQUIRED,
     .min = 2,
     .max = CFG_MAX_PORTS,
     .fn = parse_port},
    {.key = "pairs",
     .type = SCHEMA_LIST,
     .flags = SCHEMA_REQUIRED,
     .min = 1,
     .max = CFG_MAX_PAIRS,
     .fn = parse_pair},
    {.key = "local", .type = SCHEMA_CUSTOM, .flags = SCHEMA_REQUIRED, .fn = parse_local},
    {.key = "df", .type = SCHEMA_ENUM, SCHEMA_AT(struct cfg, df), .names = dfs},
    {.key = "mss-clamp", .type = SCHEMA_BOOL, SCHEMA_AT(struct cfg, mss_clamp)},
    {.key = "idle", .type = SCHEMA_MAP, .fields = idle_fields},
    {.key = "unregistered", .type = SCHEMA_ENUM, SCHEMA_AT(struct cfg, unregistered), .names = unregistered},
    {.key = "lab-counters-left", .type = SCHEMA_CUSTOM, .fn = parse_counters_left},
    {0},
};

static void set_defaults(struct cfg *c)
{
    snprintf(c->control_socket, sizeof(c->control_socket), "gvpn-dp.sock");
    c->mss_clamp = true;
    c->idle_poll = 64;
    c->idle_sleep_us = 50;
    c->log_level = LOG_LEVEL_INFO;
    c->log_to = LOG_TO_STDERR;
}

static bool lint_ports(struct schema *s, struct cfg *c, const struct yaml_node *root)
{
    const struct yaml_node *ports = yaml_find(root, "ports");

    for (size_t i = 0; i < c->n_ports; i++) {
        bool used = false;

        for (size_t j = 0; j < c->n_pairs; j++)
            used = used || c->pairs[j].inside == i || c->pairs[j].outside == i;
        if (!used && !lint(s, c, &ports->children[i], "port '%s' is in no pair", c->ports[i].name))
            return false;
    }
    return true;
}

static struct cfg *load_tree(const char *file, const struct yaml_node *root, struct yaml_error *e)
{
    struct cfg *c = calloc(1, sizeof(*c));
    struct schema s = {.file = file, .e = e, .user = c};

    if (!c) {
        yaml_fail(e, file, 1, 1, "out of memory");
        return NULL;
    }
    set_defaults(c);
    if (strlen(file) >= sizeof(c->file))
        yaml_fail(e, file, 1, 1, "the file's name is too long, expected at most %zu octets",
                  sizeof(c->file) - 1);
    else
        snprintf(c->file, sizeof(c->file), "%s", file);
    if (e->text[0] || !schema_map(&s, root, top_fields, c) || !lint_ports(&s, c, root)) {
        cfg_free(c);
        return NULL;
    }
    if (c->n_workers == 0)
        c->workers[c->n_workers++] = sysconf(_SC_NPROCESSORS_ONLN) > 1 ? 1 : 0;
    return c;
}

struct cfg *cfg_parse(const char *file, const char *text, size_t len, struct yaml_error *e)
{
    struct yaml_node *root = yaml_parse(file, text, len, e);
    struct cfg *c = root ? load_tree(file, root, e) : NULL;

    yaml_free_tree(root);
    return c;
}

struct cfg *cfg_load(const char *file, struct yaml_error *e)
{
    struct yaml_node *root = yaml_load(file, e);
    struct cfg *c = root ? load_tree(file, root, e) : NULL;

    yaml_free_tree(root);
    return c;
}

void cfg_free(struct cfg *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < c->n_eal; i++)
        free(c->eal[i]);
    for (size_t i = 0; i < c->n_lints; i++)
        free(c->lints[i]);
    free(c->lints);
    free(c);
}
