/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A constant stream of numbered UDP packets and what became of the one from the other end, exactly: run it in two hosts at
 * once. It sends to PEER from `flows` ports in turns and receives at its own address; a packet carries its flow, its number
 * within the flow and the time. Commands come line by line on standard input: `start`, `stop` (answers `{"sent": [...]}`,
 * what the kernel took of every flow), `finish N` (waits until N packets came, or none for two seconds, then prints the
 * report and ends). Anything unexpected ends it with 1.
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
#define GAPS_MAX   64
#define BUFFER     (64 << 20)
#define QUIET_MS   2000
#define DEBT_MS    200 /* what a sender that was held up makes up for; more would be a burst, not a stream */
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

/* Numbers that were passed over when a later one came: where in the stream, for whom it is told. */
struct gap {
    uint32_t flow, first, count;
    uint64_t at_ns;
};

struct stream {
    struct flow flows[FLOWS_MAX];
    unsigned n_flows, turn, n_gaps;
    uint64_t rate, size, begun_ns, sent, received, skipped, last_ns, longest_ns;
    bool sending;
    int rx;
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

static void send_due(struct stream *s, uint64_t now)
{
    uint64_t due = s->rate * (now - s->begun_ns) / 1000000000u, most = s->rate * DEBT_MS / 1000;

    if (due > s->sent + s->skipped + most)
        s->skipped = due - s->sent - most;
    while (s->sent + s->skipped < due) {
        uint64_t left = due - s->sent - s->skipped;
        struct flow *f = &s->flows[s->turn++ % s->n_flows];
        unsigned want = left < 8 ? (unsigned)left : 8, done = send_some(s, f, want, now);

        f->sent += done;
        s->sent += done;
        if (done < want)
            return;
    }
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

static void count(struct stream *s, const struct head *h, uint64_t now)
{
    struct flow *f = &s->flows[h->flow];
    uint8_t bit = (uint8_t)(1 << h->number % 8);

    grow(f, h->number);
    if (f->seen[h->number / 8] & bit) {
        f->twice++;
        return;
    }
    f->seen[h->number / 8] |= bit;
    f->received++;
    s->received++;
    if (s->last_ns != 0 && now - s->last_ns > s->longest_ns)
        s->longest_ns = now - s->last_ns;
    s->last_ns = now;
    if (h->number < f->next) {
        f->late++;
        return;
    }
    if (h->number > f->next && s->n_gaps < GAPS_MAX)
        s->gaps[s->n_gaps++] = (struct gap){h->flow, f->next, h->number - f->next, now};
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
    printf("], \"gaps\": [");
    for (unsigned i = 0; i < s->n_gaps; i++)
        printf("%s{\"flow\": %" PRIu32 ", \"first\": %" PRIu32 ", \"count\": %" PRIu32 ", \"at_s\": %.3f}", i ? ", " : "",
               s->gaps[i].flow, s->gaps[i].first, s->gaps[i].count, (double)s->gaps[i].at_ns / 1e9);
    printf("], \"longest_silence_ms\": %.1f}\n", (double)s->longest_ns / 1e6);
}

static void stop(struct stream *s, uint64_t now)
{
    s->sending = false;
    printf("{\"seconds\": %.3f, \"skipped\": %" PRIu64 ", \"sent\": [", (double)(now - s->begun_ns) / 1e9, s->skipped);
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
        s->begun_ns = now;
        s->sending = true;
    } else if (strcmp(line, "stop\n") == 0) {
        stop(s, now);
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
        uint64_t now;

        /* While it sends, it looks once in a tick: packets wait for it, not it for packets. */
        if (s->sending)
            clock_nanosleep(CLOCK_MONOTONIC, 0, &tick, NULL);
        if (poll(p, 2, s->sending ? 0 : -1) < 0 && errno != EINTR)
            die("poll");
        now = now_ns();
        receive(s, now);
        if (s->sending)
            send_due(s, now);
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
