// vm/code.c - making and freeing code objects, and finding the place of an instruction.
//
// Owns: every part of the code object, and one reference to each symbol among its constants, names and
// checks. Thread: any for retain and release; the rest while one compiler owns it.
#include "vm/code.h"

#include "base/alloc.h"
#include "base/varint.h"

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
}

static void free_code(struct zcode *code)
{
    for (uint32_t i = 0; i < code->proto_count; i++) {
        free_proto(code, &code->protos[i]);
    }
    for (uint32_t i = 0; i < code->global_count; i++) {
        release_symbol(code, code->globals[i]);
    }
    z_free(code->protos, code->proto_count * sizeof *code->protos);
    z_free(code->globals, code->global_count * sizeof *code->globals);
    z_free(code->caches, code->cache_count * sizeof *code->caches);
    z_free(code->file_name, code->file_name_bytes);
    z_free(code, sizeof *code);
}

void zcode_release(struct zcode *code)
{
    if (code == NULL) return;
    // PAIR code: each release orders its holder's reads before the free by whoever is last.
    if (z_fetch_sub_acq_rel(&code->count, 1) == 1) free_code(code);
}

void zcode_position(const struct zproto *proto, uint32_t pc, uint32_t *line, uint32_t *column)
{
    *line = 0;
    *column = 0;
    const uint8_t *in = proto->lines;
    size_t left = proto->line_bytes;
    uint64_t at = 0;
    uint64_t now_line = 0; // unsigned: a table from outside may hold any distances
    while (left > 0) {
        uint64_t fields[3]; // pc delta, line delta (zigzag), column
        for (int i = 0; i < 3; i++) {
            size_t step = zvarint_read(in, left, &fields[i]);
            if (step == 0) return;
            in += step;
            left -= step;
        }
        at += fields[0];
        if (at > pc) return;
        now_line += (uint64_t)zvarint_unzigzag(fields[1]);
        *line = (uint32_t)now_line;
        *column = (uint32_t)fields[2];
    }
}
