// fuzz/mutate_source.c - changes a source by tokens and lines, for the targets that read sources.
//
// Bytes changed at random rarely make a program; tokens that change places often do, most of all with others of
// their kind. One change in eight is left to libFuzzer, with the words of fuzz/dictionary.txt. The token cut here need not be the lexer's.
#include "fuzz.h"

#include <ctype.h>
#include <string.h>

#define PIECE_MAX 512u // bytes that one change copies, at most

// What stands in for a token. The rarer of the language's words are in the dictionary.
static const char *const WORDS[] = {
    "0",
    "1",
    "-1",
    "2",
    "9223372036854775807",
    "-9223372036854775808",
    "0.5",
    "1e308",
    "null",
    "true",
    "false",
    "\"\"",
    "\"a\"",
    "\"é${1}\"",
    "'x'",
    "[]",
    "[1, 2, 3]",
    "{}",
    "{a: 1}",
    "x",
    "y",
    "f",
    "e",
    "this",
    "(x) => x",
    "x => { return x }",
    "print",
    "len",
    "range(3)",
    "+",
    "-",
    "*",
    "/",
    "%",
    "**",
    "==",
    "!=",
    "<",
    "<=",
    ">",
    ">=",
    "&&",
    "||",
    "??",
    "!",
    "?",
    ":",
    "=",
    "+=",
    ",",
    ";",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    "=>",
    ".",
    "...",
    "await ",
    "async ",
    "let ",
    "const ",
    "return ",
    "throw ",
    "break",
    "continue",
    "if x { } else { }",
    "while x < 3 { x += 1 }",
    "for each e in [1, 2] { print(e) }",
    "try { throw 1 } catch (e) { print(e) } finally { }",
    "action f(x) { return x }",
    "data D { a: int = 1; method m(p) { return this.a } }",
    "match x { 1 => 2, D(a) => a, _ => 3 }",
    "let [a, ...b] = [1, 2]",
    "let {a, b: c} = {a: 1}",
    ".map(x => x)",
    ".push(1)",
    ".sort()",
    "\n",
};

#define WORD_COUNT (sizeof WORDS / sizeof WORDS[0])

struct source {
    uint8_t *bytes;
    size_t length_bytes, capacity_bytes;
    struct fuzz_random random;
};

static bool is_word_byte(uint8_t c)
{
    return isalnum(c) || c == '_' || c >= 0x80;
}

// Where the token around `at` starts and ends: a word, a run of blanks, or one other byte.
static void find_token(const struct source *s, size_t at, size_t *start, size_t *end)
{
    bool in_word = is_word_byte(s->bytes[at]), in_blank = s->bytes[at] == ' ';
    *start = at;
    *end = at + 1;
    if (!in_word && !in_blank) return;
    while (*start > 0 && is_word_byte(s->bytes[*start - 1]) == in_word &&
           (s->bytes[*start - 1] == ' ') == in_blank) {
        (*start)--;
    }
    while (*end < s->length_bytes && is_word_byte(s->bytes[*end]) == in_word &&
           (s->bytes[*end] == ' ') == in_blank) {
        (*end)++;
    }
}

static void find_line(const struct source *s, size_t at, size_t *start, size_t *end)
{
    *start = at;
    *end = at;
    while (*start > 0 && s->bytes[*start - 1] != '\n') {
        (*start)--;
    }
    while (*end < s->length_bytes && s->bytes[*end] != '\n') {
        (*end)++;
    }
    if (*end < s->length_bytes) (*end)++;
}

// A line, or one that opens a block with all up to the brace that closes it.
static void find_block(const struct source *s, size_t at, size_t *start, size_t *end)
{
    find_line(s, at, start, end);
    int depth = 0;
    for (size_t i = *start; i < s->length_bytes; i++) {
        depth += (s->bytes[i] == '{') - (s->bytes[i] == '}');
        if (i + 1 >= *end && depth <= 0) {
            find_line(s, i, &at, end);
            return;
        }
    }
}

// Puts text [length_bytes] in place of the bytes from start to end; nothing when it does not fit.
static void replace(struct source *s, size_t start, size_t end, const void *text,
                    size_t length_bytes)
{
    uint8_t copy[PIECE_MAX];
    if (length_bytes > PIECE_MAX ||
        s->length_bytes - (end - start) + length_bytes > s->capacity_bytes) {
        return;
    }
    memcpy(copy, text, length_bytes); // it may be a part of the source
    memmove(s->bytes + start + length_bytes, s->bytes + end, s->length_bytes - end);
    memcpy(s->bytes + start, copy, length_bytes);
    s->length_bytes += length_bytes - (end - start);
}

// ---- Tokens that stand in for each other ----------------------------------------------------------

// Words that are part of a form: another word in their place is rarely a program.
static const char KEYWORDS[] = " let const if else while for each in return action data match try "
                               "catch finally throw async await use export "
                               "from as break continue extends method this ";

