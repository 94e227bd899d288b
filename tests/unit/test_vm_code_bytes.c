// Goal: a code object survives the way through a file unchanged; bytes that are cut off, damaged or
// made to harm are refused with the place, without asking for memory that they do not justify, and
// what is accepted runs safely.
// Method: programs there and back; every prefix, every flipped bit, with the digest as it was and
// with one that fits; files made by hand, one fault each. Run it under AddressSanitizer.
#include "code_fixture.h"

#include "base/varint.h"
#include "vm/code_format.h"

static const char *const PROGRAMS[] = {
    "",
    "print(1)",
    ("const k = 2.5\naction f(a: int, b) -> float { let c = a * k; return c + b }\n"
     "for each x in [1, 2, 3] { print(f(x, -9223372036854775808 + x), 'é\\0', null, true, false) "
     "}\n"),
    ("let n = 0\nlet add = (x) => { n += x; return () => n }\nprint(add(3)(), len([n]))\n"
     "try { throw {a: 'text', 'b': [n ?? 1]} } catch (e) { print(e.a, e.b) } finally { n = 7 }\n"
     "let {a, b: c} = 0"),
    ("data P { x: int = 1, y; z = [1]; method m(q) { return this.x + q } }\n"
     "data Q extends P { w: P = P(0, 0); method m(q) { return (() => this.y)() ?? q } }\n"
     "for each p in [P(y = 3, x = 2), Q(1, null), Q(y = 'k', x = 5)] { p.y = p.m(4)\n"
     "print(p, p.x, match p { Q(a, b, c, d) => d, P(1, _, _) => 'one', _ => p.y }) }\n"),
    ("let {a, b: c} = {a: 1, b: 2}\nlet [d, ...e] = [a, c, 3]\nwhile a < 9 { a += 2 }\n"
     "print([d].map((x) => x + a).sort(), e, a > 3 ? 'y' : \"n${c}\")\n"),
};

#define PROGRAM_COUNT (sizeof PROGRAMS / sizeof PROGRAMS[0])

static void write_code(const struct zcode *code, struct zstrbuf *out)
{
    zstrbuf_init(out);
    assert_int_equal(zcode_write(code, out), ZVM_OK);
}

static void write_program(struct machine *m, const char *text, struct zstrbuf *out)
{
    struct zcode *code = machine_compile(m, text);
    write_code(code, out);
    zcode_release(code);
}

static zvm_status read_bytes(struct machine *m, const void *bytes, size_t length_bytes, char *why,
                             struct zcode **out)
{
    // In a block of exactly that size: a byte too far is seen by the sanitizer.
    void *copy = z_alloc(length_bytes == 0 ? 1 : length_bytes);
    assert_non_null(copy);
    if (length_bytes > 0) memcpy(copy, bytes, length_bytes);
    zvm_status status = zcode_read(m->intern, copy, length_bytes, why, 200, out);
    z_free(copy, length_bytes == 0 ? 1 : length_bytes);
    return status;
}

// ---- There and back ------------------------------------------------------------------------------

static void test_bytes_read_and_written_again_are_the_same(void **state)
{
    (void)state;
    struct machine m;
    machine_open(&m);
    for (size_t i = 0; i < PROGRAM_COUNT; i++) {
        struct zstrbuf first, second;
        write_program(&m, PROGRAMS[i], &first);
        struct zcode *code = NULL;
        char why[200];
        zvm_status status = read_bytes(&m, first.data, first.length, why, &code);
        if (status != ZVM_OK) fail_msg("program %zu: %s", i, why);
        write_code(code, &second);
        assert_int_equal(first.length, second.length);
        assert_memory_equal(first.data, second.data, first.length);
        zstrbuf_deinit(&first);
        zstrbuf_deinit(&second);
        zcode_release(code);
    }
    machine_close(&m);
}

static void test_program_through_bytes_does_what_it_did(void **state)
{
    (void)state;
    struct machine m;
    machine_open(&m);
    for (size_t i = 0; i < PROGRAM_COUNT; i++) {
        struct zstrbuf bytes;
        write_program(&m, PROGRAMS[i], &bytes);
        struct ending before = machine_run_text(&m, PROGRAMS[i]);
        char printed[400];
        (void)snprintf(printed, sizeof printed, "%s", zstrbuf_text(&m.printed));
        struct zcode *code = NULL;
        char why[200];
        assert_int_equal(read_bytes(&m, bytes.data, bytes.length, why, &code), ZVM_OK);
        struct ending after = machine_run(&m, code);
        assert_int_equal(before.status, after.status);
        assert_int_equal(before.fuel, after.fuel);
        assert_int_equal(before.line, after.line);
        assert_int_equal(before.column, after.column);
        assert_string_equal(before.message, after.message);
        assert_string_equal(printed, zstrbuf_text(&m.printed));
        zcode_release(code);
        zstrbuf_deinit(&bytes);
    }
    machine_close(&m);
}

