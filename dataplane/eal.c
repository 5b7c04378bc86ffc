/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * EAL's command line is built here. Its log lines go to our debug log, and the last few warnings are kept: several of
 * them are harmless on virtual devices, so they are only shown when something fails.
 */
#include "dataplane/eal.h"

#include "common/log.h"
#include "dataplane/nic.h"
#include "dataplane/port.h"

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_log.h>

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>

#define MAX_ARGS    (32 + CFG_MAX_EAL + 2 * CFG_MAX_PORTS)
#define MEMORY_MB   256u
#define WORDS_LINES 6
#define WORDS_LEN   160

struct args {
    char *v[MAX_ARGS + 1]; /* owned; EAL permutes the array, so it gets a copy */
    int n;
    bool failed; /* memory ran short, or too many */
};

/* The one stream that EAL writes to; rte_log is process-wide, and so is this. */
static struct {
    FILE *stream;
    char lines[WORDS_LINES][WORDS_LEN];
    unsigned next;
} words;

/* What net_tap and a private EAL complain about on every machine without the multiq qdisc or a secondary process. */
static bool is_harmless(const char *line)
{
    static const char *const phrases[] = {"qdisc", "rte flow support", "start req to secondary"};

    for (size_t i = 0; i < sizeof(phrases) / sizeof(phrases[0]); i++) {
        if (strstr(line, phrases[i]) != NULL) {
            return true;
        }
    }
    return false;
}

static ssize_t take_line(void *cookie, const char *text, size_t len)
{
    char line[WORDS_LEN];

    (void)cookie;
    (void)log_escape(text, len > 0 && text[len - 1] == '\n' ? len - 1 : len, line, sizeof(line));
    if (line[0] != '\0') {
        log_debug("eal", "%s", line);
        if (rte_log_cur_msg_loglevel() <= (int)RTE_LOG_WARNING && !is_harmless(line)) {
            memcpy(words.lines[words.next++ % WORDS_LINES], line, sizeof(line));
        }
    }
    return (ssize_t)len;
}

const char *eal_last_words(char out[EAL_ERROR_MAX])
{
    size_t len = 0;

    out[0] = '\0';
    for (unsigned i = 0; i < WORDS_LINES; i++) {
        const char *line = words.lines[(words.next + i) % WORDS_LINES];

        if (line[0] != '\0' && len < EAL_ERROR_MAX) {
            int n = snprintf(out + len, EAL_ERROR_MAX - len, "%s%s", len > 0 ? "; " : "", line);

            len += n > 0 ? (size_t)n : 0;
        }
    }
    return out;
}

static void add(struct args *a, const char *text)
{
    char *copy = a->n < MAX_ARGS ? strdup(text) : NULL;

    if (copy == NULL) {
        a->failed = true;
        return;
    }
    a->v[a->n++] = copy;
}

static void args_free(struct args *a)
{
    for (int i = 0; i < a->n; i++) {
        free(a->v[i]);
    }
}

/* Free pages of one size, in MB. */
static unsigned long free_hugepages(unsigned kb)
{
    char path[96];
    unsigned long pages = 0;
    FILE *f;

    (void)snprintf(path, sizeof(path), "/sys/kernel/mm/hugepages/hugepages-%ukB/free_hugepages", kb);
    f = fopen(path, "re");
    if (f == NULL) {
        return 0;
    }
    if (fscanf(f, "%lu", &pages) != 1) {
        pages = 0;
    }
    fclose(f);
    return pages * (kb / 1024);
}

/*
 * Are there enough free hugepages? Data planes that start together would all count the same ones, so whoever counts
 * next waits until *counted is closed, after EAL has taken its pages. The lock is on a file of /proc, which all network
 * namespaces share; /sys they don't.
 */
static bool enough_hugepages(unsigned mb, FILE **counted)
{
    *counted = fopen("/proc/sys/vm/nr_hugepages", "re");
    if (*counted != NULL) {
        (void)flock(fileno(*counted), LOCK_EX); /* without it EAL may fail, and says so */
    }
    return free_hugepages(2048) >= mb || free_hugepages(1048576) >= mb;
}

/*
 * May we run there? CPUs that the kernel isolates (isolcpus=) aren't in our set until we ask for one, so this asks; a CPU that
 * isn't there, or that our cgroup doesn't have, is refused.
 */
static bool may_run_on(unsigned cpu, const cpu_set_t *now)
{
    cpu_set_t one;
    bool ok;

    if (cpu >= CPU_SETSIZE) {
        return false;
    }
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    ok = sched_setaffinity(0, sizeof(one), &one) == 0;
    return sched_setaffinity(0, sizeof(*now), now) == 0 && ok;
}

