/* SPDX-License-Identifier: BSD-3-Clause */
/* A group's packets in the counter page: see traffic.h. */
#include "ctrl/run/traffic.h"

struct gm_traffic traffic_of(const struct ipc_page *page, unsigned index, const struct gm *gm)
{
    struct gm_traffic t = {0};
    size_t n;
    const struct gm_sa *sas = gm_sas(gm, &n);

    for (unsigned w = 0; w <= IPC_MAX_WORKERS; w++)
        t.unknown_spi += atomic_load_explicit(&page->workers[w].unknown_spi[index], memory_order_relaxed);
    for (size_t i = 0; i < IPC_MAX_SAS; i++) {
        const struct ipc_page_sa *slot = &page->sas[i];
        uint32_t spi = atomic_load_explicit(&slot->spi, memory_order_acquire);

        for (size_t k = 0; spi && k < n; k++) {
            if (sas[k].sa.spi != spi)
                continue;
            t.decrypted += atomic_load_explicit(&slot->packets_in, memory_order_relaxed);
            t.time_failed += atomic_load_explicit(&slot->replay_time, memory_order_relaxed);
        }
    }
    return t;
}