static void test_bytes_do_not_depend_on_what_was_compiled_before(void **state)
{
    (void)state;
    struct machine first, second;
    struct zstrbuf one, two, other;
    machine_open(&first);
    write_program(&first, PROGRAMS[4], &one);
    machine_open(&second);
    write_program(&second, PROGRAMS[2], &other);
    write_program(&second, PROGRAMS[4], &two);
    assert_int_equal(one.length, two.length);
    assert_memory_equal(one.data, two.data, one.length);
    zstrbuf_deinit(&one);
    zstrbuf_deinit(&two);
    zstrbuf_deinit(&other);
    machine_close(&first);
    machine_close(&second);
}

// ---- Damage --------------------------------------------------------------------------------------

// Reads bytes that may be anything; what is accepted is run under limits.
static zvm_status try_bytes(struct machine *m, const void *bytes, size_t length_bytes)
{
    char why[200];
    struct zcode *code = NULL;
    zvm_status status = read_bytes(m, bytes, length_bytes, why, &code);
    if (status == ZVM_OK) {
        struct zisolate_options options = {
            .heap_limit_bytes = 1u << 20, .fuel_limit = 20000, .max_depth = 50};
        (void)machine_run_with(m, code, options, 1000);
        zcode_release(code);
    } else {
        assert_true(status == ZVM_E_FORMAT || status == ZVM_E_BYTECODE);
        assert_true(why[0] != '\0');
    }
    return status;
}

static void test_every_prefix_is_refused(void **state)
{
    (void)state;
    struct machine m;
    machine_open(&m);
    for (size_t i = 0; i < PROGRAM_COUNT; i++) {
        struct zstrbuf bytes;
        write_program(&m, PROGRAMS[i], &bytes);
        for (size_t length = 0; length < bytes.length; length++) {
            assert_int_equal(try_bytes(&m, bytes.data, length), ZVM_E_FORMAT);
            if (length < ZFORMAT_HEAD_BYTES) continue;
            uint8_t *sealed = z_alloc(length);
            assert_non_null(sealed);
            memcpy(sealed, bytes.data, length);
            zcode_seal_bytes(sealed, length);
            assert_int_equal(try_bytes(&m, sealed, length), ZVM_E_FORMAT);
            z_free(sealed, length);
        }
        zstrbuf_deinit(&bytes);
    }
    machine_close(&m);
}

static void test_every_flipped_bit_is_noticed(void **state)
{
    (void)state;
    struct machine m;
    machine_open(&m);
    struct zstrbuf bytes;
    write_program(&m, PROGRAMS[2], &bytes);
    for (size_t bit = 0; bit < bytes.length * 8; bit++) {
        bytes.data[bit / 8] = (char)(bytes.data[bit / 8] ^ 1 << bit % 8);
        assert_int_equal(try_bytes(&m, bytes.data, bytes.length), ZVM_E_FORMAT);
        bytes.data[bit / 8] = (char)(bytes.data[bit / 8] ^ 1 << bit % 8);
    }
    zstrbuf_deinit(&bytes);
    machine_close(&m);
}

// With a digest that fits: refused, or safe.
static void test_every_flipped_bit_under_a_fitting_digest_is_safe(void **state)
{
    (void)state;
    struct machine m;
    machine_open(&m);
    size_t accepted = 0, refused = 0;
    for (size_t i = 0; i < PROGRAM_COUNT; i++) {
        struct zstrbuf bytes;
        write_program(&m, PROGRAMS[i], &bytes);
        for (size_t bit = ZFORMAT_HEAD_BYTES * 8; bit < bytes.length * 8; bit++) {
            bytes.data[bit / 8] = (char)(bytes.data[bit / 8] ^ 1 << bit % 8);
            zcode_seal_bytes((uint8_t *)bytes.data, bytes.length);
            *(try_bytes(&m, bytes.data, bytes.length) == ZVM_OK ? &accepted : &refused) += 1;
            bytes.data[bit / 8] = (char)(bytes.data[bit / 8] ^ 1 << bit % 8);
        }
        zstrbuf_deinit(&bytes);
    }
    assert_true(accepted > 100);
    assert_true(refused > 1000);
    machine_close(&m);
}

