// base/width.c - columns of a character on a terminal, by two tables of ranges.
//
// Owns: constant tables. Thread: any. Why not wcwidth: it answers by the locale of the process, which
// belongs to the host.
#include "base/width.h"

#include <stdbool.h>
#include <stddef.h>

struct range {
    uint32_t first, last;
};

#include "base/width_table.h"

static bool is_in(const struct range *ranges, size_t count, uint32_t code_point)
{
    size_t low = 0;
    size_t high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (code_point > ranges[middle].last)
            low = middle + 1;
        else if (code_point < ranges[middle].first)
            high = middle;
        else
            return true;
    }
    return false;
}

unsigned zwidth_of(uint32_t code_point)
{
    if (code_point < 0x80) return 1;
    if (is_in(zero_ranges, sizeof zero_ranges / sizeof zero_ranges[0], code_point)) return 0;
    return is_in(wide_ranges, sizeof wide_ranges / sizeof wide_ranges[0], code_point) ? 2 : 1;
}
