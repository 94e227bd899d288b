// vm/builtin_parameters.c - the parameters of the builtins as people write them, for hints.
//
// Owns: a constant table. Thread: any. [x] is an argument that may be left out; of what is also a method
// the first one is the receiver.
#include "vm/builtin.h"

#include <string.h>

// clang-format off
static const struct {
    const char *name;
    const char *parameters;
} rows[] = {
    {"string", "x"}, {"typeof", "x"}, {"type", "x"}, {"error", "message[, kind]"},
    {"require", "condition[, text]"}, {"int", "x"}, {"float", "x"}, {"len", "x"},
    {"is_empty", "x"}, {"isolate_id", ""}, {"abs", "n"}, {"min", "a[, b, ...]"},
    {"max", "a[, b, ...]"}, {"floor", "n"}, {"ceil", "n"}, {"round", "n"}, {"sqrt", "n"},
    {"pow", "a, b"}, {"range", "[start, ]end[, step]"}, {"upper", "s"}, {"lower", "s"},
    {"trim", "s"}, {"split", "s, separator"}, {"join", "list, separator"},
    {"starts_with", "s, start"}, {"ends_with", "s, end"}, {"replace", "s, old, new"},
    {"substring", "s, start[, end]"}, {"ord", "s"}, {"chr", "n"}, {"contains", "x, part"},
    {"index_of", "x, part"}, {"slice", "x, start[, end]"}, {"reverse", "x"}, {"push", "list, x"},
    {"pop", "list"}, {"insert", "list, index, x"}, {"remove", "x, index_or_key"},
    {"extend", "list, other"}, {"first", "list"}, {"last", "list"}, {"rest", "list"},
    {"sort", "list[, key_or_function][, descending]"}, {"map", "list, function"},
    {"filter", "list, function"}, {"reduce", "list, function[, initial]"}, {"keys", "map"},
    {"values", "map"}, {"entries", "map"}, {"has", "map, key"}, {"get", "map, key[, default]"},
    {"toString", "data"}, {"equals", "data, other"}, {"clone", "data"},
    {"sleep", "milliseconds"}, {"spawn", "action[, ...]"}, {"self", ""}, {"send", "isolate, value[, milliseconds]"},
    {"receive", "[milliseconds]"}, {"monitor", "isolate"},
};
// clang-format on

const char *zbuiltin_parameters(const struct zbuiltin *builtin)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (strcmp(rows[i].name, builtin->name) == 0) return rows[i].parameters;
    return NULL;
}
