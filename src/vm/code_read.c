// vm/code_read.c - a code object from bytes that nobody vouches for. The layout: vm/code_format.h.
//
// Owns: the half-made code object and the table of its texts, for one call. Thread: any.
// Invariants:  1. nothing is read beyond the bytes; every number is checked when it is read.
//              2. memory is asked for only after the bytes that fill it are known to be there: every
//                 element of a table takes at least a byte of the file, so what is allocated is at
//                 most a small multiple of the file's length.
//              3. only canonical files are read: sections in order, nothing left over.
// What the numbers in the instructions mean is the verifier's to check; a code object made here has
// passed it.
#include "vm/code_format.h"

#include "base/alloc.h"
#include "base/strbuf.h"
#include "base/utf8.h"
#include "base/varint.h"
#include "vm/builtin.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define GLOBALS_MAX   65535u
#define FUNCTIONS_MAX 65535u
#define WORDS_MAX     (1u << 22) // of a function: a jump's distance has 24 signed bits
#define CONSTANTS_MAX 65536u
#define DATAS_MAX     65535u

struct code_reader {
    const uint8_t *start, *next, *end; // end: of the section, or of the body
    struct zcode *code;
    const struct zstring **texts; // [text_count], a reference to each
    uint32_t text_count;
    uint64_t word_count; // of all functions
    zvm_status status;   // sticks
    char *why;
    size_t why_bytes;
};

// ---- Reading ----------------------------------------------------------------------------------

__attribute__((format(printf, 2, 3))) static bool refuse(struct code_reader *reader,
                                                         const char *format, ...)
{
    if (reader->status != ZVM_OK) return false;
    reader->status = ZVM_E_FORMAT;
    int used = snprintf(reader->why, reader->why_bytes,
                        "byte %zu: ", (size_t)(reader->next - reader->start));
    if (used < 0 || (size_t)used >= reader->why_bytes) return false;
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(reader->why + used, reader->why_bytes - (size_t)used, format, arguments);
    va_end(arguments);
    return false;
}

static bool fail(struct code_reader *reader, zvm_status status)
{
    if (reader->status == ZVM_OK) reader->status = status;
    return false;
}

static size_t left(const struct code_reader *reader)
{
    return (size_t)(reader->end - reader->next);
}

// A number of at most `most`. 0 after a failure.
static uint64_t read_number(struct code_reader *reader, uint64_t most, const char *what)
{
    uint64_t value;
    if (reader->status != ZVM_OK) return 0;
    size_t step = zvarint_read(reader->next, left(reader), &value);
    if (step == 0) {
        (void)refuse(reader, "%s is cut off", what);
        return 0;
    }
    if (value > most) {
        (void)refuse(reader, "%s is %llu, more than %llu", what, (unsigned long long)value,
                     (unsigned long long)most);
        return 0;
    }
    reader->next += step;
    return value;
}

// How many elements follow, of at least `least_bytes` each: never more than there are bytes for.
static uint32_t read_count(struct code_reader *reader, uint64_t most, size_t least_bytes,
                           const char *what)
{
    uint64_t count = read_number(reader, most, what);
    if (count <= left(reader) / least_bytes) return (uint32_t)count;
    (void)refuse(reader, "%s is %llu, more than the bytes behind it hold", what,
                 (unsigned long long)count);
    return 0;
}

// count elements of `bytes` in memory, zeroed; NULL when there are none, or after a failure.
static void *make_table(struct code_reader *reader, size_t count, size_t bytes)
{
    size_t total;
    if (reader->status != ZVM_OK || count == 0) return NULL;
    void *table = z_size_multiply(count, bytes, &total) ? z_alloc_zeroed(total) : NULL;
    if (table == NULL) (void)fail(reader, ZVM_E_NOMEM);
    return table;
}

static const struct zstring *read_text(struct code_reader *reader, const char *what)
{
    uint64_t number = read_number(reader, UINT32_MAX, what);
    if (reader->status != ZVM_OK) return NULL;
    if (number >= reader->text_count) {
        (void)refuse(reader, "%s is text %llu of %u", what, (unsigned long long)number,
                     reader->text_count);
        return NULL;
    }
    zintern_retain(reader->code->intern, reader->texts[number]);
    return reader->texts[number];
}

// For a text that may be missing: 0, or the number of one and 1.
static const struct zstring *read_text_or_none(struct code_reader *reader, const char *what)
{
    uint64_t number = read_number(reader, UINT32_MAX, what);
    if (reader->status != ZVM_OK || number == 0) return NULL;
    if (number > reader->text_count) {
        (void)refuse(reader, "%s is out of range", what);
        return NULL;
    }
    zintern_retain(reader->code->intern, reader->texts[number - 1]);
    return reader->texts[number - 1];
}

