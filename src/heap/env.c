// heap/env.c - what a thread brings to the heap it runs: spans at hand, a mark stack, pauses.
//
// Owns: the spans in its lists, until a heap takes them, and a class table without a heap. Thread: owner.
// Invariants: a list holds spans of its own order only, in state FREE.
// How: lists are last in, first out, so that a warm span is used again; a list that runs empty
// takes a batch from the pool, one that grows too long gives half of it back. Heaps move between
// threads, and their spans go back to whichever env is current: span_pool's lock orders the two
// threads.
#define ZVM_HEAP_INTERNAL
#include "heap/heap_internal.h"

#include "base/alloc.h"

#include <string.h>

// By order, blocks last. 32 blocks are about 64 KiB: neighbouring words of the slab's head then mostly
// belong to one thread. What an idle thread may keep is at most about 1 MiB.
static const uint8_t refill_counts[ZSPAN_KINDS] = {16, 16, 8, 2, 1, 32};
static const uint8_t keep_counts[ZSPAN_KINDS] = {128, 64, 32, 16, 4, 128};

enum {
    STACK_CAPACITY_FIRST = ZHEAP_TINY ? 4 : 256,
    STACK_CAPACITY_KEPT = 1 << 16, // 1 MiB: a deeper one is given back after the collection
};

zvm_status zheap_env_create(struct zspan_pool *pool, struct zheap_env **out)
{
    ZVM_ASSERT(pool != NULL);
    struct zheap_env *env = z_alloc_zeroed(sizeof *env);
    if (env == NULL) return ZVM_E_NOMEM;
    env->pool = pool;
    env->pressure = zspan_pool_pressure(pool);
    env->stack.entries = z_alloc(STACK_CAPACITY_FIRST * sizeof *env->stack.entries);
    if (env->stack.entries == NULL) {
        z_free(env, sizeof *env);
        return ZVM_E_NOMEM;
    }
    env->stack.capacity = STACK_CAPACITY_FIRST;
    *out = env;
    return ZVM_OK;
}

// Small programs that are reset again and again need one each time, and it is large enough for malloc's slow ways.
struct zheap_more *zheap_env_take_table(struct zheap_env *env)
{
    struct zheap_more *table = env->table;
    if (table == NULL) return z_alloc_zeroed(sizeof *table);
    env->table = NULL;
    memset(table, 0, sizeof *table);
    return table;
}

void zheap_env_give_table(struct zheap_env *env, struct zheap_more *table)
{
    // Where dead cells are filled, uses of a table that was freed are to be found, too.
    if (env->table == NULL && !ZHEAP_POISON)
        env->table = table;
    else
        z_free(table, sizeof *table);
}

static void free_table(struct zheap_env *env)
{
    if (env->table != NULL) z_free(env->table, sizeof *env->table);
    env->table = NULL;
}

void zheap_env_give_back(struct zheap_env *env)
{
    free_table(env);
    for (uint32_t order = 0; order < ZSPAN_KINDS; order++) {
        if (env->spans[order].first == NULL) continue;
        zspan_pool_give_any(env->pool, env->spans[order].first);
        env->spans[order].first = NULL;
        env->spans[order].count = 0;
    }
}

// Asked after every slice, and nearly always there is nothing.
bool zheap_env_take_collected(struct zheap_env *env, struct zheap_collected *out)
{
    const struct zheap_collected *own = &env->collected;
    uint64_t any = own->full | own->incremental | own->minor | own->slices | own->words;
    ZVM_ASSERT(any != 0 || (own->emergency | own->pressed) == 0); // these collect
    if (ZVM_LIKELY(any == 0)) return false;
    *out = *own;
    env->collected = (struct zheap_collected){0};
    return true;
}

void zheap_env_destroy(struct zheap_env *env)
{
    if (env == NULL) return;
    zheap_env_give_back(env);
    z_free(env->stack.entries, env->stack.capacity * sizeof *env->stack.entries);
    z_free(env, sizeof *env);
}

void zheap_env_watch(struct zheap_env *env, zheap_pause_fn ended, void *context)
{
    env->pause_ended = ended;
    env->pause_context = context;
}

static ZVM_COLD bool refill(struct zheap_env *env, uint32_t order)
{
    uint32_t wanted = ZHEAP_TINY ? 1 : refill_counts[order];
    env->spans[order].count =
        zspan_pool_take_any(env->pool, order, wanted, &env->spans[order].first);
    return env->spans[order].count > 0;
}

