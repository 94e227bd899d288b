// cli/json_write.c - a value of an isolate becomes a text of JSON.
//
// Owns: nothing. Thread: the isolate's owner, one of the command's. No recursion: zvm_ref_walk tells one part after
// the other. A value that holds itself ends at the deepest level, and one that holds the same list again and again
// at the limit of bytes: so what a small heap can say stays small.
// Numbers are written as the language prints them; inf and nan are no numbers of JSON.
#include "cli/json_write.h"

#include <math.h>

static bool is_wrong(struct cli_json_writer *writer, const char *problem)
{
    writer->problem = problem;
    return false;
}

static bool is_ok(struct cli_json_writer *writer, zvm_status status)
{
    writer->status = status;
    return status == ZVM_OK;
}

static bool has_memory(struct cli_json_writer *writer, bool ok)
{
    return is_ok(writer, ok ? ZVM_OK : ZVM_E_NOMEM);
}

// ---- Strings --------------------------------------------------------------------------------------

static inline bool is_plain(char c)
{
    return c != '"' && c != '\\' && (unsigned char)c >= 0x20;
}

static bool add_escape(struct cli_buffer *out, char c)
{
    static const char hex[] = "0123456789abcdef", letters[] = "btn_fr";
    char text[6] = {'\\', c, '0', '0', 0, 0};
    if (c == '"' || c == '\\') return cli_buffer_add(out, text, 2);
    if (c >= '\b' && c <= '\r' && c != '\v') {
        text[1] = letters[c - '\b'];
        return cli_buffer_add(out, text, 2);
    }
    text[1] = 'u';
    text[4] = hex[(unsigned char)c >> 4];
    text[5] = hex[c & 15];
    return cli_buffer_add(out, text, 6);
}

bool cli_json_add_string(struct cli_buffer *out, const char *text, size_t length)
{
    const char *end = text + length;
    if (!cli_buffer_reserve(out, length + 2)) return false;
    out->data[out->length++] = '"';
    while (text < end) {
        const char *start = text;
        while (text < end && is_plain(*text))
            text++;
        if (!cli_buffer_add(out, start, (size_t)(text - start))) return false;
        if (text < end && !add_escape(out, *text++)) return false;
    }
    return cli_buffer_add_char(out, '"');
}

// ---- Values without parts -------------------------------------------------------------------------

static bool add_number(struct cli_json_writer *writer, const zvm_value *value)
{
    if (value->kind == ZVM_VALUE_FLOAT && !isfinite(value->number))
        return is_wrong(writer, isnan(value->number) ? "nan is no number of JSON"
                                                     : "inf is no number of JSON");
    size_t length;
    if (!has_memory(writer, cli_buffer_reserve(writer->out, ZVM_NUMBER_TEXT_MAX))) return false;
    char *at = writer->out->data + writer->out->length;
    if (!is_ok(writer, zvm_number_text(value, at, &length))) return false;
    writer->out->length += length;
    return true;
}

static bool add_word(struct cli_json_writer *writer, const char *word)
{
    return has_memory(writer, cli_buffer_add(writer->out, word, strlen(word)));
}

// A string that does not fit is not even begun; at most a comma and a key can be beyond the end.
static bool add_text(struct cli_json_writer *writer, const zvm_value *value)
{
    size_t length = writer->out->length;
    if (length > writer->end || value->length_bytes > writer->end - length)
        return is_wrong(writer, "the result is longer than a line may be");
    return has_memory(writer, cli_json_add_string(writer->out, value->text, value->length_bytes));
}

static bool add_scalar(struct cli_json_writer *writer, const zvm_value *value)
{
    switch (value->kind) {
    case ZVM_VALUE_NULL:
        return add_word(writer, "null");
    case ZVM_VALUE_BOOL:
        return add_word(writer, value->boolean ? "true" : "false");
    case ZVM_VALUE_INT:
    case ZVM_VALUE_FLOAT:
        return add_number(writer, value);
    case ZVM_VALUE_STRING:
        return add_text(writer, value);
    case ZVM_VALUE_HOST:
    case ZVM_VALUE_OTHER:
    default:
        return is_wrong(writer,
                        "a function, task, error, isolate or host object is no value of JSON");
    }
}

// ---- Values with parts ----------------------------------------------------------------------------

// Keys of JSON are strings: an integer is written as one.
static bool add_key(struct cli_json_writer *writer, const zvm_value *key)
{
    if (key->kind == ZVM_VALUE_STRING)
        return add_text(writer, key) && has_memory(writer, cli_buffer_add_char(writer->out, ':'));
    return add_word(writer, "\"") && add_number(writer, key) && add_word(writer, "\":");
}

// What stands in front of a value: a comma, a key.
static bool begin_value(struct cli_json_writer *writer, const zvm_part *part)
{
    bool is_first = writer->is_first;
    writer->is_first = false;
    if (!is_first && !has_memory(writer, cli_buffer_add_char(writer->out, ','))) return false;
    bool has_key = writer->depth > 0 && !writer->is_list[writer->depth - 1];
    return !has_key || add_key(writer, &part->key);
}

static bool open_level(struct cli_json_writer *writer, bool is_list)
{
    writer->is_list[writer->depth++] = is_list;
    writer->is_first = true;
    return has_memory(writer, cli_buffer_add_char(writer->out, is_list ? '[' : '{'));
}

static bool close_level(struct cli_json_writer *writer)
{
    bool is_list = writer->is_list[--writer->depth];
    writer->is_first = false;
    return has_memory(writer, cli_buffer_add_char(writer->out, is_list ? ']' : '}'));
}

static bool add_part(struct cli_json_writer *writer, const zvm_part *part)
{
    if (part->kind == ZVM_PART_END) return close_level(writer);
    if (!begin_value(writer, part)) return false;
    if (part->kind == ZVM_PART_VALUE) return add_scalar(writer, &part->value);
    return open_level(writer, part->kind == ZVM_PART_LIST);
}

// A zvm_tell_part_fn; context: the writer.
static bool tell_part(void *context, const zvm_part *part)
{
    struct cli_json_writer *writer = context;
    if (!add_part(writer, part)) return false;
    return writer->out->length <= writer->end ||
           is_wrong(writer, "the result is longer than a line may be");
}

bool cli_json_write(struct cli_json_writer *writer, zvm_isolate *isolate, zvm_ref ref, size_t limit,
                    struct cli_buffer *out)
{
    writer->out = out;
    writer->end = out->length + limit;
    writer->depth = 0;
    writer->is_first = true;
    writer->problem = NULL;
    writer->status = ZVM_OK;
    zvm_status status = zvm_ref_walk(isolate, ref, CLI_JSON_DEPTH_MAX, tell_part, writer);
    if (status == ZVM_OK) return true;
    if (status == ZVM_E_LIMIT)
        writer->problem = "the result is nested deeper than 512, or holds itself";
    if (status != ZVM_E_OUTPUT) writer->status = status;
    return false;
}