// Several bytes at once, from a fixed seed.
static void test_random_changes_are_safe(void **state)
{
    (void)state;
    struct machine m;
    machine_open(&m);
    uint64_t random = 0x9e3779b97f4a7c15;
    struct zstrbuf bytes;
    write_program(&m, PROGRAMS[4], &bytes);
    char *copy = z_alloc(bytes.length);
    assert_non_null(copy);
    for (int round = 0; round < 20000; round++) {
        memcpy(copy, bytes.data, bytes.length);
        for (int change = 0; change < 1 + round % 4; change++) {
            random = random * 6364136223846793005u + 1442695040888963407u;
            size_t at =
                ZFORMAT_HEAD_BYTES + (size_t)(random >> 33) % (bytes.length - ZFORMAT_HEAD_BYTES);
            copy[at] = (char)(random >> 20);
        }
        zcode_seal_bytes((uint8_t *)copy, bytes.length);
        (void)try_bytes(&m, copy, bytes.length);
    }
    z_free(copy, bytes.length);
    zstrbuf_deinit(&bytes);
    machine_close(&m);
}

// ---- Made by hand --------------------------------------------------------------------------------

// A section: number, content. Its length is put between them.
struct part {
    uint8_t number;
    uint8_t bytes[64];
    uint8_t length;
};

#define PART(number, ...)                                                \
    {                                                                    \
        number, {__VA_ARGS__}, (uint8_t)sizeof((uint8_t[]){__VA_ARGS__}) \
    }

#define WORD(op)       ZOP_##op, 0, 0, 0
#define TEXTS          PART(1, 1, 1, 'f')
#define FILE_NAME      PART(2, 1, 'x', 0)
#define GLOBALS        PART(3, 1, 1, 0, 1)
#define DATAS          PART(5, 0)
#define HINTS          PART(7, 0)
#define CACHES         PART(6, 0), HINTS
#define FUNCTION_START 1, 0, 0, 0, 0, 0, 1, 1, WORD(RETNULL)
#define FUNCTIONS      PART(4, FUNCTION_START, 0, 0, 0, 0, 0, 0)

struct hostile {
    const char *reason; // the end of what is said
    struct part parts[9];
};

// 0xff 0xff 0xff 0xff 0x0f: 4294967295
#define HUGE_COUNT 0xff, 0xff, 0xff, 0xff, 0x0f

