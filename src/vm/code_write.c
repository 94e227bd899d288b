// vm/code_write.c - a code object as bytes, for files. The layout: vm/code_format.h.
//
// Owns: nothing beyond a call. Thread: any; the code is frozen.
// Invariant: the bytes are a function of the code object alone: texts are numbered in the order of
// their first use, and nothing depends on addresses.
// How: the sections that use texts are written to buffers of their own while the texts are numbered;
// then everything is put together behind the head.
#include "vm/code_format.h"

#include "base/alloc.h"
#include "base/siphash.h"
#include "base/strbuf.h"
#include "base/varint.h"
#include "vm/builtin.h"

#include <string.h>

// The numbers of the texts so far, by address: a symbol has one.
struct texts {
    const struct zstring **symbols; // [capacity], in the order of first use
    uint32_t *index;                // [capacity * 2], open-addressed, number + 1
    uint32_t count, capacity;
    bool failed;
};

struct code_writer {
    const struct zcode *code;
    struct texts texts;
    struct zstrbuf globals, functions, datas;
};

uint64_t zformat_instruction_set(void)
{
    struct zsiphash_key key = {ZFORMAT_VERSION, ZOP_COUNT};
    for (uint32_t i = 0; i < ZOP_COUNT; i++) {
        const struct zopcode_info *info = &zopcode_table[i];
        key.k0 = zsiphash13(&key, info->name, strlen(info->name));
        key.k1 += (uint64_t)info->form << 8 | info->aux;
    }
    for (uint32_t i = 0; i < zbuiltin_count; i++) {
        key.k0 = zsiphash13(&key, zbuiltin_table[i].name, strlen(zbuiltin_table[i].name));
    }
    return key.k0;
}

uint64_t zformat_digest(const void *body, size_t length_bytes)
{
    struct zsiphash_key key = {0x7a766d2062797465, 0x636f646520646967}; // fixed: files travel
    return zsiphash13(&key, body, length_bytes);
}

// ---- Parts ------------------------------------------------------------------------------------

static void add_count(struct zstrbuf *out, uint64_t value)
{
    uint8_t bytes[ZVARINT_BYTES_MAX];
    zstrbuf_add(out, (const char *)bytes, zvarint_write(bytes, value));
}

static void add_fixed(struct zstrbuf *out, uint64_t value, uint32_t byte_count)
{
    uint8_t bytes[8];
    zformat_put(bytes, value, byte_count);
    zstrbuf_add(out, (const char *)bytes, byte_count);
}

static void add_section(struct zstrbuf *out, enum zformat_section number,
                        const struct zstrbuf *content)
{
    add_count(out, number);
    add_count(out, content->length);
    zstrbuf_add(out, zstrbuf_text(content), content->length);
    if (content->failed) out->failed = true;
}

// ---- Texts ------------------------------------------------------------------------------------

static uint32_t *text_place(struct texts *texts, const struct zstring *symbol)
{
    uint32_t mask = texts->capacity * 2 - 1;
    uint32_t i = (uint32_t)(((uintptr_t)symbol >> 4) * 0x9e3779b1u) & mask;
    while (texts->index[i] != 0 && texts->symbols[texts->index[i] - 1] != symbol) {
        i = (i + 1) & mask;
    }
    return &texts->index[i];
}

static void free_texts(struct texts *texts)
{
    z_free(texts->symbols, texts->capacity * sizeof *texts->symbols);
    z_free(texts->index, texts->capacity * 2 * sizeof *texts->index);
}

static bool grow_texts(struct texts *texts)
{
    struct texts grown = {.capacity = texts->capacity == 0 ? 64 : texts->capacity * 2};
    if (grown.capacity < texts->capacity || grown.capacity > UINT32_MAX / 2) return false;
    grown.symbols = z_alloc(grown.capacity * sizeof *grown.symbols);
    grown.index = z_alloc_zeroed(grown.capacity * 2 * sizeof *grown.index);
    if (grown.symbols == NULL || grown.index == NULL) {
        if (grown.symbols != NULL) z_free(grown.symbols, grown.capacity * sizeof *grown.symbols);
        if (grown.index != NULL) z_free(grown.index, grown.capacity * 2 * sizeof *grown.index);
        return false;
    }
    for (; grown.count < texts->count; grown.count++) {
        grown.symbols[grown.count] = texts->symbols[grown.count];
        *text_place(&grown, grown.symbols[grown.count]) = grown.count + 1;
    }
    free_texts(texts);
    *texts = grown;
    return true;
}

