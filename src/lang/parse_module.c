// lang/parse_module.c - `use` and `export`.
//
// Owns: nothing; builds nodes in the parser's arena. Thread: the parser's.
// Neither is a keyword, nor are `as` and `from`: a statement begins with one of the two when on the
// same line something follows that could not follow a name.
#define ZVM_LANG_PARSER

#include "base/utf8.h"
#include "lang/parser_internal.h"

#include <string.h>

#define PATH_BYTES_MAX 1024

// ---- use ---------------------------------------------------------------------------------------

bool zparse_is_use(struct zparser *parser)
{
    if (!zparser_is_name(parser, "use")) return false;
    const struct ztoken *next = ztokens_peek(&parser->tokens, 1);
    if (next->newline_before) return false;
    return next->kind == ZTOKEN_STRING || next->kind == ZTOKEN_STRING_PART ||
           next->kind == ZTOKEN_LEFT_BRACE || next->kind == ZTOKEN_NAME;
}

static bool expect_word(struct zparser *parser, const char *word, const char *wanted)
{
    if (!zparser_is_name(parser, word)) return zparser_fail_expected(parser, wanted);
    return zparser_advance(parser);
}

// A path that means the same on every system and cannot be mistaken for something else.
static const char *fault_of_path(struct zast_text path)
{
    const char *bytes = path.bytes;
    bool is_relative = (path.length_bytes > 2 && memcmp(bytes, "./", 2) == 0) ||
                       (path.length_bytes > 3 && memcmp(bytes, "../", 3) == 0);
    if (!is_relative) return "the path of a module starts with './' or '../' and names a file";
    if (path.length_bytes > PATH_BYTES_MAX) return "the path of a module has at most 1024 bytes";
    if (bytes[path.length_bytes - 1] == '/') return "the path of a module names a file, no folder";
    size_t used;
    for (uint32_t i = 0; i < path.length_bytes; i += (uint32_t)used) {
        if (bytes[i] == '\\') return "the parts of a module's path are separated by '/'";
        if (zdiagnostics_is_harmful(zutf8_decode(bytes + i, path.length_bytes - i, &used)))
            return "the path of a module holds a character that cannot be shown";
    }
    return NULL;
}

static bool use_path(struct zparser *parser, struct zast_node *node)
{
    struct ztoken token = parser->tokens.current;
    if (token.kind == ZTOKEN_STRING_PART)
        return zparser_fail(parser, &token,
                            "the path of a module is a plain string: it is read before the program "
                            "runs");
    if (token.kind != ZTOKEN_STRING)
        return zparser_fail_expected(parser, "the path of a module in quotes");
    node->use.path = zparse_string_content(parser, &token);
    if (node->use.path.bytes == NULL) return false;
    node->position = token.position;
    const char *fault = fault_of_path(node->use.path);
    if (fault != NULL) return zparser_fail(parser, &token, "%s", fault);
    return zparser_advance(parser);
}

// NAME [ "as" NAME ]
static struct zast_target *use_name(struct zparser *parser)
{
    struct ztoken key;
    if (!zparser_expect_name(parser, "a name that the module exports", &key)) return NULL;
    struct ztoken name = key;
    if (zparser_is_name(parser, "as")) {
        if (!zparser_advance(parser)) return NULL;
        if (!zparser_expect_name(parser, "a name after 'as'", &name)) return NULL;
    }
    struct zast_target *target = zparse_target_new(parser, &name);
    if (target == NULL) return NULL;
    target->key = zparser_text(parser, &key);
    target->key_position = key.position;
    return target;
}

// "{" names "}" "from" path
static bool use_names(struct zparser *parser, struct zast_node *node)
{
    struct ztoken open = parser->tokens.current;
    struct zast_target **end = &node->use.names;
    if (!zparser_advance(parser)) return false;
    do {
        *end = use_name(parser);
        if (*end == NULL) return false;
        end = &(*end)->next;
        if (!zparser_expect_comma(parser, ZTOKEN_RIGHT_BRACE, &open, "list of names")) return false;
    } while (!zparser_is(parser, ZTOKEN_RIGHT_BRACE));
    return zparser_advance(parser) &&
           expect_word(parser, "from", "'from' and the path of the module") &&
           use_path(parser, node);
}

// path "as" NAME
static bool use_namespace(struct zparser *parser, struct zast_node *node)
{
    struct ztoken name;
    if (!use_path(parser, node) || !expect_word(parser, "as", "'as' and a name for the module") ||
        !zparser_expect_name(parser, "a name for the module", &name))
        return false;
    node->use.alias = zparser_text(parser, &name);
    return true;
}

struct zast_node *zparse_use(struct zparser *parser)
{
    struct zast_node *node = zparser_node(parser, ZAST_USE, &parser->tokens.current);
    if (node == NULL) return NULL;
    if (parser->depth > 0) {
        zparser_fail(parser, &parser->tokens.current,
                     "'use' stands at the top level of a file, outside all blocks");
        return NULL;
    }
    if (!zparser_advance(parser)) return NULL;
    bool is_list = zparser_is(parser, ZTOKEN_LEFT_BRACE);
    if (!(is_list ? use_names(parser, node) : use_namespace(parser, node))) return NULL;
    node->use.index = parser->use_count++;
    *parser->uses_end = node;
    parser->uses_end = &node->use.next_use;
    return zparse_end(parser) ? node : NULL;
}

// ---- export ------------------------------------------------------------------------------------

bool zparse_is_export(struct zparser *parser)
{
    if (!zparser_is_name(parser, "export")) return false;
    const struct ztoken *next = ztokens_peek(&parser->tokens, 1);
    if (next->newline_before) return false;
    switch (next->kind) {
    case ZTOKEN_LET:
    case ZTOKEN_CONST:
    case ZTOKEN_ACTION:
    case ZTOKEN_FUNCTION:
    case ZTOKEN_ASYNC:
    case ZTOKEN_NAME:
        return true;
    default:
        return false;
    }
}

static struct zast_node *exported(struct zparser *parser)
{
    if (zparser_is(parser, ZTOKEN_LET) || zparser_is(parser, ZTOKEN_CONST))
        return zparse_let(parser);
    if (zparse_is_data_declaration(parser)) return zparse_data(parser);
    if (!zparser_is(parser, ZTOKEN_NAME) && zparse_is_function_declaration(parser))
        return zparse_function_declaration(parser);
    zparser_fail_expected(parser, "a declaration after 'export': let, const, action, function, "
                                  "async action or data, with a name");
    return NULL;
}

struct zast_node *zparse_export(struct zparser *parser)
{
    if (parser->depth > 0) {
        zparser_fail(parser, &parser->tokens.current,
                     "'export' stands at the top level of a file, outside all blocks");
        return NULL;
    }
    if (!zparser_advance(parser)) return NULL;
    struct zast_node *node = exported(parser);
    if (node != NULL) node->flags |= ZAST_FLAG_EXPORT;
    return node;
}