static const struct hostile HOSTILE[] = {
    {NULL, {TEXTS, FILE_NAME, GLOBALS, FUNCTIONS, DATAS, CACHES}},
    {"section 2 stands where 1 belongs", {FILE_NAME, TEXTS, GLOBALS, FUNCTIONS, DATAS, CACHES}},
    {"section 1 stands where 2 belongs", {TEXTS, TEXTS, GLOBALS, FUNCTIONS, DATAS, CACHES}},
    {"section 9 stands where 6 belongs", {TEXTS, FILE_NAME, GLOBALS, FUNCTIONS, DATAS, PART(9, 0)}},
    {"a section's number is cut off", {TEXTS, FILE_NAME, GLOBALS, FUNCTIONS}},
    {"there is more behind the last section",
     {TEXTS, FILE_NAME, GLOBALS, FUNCTIONS, DATAS, CACHES, CACHES}},
    {"the number of texts is 4294967295, more than the bytes behind it hold",
     {PART(1, HUGE_COUNT, 1, 'f'), FILE_NAME, GLOBALS, FUNCTIONS, DATAS, CACHES}},
    {"a text's length is 3, more than the bytes behind it hold",
     {PART(1, 1, 3, 'f'), FILE_NAME, GLOBALS, FUNCTIONS, DATAS, CACHES}},
    {"a text's length is 2024, more than 2023",
     {PART(1, 1, 0xe8, 0x0f, 'f'), FILE_NAME, GLOBALS, FUNCTIONS, DATAS, CACHES}},
    {"a text is not UTF-8", {PART(1, 1, 1, 0xff), FILE_NAME, GLOBALS, FUNCTIONS, DATAS, CACHES}},
    {"a text's length is cut off",
     {PART(1, 2, 1, 'f'), FILE_NAME, GLOBALS, FUNCTIONS, DATAS, CACHES}},
    {"section 1 has more than it says",
     {PART(1, 1, 1, 'f', 0), FILE_NAME, GLOBALS, FUNCTIONS, DATAS, CACHES}},
    {"the file name is not UTF-8", {TEXTS, PART(2, 1, 0xc0), GLOBALS, FUNCTIONS, DATAS, CACHES}},
    {"the file name has a zero in it", {TEXTS, PART(2, 1, 0), GLOBALS, FUNCTIONS, DATAS, CACHES}},
    {"the file name's length is 200, more than the bytes behind it hold",
     {TEXTS, PART(2, 0xc8, 0x01, 'x'), GLOBALS, FUNCTIONS, DATAS, CACHES}},
    {"the number of globals is 65536, more than 65535",
     {TEXTS, FILE_NAME, PART(3, 0x80, 0x80, 0x04), FUNCTIONS, DATAS, CACHES}},
    {"a global's name is text 1 of 1",
     {TEXTS, FILE_NAME, PART(3, 1, 1, 1, 0), FUNCTIONS, DATAS, CACHES}},
    {"a global's flags is 2, more than 1",
     {TEXTS, FILE_NAME, PART(3, 1, 1, 0, 2), FUNCTIONS, DATAS, CACHES}},
    {"the number of functions is 4294967295, more than 65535",
     {TEXTS, FILE_NAME, GLOBALS, PART(4, HUGE_COUNT), DATAS, CACHES}},
    {"the number of functions is 6, more than the bytes behind it hold",
     {TEXTS, FILE_NAME, GLOBALS, PART(4, 6, 0, 0, 0, 0, 0, 0), DATAS, CACHES}},
    {"a function's name is out of range",
     {TEXTS, FILE_NAME, GLOBALS, PART(4, 1, 2, 0, 0, 0, 0, 1, 1, WORD(RETNULL), 0, 0, 0, 0, 0),
      DATAS, CACHES}},
    {"the number of parameters is 256, more than 255",
     {TEXTS, FILE_NAME, GLOBALS,
      PART(4, 1, 0, 0, 0, 0, 0x80, 0x02, 1, 1, WORD(RETNULL), 0, 0, 0, 0, 0), DATAS, CACHES}},
    {"the number of registers is 65536, more than 65535",
     {TEXTS, FILE_NAME, GLOBALS,
      PART(4, 1, 0, 0, 0, 0, 0, 0x80, 0x80, 0x04, 1, WORD(RETNULL), 0, 0, 0, 0, 0), DATAS, CACHES}},
    {"the number of instruction words is 4, more than the bytes behind it hold",
     {TEXTS, FILE_NAME, GLOBALS, PART(4, 1, 0, 0, 0, 0, 0, 1, 4, WORD(RETNULL), 0, 0, 0, 0, 0),
      DATAS, CACHES}},
    {"the number of constants is 65537, more than 65536",
     {TEXTS, FILE_NAME, GLOBALS, PART(4, FUNCTION_START, 0x81, 0x80, 0x04, 0, 0, 0, 0), DATAS,
      CACHES}},
    {"a constant's kind is 7, more than 6",
     {TEXTS, FILE_NAME, GLOBALS, PART(4, FUNCTION_START, 1, 7, 0, 0, 0, 0), DATAS, CACHES}},
    {"a float is cut off",
     {TEXTS, FILE_NAME, GLOBALS, PART(4, FUNCTION_START, 1, ZFORMAT_FLOAT, 0, 0, 0, 0), DATAS,
      CACHES}},
    {"a constant is text 9 of 1",
     {TEXTS, FILE_NAME, GLOBALS, PART(4, FUNCTION_START, 1, ZFORMAT_TEXT, 9, 0, 0, 0, 0), DATAS,
      CACHES}},
    {"the number of captures is 5, more than the bytes behind it hold",
     {TEXTS, FILE_NAME, GLOBALS, PART(4, FUNCTION_START, 0, 5, 0, 0, 0, 0), DATAS, CACHES}},
    {"a capture's kind is 2, more than 1",
     {TEXTS, FILE_NAME, GLOBALS, PART(4, FUNCTION_START, 0, 1, 2, 0, 0, 0, 0), DATAS, CACHES}},
    {"the number of handlers is 4294967295, more than the bytes behind it hold",
     {TEXTS, FILE_NAME, GLOBALS, PART(4, FUNCTION_START, 0, 0, HUGE_COUNT, 0, 0), DATAS, CACHES}},
    {"a handler's kind is 2, more than 1",
     {TEXTS, FILE_NAME, GLOBALS, PART(4, FUNCTION_START, 0, 0, 1, 0, 1, 1, 0, 2, 0, 0), DATAS,
      CACHES}},
    {"a checked type is 11, more than 10",
     {TEXTS, FILE_NAME, GLOBALS, PART(4, FUNCTION_START, 0, 0, 0, 1, 11, 0, 0, 0, 0), DATAS,
      CACHES}},
    {"a type's name is text 1 of 1",
     {TEXTS, FILE_NAME, GLOBALS, PART(4, FUNCTION_START, 0, 0, 0, 1, 1, 0, 1, 0, 0), DATAS,
      CACHES}},
    {"the length of the table of places is 1, more than the bytes behind it hold",
     {TEXTS, FILE_NAME, GLOBALS, PART(4, FUNCTION_START, 0, 0, 0, 0, 1), DATAS, CACHES}},
    {"the number of inline caches is 2, more than 1",
     {TEXTS, FILE_NAME, GLOBALS, FUNCTIONS, DATAS, PART(6, 2)}},
    {"the number of data declarations is 9, more than the bytes behind it hold",
     {TEXTS, FILE_NAME, GLOBALS, FUNCTIONS, PART(5, 9, 0, 0, 0), CACHES}},
    {"a data declaration's name is text 7 of 1",
     {TEXTS, FILE_NAME, GLOBALS, FUNCTIONS, PART(5, 1, 7, 0, 0, 0, 0), CACHES}},
    {"whether there is a parent is 2, more than 1",
     {TEXTS, FILE_NAME, GLOBALS, FUNCTIONS, PART(5, 1, 0, 2, 0, 0, 0), CACHES}},
    {"the number of functions is 201, more than 200",
     {TEXTS, FILE_NAME, GLOBALS, FUNCTIONS, PART(5, 1, 0, 0, 0xc9, 0x01, 0, 0), CACHES}},
    {"the number of fields is 201, more than 200",
     {TEXTS, FILE_NAME, GLOBALS, FUNCTIONS, PART(5, 1, 0, 0, 0, 0xc9, 0x01, 0), CACHES}},
    {"a field's type is 11, more than 10",
     {TEXTS, FILE_NAME, GLOBALS, FUNCTIONS, PART(5, 1, 0, 0, 0, 1, 11, 0, 0, 0, 0), CACHES}},
    {"a field's type is out of range",
     {TEXTS, FILE_NAME, GLOBALS, FUNCTIONS, PART(5, 1, 0, 0, 0, 1, 1, 2, 0, 0, 0), CACHES}},
    {"a field's default is 3, more than 2",
     {TEXTS, FILE_NAME, GLOBALS, FUNCTIONS, PART(5, 1, 0, 0, 0, 1, 1, 1, 0, 3, 0), CACHES}},
    {"a constant's kind is 9, more than 6",
     {TEXTS, FILE_NAME, GLOBALS, FUNCTIONS, PART(5, 1, 0, 0, 0, 1, 1, 1, 0, 1, 9, 0), CACHES}},
    {"a field has a type check without a name",
     {TEXTS, FILE_NAME, GLOBALS, FUNCTIONS, PART(5, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0), CACHES}},
    {"a method's name is text 3 of 1",
     {TEXTS, FILE_NAME, GLOBALS, FUNCTIONS, PART(5, 1, 0, 0, 1, 0, 1, 3), CACHES}},
    {"a data declaration miscounts its functions",
     {TEXTS, FILE_NAME, GLOBALS, FUNCTIONS, PART(5, 1, 0, 0, 2, 0, 1, 0), CACHES}},
    {"a function's flags is 2, more than 1",
     {TEXTS, FILE_NAME, GLOBALS, PART(4, 1, 0, 2, 0, 0, 0, 1, 1, WORD(RETNULL), 0, 0, 0, 0, 0),
      DATAS, CACHES}},
    {"no main program", {TEXTS, FILE_NAME, GLOBALS, PART(4, 0), DATAS, CACHES}},
    {"no main program",
     {TEXTS, FILE_NAME, GLOBALS, PART(4, FUNCTION_START, 0, 1, 0, 0, 0, 0, 0, 0), DATAS, CACHES}},
    {"pc 0: register out of range",
     {TEXTS, FILE_NAME, GLOBALS,
      PART(4, 1, 0, 0, 0, 0, 0, 0, 2, WORD(LOADNULL), WORD(RETNULL), 0, 0, 0, 0, 0, 0), DATAS,
      CACHES}},
    {"pc 0: has too many handlers",
     {TEXTS, FILE_NAME, GLOBALS,
      PART(4, FUNCTION_START, 0, 0, 2, 0, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0), DATAS, CACHES}},
    {"pc 0: the table of places is cut off",
     {TEXTS, FILE_NAME, GLOBALS, PART(4, FUNCTION_START, 0, 0, 0, 0, 2, 0, 2, 0), DATAS, CACHES}},
    {"pc 0: a place beyond the code",
     {TEXTS, FILE_NAME, GLOBALS, PART(4, FUNCTION_START, 0, 0, 0, 0, 3, 1, 2, 1, 0), DATAS,
      CACHES}},
    {"pc 0: an instruction has two places",
     {TEXTS, FILE_NAME, GLOBALS, PART(4, FUNCTION_START, 0, 0, 0, 0, 6, 0, 2, 1, 0, 2, 1, 0), DATAS,
      CACHES}},
    {"pc 0: a line out of range",
     {TEXTS, FILE_NAME, GLOBALS, PART(4, FUNCTION_START, 0, 0, 0, 0, 3, 0, 1, 1, 0), DATAS,
      CACHES}},
    {"pc 0: a column out of range",
     {TEXTS, FILE_NAME, GLOBALS,
      PART(4, FUNCTION_START, 0, 0, 0, 0, 7, 0, 2, 0x80, 0x80, 0x80, 0x80, 0x10, 0), DATAS,
      CACHES}},
    {"the length of the parameters is 1, more than the bytes behind it hold",
     {TEXTS, FILE_NAME, GLOBALS, PART(4, FUNCTION_START, 0, 0, 0, 0, 0, 1), DATAS, CACHES}},
    {"the length of the parameters: not a line of text",
     {TEXTS, FILE_NAME, GLOBALS, PART(4, FUNCTION_START, 0, 0, 0, 0, 0, 1, 0x1b), DATAS, CACHES}},
    {"the length of the parameters: not a line of text",
     {TEXTS, FILE_NAME, GLOBALS, PART(4, FUNCTION_START, 0, 0, 0, 0, 0, 1, 0xff), DATAS, CACHES}},
    {"the number of hints is 2, more than 1",
     {TEXTS, FILE_NAME, GLOBALS, FUNCTIONS, DATAS, PART(6, 0), PART(7, 2, 0, 0, 0, 0)}},
    {"the number of hints is 1, more than the bytes behind it hold",
     {TEXTS, FILE_NAME, GLOBALS, FUNCTIONS, DATAS, PART(6, 0), PART(7, 1, 0)}},
    {"a hint's global is 1, more than 0",
     {TEXTS, FILE_NAME, GLOBALS, FUNCTIONS, DATAS, PART(6, 0), PART(7, 1, 1, 0)}},
    {"a hint's length is 188, more than 187",
     {TEXTS, FILE_NAME, GLOBALS, FUNCTIONS, DATAS, PART(6, 0), PART(7, 1, 0, 0xbc, 1)}},
    {"a hint's length: not a line of text",
     {TEXTS, FILE_NAME, GLOBALS, FUNCTIONS, DATAS, PART(6, 0), PART(7, 1, 0, 1, '\n')}},
};

