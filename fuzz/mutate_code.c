// fuzz/mutate_code.c - changes a compiled file so that it gets past the reader's head, and often past the
// verifier.
//
// Two ways: bytes behind the head are changed by libFuzzer and the head is made to fit; or the file is read
// into a code object, parts of that are changed where they stand, and it is written again. Counts of tables
// are left alone, so that everything is freed as it was made. Owns: one table of symbols, for ever.
#include "fuzz.h"

#include "base/strbuf.h"
#include "vm/builtin.h"
#include "vm/code.h"
#include "vm/code_format.h"

#include <stdlib.h>
#include <string.h>

static struct zintern *symbols;

static size_t mutate_bytes(uint8_t *data, size_t length_bytes, size_t capacity_bytes)
{
    if (length_bytes <= ZFORMAT_HEAD_BYTES || capacity_bytes <= ZFORMAT_HEAD_BYTES) {
        return LLVMFuzzerMutate(data, length_bytes, capacity_bytes);
    }
    size_t body_bytes =
        LLVMFuzzerMutate(data + ZFORMAT_HEAD_BYTES, length_bytes - ZFORMAT_HEAD_BYTES,
                         capacity_bytes - ZFORMAT_HEAD_BYTES);
    zcode_seal_bytes(data, ZFORMAT_HEAD_BYTES + body_bytes);
    return ZFORMAT_HEAD_BYTES + body_bytes;
}

// ---- Changes to a code object that nobody else has ------------------------------------------------

// A small number, sometimes one at an edge.
static uint32_t some_number(struct fuzz_random *random, uint32_t near)
{
    switch (fuzz_random_below(random, 8)) {
    case 0:
        return near;
    case 1:
        return near + 1;
    case 2:
        return near - 1;
    case 3:
        return fuzz_random_below(random, 256);
    case 4:
        return fuzz_random_next(random) >> fuzz_random_below(random, 32);
    default:
        return fuzz_random_below(random, (size_t)(near < 1000 ? near : 1000) + 2);
    }
}

// Where an instruction starts, chosen at random; word_count when the words are no instructions.
static uint32_t some_instruction(const struct zproto *proto, struct fuzz_random *random)
{
    uint32_t chosen = proto->word_count, seen = 0;
    for (uint32_t at = 0; at < proto->word_count; at++) {
        uint32_t op = ZINSN_OP(proto->words[at]);
        if (op >= ZOP_COUNT) return proto->word_count;
        if (fuzz_random_below(random, ++seen) == 0) chosen = at;
        at += zopcode_table[op].aux != ZAUX_NONE;
    }
    return chosen;
}

static bool is_alike(uint32_t word, uint32_t other)
{
    const struct zopcode_info *one = &zopcode_table[ZINSN_OP(word)];
    const struct zopcode_info *two = &zopcode_table[ZINSN_OP(other)];
    return one->form == two->form && one->aux == two->aux;
}

// What the verifier mostly accepts: another operation of the same form, operands of an instruction of the same
// form, another operand in range, or an operand of another instruction.
static void change_instruction(struct zproto *proto, struct fuzz_random *random)
{
    uint32_t at = some_instruction(proto, random), from = some_instruction(proto, random);
    if (at == proto->word_count) return;
    uint32_t *words = (uint32_t *)(uintptr_t)proto->words;
    uint32_t shift = 8 + 8 * fuzz_random_below(random, 3), mask = 0xffu << shift;
    uint32_t range = proto->register_count, op;
    switch (fuzz_random_below(random, 5)) {
    case 0:
        op = fuzz_random_below(random, ZOP_COUNT);
        if (is_alike(words[at], op)) words[at] = (words[at] & ~0xffu) | op;
        return;
    case 1:
        if (is_alike(words[at], words[from])) words[at] = words[from];
        return;
    case 2:
        words[at] = (words[at] & ~mask) | (words[from] & mask);
        return;
    case 3:
        if (proto->constant_count > 0 && fuzz_random_below(random, 4) == 0)
            range = proto->constant_count;
        if (range == 0) return;
        words[at] = (words[at] & ~mask) | (fuzz_random_below(random, range) << shift & mask);
        return;
    default: // a little further or nearer: registers, distances, counts
        words[at] += (fuzz_random_below(random, 2) == 0 ? 1u : ~0u) << shift;
        return;
    }
}

