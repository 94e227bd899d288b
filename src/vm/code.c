// vm/code.c - making and freeing code objects, and finding the place of an instruction.
//
// Owns: every part of the code object, and one reference to each symbol among its constants, names,
// checks and data declarations. Thread: any for retain and release; the rest while one compiler owns it.
#include "vm/code.h"

#include "base/alloc.h"
#include "base/varint.h"
#include "vm/keys.h"
#include "vm/needs.h"
#include "vm/shape.h"

#include <string.h>

struct zcode *zcode_create(struct zintern *intern, const char *file_name)
{
    struct zcode *code = z_alloc_zeroed(sizeof *code);
    if (code == NULL) return NULL;
    code->intern = intern;
    atomic_init(&code->count, 1);
    code->file_name_bytes = strlen(file_name) + 1;
    code->file_name = z_alloc_text(file_name, code->file_name_bytes - 1);
    if (code->file_name == NULL) {
        z_free(code, sizeof *code);
        return NULL;
    }
    return code;
}

// Fresh shared words are written before the code is handed to anyone.
zvm_status zcode_seal(struct zcode *code)
{
    if (code->cache_count == 0) code->cache_count = ZCACHE_NONE + 1; // sites may always look there
    code->caches = z_alloc_zeroed(code->cache_count * sizeof *code->caches);
    if (code->caches == NULL) return ZVM_E_NOMEM;
    uint32_t capacity = zshape_table_capacity(code->data_count);
    if (capacity > 0) {
        code->shapes = z_alloc_zeroed(capacity * sizeof *code->shapes);
        if (code->shapes == NULL) return ZVM_E_NOMEM;
        code->shape_capacity = capacity;
    }
    for (uint32_t i = 0; i < code->proto_count; i++) {
        code->protos[i].caches = code->caches;
    }
    return ZVM_OK;
}

void zcode_retain(struct zcode *code)
{
    (void)z_fetch_add_relaxed(&code->count, 1); // relaxed: the caller holds a reference
}

static void release_symbol(struct zcode *code, const struct zstring *symbol)
{
    if (symbol != NULL) zintern_release(code->intern, symbol);
}

static void free_proto(struct zcode *code, struct zproto *proto)
{
    for (uint32_t i = 0; i < proto->constant_count; i++) {
        if (proto->constants[i].tag == ZTAG_SYMBOL) release_symbol(code, proto->constants[i].p);
    }
    for (uint32_t i = 0; i < proto->check_count; i++) {
        release_symbol(code, proto->checks[i].type_name);
        release_symbol(code, proto->checks[i].name);
    }
    release_symbol(code, proto->name);
    z_free((void *)(uintptr_t)proto->words, proto->word_count * sizeof *proto->words);
    z_free((void *)(uintptr_t)proto->constants, proto->constant_count * sizeof *proto->constants);
    z_free((void *)(uintptr_t)proto->captures, proto->capture_count * sizeof *proto->captures);
    z_free((void *)(uintptr_t)proto->handlers, proto->handler_count * sizeof *proto->handlers);
    z_free((void *)(uintptr_t)proto->checks, proto->check_count * sizeof *proto->checks);
    z_free((void *)(uintptr_t)proto->lines, proto->line_bytes);
    z_free(proto->signature, proto->signature_bytes);
}

static void free_data(struct zcode *code, struct zdata *data)
{
    for (uint32_t i = 0; data->fields != NULL && i < data->field_count; i++) {
        const struct zdata_field *field = &data->fields[i];
        release_symbol(code, field->check.name);
        release_symbol(code, field->check.type_name);
        if (field->value.tag == ZTAG_SYMBOL) release_symbol(code, field->value.p);
    }
    for (uint32_t i = 0; data->methods != NULL && i < data->method_count; i++) {
        release_symbol(code, data->methods[i]);
    }
    release_symbol(code, data->name);
    if (data->fields != NULL) z_free(data->fields, data->field_count * sizeof *data->fields);
    if (data->methods != NULL) z_free(data->methods, data->method_count * sizeof *data->methods);
}

static void free_datas(struct zcode *code)
{
    zshape_free_all(code);
    if (code->shapes != NULL) z_free(code->shapes, code->shape_capacity * sizeof *code->shapes);
    for (uint32_t i = 0; i < code->data_count; i++) {
        free_data(code, &code->datas[i]);
    }
    z_free(code->datas, code->data_count * sizeof *code->datas);
}

void zcode_drop_globals(struct zcode *code)
{
    for (uint32_t i = 0; code->globals != NULL && i < code->global_count; i++) {
        release_symbol(code, code->globals[i]);
    }
    if (code->globals != NULL) z_free(code->globals, code->global_count * sizeof *code->globals);
    if (code->global_flags != NULL) z_free(code->global_flags, code->global_count);
    if (code->hosts != NULL) z_free(code->hosts, code->global_count * sizeof *code->hosts);
    code->hosts = NULL;
    code->globals = NULL;
    code->global_flags = NULL;
    code->global_count = 0;
}

