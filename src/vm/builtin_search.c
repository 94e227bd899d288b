// vm/builtin_search.c - finding strings in strings and elements in lists; split, join, replace.
//
// Owner-thread. A search looks at a piece at a time, charged before, so that it can be cancelled.
// Pieces begin small and double up to ZFUEL_POLL_BYTES: finding many matches close together costs what
// lies between them. Only a needle of more than half of that is searched in larger pieces, of twice its
// length. UTF-8 makes byte search right: a valid needle is found
// only at the beginning of a character.
#include "vm/builtin_internal.h"

#include <string.h>

#include "base/utf8.h"
#include "vm/string_internal.h"
#include "vm/text.h"

#define NOT_FOUND         SIZE_MAX
#define PIECE_FIRST_BYTES 128u
#define MATCH_BYTES       64u // what a match costs beyond its own length, of which not all counts

struct text {
    const char *bytes;
    size_t length;
};

static struct text text_of(struct zvalue string)
{
    return (struct text){zstring_bytes(string.p), zstring_length_bytes(string.p)};
}

static bool is_ascii(struct zvalue string)
{
    return zstring_is_ascii(string.p);
}

static bool touch_piece(struct zisolate *iso, size_t piece)
{
    return piece <= ZFUEL_POLL_BYTES ? zfuel_touch(iso, piece) : zfuel_touch_whole(iso, piece);
}

// The first place of needle (not empty) in text from `from` on, or NOT_FOUND, into *place.
static bool find(struct zisolate *iso, struct text text, struct text needle, size_t from,
                 size_t *place)
{
    size_t overlap = needle.length - 1; // of a piece and the next
    size_t step_max =
        needle.length <= ZFUEL_POLL_BYTES / 2 ? ZFUEL_POLL_BYTES - overlap : needle.length;
    size_t step = PIECE_FIRST_BYTES;
    *place = NOT_FOUND;
    while (*place == NOT_FOUND && text.length - from >= needle.length) {
        if (step < needle.length) step = needle.length;
        if (step > step_max) step = step_max;
        size_t piece = step + overlap;
        if (piece > text.length - from) piece = text.length - from;
        if (!touch_piece(iso, piece)) return false;
        const char *found = memmem(text.bytes + from, piece, needle.bytes, needle.length);
        if (found != NULL)
            *place = (size_t)(found - text.bytes);
        else if (piece == text.length - from)
            return true;
        from += step;
        step *= 2;
    }
    return true;
}

// Finding pays for what is looked at; a match, short ones above all, for what is done with it.
static bool pay_match(struct zisolate *iso, struct zfuel_meter *meter, struct text needle)
{
    size_t length = needle.length < ZFUEL_METER_BYTES ? needle.length : ZFUEL_METER_BYTES;
    return zfuel_meter_add(iso, meter, length + MATCH_BYTES);
}

// ---- contains and index_of ----------------------------------------------------------------------

// The first element equal to value, or -1.
static bool find_element(struct zisolate *iso, const struct zlist *list, struct zvalue value,
                         int64_t *place)
{
    struct zfuel_meter meter = {0};
    uint32_t length = zlist_length(list);
    *place = -1;
    for (uint32_t i = 0; i < length; i++) {
        bool is_equal;
        if (!zfuel_meter_add(iso, &meter, sizeof(uint64_t))) return false;
        if (!zequal_values(iso, zlist_get(list, i), value, &is_equal)) return false;
        if (is_equal) {
            *place = i;
            return true;
        }
    }
    return true;
}

// The byte offset of needle in string, -1 when it is not there.
static bool find_string(struct zisolate *iso, struct zvalue string, struct zvalue needle,
                        int64_t *place)
{
    *place = 0; // of the empty needle
    if (zstring_length_bytes(needle.p) == 0) return true;
    size_t offset;
    if (!find(iso, text_of(string), text_of(needle), 0, &offset)) return false;
    *place = offset == NOT_FOUND ? -1 : (int64_t)offset;
    return true;
}

// A position in bytes for strings, in elements for lists.
static bool find_any(struct zisolate *iso, const char *name, struct zvalue *args, int64_t *place)
{
    if (args[0].tag == ZTAG_LIST) return find_element(iso, args[0].p, args[1], place);
    if (!zvalue_is_string(args[0]))
        return zbuiltin_type_error(iso, name, 1, "string or list", args[0]);
    if (!zbuiltin_need_string(iso, name, 2, args[1])) return false;
    return find_string(iso, args[0], args[1], place);
}

