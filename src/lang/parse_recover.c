// lang/parse_recover.c - going on after an error, so that one look finds several.
//
// Owns: nothing; works on the parser. Thread: the parser's.
// How: the statement that failed is given up and its tokens are skipped, up to where the next one of
// the same block starts: behind a `;`, at a line break outside all brackets, or at the block's `}`. A
// statement keyword at the start of a line is believed to start a statement even inside brackets that
// were never closed. When the statement is one with blocks (if, while, action, ...), its blocks are
// still parsed, everything being allowed in them, so that mistakes inside are found and no mistake
// comes of a head that was not understood.
// Errors that follow from others are worse than errors found a run later: of a line only the first
// is reported (report() in parser.c), and where braces do not match, nothing is said about words in
// the wrong place.
#define ZVM_LANG_PARSER

#include "lang/parser_internal.h"

#include "base/nearest.h"

#include <string.h>

struct zparser_mark zparser_mark(struct zparser *parser)
{
    return (struct zparser_mark){.context = parser->context,
                                 .statement = parser->statement,
                                 .depth = parser->depth,
                                 .braces = parser->tokens.braces,
                                 .brackets = parser->tokens.brackets};
}

bool zparser_is_indented(const struct zparser *parser)
{
    const struct ztoken *token = &parser->tokens.current;
    return token->newline_before && token->kind != ZTOKEN_EOF && token->kind != ZTOKEN_ERROR &&
           token->kind != ZTOKEN_RIGHT_BRACE &&
           token->position.column > parser->statement.position.column;
}

// ---- Skipping ----------------------------------------------------------------------------------

static bool starts_statement(enum ztoken_kind kind)
{
    switch (kind) {
    case ZTOKEN_LET:
    case ZTOKEN_CONST:
    case ZTOKEN_RETURN:
    case ZTOKEN_IF:
    case ZTOKEN_WHILE:
    case ZTOKEN_FOR:
    case ZTOKEN_BREAK:
    case ZTOKEN_CONTINUE:
    case ZTOKEN_TRY:
    case ZTOKEN_THROW:
    case ZTOKEN_PRINT:
        return true;
    default:
        return false;
    }
}

static bool goes_on_with_block(enum ztoken_kind kind)
{
    return kind == ZTOKEN_ELSE || kind == ZTOKEN_ELIF || kind == ZTOKEN_CATCH ||
           kind == ZTOKEN_FINALLY;
}

static bool has_blocks(enum ztoken_kind kind)
{
    return kind == ZTOKEN_IF || kind == ZTOKEN_WHILE || kind == ZTOKEN_FOR || kind == ZTOKEN_TRY ||
           kind == ZTOKEN_ACTION || kind == ZTOKEN_FUNCTION || kind == ZTOKEN_ASYNC ||
           goes_on_with_block(kind);
}

// A line that begins with it goes on with what is above.
static bool continues_line(enum ztoken_kind kind)
{
    return kind >= ZTOKEN_AND_WORD && kind != ZTOKEN_LEFT_PAREN && kind != ZTOKEN_LEFT_BRACKET &&
           kind != ZTOKEN_LEFT_BRACE && kind != ZTOKEN_NOT;
}

// What is skipped, and where it began.
struct skipping {
    const struct zparser_mark *mark;
    struct ztoken first; // of the statement
    bool has_blocks;
};

static int32_t open_braces(const struct zparser *parser, const struct skipping *skipping)
{
    return parser->tokens.braces - skipping->mark->braces;
}

static bool is_in_brackets(const struct zparser *parser, const struct skipping *skipping)
{
    return parser->tokens.brackets > skipping->mark->brackets;
}

static bool is_next_statement(const struct zparser *parser, const struct skipping *skipping)
{
    const struct ztoken *token = &parser->tokens.current;
    enum ztoken_kind kind = token->kind;
    if (!token->newline_before) return false;
    if (skipping->has_blocks && goes_on_with_block(kind)) return false;
    if (open_braces(parser, skipping) <= 0)
        return starts_statement(kind) ||
               (!is_in_brackets(parser, skipping) && !continues_line(kind));
    // A brace was not closed: a line that is not indented any more belongs to it no longer.
    return starts_statement(kind) && token->position.column <= skipping->first.position.column;
}