static void make_hostile(const struct hostile *hostile, struct zstrbuf *out)
{
    zstrbuf_init(out);
    zstrbuf_add_repeat(out, '\0', ZFORMAT_HEAD_BYTES);
    for (int i = 0; i < 9 && hostile->parts[i].number != 0; i++) {
        const struct part *part = &hostile->parts[i];
        zstrbuf_add_char(out, (char)part->number);
        zstrbuf_add_char(out, (char)part->length);
        zstrbuf_add(out, (const char *)part->bytes, part->length);
    }
    zcode_seal_bytes((uint8_t *)out->data, out->length);
}

static void test_hand_made_files_are_refused_with_the_reason(void **state)
{
    (void)state;
    struct machine m;
    machine_open(&m);
    for (size_t i = 0; i < sizeof HOSTILE / sizeof HOSTILE[0]; i++) {
        struct zstrbuf bytes;
        make_hostile(&HOSTILE[i], &bytes);
        char why[200];
        struct zcode *code = NULL;
        zvm_status status = read_bytes(&m, bytes.data, bytes.length, why, &code);
        const char *reason = HOSTILE[i].reason;
        if (reason == NULL) {
            if (status != ZVM_OK) fail_msg("file %zu: %s", i, why);
            zcode_release(code);
        } else {
            if (status == ZVM_OK) fail_msg("file %zu is accepted, expected: %s", i, reason);
            size_t told = strlen(why), wanted = strlen(reason);
            if (told < wanted || strcmp(why + told - wanted, reason) != 0)
                fail_msg("file %zu: expected '%s', told '%s'", i, reason, why);
        }
        zstrbuf_deinit(&bytes);
    }
    machine_close(&m);
}

