// vm/string.c - making strings: from bytes, by joining, cutting and repeating; keys of maps.
//
// Owner-thread. A string is immutable. Up to ZSTRING_INLINE_MAX bytes it is one cell; a longer one
// is a small cell (struct zstring_long) that shows the first aux bytes of a buffer, and several
// strings may show the same buffer: only bytes behind the buffer's high-water mark `used` are ever
// written, and nobody shows those. So `s = s + x` writes x behind s and makes a new small cell:
// building a string in a loop is linear in time and in garbage. A buffer that other isolates read as well
// (string_counted.c) is full, and is never written: then s + x has a new one.
//
// Invariants: a buffer's used <= payload_bytes; a long string's length <= its buffer's used; the
// empty string and the one-character ASCII strings are the shared symbols, never cells; the flag
// ZFLAG_ASCII is exact.
//
// Code points, comparison and hashing are in string_chars.c; what goes to other isolates in string_counted.c.
#include "vm/string.h"

#include "vm/quota.h"

#include <string.h>

#include "base/utf8.h"
#include "vm/error.h"
#include "vm/fuel.h"
#include "vm/string_internal.h"

#define GROWTH_DOUBLE_MAX (1u << 20) // buffers above it grow by half: less memory held in reserve

static bool raise_too_long(struct zisolate *iso)
{
    return zerror_raise(iso, ZERROR_LIMIT, "string longer than %u bytes", ZSTRING_BYTES_MAX);
}

static const struct zstring *string_of(struct zvalue value)
{
    return value.p;
}

static struct zstring_long *long_of(struct zvalue value)
{
    return value.p;
}

static size_t length_of(struct zvalue value)
{
    return zstring_length_bytes(string_of(value));
}

static bool is_long(struct zvalue value)
{
    return (string_of(value)->header.flags & ZFLAG_LONG) != 0;
}

// ---- Fresh strings ------------------------------------------------------------------------------

struct zstring_long *zstring_new_long(struct zisolate *iso, struct zstrbuf_object *buffer,
                                      uint32_t length_bytes, bool ascii)
{
    uint32_t flags = ZFLAG_LONG | (ascii ? (uint32_t)ZFLAG_ASCII : 0u);
    struct zstring_long *string =
        zheap_new(&iso->heap, ZTYPE_STRING | flags << 8, sizeof *string, length_bytes);
    if (string == NULL) return NULL;
    string->hash = 0;
    string->buffer = buffer;
    string->length_chars = 0;
    string->offsets = NULL;
    string->reserved = 0;
    return string;
}

struct zstrbuf_object *zstring_new_buffer(struct zisolate *iso)
{
    struct zstrbuf_object *buffer = zheap_new(&iso->heap, ZTYPE_STRBUF, sizeof *buffer, 0);
    if (buffer == NULL) return NULL;
    buffer->owner.payload = NULL;
    buffer->owner.payload_bytes = 0;
    buffer->used = 0;
    return buffer;
}

// A buffer with room for capacity bytes, and a string that shows length_bytes of it.
static bool make_long(struct zisolate *iso, size_t length_bytes, bool ascii, struct zvalue *out,
                      char **bytes)
{
    struct zstrbuf_object *buffer = zstring_new_buffer(iso);
    if (buffer == NULL) return zerror_raise_memory(iso);
    struct zvalue root = zvalue_object(buffer, ZTAG_HEAP | ZTYPE_STRBUF);
    struct zscope scope;
    zscope_open(&iso->heap, &scope, &root, 1);
    struct zstring_long *string = NULL;
    if (zheap_payload_resize(&iso->heap, &buffer->owner, length_bytes))
        string = zstring_new_long(iso, buffer, (uint32_t)length_bytes, ascii);
    zscope_close(&iso->heap, &scope);
    if (string == NULL) return zerror_raise_memory(iso);
    buffer->used = length_bytes;
    *bytes = buffer->owner.payload;
    *out = zvalue_object(string, ZTAG_STRING);
    return true;
}

