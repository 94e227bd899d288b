// vm/string_chars.c - strings as sequences of code points; comparing and hashing them.
//
// Owner-thread. Strings are UTF-8, so a code point's place is known without looking only when the
// string is ASCII. Other strings up to ZSTRING_INLINE_MAX bytes are simply walked. Longer ones get
// a table with the byte offset of every 64th code point, filled as far as somebody has looked;
// strings that show the same buffer share it, since what they show is a prefix of the same text.
//
// Invariant: a table's `used` is a multiple of 4 and <= its payload; entry i is the offset of code
// point 64 * (i + 1) of the buffer.
#include "vm/hint.h"
#include "vm/string_internal.h"

#include <string.h>

#include "base/siphash.h"
#include "base/utf8.h"
#include "vm/error.h"
#include "vm/fuel.h"

#define OFFSET_STEP         64u // code points between two entries: a walk of at most 256 bytes
#define OFFSETS_FIRST_BYTES 256u

static const struct zstring *string_of(struct zvalue value)
{
    return value.p;
}

// ---- Hash and comparison ------------------------------------------------------------------------

uint64_t zstring_hash(struct zstring *string)
{
    if (string->hash != 0) return string->hash;
    uint64_t hash =
        zsiphash13(zsiphash_process_key(), zstring_bytes(string), zstring_length_bytes(string));
    // 0 means "not computed"; the table of symbols makes the same exception.
    string->hash = hash == 0 ? 1 : hash;
    return string->hash;
}

bool zstring_equal(struct zvalue a, struct zvalue b)
{
    if (a.p == b.p) return true;
    if (a.tag == ZTAG_SYMBOL && b.tag == ZTAG_SYMBOL) return false;
    const struct zstring *first = string_of(a), *second = string_of(b);
    uint32_t length = zstring_length_bytes(first);
    if (length != zstring_length_bytes(second)) return false;
    if (first->hash != 0 && second->hash != 0 && first->hash != second->hash) return false;
    return memcmp(zstring_bytes(first), zstring_bytes(second), length) == 0;
}

int zstring_compare(struct zvalue a, struct zvalue b)
{
    const struct zstring *first = string_of(a), *second = string_of(b);
    uint32_t first_length = zstring_length_bytes(first);
    uint32_t second_length = zstring_length_bytes(second);
    size_t shorter = first_length < second_length ? first_length : second_length;
    int order = memcmp(zstring_bytes(first), zstring_bytes(second), shorter);
    if (order != 0) return order;
    return first_length < second_length ? -1 : first_length > second_length;
}

static bool is_long(const struct zstring *string)
{
    return (string->header.flags & ZFLAG_LONG) != 0;
}

uint64_t zstring_length_chars(struct zvalue string)
{
    const struct zstring *text = string_of(string);
    uint32_t length = zstring_length_bytes(text);
    if (zstring_is_ascii(text)) return length;
    if (!is_long(text)) return zutf8_count(text->bytes, length);
    struct zstring_long *counted = string.p;
    if (counted->length_chars == 0)
        counted->length_chars = zutf8_count(zstring_bytes(text), length);
    return counted->length_chars;
}

bool zstring_charge_length(struct zisolate *iso, struct zvalue string)
{
    const struct zstring *text = string_of(string);
    if (zstring_is_ascii(text)) return true;
    if (is_long(text) && ((struct zstring_long *)string.p)->length_chars != 0) return true;
    uint64_t count;
    if (!zfuel_count_chars(iso, zstring_bytes(text), zstring_length_bytes(text), &count))
        return false;
    if (is_long(text)) ((struct zstring_long *)string.p)->length_chars = count;
    return true;
}

// ---- Offsets of code points ---------------------------------------------------------------------

static struct zstrbuf_object *table_of(struct zvalue string)
{
    return (struct zstrbuf_object *)((struct zstring_long *)string.p)->offsets;
}

static bool new_table(struct zisolate *iso, struct zstring_long *text)
{
    struct zstrbuf_object *table = zheap_new(&iso->heap, ZTYPE_STRBUF, sizeof *table, 0);
    if (table == NULL) return zerror_raise_memory(iso);
    table->owner.payload = NULL;
    table->owner.payload_bytes = 0;
    table->used = 0;
    text->offsets = &table->owner;
    zheap_log(&iso->heap, &text->header);
    return true;
}

