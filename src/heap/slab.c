// heap/slab.c - the slabs of a runtime, cut into spans that threads take and give back.
//
// Owns: the slabs. A slab is 1 MiB of 1 KiB pages; its first 32 pages hold the words and
// descriptors of all pages. It is cut into spans, or into blocks, as long as any of it is out. Thread: any; everything here is shared, under the pool's one lock.
// Threads come in batches (env.c), so the lock is taken about once in 16 spans. Invariants:  1. a
// bit of head.free is set exactly while its page is in the pool.
//              2. a slab is in the bucket of the largest span that is free in it, or with the whole.
// How: a free span is a run of set bits at a multiple of its size, so neighbours that come back
// join by themselves. A slab with all its pages back is unmapped, but for a few that are kept. The
// words and descriptors of a page belong to whoever has the page; they change hands with it, under
// the lock. The pool itself reads none of them but `order`, of spans that are being given.
#define ZVM_HEAP_INTERNAL
#include "heap/heap_internal.h"

#include "base/alloc.h"

#include <pthread.h>

// Buckets: 0 nothing free, 1 + order of the largest free span, slabs with everything free, and those of
// blocks with some free.
enum { BUCKET_WHOLE = 1 + ZSPAN_ORDERS, BUCKET_BLOCKS, BUCKETS };

struct zspan_pool {
    pthread_mutex_t lock;
    // shared: under lock
    struct zslab *buckets[BUCKETS];
    _Atomic uint64_t slab_count; // written under lock; reports read it without: nobody waits for them
    uint64_t whole_count; // slabs with everything free
    // shared: any thread
    struct zpressure pressure;
};

struct zpressure *zspan_pool_pressure(struct zspan_pool *pool)
{
    return &pool->pressure;
}

#define USABLE_PAGES (ZSLAB_PAGES - ZSLAB_HEAD_PAGES)

// The places in a word of free pages where a free span of this order starts.
static uint64_t span_starts(uint64_t free, uint32_t order)
{
    if (order == ZSPAN_1) return free;
    uint64_t pairs = free & free >> 1;
    if (order == ZSPAN_2) return pairs & 0x5555555555555555u;
    uint64_t fours = pairs & pairs >> 2;
    if (order == ZSPAN_4) return fours & 0x1111111111111111u;
    uint64_t eights = fours & fours >> 4;
    if (order == ZSPAN_16) return eights & eights >> 8 & 0x0001000100010001u;
    return free == UINT64_MAX;
}

static uint64_t span_bits(uint32_t order, uint32_t first)
{
    uint32_t pages = zspan_pages(order);
    uint64_t ones = pages == 64 ? UINT64_MAX : ((uint64_t)1 << pages) - 1;
    return ones << first;
}

static void bucket_remove(struct zspan_pool *pool, struct zslab *slab)
{
    struct zslab_head *head = &slab->head;
    if (head->previous != NULL) head->previous->head.next = head->next;
    if (head->previous == NULL) pool->buckets[head->bucket] = head->next;
    if (head->next != NULL) head->next->head.previous = head->previous;
}

static void bucket_add(struct zspan_pool *pool, struct zslab *slab, uint32_t bucket)
{
    struct zslab_head *head = &slab->head;
    head->bucket = bucket;
    head->previous = NULL;
    head->next = pool->buckets[bucket];
    if (head->next != NULL) head->next->head.previous = slab;
    pool->buckets[bucket] = slab;
}

static uint32_t bucket_of(const struct zslab *slab)
{
    if (slab->head.free_pages == USABLE_PAGES) return BUCKET_WHOLE;
    if (slab->head.holds_blocks) return slab->head.free_pages > 0 ? BUCKET_BLOCKS : 0;
    for (uint32_t order = ZSPAN_ORDERS; order-- > 0;) {
        for (uint32_t i = 0; i < ZSLAB_WORDS; i++) {
            if (span_starts(slab->head.free[i], order) != 0) return order + 1;
        }
    }
    return 0;
}

static void bucket_update(struct zspan_pool *pool, struct zslab *slab)
{
    uint32_t bucket = bucket_of(slab);
    if (bucket == slab->head.bucket) return;
    bucket_remove(pool, slab);
    bucket_add(pool, slab, bucket);
}

// All pages from `first` on are free.
static void set_free(struct zslab *slab, uint32_t first)
{
    for (uint32_t i = 0; i < ZSLAB_WORDS; i++)
        slab->head.free[i] = i < first / 64 ? 0 : UINT64_MAX;
    slab->head.free[first / 64] <<= first % 64;
    slab->head.free_pages = ZSLAB_PAGES - first;
    slab->head.holds_blocks = first == ZSLAB_BLOCK_PAGE;
}

static struct zslab *slab_create_locked(struct zspan_pool *pool)
{
    struct zslab *slab = z_alloc_aligned(ZSLAB_BYTES, ZSLAB_BYTES);
    if (slab == NULL) return NULL;

    memset(&slab->head, 0, sizeof slab->head);
    set_free(slab, ZSLAB_HEAD_PAGES);
    bucket_add(pool, slab, BUCKET_WHOLE);
    z_count_add(&pool->slab_count, 1);
    pool->whole_count++;
    return slab;
}

static void slab_destroy_locked(struct zspan_pool *pool, struct zslab *slab)
{
    ZVM_CHECK(slab->head.free_pages == USABLE_PAGES);
    bucket_remove(pool, slab);
    z_count_add(&pool->slab_count, (uint64_t)-1);
    pool->whole_count--;
    z_free_aligned(slab, ZSLAB_BYTES);
}