static void expect_head_refusal(struct machine *m, struct zstrbuf *bytes, size_t at,
                                const char *expected)
{
    char why[200];
    struct zcode *code = NULL;
    bytes->data[at] ^= 1;
    assert_int_equal(read_bytes(m, bytes->data, bytes->length, why, &code), ZVM_E_FORMAT);
    bytes->data[at] ^= 1;
    assert_string_equal(why, expected);
}

static void test_head_that_does_not_fit_is_told_apart(void **state)
{
    (void)state;
    struct machine m;
    machine_open(&m);
    struct zstrbuf bytes;
    write_program(&m, "print(1)", &bytes);
    const char *other = "byte 0: compiled by another version of zvm; compile the source again";
    expect_head_refusal(&m, &bytes, 1, "byte 0: not a compiled program");
    expect_head_refusal(&m, &bytes, 8, other);
    expect_head_refusal(&m, &bytes, 12, other);
    expect_head_refusal(&m, &bytes, 16, other);
    expect_head_refusal(&m, &bytes, 32, "byte 40: the digest does not fit: the file is damaged");
    char why[200];
    struct zcode *code = NULL;
    assert_int_equal(read_bytes(&m, bytes.data, 20, why, &code), ZVM_E_FORMAT);
    assert_string_equal(why, "byte 0: cut off inside the head");
    zstrbuf_deinit(&bytes);
    machine_close(&m);
}

