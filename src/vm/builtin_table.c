// vm/builtin_table.c - the table of builtins and the search by name.
//
// Frozen. A builtin is one row whatever it is called by: aliases, and the forms `f(x)` and `x.f()`,
// lead to the same row, and errors name the row. Rows are found by binary search in `names`, which
// is sorted; a test checks that.
#include "vm/builtin_internal.h"
#include "vm/hint.h"

#include <string.h>

enum row {
    ROW_PRINT,
    ROW_STRING,
    ROW_TYPEOF,
    ROW_TYPE,
    ROW_ERROR,
    ROW_REQUIRE,
    ROW_INT,
    ROW_FLOAT,
    ROW_LEN,
    ROW_IS_EMPTY,
    ROW_ISOLATE_ID,
    ROW_ABS,
    ROW_MIN,
    ROW_MAX,
    ROW_FLOOR,
    ROW_CEIL,
    ROW_ROUND,
    ROW_SQRT,
    ROW_POW,
    ROW_RANGE,
    ROW_UPPER,
    ROW_LOWER,
    ROW_TRIM,
    ROW_SPLIT,
    ROW_JOIN,
    ROW_STARTS_WITH,
    ROW_ENDS_WITH,
    ROW_REPLACE,
    ROW_SUBSTRING,
    ROW_ORD,
    ROW_CHR,
    ROW_CONTAINS,
    ROW_INDEX_OF,
    ROW_SLICE,
    ROW_REVERSE,
    ROW_PUSH,
    ROW_POP,
    ROW_INSERT,
    ROW_REMOVE,
    ROW_EXTEND,
    ROW_FIRST,
    ROW_LAST,
    ROW_REST,
    ROW_SORT,
    ROW_MAP,
    ROW_FILTER,
    ROW_REDUCE,
    ROW_KEYS,
    ROW_VALUES,
    ROW_ENTRIES,
    ROW_HAS,
    ROW_GET,
    ROW_TO_STRING,
    ROW_EQUALS,
    ROW_CLONE,
    ROW_SLEEP,
    ROW_SPAWN,
    ROW_SELF,
    ROW_SEND,
    ROW_RECEIVE,
    ROW_MONITOR,
    ROW_COUNT
};

#define L   ZMETHOD_LIST
#define M   ZMETHOD_MAP
#define S   ZMETHOD_STRING
#define D   ZMETHOD_DATA
#define ANY ZBUILTIN_VARIADIC

#define FUNCTION(name, minimum, maximum, methods)                  \
    {                                                              \
#        name, zbuiltin_##name, NULL, minimum, maximum, methods, 0 \
    }
#define NATIVE(name, minimum, maximum, methods, registers)                        \
    {                                                                             \
#        name, NULL, zbuiltin_##name##_step, minimum, maximum, methods, registers \
    }