static void free_code(struct zcode *code)
{
    zneeds_free_all(code);
    zkeys_free(code);
    free_datas(code);
    for (uint32_t i = 0; i < code->proto_count; i++) {
        free_proto(code, &code->protos[i]);
    }
    zcode_drop_globals(code);
    z_free(code->protos, code->proto_count * sizeof *code->protos);
    if (code->caches != NULL) z_free(code->caches, code->cache_count * sizeof *code->caches);
    z_free(code->hints, code->hint_count * sizeof *code->hints);
    z_free(code->file_name, code->file_name_bytes);
    for (uint32_t i = 0; i < code->file_count; i++) {
        z_free(code->files[i].name, code->files[i].name_bytes);
    }
    z_free(code->files, code->file_count * sizeof *code->files);
    if (code->living != NULL) z_fetch_sub_relaxed(code->living, 1); // relaxed: a count
    void (*on_free)(void *context) = code->on_free;
    void *on_free_context = code->on_free_context;
    z_free(code, sizeof *code);
    if (on_free != NULL) on_free(on_free_context);
}

const char *zcode_file_name(const struct zcode *code, uint32_t file)
{
    bool is_module = file > 0 && file <= code->file_count;
    return is_module ? code->files[file - 1].name : code->file_name;
}

void zcode_release(struct zcode *code)
{
    if (code == NULL) return;
    // PAIR code: each release orders its holder's reads before the free by whoever is last.
    if (z_fetch_sub_acq_rel(&code->count, 1) == 1) free_code(code);
}

void zcode_add_up(struct zcode *code)
{
    uint64_t bytes = sizeof *code + code->file_name_bytes;
    bytes += code->proto_count * sizeof(struct zproto);
    bytes += code->global_count * (sizeof *code->globals + 1);
    if (code->hosts != NULL) bytes += code->global_count * sizeof *code->hosts;
    bytes += code->cache_count * sizeof *code->caches;
    bytes += code->shape_capacity * sizeof *code->shapes + code->data_count * sizeof *code->datas;
    bytes += code->file_count * sizeof *code->files;
    for (uint32_t i = 0; i < code->file_count; i++) {
        bytes += code->files[i].name_bytes;
    }
    bytes += code->hint_count * sizeof *code->hints;
    for (uint32_t i = 0; i < code->proto_count; i++) {
        const struct zproto *proto = &code->protos[i];
        bytes += proto->word_count * sizeof(uint32_t) + proto->line_bytes;
        bytes += proto->constant_count * sizeof(struct zvalue);
        bytes += proto->capture_count * sizeof(struct zcapture);
        bytes += proto->handler_count * sizeof(struct zhandler);
        bytes += proto->check_count * sizeof(struct zcheck);
        bytes += proto->signature_bytes;
    }
    for (uint32_t i = 0; i < code->data_count; i++) {
        const struct zdata *data = &code->datas[i];
        bytes += data->field_count * sizeof *data->fields;
        bytes += data->method_count * sizeof *data->methods;
    }
    code->bytes = bytes;
}

void zcode_walk_begin(struct zcode_walk *walk, const struct zproto *proto)
{
    *walk = (struct zcode_walk){.next = proto->lines, .left = proto->line_bytes};
}

// One entry of the table; 0 when there is no whole one left.
static size_t read_place(const struct zcode_walk *walk, uint64_t fields[3])
{
    size_t used = 0;
    for (int i = 0; i < 3; i++) {
        size_t step = zvarint_read(walk->next + used, walk->left - used, &fields[i]);
        if (step == 0) return 0;
        used += step;
    }
    return used;
}

void zcode_walk_to(struct zcode_walk *walk, uint32_t pc, uint32_t *line, uint32_t *column)
{
    uint64_t fields[3]; // pc delta, line delta (zigzag), column
    while (walk->left > 0) {
        size_t used = read_place(walk, fields);
        if (used == 0 || walk->at + fields[0] > pc) break;
        walk->next += used;
        walk->left -= used;
        walk->at += fields[0];
        walk->line += (uint64_t)zvarint_unzigzag(fields[1]);
        walk->column = fields[2];
    }
    *line = (uint32_t)walk->line;
    *column = (uint32_t)walk->column;
}

void zcode_position(const struct zproto *proto, uint32_t pc, uint32_t *line, uint32_t *column)
{
    struct zcode_walk walk;
    zcode_walk_begin(&walk, proto);
    zcode_walk_to(&walk, pc, line, column);
}
