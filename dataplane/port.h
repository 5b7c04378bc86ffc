/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Ethernet ports by their configured names: found by device name (EAL does not report a device that failed), set up with
 * one receive and one transmit queue per worker, promiscuous, one mbuf pool for all. Opened and closed by the main
 * thread; workers only use the ids.
 */
#ifndef GVPN_DATAPLANE_PORT_H
#define GVPN_DATAPLANE_PORT_H

#include "common/ipc/page.h"
#include "dataplane/cfg.h"

#include <rte_mempool.h>

#define PORT_ERROR_MAX 1200
#define PORT_LOCAL_QUEUE 512 /* frames from the TAP on their way to worker 0; power of two */
#define PORT_PUNT_QUEUE  512 /* frames on their way to the TAP; power of two */

struct port {
    const struct cfg_port *cfg; /* borrowed */
    uint16_t id;                /* ethdev port */
    uint8_t mac[6];
    uint16_t mtu;  /* largest IP packet that it takes and gives */
    char driver[32];
    uint16_t queues, rx_descriptors, tx_descriptors; /* as they were set up */
    uint32_t rss;   /* IPC_PORT_RSS_* */
    uint32_t speed; /* Mbit/s, 0 = not known */
    bool started;
    bool link_up;
    bool link_told; /* its first state was logged */
};

struct ports {
    struct port p[CFG_MAX_PORTS]; /* in the order of the file */
    size_t n;
    struct rte_mempool *pool;
};

/*
 * Finds, sets up and starts every port of cfg with one queue pair per worker. False with a sentence in error that names
 * the port and what to do; call port_close_all() all the same.
 */
MUST_CHECK bool port_open_all(struct ports *ports, const struct cfg *cfg, char error[PORT_ERROR_MAX]);
/* Octets of memory that port_open_all() will take for buffers. */
size_t port_memory(const struct cfg *cfg);
/* Stops and closes what was opened and frees the pool. Workers must have returned and given every mbuf back. */
void port_close_all(struct ports *ports);
/* Looks at every link, logs its first state and changes, and calls changed(ctx, index, up) for each. */
void port_poll_links(struct ports *ports, void (*changed)(void *ctx, size_t index, bool up), void *ctx);
/* Begins to count at zero again. */
void port_clear(struct ports *ports);
/* Writes into the page what never changes: names, devices, queues. Before another process reads it: it would see half a text. */
void port_describe(const struct ports *ports, struct ipc_page *page);
/* Writes counters and link states of all ports into the page. */
void port_publish(const struct ports *ports, struct ipc_page *page);

#endif