// clang-format off
const struct zbuiltin zbuiltin_table[] = {
    [ROW_PRINT]       = FUNCTION(print, 0, ANY, 0),
    [ROW_STRING]      = FUNCTION(string, 1, 1, 0),
    [ROW_TYPEOF]      = FUNCTION(typeof, 1, 1, 0),
    [ROW_TYPE]        = FUNCTION(type, 1, 1, 0),
    [ROW_ERROR]       = FUNCTION(error, 1, 2, 0),
    [ROW_REQUIRE]     = FUNCTION(require, 1, 2, 0),
    [ROW_INT]         = FUNCTION(int, 1, 1, 0),
    [ROW_FLOAT]       = FUNCTION(float, 1, 1, 0),
    [ROW_LEN]         = FUNCTION(len, 1, 1, L | M | S),
    [ROW_IS_EMPTY]    = FUNCTION(is_empty, 1, 1, L | M | S),
    [ROW_ISOLATE_ID]  = FUNCTION(isolate_id, 0, 0, 0),
    [ROW_ABS]         = FUNCTION(abs, 1, 1, 0),
    [ROW_MIN]         = FUNCTION(min, 1, ANY, L),
    [ROW_MAX]         = FUNCTION(max, 1, ANY, L),
    [ROW_FLOOR]       = FUNCTION(floor, 1, 1, 0),
    [ROW_CEIL]        = FUNCTION(ceil, 1, 1, 0),
    [ROW_ROUND]       = FUNCTION(round, 1, 1, 0),
    [ROW_SQRT]        = FUNCTION(sqrt, 1, 1, 0),
    [ROW_POW]         = FUNCTION(pow, 2, 2, 0),
    [ROW_RANGE]       = FUNCTION(range, 1, 3, 0),
    [ROW_UPPER]       = FUNCTION(upper, 1, 1, S),
    [ROW_LOWER]       = FUNCTION(lower, 1, 1, S),
    [ROW_TRIM]        = FUNCTION(trim, 1, 1, S),
    [ROW_SPLIT]       = FUNCTION(split, 2, 2, S),
    [ROW_JOIN]        = FUNCTION(join, 2, 2, L),
    [ROW_STARTS_WITH] = FUNCTION(starts_with, 2, 2, S),
    [ROW_ENDS_WITH]   = FUNCTION(ends_with, 2, 2, S),
    [ROW_REPLACE]     = FUNCTION(replace, 3, 3, S),
    [ROW_SUBSTRING]   = FUNCTION(substring, 2, 3, S),
    [ROW_ORD]         = FUNCTION(ord, 1, 1, 0),
    [ROW_CHR]         = FUNCTION(chr, 1, 1, 0),
    [ROW_CONTAINS]    = FUNCTION(contains, 2, 2, L | S),
    [ROW_INDEX_OF]    = FUNCTION(index_of, 2, 2, L | S),
    [ROW_SLICE]       = FUNCTION(slice, 2, 3, L | S),
    [ROW_REVERSE]     = FUNCTION(reverse, 1, 1, L | S),
    [ROW_PUSH]        = FUNCTION(push, 2, 2, L),
    [ROW_POP]         = FUNCTION(pop, 1, 1, L),
    [ROW_INSERT]      = FUNCTION(insert, 3, 3, L),
    [ROW_REMOVE]      = FUNCTION(remove, 2, 2, L | M),
    [ROW_EXTEND]      = FUNCTION(extend, 2, 2, L),
    [ROW_FIRST]       = FUNCTION(first, 1, 1, L),
    [ROW_LAST]        = FUNCTION(last, 1, 1, L),
    [ROW_REST]        = FUNCTION(rest, 1, 1, L),
    [ROW_SORT]        = NATIVE(sort, 1, 3, L, ZBUILTIN_SORT_REGISTERS),
    [ROW_MAP]         = NATIVE(map, 2, 2, L, ZBUILTIN_MAP_REGISTERS),
    [ROW_FILTER]      = NATIVE(filter, 2, 2, L, ZBUILTIN_FILTER_REGISTERS),
    [ROW_REDUCE]      = NATIVE(reduce, 2, 3, L, ZBUILTIN_REDUCE_REGISTERS),
    [ROW_KEYS]        = FUNCTION(keys, 1, 1, M),
    [ROW_VALUES]      = FUNCTION(values, 1, 1, M),
    [ROW_ENTRIES]     = FUNCTION(entries, 1, 1, M),
    [ROW_HAS]         = FUNCTION(has, 2, 2, M),
    [ROW_GET]         = FUNCTION(get, 2, 3, M),
    [ROW_TO_STRING]   = {"toString", zbuiltin_to_string, NULL, 1, 1, D, 0},
    [ROW_EQUALS]      = FUNCTION(equals, 2, 2, D),
    [ROW_CLONE]       = FUNCTION(clone, 1, 1, D),
    [ROW_SLEEP]       = NATIVE(sleep, 1, 1, 0, ZBUILTIN_SLEEP_REGISTERS),
    [ROW_SPAWN]       = FUNCTION(spawn, 1, ANY, 0),
    [ROW_SELF]        = FUNCTION(self, 0, 0, 0),
    [ROW_SEND]        = NATIVE(send, 2, 3, 0, ZBUILTIN_SEND_REGISTERS),
    [ROW_RECEIVE]     = NATIVE(receive, 0, 1, 0, ZBUILTIN_RECEIVE_REGISTERS),
    [ROW_MONITOR]     = FUNCTION(monitor, 1, 1, 0),
};
// clang-format on

