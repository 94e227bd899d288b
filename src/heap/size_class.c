// heap/size_class.c - the size classes of cells, and where cells start in a page.
//
// Constant tables, frozen. Classes step by 16 to 128 bytes, by 32 to 256, then by an eighth to a
// quarter of the size, up to 2048. Cells up to 256 bytes never cross a page (at most 12.5 % of a
// page is lost, at 224 bytes). Larger ones do: they would waste up to 37 % of each page. Of a span
// of 4 pages they lose at most 12.5 % (1792 bytes); of 2 pages, which only the first spans of a
// class have, up to 37 % still (1280), for half the memory of the first object.
// A unit test checks every entry against these rules.
#define ZVM_HEAP_INTERNAL
#include "heap/heap_internal.h"

const uint16_t zheap_class_bytes[ZHEAP_CLASSES] = {
    16,  32,  48,  64,  80,  96,  112, 128,  160,  192,  224,  256,
    320, 384, 448, 512, 640, 768, 896, 1024, 1280, 1536, 1792, 2048,
};

// By granules of the object: its class.
const uint8_t zheap_class_table[ZCELL_BYTES_MAX / ZGRANULE_BYTES + 1] = {
    0,  0,  1,  2,  3,  4,  5,  6,  7,  8,  8,  9,  9,  10, 10, 11, 11, 12, 12, 12, 12, 13,
    13, 13, 13, 14, 14, 14, 14, 15, 15, 15, 15, 16, 16, 16, 16, 16, 16, 16, 16, 17, 17, 17,
    17, 17, 17, 17, 17, 18, 18, 18, 18, 18, 18, 18, 18, 19, 19, 19, 19, 19, 19, 19, 19, 20,
    20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 21, 21, 21, 21, 21, 21, 21,
    21, 21, 21, 21, 21, 21, 21, 21, 21, 22, 22, 22, 22, 22, 22, 22, 22, 22, 22, 22, 22, 22,
    22, 22, 22, 23, 23, 23, 23, 23, 23, 23, 23, 23, 23, 23, 23, 23, 23, 23, 23,
};

// A bit at every multiple of the cell size for which the cell ends inside the page.
const uint64_t zheap_class_starts[ZHEAP_CLASSES_SMALL] = {
    0xffffffffffffffff, 0x5555555555555555, 0x1249249249249249, 0x1111111111111111,
    0x0084210842108421, 0x0041041041041041, 0x0102040810204081, 0x0101010101010101,
    0x0004010040100401, 0x0001001001001001, 0x0000040010004001, 0x0001000100010001,
};

const struct zheap_class zheap_no_classes[ZHEAP_CLASSES];

uint64_t zpage_starts_medium(uint32_t class, uint32_t index, uint32_t span_page_count)
{
    uint32_t cell_bytes = zheap_class_bytes[class];
    uint32_t page_start = index * ZPAGE_BYTES;
    uint32_t span_end = span_page_count * ZPAGE_BYTES;
    uint64_t starts = 0;
    uint32_t at = (page_start + cell_bytes - 1) / cell_bytes * cell_bytes;
    for (; at < page_start + ZPAGE_BYTES && at + cell_bytes <= span_end; at += cell_bytes) {
        starts |= (uint64_t)1 << (at - page_start) / ZGRANULE_BYTES;
    }
    return starts;
}
