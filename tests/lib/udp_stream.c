/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A constant stream of numbered UDP packets and what became of the one from the other end, exactly: run it in two hosts at
 * once. It sends to PEER from `flows` ports in turns and receives at its own address; a packet carries its flow, its number
 * within the flow and the time. Commands come line by line on standard input: `start`, `stop` (when all is sent that is due by
 * then it answers `{"sent": [...]}`, what the kernel took of every flow, and how long this program was kept from running),
 * `finish N` (waits until N packets came, or none for two seconds, then prints the report and ends). Anything unexpected ends
 * it with 1.
 *
 * What it was kept from sending it sends later, at twice the rate at most: a busy machine makes the stream longer, not thinner.
 *
 *     udp_stream ADDRESS PEER RATE FLOWS SIZE [GROUP]      packets/s; octets of payload; multicast group to receive, too
 */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netdb.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PORT       20000 /* of every receiver; flow i is sent from PORT + 1 + i */
#define FLOWS_MAX  32
#define BATCH      64
#define GAPS_MAX   1024
#define GAPS_TOLD  64
#define BUFFER     (64 << 20)
#define QUIET_MS   2000
#define HURRY      2  /* times the rate: no faster does it make up for what it was kept from sending */
#define BURST_MS   20 /* of the rate, at once */
#define TICK_NS    1000000L

struct head {
    uint32_t flow;
    uint32_t number;
    uint64_t sent_ns;
};

struct flow {
    int fd;
    uint32_t sent;
    /* received */
    uint32_t next, received, late, twice;
    uint8_t *seen; /* a bit for each number */
    size_t seen_len;
};

/* Numbers that were passed over when a later one came, and when that one was sent and came. */
struct gap {
    uint32_t flow, first, count;
    uint64_t sent_ns, came_ns;
};

/* The longest time for which something didn't happen, and its end. */
struct pause {
    uint64_t last_ns, longest_ns, end_ns;
};

struct stream {
    struct flow flows[FLOWS_MAX];
    unsigned n_flows, turn, n_gaps;
    uint64_t rate, size, begun_ns, sent, received;
    uint64_t debt; /* the largest so far, in packets */
    uint64_t until_ns; /* what is due then is the last; 0: nobody has said stop yet */
    bool sending;
    int rx;
    struct pause silence; /* nothing came */
    struct pause stall;   /* this program didn't run while it was to send */
    struct gap gaps[GAPS_MAX];
};

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "udp_stream: %s: %s\n", what, strerror(errno));
    exit(1);
}

static uint64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void pause_ends(struct pause *p, uint64_t now)
{
    if (p->last_ns != 0 && now - p->last_ns > p->longest_ns) {
        p->longest_ns = now - p->last_ns;
        p->end_ns = now;
    }
    p->last_ns = now;
}

static struct addrinfo *resolve(const char *address, unsigned port)
{
    struct addrinfo hints = {.ai_socktype = SOCK_DGRAM, .ai_flags = AI_NUMERICHOST}, *out;
    char text[16];

    snprintf(text, sizeof text, "%u", port);
    if (getaddrinfo(address, text, &hints, &out) != 0)
        die(address);
    return out;
}

static int open_socket(const char *address, unsigned port)
{
    struct addrinfo *a = resolve(address, port);
    int fd = socket(a->ai_family, SOCK_DGRAM | SOCK_NONBLOCK, 0), size = BUFFER, hops = 64;

    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) != 0 ||
        setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size) != 0 || bind(fd, a->ai_addr, a->ai_addrlen) != 0)
        die(address);
    if (setsockopt(fd, a->ai_family == AF_INET ? IPPROTO_IP : IPPROTO_IPV6,
                   a->ai_family == AF_INET ? IP_MULTICAST_TTL : IPV6_MULTICAST_HOPS, &hops, sizeof hops) != 0)
        die("multicast");
    freeaddrinfo(a);
    return fd;
}

static void send_to(int fd, const char *peer)
{
    struct addrinfo *a = resolve(peer, PORT);

    if (connect(fd, a->ai_addr, a->ai_addrlen) != 0)
        die(peer);
    freeaddrinfo(a);
}

/* Receives at any address then: a socket that is bound to one hears no group. */
static void join(int fd, const char *group)
{
    struct addrinfo *a = resolve(group, 0);
    struct group_req r = {.gr_interface = 0};

    memcpy(&r.gr_group, a->ai_addr, a->ai_addrlen);
    if (setsockopt(fd, a->ai_family == AF_INET ? IPPROTO_IP : IPPROTO_IPV6, MCAST_JOIN_GROUP, &r, sizeof r) != 0)
        die(group);
    freeaddrinfo(a);
}

/* ---- sending ---- */

