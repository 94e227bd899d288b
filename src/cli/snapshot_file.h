// cli/snapshot_file.h - reads heap snapshots: JSON with arrays of numbers `nodes` and of `strings`.
#ifndef ZVM_CLI_SNAPSHOT_FILE_H
#define ZVM_CLI_SNAPSHOT_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CLI_NODE_TYPES_MAX = 32, CLI_TYPE_BYTES = 24 };

struct cli_snapshot {
    char *text; // [text_bytes], the file, with a NUL behind it
    size_t text_bytes;
    uint64_t *nodes; // [node_count][width]
    size_t node_count, width;
    const char **strings; // [string_count], where each begins in the text, behind its quote
    size_t string_count;
    size_t at_type, at_name, at_bytes; // fields of a node
    char types[CLI_NODE_TYPES_MAX][CLI_TYPE_BYTES];
    size_t type_count;
};

// false: it has complained, in one line.
bool cli_snapshot_load(struct cli_snapshot *snapshot, const char *path);
void cli_snapshot_free(struct cli_snapshot *snapshot);

// Node `index`, or NULL beyond the last. Every number of it that is an index is one.
const uint64_t *cli_node(const struct cli_snapshot *snapshot, size_t index);
const char *cli_node_type(const struct cli_snapshot *snapshot, const uint64_t *node);
uint64_t cli_node_bytes(const struct cli_snapshot *snapshot, const uint64_t *node);
// The name as it is written in the file, escapes too, cut to out_bytes - 1.
void cli_node_name(const struct cli_snapshot *snapshot, const uint64_t *node, char *out,
                   size_t out_bytes);

#endif // ZVM_CLI_SNAPSHOT_FILE_H