static void change_word(struct zproto *proto, struct fuzz_random *random)
{
    if (proto->word_count == 0) return;
    uint32_t *words = (uint32_t *)(uintptr_t)proto->words;
    uint32_t at = fuzz_random_below(random, proto->word_count);
    uint32_t from = fuzz_random_below(random, proto->word_count), kept;
    uint32_t shift = 8 * fuzz_random_below(random, 4);
    switch (fuzz_random_below(random, 7)) {
    case 0: // another instruction with the same operands
        words[at] = (words[at] & ~0xffu) | fuzz_random_below(random, ZOP_COUNT);
        return;
    case 1: // another operand
        words[at] &= ~(0xffu << shift);
        words[at] |= (some_number(random, proto->register_count) & 0xffu) << shift;
        return;
    case 2:
        words[at] = (words[at] & 0xffffu) | some_number(random, proto->constant_count) << 16;
        return;
    case 3:
        words[at] = words[from];
        return;
    case 4:
        kept = words[at];
        words[at] = words[from];
        words[from] = kept;
        return;
    case 5: // a distance, or a number behind an instruction
        words[at] = some_number(random, proto->word_count);
        if (fuzz_random_below(random, 2) == 0) words[at] = 0u - words[at];
        return;
    default:
        words[at] ^= 1u << fuzz_random_below(random, 32);
        return;
    }
}

static void change_constants(struct zproto *proto, struct fuzz_random *random)
{
    if (proto->constant_count == 0) return;
    struct zvalue *constants = (struct zvalue *)(uintptr_t)proto->constants;
    uint32_t at = fuzz_random_below(random, proto->constant_count);
    uint32_t from = fuzz_random_below(random, proto->constant_count);
    struct zvalue kept = constants[at];
    if (kept.tag == ZTAG_SYMBOL || fuzz_random_below(random, 2) == 0) { // each keeps its reference
        constants[at] = constants[from];
        constants[from] = kept;
        return;
    }
    uint32_t number = fuzz_random_next(random);
    const struct zvalue choices[] = {zvalue_int(INT64_MIN),
                                     zvalue_int((int64_t)number),
                                     zvalue_null(),
                                     zvalue_float(1e308),
                                     zvalue_bool(number % 2 == 0),
                                     zbuiltin_value(number % zbuiltin_count)};
    constants[at] = choices[fuzz_random_below(random, sizeof choices / sizeof choices[0])];
}

static void change_tables(struct zproto *proto, struct fuzz_random *random)
{
    if (proto->capture_count > 0) {
        struct zcapture *captures = (struct zcapture *)(uintptr_t)proto->captures;
        struct zcapture *capture = &captures[fuzz_random_below(random, proto->capture_count)];
        capture->index = (uint16_t)some_number(random, proto->register_count);
        capture->from_register ^= (uint8_t)fuzz_random_below(random, 2);
    }
    if (proto->handler_count > 0) {
        struct zhandler *handlers = (struct zhandler *)(uintptr_t)proto->handlers;
        struct zhandler *handler = &handlers[fuzz_random_below(random, proto->handler_count)];
        uint32_t *fields[] = {&handler->start, &handler->end, &handler->target};
        uint32_t *field = fields[fuzz_random_below(random, 3)];
        *field = some_number(random, *field);
        handler->value_register = (uint8_t)some_number(random, proto->register_count);
        handler->is_finally ^= (uint8_t)fuzz_random_below(random, 2);
    }
    if (proto->check_count > 0) {
        struct zcheck *checks = (struct zcheck *)(uintptr_t)proto->checks;
        struct zcheck *check = &checks[fuzz_random_below(random, proto->check_count)];
        check->type = (uint8_t)fuzz_random_below(random, ZCHECK_DATA + 1);
        check->context = (uint8_t)fuzz_random_below(random, ZCHECK_RESULT + 1);
    }
    if (proto->line_bytes > 0) {
        uint8_t *lines = (uint8_t *)(uintptr_t)proto->lines;
        lines[fuzz_random_below(random, proto->line_bytes)] = (uint8_t)some_number(random, 3);
    }
}