bool zstring_make(struct zisolate *iso, size_t length_bytes, bool ascii, struct zvalue *out,
                  char **bytes)
{
    if (ZVM_UNLIKELY(length_bytes > ZSTRING_INLINE_MAX)) {
        if (length_bytes > ZSTRING_BYTES_MAX) return raise_too_long(iso);
        return make_long(iso, length_bytes, ascii, out, bytes);
    }
    uint32_t flags = ascii ? ZFLAG_ASCII : 0;
    struct zstring *string = zheap_new(&iso->heap, ZTYPE_STRING | flags << 8,
                                       sizeof *string + length_bytes + 1, (uint32_t)length_bytes);
    if (string == NULL) return zerror_raise_memory(iso);
    string->hash = 0;
    string->bytes[length_bytes] = '\0';
    *bytes = string->bytes;
    *out = zvalue_object(string, ZTAG_STRING);
    return true;
}

// The shared string for texts of no byte, or of one ASCII character.
static bool take_shared(struct zisolate *iso, const char *bytes, size_t length_bytes,
                        struct zvalue *out)
{
    if (length_bytes > 1) return false;
    if (length_bytes == 0) {
        *out = zvalue_object(iso->shared->empty, ZTAG_SYMBOL);
        return true;
    }
    if ((unsigned char)bytes[0] >= 128)
        return false; // not UTF-8; the caller's fault, kept harmless
    *out = zvalue_object(iso->shared->characters[(unsigned char)bytes[0]], ZTAG_SYMBOL);
    return true;
}

bool zstring_new(struct zisolate *iso, const char *bytes, size_t length_bytes, struct zvalue *out)
{
    if (take_shared(iso, bytes, length_bytes, out)) return true;
    struct zvalue string;
    char *target;
    bool ascii;
    if (!zfuel_is_ascii_paid(iso, bytes, length_bytes, &ascii)) return false;
    if (!zstring_make(iso, length_bytes, ascii, &string, &target)) return false;
    if (!zfuel_copy(iso, target, bytes, length_bytes)) return false;
    *out = string;
    return true;
}

// ---- Cutting ------------------------------------------------------------------------------------

// A prefix of a long string shows the same buffer, if it keeps little alive that it does not show.
static bool share_prefix(struct zisolate *iso, struct zvalue string, size_t length_bytes,
                         bool ascii, struct zvalue *out)
{
    struct zstring_long *whole = long_of(string);
    struct zstring_long *prefix =
        zstring_new_long(iso, whole->buffer, (uint32_t)length_bytes, ascii);
    if (prefix == NULL) return zerror_raise_memory(iso);
    prefix->offsets = whole->offsets;
    *out = zvalue_object(prefix, ZTAG_STRING);
    return true;
}

bool zstring_sub(struct zisolate *iso, struct zvalue string, size_t offset_bytes,
                 size_t length_bytes, struct zvalue *out)
{
    const struct zstring *source = string_of(string);
    ZVM_ASSERT(offset_bytes + length_bytes <= zstring_length_bytes(source));
    if (length_bytes == zstring_length_bytes(source)) {
        *out = string;
        return true;
    }
    const char *bytes = zstring_bytes(source) + offset_bytes;
    if (take_shared(iso, bytes, length_bytes, out)) return true;
    bool ascii = zstring_is_ascii(source);
    if (!ascii && !zfuel_is_ascii(iso, bytes, length_bytes, &ascii)) return false;
    if (offset_bytes == 0 && length_bytes > ZSTRING_INLINE_MAX &&
        length_bytes >= long_of(string)->buffer->owner.payload_bytes / 2)
        return share_prefix(iso, string, length_bytes, ascii, out);
    struct zvalue piece;
    char *target;
    if (!zstring_make(iso, length_bytes, ascii, &piece, &target)) return false;
    bytes = zstring_bytes(source) + offset_bytes;
    if (!zfuel_copy(iso, target, bytes, length_bytes)) return false;
    *out = piece;
    return true;
}

// ---- Joining ------------------------------------------------------------------------------------

static size_t next_capacity(size_t capacity, size_t needed)
{
    size_t grown = capacity < GROWTH_DOUBLE_MAX ? capacity * 2 : capacity + capacity / 2;
    if (grown < needed) grown = needed;
    return grown < ZSTRING_BYTES_MAX ? grown : ZSTRING_BYTES_MAX;
}

