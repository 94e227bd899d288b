// intern/intern.c - the symbols of a table: find, make, hold, let go.
//
// Owns: the entries, each one allocation: a head of 16 bytes, then the string as everybody sees it.
// Thread: any, for every function. The lock guards the chains and the plain counters; it is held
// for one probe, or for a sweep or a rehash of the whole table. It is a leaf: nothing is called
// under it. Invariants:  1. one entry for each string, so equal symbols have equal addresses.
//              2. an entry is freed only under the lock, only when its count is 0.
//              3. a count leaves 0 only under the lock.
// Why 2 and 3 suffice: a holder has a count above 0, so retain and release need no lock; who has
// none must come through find or acquire, which hold the lock that the freeing needs. release does
// not touch the entry after its subtraction, because the entry may be gone by then. How: dead
// entries stay, and can be had again for nothing, until they are a good part of the table; then one
// walk frees them all. A program that makes strings without end therefore keeps the table where it
// was, at an amortised constant cost a string.
#include "intern/intern_internal.h"

#include "base/alloc.h"
#include "base/siphash.h"
#include "base/utf8.h"

#include <string.h>

#define LIMIT_COUNT_DEFAULT UINT64_C(16777216)
#define LIMIT_BYTES_DEFAULT (UINT64_C(1) << 30)

// Dead entries that are never worth a walk: about 16 KiB of short strings.
#define DEAD_FREE 256

// ---- Creation -----------------------------------------------------------------------------------

zvm_status zintern_create(const struct zintern_options *options, struct zintern **out)
{
    struct zintern_options defaults = {0};
    if (options == NULL) options = &defaults;

    struct zintern *table = z_alloc_aligned(ZVM_CACHE_LINE_BYTES, sizeof *table);
    if (table == NULL) return ZVM_E_NOMEM;
    memset(table, 0, sizeof *table);
    zintern_rehash_locked(table, 0);
    if (table->buckets == NULL) goto fail;
    if (pthread_mutex_init(&table->lock, NULL) != 0) goto fail;
    table->limit_count = options->limit_count == 0 ? LIMIT_COUNT_DEFAULT : options->limit_count;
    table->limit_bytes = options->limit_bytes == 0 ? LIMIT_BYTES_DEFAULT : options->limit_bytes;
    *out = table;
    return ZVM_OK;

fail:
    z_free(table->buckets, table->bucket_count * sizeof *table->buckets);
    z_free_aligned(table, sizeof *table);
    return ZVM_E_NOMEM;
}

void zintern_destroy(struct zintern *table)
{
    if (table == NULL) return;
    zintern_sweep_locked(table); // nobody else has the table any more
    ZVM_ASSERT(table->count == 0);
    pthread_mutex_destroy(&table->lock);
    z_free(table->buckets, table->bucket_count * sizeof *table->buckets);
    z_free_aligned(table, sizeof *table);
}

// ---- Looking up ---------------------------------------------------------------------------------

// The keyed hash of a string; never 0, which means "not computed" in private strings.
static uint64_t hash_of(const char *text, size_t length_bytes)
{
    uint64_t hash = zsiphash13(zsiphash_process_key(), text, length_bytes);
    return hash == 0 ? 1 : hash;
}

static struct zintern_entry *probe_locked(const struct zintern *table, const char *text,
                                          size_t length_bytes, uint64_t hash)
{
    struct zintern_entry *entry = table->buckets[hash & (table->bucket_count - 1)];
    for (; entry != NULL; entry = entry->next) {
        if (entry->symbol.hash != hash || entry->symbol.header.aux != length_bytes) continue;
        if (memcmp(entry->symbol.bytes, text, length_bytes) == 0) return entry;
    }
    return NULL;
}

// relaxed: the lock orders this against the freeing of the entry, and its bytes were ordered when
// it was published.
static void hold_locked(struct zintern *table, struct zintern_entry *entry)
{
    uint32_t before = z_fetch_add_relaxed(&entry->count, 1);
    ZVM_CHECK(before != UINT32_MAX);
    if (before == 0) z_fetch_add_relaxed(&table->dead_count, -1);
}

const struct zstring *zintern_find(struct zintern *table, const char *text, size_t length_bytes)
{
    if (length_bytes > ZINTERN_MAX_BYTES) return NULL;
    uint64_t hash = hash_of(text, length_bytes);
    pthread_mutex_lock(&table->lock);
    struct zintern_entry *entry = probe_locked(table, text, length_bytes, hash);
    if (entry != NULL) hold_locked(table, entry);
    if (entry != NULL)
        table->hits++;
    else
        table->misses++;
    pthread_mutex_unlock(&table->lock);
    return entry == NULL ? NULL : &entry->symbol;
}

// ---- Inserting ----------------------------------------------------------------------------------

static bool has_room_locked(const struct zintern *table, size_t entry_bytes)
{
    if (table->count >= table->limit_count) return false;
    uint64_t bytes = zintern_bytes_locked(table);
    return bytes <= table->limit_bytes && entry_bytes <= table->limit_bytes - bytes;
}

