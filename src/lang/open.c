// lang/open.c - does a text end in the middle of something? For prompts that ask for more lines.
//
// Owns: nothing; allocates nothing. Thread: any.
// How: the lexer's tokens, with the brackets and interpolations that are open in a stack of bounded
// depth. Only what is open matters here; whether it is right is the parser's to say.
#include "lang/lexer.h"
#include "lang/parser.h"

#include "base/utf8.h"

#include <string.h>

#define DEPTH_MAX 1000u // deeper than the parser goes

struct nesting {
    uint8_t open[DEPTH_MAX]; // enum ztoken_kind: the bracket, or STRING_PART for an interpolation
    uint32_t depth;
    bool is_wrong;
};

static void push(struct nesting *nesting, uint8_t kind)
{
    if (nesting->depth == DEPTH_MAX) {
        nesting->is_wrong = true;
    } else {
        nesting->open[nesting->depth++] = kind;
    }
}

static void pop(struct nesting *nesting, uint8_t kind)
{
    nesting->is_wrong = nesting->depth == 0 || nesting->open[nesting->depth - 1] != kind;
    if (!nesting->is_wrong) nesting->depth--;
}

static bool is_in_string(const struct nesting *nesting)
{
    return nesting->depth > 0 && nesting->open[nesting->depth - 1] == ZTOKEN_STRING_PART;
}

static void step(struct nesting *nesting, struct zlexer *lexer, struct ztoken *token)
{
    switch (token->kind) {
    case ZTOKEN_LEFT_PAREN:
    case ZTOKEN_LEFT_BRACKET:
    case ZTOKEN_LEFT_BRACE:
    case ZTOKEN_STRING_PART:
        push(nesting, token->kind);
        return;
    case ZTOKEN_RIGHT_PAREN:
        pop(nesting, ZTOKEN_LEFT_PAREN);
        return;
    case ZTOKEN_RIGHT_BRACKET:
        pop(nesting, ZTOKEN_LEFT_BRACKET);
        return;
    case ZTOKEN_RIGHT_BRACE:
        if (!is_in_string(nesting)) {
            pop(nesting, ZTOKEN_LEFT_BRACE);
            return;
        }
        nesting->depth--;
        zlexer_continue_string(lexer, token);
        if (token->kind == ZTOKEN_STRING_PART) push(nesting, ZTOKEN_STRING_PART);
        return;
    default:
        return;
    }
}

// Operators that want something behind them.
static bool wants_more(uint8_t kind)
{
    return kind >= ZTOKEN_POWER_ASSIGN && kind <= ZTOKEN_DOT && kind != ZTOKEN_SEMICOLON &&
           kind != ZTOKEN_ELLIPSIS;
}

// Strings of one line end with their line: no line behind it closes them.
static bool is_open_token(const char *text, const struct ztoken *token)
{
    if (token->problem == ZPROBLEM_COMMENT) return true;
    if (token->problem != ZPROBLEM_STRING || token->length_bytes < 3) return false;
    const char *start = text + token->offset;
    return start[1] == start[0] && start[2] == start[0];
}

bool zlang_is_open(const char *text, size_t length_bytes)
{
    if (length_bytes >= (size_t)1 << 30 || !zutf8_is_valid(text, length_bytes, NULL)) return false;
    if (length_bytes > 0 && memchr(text, '\0', length_bytes) != NULL) return false;
    struct nesting nesting = {.depth = 0};
    struct zlexer lexer;
    struct ztoken token;
    uint8_t last = ZTOKEN_EOF;
    zlexer_init(&lexer, text, length_bytes);
    for (;;) {
        zlexer_next(&lexer, &token);
        if (token.kind == ZTOKEN_EOF) return nesting.depth > 0 || wants_more(last);
        if (token.kind != ZTOKEN_ERROR) step(&nesting, &lexer, &token);
        if (token.kind == ZTOKEN_ERROR) return is_open_token(text, &token);
        if (nesting.is_wrong) return false;
        last = token.kind;
    }
}
