// lang/parser_internal.h - what the files of the parser share.
#ifndef ZVM_LANG_PARSER_INTERNAL_H
#define ZVM_LANG_PARSER_INTERNAL_H

#ifndef ZVM_LANG_PARSER
#    error "parser_internal.h is for the files of the parser only"
#endif

#include "lang/arena.h"
#include "lang/lexer.h"
#include "lang/parser.h"

#define ZTOKENS_AHEAD_MAX 2

// The token under the parser's eye, and those already read behind it. A copy of the struct is a
// place to come back to.
struct ztokens {
    struct zlexer lexer;
    struct ztoken current;
    struct ztoken ahead[ZTOKENS_AHEAD_MAX];
    uint32_t ahead_count;
    uint32_t line_column;     // of the first token on the line of the current one
    int32_t braces, brackets; // open before the current token; ( and [ count as brackets
    int32_t string_braces, string_brackets; // the same at the start of the open interpolation
};

// What the statements around allow; a function body starts afresh.
struct zparser_context {
    bool is_in_loop;
    bool is_in_function;
    bool is_in_method;
};

// A `}` that closed a block whose first line starts at another column.
struct zparser_mismatch {
    struct zast_position open, close; // close.line 0: none
};

struct zparser {
    struct ztokens tokens;
    struct zparser_context context;
    struct zast_node **uses_end;
    uint32_t use_count;
    uint32_t depth; // constructs open around the current token, at most ZAST_DEPTH_MAX
    struct zarena *arena;
    struct zdiagnostics *diagnostics;
    zvm_status status;                // of a failure that ends the statement; cleared by recovering
    struct ztoken statement;          // the first token of the statement
    bool has_findings;                // the tree is of no use
    bool is_doubtful;                 // after recovering, what is around may not be what was meant
    uint32_t finding_line;            // of the last one
    struct zparser_mismatch mismatch; // the first
};

// A place of the parse to come back to after a failure.
struct zparser_mark {
    struct zparser_context context;
    struct ztoken statement;
    uint32_t depth;
    int32_t braces, brackets;
};

// A list of nodes that grows at its end.
struct zparser_list {
    struct zast_node *first;
    struct zast_node *last;
    uint32_t count;
};

// ---- Tokens (parser.c) ----
void ztokens_advance(struct ztokens *tokens);
// The token `distance` (1 or 2) behind the current one.
const struct ztoken *ztokens_peek(struct ztokens *tokens, uint32_t distance);

static inline bool zparser_is(const struct zparser *parser, enum ztoken_kind kind)
{
    return parser->tokens.current.kind == kind;
}

// A NAME or any keyword.
bool ztoken_is_word(const struct ztoken *token);
bool zparser_is_name(const struct zparser *parser, const char *name);
struct zast_text zparser_text(const struct zparser *parser, const struct ztoken *token);

// Steps to the next token. False: it is an error, reported.
bool zparser_advance(struct zparser *parser);
// Steps over a token of this kind, if it is the current one.
bool zparser_take(struct zparser *parser, enum ztoken_kind kind);
// The same, but another token is an error: "expected WHAT". wanted is a whole phrase.
bool zparser_expect(struct zparser *parser, enum ztoken_kind kind, const char *wanted);
bool zparser_expect_name(struct zparser *parser, const char *wanted, struct ztoken *out);
bool zparser_expect_word(struct zparser *parser, const char *wanted, struct ztoken *out);
// The bracket that ends what `open` began.
bool zparser_expect_close(struct zparser *parser, enum ztoken_kind kind, const struct ztoken *open,
                          const char *what);
// After an item of a list: a comma, or the closing bracket, which stays.
bool zparser_expect_comma(struct zparser *parser, enum ztoken_kind close, const struct ztoken *open,
                          const char *what);