// Room for needed bytes in the buffer of a rooted string, which is too small.
static bool grow(struct zisolate *iso, struct zstrbuf_object *buffer, size_t needed)
{
    if (!zfuel_touch_whole(iso, buffer->used)) return false;
    size_t capacity = next_capacity(buffer->owner.payload_bytes, needed);
    if (zheap_payload_resize(&iso->heap, &buffer->owner, capacity)) return true;
    return zerror_raise_memory(iso);
}

static bool copy_parts(struct zisolate *iso, char *target, const struct zvalue *parts,
                       uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        const struct zstring *part = string_of(parts[i]);
        size_t length = zstring_length_bytes(part);
        if (!zfuel_copy(iso, target, zstring_bytes(part), length)) return false;
        target += length;
    }
    return true;
}

static bool all_ascii(const struct zvalue *parts, uint32_t count)
{
    unsigned int flags = ZFLAG_ASCII;
    for (uint32_t i = 0; i < count; i++)
        flags &= string_of(parts[i])->header.flags;
    return flags != 0;
}

// Keeps the count of code points going, so that len() after each of many appends is not quadratic.
static bool carry_length(struct zisolate *iso, struct zstring_long *longer,
                         const struct zvalue *parts, uint32_t count)
{
    if ((longer->header.flags & ZFLAG_ASCII) != 0) return true;
    uint64_t chars = long_of(parts[0])->length_chars;
    if (zstring_is_ascii(string_of(parts[0]))) chars = length_of(parts[0]);
    if (chars == 0) return true;
    for (uint32_t i = 1; i < count; i++) {
        if (is_long(parts[i]) && !zstring_charge_length(iso, parts[i])) return false;
        chars += zstring_length_chars(parts[i]);
    }
    longer->length_chars = chars;
    return true;
}

static inline __attribute__((always_inline)) bool join(struct zisolate *iso, const struct zvalue *parts, uint32_t count, size_t total,
                 struct zvalue *out)
{
    struct zvalue string;
    char *target;
    if (!zstring_make(iso, total, all_ascii(parts, count), &string, &target)) return false;
    if (!copy_parts(iso, target, parts, count)) return false;
    *out = string;
    return true;
}

// Out of line, so that the other call of join is not.
static ZVM_COLD bool join_slow(struct zisolate *iso, const struct zvalue *parts, uint32_t count,
                               size_t total, struct zvalue *out)
{
    return join(iso, parts, count, total, out);
}

// parts[0] is long and ends at its buffer's high-water mark: the others are written behind it. A buffer that others
// read is full, so it is met only where it would have to grow.
static bool extend_first(struct zisolate *iso, const struct zvalue *parts, uint32_t count,
                         size_t total, struct zvalue *out)
{
    struct zstring_long *first = long_of(parts[0]);
    struct zstrbuf_object *buffer = first->buffer;
    size_t length = length_of(parts[0]);
    if (total > buffer->owner.payload_bytes) {
        if (zheap_payload_counted(&buffer->owner) != NULL)
            return join_slow(iso, parts, count, total, out);
        if (!grow(iso, buffer, total)) return false;
    }
    ZVM_ASSERT(zheap_payload_counted(&buffer->owner) == NULL);
    struct zstring_long *longer =
        zstring_new_long(iso, buffer, (uint32_t)total, all_ascii(parts, count));
    if (longer == NULL) return zerror_raise_memory(iso);
    // A part may show this very buffer (s + s): it lies before `length`, so nothing overlaps.
    if (!copy_parts(iso, (char *)buffer->owner.payload + length, parts + 1, count - 1))
        return false;
    if (!carry_length(iso, longer, parts, count)) return false;
    buffer->used = total;
    longer->offsets = first->offsets;
    *out = zvalue_object(longer, ZTAG_STRING);
    return true;
}

bool zstring_concat_many(struct zisolate *iso, const struct zvalue *parts, uint32_t count,
                         struct zvalue *out)
{
    size_t total = 0; // count is 32 bits and a length is too: no overflow
    const struct zvalue *only = NULL;
    for (uint32_t i = 0; i < count; i++) {
        size_t length = length_of(parts[i]);
        if (length == 0) continue;
        only = total == 0 ? &parts[i] : NULL;
        total += length;
    }
    if (only != NULL || total == 0) {
        *out = only != NULL ? *only : zvalue_object(iso->shared->empty, ZTAG_SYMBOL);
        return true;
    }
    if (total > ZSTRING_BYTES_MAX) return raise_too_long(iso);
    if (is_long(parts[0]) && long_of(parts[0])->buffer->used == length_of(parts[0]))
        return extend_first(iso, parts, count, total, out);
    return join(iso, parts, count, total, out);
}