// At `{`: of a block, not of a map.
static bool opens_block(struct zparser *parser)
{
    const struct ztoken *next = ztokens_peek(&parser->tokens, 1);
    return next->newline_before || next->kind == ZTOKEN_RIGHT_BRACE ||
           starts_statement((enum ztoken_kind)next->kind);
}

// Steps on, whatever comes. A string or comment that is not closed is told on the way.
static void step(struct zparser *parser)
{
    if (!zparser_advance(parser) && parser->status == ZVM_E_SYNTAX) parser->status = ZVM_OK;
}

// A block of a statement whose head was wrong: everything may stand in it.
static bool block_of_unknown(struct zparser *parser, const struct zparser_mark *mark)
{
    parser->context = (struct zparser_context){true, true, true};
    zparse_block(parser);
    parser->context = mark->context;
    parser->depth = mark->depth;
    if (parser->status == ZVM_E_SYNTAX) parser->status = ZVM_OK;
    return parser->status == ZVM_OK;
}

static bool is_over(const struct zparser *parser, const struct skipping *skipping)
{
    bool is_close = zparser_is(parser, ZTOKEN_RIGHT_BRACE) && open_braces(parser, skipping) <= 0;
    return is_close || zparser_is(parser, ZTOKEN_EOF);
}

static bool skip_statement(struct zparser *parser, const struct skipping *skipping)
{
    while (!is_over(parser, skipping)) {
        bool has_moved = parser->tokens.current.offset != skipping->first.offset;
        if (has_moved && is_next_statement(parser, skipping)) {
            if (open_braces(parser, skipping) > 0) parser->is_doubtful = true;
            break;
        }
        bool is_outside = open_braces(parser, skipping) <= 0 && !is_in_brackets(parser, skipping);
        if (is_outside && zparser_is(parser, ZTOKEN_SEMICOLON)) {
            step(parser);
            break;
        }
        bool is_block = skipping->has_blocks && is_outside && has_moved &&
                        parser->depth < ZAST_DEPTH_MAX && zparser_is(parser, ZTOKEN_LEFT_BRACE) &&
                        opens_block(parser);
        if (!is_block)
            step(parser);
        else if (!block_of_unknown(parser, skipping->mark))
            return false;
        if (parser->diagnostics->count > ZVM_DIAGNOSTICS_MAX) return false;
    }
    return true;
}

// Out of the string whose `${` is open: what stands behind it are tokens again.
static void leave_string(struct zparser *parser)
{
    struct ztokens *tokens = &parser->tokens;
    tokens->ahead_count = 0;
    zlexer_leave_string(&tokens->lexer);
    step(parser);
    tokens->braces = tokens->string_braces;
    tokens->brackets = tokens->string_brackets;
}

// Behind a string that its line does not close. When the next line starts no statement it may be the
// rest of the string.
static void leave_broken_string(struct zparser *parser)
{
    struct ztokens *tokens = &parser->tokens;
    bool is_interpolation = tokens->current.problem == ZPROBLEM_INTERPOLATION;
    char quote = tokens->lexer.text[tokens->current.offset];
    struct zlexer copy = tokens->lexer;
    struct ztoken next;
    zlexer_next(&copy, &next);
    if (!starts_statement((enum ztoken_kind)next.kind))
        zlexer_leave_broken_string(&tokens->lexer, quote);
    step(parser);
    if (!is_interpolation) return;
    tokens->braces = tokens->string_braces;
    tokens->brackets = tokens->string_brackets;
}

