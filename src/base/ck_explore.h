// base/ck_explore.h - ck_epoch for the explorer. Included by base/ck.h only, under ZVM_EXPLORE.
//
// The same functions by the same algorithm as ConcurrencyKit 0.7.1's, on words that the explorer sees:
// what a model then runs is all of our own code around them. CK's inline assembler, its library and its
// own memory orders are not explored. Two things differ. The explorer has no fences: where CK has a
// locked exchange or a fence between a record's `active` and what is loaded next, whoever touches
// `active` here does it by a read-modify-write, so that each sees what those before it did. And
// sections do not nest.
// Thread: as CK's functions; owner-thread where a record is named, but for looking at it.
#ifndef ZVM_BASE_CK_EXPLORE_H
#define ZVM_BASE_CK_EXPLORE_H

#include "base/atomic.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Bugs that a model plants here; defined by the model.
enum zck_bug {
    ZCK_BUG_NONE,
    ZCK_BUG_BEGIN_UNORDERED, // entering orders nothing: what is read next may be from before
    ZCK_BUG_END_RELAXED,     // leaving does not order the section's reads before the freeing
    ZCK_BUG_POLL_BLIND,      // freed when polled, whoever is inside
    ZCK_BUG_DISPATCH_EARLY,  // freed one epoch too early
};
extern enum zck_bug zck_planted;

#define CK_EPOCH_LENGTH 4

struct ck_epoch_entry;
typedef struct ck_epoch_entry ck_epoch_entry_t;
typedef void ck_epoch_cb_t(ck_epoch_entry_t *);

struct ck_epoch_entry {
    ck_epoch_cb_t *function;
    struct ck_epoch_entry *next;
};

struct ck_epoch_record;
typedef struct ck_epoch {
    _Atomic uint32_t epoch;
    struct ck_epoch_record *records; // all are registered before the first poll
} ck_epoch_t;

typedef struct ck_epoch_record {
    _Atomic uint32_t active, epoch;
    // owner-thread
    uint32_t depth; // CK's plain reads and writes of `active`
    uint32_t n_pending;
    ck_epoch_entry_t *pending[CK_EPOCH_LENGTH];
    ck_epoch_t *global;
    struct ck_epoch_record *record_next;
} ck_epoch_record_t;

static inline void ck_epoch_init(ck_epoch_t *epoch)
{
    atomic_init(&epoch->epoch, 1);
    epoch->records = NULL;
}

static inline void ck_epoch_register(ck_epoch_t *epoch, ck_epoch_record_t *record, void *context)
{
    (void)context;
    *record = (ck_epoch_record_t){.global = epoch, .record_next = epoch->records};
    atomic_init(&record->active, 0);
    atomic_init(&record->epoch, 0);
    epoch->records = record;
}

static inline void ck_epoch_begin(ck_epoch_record_t *record, void *section)
{
    (void)section;
    record->depth++;
    if (zck_planted == ZCK_BUG_BEGIN_UNORDERED)
        z_store_relaxed(&record->active, 1);
    else
        z_fetch_add_acq_rel(&record->active, 1);
    // Loads acquire and stores release on x86-64, and both are needed: who finds a new epoch here finds
    // what was unlinked before it began; who finds it in the record finds the last section ended.
    z_store_release(&record->epoch, z_load_acquire(&record->global->epoch));
}

static inline void zck_epoch_end(ck_epoch_record_t *record)
{
    record->depth--;
    if (zck_planted == ZCK_BUG_END_RELAXED)
        z_fetch_sub_relaxed(&record->active, 1);
    else
        z_fetch_sub_release(&record->active, 1);
}

static inline void zck_epoch_begin_reclaim(ck_epoch_t *epoch)
{
    (void)epoch;
}

static inline void ck_epoch_call(ck_epoch_record_t *record, ck_epoch_entry_t *entry,
                                 ck_epoch_cb_t *function)
{
    uint32_t offset = z_load_relaxed(&record->global->epoch) % CK_EPOCH_LENGTH;
    entry->function = function;
    entry->next = record->pending[offset];
    record->pending[offset] = entry;
    record->n_pending++;
}

static inline void zck_dispatch(ck_epoch_record_t *record, uint32_t epoch)
{
    ck_epoch_entry_t *entry = record->pending[epoch % CK_EPOCH_LENGTH];
    record->pending[epoch % CK_EPOCH_LENGTH] = NULL;
    while (entry != NULL) {
        ck_epoch_entry_t *next = entry->next;
        record->n_pending--;
        entry->function(entry);
        entry = next;
    }
}

// False: somebody inside has not seen this epoch yet. *is_active: somebody is inside.
static inline bool zck_scan(ck_epoch_t *global, uint32_t epoch, bool *is_active)
{
    *is_active = false;
    if (zck_planted == ZCK_BUG_POLL_BLIND) return true;
    for (ck_epoch_record_t *record = global->records; record != NULL;
         record = record->record_next) {
        if (z_fetch_add_acq_rel(&record->active, 0) == 0) continue;
        *is_active = true;
        if (z_load_acquire(&record->epoch) != epoch) return false;
    }
    return true;
}

static inline bool ck_epoch_poll(ck_epoch_record_t *record)
{
    ck_epoch_t *global = record->global;
    uint32_t epoch = z_load_seq_cst(&global->epoch);
    bool is_active;
    zck_dispatch(record, epoch - (zck_planted == ZCK_BUG_DISPATCH_EARLY ? 1 : 2));
    if (!zck_scan(global, epoch, &is_active)) return false;
    if (!is_active) {
        for (uint32_t i = 0; i < CK_EPOCH_LENGTH; i++)
            zck_dispatch(record, i);
        return true;
    }
    if (z_cas_seq_cst(&global->epoch, &epoch, epoch + 1)) epoch++;
    zck_dispatch(record, epoch - 2);
    return true;
}

// Nobody is inside.
static inline void ck_epoch_barrier(ck_epoch_record_t *record)
{
    for (uint32_t i = 0; i < CK_EPOCH_LENGTH; i++)
        zck_dispatch(record, i);
}

#endif // ZVM_BASE_CK_EXPLORE_H
