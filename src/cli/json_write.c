// cli/json_write.c - a value of an isolate becomes a text of JSON.
//
// Owns: nothing. Thread: the isolate's owner, one of the command's. No recursion: what is being written is a
// stack of levels, each with a scope of its own, so the references at a time are as many as levels. A value
// that holds itself ends at the deepest level, and one that holds the same list again and again at the limit
// of bytes: so what a small heap can say stays small.
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

// A string that does not fit is not even begun.
static bool add_text(struct cli_json_writer *writer, const zvm_value *value)
{
    if (value->length_bytes > writer->end - writer->out->length)
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
        return is_wrong(writer, "a function, task, error, isolate or host object is no value of JSON");
    }
}

// ---- Values with parts ----------------------------------------------------------------------------

static bool open_level(struct cli_json_writer *writer, zvm_scope scope, zvm_ref ref)
{
    struct cli_json_open level = {.scope = scope, .ref = ref};
    if (writer->depth == CLI_JSON_DEPTH_MAX)
        return is_wrong(writer, "the result is nested deeper than 512, or holds itself");
    if (!is_ok(writer, zvm_ref_kind(writer->isolate, ref, &level.kind))) return false;
    bool is_list = level.kind == ZVM_KIND_LIST;
    if (!is_list && level.kind != ZVM_KIND_MAP && level.kind != ZVM_KIND_DATA)
        return is_wrong(writer, "a function, task, error, isolate or host object is no value of JSON");
    writer->levels[writer->depth++] = level;
    return has_memory(writer, cli_buffer_add_char(writer->out, is_list ? '[' : '{'));
}

static bool close_level(struct cli_json_writer *writer)
{
    const struct cli_json_open *level = &writer->levels[--writer->depth];
    char bracket = level->kind == ZVM_KIND_LIST ? ']' : '}';
    if (!has_memory(writer, cli_buffer_add_char(writer->out, bracket))) return false;
    return level->scope == 0 || is_ok(writer, zvm_scope_close(writer->isolate, level->scope));
}

// Keys of JSON are strings: an integer is written as one.
static bool add_key(struct cli_json_writer *writer, const zvm_value *key)
{
    if (key->kind == ZVM_VALUE_STRING) return add_text(writer, key) && add_word(writer, ":");
    return add_word(writer, "\"") && add_number(writer, key) && add_word(writer, "\":");
}

// The next part: its value, or with `ref` a reference to it. key: kind NULL where there is none.
static zvm_status next_part(struct cli_json_writer *writer, struct cli_json_open *level,
                            zvm_value *key, zvm_value *value, zvm_ref *ref)
{
    const char *name = NULL;
    zvm_status status;
    key->kind = ZVM_VALUE_NULL;
    if (level->kind == ZVM_KIND_MAP)
        return zvm_ref_next_entry(writer->isolate, level->ref, &level->position, key, value, ref);
    if (level->kind == ZVM_KIND_LIST)
        status = zvm_ref_item(writer->isolate, level->ref, level->position, value, ref);
    else
        status = zvm_ref_field(writer->isolate, level->ref, level->position, &name, value, ref);
    if (status != ZVM_OK) return status;
    level->position++;
    if (name != NULL)
        *key = (zvm_value){.kind = ZVM_VALUE_STRING, .text = name, .length_bytes = strlen(name)};
    return ZVM_OK;
}

// The part that was just met has parts: it is met again, for a reference to it.
static bool open_part(struct cli_json_writer *writer, struct cli_json_open *level, uint64_t before)
{
    zvm_scope scope;
    zvm_ref ref;
    zvm_value key;
    if (!is_ok(writer, zvm_scope_open(writer->isolate, &scope))) return false;
    level->position = before;
    if (!is_ok(writer, next_part(writer, level, &key, NULL, &ref))) return false;
    return open_level(writer, scope, ref);
}

// The next part of the innermost level, or its end.
static bool write_part(struct cli_json_writer *writer)
{
    struct cli_json_open *level = &writer->levels[writer->depth - 1];
    zvm_value key, value;
    uint64_t before = level->position;
    zvm_status status = next_part(writer, level, &key, &value, NULL);
    if (status == ZVM_E_NOT_FOUND) return close_level(writer);
    if (!is_ok(writer, status)) return false;
    if (before != 0 && !add_word(writer, ",")) return false;
    if (key.kind != ZVM_VALUE_NULL && !add_key(writer, &key)) return false;
    if (value.kind == ZVM_VALUE_OTHER) return open_part(writer, level, before);
    return add_scalar(writer, &value);
}

bool cli_json_write(struct cli_json_writer *writer, zvm_isolate *isolate, zvm_ref ref, size_t limit,
                    struct cli_buffer *out)
{
    writer->isolate = isolate;
    writer->out = out;
    writer->end = out->length + limit;
    writer->depth = 0;
    writer->problem = NULL;
    zvm_value value;
    if (!is_ok(writer, zvm_ref_value(isolate, ref, &value))) return false;
    if (value.kind != ZVM_VALUE_OTHER) return add_scalar(writer, &value);
    if (!open_level(writer, 0 /* the caller's scope */, ref)) return false;
    while (writer->depth > 0) {
        if (!write_part(writer)) return false;
        if (out->length > writer->end)
            return is_wrong(writer, "the result is longer than a line may be");
    }
    return true;
}
