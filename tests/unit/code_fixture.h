// What the tests of code and its running share: a machine that compiles programs and runs isolates
// in slices, how an isolate ended, and code objects made by hand.
#ifndef ZVM_TESTS_UNIT_CODE_FIXTURE_H
#define ZVM_TESTS_UNIT_CODE_FIXTURE_H

#include "base/alloc.h"
#include "base/strbuf.h"
#include "lang/compile.h"
#include "vm/builtin.h"
#include "vm/error.h"
#include "vm/isolate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct machine {
    struct zintern *intern;
    struct zspan_pool *spans;
    struct zrunner runner;
    struct zshared *shared;
    struct zstrbuf printed, found; // output of the last run; findings of the last compilation
};

// How one isolate ended. The texts are cut to fit.
struct ending {
    zvm_status status;
    char kind[40], message[200];
    uint32_t line, column;
    uint64_t fuel, slices, collections;
    uint64_t allocated_count, allocated_bytes; // objects of its heap, payloads included
};

static inline bool machine_collect(void *context, const char *text, size_t length_bytes)
{
    zstrbuf_add(context, text, length_bytes);
    return true;
}

static inline void machine_open(struct machine *m)
{
    memset(m, 0, sizeof *m);
    assert_int_equal(zintern_create(NULL, &m->intern), ZVM_OK);
    assert_int_equal(zspan_pool_create(&m->spans), ZVM_OK);
    assert_int_equal(zrunner_init(&m->runner, m->spans), ZVM_OK);
    assert_int_equal(zshared_create(m->intern, &m->shared), ZVM_OK);
    zstrbuf_init(&m->printed);
    zstrbuf_init(&m->found);
}

static inline void machine_close(struct machine *m)
{
    zstrbuf_deinit(&m->printed);
    zstrbuf_deinit(&m->found);
    zshared_destroy(m->shared);
    zrunner_deinit(&m->runner);
    zspan_pool_destroy(m->spans);
    zintern_destroy(m->intern);
}

// ---- Compiling and running ---------------------------------------------------------------

static inline zvm_status machine_try_compile(struct machine *m, const char *text,
                                             struct zcode **out)
{
    zstrbuf_clear(&m->found);
    struct zdiagnostics diagnostics = {.file_name = "t.zx",
                                       .text = text,
                                       .length_bytes = strlen(text),
                                       .write = machine_collect,
                                       .context = &m->found};
    return zlang_compile(m->intern, &diagnostics, out);
}

static inline struct zcode *machine_compile(struct machine *m, const char *text)
{
    struct zcode *code = NULL;
    zvm_status status = machine_try_compile(m, text, &code);
    if (status != ZVM_OK) fail_msg("status %d: %s", (int)status, zstrbuf_text(&m->found));
    return code;
}

static inline void machine_read_ending(const struct zisolate *iso, struct ending *out)
{
    memset(out, 0, sizeof *out);
    out->status = (zvm_status)iso->status;
    out->fuel = zisolate_fuel_used(iso);
    out->slices = iso->slices;
    struct zheap_stats stats;
    zheap_stats(&iso->heap, &stats);
    out->collections = stats.collections;
    out->allocated_count = stats.allocated_count;
    out->allocated_bytes = stats.allocated_bytes;
    if (iso->status == ZVM_OK) return;
    out->line = iso->error_line;
    out->column = iso->error_column;
    if (iso->extra == NULL || iso->extra->kind == NULL || iso->extra->message == NULL) return;
    (void)snprintf(out->kind, sizeof out->kind, "%s", iso->extra->kind);
    (void)snprintf(out->message, sizeof out->message, "%s", iso->extra->message);
}

// Runs code to its end in slices of `slice`; what it prints is in m->printed.
static inline struct ending machine_run_with(struct machine *m, struct zcode *code,
                                             struct zisolate_options options, uint64_t slice)
{
    zstrbuf_clear(&m->printed);
    if (options.heap_limit_bytes == 0) options.heap_limit_bytes = 100u << 20;
    options.output = machine_collect;
    options.output_context = &m->printed;
    struct ending ending;
    struct zisolate *iso = NULL;
    memset(&ending, 0, sizeof ending);
    ending.status = zisolate_create(m->shared, code, m->runner.env, &options, &iso);
    if (ending.status != ZVM_OK) return ending;
    while (zisolate_run(iso, &m->runner, slice) == ZOUTCOME_YIELDED) {
    }
    machine_read_ending(iso, &ending);
    zisolate_destroy(iso, m->runner.env);
    return ending;
}

