// fuzz/target_json.c - any bytes as a row of `zvm each`: the reader and the writer of JSON, and the parts between them.
//
// Looks for: a crash; a text that is no JSON and is read, or is JSON and is refused, by a second reader, which is
// written here from the grammar alone; a number that is not the one that the C library reads; a value that is another one when it is written and read again; a problem whose
// place is not in the text.
#include "fuzz.h"

#include "cli/json_read.h"
#include "cli/json_write.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

// ---- The second reader ----------------------------------------------------------------------------
//
// It says yes or no, recurses as deep as may be, and knows nothing of values but the numbers.

struct look {
    const unsigned char *at, *end;
    int depth;
    struct fuzz_text numbers; // each its kind and its eight bytes, in the order of the text
};

static void note_number(struct fuzz_text *numbers, const zvm_value *value)
{
    bool is_int = value->kind == ZVM_VALUE_INT;
    fuzz_text_add(numbers, is_int ? "i" : "f", 1);
    fuzz_text_add(numbers, is_int ? (const char *)&value->integer : (const char *)&value->number,
                  8);
}

// text: of the grammar, NUL-terminated. false: beyond the floats.
static bool read_number(const char *text, zvm_value *value)
{
    errno = 0;
    long long integer = strtoll(text, NULL, 10);
    bool is_int = errno == 0 && strpbrk(text, ".eE") == NULL;
    *value = (zvm_value){.kind = ZVM_VALUE_INT, .integer = integer};
    if (!is_int) *value = (zvm_value){.kind = ZVM_VALUE_FLOAT, .number = strtod(text, NULL)};
    return is_int || isfinite(value->number);
}

static bool is_value(struct look *look);

static void pass_space(struct look *look)
{
    while (look->at < look->end && strchr(" \t\r\n", *look->at) != NULL && *look->at != 0)
        look->at++;
}

static bool pass(struct look *look, char c)
{
    if (look->at == look->end || *look->at != (unsigned char)c) return false;
    look->at++;
    return true;
}

static bool pass_word(struct look *look, const char *word)
{
    for (; *word != '\0'; word++)
        if (!pass(look, *word)) return false;
    return true;
}

static int pass_digits(struct look *look)
{
    int count = 0;
    for (; look->at < look->end && *look->at >= '0' && *look->at <= '9'; count++)
        look->at++;
    return count;
}

static bool is_number(struct look *look)
{
    const unsigned char *start = look->at;
    (void)pass(look, '-');
    bool is_zero = look->at < look->end && *look->at == '0';
    int digits = pass_digits(look);
    if (digits == 0 || (is_zero && digits > 1)) return false;
    if (pass(look, '.') && pass_digits(look) == 0) return false;
    if (pass(look, 'e') || pass(look, 'E')) {
        if (!pass(look, '-')) (void)pass(look, '+');
        if (pass_digits(look) == 0) return false;
    }
    size_t length = (size_t)(look->at - start);
    char *text = calloc(1, length + 1);
    if (text == NULL) fuzz_fail("no memory");
    memcpy(text, start, length);
    zvm_value value;
    bool is_finite = read_number(text, &value);
    note_number(&look->numbers, &value);
    free(text);
    return is_finite;
}

// Four hexadecimal digits; -1: others.
static int pass_unit(struct look *look)
{
    int unit = 0;
    for (int i = 0; i < 4; i++) {
        if (look->at == look->end || !isxdigit(*look->at)) return -1;
        int letter = tolower(*look->at++);
        unit = unit * 16 + (letter <= '9' ? letter - '0' : letter - 'a' + 10);
    }
    return unit;
}

static bool is_escape(struct look *look)
{
    if (look->at == look->end) return false;
    unsigned char letter = *look->at++;
    if (letter != 'u') return letter != 0 && strchr("\"\\/bfnrt", letter) != NULL;
    int unit = pass_unit(look);
    if (unit < 0 || (unit >= 0xdc00 && unit < 0xe000)) return false;
    if (unit < 0xd800 || unit >= 0xe000) return true;
    if (!pass(look, '\\') || !pass(look, 'u')) return false;
    unit = pass_unit(look);
    return unit >= 0xdc00 && unit < 0xe000;
}