bool zstring_concat(struct zisolate *iso, struct zvalue a, struct zvalue b, struct zvalue *out)
{
    const struct zvalue parts[2] = {a, b};
    return zstring_concat_many(iso, parts, 2, out);
}

bool zstring_repeat(struct zisolate *iso, struct zvalue string, int64_t count, struct zvalue *out)
{
    size_t length = length_of(string);
    size_t total;
    if (count <= 0 || length == 0) {
        *out = zvalue_object(iso->shared->empty, ZTAG_SYMBOL);
        return true;
    }
    if (count == 1) {
        *out = string;
        return true;
    }
    if (__builtin_mul_overflow(length, (size_t)count, &total) || total > ZSTRING_BYTES_MAX)
        return raise_too_long(iso);
    struct zvalue made;
    char *target;
    if (!zstring_make(iso, total, zstring_is_ascii(string_of(string)), &made, &target))
        return false;
    if (!zfuel_copy(iso, target, zstring_bytes(string_of(string)), length)) return false;
    for (size_t done = length; done < total;) { // what is there once more, doubling
        size_t piece = done < total - done ? done : total - done;
        if (!zfuel_copy(iso, target + done, target, piece)) return false;
        done += piece;
    }
    *out = made;
    return true;
}

// ---- Keys ---------------------------------------------------------------------------------------

// One symbol more of so many bytes is within what the isolate may hold, and its group has room for it,
// which is the isolate's from now on.
static bool take_quota(struct zisolate *iso, uint32_t bytes)
{
    return zheap_held_count(&iso->heap) < zquota_symbol_limit_count(iso) &&
           bytes <= zquota_symbol_limit_bytes(iso) - iso->symbol_bytes && zquota_take_symbol(iso, bytes);
}

static bool raise_group_quota(struct zisolate *iso, uint32_t bytes)
{
    const struct zgroup *group = iso->quota->group;
    uint64_t left = zsum_left(&group->symbols); // a moment's: others may have dropped some since
    const struct zsum *sum = left == 0 ? &group->symbols : &group->symbol_bytes;
    return zerror_raise(iso, ZERROR_INTERN_LIMIT,
                        "intern limit of the group of %llu %s reached: %llu held, %u requested",
                        (unsigned long long)sum->limit, left == 0 ? "symbols" : "bytes",
                        (unsigned long long)z_load_relaxed(&sum->taken), // relaxed: a gauge
                        left == 0 ? 1u : (unsigned)bytes);
}

static ZVM_COLD bool raise_quota(struct zisolate *iso, uint32_t bytes)
{
    uint32_t count = zheap_held_count(&iso->heap);
    if (count >= zquota_symbol_limit_count(iso))
        return zerror_raise(iso, ZERROR_INTERN_LIMIT,
                            "intern limit of %u symbols reached: %u held, 1 requested",
                            (unsigned)zquota_symbol_limit_count(iso), (unsigned)count);
    if (bytes > zquota_symbol_limit_bytes(iso) - iso->symbol_bytes)
        return zerror_raise(
            iso, ZERROR_INTERN_LIMIT, "intern limit of %u bytes reached: %u held, %u requested",
            (unsigned)zquota_symbol_limit_bytes(iso), (unsigned)iso->symbol_bytes, (unsigned)bytes);
    return raise_group_quota(iso, bytes);
}

// The held set is full: what the program no longer reaches leaves it. The program pays for the
// collection with fuel, because it could ask for one with each key that it makes.
static bool collect_paid(struct zisolate *iso)
{
    struct zheap_stats stats;
    zheap_stats(&iso->heap, &stats);
    if (!zfuel_charge_whole(iso, stats.live_bytes)) return false;
    zheap_collect(&iso->heap, NULL);
    zheap_drop_spares(&iso->heap);
    return true;
}

