// cli/heap_diff.c - `zvm heap-diff`: what grew between two heap snapshots.
//
// Owns: the texts and tables of one comparison. Thread: main.
// How: objects are put together by the type and the name of their nodes, numbers in names left out
// (list(3) and list(4) are both list), and strings all together. A snapshot is read by one pass over
// its text that knows just enough JSON: it keeps where the arrays `nodes` and `strings` are. Any
// snapshot of this form can be compared, also of another program.
#include "cli/commands.h"
#include "cli/message.h"
#include "cli/snapshot_file.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROWS_SHOWN_MAX 40
#define NAME_BYTES_MAX 60

struct row {
    char *name; // "object Session"
    int64_t count[2], bytes[2];
};

struct rows {
    struct row *items; // [capacity], open addressing; name NULL: free
    size_t count, capacity;
};

// ---- Rows -------------------------------------------------------------------------------------

static struct row *row_place(const struct rows *rows, const char *name)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (const char *c = name; *c != '\0'; c++) {
        hash = (hash ^ (unsigned char)*c) * UINT64_C(0x100000001b3);
    }
    size_t at = (size_t)(hash ^ hash >> 32) & (rows->capacity - 1);
    while (rows->items[at].name != NULL && strcmp(rows->items[at].name, name) != 0) {
        at = (at + 1) & (rows->capacity - 1);
    }
    return &rows->items[at];
}

static bool grow_rows(struct rows *rows)
{
    struct rows wider = {.capacity = rows->capacity == 0 ? 256 : rows->capacity * 2,
                         .count = rows->count};
    wider.items = calloc(wider.capacity, sizeof *wider.items);
    if (wider.items == NULL) return false;
    for (size_t i = 0; i < rows->capacity; i++) {
        if (rows->items[i].name == NULL) continue;
        *row_place(&wider, rows->items[i].name) = rows->items[i];
    }
    free(rows->items);
    *rows = wider;
    return true;
}

// NULL: no memory.
static struct row *find_row(struct rows *rows, const char *name)
{
    if (rows->count >= rows->capacity / 2 && !grow_rows(rows)) return NULL;
    struct row *row = row_place(rows, name);
    if (row->name != NULL) return row;
    row->name = strdup(name);
    if (row->name == NULL) return NULL;
    rows->count++;
    return row;
}

static void free_rows(struct rows *rows)
{
    for (size_t i = 0; i < rows->capacity; i++)
        free(rows->items[i].name);
    free(rows->items);
}

// ---- Reading a snapshot -----------------------------------------------------------------------

// "list(3)" is "list", a string's text is left out.
static void name_of(const struct cli_snapshot *snapshot, const uint64_t *node, char *out)
{
    const char *type = cli_node_type(snapshot, node);
    if (strcmp(type, "string") == 0) {
        (void)snprintf(out, NAME_BYTES_MAX, "string");
        return;
    }
    char name[NAME_BYTES_MAX];
    cli_node_name(snapshot, node, name, sizeof name);
    size_t length = strlen(name);
    char *open = strrchr(name, '(');
    bool is_counted = open != NULL && open != name && name[length - 1] == ')';
    if (is_counted && strspn(open + 1, "0123456789") == strlen(open + 1) - 1) *open = '\0';
    (void)snprintf(out, NAME_BYTES_MAX, "%.20s %.36s", type, name);
}

static bool add_snapshot(struct rows *rows, const char *path, int which)
{
    struct cli_snapshot snapshot;
    if (!cli_snapshot_load(&snapshot, path)) return false;
    bool ok = true;
    const uint64_t *node;
    for (size_t i = 0; ok && (node = cli_node(&snapshot, i)) != NULL; i++) {
        if (strcmp(cli_node_type(&snapshot, node), "synthetic") == 0) continue;
        char name[NAME_BYTES_MAX];
        name_of(&snapshot, node, name);
        struct row *row = find_row(rows, name);
        if (row == NULL) {
            cli_complain("%s: no memory to compare it", path);
            ok = false;
            break;
        }
        row->count[which]++;
        row->bytes[which] += (int64_t)cli_node_bytes(&snapshot, node);
    }
    cli_snapshot_free(&snapshot);
    return ok;
}

// ---- Printing ---------------------------------------------------------------------------------

static int compare_rows(const void *left, const void *right)
{
    const struct row *a = left, *b = right;
    if (a->name == NULL || b->name == NULL) return (a->name == NULL) - (b->name == NULL);
    int64_t growth_a = a->bytes[1] - a->bytes[0], growth_b = b->bytes[1] - b->bytes[0];
    if (growth_a != growth_b) return growth_a < growth_b ? 1 : -1;
    return strcmp(a->name, b->name);
}

static void add_line(FILE *out, const struct row *row, const char *name)
{
    fprintf(out, "%+14" PRId64 " %+11" PRId64 " %14" PRId64 " %14" PRId64 "  %s\n",
            row->bytes[1] - row->bytes[0], row->count[1] - row->count[0], row->bytes[0],
            row->bytes[1], name);
}

static int print_rows(struct rows *rows)
{
    char *text = NULL;
    size_t text_bytes = 0;
    FILE *out = open_memstream(&text, &text_bytes);
    if (out == NULL) {
        cli_complain("no memory to print");
        return CLI_EXIT_FAILED;
    }
    qsort(rows->items, rows->capacity, sizeof *rows->items, compare_rows);
    fprintf(out, "%14s %11s %14s %14s  %s\n", "GROWTH", "OBJECTS", "BEFORE", "AFTER", "WHAT");
    struct row sum = {0};
    size_t shown = 0, same = 0;
    for (size_t i = 0; i < rows->count; i++) {
        const struct row *row = &rows->items[i];
        for (int k = 0; k < 2; k++) {
            sum.bytes[k] += row->bytes[k];
            sum.count[k] += row->count[k];
        }
        bool is_same = row->bytes[0] == row->bytes[1] && row->count[0] == row->count[1];
        same += is_same;
        if (!is_same && shown++ < ROWS_SHOWN_MAX) add_line(out, row, row->name);
    }
    add_line(out, &sum, "all");
    if (shown > ROWS_SHOWN_MAX) fprintf(out, "%zu more kinds changed\n", shown - ROWS_SHOWN_MAX);
    if (same > 0) fprintf(out, "%zu kinds are as they were\n", same);
    bool ok = fclose(out) == 0;
    int exit_status = ok ? cli_print(text) : CLI_EXIT_FAILED;
    free(text);
    return exit_status;
}

int cli_command_heap_diff(int word_count, char **words)
{
    if (word_count > 0 && cli_is_help(words[0])) return cli_help_print("heap-diff");
    if (word_count != 2) {
        cli_complain("heap-diff needs two snapshots; write 'zvm heap-diff A.heapsnapshot "
                     "B.heapsnapshot'");
        return CLI_EXIT_NOTHING;
    }
    struct rows rows = {0};
    int exit_status = CLI_EXIT_NOTHING;
    if (!grow_rows(&rows)) {
        cli_complain("no memory to start");
    } else if (add_snapshot(&rows, words[0], 0) && add_snapshot(&rows, words[1], 1)) {
        exit_status = print_rows(&rows);
    }
    free_rows(&rows);
    return exit_status;
}
