// report/roster.c - rows of isolates: taken, published, read.
//
// Owns: the chunks of rows, until the roster is taken apart: a reader may look at any row at any time.
// Thread: as the header says. Invariants:
//   1. a row's sequence is odd exactly while its owner is inside an update (the owner of a free row is
//      who holds the caller's lock). The protocol is that of a block of counters (block.c), word for
//      word, so the argument there holds here.
//   2. rows [0, used) lie in chunks that are set, and are filled: `used` goes past a row after that,
//      with release, and readers load it with acquire before they look at a chunk (PAIR roster).
// A row goes from one isolate to the next with its sequence going on, so a reader sees the figures of
// the one or of the other, never of both.
// Cost: a line of 64 bytes for each isolate that ever existed at a time; for the writer eight plain
// stores at the end of a slice; for a reader a line for each row. Readers write nothing and take no
// lock: a worker never waits for them.
#include "report/roster.h"

#include "base/alloc.h"
#include "base/assert.h"

#include <sched.h>
#include <string.h>

// As in block.c: the writer is inside an update for some nanoseconds, unless its core was taken away.
#define READ_TRIES_BEFORE_YIELD 64

// ---- Rows and chunks ----------------------------------------------------------------------------

static uint64_t chunk_rows(uint64_t capacity)
{
    return capacity == 0 ? ZROSTER_FIRST : capacity;
}

struct zroster_row *zroster_chunk_create(uint64_t capacity)
{
    size_t bytes;
    if (!z_size_multiply(chunk_rows(capacity), sizeof(struct zroster_row), &bytes)) return NULL;
    return z_alloc_aligned(_Alignof(struct zroster_row), bytes);
}

void zroster_chunk_destroy(struct zroster_row *chunk, uint64_t capacity)
{
    if (chunk != NULL) z_free_aligned(chunk, chunk_rows(capacity) * sizeof *chunk);
}

bool zroster_add_locked(struct zroster *roster, struct zroster_row *chunk, uint64_t capacity)
{
    if (roster->capacity != capacity || roster->chunk_count == ZROSTER_CHUNKS) return false;
    roster->chunks[roster->chunk_count++] = chunk;
    roster->capacity += chunk_rows(capacity);
    return true;
}

void zroster_deinit(struct zroster *roster)
{
    uint64_t capacity = 0;
    for (uint32_t i = 0; i < roster->chunk_count; i++) {
        uint64_t rows = chunk_rows(capacity);
        zroster_chunk_destroy(roster->chunks[i], capacity);
        capacity += rows;
    }
    memset(roster, 0, sizeof *roster);
}

static struct zroster_row *row_at(const struct zroster *roster, uint64_t index)
{
    if (index < ZROSTER_FIRST) return &roster->chunks[0][index];
    uint64_t multiple = index / ZROSTER_FIRST;
    uint32_t log2 = 63 - (uint32_t)__builtin_clzll(multiple);
    return &roster->chunks[1 + log2][index - ((uint64_t)ZROSTER_FIRST << log2)];
}

// Makes the sequence odd; returns what it was.
static uint64_t begin_update(struct zroster_row *row)
{
    uint64_t sequence = z_load_relaxed(&row->sequence); // relaxed: only this thread writes it
    ZVM_ASSERT(sequence % 2 == 0);
    // relaxed: the words that follow are stored with release, which carries this store with them
    z_store_relaxed(&row->sequence, sequence + 1);
    return sequence;
}

struct zroster_row *zroster_take_locked(struct zroster *roster)
{
    struct zroster_row *row = roster->free;
    if (row != NULL) {
        roster->free = (struct zroster_row *)(uintptr_t)zroster_own_word(row, ZROSTER_ID);
        return row;
    }
    uint64_t used = z_load_relaxed(&roster->used); // relaxed: written under the lock
    if (used == roster->capacity) return NULL;
    row = row_at(roster, used);
    memset(row, 0, sizeof *row); // now and not with its chunk, whose pages cost nothing until then
    z_store_release(&roster->used, used + 1); // PAIR roster
    return row;
}

void zroster_give_locked(struct zroster *roster, struct zroster_row *row)
{
    ZVM_ASSERT(zroster_own_word(row, ZROSTER_CREATED_NS) != 0);
    uint64_t sequence = begin_update(row);
    z_store_release(&row->words[ZROSTER_CREATED_NS], 0);               // PAIR roster-row
    z_store_release(&row->words[ZROSTER_ID], (uintptr_t)roster->free); // PAIR roster-row
    z_store_release(&row->sequence, sequence + 2);                     // PAIR roster-row
    roster->free = row;
}

// ---- Publishing and reading ---------------------------------------------------------------------

