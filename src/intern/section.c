// intern/section.c - who is inside a call, and what may be freed.
//
// Owns: the slots, CK's epochs, and the cells that are retired until they are freed.
// Thread: any. Hosts register nothing: a thread is known by the address of a thread-local variable.
// Invariants:  1. a slot is used by one thread at a time: its owner, or who has taken it when it is
//                 one of the shared ones.
//              2. an owner never changes. A thread that ended leaves its slot behind, without
//                 anything that waits in it; the C library gives its address to a later thread,
//                 which then finds itself the owner.
//              3. what is retired waits in one place, not with the thread that retired it, so a
//                 thread may end at any time and nothing stays behind.
// How: ck_epoch needs a record a thread. Claiming one at each call would cost a locked instruction,
// two with giving it back; here the usual call compares one word. Where addresses are used up (more
// than OWNED_MAX at once or by and by), the shared slots are claimed call by call.
// Freeing is done by one thread at a time, the one that finds the gate open; nobody waits for it. A
// thread that stops inside a section holds up the freeing, never the others' calls; what waits
// counts against the table's limit of bytes, so memory is bounded by that limit.
#include "intern/intern_internal.h"

#include "base/alloc.h"
#include "base/ck.h"

#include <sched.h>
#include <string.h>

#ifndef ZVM_EXPLORE
#    define BLOCK_SLOTS  32
#    define SHARED_SLOTS 4  // the last of each block
#    define BLOCKS_MAX   32 // about 900 threads with slots of their own, 320 KiB
// Freeing is tried at every so many calls that could: each try looks at all records.
#    define RECLAIM_EVERY 8
#else
#    define BLOCK_SLOTS   3 // so few that threads share one
#    define SHARED_SLOTS  1
#    define BLOCKS_MAX    1
#    define RECLAIM_EVERY 1
#endif
#define OWNER_SHARED ((uintptr_t)1)

// How often a full table looks whether the others are out before it gives up: with nobody in the
// way two looks suffice.
#define POLLS_MAX 8

struct section_slot {
    struct zintern_slot slot; // first
    ck_epoch_record_t record;
};

struct slot_block {
    struct section_slot slots[BLOCK_SLOTS];
    _Atomic(struct slot_block *) next; // shared. PAIR block
};

struct zintern_sections {
    ck_epoch_t epoch;
    ck_epoch_record_t reclaimer; // who holds is_reclaiming
    // shared. PAIR reclaimer: one thread at a time frees.
    _Alignas(ZVM_CACHE_LINE_BYTES) atomic_bool is_reclaiming;
    // shared. PAIR retired: pushed by anyone, taken whole by the reclaimer.
    _Atomic(struct zintern_cells *) retired;
    // the reclaimer's: cells that everybody is out of
    struct zintern_cells *free;
    uint32_t steps;
    _Atomic uint32_t block_count; // relaxed: for sums
    struct slot_block first;
};

_Static_assert(sizeof(ck_epoch_entry_t) <= sizeof(((struct zintern_cells *)0)->epoch_entry),
               "cells have room for CK's entry");

// Its address tells threads apart; its value is where the thread found its slot last.
static _Thread_local uint32_t slot_hint;

static inline uintptr_t self(void)
{
#ifdef ZVM_EXPLORE
    return zexplore_self(); // its threads are one of the system's, whose variables are exchanged
#else
    return (uintptr_t)&slot_hint;
#endif
}

// ---- Creation -----------------------------------------------------------------------------------

static void init_block(struct zintern_sections *sections, struct slot_block *block)
{
    memset(block, 0, sizeof *block);
    for (uint32_t i = 0; i < BLOCK_SLOTS; i++) {
        ck_epoch_register(&sections->epoch, &block->slots[i].record, NULL);
        if (i >= BLOCK_SLOTS - SHARED_SLOTS) atomic_init(&block->slots[i].slot.owner, OWNER_SHARED);
    }
}

zvm_status zintern_sections_create(struct zintern *table)
{
    struct zintern_sections *sections =
        z_alloc_aligned(ZVM_CACHE_LINE_BYTES, sizeof(struct zintern_sections));
    if (sections == NULL) return ZVM_E_NOMEM;
    memset(sections, 0, sizeof *sections);
    ck_epoch_init(&sections->epoch);
    ck_epoch_register(&sections->epoch, &sections->reclaimer, NULL);
    init_block(sections, &sections->first);
    atomic_init(&sections->block_count, 1);
    table->sections = sections;
    return ZVM_OK;
}

uint64_t zintern_sections_bytes(const struct zintern *table)
{
    uint32_t blocks = z_load_relaxed(&table->sections->block_count); // relaxed: a sum
    return sizeof(struct zintern_sections) + (blocks - 1) * sizeof(struct slot_block);
}

// ---- Slots --------------------------------------------------------------------------------------

