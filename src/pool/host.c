// pool/host.c - pools of a thread of the host.
//
// Owns: everything that it gives out; it counts it against a limit of its own. Thread: owner.
// Invariants:  1. used_bytes is the sum of what stands in host_alloc's blocks, never over the limit.
//              2. every list that was acquired and not released is in `lists`, every list of a bin
//                 is all null.
// How: nothing here is ever searched for: an integer or a text ends when it is evicted, a list when
// it is released, so there is no heap to collect. Integers and texts stand in CLOCK tables; a text is
// found by 64 bits of a keyed hash, and one that has the hash of another is given back unpooled.
// What cannot be had for want of memory is not pooled: only lists can fail.
#include "pool/host.h"

#include "base/alloc.h"
#include "base/siphash.h"
#include "pool/clock.h"
#include "pool/pool.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define TEXT_BYTES_MAX 64u
#define INT_TEXT_BYTES 24u // 20 characters and a NUL
#define LIST_SIZES     (ZPOOL_LIST_CAPACITY_MAX + 1)
// How often a pool with a least hit rate is looked at, in requests.
#define AUTO_REQUESTS 1024u

struct host_integer {
    zvm_pool_integer shown;
    char text[INT_TEXT_BYTES];
};

struct host_text {
    size_t length_bytes;
    char bytes[]; // [length_bytes], then a NUL
};

struct host_list {
    zvm_list shown;
    struct zpool_host *host;
    struct host_list *next, *previous; // in lists; next: in its bin
    size_t slots;                      // of items; shown.count is the host's to write
    bool is_free;
    zvm_value items[];
};

struct host_pool {
    struct zpool_figures figures;
    uint64_t window_hits, window_requests; // since the pool was enabled or looked at last
    uint32_t limit;
    uint32_t least_percent; // of hits, or it is turned off; 0 = never
    bool is_enabled;
};

struct zpool_host {
    struct zpool_owner owner;
    uint64_t limit_bytes, used_bytes;
    struct host_pool pools[ZVM_POOL_KIND_COUNT];
    struct host_integer *small; // [ZPOOL_SMALL_COUNT]; NULL until first used
    struct host_integer scratch;
    struct zclock ints, texts;
    struct host_list *free_lists[LIST_SIZES];
    uint32_t free_counts[LIST_SIZES];
    struct host_list *lists;
};

// ---- Owners -------------------------------------------------------------------------------------

// relaxed, both: the word guards nothing. Threads that hand something over synchronise by
// themselves, and only a call by mistake reads what another thread wrote.
void zpool_adopt(struct zpool_owner *owner)
{
    z_store_relaxed(&owner->thread, (uint64_t)pthread_self());
}

bool zpool_is_owner(const struct zpool_owner *owner)
{
    return z_load_relaxed(&owner->thread) == (uint64_t)pthread_self();
}

struct zpool_owner *zpool_host_owner(struct zpool_host *host)
{
    return &host->owner;
}

// ---- Memory -------------------------------------------------------------------------------------

static void *host_alloc(struct zpool_host *host, size_t bytes)
{
    if (bytes > host->limit_bytes - host->used_bytes) return NULL;
    void *memory = z_alloc_zeroed(bytes);
    if (memory != NULL) host->used_bytes += bytes;
    return memory;
}

static void host_free(struct zpool_host *host, void *memory, size_t bytes)
{
    if (memory == NULL) return;
    z_free(memory, bytes);
    host->used_bytes -= bytes;
}

// Room for one entry more; false: there is not even a first table.
static bool reserve_entry(struct zpool_host *host, struct zclock *clock)
{
    uint32_t capacity = zclock_next_capacity(clock);
    if (clock->count < clock->capacity || capacity == 0) return clock->capacity > 0;
    void *memory = host_alloc(host, zclock_bytes(capacity));
    if (memory == NULL) return clock->capacity > 0;
    size_t old_bytes = clock->capacity == 0 ? 0 : zclock_bytes(clock->capacity);
    host_free(host, zclock_move(clock, memory, capacity), old_bytes);
    return true;
}

static void free_table(struct zpool_host *host, struct zclock *clock)
{
    size_t bytes = clock->capacity == 0 ? 0 : zclock_bytes(clock->capacity);
    host_free(host, zclock_take_memory(clock), bytes);
}

// ---- Figures ------------------------------------------------------------------------------------