void zroster_publish(struct zroster_row *row, const uint64_t words[ZROSTER_WORDS])
{
    uint64_t sequence = begin_update(row);
    for (uint32_t i = 0; i < ZROSTER_WORDS; i++)
        z_store_release(&row->words[i], words[i]); // PAIR roster-row
    z_store_release(&row->sequence, sequence + 2); // PAIR roster-row
}

static void read_row(const struct zroster_row *row, uint64_t words[ZROSTER_WORDS])
{
    for (uint64_t tries = 1;; tries++) {
        uint64_t before = z_load_acquire(&row->sequence); // PAIR roster-row
        for (uint32_t i = 0; i < ZROSTER_WORDS; i++)
            words[i] = z_load_acquire(&row->words[i]); // PAIR roster-row
        // relaxed: the acquire loads above keep this one behind them
        if (before % 2 == 0 && z_load_relaxed(&row->sequence) == before) return;
        if (tries % READ_TRIES_BEFORE_YIELD == 0) sched_yield();
    }
}

// ---- The first ones -----------------------------------------------------------------------------

// a comes before b. Of equals the one with the lower id, so that an order is the same each time.
static bool is_before(zvm_top_order order, const zvm_top_isolate *a, const zvm_top_isolate *b)
{
    uint64_t one = a->age_ns, other = b->age_ns;
    if (order == ZVM_TOP_HEAP) {
        one = a->heap_bytes;
        other = b->heap_bytes;
    } else if (order == ZVM_TOP_FUEL) {
        one = a->fuel_used;
        other = b->fuel_used;
    }
    return one != other ? one > other : a->id < b->id;
}

// The heap below `at` is in order but for its top.
static void sift_down(struct ztop *top, uint32_t at)
{
    zvm_top_isolate moved = top->rows[at];
    for (;;) {
        uint32_t child = 2 * at + 1;
        if (child >= top->count) break;
        bool has_other = child + 1 < top->count;
        if (has_other && is_before(top->order, &top->rows[child], &top->rows[child + 1])) child++;
        if (!is_before(top->order, &moved, &top->rows[child])) break;
        top->rows[at] = top->rows[child];
        at = child;
    }
    top->rows[at] = moved;
}

static void sift_up(struct ztop *top, uint32_t at)
{
    zvm_top_isolate moved = top->rows[at];
    while (at > 0 && is_before(top->order, &top->rows[(at - 1) / 2], &moved)) {
        top->rows[at] = top->rows[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    top->rows[at] = moved;
}

void ztop_offer(struct ztop *top, const zvm_top_isolate *isolate)
{
    if (top->count < top->capacity) {
        top->rows[top->count++] = *isolate;
        sift_up(top, top->count - 1);
    } else if (top->capacity > 0 && is_before(top->order, isolate, &top->rows[0])) {
        top->rows[0] = *isolate;
        sift_down(top, 0);
    }
}

void ztop_sort(struct ztop *top)
{
    uint32_t count = top->count;
    while (top->count > 1) {
        zvm_top_isolate last = top->rows[0];
        top->count--;
        top->rows[0] = top->rows[top->count];
        sift_down(top, 0);
        top->rows[top->count] = last;
    }
    top->count = count;
}

static uint64_t since(uint64_t now_ns, uint64_t then_ns)
{
    return now_ns > then_ns ? now_ns - then_ns : 0; // the row may be newer than the reader's now
}

uint64_t zroster_top(const struct zroster *roster, uint64_t now_ns, struct ztop *tops,
                     uint32_t top_count)
{
    uint64_t seen = 0;
    uint64_t used = z_load_acquire(&roster->used); // PAIR roster
    for (uint64_t i = 0; i < used; i++) {
        uint64_t words[ZROSTER_WORDS];
        read_row(row_at(roster, i), words);
        if (words[ZROSTER_CREATED_NS] == 0) continue;
        seen++;
        zvm_top_isolate isolate = {
            .id = (int64_t)words[ZROSTER_ID],
            .age_ns = since(now_ns, words[ZROSTER_CREATED_NS]),
            .figures_age_ns = since(now_ns, words[ZROSTER_UPDATED_NS]),
            .heap_bytes = words[ZROSTER_HEAP_BYTES],
            .live_bytes = words[ZROSTER_LIVE_BYTES],
            .fuel_used = words[ZROSTER_FUEL_USED],
            .slices = words[ZROSTER_SLICES],
        };
        for (uint32_t t = 0; t < top_count; t++)
            ztop_offer(&tops[t], &isolate);
    }
    for (uint32_t t = 0; t < top_count; t++)
        ztop_sort(&tops[t]);
    return seen;
}