static struct slot_block *next_block(const struct slot_block *block)
{
    // PAIR block, from add_block. The cast is because C11's loads want no const.
    return z_load_acquire(&((struct slot_block *)(uintptr_t)block)->next);
}

struct zintern_slot *zintern_slot_next(const struct zintern *table, struct zintern_slot *slot,
                                       uint32_t *position)
{
    *position = slot == NULL ? 0 : *position + 1;
    struct slot_block *block = &table->sections->first;
    for (uint32_t i = *position / BLOCK_SLOTS; i > 0 && block != NULL; i--)
        block = next_block(block);
    return block == NULL ? NULL : &block->slots[*position % BLOCK_SLOTS].slot;
}

uint32_t zintern_slot_count(const struct zintern *table)
{
    return z_load_relaxed(&table->sections->block_count) * BLOCK_SLOTS; // relaxed: for a bound
}

// The slot of the block that the thread owns or comes to own; NULL: all are others'.
static struct zintern_slot *own_slot_in(struct slot_block *block, uint32_t *index)
{
    uint32_t start = (uint32_t)((self() >> 6) * UINT64_C(0x9e3779b97f4a7c15) >> 40);
    for (uint32_t n = 0; n < BLOCK_SLOTS; n++) {
        uint32_t i = (start + n) % BLOCK_SLOTS;
        _Atomic uintptr_t *owner = &block->slots[i].slot.owner;
        uintptr_t found = z_load_relaxed(owner); // relaxed: only we write our address
        // relaxed: is_taken orders what an owner does
        if (found == 0 && z_cas_relaxed(owner, &found, self())) found = self();
        if (found != self()) continue;
        *index = i;
        return &block->slots[i].slot;
    }
    return NULL;
}

static struct slot_block *add_block(struct zintern_sections *sections, struct slot_block *last)
{
    if (z_load_relaxed(&sections->block_count) >= BLOCKS_MAX) return NULL; // relaxed: a bound
    struct slot_block *block = z_alloc_aligned(ZVM_CACHE_LINE_BYTES, sizeof *block);
    if (block == NULL) return NULL;
    init_block(sections, block);
    struct slot_block *expected = NULL;
    while (!z_cas_acq_rel(&last->next, &expected, block)) { // PAIR block, to next_block
        last = expected;
        expected = NULL;
    }
    z_fetch_add_relaxed(&sections->block_count, 1); // relaxed: a sum
    return block;
}

// One of those that nobody owns, when it is free.
static struct zintern_slot *shared_slot(struct zintern_sections *sections)
{
    for (struct slot_block *block = &sections->first; block != NULL; block = next_block(block)) {
        for (uint32_t i = BLOCK_SLOTS - SHARED_SLOTS; i < BLOCK_SLOTS; i++) {
            struct zintern_slot *slot = &block->slots[i].slot;
            uint32_t expected = 0;
            if (z_cas_acquire(&slot->is_taken, &expected, 1)) return slot; // PAIR slot
        }
    }
    return NULL;
}

static ZVM_COLD struct zintern_slot *take_slow(struct zintern_sections *sections)
{
    uint32_t base = 0, index;
    struct slot_block *block = &sections->first;
    while (block != NULL) {
        struct zintern_slot *slot = own_slot_in(block, &index);
        if (slot != NULL) {
            slot_hint = base + index;
            return slot;
        }
        struct slot_block *next = next_block(block);
        block = next != NULL ? next : add_block(sections, block);
        base += BLOCK_SLOTS;
    }
    return shared_slot(sections);
}

struct zintern_slot *zintern_slot_take(struct zintern *table)
{
    struct zintern_sections *sections = table->sections;
    struct zintern_slot *slot = NULL;
    if (ZVM_LIKELY(slot_hint < BLOCK_SLOTS)) slot = &sections->first.slots[slot_hint].slot;
    // relaxed: only we write our address
    if (slot == NULL || z_load_relaxed(&slot->owner) != self()) slot = take_slow(sections);
    if (slot == NULL) return NULL;
    // PAIR slot: a thread that ended and had our address did all it did before. Costs nothing.
    (void)z_load_acquire(&slot->is_taken);
    return slot;
}

void zintern_slot_give(struct zintern_slot *slot)
{
    if (ZINTERN_HAS_BUG(SLOT_RELAXED))
        z_store_relaxed(&slot->is_taken, 0);
    else
        z_store_release(&slot->is_taken, 0); // PAIR slot
}

struct zintern_slot *zintern_enter(struct zintern *table)
{
    struct zintern_slot *slot = zintern_slot_take(table);
    if (ZVM_UNLIKELY(slot == NULL)) return NULL;
    ck_epoch_begin(&((struct section_slot *)(void *)slot)->record, NULL);
    return slot;
}