static void count_hit(struct host_pool *pool)
{
    pool->figures.hits++;
    pool->window_hits++;
    pool->window_requests++;
}

// Where something was made because the pool had none.
static void count_miss(struct host_pool *pool)
{
    pool->figures.misses++;
    pool->figures.allocations++;
    pool->window_requests++;
}

// At the end of a request: a pool that does not reach its least hit rate is turned off.
static void judge(struct zpool_host *host, zvm_pool_kind kind)
{
    struct host_pool *pool = &host->pools[kind];
    if (ZVM_LIKELY(pool->window_requests < AUTO_REQUESTS)) return;
    bool is_poor = pool->window_hits * 100 < pool->window_requests * pool->least_percent;
    pool->window_hits = 0;
    pool->window_requests = 0;
    if (is_poor) pool->is_enabled = false; // emptied by the next request, which finds it disabled
}

static double percent(uint64_t part, uint64_t whole)
{
    return zreport_percent(part, whole);
}

static void fill_stats(const struct zpool_figures *figures, bool is_enabled, zvm_pool_stats *out)
{
    *out = (zvm_pool_stats){.is_enabled = is_enabled,
                            .hits = figures->hits,
                            .misses = figures->misses,
                            .allocations = figures->allocations,
                            .releases = figures->releases,
                            .size = figures->size,
                            .hit_rate = percent(figures->hits, figures->hits + figures->misses),
                            .reuse_rate = percent(figures->releases, figures->allocations)};
}

void zpool_host_stats(const struct zpool_host *host, zvm_pools_figures *out)
{
    struct zpool_figures total = {0};
    bool is_any_enabled = false;
    for (int kind = 0; kind < ZVM_POOL_KIND_COUNT; kind++) {
        const struct host_pool *pool = &host->pools[kind];
        fill_stats(&pool->figures, pool->is_enabled, &out->pools[kind]);
        total.hits += pool->figures.hits;
        total.misses += pool->figures.misses;
        total.allocations += pool->figures.allocations;
        total.releases += pool->figures.releases;
        total.size += pool->figures.size;
        is_any_enabled = is_any_enabled || pool->is_enabled;
    }
    fill_stats(&total, is_any_enabled, &out->total);
    out->used_bytes = host->used_bytes;
}

// ---- Integers -----------------------------------------------------------------------------------

static void fill_integer(struct host_integer *integer, int64_t value)
{
    int length = snprintf(integer->text, sizeof integer->text, "%lld", (long long)value);
    integer->shown =
        (zvm_pool_integer){.value = value, .text = integer->text, .length_bytes = (size_t)length};
}

static const zvm_pool_integer *small_integer(struct zpool_host *host, int64_t value)
{
    if (host->small == NULL) {
        host->small = host_alloc(host, ZPOOL_SMALL_COUNT * sizeof *host->small);
        for (int i = 0; host->small != NULL && i < ZPOOL_SMALL_COUNT; i++)
            fill_integer(&host->small[i], ZPOOL_SMALL_MIN + i);
    }
    if (host->small == NULL) return NULL;
    count_hit(&host->pools[ZVM_POOL_INT]);
    return &host->small[value - ZPOOL_SMALL_MIN].shown;
}

static const zvm_pool_integer *make_integer(struct zpool_host *host, int64_t value)
{
    struct host_pool *pool = &host->pools[ZVM_POOL_INT];
    count_miss(pool);
    struct host_integer *integer = NULL;
    if (reserve_entry(host, &host->ints)) integer = host_alloc(host, sizeof *integer);
    if (integer == NULL) {
        fill_integer(&host->scratch, value);
        return &host->scratch.shown;
    }
    fill_integer(integer, value);
    void *evicted = zclock_put(&host->ints, (uint64_t)value, integer);
    host_free(host, evicted, sizeof *integer);
    if (evicted == NULL) pool->figures.size++;
    return &integer->shown;
}

static void clear_ints(struct zpool_host *host)
{
    for (uint32_t i = 0; i < host->ints.count; i++)
        host_free(host, host->ints.entries[i].item, sizeof(struct host_integer));
    free_table(host, &host->ints);
    host->pools[ZVM_POOL_INT].figures.size = 0;
}