// By changing places with each other they mostly leave a program a program.
enum kind { KIND_OTHER, KIND_VALUE, KIND_NAME, KIND_OPERATOR };

static bool is_keyword(const uint8_t *word, size_t length_bytes)
{
    char padded[16] = " ";
    if (length_bytes + 3 > sizeof padded) return false;
    memcpy(padded + 1, word, length_bytes);
    memcpy(padded + 1 + length_bytes, " ", 2);
    return strstr(KEYWORDS, padded) != NULL;
}

static enum kind kind_of(const struct source *s, size_t start, size_t end)
{
    uint8_t first = s->bytes[start];
    if (isdigit(first)) return KIND_VALUE;
    if (is_word_byte(first)) {
        return is_keyword(s->bytes + start, end - start) ? KIND_OTHER : KIND_NAME;
    }
    return first != 0 && strchr("+-*/%<>", first) != NULL ? KIND_OPERATOR : KIND_OTHER;
}

static const char *some_word(struct fuzz_random *random, enum kind kind)
{
    static const char *const VALUES[] = {"0",         "1",
                                         "2",         "-1",
                                         "3",         "255",
                                         "256",       "1000",
                                         "0.5",       "1e308",
                                         "[]",        "{}",
                                         "null",      "true",
                                         "false",     "\"ab\\n\"",
                                         "x => x",    "9223372036854775807",
                                         "[3, 1, 2]", "(-9223372036854775807 - 1)"};
    static const char *const OPERATORS[] = {
        "+", "-", "*", "/", "%", "**", "==", "!=", "<", "<=", ">", ">=", "&&", "||", "??"};
    if (kind == KIND_OPERATOR) {
        return OPERATORS[fuzz_random_below(random, sizeof OPERATORS / sizeof OPERATORS[0])];
    }
    return VALUES[fuzz_random_below(random, sizeof VALUES / sizeof VALUES[0])];
}

// Another token of the same kind, from the source or, for all but names, from the words above; a name sometimes
// becomes a value.
static void change_alike(struct source *s)
{
    size_t start = 0, end = 0;
    enum kind kind = KIND_OTHER;
    for (int i = 0; i < 8 && kind == KIND_OTHER; i++) {
        find_token(s, fuzz_random_below(&s->random, s->length_bytes), &start, &end);
        kind = kind_of(s, start, end);
    }
    if (kind == KIND_OTHER) return;
    uint32_t form = fuzz_random_below(&s->random, 8);
    if (kind == KIND_NAME ? form == 0 : form < 4) {
        const char *word = some_word(&s->random, kind);
        replace(s, start, end, word, strlen(word));
        return;
    }
    for (int i = 0; i < 16; i++) {
        size_t from, from_end;
        find_token(s, fuzz_random_below(&s->random, s->length_bytes), &from, &from_end);
        if (kind_of(s, from, from_end) != kind || from == start) continue;
        replace(s, start, end, s->bytes + from, from_end - from);
        return;
    }
}

// ---- The mutator ----------------------------------------------------------------------------------

typedef void (*find_fn)(const struct source *s, size_t at, size_t *start, size_t *end);

static void change(struct source *s, find_fn find)
{
    size_t start, end, from, from_end;
    find(s, fuzz_random_below(&s->random, s->length_bytes), &start, &end);
    find(s, fuzz_random_below(&s->random, s->length_bytes), &from, &from_end);
    const char *word = WORDS[fuzz_random_below(&s->random, WORD_COUNT)];
    switch (fuzz_random_below(&s->random, 6)) {
    case 0: // gone
        replace(s, start, end, "", 0);
        return;
    case 1: // once more
        replace(s, end, end, s->bytes + start, end - start);
        return;
    case 2: // another one of the source
        replace(s, start, end, s->bytes + from, from_end - from);
        return;
    case 3: // another one of the source in front
        replace(s, start, start, s->bytes + from, from_end - from);
        return;
    case 4:
        replace(s, start, end, word, strlen(word));
        return;
    default:
        replace(s, start, start, word, strlen(word));
        return;
    }
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t length_bytes, size_t capacity_bytes,
                               unsigned int seed)
{
    struct source source = {data, length_bytes, capacity_bytes, {seed}};
    if (length_bytes == 0 || fuzz_random_below(&source.random, 8) == 0) {
        return LLVMFuzzerMutate(data, length_bytes, capacity_bytes);
    }
    // Mostly one: each change more makes it less likely that it still is a program.
    uint32_t count =
        1 + fuzz_random_below(&source.random, 1 + fuzz_random_below(&source.random, 4));
    for (uint32_t i = 0; i < count && source.length_bytes > 0; i++) {
        uint32_t form = fuzz_random_below(&source.random, 16);
        if (form < 8)
            change_alike(&source);
        else
            change(&source, form < 11 ? find_token : form < 14 ? find_line : find_block);
    }
    return source.length_bytes;
}