const uint32_t zbuiltin_count = ROW_COUNT;

_Static_assert(sizeof zbuiltin_table / sizeof *zbuiltin_table == ROW_COUNT, "a builtin has no row");
_Static_assert(ROW_COUNT < ZBUILTIN_METHOD_NONE, "instructions name methods in 8 bits");

enum { IS_FUNCTION = 1, IS_METHOD = 2, IS_BOTH = 3 };

struct name {
    const char *text;
    uint8_t row;
    uint8_t forms;
};

// clang-format off
static const struct name names[] = { // sorted by strcmp
    {"abs", ROW_ABS, IS_FUNCTION},
    {"append", ROW_PUSH, IS_BOTH},
    {"ceil", ROW_CEIL, IS_FUNCTION},
    {"chr", ROW_CHR, IS_FUNCTION},
    {"clone", ROW_CLONE, IS_METHOD},
    {"contains", ROW_CONTAINS, IS_BOTH},
    {"count", ROW_LEN, IS_METHOD},
    {"ends_with", ROW_ENDS_WITH, IS_BOTH},
    {"entries", ROW_ENTRIES, IS_BOTH},
    {"equals", ROW_EQUALS, IS_METHOD},
    {"error", ROW_ERROR, IS_FUNCTION},
    {"extend", ROW_EXTEND, IS_BOTH},
    {"filter", ROW_FILTER, IS_BOTH},
    {"first", ROW_FIRST, IS_BOTH},
    {"float", ROW_FLOAT, IS_FUNCTION},
    {"floor", ROW_FLOOR, IS_FUNCTION},
    {"get", ROW_GET, IS_BOTH},
    {"has", ROW_HAS, IS_BOTH},
    {"index_of", ROW_INDEX_OF, IS_BOTH},
    {"insert", ROW_INSERT, IS_BOTH},
    {"int", ROW_INT, IS_FUNCTION},
    {"is_empty", ROW_IS_EMPTY, IS_BOTH},
    {"isolate_id", ROW_ISOLATE_ID, IS_FUNCTION},
    {"join", ROW_JOIN, IS_BOTH},
    {"keys", ROW_KEYS, IS_BOTH},
    {"last", ROW_LAST, IS_BOTH},
    {"len", ROW_LEN, IS_BOTH},
    {"length", ROW_LEN, IS_BOTH},
    {"lower", ROW_LOWER, IS_BOTH},
    {"lowercase", ROW_LOWER, IS_BOTH},
    {"map", ROW_MAP, IS_BOTH},
    {"max", ROW_MAX, IS_BOTH},
    {"min", ROW_MIN, IS_BOTH},
    {"monitor", ROW_MONITOR, IS_FUNCTION},
    {"ord", ROW_ORD, IS_FUNCTION},
    {"pop", ROW_POP, IS_BOTH},
    {"pow", ROW_POW, IS_FUNCTION},
    {"print", ROW_PRINT, IS_FUNCTION},
    {"push", ROW_PUSH, IS_BOTH},
    {"range", ROW_RANGE, IS_FUNCTION},
    {"receive", ROW_RECEIVE, IS_FUNCTION},
    {"reduce", ROW_REDUCE, IS_BOTH},
    {"remove", ROW_REMOVE, IS_BOTH},
    {"replace", ROW_REPLACE, IS_BOTH},
    {"require", ROW_REQUIRE, IS_FUNCTION},
    {"rest", ROW_REST, IS_BOTH},
    {"reverse", ROW_REVERSE, IS_BOTH},
    {"round", ROW_ROUND, IS_FUNCTION},
    {"self", ROW_SELF, IS_FUNCTION},
    {"send", ROW_SEND, IS_FUNCTION},
    {"size", ROW_LEN, IS_BOTH},
    {"sleep", ROW_SLEEP, IS_FUNCTION},
    {"slice", ROW_SLICE, IS_BOTH},
    {"sort", ROW_SORT, IS_BOTH},
    {"spawn", ROW_SPAWN, IS_FUNCTION},
    {"split", ROW_SPLIT, IS_BOTH},
    {"sqrt", ROW_SQRT, IS_FUNCTION},
    {"starts_with", ROW_STARTS_WITH, IS_BOTH},
    {"str", ROW_STRING, IS_FUNCTION},
    {"string", ROW_STRING, IS_FUNCTION},
    {"substring", ROW_SUBSTRING, IS_BOTH},
    {"toString", ROW_TO_STRING, IS_METHOD},
    {"trim", ROW_TRIM, IS_BOTH},
    {"type", ROW_TYPE, IS_FUNCTION},
    {"typeof", ROW_TYPEOF, IS_FUNCTION},
    {"upper", ROW_UPPER, IS_BOTH},
    {"uppercase", ROW_UPPER, IS_BOTH},
    {"values", ROW_VALUES, IS_BOTH},
};
// clang-format on