// ---- Sections ---------------------------------------------------------------------------------

static bool read_texts(struct code_reader *reader)
{
    uint32_t count = read_count(reader, UINT32_MAX, 1, "the number of texts");
    reader->texts = make_table(reader, count, sizeof *reader->texts);
    if (reader->texts == NULL) return reader->status == ZVM_OK;
    reader->text_count = count;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t length = read_count(reader, ZINTERN_MAX_BYTES, 1, "a text's length");
        if (reader->status != ZVM_OK) return false;
        const char *text = (const char *)reader->next;
        if (!zutf8_is_valid(text, length, NULL)) return refuse(reader, "a text is not UTF-8");
        zvm_status status = zintern_acquire(reader->code->intern, text, length, &reader->texts[i]);
        if (status != ZVM_OK) return fail(reader, status);
        reader->next += length;
    }
    return true;
}

static bool read_file_name(struct code_reader *reader, struct zcode_file *out)
{
    uint32_t length = read_count(reader, INT_MAX, 1, "the file name's length");
    if (reader->status != ZVM_OK) return false;
    const char *text = (const char *)reader->next;
    if (!zutf8_is_valid(text, length, NULL)) return refuse(reader, "the file name is not UTF-8");
    if (memchr(text, 0, length) != NULL) return refuse(reader, "the file name has a zero in it");
    char *name = z_alloc_text(text, length);
    if (name == NULL) return fail(reader, ZVM_E_NOMEM);
    out->name = name;
    out->name_bytes = (size_t)length + 1;
    reader->next += length;
    return true;
}

static bool read_files(struct code_reader *reader)
{
    struct zcode *code = reader->code;
    struct zcode_file first = {0};
    if (!read_file_name(reader, &first)) return false;
    z_free(code->file_name, code->file_name_bytes);
    code->file_name = first.name;
    code->file_name_bytes = first.name_bytes;
    uint32_t count = read_count(reader, UINT16_MAX, 1, "the number of module files");
    code->files = make_table(reader, count, sizeof *code->files);
    if (code->files == NULL) return reader->status == ZVM_OK;
    code->file_count = count;
    for (uint32_t i = 0; i < count; i++) {
        if (!read_file_name(reader, &code->files[i])) return false;
    }
    return true;
}

static bool read_globals(struct code_reader *reader)
{
    struct zcode *code = reader->code;
    uint32_t count = read_count(reader, GLOBALS_MAX, 2, "the number of globals");
    uint64_t own_count = read_number(reader, count, "the number of the program's own globals");
    code->program_global_count = (uint32_t)own_count;
    code->globals = make_table(reader, count, sizeof *code->globals);
    code->global_flags = make_table(reader, count, 1);
    code->global_count = count;
    if (code->global_flags == NULL) return reader->status == ZVM_OK;
    for (uint32_t i = 0; i < count; i++) {
        code->globals[i] = read_text(reader, "a global's name");
        code->global_flags[i] = (uint8_t)read_number(reader, ZGLOBAL_CONST, "a global's flags");
    }
    return reader->status == ZVM_OK;
}

static bool read_caches(struct code_reader *reader)
{
    struct zcode *code = reader->code;
    uint64_t most = reader->word_count < ZCACHE_MAX + 1 ? reader->word_count : ZCACHE_MAX + 1;
    // zcode_seal makes them.
    code->cache_count = (uint32_t)read_number(reader, most, "the number of inline caches");
    return reader->status == ZVM_OK;
}

// ---- Functions --------------------------------------------------------------------------------

static void read_words(struct code_reader *reader, struct zproto *proto)
{
    uint32_t count = read_count(reader, WORDS_MAX, 4, "the number of instruction words");
    uint32_t *words = make_table(reader, count, sizeof *words);
    if (words == NULL) return;
    for (uint32_t i = 0; i < count; i++) {
        words[i] = (uint32_t)zformat_get(reader->next, 4);
        reader->next += 4;
    }
    proto->words = words;
    proto->word_count = count;
    proto->fuel = count;
    reader->word_count += count;
}

static struct zvalue read_float(struct code_reader *reader)
{
    if (left(reader) < 8) {
        (void)refuse(reader, "a float is cut off");
        return zvalue_null();
    }
    struct zvalue value = {.bits = zformat_get(reader->next, 8), .tag = ZTAG_FLOAT};
    reader->next += 8;
    return value;
}