bool zparser_recover(struct zparser *parser, const struct zparser_mark *mark)
{
    if (parser->status != ZVM_E_SYNTAX) return false;
    if (parser->diagnostics->count > ZVM_DIAGNOSTICS_MAX) return false;
    struct skipping skipping = {.mark = mark,
                                .first = parser->statement,
                                .has_blocks = has_blocks((enum ztoken_kind)parser->statement.kind)};
    parser->status = ZVM_OK;
    parser->depth = mark->depth;
    parser->context = mark->context;
    uint8_t problem = parser->tokens.current.problem;
    bool is_string = problem == ZPROBLEM_STRING || problem == ZPROBLEM_INTERPOLATION;
    if (parser->tokens.lexer.interpolation_depth > 0)
        leave_string(parser);
    else if (zparser_is(parser, ZTOKEN_ERROR) && is_string)
        leave_broken_string(parser);
    else if (zparser_is(parser, ZTOKEN_ERROR))
        step(parser);
    if (!skip_statement(parser, &skipping)) {
        if (parser->status == ZVM_OK) parser->status = ZVM_E_SYNTAX;
        return false;
    }
    parser->tokens.braces = mark->braces;
    parser->tokens.brackets = mark->brackets;
    return true;
}

// ---- Hints -------------------------------------------------------------------------------------

void zparser_hint_brace(struct zparser *parser)
{
    const struct zparser_mismatch *mismatch = &parser->mismatch;
    if (mismatch->close.line == 0) return;
    zdiagnostics_hint(parser->diagnostics,
                      "the '}' at %u:%u closes the '{' at %u:%u, but is indented otherwise; the "
                      "mistake may be between the two",
                      mismatch->close.line, mismatch->close.column, mismatch->open.line,
                      mismatch->open.column);
}

// Words of other languages, and what to write instead.
static const struct {
    const char *word;
    const char *instead;
} foreign_words[] = {
    {"var", "let"},       {"local", "let"},
    {"val", "const"},     {"def", "action"},
    {"fn", "action"},     {"func", "action"},
    {"fun", "action"},    {"elseif", "elif"},
    {"elsif", "elif"},    {"foreach", "for each"},
    {"class", "data"},    {"struct", "data"},
    {"record", "data"},   {"raise", "throw"},
    {"except", "catch"},  {"switch", "match"},
    {"unless", "if !"},   {"until", "while !"},
    {"echo", "print"},    {"puts", "print"},
    {"println", "print"}, {"not", "!"},
};

static const char *foreign_word(struct zast_text text)
{
    for (size_t i = 0; i < sizeof foreign_words / sizeof foreign_words[0]; i++) {
        size_t length = strlen(foreign_words[i].word);
        if (length == text.length_bytes && memcmp(foreign_words[i].word, text.bytes, length) == 0)
            return foreign_words[i].instead;
    }
    return NULL;
}

// True when the statement is so far one word.
static bool is_one_word(const struct zparser *parser)
{
    const struct ztoken *first = &parser->statement;
    if (first->kind != ZTOKEN_NAME) return false;
    const char *text = parser->tokens.lexer.text;
    uint32_t end = parser->tokens.current.offset;
    for (uint32_t i = first->offset + first->length_bytes; i < end; i++)
        if (text[i] != ' ' && text[i] != '\t') return false;
    return true;
}

void zparser_hint_misspelt(struct zparser *parser)
{
    if (!is_one_word(parser)) return;
    struct zast_text text = zparser_text(parser, &parser->statement);
    const char *instead = foreign_word(text);
    struct znearest nearest;
    znearest_init(&nearest, text.bytes, text.length_bytes);
    for (int kind = ZTOKEN_LET; instead == NULL && kind <= ZTOKEN_OR_WORD; kind++) {
        const char *keyword = ztoken_kind_text((enum ztoken_kind)kind);
        bool is_possible =
            starts_statement((enum ztoken_kind)kind) || has_blocks((enum ztoken_kind)kind);
        if (is_possible) znearest_offer(&nearest, keyword, strlen(keyword));
    }
    if (instead == NULL) instead = nearest.best;
    if (instead == NULL) return;
    zdiagnostics_hint(parser->diagnostics, "'%.*s' is no keyword; did you mean '%s'?",
                      (int)text.length_bytes, text.bytes, instead);
}
