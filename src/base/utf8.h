// base/utf8.h - UTF-8: check, count, step. thread: any.
#ifndef ZVM_BASE_UTF8_H
#define ZVM_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// True when bytes [length_bytes] are UTF-8 (no surrogates, no overlong forms, at most 10FFFF).
// *bad_offset (may be NULL): the first byte that cannot continue, when false.
bool zutf8_is_valid(const char *bytes, size_t length_bytes, size_t *bad_offset);
bool zutf8_is_ascii(const char *bytes, size_t length_bytes);
// Code points in valid UTF-8.
size_t zutf8_count(const char *bytes, size_t length_bytes);
// Bytes of the first `count` code points (all of them when there are fewer).
size_t zutf8_offset(const char *bytes, size_t length_bytes, size_t count);
// Bytes of the code point that starts at the first byte (1 to 4; never over length_bytes).
size_t zutf8_step(const char *bytes, size_t length_bytes);
// The code point at bytes, which are valid; *step its bytes.
uint32_t zutf8_decode(const char *bytes, size_t length_bytes, size_t *step);
// Writes a code point (valid, not a surrogate) at out [4]; returns the bytes used.
size_t zutf8_encode(uint32_t code_point, char *out);

#endif // ZVM_BASE_UTF8_H