static struct zvalue read_constant(struct code_reader *reader)
{
    switch ((enum zformat_constant)read_number(reader, ZFORMAT_BUILTIN, "a constant's kind")) {
    case ZFORMAT_INT:
        return zvalue_int(zvarint_unzigzag(read_number(reader, UINT64_MAX, "an integer")));
    case ZFORMAT_FLOAT:
        return read_float(reader);
    case ZFORMAT_NULL:
        return zvalue_null();
    case ZFORMAT_FALSE:
        return zvalue_bool(false);
    case ZFORMAT_TRUE:
        return zvalue_bool(true);
    case ZFORMAT_TEXT: {
        const struct zstring *text = read_text(reader, "a constant");
        return text == NULL ? zvalue_null() : zvalue_object(text, ZTAG_SYMBOL);
    }
    case ZFORMAT_BUILTIN:
        return zbuiltin_value((uint32_t)read_number(reader, zbuiltin_count - 1, "a builtin"));
    }
    return zvalue_null();
}

static void read_constants(struct code_reader *reader, struct zproto *proto)
{
    uint32_t count = read_count(reader, CONSTANTS_MAX, 1, "the number of constants");
    struct zvalue *constants = make_table(reader, count, sizeof *constants);
    if (constants == NULL) return;
    // A constant that is not read is the integer 0, which holds no reference.
    for (uint32_t i = 0; i < count && reader->status == ZVM_OK; i++) {
        constants[i] = read_constant(reader);
    }
    proto->constants = constants;
    proto->constant_count = count;
}

static void read_captures(struct code_reader *reader, struct zproto *proto)
{
    uint32_t count = read_count(reader, UINT16_MAX, 2, "the number of captures");
    struct zcapture *captures = make_table(reader, count, sizeof *captures);
    if (captures == NULL) return;
    for (uint32_t i = 0; i < count; i++) {
        captures[i].from_register = (uint8_t)read_number(reader, 1, "a capture's kind");
        captures[i].index = (uint16_t)read_number(reader, UINT16_MAX, "a capture");
    }
    proto->captures = captures;
    proto->capture_count = count;
}

static void read_handlers(struct code_reader *reader, struct zproto *proto)
{
    uint32_t count = read_count(reader, UINT32_MAX, 5, "the number of handlers");
    struct zhandler *handlers = make_table(reader, count, sizeof *handlers);
    if (handlers == NULL) return;
    for (uint32_t i = 0; i < count; i++) {
        handlers[i].start = (uint32_t)read_number(reader, UINT32_MAX, "a handler's start");
        handlers[i].end = (uint32_t)read_number(reader, UINT32_MAX, "a handler's end");
        handlers[i].target = (uint32_t)read_number(reader, UINT32_MAX, "a handler's target");
        handlers[i].value_register = (uint8_t)read_number(reader, 255, "a handler's register");
        handlers[i].is_finally = (uint8_t)read_number(reader, 1, "a handler's kind");
    }
    proto->handlers = handlers;
    proto->handler_count = count;
}

static void read_checks(struct code_reader *reader, struct zproto *proto)
{
    uint32_t count = read_count(reader, UINT16_MAX, 4, "the number of type checks");
    struct zcheck *checks = make_table(reader, count, sizeof *checks);
    if (checks == NULL) return;
    for (uint32_t i = 0; i < count; i++) {
        checks[i].type = (uint8_t)read_number(reader, ZCHECK_DATA, "a checked type");
        checks[i].context = (uint8_t)read_number(reader, ZCHECK_RESULT, "a check's context");
        checks[i].type_name = read_text(reader, "a type's name");
        checks[i].name = read_text(reader, "a checked name");
    }
    proto->checks = checks;
    proto->check_count = count;
}

static void read_lines(struct code_reader *reader, struct zproto *proto)
{
    uint32_t count = read_count(reader, UINT32_MAX, 1, "the length of the table of places");
    uint8_t *lines = make_table(reader, count, 1);
    if (lines == NULL) return;
    memcpy(lines, reader->next, count);
    reader->next += count;
    proto->lines = lines;
    proto->line_bytes = count;
}

// A line that is shown as it stands: [*length], at most `most`. NULL after a failure.
static const char *read_line(struct code_reader *reader, uint64_t most, uint32_t *length,
                             const char *what)
{
    *length = read_count(reader, most, 1, what);
    if (reader->status != ZVM_OK) return NULL;
    const char *text = (const char *)reader->next;
    bool is_good = zutf8_is_valid(text, *length, NULL);
    for (uint32_t i = 0; i < *length; i++) {
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f) is_good = false;
    }
    if (!is_good) {
        (void)refuse(reader, "%s: not a line of text", what);
        return NULL;
    }
    reader->next += *length;
    return text;
}