/* Up to n packets of one flow; how many the kernel took. */
static unsigned send_some(struct stream *s, struct flow *f, unsigned n, uint64_t now)
{
    static uint8_t payload[BATCH][1472];
    struct mmsghdr m[BATCH];
    struct iovec iov[BATCH];
    int sent;

    memset(m, 0, sizeof m);
    for (unsigned i = 0; i < n; i++) {
        struct head h = {(uint32_t)(f - s->flows), f->sent + i, now};

        memcpy(payload[i], &h, sizeof h);
        iov[i] = (struct iovec){payload[i], s->size};
        m[i].msg_hdr = (struct msghdr){.msg_iov = &iov[i], .msg_iovlen = 1};
    }
    sent = sendmmsg(f->fd, m, n, 0);
    if (sent < 0 && errno != EAGAIN && errno != ENOBUFS)
        die("sending");
    return sent < 0 ? 0 : (unsigned)sent;
}

/* What is due by now, no more than what fits the time since the last call. False: that was the last of all. */
static bool send_due(struct stream *s, uint64_t now, uint64_t since_ns)
{
    uint64_t until = s->until_ns != 0 ? s->until_ns : now, due = s->rate * (until - s->begun_ns) / 1000000000u - s->sent;
    uint64_t most = HURRY * s->rate * since_ns / 1000000000u + 1, burst = s->rate * BURST_MS / 1000 + 1;

    if (due == 0 && s->until_ns != 0)
        return false;
    if (due > s->debt)
        s->debt = due;
    due = due < most ? due : most;
    due = due < burst ? due : burst;
    while (due > 0) {
        struct flow *f = &s->flows[s->turn++ % s->n_flows];
        unsigned want = due < 8 ? (unsigned)due : 8, done = send_some(s, f, want, now);

        f->sent += done;
        s->sent += done;
        due -= done;
        if (done < want)
            break;
    }
    return true;
}

/* ---- receiving ---- */

static void grow(struct flow *f, uint32_t number)
{
    size_t need = number / 8 + 1, len = f->seen_len == 0 ? 1 << 16 : f->seen_len;

    if (need <= f->seen_len)
        return;
    while (len < need)
        len *= 2;
    f->seen = realloc(f->seen, len);
    if (f->seen == NULL)
        die("memory");
    memset(f->seen + f->seen_len, 0, len - f->seen_len);
    f->seen_len = len;
}

static bool is_seen(const struct flow *f, uint32_t number)
{
    return number / 8 < f->seen_len && (f->seen[number / 8] & 1 << number % 8) != 0;
}

/* How many numbers of a gap never came. */
static uint32_t missing(const struct stream *s, const struct gap *g)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < g->count; i++)
        n += !is_seen(&s->flows[g->flow], g->first + i);
    return n;
}

/* Gaps that were filled in the end are none. */
static void remember(struct stream *s, const struct gap *g)
{
    unsigned kept = 0;

    if (s->n_gaps == GAPS_MAX) {
        for (unsigned i = 0; i < s->n_gaps; i++) {
            if (missing(s, &s->gaps[i]) > 0)
                s->gaps[kept++] = s->gaps[i];
        }
        s->n_gaps = kept;
    }
    if (s->n_gaps < GAPS_MAX)
        s->gaps[s->n_gaps++] = *g;
}

static void count(struct stream *s, const struct head *h, uint64_t now)
{
    struct flow *f = &s->flows[h->flow];

    grow(f, h->number);
    if (is_seen(f, h->number)) {
        f->twice++;
        return;
    }
    f->seen[h->number / 8] |= (uint8_t)(1 << h->number % 8);
    f->received++;
    s->received++;
    pause_ends(&s->silence, now);
    if (h->number < f->next) {
        f->late++;
        return;
    }
    if (h->number > f->next)
        remember(s, &(struct gap){h->flow, f->next, h->number - f->next, h->sent_ns, now});
    f->next = h->number + 1;
}

static void receive(struct stream *s, uint64_t now)
{
    static uint8_t payload[BATCH][2048];
    struct mmsghdr m[BATCH];
    struct iovec iov[BATCH];
    int n;

    do {
        memset(m, 0, sizeof m);
        for (unsigned i = 0; i < BATCH; i++) {
            iov[i] = (struct iovec){payload[i], sizeof payload[i]};
            m[i].msg_hdr = (struct msghdr){.msg_iov = &iov[i], .msg_iovlen = 1};
        }
        n = recvmmsg(s->rx, m, BATCH, MSG_DONTWAIT, NULL);
        if (n < 0 && errno != EAGAIN)
            die("receiving");
        for (int i = 0; i < n; i++) {
            struct head h;

            memcpy(&h, payload[i], sizeof h);
            if (m[i].msg_len != s->size || h.flow >= s->n_flows || h.number > UINT32_MAX / 2) {
                fprintf(stderr, "udp_stream: a packet of %u octets that isn't the stream's\n", m[i].msg_len);
                exit(1);
            }
            count(s, &h, now);
        }
    } while (n == BATCH);
}

/* ---- the two together ---- */

static void report_pause(const char *name, const struct pause *p)
{
    printf("\"%s\": {\"ms\": %.1f, \"end_s\": %.3f}", name, (double)p->longest_ns / 1e6, (double)p->end_ns / 1e9);
}