// Doubles the buckets when the chains reach one entry a bucket, unless that would pass the limit in
// bytes: then the chains grow longer, which is slower but not wrong.
static void grow_locked(struct zintern *table)
{
    if (table->count < table->bucket_count) return;
    uint64_t more_bytes = table->bucket_count * sizeof *table->buckets;
    if (zintern_bytes_locked(table) + more_bytes > table->limit_bytes) return;
    zintern_rehash_locked(table, table->count + 1);
}

static struct zintern_entry *make_entry(const char *text, size_t length_bytes, uint64_t hash)
{
    size_t bytes = sizeof(struct zintern_entry) + length_bytes + 1;
    struct zintern_entry *entry = z_alloc(bytes);
    if (entry == NULL) return NULL;
    bool is_ascii = zutf8_is_ascii(text, length_bytes);
    entry->bytes = (uint32_t)bytes;
    entry->symbol.header = (struct zobject){
        .kind = ZTYPE_STRING,
        .flags = (uint8_t)(ZFLAG_SHARED | (is_ascii ? ZFLAG_ASCII : 0)),
        .aux = (uint32_t)length_bytes,
    };
    entry->symbol.hash = hash;
    if (length_bytes > 0) memcpy(entry->symbol.bytes, text, length_bytes);
    entry->symbol.bytes[length_bytes] = '\0';
    atomic_init(&entry->count, 1);
    return entry;
}

static zvm_status insert_locked(struct zintern *table, const char *text, size_t length_bytes,
                                uint64_t hash, struct zintern_entry **out)
{
    size_t bytes = sizeof(struct zintern_entry) + length_bytes + 1;
    if (!has_room_locked(table, bytes)) {
        zintern_sweep_locked(table);
        if (!has_room_locked(table, bytes)) return ZVM_E_INTERN_LIMIT;
    }
    struct zintern_entry *entry = make_entry(text, length_bytes, hash);
    if (entry == NULL) return ZVM_E_NOMEM;
    grow_locked(table);
    struct zintern_entry **bucket = &table->buckets[hash & (table->bucket_count - 1)];
    entry->next = *bucket;
    *bucket = entry;
    table->count++;
    table->entry_bytes += bytes;
    table->inserted++;
    *out = entry;
    return ZVM_OK;
}

zvm_status zintern_acquire(struct zintern *table, const char *text, size_t length_bytes,
                           const struct zstring **out)
{
    if (length_bytes > ZINTERN_MAX_BYTES) return ZVM_E_LIMIT;
    uint64_t hash = hash_of(text, length_bytes);
    zvm_status status = ZVM_OK;
    pthread_mutex_lock(&table->lock);
    struct zintern_entry *entry = probe_locked(table, text, length_bytes, hash);
    if (entry != NULL) {
        hold_locked(table, entry);
        table->hits++;
    } else {
        table->misses++;
        status = insert_locked(table, text, length_bytes, hash, &entry);
    }
    pthread_mutex_unlock(&table->lock);
    if (status == ZVM_OK) *out = &entry->symbol;
    return status;
}

// ---- Holding and letting go ---------------------------------------------------------------------

void zintern_retain(struct zintern *table, const struct zstring *symbol)
{
    (void)table; // the lock-free table will need it
    struct zintern_entry *entry = zintern_entry_of(symbol);
    // relaxed: the caller's own reference keeps the entry, and orders nothing new.
    uint32_t before = z_fetch_add_relaxed(&entry->count, 1);
    ZVM_CHECK(before != 0);
    ZVM_CHECK(before != UINT32_MAX);
}

// True when so many entries are dead that a walk over all of them is paid for.
static bool is_worth_sweeping_locked(struct zintern *table)
{
    int64_t dead = z_load_relaxed(&table->dead_count); // relaxed: a hint
    return dead > DEAD_FREE && (uint64_t)dead > table->count / 4;
}

static ZVM_COLD void sweep_slow(struct zintern *table)
{
    pthread_mutex_lock(&table->lock);
    if (is_worth_sweeping_locked(table)) zintern_sweep_locked(table);
    pthread_mutex_unlock(&table->lock);
}

void zintern_release(struct zintern *table, const struct zstring *symbol)
{
    // PAIR symbol, to is_dead: all that this holder read of the symbol is done before it is freed.
    uint32_t before = z_fetch_sub_release(&zintern_entry_of(symbol)->count, 1);
    ZVM_CHECK(before != 0);
    if (before != 1) return;
    // From here on the entry may be gone.
    int64_t dead = z_fetch_add_relaxed(&table->dead_count, 1) + 1; // relaxed: a hint
    // One in DEAD_FREE looks whether a sweep is due: with a table full of living entries, reaching
    // the share that is worth it must not mean taking the lock at every release before.
    if (dead % DEAD_FREE == 0) sweep_slow(table);
}

// ---- Figures ------------------------------------------------------------------------------------

void zintern_stats(struct zintern *table, struct zintern_stats *out)
{
    pthread_mutex_lock(&table->lock);
    *out = (struct zintern_stats){
        .count = table->count,
        .bytes = zintern_bytes_locked(table),
        .hits = table->hits,
        .misses = table->misses,
        .inserted = table->inserted,
        .reclaimed = table->reclaimed,
        .limit_count = table->limit_count,
        .limit_bytes = table->limit_bytes,
    };
    pthread_mutex_unlock(&table->lock);
}
