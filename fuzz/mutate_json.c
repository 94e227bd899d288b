// fuzz/mutate_json.c - changes a text of JSON by tokens and pieces. One change in four is left to libFuzzer.
#include "fuzz.h"

#include <string.h>

#define PIECE_MAX 64u // bytes that one change copies, at most

static const char *const WORDS[] = {
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"",
    "\\",
    "[]",
    "{}",
    "[[",
    "{\"a\":",
    "\"key\":",
    "\"b\":1",
    ",\"a\":2",
    "null",
    "true",
    "false",
    "0",
    "-0",
    "-0.0",
    "01",
    "1.5",
    "1e5",
    "1E+22",
    "1e-7",
    "1e308",
    "1e309",
    "5e-324",
    "2.2250738585072014e-308",
    "0.1",
    "12345678901234567890",
    "9223372036854775807",
    "-9223372036854775808",
    "9007199254740993",
    "\\u0000",
    "\\u00e4",
    "\\ud83d",
    "\\ude00",
    "\\ud83d\\ude00",
    "\\n",
    "\\/",
    "\\\"",
    "\\x",
    "\xc3\xa4",
    "\xf0\x9f\x98\x80",
    "\xed\xa0\x80",
    "\xc0\x80",
    "\xff",
    " ",
    "\t",
    "\r",
    "\x1f",
    "\x7f",
    "NaN",
    "Infinity",
    "-",
    ".",
    "e",
    "+",
    "/* */",
    "'a'",
};

static size_t insert(uint8_t *data, size_t length_bytes, size_t capacity_bytes, size_t at,
                     const void *piece, size_t piece_bytes)
{
    if (piece_bytes > capacity_bytes - length_bytes) return length_bytes;
    memmove(data + at + piece_bytes, data + at, length_bytes - at);
    memcpy(data + at, piece, piece_bytes);
    return length_bytes + piece_bytes;
}

static size_t cut(uint8_t *data, size_t length_bytes, size_t at, size_t count)
{
    memmove(data + at, data + at + count, length_bytes - at - count);
    return length_bytes - count;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t length_bytes, size_t capacity_bytes,
                               unsigned int seed)
{
    struct fuzz_random random = {seed};
    uint32_t kind = fuzz_random_below(&random, 8);
    if (kind < 2) return LLVMFuzzerMutate(data, length_bytes, capacity_bytes);
    const char *word = WORDS[fuzz_random_below(&random, sizeof WORDS / sizeof WORDS[0])];
    size_t at = fuzz_random_below(&random, length_bytes + 1), left = length_bytes - at;
    if (kind < 5 || left == 0)
        return insert(data, length_bytes, capacity_bytes, at, word, strlen(word));
    size_t count = 1 + fuzz_random_below(&random, left < PIECE_MAX ? left : PIECE_MAX);
    if (kind == 5) return cut(data, length_bytes, at, count);
    if (kind == 6) { // a word in the place of a piece
        length_bytes = cut(data, length_bytes, at, count < 4 ? count : 4);
        return insert(data, length_bytes, capacity_bytes, at, word, strlen(word));
    }
    uint8_t piece[PIECE_MAX]; // a piece once more, elsewhere
    memcpy(piece, data + at, count);
    size_t to = fuzz_random_below(&random, length_bytes + 1);
    return insert(data, length_bytes, capacity_bytes, to, piece, count);
}