static inline struct ending machine_run(struct machine *m, struct zcode *code)
{
    return machine_run_with(m, code, (struct zisolate_options){0}, 32768);
}

static inline struct ending machine_run_text(struct machine *m, const char *text)
{
    struct zcode *code = machine_compile(m, text);
    struct ending ending = machine_run(m, code);
    zcode_release(code);
    return ending;
}

static inline void machine_expect_output(struct machine *m, const char *text, const char *expected)
{
    struct ending ending = machine_run_text(m, text);
    if (ending.status != ZVM_OK)
        fail_msg("%u:%u: %s: %s", ending.line, ending.column, ending.kind, ending.message);
    assert_string_equal(zstrbuf_text(&m->printed), expected);
}

// expected: "LINE:COLUMN KIND: MESSAGE"
static inline void machine_expect_error(struct machine *m, const char *text, const char *expected)
{
    struct ending ending = machine_run_text(m, text);
    assert_int_equal(ending.status, ZVM_E_ERROR);
    char shown[300];
    (void)snprintf(shown, sizeof shown, "%u:%u %s: %s", ending.line, ending.column, ending.kind,
                   ending.message);
    assert_string_equal(shown, expected);
}

// ---- Code made by hand -------------------------------------------------------------------

#define OP_ABC(op, a, b, c) \
    ((uint32_t)ZOP_##op | (uint32_t)(a) << 8 | (uint32_t)(b) << 16 | (uint32_t)(c) << 24)
#define OP_AD(op, a, d) ((uint32_t)ZOP_##op | (uint32_t)(a) << 8 | (uint32_t)(d) << 16)
#define OP_J(op, j)     ((uint32_t)ZOP_##op | (uint32_t)(j) << 8)

static inline const void *code_copy(const void *from, size_t bytes)
{
    if (bytes == 0) return NULL;
    void *copy = z_alloc(bytes);
    assert_non_null(copy);
    memcpy(copy, from, bytes);
    return copy;
}

// A code object of `count` functions, all empty yet, and `globals` globals named g0, g1, ...
static inline struct zcode *code_make(struct machine *m, uint32_t count, uint32_t globals)
{
    struct zcode *code = zcode_create(m->intern, "hand.zx");
    assert_non_null(code);
    code->protos = z_alloc_zeroed(count * sizeof *code->protos);
    assert_non_null(code->protos);
    code->proto_count = count;
    for (uint32_t i = 0; i < count; i++) {
        code->protos[i].code = code;
        code->protos[i].index = i;
    }
    if (globals > 0) {
        code->globals = z_alloc_zeroed(globals * sizeof *code->globals);
        assert_non_null(code->globals);
        code->global_count = globals;
    }
    for (uint32_t i = 0; i < globals; i++) {
        char name[16];
        int length = snprintf(name, sizeof name, "g%u", i);
        assert_int_equal(zintern_acquire(m->intern, name, (size_t)length, &code->globals[i]),
                         ZVM_OK);
    }
    return code;
}

static inline void code_set_words(struct zproto *proto, uint32_t registers, const uint32_t *words,
                                  uint32_t count)
{
    z_free((void *)(uintptr_t)proto->words, proto->word_count * sizeof *words);
    z_free((void *)(uintptr_t)proto->lines, proto->line_bytes); // places of other instructions
    proto->lines = NULL;
    proto->line_bytes = 0;
    proto->words = code_copy(words, count * sizeof *words);
    proto->word_count = count;
    proto->fuel = count;
    proto->register_count = (uint16_t)registers;
}

#define CODE_WORDS(proto, registers, ...)                           \
    code_set_words((proto), (registers), (uint32_t[]){__VA_ARGS__}, \
                   (uint32_t)(sizeof((uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t)))

static inline void code_set_constants(struct zproto *proto, const struct zvalue *constants,
                                      uint32_t count)
{
    proto->constants = code_copy(constants, count * sizeof *constants);
    proto->constant_count = count;
}

static inline struct zvalue code_name(struct machine *m, const char *text)
{
    const struct zstring *symbol = NULL;
    assert_int_equal(zintern_acquire(m->intern, text, strlen(text), &symbol), ZVM_OK);
    return zvalue_object(symbol, ZTAG_SYMBOL);
}

#endif // ZVM_TESTS_UNIT_CODE_FIXTURE_H