const zvm_pool_integer *zpool_host_int(struct zpool_host *host, int64_t value)
{
    struct host_pool *pool = &host->pools[ZVM_POOL_INT];
    const zvm_pool_integer *found = NULL;
    if (!pool->is_enabled) {
        if (pool->figures.size > 0) clear_ints(host);
        fill_integer(&host->scratch, value);
        return &host->scratch.shown;
    }
    if (zpool_is_small(value)) found = small_integer(host, value);
    if (found == NULL) {
        struct zclock_entry *entry = zclock_find(&host->ints, (uint64_t)value);
        if (entry != NULL) {
            count_hit(pool);
            found = &((struct host_integer *)entry->item)->shown;
        } else {
            found = make_integer(host, value);
        }
    }
    judge(host, ZVM_POOL_INT);
    return found;
}

// ---- Texts --------------------------------------------------------------------------------------

static size_t text_bytes(size_t length_bytes)
{
    return sizeof(struct host_text) + length_bytes + 1;
}

static void free_text(struct zpool_host *host, struct host_text *text)
{
    if (text != NULL) host_free(host, text, text_bytes(text->length_bytes));
}

static const char *make_text(struct zpool_host *host, uint64_t hash, const char *text,
                             size_t length_bytes)
{
    struct host_pool *pool = &host->pools[ZVM_POOL_STR];
    count_miss(pool);
    if (!reserve_entry(host, &host->texts)) return text;
    struct host_text *made = host_alloc(host, text_bytes(length_bytes));
    if (made == NULL) return text;
    made->length_bytes = length_bytes;
    if (length_bytes > 0) memcpy(made->bytes, text, length_bytes);
    struct host_text *evicted = zclock_put(&host->texts, hash, made);
    if (evicted == NULL) pool->figures.size++;
    free_text(host, evicted);
    return made->bytes;
}

static void clear_texts(struct zpool_host *host)
{
    for (uint32_t i = 0; i < host->texts.count; i++)
        free_text(host, host->texts.entries[i].item);
    free_table(host, &host->texts);
    host->pools[ZVM_POOL_STR].figures.size = 0;
}

const char *zpool_host_str(struct zpool_host *host, const char *text, size_t length_bytes)
{
    struct host_pool *pool = &host->pools[ZVM_POOL_STR];
    if (!pool->is_enabled) {
        if (pool->figures.size > 0) clear_texts(host);
        return text;
    }
    if (length_bytes > TEXT_BYTES_MAX) return text;
    uint64_t hash = zsiphash13(zsiphash_process_key(), text, length_bytes);
    struct zclock_entry *entry = zclock_find(&host->texts, hash);
    const char *found;
    if (entry == NULL) {
        found = make_text(host, hash, text, length_bytes);
    } else {
        const struct host_text *pooled = entry->item;
        bool is_same = pooled->length_bytes == length_bytes &&
                       (length_bytes == 0 || memcmp(pooled->bytes, text, length_bytes) == 0);
        if (is_same) count_hit(pool);
        found = is_same ? pooled->bytes : text;
    }
    judge(host, ZVM_POOL_STR);
    return found;
}

// ---- Lists --------------------------------------------------------------------------------------

static void link_list(struct zpool_host *host, struct host_list *list)
{
    list->is_free = false;
    list->previous = NULL;
    list->next = host->lists;
    if (host->lists != NULL) host->lists->previous = list;
    host->lists = list;
}

static void unlink_list(struct zpool_host *host, struct host_list *list)
{
    if (list->previous != NULL)
        list->previous->next = list->next;
    else
        host->lists = list->next;
    if (list->next != NULL) list->next->previous = list->previous;
}

static size_t list_bytes(size_t count)
{
    return sizeof(struct host_list) + count * sizeof(zvm_value);
}

static void free_list(struct zpool_host *host, struct host_list *list)
{
    host_free(host, list, list_bytes(list->slots));
}

static void clear_lists(struct zpool_host *host)
{
    for (size_t count = 0; count < LIST_SIZES; count++) {
        while (host->free_lists[count] != NULL) {
            struct host_list *list = host->free_lists[count];
            host->free_lists[count] = list->next;
            free_list(host, list);
        }
        host->free_counts[count] = 0;
    }
    host->pools[ZVM_POOL_LIST].figures.size = 0;
}

static struct host_list *take_list(struct zpool_host *host, size_t count)
{
    struct host_pool *pool = &host->pools[ZVM_POOL_LIST];
    if (!pool->is_enabled && pool->figures.size > 0) clear_lists(host);
    if (!pool->is_enabled || count >= LIST_SIZES || host->free_lists[count] == NULL) return NULL;
    struct host_list *list = host->free_lists[count];
    host->free_lists[count] = list->next;
    host->free_counts[count]--;
    pool->figures.size--;
    return list;
}