static void report_gaps(const struct stream *s)
{
    unsigned told = 0;

    printf("\"gaps\": [");
    for (unsigned i = 0; i < s->n_gaps && told < GAPS_TOLD; i++) {
        const struct gap *g = &s->gaps[i];
        uint32_t n = missing(s, g);

        if (n == 0)
            continue;
        printf("%s{\"flow\": %" PRIu32 ", \"first\": %" PRIu32 ", \"last\": %" PRIu32 ", \"count\": %" PRIu32
               ", \"sent_s\": %.3f, \"came_s\": %.3f}",
               told++ ? ", " : "", g->flow, g->first, g->first + g->count - 1, n, (double)g->sent_ns / 1e9,
               (double)g->came_ns / 1e9);
    }
    printf("]");
}

static void report(const struct stream *s)
{
    printf("{\"received\": [");
    for (unsigned i = 0; i < s->n_flows; i++)
        printf("%s%" PRIu32, i ? ", " : "", s->flows[i].received);
    printf("], \"twice\": [");
    for (unsigned i = 0; i < s->n_flows; i++)
        printf("%s%" PRIu32, i ? ", " : "", s->flows[i].twice);
    printf("], \"late\": [");
    for (unsigned i = 0; i < s->n_flows; i++)
        printf("%s%" PRIu32, i ? ", " : "", s->flows[i].late);
    printf("], ");
    report_gaps(s);
    printf(", ");
    report_pause("silence", &s->silence);
    printf("}\n");
}

static void report_sent(const struct stream *s, uint64_t now)
{
    printf("{\"seconds\": %.3f, \"over\": %.3f, \"debt\": %" PRIu64 ", ", (double)(s->until_ns - s->begun_ns) / 1e9,
           (double)(now - s->until_ns) / 1e9, s->debt);
    report_pause("stall", &s->stall);
    printf(", \"sent\": [");
    for (unsigned i = 0; i < s->n_flows; i++)
        printf("%s%" PRIu32, i ? ", " : "", s->flows[i].sent);
    printf("]}\n");
}

static void finish(struct stream *s, uint64_t wanted)
{
    struct pollfd p = {.fd = s->rx, .events = POLLIN};
    uint64_t now = now_ns();

    receive(s, now);
    while (s->received < wanted && poll(&p, 1, QUIET_MS) > 0)
        receive(s, now_ns());
    report(s);
}

/* False: that was the last one. */
static bool obey(struct stream *s, uint64_t now)
{
    char line[64];
    uint64_t wanted;

    if (fgets(line, sizeof line, stdin) == NULL)
        return false;
    if (strcmp(line, "start\n") == 0) {
        s->begun_ns = s->stall.last_ns = now;
        s->sending = true;
    } else if (strcmp(line, "stop\n") == 0) {
        s->until_ns = now;
    } else if (sscanf(line, "finish %" SCNu64, &wanted) == 1) {
        finish(s, wanted);
        return false;
    }
    return true;
}

static void run(struct stream *s)
{
    struct pollfd p[] = {{.fd = 0, .events = POLLIN}, {.fd = s->rx, .events = POLLIN}};
    struct timespec tick = {0, TICK_NS};

    printf("ready\n");
    for (;;) {
        uint64_t now, last;

        /* While it sends, it looks once in a tick: packets wait for it, not it for packets. */
        if (s->sending)
            clock_nanosleep(CLOCK_MONOTONIC, 0, &tick, NULL);
        if (poll(p, 2, s->sending ? 0 : -1) < 0 && errno != EINTR)
            die("poll");
        now = now_ns();
        receive(s, now);
        if (s->sending) {
            last = s->stall.last_ns;
            pause_ends(&s->stall, now);
            s->sending = send_due(s, now, now - last);
            if (!s->sending)
                report_sent(s, now);
        }
        if ((p[0].revents & (POLLIN | POLLHUP)) && !obey(s, now))
            return;
    }
}

int main(int argc, char **argv)
{
    static struct stream s;

    if (argc != 6 && argc != 7) {
        fprintf(stderr, "usage: udp_stream ADDRESS PEER RATE FLOWS SIZE [GROUP]\n");
        return 2;
    }
    s.rate = strtoull(argv[3], NULL, 10);
    s.n_flows = (unsigned)strtoul(argv[4], NULL, 10);
    s.size = strtoull(argv[5], NULL, 10);
    if (s.rate == 0 || s.n_flows == 0 || s.n_flows > FLOWS_MAX || s.size < sizeof(struct head) || s.size > 1472) {
        fprintf(stderr, "udp_stream: rate above 0, 1 to %d flows, %zu to 1472 octets\n", FLOWS_MAX, sizeof(struct head));
        return 2;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    setvbuf(stdin, NULL, _IONBF, 0);
    s.rx = open_socket(argc == 7 ? argv[6] : argv[1], PORT);
    if (argc == 7)
        join(s.rx, argv[6]);
    for (unsigned i = 0; i < s.n_flows; i++) {
        s.flows[i].fd = open_socket(argv[1], PORT + 1 + i);
        send_to(s.flows[i].fd, argv[2]);
    }
    run(&s);
    for (unsigned i = 0; i < s.n_flows; i++) {
        close(s.flows[i].fd);
        free(s.flows[i].seen);
    }
    close(s.rx);
    return 0;
}
