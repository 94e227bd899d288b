// cli/json_read.h - a text of JSON becomes a value in an isolate, without a tree in between.
#ifndef ZVM_CLI_JSON_READ_H
#define ZVM_CLI_JSON_READ_H

#include "cli/buffer.h"
#include "zvm.h"

#define CLI_JSON_DEPTH_MAX 512u

// One object or array that is open.
struct cli_json_level {
    uint32_t count; // of values in it so far
    bool is_map;
};

// What a thread reads with, again and again.
struct cli_json_reader {
    const char *start, *at, *end; // of the text
    struct cli_buffer text, key;  // strings without their escapes
    struct cli_json_level levels[CLI_JSON_DEPTH_MAX];
    uint8_t guesses[CLI_JSON_DEPTH_MAX]
                   [2]; // how many values the last array and object of this depth had
    uint32_t depth;
    bool is_behind;      // a value, rather than an opening bracket
    const char *problem; // what is wrong with the text; NULL: nothing
    zvm_status status;   // of the isolate, when that refused; ZVM_OK: it did not
};

// A reference in the innermost scope of the isolate to what text [length] says. The text is not NUL-terminated,
// but its end may be read: [length] is no digit and no letter. false: problem, at `at`, or status says why;
// the references that were made go with the scope.
bool cli_json_read(struct cli_json_reader *reader, zvm_isolate *isolate, const char *text,
                   size_t length, zvm_ref *out);
void cli_json_reader_free(struct cli_json_reader *reader);

#endif // ZVM_CLI_JSON_READ_H