bool zbuiltin_contains(struct zisolate *iso, struct zvalue *args, uint32_t count,
                       struct zvalue *result)
{
    (void)count;
    int64_t place;
    if (!find_any(iso, "contains", args, &place)) return false;
    *result = zvalue_bool(place >= 0);
    return true;
}

bool zbuiltin_index_of(struct zisolate *iso, struct zvalue *args, uint32_t count,
                       struct zvalue *result)
{
    (void)count;
    int64_t place;
    if (!find_any(iso, "index_of", args, &place)) return false;
    if (place > 0 && zvalue_is_string(args[0]) && !is_ascii(args[0])) {
        uint64_t chars;
        if (!zfuel_count_chars(iso, zstring_bytes(args[0].p), (size_t)place, &chars)) return false;
        place = (int64_t)chars;
    }
    *result = zvalue_int(place);
    return true;
}

// ---- split --------------------------------------------------------------------------------------

static bool push_piece(struct zisolate *iso, struct zvalue *roots, struct zvalue string,
                       size_t start, size_t end)
{
    if (!zstring_sub(iso, string, start, end - start, &roots[1])) return false;
    return zlist_push(iso, roots[0].p, roots[1]);
}

// roots: the list of pieces, and the piece that is being added.
static bool split_into(struct zisolate *iso, struct zvalue *roots, struct zvalue string,
                       struct zvalue separator)
{
    if (!zlist_new(iso, 0, &roots[0])) return false;
    struct text text = text_of(string), needle = text_of(separator);
    struct zfuel_meter meter = {0};
    size_t start = 0, place;
    for (;;) {
        if (!pay_match(iso, &meter, needle)) return false;
        if (!find(iso, text, needle, start, &place)) return false;
        if (place == NOT_FOUND) break;
        if (!push_piece(iso, roots, string, start, place)) return false;
        start = place + needle.length;
    }
    return push_piece(iso, roots, string, start, text.length);
}

bool zbuiltin_split(struct zisolate *iso, struct zvalue *args, uint32_t count,
                    struct zvalue *result)
{
    (void)count;
    if (!zbuiltin_need_string(iso, "split", 1, args[0])) return false;
    if (!zbuiltin_need_string(iso, "split", 2, args[1])) return false;
    if (zstring_length_bytes(args[1].p) == 0)
        return zerror_raise(iso, ZERROR_VALUE, "split() separator is empty");
    struct zvalue roots[2] = {zvalue_null(), zvalue_null()};
    struct zscope scope;
    zscope_open(&iso->heap, &scope, roots, 2);
    bool ok = split_into(iso, roots, args[0], args[1]);
    zscope_close(&iso->heap, &scope);
    if (ok) *result = roots[0];
    return ok;
}

// ---- join ---------------------------------------------------------------------------------------

// The length of the joined string; LimitError when it does not fit a size.
static bool measure(struct zisolate *iso, const struct zlist *list, struct zvalue separator,
                    size_t *total, bool *ascii)
{
    uint32_t length = zlist_length(list);
    struct zfuel_meter meter = {0};
    // A list and a string are below 2^32 long each: the sum of all fits 64 bits.
    uint64_t sum = length > 1 ? (uint64_t)zstring_length_bytes(separator.p) * (length - 1) : 0;
    *ascii = length < 2 || is_ascii(separator);
    for (uint32_t i = 0; i < length; i++) {
        struct zvalue element = zlist_get(list, i);
        if (!zfuel_meter_add(iso, &meter, sizeof(uint64_t))) return false;
        if (!zvalue_is_string(element))
            return zerror_raise(iso, ZERROR_TYPE, "join(): every element must be a string, got %s",
                                zerror_type_text(element));
        sum += zstring_length_bytes(element.p);
        *ascii = *ascii && is_ascii(element);
    }
    *total = (size_t)sum;
    return true;
}

static bool copy_text(struct zisolate *iso, char **target, struct text text)
{
    if (!zfuel_copy(iso, *target, text.bytes, text.length)) return false;
    *target += text.length;
    return true;
}