static bool add_entry(struct zisolate *iso, struct zstrbuf_object *table, uint32_t offset)
{
    if (table->used + sizeof offset > table->owner.payload_bytes) {
        if (!zfuel_touch_whole(iso, table->used)) return false;
        size_t bytes = table->used == 0 ? OFFSETS_FIRST_BYTES : (size_t)table->used * 2;
        if (!zheap_payload_resize(&iso->heap, &table->owner, bytes))
            return zerror_raise_memory(iso);
    }
    memcpy((char *)table->owner.payload + table->used, &offset, sizeof offset);
    table->used += sizeof offset;
    return true;
}

static uint32_t entry_at(const struct zstrbuf_object *table, uint64_t index)
{
    uint32_t offset;
    memcpy(&offset, (const char *)table->owner.payload + index * sizeof offset, sizeof offset);
    return offset;
}

// Fills the table up to entry count - 1. The string has more than OFFSET_STEP * count code points.
static bool fill_table(struct zisolate *iso, struct zvalue string, uint64_t count)
{
    const struct zstring *text = string_of(string);
    struct zstrbuf_object *table = table_of(string);
    uint64_t have = table->used / sizeof(uint32_t);
    size_t length = zstring_length_bytes(text);
    size_t offset = have == 0 ? 0 : entry_at(table, have - 1);
    struct zfuel_meter meter = {0};
    for (; have < count; have++) {
        size_t step = zutf8_offset(zstring_bytes(text) + offset, length - offset, OFFSET_STEP);
        offset += step;
        if (!zfuel_meter_add(iso, &meter, step)) return false;
        if (!add_entry(iso, table, (uint32_t)offset)) return false;
    }
    return true;
}

static bool offset_in_long(struct zisolate *iso, struct zvalue string, uint64_t index,
                           size_t *offset)
{
    const struct zstring *text = string_of(string);
    uint64_t count = index / OFFSET_STEP;
    size_t start = 0;
    if (count > 0) {
        if (table_of(string) == NULL && !new_table(iso, string.p)) return false;
        if (!fill_table(iso, string, count)) return false;
        start = entry_at(table_of(string), count - 1);
    }
    size_t length = zstring_length_bytes(text);
    *offset =
        start + zutf8_offset(zstring_bytes(text) + start, length - start, index % OFFSET_STEP);
    return true;
}

bool zstring_offset(struct zisolate *iso, struct zvalue string, uint64_t index, size_t *offset)
{
    const struct zstring *text = string_of(string);
    if (zstring_is_ascii(text)) {
        *offset = (size_t)index;
        return true;
    }
    if (is_long(text)) return offset_in_long(iso, string, index, offset);
    *offset = zutf8_offset(text->bytes, zstring_length_bytes(text), (size_t)index);
    return zfuel_touch(iso, *offset);
}

// ---- Single characters --------------------------------------------------------------------------

bool zstring_char_at(struct zisolate *iso, struct zvalue string, size_t offset_bytes, size_t *step,
                     struct zvalue *out)
{
    const struct zstring *text = string_of(string);
    const char *bytes = zstring_bytes(text) + offset_bytes;
    unsigned char first = (unsigned char)*bytes;
    if (ZVM_LIKELY(first < 128)) {
        *step = 1;
        *out = zvalue_object(iso->shared->characters[first], ZTAG_SYMBOL);
        return true;
    }
    // A copy on the C stack: the string's own bytes are not "outside the heap".
    char character[4];
    size_t length = zutf8_step(bytes, zstring_length_bytes(text) - offset_bytes);
    memcpy(character, bytes, length);
    *step = length;
    return zstring_new(iso, character, length, out);
}

bool zstring_index(struct zisolate *iso, struct zvalue string, int64_t index, struct zvalue *out)
{
    if (!zstring_charge_length(iso, string)) return false;
    uint64_t length = zstring_length_chars(string);
    if (index < 0 || (uint64_t)index >= length) return zhint_raise_index(iso, index, length);
    size_t offset, step;
    if (!zstring_offset(iso, string, (uint64_t)index, &offset)) return false;
    return zstring_char_at(iso, string, offset, &step, out);
}
