// lang/module_unit.c - the modules of a runtime: compiled once, counted, shared by its programs.
//
// Owns: struct zmodules, a table of units by path and text; a unit is in it from its claim until its
// last holder lets go. Thread: any. One lock guards the table, the counts and the states; nothing else
// is locked under it, and nobody compiles, loads or allocates under it.
// Invariants:  1. Two units in the table differ in path, text or the units that they use: equal ones
//                 would be one. So a unit never grows stale; a module that was changed is another unit.
//              2. Who builds a unit waits for nobody: the units that it uses are READY before it is
//                 claimed. So waiting for a builder ends.
//              3. A unit holds the units that it uses; uses form no circle, so counts are enough.
#include "lang/module_internal.h"

#include "base/alloc.h"
#include "base/siphash.h"

#include <pthread.h>
#include <string.h>

#define BUCKET_COUNT 256

struct zmodules {
    pthread_mutex_t lock;
    pthread_cond_t built; // some unit is no longer BUILDING
    struct zunit *buckets[BUCKET_COUNT];
    struct zmodules_stats stats;
};

zvm_status zmodules_create(struct zmodules **out)
{
    struct zmodules *modules = z_alloc_zeroed(sizeof *modules);
    if (modules == NULL) return ZVM_E_NOMEM;
    if (pthread_mutex_init(&modules->lock, NULL) != 0) goto fail;
    if (pthread_cond_init(&modules->built, NULL) != 0) {
        pthread_mutex_destroy(&modules->lock);
        goto fail;
    }
    *out = modules;
    return ZVM_OK;

fail:
    z_free(modules, sizeof *modules);
    return ZVM_E_NOMEM;
}

void zmodules_destroy(struct zmodules *modules)
{
    if (modules == NULL) return;
    pthread_cond_destroy(&modules->built);
    pthread_mutex_destroy(&modules->lock);
    z_free(modules, sizeof *modules);
}

void zmodules_stats(struct zmodules *modules, struct zmodules_stats *out)
{
    pthread_mutex_lock(&modules->lock);
    *out = modules->stats;
    pthread_mutex_unlock(&modules->lock);
}

// ---- Making and freeing ------------------------------------------------------------------------

static uint64_t hash_of(const char *path, const char *text, size_t text_bytes)
{
    const struct zsiphash_key *key = zsiphash_process_key();
    uint64_t hash = zsiphash13(key, path, strlen(path));
    return text_bytes == 0 ? hash : hash * 31 + zsiphash13(key, text, text_bytes);
}

static void free_unit(struct zunit *unit)
{
    zcode_release(unit->code);
    for (uint32_t i = 0; i < unit->use_count; i++)
        z_free(unit->uses[i].path, unit->uses[i].path_bytes);
    z_free(unit->uses, unit->use_count * sizeof *unit->uses);
    z_free(unit->imports, unit->import_count * sizeof *unit->imports);
    z_free(unit->names, unit->name_count * sizeof *unit->names);
    z_free(unit->text, unit->text_bytes);
    z_free(unit->path, unit->path_bytes);
    z_free(unit, sizeof *unit);
}

struct zunit *zunit_create(const char *path, const char *text, size_t text_bytes,
                           uint32_t use_count)
{
    struct zunit *unit = z_alloc_zeroed(sizeof *unit);
    if (unit == NULL) return NULL;
    unit->holders = 1;
    unit->hash = hash_of(path, text, text_bytes);
    unit->path = z_alloc_text(path, strlen(path));
    if (unit->path != NULL) unit->path_bytes = strlen(path) + 1;
    if (text_bytes > 0) unit->text = z_alloc(text_bytes);
    if (unit->text != NULL) {
        unit->text_bytes = text_bytes;
        memcpy(unit->text, text, text_bytes);
    }
    if (use_count > 0) unit->uses = z_alloc_zeroed(use_count * sizeof *unit->uses);
    if (unit->uses != NULL) unit->use_count = use_count;
    if (unit->path != NULL && unit->text_bytes == text_bytes && unit->use_count == use_count)
        return unit;
    free_unit(unit);
    return NULL;
}

// ---- The table ---------------------------------------------------------------------------------

static struct zunit **bucket_of(struct zmodules *modules, uint64_t hash)
{
    return &modules->buckets[hash % BUCKET_COUNT];
}

static bool has_text(const struct zunit *unit, uint64_t hash, const char *path, const char *text,
                     size_t text_bytes)
{
    if (unit->hash != hash || unit->text_bytes != text_bytes) return false;
    if (strcmp(unit->path, path) != 0) return false;
    return text_bytes == 0 || memcmp(unit->text, text, text_bytes) == 0;
}

