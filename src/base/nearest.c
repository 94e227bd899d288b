// base/nearest.c - the edit distance of two names, and the nearest of many.
//
// Owns: nothing. Thread: owner of the struct. Allocates nothing: three rows of the table of distances
// are on the stack, because names over ZNEAREST_BYTES_MAX are left out.
#include "base/nearest.h"

#include "base/assert.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

// One row of the table: distances of a's first i letters to every beginning of b. before: row i - 1,
// earlier: row i - 2. Returns the least of the row.
static unsigned fill_row(const char *a, size_t i, const char *b, size_t b_bytes,
                         const unsigned *earlier, const unsigned *before, unsigned *row)
{
    row[0] = (unsigned)i;
    unsigned lowest = row[0];
    for (size_t j = 1; j <= b_bytes; j++) {
        unsigned replaced = before[j - 1] + (a[i - 1] != b[j - 1]);
        row[j] = least(replaced, least(before[j], row[j - 1]) + 1);
        bool is_swap = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
        if (is_swap) row[j] = least(row[j], earlier[j - 2] + 1);
        lowest = least(lowest, row[j]);
    }
    return lowest;
}

unsigned znearest_distance(const char *a, size_t a_bytes, const char *b, size_t b_bytes,
                           unsigned limit)
{
    ZVM_ASSERT(a_bytes <= ZNEAREST_BYTES_MAX);
    ZVM_ASSERT(b_bytes <= ZNEAREST_BYTES_MAX);

    size_t difference = a_bytes > b_bytes ? a_bytes - b_bytes : b_bytes - a_bytes;
    if (difference > limit) return limit + 1;
    if (a_bytes == b_bytes && strncasecmp(a, b, a_bytes) == 0)
        return memcmp(a, b, a_bytes) == 0 ? 0 : least(1, limit + 1);

    unsigned rows[3][ZNEAREST_BYTES_MAX + 1];
    for (size_t j = 0; j <= b_bytes; j++)
        rows[0][j] = (unsigned)j;
    unsigned lowest = 0;
    for (size_t i = 1; i <= a_bytes; i++) {
        unsigned before_lowest = lowest;
        lowest = fill_row(a, i, b, b_bytes, rows[(i + 1) % 3], rows[(i - 1) % 3], rows[i % 3]);
        // A swap reaches back two rows: both must be over.
        if (lowest > limit && before_lowest > limit) return limit + 1;
    }
    return least(rows[a_bytes % 3][b_bytes], limit + 1);
}

// How different a name may be and still be meant: a third of its letters.
static unsigned limit_of(size_t bytes)
{
    return least((unsigned)bytes / 3, 3);
}

void znearest_init(struct znearest *nearest, const char *wanted, size_t wanted_bytes)
{
    *nearest = (struct znearest){.wanted = wanted, .wanted_bytes = wanted_bytes};
}

void znearest_offer(struct znearest *nearest, const char *name, size_t name_bytes)
{
    if (nearest->wanted_bytes > ZNEAREST_BYTES_MAX || name_bytes > ZNEAREST_BYTES_MAX) return;
    unsigned limit = limit_of(nearest->wanted_bytes);
    unsigned distance =
        znearest_distance(nearest->wanted, nearest->wanted_bytes, name, name_bytes, limit);
    if (distance == 0 || distance > limit) return;
    if (nearest->best != NULL) {
        if (distance > nearest->distance) return;
        // Of equally near ones the first in the alphabet, so that the order of offers is all one.
        size_t shorter = name_bytes < nearest->best_bytes ? name_bytes : nearest->best_bytes;
        int order = memcmp(name, nearest->best, shorter);
        bool is_first = order < 0 || (order == 0 && name_bytes < nearest->best_bytes);
        if (distance == nearest->distance && !is_first) return;
    }
    nearest->best = name;
    nearest->best_bytes = name_bytes;
    nearest->distance = distance;
}