static int compare_name(const char *text, size_t length_bytes, const char *name)
{
    size_t name_length = strlen(name);
    size_t shorter = length_bytes < name_length ? length_bytes : name_length;
    int order = memcmp(text, name, shorter);
    if (order != 0) return order;
    return length_bytes < name_length ? -1 : length_bytes > name_length;
}

static uint32_t find(const char *text, size_t length_bytes, uint8_t form)
{
    size_t low = 0, high = sizeof names / sizeof *names;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = compare_name(text, length_bytes, names[middle].text);
        if (order == 0)
            return (names[middle].forms & form) != 0 ? names[middle].row : ZBUILTIN_NONE;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return ZBUILTIN_NONE;
}

const char *zbuiltin_name_at(uint32_t index, bool *is_function, uint8_t *methods)
{
    if (index >= sizeof names / sizeof *names) return NULL;
    const struct name *name = &names[index];
    *is_function = (name->forms & IS_FUNCTION) != 0;
    *methods = (name->forms & IS_METHOD) != 0 ? zbuiltin_table[name->row].methods : 0;
    return name->text;
}

uint32_t zbuiltin_find(const char *name, size_t length_bytes)
{
    return find(name, length_bytes, IS_FUNCTION);
}

uint32_t zbuiltin_find_method(const char *name, size_t length_bytes)
{
    return find(name, length_bytes, IS_METHOD);
}

const char *zbuiltin_name(size_t index, bool as_method)
{
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if ((names[i].forms & (as_method ? IS_METHOD : IS_FUNCTION)) == 0) continue;
        if (index-- == 0) return names[i].text;
    }
    return NULL;
}

// ---- Checks of a call ---------------------------------------------------------------------------

static bool raise_count(struct zisolate *iso, const struct zbuiltin *builtin, uint32_t receiver,
                        uint32_t count)
{
    uint32_t minimum = builtin->minimum - receiver;
    const char *plural = minimum == 1 ? "" : "s";
    if (builtin->maximum == ZBUILTIN_VARIADIC)
        return zerror_raise(iso, ZERROR_ARGUMENT, "%s() expects at least %u argument%s, got %u",
                            builtin->name, minimum, plural, count);
    if (builtin->maximum == builtin->minimum)
        return zerror_raise(iso, ZERROR_ARGUMENT, "%s() expects %u argument%s, got %u",
                            builtin->name, minimum, plural, count);
    return zerror_raise(iso, ZERROR_ARGUMENT, "%s() expects %u to %u arguments, got %u",
                        builtin->name, minimum, builtin->maximum - receiver, count);
}

bool zbuiltin_check_count(struct zisolate *iso, const struct zbuiltin *builtin, uint32_t count,
                          bool as_method)
{
    bool fits = count >= builtin->minimum &&
                (count <= builtin->maximum || builtin->maximum == ZBUILTIN_VARIADIC);
    if (ZVM_LIKELY(fits)) return true;
    uint32_t receiver = as_method ? 1 : 0;
    (void)raise_count(iso, builtin, receiver, count - receiver);
    return zhint_add(iso, ZHINT_BUILTIN, 0, builtin, receiver);
}

bool zbuiltin_type_error(struct zisolate *iso, const char *name, uint32_t number,
                         const char *wanted, struct zvalue got)
{
    return zerror_raise(iso, ZERROR_TYPE, "%s(): argument %u must be %s, got %s", name, number,
                        wanted, zerror_type_text(got));
}
