// vm/builtin_string.c - strings: case, trimming, cutting, reversing, code points.
//
// Owner-thread. Case and white space are ASCII only; positions are code points.
#include "vm/builtin_internal.h"

#include <string.h>

#include "base/utf8.h"
#include "vm/string_internal.h"

// ---- Case ---------------------------------------------------------------------------------------

#define SMALL_BYTES 64

// Turns the letters from `first` on, 26 of them, into those that differ from them in bit 5.
static void flip_case(char *to, const char *from, size_t count, char first)
{
    for (size_t i = 0; i < count; i++) {
        bool is_letter = (unsigned char)(from[i] - first) < 26;
        to[i] = (char)(from[i] ^ (is_letter ? 0x20 : 0));
    }
}

static bool change_case(struct zisolate *iso, const char *name, char first, struct zvalue string,
                        struct zvalue *result)
{
    if (!zbuiltin_need_string(iso, name, 1, string)) return false;
    const struct zstring *source = string.p;
    size_t length = zstring_length_bytes(source);
    if (length <= SMALL_BYTES) { // also where the shared one-character strings come from
        char small[SMALL_BYTES];
        flip_case(small, zstring_bytes(source), length, first);
        return zstring_new(iso, small, length, result);
    }
    struct zvalue made;
    char *target;
    if (!zstring_make(iso, length, zstring_is_ascii(source), &made, &target)) return false;
    const char *bytes = zstring_bytes(source);
    for (size_t done = 0; done < length;) {
        size_t piece = length - done < ZFUEL_POLL_BYTES ? length - done : ZFUEL_POLL_BYTES;
        if (!zfuel_touch(iso, piece)) return false;
        flip_case(target + done, bytes + done, piece, first);
        done += piece;
    }
    *result = made;
    return true;
}

bool zbuiltin_upper(struct zisolate *iso, struct zvalue *args, uint32_t count,
                    struct zvalue *result)
{
    (void)count;
    return change_case(iso, "upper", 'a', args[0], result);
}

bool zbuiltin_lower(struct zisolate *iso, struct zvalue *args, uint32_t count,
                    struct zvalue *result)
{
    (void)count;
    return change_case(iso, "lower", 'A', args[0], result);
}

// ---- Trimming and prefixes ----------------------------------------------------------------------

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

bool zbuiltin_trim(struct zisolate *iso, struct zvalue *args, uint32_t count, struct zvalue *result)
{
    (void)count;
    if (!zbuiltin_need_string(iso, "trim", 1, args[0])) return false;
    const char *bytes = zstring_bytes(args[0].p);
    size_t start = 0, end = zstring_length_bytes(args[0].p);
    struct zfuel_meter meter = {0};
    for (; start < end && is_space(bytes[start]); start++) {
        if (!zfuel_meter_add(iso, &meter, 1)) return false;
    }
    for (; end > start && is_space(bytes[end - 1]); end--) {
        if (!zfuel_meter_add(iso, &meter, 1)) return false;
    }
    return zstring_sub(iso, args[0], start, end - start, result);
}

// Whether `part` stands at offset 0, or at the end, of string.
static bool has_affix(struct zisolate *iso, const char *name, struct zvalue *args, bool at_end,
                      struct zvalue *result)
{
    if (!zbuiltin_need_string(iso, name, 1, args[0])) return false;
    if (!zbuiltin_need_string(iso, name, 2, args[1])) return false;
    size_t length = zstring_length_bytes(args[0].p), part = zstring_length_bytes(args[1].p);
    bool has = part <= length;
    if (has) {
        const char *bytes = zstring_bytes(args[0].p) + (at_end ? length - part : 0);
        int order;
        if (!zfuel_compare(iso, bytes, zstring_bytes(args[1].p), part, &order)) return false;
        has = order == 0;
    }
    *result = zvalue_bool(has);
    return true;
}

bool zbuiltin_starts_with(struct zisolate *iso, struct zvalue *args, uint32_t count,
                          struct zvalue *result)
{
    (void)count;
    return has_affix(iso, "starts_with", args, false, result);
}

bool zbuiltin_ends_with(struct zisolate *iso, struct zvalue *args, uint32_t count,
                        struct zvalue *result)
{
    (void)count;
    return has_affix(iso, "ends_with", args, true, result);
}