zvm_status zpool_host_acquire(struct zpool_host *host, size_t count, zvm_list **out)
{
    struct host_pool *pool = &host->pools[ZVM_POOL_LIST];
    struct host_list *list = take_list(host, count);
    bool is_hit = list != NULL;
    if (!is_hit) {
        size_t item_bytes, bytes;
        if (!z_size_multiply(count, sizeof(zvm_value), &item_bytes) ||
            __builtin_add_overflow(item_bytes, sizeof *list, &bytes) ||
            bytes > host->limit_bytes - host->used_bytes)
            return ZVM_E_HEAP_LIMIT;
        list = host_alloc(host, bytes);
        if (list == NULL) return ZVM_E_NOMEM;
        list->host = host;
        list->slots = count;
    }
    list->shown = (zvm_list){.items = list->items, .count = count};
    if (pool->is_enabled && count < LIST_SIZES) {
        if (is_hit)
            count_hit(pool);
        else
            count_miss(pool);
    }
    link_list(host, list);
    judge(host, ZVM_POOL_LIST);
    *out = &list->shown;
    return ZVM_OK;
}

zvm_status zpool_host_release(struct zpool_host *host, zvm_list *shown)
{
    struct host_list *list = (struct host_list *)(void *)shown;
    if (list->is_free) return ZVM_E_STATE;
    struct host_pool *pool = &host->pools[ZVM_POOL_LIST];
    size_t count = list->slots;
    unlink_list(host, list);
    if (!pool->is_enabled || count >= LIST_SIZES || host->free_counts[count] >= pool->limit) {
        free_list(host, list);
        return ZVM_OK;
    }
    memset(list->items, 0, count * sizeof(zvm_value));
    list->is_free = true;
    list->next = host->free_lists[count];
    host->free_lists[count] = list;
    host->free_counts[count]++;
    pool->figures.releases++;
    pool->figures.size++;
    return ZVM_OK;
}

struct zpool_host *zpool_host_of(const zvm_list *list)
{
    return ((const struct host_list *)(const void *)list)->host;
}

_Static_assert(offsetof(struct host_list, shown) == 0, "a list is what its host sees of it");

// ---- The set ------------------------------------------------------------------------------------

zvm_status zpool_host_create(const struct zpool_host_options *options, struct zpool_host **out)
{
    struct zpool_host *host = z_alloc_zeroed(sizeof *host);
    if (host == NULL) return ZVM_E_NOMEM;
    host->limit_bytes = options->limit_bytes;
    for (int kind = 0; kind < ZVM_POOL_KIND_COUNT; kind++) {
        host->pools[kind].limit = options->limits[kind];
        host->pools[kind].least_percent = options->least_percents[kind];
        host->pools[kind].is_enabled = options->limits[kind] > 0;
    }
    host->ints.limit = options->limits[ZVM_POOL_INT];
    host->texts.limit = options->limits[ZVM_POOL_STR];
    zpool_adopt(&host->owner);
    *out = host;
    return ZVM_OK;
}

void zpool_host_clear(struct zpool_host *host)
{
    clear_ints(host);
    clear_texts(host);
    clear_lists(host);
}

void zpool_host_destroy(struct zpool_host *host)
{
    zpool_host_clear(host);
    while (host->lists != NULL) {
        struct host_list *list = host->lists;
        host->lists = list->next;
        free_list(host, list);
    }
    host_free(host, host->small, ZPOOL_SMALL_COUNT * sizeof *host->small);
    ZVM_ASSERT(host->used_bytes == 0);
    z_free(host, sizeof *host);
}

bool zpool_host_enable(struct zpool_host *host, zvm_pool_kind kind, bool is_enabled)
{
    struct host_pool *pool = &host->pools[kind];
    if (is_enabled && pool->limit == 0) return false;
    pool->is_enabled = is_enabled;
    pool->window_hits = 0;
    pool->window_requests = 0;
    if (is_enabled) return true;
    if (kind == ZVM_POOL_INT) clear_ints(host);
    if (kind == ZVM_POOL_STR) clear_texts(host);
    if (kind == ZVM_POOL_LIST) clear_lists(host);
    return true;
}
