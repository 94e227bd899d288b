// cli/json_read.c - a text of JSON becomes a value in an isolate.
//
// Owns: two buffers for strings with escapes. Thread: the isolate's owner, one of the command's.
// How: one pass, no tree in between and no recursion: zvm_ref_build asks for one part after the other, and what is
// open is a stack of levels. How large an array or object will be is guessed from the last one of its depth: rows
// are alike.
// Integers are exact: those that fit 64 bits stay integers, larger ones and all with a fraction or an exponent
// are floats. A float of up to 19 digits with a small exponent is one division or multiplication of two exact
// numbers, which rounds right; all others are strtod's.
// Of several entries of an object with the same key the last one counts, in the place of the first.
#include "cli/json_read.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#define GUESS_MAX 64u // one large row does not make room for nothing in those behind it

// ---- Small things ---------------------------------------------------------------------------------

static bool is_wrong(struct cli_json_reader *reader, const char *problem)
{
    reader->problem = problem;
    return false;
}

static inline bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static inline void skip_space(struct cli_json_reader *reader)
{
    while (reader->at < reader->end && is_space(*reader->at))
        reader->at++;
}

// ---- Strings --------------------------------------------------------------------------------------

static bool is_hex4(const char *digits, uint32_t *out)
{
    uint32_t value = 0;
    for (int i = 0; i < 4; i++) {
        char c = digits[i];
        uint32_t digit;
        if (c >= '0' && c <= '9')
            digit = (uint32_t)(c - '0');
        else if ((c | 32) >= 'a' && (c | 32) <= 'f')
            digit = (uint32_t)((c | 32) - 'a') + 10;
        else
            return false;
        value = value << 4 | digit;
    }
    *out = value;
    return true;
}

static bool add_code_point(struct cli_buffer *out, uint32_t code)
{
    char bytes[4];
    size_t length = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    static const unsigned char leads[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = length; i-- > 1; code >>= 6)
        bytes[i] = (char)(0x80 | (code & 0x3f));
    bytes[0] = (char)(leads[length] | code);
    return cli_buffer_add(out, bytes, length);
}

// Behind "\u". A character beyond 0xffff is written as two surrogates; one alone is none.
static bool read_code_point(struct cli_json_reader *reader, struct cli_buffer *out)
{
    uint32_t code, low;
    if (reader->end - reader->at < 4 || !is_hex4(reader->at, &code))
        return is_wrong(reader, "a \\u without four hexadecimal digits");
    reader->at += 4;
    if (code >= 0xd800 && code < 0xe000) {
        bool is_pair = code < 0xdc00 && reader->end - reader->at >= 6 && reader->at[0] == '\\' &&
                       reader->at[1] == 'u' && is_hex4(reader->at + 2, &low) && low >= 0xdc00 &&
                       low < 0xe000;
        if (!is_pair) return is_wrong(reader, "half of a surrogate pair");
        reader->at += 6;
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    }
    if (add_code_point(out, code)) return true;
    reader->status = ZVM_E_NOMEM;
    return false;
}

static bool read_escape(struct cli_json_reader *reader, struct cli_buffer *out)
{
    static const char letters[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
    if (reader->at == reader->end) return is_wrong(reader, "a string without an end");
    char letter = *reader->at++;
    if (letter == 'u') return read_code_point(reader, out);
    const char *found = letter == '\0' ? NULL : strchr(letters, letter);
    if (found == NULL) return is_wrong(reader, "an unknown escape");
    if (cli_buffer_add_char(out, meanings[found - letters])) return true;
    reader->status = ZVM_E_NOMEM;
    return false;
}

static inline bool is_plain(char c)
{
    return c != '"' && c != '\\' && (unsigned char)c >= 0x20;
}

// The high bit of the lowest byte of a word that is not plain, if there is one; what is above it means nothing.
static inline uint64_t not_plain(uint64_t word)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    uint64_t quote = word ^ ones * '"', escape = word ^ ones * '\\';
    uint64_t found = ((quote - ones) & ~quote) | ((escape - ones) & ~escape);
    return (found | ((word - ones * 0x20) & ~word)) & ones * 0x80;
}

// The first character from `at` on that is not plain, or the end: eight at a time.
static inline const char *skip_plain(const char *at, const char *end)
{
    for (; end - at >= 8; at += 8) {
        uint64_t word;
        memcpy(&word, at, sizeof word);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
        word = __builtin_bswap64(word);
#endif
        uint64_t found = not_plain(word);
        if (found != 0) return at + __builtin_ctzll(found) / 8;
    }
    while (at < end && is_plain(*at))
        at++;
    return at;
}

// Only what the kind has: clearing all of a value takes as long as reading a short one.
static inline void set_text(zvm_value *out, const char *text, size_t length)
{
    out->kind = ZVM_VALUE_STRING;
    out->text = text;
    out->length_bytes = length;
}

