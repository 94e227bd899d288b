// vm/string.h - strings of one isolate. owner-thread. Positions and lengths in code points where said.
//
// Every function that makes a string gives false when memory or a limit was refused (pending is set).
// `out` may alias an argument. Arguments must be rooted (registers, or a zscope).
#ifndef ZVM_VM_STRING_H
#define ZVM_VM_STRING_H

#include "vm/isolate.h"

#define ZSTRING_BYTES_MAX 0xfffffff0u // a longer one is a LimitError

static inline uint32_t zstring_length_bytes(const struct zstring *string)
{
    return string->header.aux;
}

static inline const char *zstring_bytes(const struct zstring *string)
{
    if (ZVM_UNLIKELY(string->header.flags & ZFLAG_LONG)) {
        return ((const struct zstring_long *)(const void *)string)->buffer->owner.payload;
    }
    return string->bytes;
}

static inline bool zstring_is_ascii(const struct zstring *string)
{
    return (string->header.flags & ZFLAG_ASCII) != 0;
}

// A string value from valid UTF-8 outside the heap (bytes may not point into an object).
bool zstring_new(struct zisolate *iso, const char *bytes, size_t length_bytes, struct zvalue *out);
// Bytes [offset, offset + length_bytes) of a string, on character boundaries.
bool zstring_sub(struct zisolate *iso, struct zvalue string, size_t offset_bytes,
                 size_t length_bytes, struct zvalue *out);
// a + b. Extends a's buffer in place when a ends at its high-water mark: a loop is linear.
bool zstring_concat(struct zisolate *iso, struct zvalue a, struct zvalue b, struct zvalue *out);
// parts [count], all strings, joined in one allocation.
bool zstring_concat_many(struct zisolate *iso, const struct zvalue *parts, uint32_t count,
                         struct zvalue *out);
// s repeated count times; count <= 0 gives "".
bool zstring_repeat(struct zisolate *iso, struct zvalue string, int64_t count, struct zvalue *out);

uint64_t zstring_hash(struct zstring *string); // computes and remembers it; never 0
bool zstring_equal(struct zvalue a, struct zvalue b);
int zstring_compare(struct zvalue a, struct zvalue b); // <0, 0, >0 by bytes
uint64_t zstring_length_chars(struct zvalue string);
// Byte offset of code point `index` (<= length); near O(1) on ASCII and on long strings. false: the
// isolate ends.
bool zstring_offset(struct zisolate *iso, struct zvalue string, uint64_t index, size_t *offset);
// The one-code-point string at a byte offset; *step its bytes.
bool zstring_char_at(struct zisolate *iso, struct zvalue string, size_t offset_bytes, size_t *step,
                     struct zvalue *out);
// v[i] with the errors of LANGUAGE 5.
bool zstring_index(struct zisolate *iso, struct zvalue string, int64_t index, struct zvalue *out);

// The bytes of a string as one block that others may hold (base/counted.h), with a hold for the caller, to be sent: it may have a
// few bytes more than the string. Never collects. False: the isolate ends.
struct zcounted;
bool zstring_count(struct zisolate *iso, const struct zstring *string, struct zcounted **out);
// A string that shows the first length_bytes of counted, UTF-8, and has a hold of it.
bool zstring_of_counted(struct zisolate *iso, struct zcounted *counted, uint32_t length_bytes,
                        bool ascii, struct zvalue *out);

// The key under which a string enters a map: a symbol when it is short and one is held or can be had,
// else the string itself. May collect. False: InternLimitError, or the isolate ends.
bool zstring_as_key(struct zisolate *iso, struct zvalue string, struct zvalue *out);

#endif // ZVM_VM_STRING_H
