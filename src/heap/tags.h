// heap/tags.h - reads the tag bytes of many slots at once.
//
// Pure functions. Eight tags are read together, those behind the last one too: a cell ends at a multiple
// of 16 bytes and its tags begin at one of 8; behind a payload outside the spans there are its cards.
#ifndef ZVM_HEAP_TAGS_H
#define ZVM_HEAP_TAGS_H

#include "heap/value.h"

#include <string.h>

#ifdef __SSE2__
#    include <emmintrin.h>
#endif

#define ZTAGS_MAX 64u

// In a word of eight tags, what ZTAG_HEAP and ZTAG_SHARED are in each.
#define ZTAGS_HEAP   UINT64_C(0x8080808080808080)
#define ZTAGS_SHARED UINT64_C(0x4040404040404040)

// A bit for each slot.
struct ztag_bits {
    uint64_t heap;   // leads to an object of the heap
    uint64_t shared; // to something that all heaps share: a symbol, perhaps
};

// count: 1 to 8. Those behind are 0.
static inline uint64_t ztags_load(const uint8_t *tags, uint64_t count)
{
    uint64_t word;
    memcpy(&word, tags, sizeof word);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    return word & UINT64_MAX >> (64 - count * 8);
}

// Whether any of count tags, 1 to 8, is of an object or a symbol: one shift, for what mostly has none.
static inline bool ztags_lead_on(const uint8_t *tags, uint64_t count)
{
    uint64_t word;
    memcpy(&word, tags, sizeof word);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    return (word << (64 - count * 8) & (ZTAGS_HEAP | ZTAGS_SHARED)) != 0;
}

// The product brings bit 8 i + 7 to bit 56 + i.
static inline struct ztag_bits ztags_gather(uint64_t word)
{
    const uint64_t to_top = UINT64_C(0x0002040810204081);
    return (struct ztag_bits){.heap = (word & ZTAGS_HEAP) * to_top >> 56,
                              .shared = (word & ZTAGS_SHARED) * 2 * to_top >> 56};
}

// count: 1 to ZTAGS_MAX.
static inline struct ztag_bits ztags_read_words(const uint8_t *tags, uint64_t count)
{
    struct ztag_bits all = {0, 0};
    for (uint64_t i = 0; i < count; i += 8) {
        uint64_t left = count - i < 8 ? count - i : 8;
        struct ztag_bits part = ztags_gather(ztags_load(tags + i, left));
        all.heap |= part.heap << i;
        all.shared |= part.shared << i;
    }
    return all;
}

#ifdef __SSE2__
// ZTAGS_MAX of them.
static inline struct ztag_bits ztags_read_sse2(const uint8_t *tags)
{
    struct ztag_bits all = {0, 0};
    for (uint32_t i = 0; i < ZTAGS_MAX; i += 16) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)(tags + i));
        __m128i doubled = _mm_add_epi8(bytes, bytes);
        all.heap |= (uint64_t)(uint32_t)_mm_movemask_epi8(bytes) << i;
        all.shared |= (uint64_t)(uint32_t)_mm_movemask_epi8(doubled) << i;
    }
    return all;
}
#endif

// count: 1 to ZTAGS_MAX.
static inline struct ztag_bits ztags_read(const uint8_t *tags, uint64_t count)
{
#if defined(__SSE2__) && !defined(ZVM_WITHOUT_VECTORS)
    if (count == ZTAGS_MAX) return ztags_read_sse2(tags);
#endif
    return ztags_read_words(tags, count);
}

#endif // ZVM_HEAP_TAGS_H