// One code point of UTF-8, worked out and then compared with the shortest form's bounds.
static bool is_utf8(struct look *look)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    unsigned char lead = *look->at++;
    if (lead < 0x80) return true;
    int length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    if (lead < 0xc0 || lead >= 0xf8) return false;
    uint32_t code = lead & (0x7fu >> length);
    for (int i = 1; i < length; i++) {
        if (look->at == look->end || (*look->at & 0xc0) != 0x80) return false;
        code = code << 6 | (*look->at++ & 0x3f);
    }
    return code >= least[length] && code <= 0x10ffff && (code < 0xd800 || code >= 0xe000);
}

static bool is_string(struct look *look)
{
    if (!pass(look, '"')) return false;
    while (look->at < look->end) {
        if (pass(look, '"')) return true;
        if (*look->at < 0x20) return false;
        bool is_fine = pass(look, '\\') ? is_escape(look) : is_utf8(look);
        if (!is_fine) return false;
    }
    return false;
}

static bool is_filled(struct look *look, bool is_map)
{
    do {
        pass_space(look);
        if (is_map && !is_string(look)) return false;
        pass_space(look);
        if (is_map && !pass(look, ':')) return false;
        if (!is_value(look)) return false;
        pass_space(look);
    } while (pass(look, ','));
    return pass(look, is_map ? '}' : ']');
}

static bool is_container(struct look *look)
{
    bool is_map = *look->at++ == '{';
    if (++look->depth > (int)CLI_JSON_DEPTH_MAX) return false;
    pass_space(look);
    bool is_fine = pass(look, is_map ? '}' : ']') || is_filled(look, is_map);
    look->depth--;
    return is_fine;
}

static bool is_value(struct look *look)
{
    pass_space(look);
    if (look->at == look->end) return false;
    switch (*look->at) {
    case '{':
    case '[':
        return is_container(look);
    case '"':
        return is_string(look);
    case 't':
        return pass_word(look, "true");
    case 'f':
        return pass_word(look, "false");
    case 'n':
        return pass_word(look, "null");
    default:
        return is_number(look);
    }
}

// numbers: those in it, for the caller to free; NULL: not asked for.
static bool is_json(const void *data, size_t length_bytes, struct fuzz_text *numbers)
{
    struct look look = {.at = data, .end = (const unsigned char *)data + length_bytes};
    bool is_whole = is_value(&look);
    pass_space(&look);
    if (numbers == NULL)
        fuzz_text_free(&look.numbers);
    else
        *numbers = look.numbers;
    return is_whole && look.at == look.end;
}

// ---- Reading and writing --------------------------------------------------------------------------

static zvm_isolate *isolate; // of this process, reset before each text
static struct cli_json_reader reader;
static struct cli_json_writer writer;

// A text in a block of exactly its size and the line feed that stands behind a row.
static char *copy_row(const void *bytes, size_t length_bytes)
{
    char *row = malloc(length_bytes + 1);
    if (row == NULL) fuzz_fail("no memory");
    if (length_bytes > 0) memcpy(row, bytes, length_bytes);
    row[length_bytes] = '\n';
    return row;
}

// The program has two keys among its constants, which mutations know.
static void begin(void)
{
    static const char text[] = "let keys = ['a', 'key']\n";
    zvm_scope scope;
    if (isolate == NULL) {
        zvm_code *code;
        zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
        options.heap_limit_bytes = (size_t)1 << 28;
        if (fuzz_compile(text, sizeof text - 1, NULL, &code) != ZVM_OK) fuzz_fail("no program");
        if (zvm_isolate_create(fuzz_runtime(), code, &options, &isolate) != ZVM_OK)
            fuzz_fail("no isolate");
        zvm_code_release(code);
    } else if (zvm_isolate_reset(isolate) != ZVM_OK) {
        fuzz_fail("not reset");
    }
    if (zvm_scope_open(isolate, &scope) != ZVM_OK) fuzz_fail("no scope");
}

static bool read_row(const char *row, size_t length_bytes, zvm_ref *ref)
{
    if (cli_json_read(&reader, isolate, row, length_bytes, ref)) return true;
    if (reader.problem == NULL)
        fuzz_fail("refused by the isolate: %s", zvm_status_text(reader.status));
    if (reader.at < row || reader.at > row + length_bytes)
        fuzz_fail("a problem outside of the text");
    return false;
}