// ---- What a source cannot write ------------------------------------------------------------------

// A captured variable's cell in a register, given to everything that takes a value.
static void test_cell_as_a_value_is_harmless(void **state)
{
    (void)state;
    struct machine m;
    machine_open(&m);
    for (uint32_t builtin = 0; builtin < zbuiltin_count; builtin++) {
        for (uint32_t count = 0; count <= 3; count++) {
            struct zcode *code = code_make(&m, 1, 1);
            CODE_WORDS(&code->protos[0], 8, OP_AD(LOADI, 0, 5), OP_ABC(NEWCELL, 1, 0, 0),
                       OP_ABC(NEWLIST, 3, 1, 1), OP_ABC(MOVE, 4, 1, 0), OP_ABC(MOVE, 5, 1, 0),
                       OP_ABC(CALLB, 2, count, 0), builtin, OP_ABC(PRINT, 1, 3, 0),
                       OP_ABC(RETNULL, 0, 0, 0));
            char why[200];
            if (zcode_verify(code, why, sizeof why) != ZVM_OK) fail_msg("%s", why);
            (void)machine_run(&m, code);
            zcode_release(code);
        }
    }
    machine_close(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bytes_read_and_written_again_are_the_same),
        cmocka_unit_test(test_program_through_bytes_does_what_it_did),
        cmocka_unit_test(test_bytes_do_not_depend_on_what_was_compiled_before),
        cmocka_unit_test(test_every_prefix_is_refused),
        cmocka_unit_test(test_every_flipped_bit_is_noticed),
        cmocka_unit_test(test_every_flipped_bit_under_a_fitting_digest_is_safe),
        cmocka_unit_test(test_random_changes_are_safe),
        cmocka_unit_test(test_hand_made_files_are_refused_with_the_reason),
        cmocka_unit_test(test_head_that_does_not_fit_is_told_apart),
        cmocka_unit_test(test_cell_as_a_value_is_harmless),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
