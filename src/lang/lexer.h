// lang/lexer.h - source text to tokens, one at a time and on demand. owner-thread; allocates
// nothing.
//
// The state is a plain struct: copying it is how the parser looks far ahead and comes back. A
// string with interpolation comes in pieces: a STRING_PART up to each `${`, then the tokens of the
// expression, and after its `}` zlexer_continue_string gives the next piece.
#ifndef ZVM_LANG_LEXER_H
#define ZVM_LANG_LEXER_H

#include "lang/ast.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum ztoken_kind {
    ZTOKEN_EOF,
    ZTOKEN_ERROR, // problem
    ZTOKEN_NAME,
    ZTOKEN_INT,         // integer, is_too_large
    ZTOKEN_FLOAT,       // the digits are the token's text
    ZTOKEN_STRING,      // content, has_escapes: a whole string, or the last piece of one
    ZTOKEN_STRING_PART, // content, has_escapes: the piece before a `${`
    // Keywords
    ZTOKEN_LET,
    ZTOKEN_CONST,
    ZTOKEN_ACTION,
    ZTOKEN_FUNCTION,
    ZTOKEN_LAMBDA,
    ZTOKEN_RETURN,
    ZTOKEN_IF,
    ZTOKEN_ELIF,
    ZTOKEN_ELSE,
    ZTOKEN_WHILE,
    ZTOKEN_FOR,
    ZTOKEN_EACH,
    ZTOKEN_IN,
    ZTOKEN_BREAK,
    ZTOKEN_CONTINUE,
    ZTOKEN_TRY,
    ZTOKEN_CATCH,
    ZTOKEN_FINALLY,
    ZTOKEN_THROW,
    ZTOKEN_MATCH,
    ZTOKEN_TRUE,
    ZTOKEN_FALSE,
    ZTOKEN_NULL,
    ZTOKEN_THIS,
    ZTOKEN_PRINT,
    ZTOKEN_ASYNC,
    ZTOKEN_AWAIT,
    ZTOKEN_SPAWN,
    ZTOKEN_AND_WORD,
    ZTOKEN_OR_WORD,
    // Operators and punctuation; a longer one stands before every one it starts with.
    ZTOKEN_POWER_ASSIGN,
    ZTOKEN_ELLIPSIS,
    ZTOKEN_ARROW,        // =>
    ZTOKEN_RESULT_ARROW, // ->
    ZTOKEN_EQUAL,
    ZTOKEN_NOT_EQUAL,
    ZTOKEN_LESS_EQUAL,
    ZTOKEN_GREATER_EQUAL,
    ZTOKEN_AND,
    ZTOKEN_OR,
    ZTOKEN_COALESCE,
    ZTOKEN_ADD_ASSIGN,
    ZTOKEN_SUB_ASSIGN,
    ZTOKEN_MUL_ASSIGN,
    ZTOKEN_DIV_ASSIGN,
    ZTOKEN_MOD_ASSIGN,
    ZTOKEN_POWER,
    ZTOKEN_PLUS,
    ZTOKEN_MINUS,
    ZTOKEN_STAR,
    ZTOKEN_SLASH,
    ZTOKEN_PERCENT,
    ZTOKEN_ASSIGN,
    ZTOKEN_LESS,
    ZTOKEN_GREATER,
    ZTOKEN_NOT,
    ZTOKEN_QUESTION,
    ZTOKEN_COLON,
    ZTOKEN_COMMA,
    ZTOKEN_SEMICOLON,
    ZTOKEN_DOT,
    ZTOKEN_LEFT_PAREN,
    ZTOKEN_RIGHT_PAREN,
    ZTOKEN_LEFT_BRACKET,
    ZTOKEN_RIGHT_BRACKET,
    ZTOKEN_LEFT_BRACE,
    ZTOKEN_RIGHT_BRACE,
    ZTOKEN_COUNT
};

enum zlexer_problem {
    ZPROBLEM_NONE,
    ZPROBLEM_CHARACTER,     // at the character
    ZPROBLEM_NUMBER,        // at the number's start
    ZPROBLEM_STRING,        // not closed; at the start of the (outermost) string
    ZPROBLEM_INTERPOLATION, // the same, when a `${` is open
    ZPROBLEM_COMMENT,       // not closed; at its start
    ZPROBLEM_ESCAPE,        // at the backslash
};

struct ztoken {
    uint8_t kind;        // enum ztoken_kind
    uint8_t problem;     // enum zlexer_problem
    bool newline_before; // a line break stands between the token before and this one
    bool has_escapes;
    bool is_too_large; // INT over 9223372036854775808: integer means nothing
    bool is_mendable;  // ERROR: the text goes on behind a whole number or string
    struct zast_position position;
    uint32_t offset, length_bytes; // as written
    uint32_t content_offset, content_bytes;
    uint64_t integer;
};

struct zlexer {
    const char *text; // [length_bytes], valid UTF-8 without NUL bytes
    uint32_t length_bytes;
    uint32_t offset; // of the next byte to read
    struct zast_position position;
    uint32_t interpolation_depth; // strings whose `${` is open
    uint32_t outer_offset;        // of the outermost of them
    struct zast_position outer_position;
};

// text [length_bytes] without a byte-order mark; under 1 GiB.
void zlexer_init(struct zlexer *lexer, const char *text, size_t length_bytes);
// After EOF it gives EOF again; after ERROR it goes on behind what was wrong.
void zlexer_next(struct zlexer *lexer, struct ztoken *out);
// The next token is the piece of the string that goes on at the offset, just behind the `}`.
void zlexer_continue_string(struct zlexer *lexer, struct ztoken *out);

// Leaves a string whose `${` is open: goes on behind the last quote of the line, or at its end.
void zlexer_leave_string(struct zlexer *lexer);

// At the end of a line that a string does not go beyond: if the next line seems to hold the string's
// end, goes on behind that.
void zlexer_leave_broken_string(struct zlexer *lexer, char quote);

// How a keyword or operator is written; NULL for the other kinds.
const char *ztoken_kind_text(enum ztoken_kind kind);
bool ztoken_is_keyword(enum ztoken_kind kind);
// Writes what the content of a string token stands for to out [content_bytes]; returns its length.
size_t zlexer_unescape(const char *content, size_t content_bytes, char *out);

#endif // ZVM_LANG_LEXER_H