// A slab with a free span of the order, or with a free block or whole: the fullest kind first, so that large spans stay whole and
// empty slabs stay empty.
static struct zslab *find_slab_locked(struct zspan_pool *pool, uint32_t order)
{
    if (order == ZSPAN_BLOCK && pool->buckets[BUCKET_BLOCKS] != NULL)
        return pool->buckets[BUCKET_BLOCKS];
    for (uint32_t bucket = order + 1; bucket <= BUCKET_WHOLE; bucket++) {
        if (pool->buckets[bucket] != NULL) return pool->buckets[bucket];
    }
    return slab_create_locked(pool);
}

// A free span of the order in one slab, best fit: not a part of a larger free span if it can be.
static struct zpage *find_span(struct zslab *slab, uint32_t order)
{
    const uint64_t *free = slab->head.free;
    for (uint32_t larger = order + 1; larger <= ZSPAN_ORDERS; larger++) {
        for (uint32_t i = 0; i < ZSLAB_WORDS; i++) {
            uint64_t starts = span_starts(free[i], order);
            uint64_t inside = larger < ZSPAN_ORDERS ? span_starts(free[i], larger) : 0;
            for (; inside != 0; inside &= inside - 1) {
                starts &= ~span_bits(larger, zbits_lowest(inside));
            }
            if (starts != 0) return &slab->pages[i * 64 + zbits_lowest(starts)];
        }
    }
    return NULL;
}

// The first free block of a slab that has one.
static struct zpage *find_block(struct zslab *slab)
{
    ZVM_ASSERT(slab->head.free_pages > 0);
    uint32_t i = ZSLAB_BLOCK_PAGE / 64;
    while (slab->head.free[i] == 0)
        i++;
    return &slab->pages[i * 64 + zbits_lowest(slab->head.free[i])];
}

static struct zpage *take_one_locked(struct zspan_pool *pool, uint32_t order)
{
    struct zslab *slab = find_slab_locked(pool, order);
    if (slab == NULL) return NULL;
    if (slab->head.free_pages == USABLE_PAGES) {
        pool->whole_count--;
        if (order == ZSPAN_BLOCK) set_free(slab, ZSLAB_BLOCK_PAGE);
    }
    struct zpage *span = order == ZSPAN_BLOCK ? find_block(slab) : find_span(slab, order);
    ZVM_CHECK(span != NULL);

    uint32_t number = zpage_number(span);
    slab->head.free[number / 64] &= ~span_bits(order, number % 64);
    slab->head.free_pages -= zspan_pages(order);
    bucket_update(pool, slab);
    span->order = (uint8_t)order;
    span->state = ZPAGE_FREE;
    return span;
}

uint32_t zspan_pool_take_any(struct zspan_pool *pool, uint32_t order, uint32_t count,
                             struct zpage **list)
{
    ZVM_ASSERT(order < ZSPAN_KINDS);
    uint32_t taken = 0;
    pthread_mutex_lock(&pool->lock);
    while (taken < count) {
        struct zpage *span = take_one_locked(pool, order);
        if (span == NULL) break;
        span->next = *list;
        *list = span;
        taken++;
    }
    pthread_mutex_unlock(&pool->lock);
    return taken;
}

static void give_one_locked(struct zspan_pool *pool, struct zpage *span)
{
    struct zslab *slab = zslab_of(span);
    uint32_t number = zpage_number(span);
    uint64_t bits = span_bits(span->order, number % 64);
    ZVM_CHECK((slab->head.free[number / 64] & bits) == 0);
    slab->head.free[number / 64] |= bits;
    slab->head.free_pages += zspan_pages(span->order);
    if (slab->head.holds_blocks && slab->head.free_pages == ZSLAB_BLOCKS)
        set_free(slab, ZSLAB_HEAD_PAGES);
    bucket_update(pool, slab);
    if (slab->head.free_pages < USABLE_PAGES) return;

    // One empty slab in eight, and always one, is kept: a runtime that swings between two sizes
    // must not map and unmap all the time.
    pool->whole_count++;
    while (pool->whole_count > 1 + z_load_relaxed(&pool->slab_count) / 8) {
        slab_destroy_locked(pool, pool->buckets[BUCKET_WHOLE]);
    }
}

void zspan_pool_give_any(struct zspan_pool *pool, struct zpage *list)
{
    pthread_mutex_lock(&pool->lock);
    while (list != NULL) {
        struct zpage *next = list->next; // the slab may be gone after the call
        give_one_locked(pool, list);
        list = next;
    }
    pthread_mutex_unlock(&pool->lock);
}

zvm_status zspan_pool_create(struct zspan_pool **out)
{
    struct zspan_pool *pool = z_alloc_zeroed(sizeof *pool);
    if (pool == NULL) return ZVM_E_NOMEM;
    if (pthread_mutex_init(&pool->lock, NULL) != 0) {
        z_free(pool, sizeof *pool);
        return ZVM_E_NOMEM;
    }
    *out = pool;
    return ZVM_OK;
}

void zspan_pool_destroy(struct zspan_pool *pool)
{
    if (pool == NULL) return;
    for (uint32_t bucket = 0; bucket < BUCKETS; bucket++) {
        while (pool->buckets[bucket] != NULL) {
            slab_destroy_locked(pool, pool->buckets[bucket]);
        }
    }
    pthread_mutex_destroy(&pool->lock);
    z_free(pool, sizeof *pool);
}

uint64_t zspan_pool_mapped_bytes_any(struct zspan_pool *pool)
{
    return z_load_relaxed(&pool->slab_count) * ZSLAB_BYTES; // relaxed: a gauge
}