static ZVM_COLD bool make_quota_slow(struct zisolate *iso, uint32_t bytes)
{
    zheap_drop_spares(&iso->heap); // pooled, not held by the program
    if (take_quota(iso, bytes)) return true;
    if (!collect_paid(iso)) return false;
    return take_quota(iso, bytes) || raise_quota(iso, bytes);
}

static ZVM_COLD bool raise_full(struct zisolate *iso)
{
    struct zintern_stats stats;
    zintern_stats(iso->shared->intern, &stats);
    return zerror_raise(
        iso, ZERROR_INTERN_LIMIT,
        "the table of shared strings is full: %llu of at most %llu symbols, %llu of at most %llu "
        "bytes",
        (unsigned long long)stats.count, (unsigned long long)stats.limit_count,
        (unsigned long long)stats.bytes, (unsigned long long)stats.limit_bytes);
}

static bool has_spares(struct zisolate *iso)
{
    const struct zheap_spares *spares = zheap_spares(&iso->heap);
    return spares != NULL && spares->count > 0;
}

static bool acquire_symbol(struct zisolate *iso, const struct zstring *string,
                           const struct zstring **out)
{
    zvm_status status = zintern_acquire(iso->shared->intern, zstring_bytes(string),
                                        zstring_length_bytes(string), out);
    if (status == ZVM_E_INTERN_LIMIT && has_spares(iso)) {
        zheap_drop_spares(&iso->heap);
        zintern_tidy(iso->shared->intern);
        status = zintern_acquire(iso->shared->intern, zstring_bytes(string),
                                 zstring_length_bytes(string), out);
    }
    if (status == ZVM_E_NOMEM) {
        zheap_note_nomem(&iso->heap, sizeof *string + zstring_length_bytes(string));
        return zerror_raise_memory(iso);
    }
    return status == ZVM_OK || raise_full(iso);
}

// There is no memory for a larger held set.
static ZVM_COLD bool hold_symbol_slow(struct zisolate *iso, const struct zstring *symbol,
                                      bool *was_held)
{
    if (has_spares(iso)) {
        zheap_drop_spares(&iso->heap);
        if (zheap_hold_symbol(&iso->heap, symbol, was_held)) return true;
    }
    if (!collect_paid(iso)) return false;
    return zheap_hold_symbol(&iso->heap, symbol, was_held) || zerror_raise_memory(iso);
}

// Takes a symbol from the runtime's table into the held set. One reference belongs to the set.
static bool hold_key(struct zisolate *iso, const struct zstring *string, bool *was_held,
                     struct zvalue *out)
{
    const struct zstring *symbol;
    if (!acquire_symbol(iso, string, &symbol)) return false;
    bool is_held =
        zheap_hold_symbol(&iso->heap, symbol, was_held) || hold_symbol_slow(iso, symbol, was_held);
    if (!is_held || *was_held) zintern_release(iso->shared->intern, symbol);
    if (is_held) *out = zvalue_object(symbol, ZTAG_SYMBOL);
    return is_held;
}

static bool acquire_key(struct zisolate *iso, const struct zstring *string, struct zvalue *out)
{
    uint32_t bytes = (uint32_t)zintern_symbol_bytes(zstring_length_bytes(string));
    if (ZVM_UNLIKELY(!take_quota(iso, bytes)) && !make_quota_slow(iso, bytes)) return false;
    bool was_held = false, is_held = hold_key(iso, string, &was_held, out);
    if (is_held && !was_held)
        iso->symbol_bytes += bytes;
    else
        zquota_drop_symbol(iso, bytes);
    return is_held;
}

bool zstring_as_key(struct zisolate *iso, struct zvalue string, struct zvalue *out)
{
    struct zstring *text = string.p;
    uint32_t length = zstring_length_bytes(text);
    if (string.tag == ZTAG_SYMBOL || length > ZINTERN_DYNAMIC_MAX_BYTES) {
        *out = string;
        return true;
    }
    const struct zstring *held =
        zheap_held_find(&iso->heap, zstring_bytes(text), length, zstring_hash(text));
    if (held != NULL) {
        *out = zvalue_object(held, ZTAG_SYMBOL);
        return true;
    }
    return acquire_key(iso, text, out);
}
