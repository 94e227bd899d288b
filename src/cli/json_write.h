// cli/json_write.h - a value of an isolate becomes a text of JSON, without a tree in between.
#ifndef ZVM_CLI_JSON_WRITE_H
#define ZVM_CLI_JSON_WRITE_H

#include "cli/buffer.h"
#include "cli/json_read.h"
#include "zvm.h"

// What a thread writes with, again and again.
struct cli_json_writer {
    struct cli_buffer *out;
    size_t end; // the text may not go on beyond
    uint32_t depth;
    bool is_list[CLI_JSON_DEPTH_MAX];
    bool is_first;       // of the innermost, rather than behind a value
    const char *problem; // why the value has no such text; NULL: status says
    zvm_status status;
};

// Appends what `ref` names in one line, at most limit bytes, to out. false: problem or status says why, and what
// was appended is no JSON.
bool cli_json_write(struct cli_json_writer *writer, zvm_isolate *isolate, zvm_ref ref, size_t limit,
                    struct cli_buffer *out);

// Appends a JSON string of a text, which is UTF-8. false: no memory.
bool cli_json_add_string(struct cli_buffer *out, const char *text, size_t length);

#endif // ZVM_CLI_JSON_WRITE_H