/* "0@(0,2),1@1": the main thread on every CPU that we may use and no worker has; on a full machine it shares the first. */
static bool add_lcores(struct args *a, const struct cfg *cfg, char error[EAL_ERROR_MAX])
{
    char text[4096] = "0@(";
    size_t len = strlen(text);
    cpu_set_t allowed, left;

    if (sched_getaffinity(0, sizeof(allowed), &allowed) != 0) {
        (void)snprintf(error, EAL_ERROR_MAX, "this process's CPU set can't be read");
        return false;
    }
    left = allowed;
    for (size_t i = 0; i < cfg->n_workers; i++) {
        if (!may_run_on(cfg->workers[i], &allowed)) {
            (void)snprintf(error, EAL_ERROR_MAX, "workers: there is no CPU %u that this process may use", cfg->workers[i]);
            return false;
        }
        CPU_CLR(cfg->workers[i], &left);
    }
    if (CPU_COUNT(&left) == 0) {
        CPU_SET(cfg->workers[0], &left);
    }
    for (unsigned cpu = 0; cpu < CPU_SETSIZE && len < sizeof(text) - 64; cpu++) {
        if (CPU_ISSET(cpu, &left)) {
            len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%u", text[len - 1] == '(' ? "" : ",", cpu);
        }
    }
    text[len++] = ')';
    for (size_t i = 0; i < cfg->n_workers && len < sizeof(text) - 32; i++) {
        len += (size_t)snprintf(text + len, sizeof(text) - len, ",%u@%u", eal_worker_lcore((unsigned)i), cfg->workers[i]);
    }
    text[len] = '\0';
    add(a, "--lcores");
    add(a, text);
    return true;
}

static bool has_pci(const struct cfg *cfg)
{
    for (size_t i = 0; i < cfg->n_ports; i++) {
        if (cfg->ports[i].pci) {
            return true;
        }
    }
    return false;
}

/* What buffers need, and as much as has always done for the rest. */
static unsigned memory_mb(const struct cfg *cfg)
{
    unsigned mb = MEMORY_MB / 2 + (unsigned)(port_memory(cfg) >> 20);

    return mb > MEMORY_MB ? mb : MEMORY_MB;
}

static void add_memory(struct args *a, const struct cfg *cfg, FILE **counted)
{
    unsigned need = memory_mb(cfg);
    char mb[16];

    if (cfg->has_eal) {
        for (size_t i = 0; i < cfg->n_eal; i++) {
            add(a, cfg->eal[i]);
        }
        return;
    }
    if (enough_hugepages(need, counted)) {
        add(a, "--in-memory");
    } else {
        if (has_pci(cfg)) {
            log_msg(NO_HUGEPAGES, need); /* virtual devices are for tests, and don't care */
        }
        add(a, "--no-huge");
        add(a, "--no-shconf");
    }
    (void)snprintf(mb, sizeof(mb), "%u", need);
    add(a, "--iova-mode=va");
    add(a, "-m");
    add(a, mb);
}

static bool add_devices(struct args *a, const struct cfg *cfg, char error[EAL_ERROR_MAX])
{
    char why[NIC_TEXT_MAX];

    for (size_t i = 0; i < cfg->n_ports; i++) {
        const struct cfg_port *p = &cfg->ports[i];

        if (p->pci && !nic_check_binding("/sys", p->device, why)) {
            (void)snprintf(error, EAL_ERROR_MAX, "port %s: %s", p->name, why);
            return false;
        }
        add(a, p->pci ? "-a" : "--vdev");
        add(a, p->device);
    }
    if (!has_pci(cfg)) {
        add(a, "--no-pci");
    }
    return true;
}

/* EAL names the device that it can't make sense of, but not what it is for. */
static const struct cfg_port *port_in(const struct cfg *cfg, const char *said)
{
    for (size_t i = 0; i < cfg->n_ports; i++) {
        char name[CFG_TEXT_MAX];

        (void)snprintf(name, sizeof(name), "%.*s", (int)strcspn(cfg->ports[i].device, ","), cfg->ports[i].device);
        if (strstr(said, name) != NULL) {
            return &cfg->ports[i];
        }
    }
    return NULL;
}

static void explain_failure(const struct cfg *cfg, int code, char error[EAL_ERROR_MAX])
{
    char said[EAL_ERROR_MAX];
    const struct cfg_port *p = port_in(cfg, eal_last_words(said));

    (void)snprintf(error, EAL_ERROR_MAX, "%s%s%sDPDK did not start: %s; it said: %.800s", p != NULL ? "port " : "",
                   p != NULL ? p->name : "", p != NULL ? ": " : "", rte_strerror(code), said);
}

bool eal_start(const struct cfg *cfg, char error[EAL_ERROR_MAX])
{
    static const cookie_io_functions_t to_log = {.write = take_line};
    struct args a = {0};
    char *argv[MAX_ARGS + 1];
    FILE *counted = NULL;
    bool ok = false;

    words.stream = fopencookie(NULL, "w", to_log);
    if (words.stream == NULL || rte_openlog_stream(words.stream) != 0) {
        (void)snprintf(error, EAL_ERROR_MAX, "out of memory");
        goto out;
    }
    setvbuf(words.stream, NULL, _IOLBF, 0);
    add(&a, "gvpn-dp");
    if (!add_lcores(&a, cfg, error)) {
        goto out;
    }
    add_memory(&a, cfg, &counted);
    add(&a, "--no-telemetry");
    if (!add_devices(&a, cfg, error)) {
        goto out;
    }
    if (a.failed) {
        (void)snprintf(error, EAL_ERROR_MAX, "out of memory");
        goto out;
    }
    memcpy(argv, a.v, sizeof(argv));
    for (int i = 0; i < a.n; i++) {
        log_debug("eal", "argument %d: %s", i, a.v[i]);
    }
    if (rte_eal_init(a.n, argv) < 0) {
        explain_failure(cfg, rte_errno, error);
        goto out;
    }
    ok = true;
out:
    if (counted != NULL) {
        fclose(counted);
    }
    args_free(&a);
    return ok;
}

void eal_stop(void)
{
    (void)rte_eal_cleanup();
    (void)rte_openlog_stream(NULL);
    if (words.stream != NULL) {
        fclose(words.stream);
        words.stream = NULL;
    }
}
