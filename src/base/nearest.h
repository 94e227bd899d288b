// base/nearest.h - which of some names is most like a misspelt one. owner-thread.
#ifndef ZVM_BASE_NEAREST_H
#define ZVM_BASE_NEAREST_H

#include <stddef.h>

// Longer names are not compared: nobody mistypes them, and the cost stays small.
#define ZNEAREST_BYTES_MAX 64u

struct znearest {
    const char *wanted; // [wanted_bytes], what was written
    size_t wanted_bytes;
    const char *best; // [best_bytes]; NULL: nothing is near
    size_t best_bytes;
    unsigned distance; // of best
};

void znearest_init(struct znearest *nearest, const char *wanted, size_t wanted_bytes);
// Takes the name as the best if it is nearer; the order of the offers does not matter. It is kept by
// its address. A name that equals `wanted` is not offered.
void znearest_offer(struct znearest *nearest, const char *name, size_t name_bytes);

// Letters to insert, remove, replace or swap with their neighbour, a change of case counting at most
// one in all; `limit` + 1 when it is over limit. Both at most ZNEAREST_BYTES_MAX.
unsigned znearest_distance(const char *a, size_t a_bytes, const char *b, size_t b_bytes,
                           unsigned limit);

#endif // ZVM_BASE_NEAREST_H