static void read_signature(struct code_reader *reader, struct zproto *proto)
{
    uint32_t length;
    const char *text = read_line(reader, INT_MAX, &length, "the length of the parameters");
    if (text == NULL || length == 0) return;
    proto->signature = z_alloc_text(text, length);
    if (proto->signature == NULL)
        (void)fail(reader, ZVM_E_NOMEM);
    else
        proto->signature_bytes = length + 1;
}

static bool read_hints(struct code_reader *reader)
{
    struct zcode *code = reader->code;
    uint32_t count = read_count(reader, code->global_count, 2, "the number of hints");
    code->hints = make_table(reader, count, sizeof *code->hints);
    if (code->hints == NULL) return reader->status == ZVM_OK;
    code->hint_count = count;
    for (uint32_t i = 0; i < count; i++) {
        struct zcode_hint *hint = &code->hints[i];
        uint32_t length;
        hint->slot = (uint32_t)read_number(reader, code->global_count - 1, "a hint's global");
        const char *text = read_line(reader, sizeof hint->text - 1, &length, "a hint's length");
        if (text == NULL) return false;
        memcpy(hint->text, text, length);
    }
    return true;
}

static bool read_function(struct code_reader *reader, struct zproto *proto)
{
    proto->name = read_text_or_none(reader, "a function's name");
    proto->is_method = (uint8_t)read_number(reader, 1, "a function's flags");
    proto->async_start = (uint32_t)read_number(reader, UINT32_MAX, "the start of a task's body");
    proto->file = (uint16_t)read_number(reader, UINT16_MAX, "a function's file");
    proto->param_count = (uint8_t)read_number(reader, UINT8_MAX, "the number of parameters");
    proto->register_count = (uint16_t)read_number(reader, UINT16_MAX, "the number of registers");
    read_words(reader, proto);
    read_constants(reader, proto);
    read_captures(reader, proto);
    read_handlers(reader, proto);
    read_checks(reader, proto);
    read_lines(reader, proto);
    read_signature(reader, proto);
    return reader->status == ZVM_OK;
}

static bool read_functions(struct code_reader *reader)
{
    struct zcode *code = reader->code;
    uint32_t count = read_count(reader, FUNCTIONS_MAX, 13, "the number of functions");
    code->protos = make_table(reader, count, sizeof *code->protos);
    if (code->protos == NULL) return reader->status == ZVM_OK;
    code->proto_count = count;
    for (uint32_t i = 0; i < count; i++) {
        code->protos[i].code = code;
        code->protos[i].index = i;
        if (!read_function(reader, &code->protos[i])) return false;
    }
    return true;
}

// ---- Data declarations ------------------------------------------------------------------------

static void read_field(struct code_reader *reader, struct zdata_field *field)
{
    field->check.context = ZCHECK_FIELD;
    field->check.type = (uint8_t)read_number(reader, ZCHECK_DATA, "a field's type");
    field->check.type_name = read_text_or_none(reader, "a field's type");
    field->check.name = read_text(reader, "a field's name");
    field->default_kind = (uint8_t)read_number(reader, ZFIELD_FUNCTION, "a field's default");
    field->value = zvalue_null();
    if (field->default_kind == ZFIELD_CONSTANT && reader->status == ZVM_OK)
        field->value = read_constant(reader);
}

static void read_fields(struct code_reader *reader, struct zdata *data)
{
    uint32_t count = read_count(reader, ZDATA_FIELDS_MAX, 4, "the number of fields");
    data->fields = make_table(reader, count, sizeof *data->fields);
    if (data->fields == NULL) return;
    data->field_count = count;
    for (uint32_t i = 0; i < count; i++) {
        read_field(reader, &data->fields[i]);
    }
}

static void read_methods(struct code_reader *reader, struct zdata *data)
{
    uint32_t count = read_count(reader, ZDATA_FUNCTIONS_MAX, 1, "the number of methods");
    data->methods = make_table(reader, count, sizeof *data->methods);
    if (data->methods == NULL) return;
    data->method_count = count;
    for (uint32_t i = 0; i < count; i++) {
        data->methods[i] = read_text(reader, "a method's name");
    }
}