static void change_head(struct zproto *proto, struct fuzz_random *random)
{
    switch (fuzz_random_below(random, 5)) {
    case 0:
        proto->register_count = (uint16_t)some_number(random, proto->register_count);
        return;
    case 1:
        proto->param_count = (uint8_t)some_number(random, proto->param_count);
        return;
    case 2:
        proto->is_method ^= 1;
        return;
    case 3:
        proto->async_start = some_number(random, proto->async_start);
        return;
    default:
        proto->file = (uint16_t)some_number(random, proto->file);
        return;
    }
}

static void change_data(struct zcode *code, struct fuzz_random *random)
{
    if (code->data_count == 0) return;
    struct zdata *data = &code->datas[fuzz_random_below(random, code->data_count)];
    if (fuzz_random_below(random, 3) == 0) data->has_parent = !data->has_parent;
    if (fuzz_random_below(random, 3) == 0)
        data->function_count = some_number(random, data->function_count);
    if (data->field_count == 0) return;
    struct zdata_field *field = &data->fields[fuzz_random_below(random, data->field_count)];
    field->default_kind = (uint8_t)fuzz_random_below(random, ZFIELD_FUNCTION + 1);
    field->check.type = (uint8_t)fuzz_random_below(random, ZCHECK_DATA + 1);
}

static void change_code(struct zcode *code, struct fuzz_random *random)
{
    struct zproto *proto = &code->protos[fuzz_random_below(random, code->proto_count)];
    uint32_t form = fuzz_random_below(random, 16);
    if (form < 8) {
        change_instruction(proto, random);
    } else if (form < 10) {
        change_word(proto, random);
    } else if (form < 12) {
        change_constants(proto, random);
    } else if (form < 14) {
        change_tables(proto, random);
    } else if (form < 15) {
        change_head(proto, random);
    } else {
        change_data(code, random);
    }
}

// ---- The mutator ----------------------------------------------------------------------------------

// The changed file over data; 0 when it does not fit or cannot be written.
static size_t write_over(struct zcode *code, uint8_t *data, size_t capacity_bytes,
                         struct fuzz_random *random)
{
    uint32_t cache_count = code->cache_count;
    if (fuzz_random_below(random, 16) == 0) code->cache_count = some_number(random, cache_count);
    struct zstrbuf out;
    zstrbuf_init(&out);
    size_t length_bytes = 0;
    if (zcode_write(code, &out) == ZVM_OK && out.length <= capacity_bytes) {
        memcpy(data, out.data, out.length);
        length_bytes = out.length;
    }
    zstrbuf_deinit(&out);
    code->cache_count = cache_count; // as many as there is memory of
    return length_bytes;
}

static void destroy_symbols(void)
{
    zintern_destroy(symbols);
}

static void make_symbols(void)
{
    if (symbols != NULL) return;
    if (zintern_create(NULL, &symbols) != ZVM_OK) fuzz_fail("no table of symbols");
    if (atexit(destroy_symbols) != 0) fuzz_fail("no room for an exit function");
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t length_bytes, size_t capacity_bytes,
                               unsigned int seed)
{
    struct fuzz_random random = {seed};
    char why[200];
    struct zcode *code = NULL;
    make_symbols();
    if (fuzz_random_below(&random, 8) == 0 ||
        zcode_read(symbols, data, length_bytes, why, sizeof why, &code) != ZVM_OK) {
        return mutate_bytes(data, length_bytes, capacity_bytes);
    }
    // Mostly one: each change more makes it less likely that the verifier accepts.
    uint32_t count = 1 + fuzz_random_below(&random, 1 + fuzz_random_below(&random, 4));
    for (uint32_t i = 0; i < count; i++) {
        change_code(code, &random);
    }
    size_t changed_bytes = write_over(code, data, capacity_bytes, &random);
    zcode_release(code);
    return changed_bytes != 0 ? changed_bytes : mutate_bytes(data, length_bytes, capacity_bytes);
}