struct zpage *zspan_acquire(struct zheap_env *env, uint32_t order)
{
    ZVM_ASSERT(order < ZSPAN_KINDS);
    if (env->spans[order].first == NULL && !refill(env, order)) return NULL;
    struct zpage *span = env->spans[order].first;
    ZVM_ASSERT(span->order == order);
    ZVM_ASSERT(span->state == ZPAGE_FREE);
    env->spans[order].first = span->next;
    env->spans[order].count--;
    span->next = NULL;
    return span;
}

static ZVM_COLD void give_half(struct zheap_env *env, uint32_t order)
{
    uint32_t kept = env->spans[order].count / 2;
    struct zpage *last = env->spans[order].first;
    for (uint32_t i = 1; i < kept; i++) {
        last = last->next;
    }
    struct zpage *surplus = last->next;
    last->next = NULL;
    env->spans[order].count = kept;
    zspan_pool_give_any(env->pool, surplus);
}

void zspan_release(struct zheap_env *env, struct zpage *span)
{
    uint32_t order = span->order;
    ZVM_ASSERT(span->state == ZPAGE_IN_HEAP);
    ZVM_ASSERT(span->index == 0);
    span->state = ZPAGE_FREE;
    span->next = env->spans[order].first;
    env->spans[order].first = span;
    env->spans[order].count++;
    if (env->spans[order].count > keep_counts[order]) give_half(env, order);
}

static struct zpage *acquire_mixed(struct zheap_env *env, uint32_t order)
{
    struct zpage *page = zspan_acquire(env, order);
    if (page == NULL) return NULL;
    *page = (struct zpage){
        .class = ZPAGE_CLASS_MIXED, .order = (uint8_t)order, .state = ZPAGE_IN_HEAP};
    return page;
}

void *zheap_page_acquire(struct zheap_env *env)
{
    const struct zpage *page = acquire_mixed(env, ZSPAN_1);
    return page == NULL ? NULL : zpage_base(page);
}

void zheap_page_release(struct zheap_env *env, void *page)
{
    if (page == NULL) return;
    ZVM_ASSERT(zpage_base(zpage_at(page)) == page);
    zspan_release(env, zpage_at(page));
}

void *zheap_block_acquire(struct zheap_env *env)
{
    const struct zpage *page = acquire_mixed(env, ZSPAN_BLOCK);
    return page == NULL ? NULL : zblock_of(page);
}

char *zheap_block_page(const void *block)
{
    return zpage_base(zblock_page(block));
}

void zheap_block_release(struct zheap_env *env, void *block)
{
    if (block == NULL) return;
    struct zpage *page = zblock_page(block);
    ZVM_ASSERT(zblock_of(page) == block);
    ZVM_ASSERT(page->order == ZSPAN_BLOCK);
    zspan_release(env, page);
}

bool zheap_env_grow_stack(struct zheap_env *env)
{
    if (ZHEAP_TINY) return false;
    if (env->stack.capacity > UINT32_MAX / 2) return false;
    size_t bytes = env->stack.capacity * sizeof *env->stack.entries;
    struct zmark_entry *grown = z_resize(env->stack.entries, bytes, bytes * 2);
    if (grown == NULL) return false;
    env->stack.entries = grown;
    env->stack.capacity *= 2;
    return true;
}

void zheap_env_shrink_stack(struct zheap_env *env)
{
    if (env->stack.capacity <= STACK_CAPACITY_KEPT) return;
    struct zmark_entry *smaller =
        z_resize(env->stack.entries, env->stack.capacity * sizeof *env->stack.entries,
                 STACK_CAPACITY_FIRST * sizeof *env->stack.entries);
    if (smaller == NULL) return;
    env->stack.entries = smaller;
    env->stack.capacity = STACK_CAPACITY_FIRST;
}

void zheap_env_add_pause(struct zheap_env *env, uint64_t pause_ns)
{
    if (env->pause_count < ZHEAP_ENV_PAUSES_MAX) {
        env->pauses_ns[env->pause_count++] = pause_ns;
        return;
    }
    uint64_t *last = &env->pauses_ns[ZHEAP_ENV_PAUSES_MAX - 1];
    if (pause_ns > *last) *last = pause_ns;
}

uint32_t zheap_env_take_pauses(struct zheap_env *env, uint64_t *pauses_ns, uint32_t max)
{
    if (env->pause_count == 0) return 0;
    uint32_t count = env->pause_count < max ? env->pause_count : max;
    memcpy(pauses_ns, env->pauses_ns, count * sizeof *pauses_ns);
    env->pause_count -= count;
    memmove(env->pauses_ns, env->pauses_ns + count, env->pause_count * sizeof *pauses_ns);
    return count;
}