// From the first escape on.
static bool read_escaped(struct cli_json_reader *reader, const char *start,
                         struct cli_buffer *buffer, zvm_value *out)
{
    buffer->length = 0;
    for (;;) {
        if (!cli_buffer_add(buffer, start, (size_t)(reader->at - start))) {
            reader->status = ZVM_E_NOMEM;
            return false;
        }
        if (reader->at == reader->end) return is_wrong(reader, "a string without an end");
        char c = *reader->at;
        if (c == '"') break;
        if (c != '\\') return is_wrong(reader, "a control character in a string");
        reader->at++;
        if (!read_escape(reader, buffer)) return false;
        start = reader->at;
        reader->at = skip_plain(reader->at, reader->end);
    }
    reader->at++;
    set_text(out, buffer->data, buffer->length);
    return true;
}

// Behind the opening quote. The text is valid until the next string is read into this buffer.
static bool read_string(struct cli_json_reader *reader, struct cli_buffer *buffer, zvm_value *out)
{
    const char *start = reader->at, *at = skip_plain(start, reader->end);
    reader->at = at;
    if (at == reader->end || *at != '"') return read_escaped(reader, start, buffer, out);
    reader->at++;
    set_text(out, start, (size_t)(at - start));
    return true;
}

// ---- Numbers --------------------------------------------------------------------------------------

#define DIGITS_MAX 19u // what fits a word

struct number {
    uint64_t digits;  // the first DIGITS_MAX that count
    uint32_t count;   // of them
    int64_t exponent; // of ten
    bool is_negative, is_exact, is_float;
};

static inline bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

// Leading zeros do not count, and those beyond DIGITS_MAX only say that the number is not exact.
static bool take_digits(struct cli_json_reader *reader, struct number *number, bool is_fraction)
{
    const char *start = reader->at, *at = start, *end = reader->end;
    uint64_t digits = number->digits;
    uint32_t count = number->count, taken = 0;
    for (; at < end && is_digit(*at); at++) {
        if (count == DIGITS_MAX) {
            number->is_exact = false;
            continue;
        }
        digits = digits * 10 + (uint64_t)(*at - '0');
        count += digits != 0;
        taken++;
    }
    if (is_fraction) number->exponent -= taken;
    number->digits = digits;
    number->count = count;
    reader->at = at;
    return at > start;
}

#define EXPONENT_MAX 100000 // beyond it every number is 0 or too large

static bool take_exponent(struct cli_json_reader *reader, struct number *number)
{
    bool is_negative = *reader->at == '-';
    int64_t exponent = 0;
    if (*reader->at == '-' || *reader->at == '+') reader->at++;
    const char *start = reader->at;
    for (; reader->at < reader->end && *reader->at >= '0' && *reader->at <= '9'; reader->at++)
        if (exponent < EXPONENT_MAX) exponent = exponent * 10 + (*reader->at - '0');
    number->exponent += is_negative ? -exponent : exponent;
    return reader->at > start;
}

static bool scan_number(struct cli_json_reader *reader, struct number *number)
{
    if (*reader->at == '-') {
        number->is_negative = true;
        reader->at++;
    }
    const char *first = reader->at;
    if (!take_digits(reader, number, false)) return is_wrong(reader, "a number without digits");
    if (*first == '0' && reader->at > first + 1)
        return is_wrong(reader, "a number that begins with 0");
    if (reader->at < reader->end && *reader->at == '.') {
        reader->at++;
        number->is_float = true;
        if (!take_digits(reader, number, true))
            return is_wrong(reader, "a point without digits behind it");
    }
    if (reader->at < reader->end && (*reader->at | 32) == 'e') {
        reader->at++;
        number->is_float = true;
        if (reader->at == reader->end || !take_exponent(reader, number))
            return is_wrong(reader, "an exponent without digits");
    }
    return true;
}

// digits * 10^exponent, both exact, so that the one operation rounds right. false: they are not.
static bool is_simple(const struct number *number, double *out)
{
    static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                    1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                    1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    if (!number->is_exact || number->digits > UINT64_C(1) << 53) return false;
    if (number->exponent < -22 || number->exponent > 22) return false;
    double value = (double)number->digits;
    *out =
        number->exponent < 0 ? value / powers[-number->exponent] : value * powers[number->exponent];
    if (number->is_negative) *out = -*out;
    return true;
}

static bool read_number(struct cli_json_reader *reader, zvm_value *out)
{
    const char *start = reader->at;
    struct number number = {.is_exact = true};
    if (!scan_number(reader, &number)) return false;
    uint64_t most = (uint64_t)INT64_MAX + (number.is_negative ? 1 : 0);
    if (!number.is_float && number.is_exact && number.digits <= most) {
        uint64_t bits = number.is_negative ? 0 - number.digits : number.digits;
        out->kind = ZVM_VALUE_INT;
        out->integer = (int64_t)bits;
        return true;
    }
    out->kind = ZVM_VALUE_FLOAT;
    if (!is_simple(&number, &out->number)) out->number = strtod(start, NULL);
    if (isinf(out->number)) return is_wrong(reader, "a number that is too large");
    return true;
}

// ---- Values ---------------------------------------------------------------------------------------

static bool read_word(struct cli_json_reader *reader, const char *word, zvm_value_kind kind,
                      zvm_value *out)
{
    size_t length = strlen(word);
    if ((size_t)(reader->end - reader->at) < length || memcmp(reader->at, word, length) != 0)
        return is_wrong(reader, "an unknown word");
    reader->at += length;
    out->kind = kind;
    out->boolean = *word == 't';
    return true;
}

