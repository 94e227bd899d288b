// base/utf8.c - UTF-8 as Unicode's table 3-7 defines it: check, count, step.
//
// Thread: any; nothing is owned. Only zutf8_is_valid takes bytes that nobody has checked. The
// others are told that their bytes are valid; given others they still never read past length_bytes,
// so a mistake shows as a wrong character and not as a read out of bounds. How: runs of ASCII go
// eight bytes at a time, because nearly all text is ASCII.
#include "base/utf8.h"

#include "base/assert.h"

#include <string.h>

#define WORD_BYTES sizeof(uint64_t)
#define HIGH_BITS  UINT64_C(0x8080808080808080)

static inline uint64_t load_word(const char *bytes)
{
    uint64_t word;
    memcpy(&word, bytes, sizeof word);
    return word;
}

static inline bool is_continuation(char byte)
{
    return ((unsigned char)byte & 0xc0) == 0x80;
}

// Bytes from `at` on that are ASCII.
static size_t ascii_run(const char *bytes, size_t length_bytes, size_t at)
{
    size_t i = at;
    while (length_bytes - i >= WORD_BYTES && (load_word(bytes + i) & HIGH_BITS) == 0)
        i += WORD_BYTES;
    while (i < length_bytes && (unsigned char)bytes[i] < 0x80)
        i++;
    return i - at;
}

bool zutf8_is_ascii(const char *bytes, size_t length_bytes)
{
    return ascii_run(bytes, length_bytes, 0) == length_bytes;
}

// What may follow a lead byte: how many bytes there are in all, and the range of the second one,
// which is where overlong forms, surrogates and numbers over 10FFFF are told apart.
struct lead {
    size_t count; // 0: cannot begin a code point
    unsigned char second_least, second_most;
};

static struct lead classify_lead(unsigned char byte)
{
    if (byte < 0x80) return (struct lead){1, 0, 0};
    if (byte < 0xc2) return (struct lead){0, 0, 0};
    if (byte < 0xe0) return (struct lead){2, 0x80, 0xbf};
    if (byte == 0xe0) return (struct lead){3, 0xa0, 0xbf};
    if (byte == 0xed) return (struct lead){3, 0x80, 0x9f};
    if (byte < 0xf0) return (struct lead){3, 0x80, 0xbf};
    if (byte == 0xf0) return (struct lead){4, 0x90, 0xbf};
    if (byte < 0xf4) return (struct lead){4, 0x80, 0xbf};
    if (byte == 0xf4) return (struct lead){4, 0x80, 0x8f};
    return (struct lead){0, 0, 0};
}

// Bytes of the code point at bytes [length_bytes > 0], or 0; then *bad is the offset of the byte
// that cannot stand there (length_bytes when the text ends too early).
static size_t check_one(const char *bytes, size_t length_bytes, size_t *bad)
{
    struct lead lead = classify_lead((unsigned char)bytes[0]);
    *bad = 0;
    if (lead.count <= 1) return lead.count;
    for (size_t i = 1; i < lead.count; i++) {
        *bad = i;
        if (i == length_bytes) return 0;
        unsigned char byte = (unsigned char)bytes[i];
        unsigned char least = i == 1 ? lead.second_least : 0x80;
        unsigned char most = i == 1 ? lead.second_most : 0xbf;
        if (byte < least || byte > most) return 0;
    }
    return lead.count;
}

bool zutf8_is_valid(const char *bytes, size_t length_bytes, size_t *bad_offset)
{
    size_t at = 0;
    while ((at += ascii_run(bytes, length_bytes, at)) < length_bytes) {
        size_t bad;
        size_t step = check_one(bytes + at, length_bytes - at, &bad);
        if (step == 0) {
            if (bad_offset != NULL) *bad_offset = at + bad;
            return false;
        }
        at += step;
    }
    return true;
}

// Bytes of a word that are not continuation bytes: those whose top bits are not 10.
static inline size_t count_leads(uint64_t word)
{
    uint64_t continuation = word & ~(word << 1) & HIGH_BITS;
    return WORD_BYTES - (size_t)__builtin_popcountll(continuation);
}

size_t zutf8_count(const char *bytes, size_t length_bytes)
{
    size_t count = 0;
    size_t i = 0;
    for (; length_bytes - i >= WORD_BYTES; i += WORD_BYTES)
        count += count_leads(load_word(bytes + i));
    for (; i < length_bytes; i++)
        count += !is_continuation(bytes[i]);
    return count;
}

size_t zutf8_offset(const char *bytes, size_t length_bytes, size_t count)
{
    size_t i = 0;
    // Whole words while even all of their leads are still wanted; the word may end inside a code
    // point, whose remaining bytes the loop below takes in as continuation bytes.
    while (length_bytes - i >= WORD_BYTES && count >= WORD_BYTES) {
        count -= count_leads(load_word(bytes + i));
        i += WORD_BYTES;
    }
    for (; i < length_bytes; i++) {
        if (is_continuation(bytes[i])) continue;
        if (count == 0) break;
        count--;
    }
    return i;
}

size_t zutf8_step(const char *bytes, size_t length_bytes)
{
    if (length_bytes == 0) return 0;
    unsigned char byte = (unsigned char)bytes[0];
    size_t step = byte < 0xc0 ? 1 : byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4;
    return step < length_bytes ? step : length_bytes;
}

uint32_t zutf8_decode(const char *bytes, size_t length_bytes, size_t *step)
{
    ZVM_ASSERT(length_bytes > 0);

    size_t count = zutf8_step(bytes, length_bytes);
    // The bits of the number in a lead byte of a code point of 1, 2, 3 and 4 bytes.
    static const unsigned char lead_masks[5] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    uint32_t code_point = (unsigned char)bytes[0] & lead_masks[count];
    for (size_t i = 1; i < count; i++)
        code_point = code_point << 6 | ((unsigned char)bytes[i] & 0x3f);
    *step = count;
    return code_point;
}

size_t zutf8_encode(uint32_t code_point, char *out)
{
    ZVM_ASSERT(code_point <= 0x10ffff);
    ZVM_ASSERT(code_point < 0xd800 || code_point > 0xdfff);

    if (code_point < 0x80) {
        out[0] = (char)code_point;
        return 1;
    }
    size_t count = code_point < 0x800 ? 2 : code_point < 0x10000 ? 3 : 4;
    static const unsigned char lead_marks[5] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = count - 1; i > 0; i--) {
        out[i] = (char)(0x80 | (code_point & 0x3f));
        code_point >>= 6;
    }
    out[0] = (char)(lead_marks[count] | code_point);
    return count;
}