static bool copy_joined(struct zisolate *iso, char *target, const struct zlist *list,
                        struct zvalue separator)
{
    struct text between = text_of(separator);
    for (uint32_t i = 0; i < zlist_length(list); i++) {
        if (i > 0 && !copy_text(iso, &target, between)) return false;
        if (!copy_text(iso, &target, text_of(zlist_get(list, i)))) return false;
    }
    return true;
}

bool zbuiltin_join(struct zisolate *iso, struct zvalue *args, uint32_t count, struct zvalue *result)
{
    (void)count;
    if (!zbuiltin_need_list(iso, "join", 1, args[0])) return false;
    if (!zbuiltin_need_string(iso, "join", 2, args[1])) return false;
    size_t total = 0;
    bool ascii = true;
    if (!measure(iso, args[0].p, args[1], &total, &ascii)) return false;
    char small[2];
    if (total < sizeof small) {
        if (!copy_joined(iso, small, args[0].p, args[1])) return false;
        return zstring_new(iso, small, total, result);
    }
    struct zvalue made;
    char *target;
    if (!zstring_make(iso, total, ascii, &made, &target)) return false;
    if (!copy_joined(iso, target, args[0].p, args[1])) return false;
    *result = made;
    return true;
}

// ---- replace ------------------------------------------------------------------------------------

static bool count_matches(struct zisolate *iso, struct text text, struct text needle,
                          uint64_t *matches)
{
    size_t start = 0, place;
    struct zfuel_meter meter = {0};
    *matches = 0;
    for (;;) {
        if (!pay_match(iso, &meter, needle)) return false;
        if (!find(iso, text, needle, start, &place)) return false;
        if (place == NOT_FOUND) return true;
        (*matches)++;
        start = place + needle.length;
    }
}

static bool copy_replaced(struct zisolate *iso, char *target, struct text text, struct text needle,
                          struct text replacement)
{
    size_t start = 0, place;
    struct zfuel_meter meter = {0};
    for (;;) {
        if (!pay_match(iso, &meter, needle)) return false;
        if (!find(iso, text, needle, start, &place)) return false;
        struct text kept = {text.bytes + start, (place == NOT_FOUND ? text.length : place) - start};
        if (!copy_text(iso, &target, kept)) return false;
        if (place == NOT_FOUND) return true;
        if (!copy_text(iso, &target, replacement)) return false;
        start = place + needle.length;
    }
}

// Taking characters out can leave ASCII alone, and the flag says so exactly.
static bool settle_ascii(struct zisolate *iso, struct zstring *string)
{
    if (zstring_is_ascii(string)) return true;
    uint32_t length = zstring_length_bytes(string);
    bool is_ascii;
    if (!zfuel_is_ascii(iso, zstring_bytes(string), length, &is_ascii)) return false;
    if (is_ascii) string->header.flags |= ZFLAG_ASCII;
    return true;
}

static bool replace_all(struct zisolate *iso, struct zvalue *args, uint64_t total,
                        struct zvalue *result)
{
    struct text text = text_of(args[0]), needle = text_of(args[1]);
    struct text replacement = text_of(args[2]);
    char small[2];
    if (total < sizeof small) {
        if (!copy_replaced(iso, small, text, needle, replacement)) return false;
        return zstring_new(iso, small, (size_t)total, result);
    }
    struct zvalue made;
    char *target;
    bool ascii = is_ascii(args[0]) && is_ascii(args[2]);
    if (!zstring_make(iso, (size_t)total, ascii, &made, &target)) return false;
    if (!copy_replaced(iso, target, text, needle, replacement)) return false;
    if (!settle_ascii(iso, made.p)) return false;
    *result = made;
    return true;
}

bool zbuiltin_replace(struct zisolate *iso, struct zvalue *args, uint32_t count,
                      struct zvalue *result)
{
    for (uint32_t i = 0; i < count; i++) {
        if (!zbuiltin_need_string(iso, "replace", i + 1, args[i])) return false;
    }
    struct text text = text_of(args[0]), needle = text_of(args[1]);
    if (needle.length == 0) return zerror_raise(iso, ZERROR_VALUE, "replace() pattern is empty");
    uint64_t matches;
    if (!count_matches(iso, text, needle, &matches)) return false;
    if (matches == 0) {
        *result = args[0];
        return true;
    }
    // matches * needle.length <= text.length; the rest is below 2^64 with 32-bit lengths.
    uint64_t total =
        text.length - matches * needle.length + matches * zstring_length_bytes(args[2].p);
    return replace_all(iso, args, total, result);
}