// ---- Cutting ------------------------------------------------------------------------------------

// Code points [start, end) of string; start <= end <= length.
static bool cut(struct zisolate *iso, struct zvalue string, uint64_t start, uint64_t end,
                struct zvalue *result)
{
    size_t from, to;
    if (!zstring_offset(iso, string, start, &from)) return false;
    if (!zstring_offset(iso, string, end, &to)) return false;
    return zstring_sub(iso, string, from, to - from, result);
}

bool zbuiltin_substring(struct zisolate *iso, struct zvalue *args, uint32_t count,
                        struct zvalue *result)
{
    if (!zbuiltin_need_string(iso, "substring", 1, args[0])) return false;
    for (uint32_t i = 1; i < count; i++) {
        if (!zbuiltin_need_int(iso, "substring", i + 1, args[i])) return false;
    }
    if (!zstring_charge_length(iso, args[0])) return false;
    int64_t length = (int64_t)zstring_length_chars(args[0]);
    int64_t start = args[1].i, end = count > 2 ? args[2].i : length;
    if (start < 0 || start > end || end > length)
        return zerror_raise(iso, ZERROR_INDEX, "substring %lld..%lld out of range for length %lld",
                            (long long)start, (long long)end, (long long)length);
    return cut(iso, args[0], (uint64_t)start, (uint64_t)end, result);
}

bool zbuiltin_slice_string(struct zisolate *iso, struct zvalue *args, uint32_t count,
                           struct zvalue *result)
{
    if (!zstring_charge_length(iso, args[0])) return false;
    uint64_t length = zstring_length_chars(args[0]);
    uint64_t start = zbuiltin_clamp(args[1].i, length);
    uint64_t end = count > 2 ? zbuiltin_clamp(args[2].i, length) : length;
    return cut(iso, args[0], start, end > start ? end : start, result);
}

// ---- Reversing ----------------------------------------------------------------------------------

bool zbuiltin_reverse_string(struct zisolate *iso, struct zvalue string, struct zvalue *result)
{
    const struct zstring *source = string.p;
    size_t length = zstring_length_bytes(source);
    if (length < 2) {
        *result = string;
        return true;
    }
    struct zvalue made;
    char *target;
    if (!zstring_make(iso, length, zstring_is_ascii(source), &made, &target)) return false;
    const char *bytes = zstring_bytes(source);
    struct zfuel_meter meter = {0};
    for (size_t done = 0; done < length;) {
        size_t step = zutf8_step(bytes + done, length - done);
        if (!zfuel_meter_add(iso, &meter, step)) return false;
        done += step;
        memcpy(target + length - done, bytes + done - step, step);
    }
    *result = made;
    return true;
}

// ---- Code points --------------------------------------------------------------------------------

bool zbuiltin_ord(struct zisolate *iso, struct zvalue *args, uint32_t count, struct zvalue *result)
{
    (void)count;
    if (!zbuiltin_need_string(iso, "ord", 1, args[0])) return false;
    size_t length = zstring_length_bytes(args[0].p), step = 0;
    uint32_t code_point = 0;
    if (length > 0) code_point = zutf8_decode(zstring_bytes(args[0].p), length, &step);
    if (length == 0 || step != length) {
        if (!zstring_charge_length(iso, args[0])) return false;
        return zerror_raise(iso, ZERROR_VALUE, "ord() needs a string of length 1, got length %llu",
                            (unsigned long long)zstring_length_chars(args[0]));
    }
    *result = zvalue_int(code_point);
    return true;
}

bool zbuiltin_chr(struct zisolate *iso, struct zvalue *args, uint32_t count, struct zvalue *result)
{
    (void)count;
    if (!zbuiltin_need_int(iso, "chr", 1, args[0])) return false;
    int64_t code_point = args[0].i;
    bool is_surrogate = code_point >= 0xd800 && code_point <= 0xdfff;
    if (code_point < 0 || code_point > 0x10ffff || is_surrogate)
        return zerror_raise(iso, ZERROR_VALUE, "chr() of an invalid code point %lld",
                            (long long)code_point);
    char bytes[4];
    return zstring_new(iso, bytes, zutf8_encode((uint32_t)code_point, bytes), result);
}