// Every byte of a value: what it is made of, with all bits of its numbers.
static bool note_part(void *context, const zvm_part *part)
{
    struct fuzz_text *text = context;
    const zvm_value *both[] = {&part->key, &part->value};
    fuzz_text_add(text, (const char *)&part->kind, sizeof part->kind);
    if (part->kind == ZVM_PART_END) return true;
    for (int i = 0; i < (part->kind == ZVM_PART_VALUE ? 2 : 1); i++) {
        fuzz_text_add(text, (const char *)&both[i]->kind, sizeof both[i]->kind);
        if (both[i]->kind == ZVM_VALUE_INT) fuzz_text_add(text, (const char *)&both[i]->integer, 8);
        if (both[i]->kind == ZVM_VALUE_FLOAT)
            fuzz_text_add(text, (const char *)&both[i]->number, 8);
        if (both[i]->kind == ZVM_VALUE_BOOL) fuzz_text_add(text, both[i]->boolean ? "t" : "f", 1);
        if (both[i]->kind == ZVM_VALUE_STRING)
            fuzz_text_add(text, both[i]->text, both[i]->length_bytes + 1);
    }
    return true;
}

static void note_value(zvm_ref ref, struct fuzz_text *text)
{
    zvm_status status = zvm_ref_walk(isolate, ref, CLI_JSON_DEPTH_MAX, note_part, text);
    if (status != ZVM_OK) fuzz_fail("not told: %s", zvm_status_text(status));
}

// Written, read and written again: the same value and the same text.
static void check_round(zvm_ref ref, size_t length_bytes)
{
    struct cli_buffer first = {0}, second = {0};
    struct fuzz_text before = {0}, after = {0};
    size_t limit = length_bytes * 64 + 1000;
    zvm_ref again;
    note_value(ref, &before);
    if (!cli_json_write(&writer, isolate, ref, limit, &first))
        fuzz_fail("not written: %s",
                  writer.problem == NULL ? zvm_status_text(writer.status) : writer.problem);
    if (!is_json(first.data, first.length, NULL)) fuzz_fail("what was written is no JSON");
    char *row = copy_row(first.data, first.length);
    if (memchr(row, '\n', first.length) != NULL) fuzz_fail("a line feed in a line");
    if (!read_row(row, first.length, &again)) fuzz_fail("not read again: %s", reader.problem);
    note_value(again, &after);
    if (before.length_bytes != after.length_bytes ||
        memcmp(before.bytes, after.bytes, before.length_bytes) != 0)
        fuzz_fail("another value when read again: %.*s", (int)first.length, first.data);
    if (!cli_json_write(&writer, isolate, again, limit, &second)) fuzz_fail("not written again");
    if (first.length != second.length || memcmp(first.data, second.data, first.length) != 0)
        fuzz_fail("another text when written again");
    free(row);
    cli_buffer_free(&first);
    cli_buffer_free(&second);
    fuzz_text_free(&before);
    fuzz_text_free(&after);
}

static bool note_if_number(void *context, const zvm_part *part)
{
    bool is_number = part->value.kind == ZVM_VALUE_INT || part->value.kind == ZVM_VALUE_FLOAT;
    if (part->kind == ZVM_PART_VALUE && is_number) note_number(context, &part->value);
    return true;
}

// In the order of the text, unless a key came twice: then there are fewer.
static void check_numbers(zvm_ref ref, const struct fuzz_text *wanted)
{
    struct fuzz_text got = {0};
    if (zvm_ref_walk(isolate, ref, CLI_JSON_DEPTH_MAX, note_if_number, &got) != ZVM_OK)
        fuzz_fail("not told");
    if (got.length_bytes > wanted->length_bytes) fuzz_fail("more numbers than there are");
    if (got.length_bytes == wanted->length_bytes && got.length_bytes > 0 &&
        memcmp(got.bytes, wanted->bytes, got.length_bytes) != 0)
        fuzz_fail("another number");
    fuzz_text_free(&got);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length_bytes)
{
    uint32_t choice;
    zvm_ref ref;
    struct fuzz_text numbers = {0};
    (void)fuzz_begin(data, length_bytes, &choice);
    char *row = copy_row(data, length_bytes);
    begin();
    bool is_read = read_row(row, length_bytes, &ref);
    bool is_one = is_json(row, length_bytes, &numbers);
    if (is_read && !is_one) fuzz_fail("read, and it is no JSON");
    if (!is_read && is_one) fuzz_fail("JSON, and refused: %s", reader.problem);
    if (is_read) {
        fuzz_count_accepted();
        check_numbers(ref, &numbers);
        check_round(ref, length_bytes);
    }
    fuzz_text_free(&numbers);
    free(row);
    return 0;
}
