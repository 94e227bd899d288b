// cli/snapshot_file.c - a reader of heap snapshots that trusts nothing in the file.
//
// Owns: the text of the file and the tables made from it. Thread: main.
// How: a snapshot's arrays are found by their keys at the depth where they stand; values on the way
// are skipped without recursion, by counting brackets outside of strings. Numbers of nodes are read
// into one table and checked there, so that later an index is an index.
#include "cli/snapshot_file.h"

#include "cli/message.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_BYTES_MAX ((size_t)8 << 30)

static bool complain(const char *path, const char *what)
{
    cli_complain("%s: not a heap snapshot: %s; name a file that --heap-snapshot wrote", path, what);
    return false;
}

// ---- The text ---------------------------------------------------------------------------------

static bool read_all(struct cli_snapshot *snapshot, FILE *file)
{
    size_t capacity = 0;
    for (;;) {
        if (snapshot->text_bytes + 1 >= capacity) {
            capacity = capacity == 0 ? 65536 : capacity * 2;
            char *text = capacity > FILE_BYTES_MAX ? NULL : realloc(snapshot->text, capacity);
            if (text == NULL) {
                errno = ENOMEM;
                return false;
            }
            snapshot->text = text;
        }
        size_t room = capacity - snapshot->text_bytes - 1;
        size_t got = fread(snapshot->text + snapshot->text_bytes, 1, room, file);
        snapshot->text_bytes += got;
        if (got < room) break;
    }
    snapshot->text[snapshot->text_bytes] = '\0';
    return ferror(file) == 0;
}

static bool load_text(struct cli_snapshot *snapshot, const char *path)
{
    FILE *file = fopen(path, "re");
    bool ok = file != NULL && read_all(snapshot, file);
    if (!ok) cli_complain("%s: cannot read: %s", path, strerror(errno));
    if (file != NULL) fclose(file);
    return ok;
}

// ---- Scanning. All end at the NUL behind the text at the latest, and none looks further than it
// goes: the C library's own scanners may first look for the end of the whole, long text.

static const char *skip_space(const char *at)
{
    while (*at == ' ' || *at == '\t' || *at == '\r' || *at == '\n') {
        at++;
    }
    return at;
}

// at: behind the opening quote. Returns the closing one, NULL: none.
static const char *string_end(const char *at)
{
    for (; *at != '\0'; at++) {
        if (*at == '"') return at;
        if (*at == '\\' && at[1] != '\0') at++;
    }
    return NULL;
}

// Behind the value that starts at `at`, NULL: it does not end.
static const char *skip_value(const char *at)
{
    size_t depth = 0;
    for (at = skip_space(at); *at != '\0'; at++) {
        if (*at == '"') {
            at = string_end(at + 1);
            if (at == NULL) return NULL;
        } else if (*at == '[' || *at == '{') {
            depth++;
        } else if (*at == ']' || *at == '}') {
            if (depth == 0) return at; // of what surrounds a number
            depth--;
        } else if (*at == ',' && depth == 0) {
            return at;
        } else {
            continue;
        }
        if (depth == 0) return at + 1;
    }
    return NULL;
}

// The value of a member of the object that starts at `at`, NULL: it has none of that name.
static const char *member(const char *at, const char *name)
{
    if (at == NULL) return NULL;
    at = skip_space(at);
    size_t length = strlen(name);
    if (*at != '{') return NULL;
    for (at = skip_space(at + 1); *at == '"'; at = skip_space(at + 1)) {
        const char *key = at + 1, *end = string_end(key);
        if (end == NULL) return NULL;
        at = skip_space(end + 1);
        if (*at != ':') return NULL;
        at = skip_space(at + 1);
        if ((size_t)(end - key) == length && memcmp(key, name, length) == 0) return at;
        at = skip_value(at);
        if (at == NULL) return NULL;
        at = skip_space(at);
        if (*at != ',') return NULL;
    }
    return NULL;
}

// The next string of an array; *at: behind the bracket or the one before. NULL: there is none.
static const char *next_string(const char **at, size_t *length)
{
    const char *c = skip_space(*at);
    if (*c == ',') c = skip_space(c + 1);
    if (*c != '"') return NULL;
    const char *end = string_end(c + 1);
    if (end == NULL) return NULL;
    *at = end + 1;
    *length = (size_t)(end - c - 1);
    return c + 1;
}

static const char *array(const char *at)
{
    if (at == NULL) return NULL;
    at = skip_space(at);
    return *at == '[' ? at + 1 : NULL;
}

// ---- The parts of a snapshot --------------------------------------------------------------------

static bool read_fields(struct cli_snapshot *snapshot, const char *fields)
{
    snapshot->at_type = snapshot->at_name = snapshot->at_bytes = SIZE_MAX;
    size_t length;
    const char *name;
    while (fields != NULL && (name = next_string(&fields, &length)) != NULL) {
        if (length == 4 && memcmp(name, "type", 4) == 0) snapshot->at_type = snapshot->width;
        if (length == 4 && memcmp(name, "name", 4) == 0) snapshot->at_name = snapshot->width;
        if (length == 9 && memcmp(name, "self_size", 9) == 0) snapshot->at_bytes = snapshot->width;
        snapshot->width++;
    }
    return snapshot->at_type != SIZE_MAX && snapshot->at_name != SIZE_MAX &&
           snapshot->at_bytes != SIZE_MAX;
}