// The number of a symbol's text; 0 after a failure.
static uint32_t text_number(struct texts *texts, const struct zstring *symbol)
{
    if (texts->failed) return 0;
    if (texts->count == texts->capacity && !grow_texts(texts)) {
        texts->failed = true;
        return 0;
    }
    uint32_t *place = text_place(texts, symbol);
    if (*place == 0) {
        texts->symbols[texts->count] = symbol;
        *place = ++texts->count;
    }
    return *place - 1;
}

static void add_text(struct zstrbuf *out, const char *bytes, size_t length_bytes)
{
    add_count(out, length_bytes);
    if (length_bytes > 0) zstrbuf_add(out, bytes, length_bytes);
}

// ---- Functions --------------------------------------------------------------------------------

static void write_constant(struct code_writer *writer, struct zstrbuf *out, struct zvalue value)
{
    switch (value.tag) {
    case ZTAG_INT:
        add_count(out, ZFORMAT_INT);
        add_count(out, zvarint_zigzag(value.i));
        return;
    case ZTAG_FLOAT:
        add_count(out, ZFORMAT_FLOAT);
        add_fixed(out, value.bits, 8);
        return;
    case ZTAG_NULL:
        add_count(out, ZFORMAT_NULL);
        return;
    case ZTAG_FALSE:
        add_count(out, ZFORMAT_FALSE);
        return;
    case ZTAG_TRUE:
        add_count(out, ZFORMAT_TRUE);
        return;
    case ZTAG_SYMBOL:
        add_count(out, ZFORMAT_TEXT);
        add_count(out, text_number(&writer->texts, value.p));
        return;
    default: // a builtin: the verifier lets no other constant through
        add_count(out, ZFORMAT_BUILTIN);
        add_count(out, (uint64_t)(zbuiltin_of(value) - zbuiltin_table));
        return;
    }
}

static void write_tables(struct code_writer *writer, const struct zproto *proto)
{
    struct zstrbuf *out = &writer->functions;
    add_count(out, proto->capture_count);
    for (uint32_t i = 0; i < proto->capture_count; i++) {
        add_count(out, proto->captures[i].from_register);
        add_count(out, proto->captures[i].index);
    }
    add_count(out, proto->handler_count);
    for (uint32_t i = 0; i < proto->handler_count; i++) {
        const struct zhandler *handler = &proto->handlers[i];
        add_count(out, handler->start);
        add_count(out, handler->end);
        add_count(out, handler->target);
        add_count(out, handler->value_register);
        add_count(out, handler->is_finally);
    }
    add_count(out, proto->check_count);
    for (uint32_t i = 0; i < proto->check_count; i++) {
        const struct zcheck *check = &proto->checks[i];
        add_count(out, check->type);
        add_count(out, check->context);
        add_count(out, text_number(&writer->texts, check->type_name));
        add_count(out, text_number(&writer->texts, check->name));
    }
}

static void write_function(struct code_writer *writer, const struct zproto *proto)
{
    struct zstrbuf *out = &writer->functions;
    add_count(out, proto->name == NULL ? 0 : text_number(&writer->texts, proto->name) + 1);
    add_count(out, proto->is_method);
    add_count(out, proto->async_start);
    add_count(out, proto->file);
    add_count(out, proto->param_count);
    add_count(out, proto->register_count);
    add_count(out, proto->word_count);
    for (uint32_t i = 0; i < proto->word_count; i++) {
        add_fixed(out, proto->words[i], 4);
    }
    add_count(out, proto->constant_count);
    for (uint32_t i = 0; i < proto->constant_count; i++) {
        write_constant(writer, out, proto->constants[i]);
    }
    write_tables(writer, proto);
    add_text(out, (const char *)proto->lines, proto->line_bytes);
    add_text(out, proto->signature, proto->signature == NULL ? 0 : proto->signature_bytes - 1);
}

// ---- Data declarations ------------------------------------------------------------------------

static void add_text_or_none(struct code_writer *writer, struct zstrbuf *out,
                             const struct zstring *text)
{
    add_count(out, text == NULL ? 0 : text_number(&writer->texts, text) + 1);
}