// ---- Errors (parser.c) ----
// Reports at the token, unless something was reported before on its line. The parse goes on.
void zparser_report(struct zparser *parser, const struct ztoken *token, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
// The same, and the statement is given up: always false. Nothing is reported while it is left.
bool zparser_fail(struct zparser *parser, const struct ztoken *token, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
// "expected WANTED, found X" at the current token. Always false.
bool zparser_fail_expected(struct zparser *parser, const char *wanted);
// A word that is in the wrong place: not reported where the place may be our mistake. Then, too, the
// parse goes on.
void zparser_report_misplaced(struct zparser *parser, const struct ztoken *token,
                              const char *message);
// Always false.
bool zparser_fail_memory(struct zparser *parser);

// ---- Recovering (parse_recover.c) ----
// At the start of a statement.
struct zparser_mark zparser_mark(struct zparser *parser);
// After a failure behind the mark: goes to where the next statement of the block starts, or to the
// block's end. False: there is no going on (memory, or too many errors).
bool zparser_recover(struct zparser *parser, const struct zparser_mark *mark);
// A block follows whose `{` is missing: its lines are indented.
bool zparser_is_indented(const struct zparser *parser);
// Hints for the error to come.
void zparser_hint_brace(struct zparser *parser);
void zparser_hint_misspelt(struct zparser *parser);
// A construct opens at the current token: false when it would be nested too deep.
bool zparser_enter(struct zparser *parser);
void zparser_leave(struct zparser *parser);

// ---- Nodes (parser.c) ----
// NULL: no memory, noted in the parser. position and start are those of the token.
struct zast_node *zparser_node(struct zparser *parser, enum zast_kind kind,
                               const struct ztoken *token);
void *zparser_alloc(struct zparser *parser, size_t bytes);
void zparser_append(struct zparser_list *list, struct zast_node *node);

// ---- Functions and types (parse_function.c) ----
struct zast_function *zparse_function_new(struct zparser *parser, const struct ztoken *token);
// `: type`, if there is one.
bool zparse_optional_type(struct zparser *parser, struct zast_type *out);
// params [ "->" type ] block
bool zparse_function_rest(struct zparser *parser, struct zast_function *function);
// params "=>" ( block | expr )
bool zparse_lambda_rest(struct zparser *parser, struct zast_function *function);
// True when an arrow function starts at the current token.
bool zparse_is_arrow(struct zparser *parser);
struct zast_node *zparse_arrow(struct zparser *parser);
// One target of a destructuring pattern, or a loop variable.
struct zast_target *zparse_target_new(struct zparser *parser, const struct ztoken *name);

// ---- Expressions (parse_expression.c, parse_primary.c) ----
struct zast_node *zparse_expression(struct zparser *parser);
struct zast_node *zparse_primary(struct zparser *parser);
// What a string token without interpolation stands for; bytes NULL: no memory.
struct zast_text zparse_string_content(struct zparser *parser, const struct ztoken *token);
// Items up to `close`, which is stepped over. The current token is the opening bracket.
bool zparse_expression_list(struct zparser *parser, enum ztoken_kind close, const char *what,
                            struct zparser_list *out);

// ---- Literals (fold.c) ----
// The node of an operator becomes a literal when its operands are literals and it cannot fail.
void zfold_binary(struct zast_node *node);
void zfold_unary(struct zast_node *node);

// ---- Statements (parse_statement.c, parse_declaration.c) ----
struct zast_node *zparse_block(struct zparser *parser);
// Statements up to `}` or the end of the file, which stay.
bool zparse_statements(struct zparser *parser, struct zparser_list *out);
bool zparse_program(struct zparser *parser, struct zast_function *main_function);
struct zast_node *zparse_let(struct zparser *parser);
struct zast_node *zparse_function_declaration(struct zparser *parser);
struct zast_node *zparse_data(struct zparser *parser);
struct zast_node *zparse_statement(struct zparser *parser);
// A named function starts here: without a name it is a value, and the statement an expression.
bool zparse_is_function_declaration(struct zparser *parser);
bool zparse_is_data_declaration(struct zparser *parser);
// The end of a simple statement.
bool zparse_end(struct zparser *parser);

// ---- Modules (parse_module.c) ----
bool zparse_is_use(struct zparser *parser);
struct zast_node *zparse_use(struct zparser *parser);
bool zparse_is_export(struct zparser *parser);
struct zast_node *zparse_export(struct zparser *parser);

#endif // ZVM_LANG_PARSER_INTERNAL_H
