// intern/intern.h - the table of symbols: one string, one address, shared by every isolate of a
// runtime.
//
// Thread: any, for every function. A symbol is frozen once published and stays while its count is
// above 0. The count is the number of isolates whose held set has it, plus code objects that pin
// it, plus messages that carry it. Acquire and find take one reference, release drops one. No call
// waits for another thread, and none needs the thread to be made known first; docs/concurrency.md.
#ifndef ZVM_INTERN_INTERN_H
#define ZVM_INTERN_INTERN_H

#include "base/status.h"
#include "heap/object.h"

struct zintern;

// Longest string that may become a symbol. Constants of code may be longer: see pin.
#define ZINTERN_DYNAMIC_MAX_BYTES 64
#define ZINTERN_MAX_BYTES         ZSTRING_INLINE_MAX

struct zintern_options {
    uint64_t limit_count; // 0 = 16777216
    uint64_t limit_bytes; // 0 = 1 GiB
};

struct zintern_stats {
    uint64_t count, bytes; // now; bytes: entries and the table
    uint64_t hits, misses; // acquire and find calls
    uint64_t inserted, reclaimed;
    uint64_t limit_count, limit_bytes;
    uint64_t dead;           // of count: held by nobody, dropped when enough are; an estimate
    uint64_t freed, pending; // of reclaimed: memory given back; still waiting for threads inside
    uint64_t migrations;     // finished: to grow, shrink or drop the dead
    uint64_t cells;          // places now
    uint32_t load_percent;   // of them taken
    // Cells between where a found string's path begins and where it was: half of all hits are at
    // most p50 (exact below 4, else the class 4, 8, 16 or 32 and above), none was above max.
    uint32_t probe_p50, probe_max;
};

zvm_status zintern_create(const struct zintern_options *options, struct zintern **out);
void zintern_destroy(struct zintern *table); // all references must have been dropped
// Those that are held then stay allocated: their holder is the host's, and it reads them to its end.
void zintern_leave_held(struct zintern *table);

// What a symbol of so many bytes of text counts for in the bytes of a table and of an isolate.
uint64_t zintern_symbol_bytes(size_t length_bytes);

// The symbol of text [length_bytes], valid UTF-8, made when missing; one reference more.
// errors: ZVM_E_INTERN_LIMIT, ZVM_E_NOMEM, ZVM_E_LIMIT over ZINTERN_MAX_BYTES.
zvm_status zintern_acquire(struct zintern *table, const char *text, size_t length_bytes,
                           const struct zstring **out);
// The same when the symbol exists, else NULL; never inserts. One reference more when found.
const struct zstring *zintern_find(struct zintern *table, const char *text, size_t length_bytes);
// Takes one more reference to a symbol that the caller already has one of.
void zintern_retain(struct zintern *table, const struct zstring *symbol);
void zintern_release(struct zintern *table, const struct zstring *symbol);

// For who has just dropped many symbols: where little is left in much memory, drops the dead now, so
// that the last of them do not keep it. Costs no more than a look-up for each symbol that died since
// this was done last, and nothing in a small table.
void zintern_tidy(struct zintern *table);

void zintern_stats(struct zintern *table, struct zintern_stats *out);

#endif // ZVM_INTERN_INTERN_H