// The same path and text have the same uses; what these lead to may differ.
static bool is_same(const struct zunit *a, const struct zunit *b)
{
    if (!has_text(a, b->hash, b->path, b->text, b->text_bytes)) return false;
    for (uint32_t i = 0; i < a->use_count; i++)
        if (a->uses[i].unit != b->uses[i].unit) return false;
    return true;
}

struct zunit *zmodules_find(struct zmodules *modules, const char *path, const char *text,
                            size_t text_bytes)
{
    uint64_t hash = hash_of(path, text, text_bytes);
    pthread_mutex_lock(&modules->lock);
    struct zunit *unit = *bucket_of(modules, hash);
    while (unit != NULL &&
           !(unit->state == ZUNIT_READY && has_text(unit, hash, path, text, text_bytes)))
        unit = unit->next;
    if (unit != NULL) unit->holders++;
    pthread_mutex_unlock(&modules->lock);
    return unit;
}

static struct zunit *find_same_locked(struct zmodules *modules, const struct zunit *wanted)
{
    struct zunit *unit = *bucket_of(modules, wanted->hash);
    while (unit != NULL && !is_same(unit, wanted))
        unit = unit->next;
    return unit;
}

bool zmodules_claim(struct zmodules *modules, struct zunit **unit)
{
    struct zunit *own = *unit;
    pthread_mutex_lock(&modules->lock);
    struct zunit *same;
    while ((same = find_same_locked(modules, own)) != NULL && same->state == ZUNIT_BUILDING)
        pthread_cond_wait(&modules->built, &modules->lock);
    if (same == NULL) {
        struct zunit **bucket = bucket_of(modules, own->hash);
        own->next = *bucket;
        *bucket = own;
        modules->stats.kept++;
    } else {
        same->holders++;
        modules->stats.shared++;
    }
    pthread_mutex_unlock(&modules->lock);
    if (same == NULL) return true;
    zunit_release(modules, own);
    *unit = same;
    return false;
}

static void take_out_locked(struct zmodules *modules, const struct zunit *unit)
{
    struct zunit **at = bucket_of(modules, unit->hash);
    while (*at != NULL && *at != unit)
        at = &(*at)->next;
    if (*at == NULL) return; // it was never claimed
    *at = unit->next;
    modules->stats.kept--;
}

void zmodules_built(struct zmodules *modules, struct zunit *unit, bool is_good)
{
    pthread_mutex_lock(&modules->lock);
    unit->state = is_good ? ZUNIT_READY : ZUNIT_FAILED;
    if (is_good)
        modules->stats.compiled++;
    else
        take_out_locked(modules, unit);
    pthread_cond_broadcast(&modules->built);
    pthread_mutex_unlock(&modules->lock);
}

void zmodules_note_shared(struct zmodules *modules)
{
    pthread_mutex_lock(&modules->lock);
    modules->stats.shared++;
    pthread_mutex_unlock(&modules->lock);
}

void zunit_hold(struct zmodules *modules, struct zunit *unit)
{
    pthread_mutex_lock(&modules->lock);
    unit->holders++;
    pthread_mutex_unlock(&modules->lock);
}

// Drops a holder; the unit when that was the last one and it is now the caller's to free, else NULL.
static struct zunit *let_go(struct zmodules *modules, struct zunit *unit)
{
    pthread_mutex_lock(&modules->lock);
    bool is_last = --unit->holders == 0;
    if (is_last && unit->state != ZUNIT_FAILED) take_out_locked(modules, unit);
    pthread_mutex_unlock(&modules->lock);
    return is_last ? unit : NULL;
}

// Modules may use each other in a chain of any length, so what is to be freed stands in a list.
void zunit_release(struct zmodules *modules, struct zunit *unit)
{
    if (unit == NULL) return;
    struct zunit *dead = let_go(modules, unit);
    if (dead != NULL) dead->next = NULL;
    while (dead != NULL) {
        struct zunit *now = dead;
        dead = now->next;
        for (uint32_t i = 0; i < now->use_count; i++) {
            if (now->uses[i].unit == NULL) continue;
            struct zunit *also = let_go(modules, now->uses[i].unit);
            if (also == NULL) continue;
            also->next = dead;
            dead = also;
        }
        free_unit(now);
    }
}

// ---- Names -------------------------------------------------------------------------------------

static int compare(struct zast_text text, const struct zstring *name)
{
    uint32_t length = name->header.aux;
    uint32_t shorter = text.length_bytes < length ? text.length_bytes : length;
    int order = memcmp(text.bytes, name->bytes, shorter);
    if (order != 0) return order;
    return (text.length_bytes > length) - (text.length_bytes < length);
}

const struct zunit_name *zunit_find_name(const struct zunit *unit, struct zast_text name)
{
    uint32_t low = 0, high = unit->name_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int order = compare(name, unit->names[middle].name);
        if (order == 0) return &unit->names[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}