static bool read_datas(struct code_reader *reader)
{
    struct zcode *code = reader->code;
    uint32_t count = read_count(reader, DATAS_MAX, 5, "the number of data declarations");
    code->datas = make_table(reader, count, sizeof *code->datas);
    if (code->datas == NULL) return reader->status == ZVM_OK;
    code->data_count = count;
    for (uint32_t i = 0; i < count && reader->status == ZVM_OK; i++) {
        struct zdata *data = &code->datas[i];
        data->index = i;
        data->name = read_text(reader, "a data declaration's name");
        data->has_parent = read_number(reader, 1, "whether there is a parent") != 0;
        data->function_count =
            (uint32_t)read_number(reader, ZDATA_FUNCTIONS_MAX, "the number of functions");
        read_fields(reader, data);
        read_methods(reader, data);
    }
    return reader->status == ZVM_OK;
}

// ---- The whole --------------------------------------------------------------------------------

static bool read_sections(struct code_reader *reader)
{
    static bool (*const sections[])(struct code_reader * reader) = {
        [ZFORMAT_TEXTS] = read_texts,     [ZFORMAT_FILE] = read_files,
        [ZFORMAT_GLOBALS] = read_globals, [ZFORMAT_FUNCTIONS] = read_functions,
        [ZFORMAT_DATAS] = read_datas,     [ZFORMAT_CACHES] = read_caches,
        [ZFORMAT_HINTS] = read_hints,
    };
    const uint8_t *body_end = reader->end;
    for (uint32_t number = 1; number < sizeof sections / sizeof sections[0]; number++) {
        uint64_t found = read_number(reader, UINT64_MAX, "a section's number");
        uint32_t length = read_count(reader, UINT32_MAX, 1, "a section's length");
        if (reader->status != ZVM_OK) return false;
        if (found != number) {
            return refuse(reader, "section %llu stands where %u belongs", (unsigned long long)found,
                          number);
        }
        reader->end = reader->next + length;
        if (!sections[number](reader)) return false;
        if (left(reader) > 0) return refuse(reader, "section %u has more than it says", number);
        reader->end = body_end;
    }
    return left(reader) == 0 || refuse(reader, "there is more behind the last section");
}

static bool check_head(struct code_reader *reader)
{
    const uint8_t *head = reader->start;
    size_t length = left(reader);
    if (!zcode_has_magic(head, length)) return refuse(reader, "not a compiled program");
    if (length < ZFORMAT_HEAD_BYTES) return refuse(reader, "cut off inside the head");
    if (zformat_get(head + 8, 4) != ZFORMAT_VERSION || zformat_get(head + 12, 4) != 0 ||
        zformat_get(head + 16, 8) != zformat_instruction_set()) {
        return refuse(reader, "compiled by another version of zvm; compile the source again");
    }
    uint64_t said = zformat_get(head + 24, 8);
    size_t body_bytes = length - ZFORMAT_HEAD_BYTES;
    reader->next += ZFORMAT_HEAD_BYTES;
    if (said != body_bytes) {
        return refuse(reader,
                      "%zu bytes follow the head, which says %llu: the file is cut off or "
                      "damaged",
                      body_bytes, (unsigned long long)said);
    }
    if (zformat_get(head + 32, 8) != zformat_digest(reader->next, body_bytes)) {
        return refuse(reader, "the digest does not fit: the file is damaged");
    }
    return true;
}

bool zcode_has_magic(const void *bytes, size_t length_bytes)
{
    return length_bytes >= 8 && memcmp(bytes, ZFORMAT_MAGIC, 8) == 0;
}

static void release_texts(struct code_reader *reader)
{
    for (uint32_t i = 0; i < reader->text_count; i++) {
        if (reader->texts[i] != NULL) zintern_release(reader->code->intern, reader->texts[i]);
    }
    z_free(reader->texts, reader->text_count * sizeof *reader->texts);
}

zvm_status zcode_read(struct zintern *intern, const void *bytes, size_t length_bytes, char *why,
                      size_t why_bytes, struct zcode **out)
{
    struct code_reader reader = {
        .start = bytes,
        .next = bytes,
        .end = (const uint8_t *)bytes + length_bytes,
        .why = why,
        .why_bytes = why_bytes,
    };
    why[0] = '\0';
    if (!check_head(&reader)) return reader.status;
    reader.code = zcode_create(intern, "");
    if (reader.code == NULL) return ZVM_E_NOMEM;
    (void)read_sections(&reader);
    release_texts(&reader);
    if (reader.status == ZVM_OK) reader.status = zcode_verify(reader.code, why, why_bytes);
    if (reader.status == ZVM_OK) reader.status = zcode_seal(reader.code);
    if (reader.status != ZVM_OK) {
        zcode_release(reader.code);
        return reader.status;
    }
    zcode_add_up(reader.code);
    *out = reader.code;
    return ZVM_OK;
}