struct zintern_slot *zintern_enter_surely(struct zintern *table)
{
    struct zintern_slot *slot;
    while ((slot = zintern_enter(table)) == NULL)
        sched_yield();
    return slot;
}

void zintern_leave(struct zintern *table, struct zintern_slot *slot)
{
    (void)table;
    zck_epoch_end(&((struct section_slot *)(void *)slot)->record);
    zintern_slot_give(slot);
}

// ---- Freeing ------------------------------------------------------------------------------------

void zintern_retire(struct zintern *table, struct zintern_cells *cells)
{
    struct zintern_sections *sections = table->sections;
    struct zintern_cells *newest = z_load_relaxed(&sections->retired); // relaxed: the CAS checks it
    do {
        cells->retired_next = newest;
        // PAIR retired, to the reclaimer. No ABA: it takes the whole list.
    } while (!z_cas_weak_release(&sections->retired, &newest, cells));
    z_fetch_add_relaxed(&table->cells_retired, 1); // relaxed: a hint
}

static void after_grace(ck_epoch_entry_t *entry)
{
    char *start = (char *)entry - offsetof(struct zintern_cells, epoch_entry);
    struct zintern_cells *cells = (struct zintern_cells *)(void *)start;
    struct zintern_sections *sections = cells->table->sections;
    zck_epoch_begin_reclaim(&sections->epoch);
    cells->retired_next = sections->free;
    sections->free = cells;
}

static void defer_retired(struct zintern_sections *sections)
{
    if (z_load_relaxed(&sections->retired) == NULL) return; // relaxed: next time then
    struct zintern_cells *cells = z_exchange_acquire(&sections->retired, NULL); // PAIR retired
    while (cells != NULL) {
        struct zintern_cells *next = cells->retired_next;
        if (ZINTERN_HAS_BUG(NO_GRACE)) {
            cells->retired_next = sections->free;
            sections->free = cells;
            cells = next;
            continue;
        }
        ck_epoch_entry_t *entry = (ck_epoch_entry_t *)(void *)cells->epoch_entry;
        ck_epoch_call(&sections->reclaimer, entry, after_grace);
        cells = next;
    }
}

// Frees what a few cells of the first free ones dropped, and these after the last. False: not now.
static bool free_some(struct zintern *table)
{
    struct zintern_sections *sections = table->sections;
    struct zintern_cells *cells = sections->free;
    uint64_t end = cells->freed_until + ZINTERN_STEP;
    if (end > cells->mask + 1) end = cells->mask + 1;
    if (!zintern_free_dropped(cells, cells->freed_until, end)) return false;
    cells->freed_until = end;
    if (end <= cells->mask) return true;
    sections->free = cells->retired_next;
    zintern_cells_destroy(cells);
    z_fetch_add_relaxed(&table->cells_freed, 1); // relaxed: a hint
    return true;
}

static bool begin_reclaiming(struct zintern_sections *sections)
{
    bool expected = false;
    // relaxed first: most find it taken.
    if (z_load_relaxed(&sections->is_reclaiming)) return false;
    return z_cas_acquire(&sections->is_reclaiming, &expected, true); // PAIR reclaimer
}

static void end_reclaiming(struct zintern_sections *sections)
{
    if (ZINTERN_HAS_BUG(GATE_RELAXED))
        z_store_relaxed(&sections->is_reclaiming, false);
    else
        z_store_release(&sections->is_reclaiming, false); // PAIR reclaimer
}

void zintern_reclaim(struct zintern *table)
{
    struct zintern_sections *sections = table->sections;
    if (!begin_reclaiming(sections)) return;
    defer_retired(sections);
    if (sections->free == NULL && sections->reclaimer.n_pending > 0 &&
        ++sections->steps % RECLAIM_EVERY == 0)
        (void)ck_epoch_poll(&sections->reclaimer);
    if (sections->free != NULL) (void)free_some(table);
    end_reclaiming(sections);
}

void zintern_reclaim_all(struct zintern *table)
{
    struct zintern_sections *sections = table->sections;
    if (!begin_reclaiming(sections)) return;
    defer_retired(sections);
    for (int i = 0; i < POLLS_MAX && sections->reclaimer.n_pending > 0; i++)
        (void)ck_epoch_poll(&sections->reclaimer);
    while (sections->free != NULL && free_some(table))
        continue;
    end_reclaiming(sections);
}

void zintern_sections_destroy(struct zintern *table)
{
    struct zintern_sections *sections = table->sections;
    if (sections == NULL) return;
    defer_retired(sections);
    ck_epoch_barrier(&sections->reclaimer); // nobody is inside any more
    while (sections->free != NULL)
        (void)free_some(table);
    struct slot_block *block = next_block(&sections->first);
    while (block != NULL) {
        struct slot_block *next = next_block(block);
        z_free_aligned(block, sizeof *block);
        block = next;
    }
    z_free_aligned(sections, sizeof *sections);
}