static bool read_scalar(struct cli_json_reader *reader, zvm_value *out)
{
    switch (*reader->at) {
    case '"':
        reader->at++;
        return read_string(reader, &reader->text, out);
    case 't':
        return read_word(reader, "true", ZVM_VALUE_BOOL, out);
    case 'f':
        return read_word(reader, "false", ZVM_VALUE_BOOL, out);
    case 'n':
        return read_word(reader, "null", ZVM_VALUE_NULL, out);
    default:
        if (*reader->at == '-' || (*reader->at >= '0' && *reader->at <= '9'))
            return read_number(reader, out);
        return is_wrong(reader, "an unexpected character");
    }
}

static struct cli_json_level *top(struct cli_json_reader *reader)
{
    return &reader->levels[reader->depth - 1];
}

// The key of the next entry, and the colon. It stays in its own buffer while the value is read.
static bool read_key(struct cli_json_reader *reader, zvm_value *key)
{
    skip_space(reader);
    if (reader->at == reader->end || *reader->at != '"')
        return is_wrong(reader, "an object's key that is no string");
    reader->at++;
    if (!read_string(reader, &reader->key, key)) return false;
    skip_space(reader);
    if (reader->at == reader->end || *reader->at != ':')
        return is_wrong(reader, "a key without a colon behind it");
    reader->at++;
    return true;
}

// ---- Parts ----------------------------------------------------------------------------------------

static bool open_level(struct cli_json_reader *reader, zvm_part *part)
{
    bool is_map = *reader->at == '{';
    if (reader->depth == CLI_JSON_DEPTH_MAX) return is_wrong(reader, "nested deeper than 512");
    reader->at++;
    part->kind = is_map ? ZVM_PART_MAP : ZVM_PART_LIST;
    part->count = reader->guesses[reader->depth][is_map];
    reader->levels[reader->depth++] = (struct cli_json_level){.is_map = is_map};
    reader->is_behind = false;
    return true;
}

static bool close_level(struct cli_json_reader *reader, zvm_part *part)
{
    const struct cli_json_level *level = &reader->levels[--reader->depth];
    uint32_t count = level->count < GUESS_MAX ? level->count : GUESS_MAX;
    reader->at++;
    reader->guesses[reader->depth][level->is_map] = (uint8_t)count;
    part->kind = ZVM_PART_END;
    reader->is_behind = true;
    return true;
}

// The next value, of a list or map only that it begins.
static bool read_value(struct cli_json_reader *reader, zvm_part *part)
{
    skip_space(reader);
    if (reader->at == reader->end) return is_wrong(reader, "a value is missing");
    if (*reader->at == '{' || *reader->at == '[') return open_level(reader, part);
    part->kind = ZVM_PART_VALUE;
    reader->is_behind = true;
    return read_scalar(reader, &part->value);
}

static bool read_in_level(struct cli_json_reader *reader, zvm_part *part)
{
    struct cli_json_level *level = top(reader);
    level->count++;
    return (!level->is_map || read_key(reader, &part->key)) && read_value(reader, part);
}

// Inside of something: its end, or a comma and a value.
static bool read_behind(struct cli_json_reader *reader, zvm_part *part)
{
    if (reader->at == reader->end) return is_wrong(reader, "an array or object without an end");
    if (*reader->at == (top(reader)->is_map ? '}' : ']')) return close_level(reader, part);
    if (*reader->at != ',') return is_wrong(reader, "a comma or a closing bracket is missing");
    reader->at++;
    return read_in_level(reader, part);
}

// A zvm_next_part_fn; context: the reader. It is asked until the outermost value is whole.
static bool next_part(void *context, zvm_part *part)
{
    struct cli_json_reader *reader = context;
    if (reader->depth == 0) return read_value(reader, part);
    skip_space(reader);
    if (reader->is_behind) return read_behind(reader, part);
    bool is_empty = reader->at < reader->end && *reader->at == (top(reader)->is_map ? '}' : ']');
    return is_empty ? close_level(reader, part) : read_in_level(reader, part);
}

bool cli_json_read(struct cli_json_reader *reader, zvm_isolate *isolate, const char *text,
                   size_t length, zvm_ref *out)
{
    reader->start = reader->at = text;
    reader->end = text + length;
    reader->depth = 0;
    reader->problem = NULL;
    reader->status = ZVM_OK;
    zvm_status status = zvm_ref_build(isolate, next_part, reader, out);
    if (status == ZVM_E_UTF8)
        reader->problem = "a text that is not valid UTF-8";
    else if (status != ZVM_OK && reader->problem == NULL && reader->status == ZVM_OK)
        reader->status = status;
    if (status != ZVM_OK) return false;
    skip_space(reader);
    return reader->at == reader->end || is_wrong(reader, "more behind the value");
}

void cli_json_reader_free(struct cli_json_reader *reader)
{
    cli_buffer_free(&reader->text);
    cli_buffer_free(&reader->key);
}