// The first of node_types is the array of names.
static bool read_types(struct cli_snapshot *snapshot, const char *types)
{
    const char *names = array(types);
    size_t length;
    const char *name;
    while (names != NULL && (name = next_string(&names, &length)) != NULL) {
        if (snapshot->type_count == CLI_NODE_TYPES_MAX) return false;
        char *out = snapshot->types[snapshot->type_count++];
        if (length >= CLI_TYPE_BYTES) length = CLI_TYPE_BYTES - 1;
        memcpy(out, name, length);
        out[length] = '\0';
    }
    return snapshot->type_count > 0;
}

// The number at the digits of *at, which moves behind them; UINT64_MAX when it is greater.
static uint64_t read_number(const char **at)
{
    uint64_t number = 0;
    for (; **at >= '0' && **at <= '9'; ++*at) {
        uint64_t digit = (uint64_t)(**at - '0');
        bool has_room = !__builtin_mul_overflow(number, 10, &number);
        if (!has_room || __builtin_add_overflow(number, digit, &number)) number = UINT64_MAX;
    }
    return number;
}

// Numbers between `at` and the bracket that ends them; SIZE_MAX: it is no array of numbers.
static size_t read_numbers(const char *at, uint64_t *out)
{
    size_t count = 0;
    for (at = skip_space(at); *at >= '0' && *at <= '9'; at = skip_space(at + 1)) {
        uint64_t number = read_number(&at);
        if (out != NULL) out[count] = number;
        count++;
        at = skip_space(at);
        if (*at != ',') break;
    }
    return *at == ']' ? count : SIZE_MAX;
}

static bool read_nodes(struct cli_snapshot *snapshot, const char *nodes)
{
    if (nodes == NULL) return false;
    size_t count = read_numbers(nodes, NULL);
    if (count == SIZE_MAX || count == 0 || count % snapshot->width != 0) return false;
    snapshot->nodes = calloc(count, sizeof *snapshot->nodes);
    if (snapshot->nodes == NULL) return false;
    (void)read_numbers(nodes, snapshot->nodes);
    snapshot->node_count = count / snapshot->width;
    return true;
}

static bool read_strings(struct cli_snapshot *snapshot, const char *strings)
{
    if (strings == NULL) return false;
    size_t length;
    const char *at = strings;
    while (next_string(&at, &length) != NULL) {
        snapshot->string_count++;
    }
    if (*skip_space(at) != ']') return false;
    snapshot->strings = calloc(snapshot->string_count + 1, sizeof *snapshot->strings);
    if (snapshot->strings == NULL) return false;
    at = strings;
    for (size_t i = 0; i < snapshot->string_count; i++) {
        snapshot->strings[i] = next_string(&at, &length);
    }
    return true;
}

static bool is_consistent(const struct cli_snapshot *snapshot)
{
    for (size_t i = 0; i < snapshot->node_count; i++) {
        const uint64_t *node = cli_node(snapshot, i);
        if (node[snapshot->at_type] >= snapshot->type_count) return false;
        if (node[snapshot->at_name] >= snapshot->string_count) return false;
        if (node[snapshot->at_bytes] > INT64_MAX / 2 / snapshot->node_count) return false;
    }
    return true;
}

static bool read_parts(struct cli_snapshot *snapshot, const char *path)
{
    const char *text = snapshot->text;
    const char *meta = member(member(text, "snapshot"), "meta");
    if (meta == NULL) return complain(path, "no 'snapshot' with 'meta'");
    if (!read_fields(snapshot, array(member(meta, "node_fields"))))
        return complain(path, "'node_fields' lacks type, name or self_size");
    if (!read_types(snapshot, array(member(meta, "node_types"))))
        return complain(path, "'node_types' has no names");
    if (!read_nodes(snapshot, array(member(text, "nodes"))))
        return complain(path, "'nodes' is not whole");
    if (!read_strings(snapshot, array(member(text, "strings"))))
        return complain(path, "'strings' is not whole");
    if (!is_consistent(snapshot)) return complain(path, "a node names what is not there");
    return true;
}

bool cli_snapshot_load(struct cli_snapshot *snapshot, const char *path)
{
    *snapshot = (struct cli_snapshot){0};
    if (load_text(snapshot, path) && read_parts(snapshot, path)) return true;
    cli_snapshot_free(snapshot);
    return false;
}

void cli_snapshot_free(struct cli_snapshot *snapshot)
{
    free(snapshot->text);
    free(snapshot->nodes);
    free(snapshot->strings);
    *snapshot = (struct cli_snapshot){0};
}

// ---- Nodes --------------------------------------------------------------------------------------

const uint64_t *cli_node(const struct cli_snapshot *snapshot, size_t index)
{
    return index < snapshot->node_count ? snapshot->nodes + index * snapshot->width : NULL;
}

const char *cli_node_type(const struct cli_snapshot *snapshot, const uint64_t *node)
{
    return snapshot->types[node[snapshot->at_type]];
}

uint64_t cli_node_bytes(const struct cli_snapshot *snapshot, const uint64_t *node)
{
    return node[snapshot->at_bytes];
}

void cli_node_name(const struct cli_snapshot *snapshot, const uint64_t *node, char *out,
                   size_t out_bytes)
{
    const char *from = snapshot->strings[node[snapshot->at_name]];
    size_t length = (size_t)(string_end(from) - from);
    if (length >= out_bytes) length = out_bytes - 1;
    memcpy(out, from, length);
    out[length] = '\0';
}