static void write_data(struct code_writer *writer, const struct zdata *data)
{
    struct zstrbuf *out = &writer->datas;
    add_count(out, text_number(&writer->texts, data->name));
    add_count(out, data->has_parent);
    add_count(out, data->function_count);
    add_count(out, data->field_count);
    for (uint32_t i = 0; i < data->field_count; i++) {
        const struct zdata_field *field = &data->fields[i];
        add_count(out, field->check.type);
        add_text_or_none(writer, out, field->check.type_name);
        add_count(out, text_number(&writer->texts, field->check.name));
        add_count(out, field->default_kind);
        if (field->default_kind == ZFIELD_CONSTANT) write_constant(writer, out, field->value);
    }
    add_count(out, data->method_count);
    for (uint32_t i = 0; i < data->method_count; i++) {
        add_count(out, text_number(&writer->texts, data->methods[i]));
    }
}

// ---- The whole --------------------------------------------------------------------------------

static void write_uses(struct code_writer *writer)
{
    const struct zcode *code = writer->code;
    add_count(&writer->globals, code->global_count);
    add_count(&writer->globals, code->program_global_count);
    for (uint32_t i = 0; i < code->global_count; i++) {
        add_count(&writer->globals, text_number(&writer->texts, code->globals[i]));
        add_count(&writer->globals, code->global_flags == NULL ? 0 : code->global_flags[i]);
    }
    add_count(&writer->functions, code->proto_count);
    for (uint32_t i = 0; i < code->proto_count; i++) {
        write_function(writer, &code->protos[i]);
    }
    add_count(&writer->datas, code->data_count);
    for (uint32_t i = 0; i < code->data_count; i++) {
        write_data(writer, &code->datas[i]);
    }
}

static void write_body(struct code_writer *writer, struct zstrbuf *out)
{
    struct zstrbuf part;
    zstrbuf_init(&part);
    add_count(&part, writer->texts.count);
    for (uint32_t i = 0; i < writer->texts.count; i++) {
        const struct zstring *symbol = writer->texts.symbols[i];
        add_text(&part, symbol->bytes, symbol->header.aux);
    }
    add_section(out, ZFORMAT_TEXTS, &part);
    zstrbuf_clear(&part);
    add_text(&part, writer->code->file_name, writer->code->file_name_bytes - 1);
    add_count(&part, writer->code->file_count);
    for (uint32_t i = 0; i < writer->code->file_count; i++) {
        add_text(&part, writer->code->files[i].name, writer->code->files[i].name_bytes - 1);
    }
    add_section(out, ZFORMAT_FILE, &part);
    add_section(out, ZFORMAT_GLOBALS, &writer->globals);
    add_section(out, ZFORMAT_FUNCTIONS, &writer->functions);
    add_section(out, ZFORMAT_DATAS, &writer->datas);
    zstrbuf_clear(&part);
    add_count(&part, writer->code->cache_count);
    add_section(out, ZFORMAT_CACHES, &part);
    zstrbuf_clear(&part);
    add_count(&part, writer->code->hint_count);
    for (uint32_t i = 0; i < writer->code->hint_count; i++) {
        const struct zcode_hint *hint = &writer->code->hints[i];
        add_count(&part, hint->slot);
        add_text(&part, hint->text, strlen(hint->text));
    }
    add_section(out, ZFORMAT_HINTS, &part);
    zstrbuf_deinit(&part);
}

void zcode_seal_bytes(uint8_t *bytes, size_t length_bytes)
{
    if (length_bytes < ZFORMAT_HEAD_BYTES) return;
    size_t body_bytes = length_bytes - ZFORMAT_HEAD_BYTES;
    memcpy(bytes, ZFORMAT_MAGIC, 8);
    zformat_put(bytes + 8, ZFORMAT_VERSION, 4);
    zformat_put(bytes + 12, 0, 4);
    zformat_put(bytes + 16, zformat_instruction_set(), 8);
    zformat_put(bytes + 24, body_bytes, 8);
    zformat_put(bytes + 32, zformat_digest(bytes + ZFORMAT_HEAD_BYTES, body_bytes), 8);
}

zvm_status zcode_write(const struct zcode *code, struct zstrbuf *out)
{
    struct code_writer writer = {.code = code};
    zstrbuf_init(&writer.globals);
    zstrbuf_init(&writer.functions);
    zstrbuf_init(&writer.datas);
    write_uses(&writer);
    zstrbuf_clear(out);
    zstrbuf_add_repeat(out, '\0', ZFORMAT_HEAD_BYTES);
    write_body(&writer, out);
    bool ok = !out->failed && !writer.texts.failed;
    if (ok) zcode_seal_bytes((uint8_t *)out->data, out->length);
    free_texts(&writer.texts);
    zstrbuf_deinit(&writer.globals);
    zstrbuf_deinit(&writer.functions);
    zstrbuf_deinit(&writer.datas);
    return ok ? ZVM_OK : ZVM_E_NOMEM;
}
