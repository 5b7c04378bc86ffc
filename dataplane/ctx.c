/* SPDX-License-Identifier: BSD-3-Clause */
/* One worker's state for the packet path: made before its first poll, freed after its last. */
#include "dataplane/ctx.h"

#include "dataplane/fit.h"
#include "dataplane/reasm.h"

#include <rte_malloc.h>

#define FLOW_CACHE_ENTRIES 16384

static bool open_lanes(struct pipeline_ctx *ctx, int socket)
{
    for (unsigned pair = 0; pair < ctx->config->n_pairs; pair++)
        for (unsigned way = 0; way < 2; way++) {
            ctx->lanes[pair][way] = lanes_new(ctx->crypto, socket);
            if (ctx->lanes[pair][way] == NULL)
                return false;
        }
    return ivs_init(&ctx->ivs, ctx->crypto);
}

struct pipeline_ctx *pipeline_ctx_new(const struct pipeline_config *config, struct snap_store *store, unsigned worker,
                                      const struct crypto_backend *crypto, int socket)
{
    struct pipeline_ctx *ctx = rte_zmalloc_socket("pipeline", sizeof *ctx, 64, socket);

    if (ctx == NULL)
        return NULL;
    ctx->cache = classify_cache_new(FLOW_CACHE_ENTRIES, socket);
    if (ctx->cache == NULL) {
        rte_free(ctx);
        return NULL;
    }
    ctx->config = config;
    ctx->store = store;
    ctx->crypto = crypto;
    if (!open_lanes(ctx, socket)) {
        pipeline_ctx_free(ctx);
        return NULL;
    }
    ctx->worker = worker;
    ctx->local_pair = config->local_pair;
    ctx->page = snap_store_page(store);
    snap_store_watch(store, &ctx->store_current, &ctx->store_clear_generation);
    ctx->ip_id = (uint16_t)worker;
    fit_init(ctx);
    if (!reasm_open(ctx)) {
        pipeline_ctx_free(ctx);
        return NULL;
    }
    for (unsigned i = 0; i < config->n_own; i++)
        if (config->own[i].family == 4)
            ctx->own4[ctx->n_own4++] = load32(config->own[i].b);
        else
            memcpy(ctx->own6[ctx->n_own6++], config->own[i].b, 16);
    return ctx;
}

void pipeline_ctx_free(struct pipeline_ctx *ctx)
{
    if (ctx == NULL)
        return;
    for (unsigned pair = 0; pair < IPC_MAX_PAIRS; pair++)
        for (unsigned way = 0; way < 2; way++)
            lanes_free(ctx->lanes[pair][way]);
    ivs_wipe(&ctx->ivs);
    reasm_close(ctx);
    classify_cache_free(ctx->cache);
    rte_free(ctx);
}
