// lang/ast.h - the syntax tree. Nodes live in one arena per compilation and are freed with it.
//
// owner-thread. Built by parser.c, annotated by resolve.c (variables), read by the code generator.
#ifndef ZVM_LANG_AST_H
#define ZVM_LANG_AST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Deepest nesting of expressions, blocks and functions; left-leaning chains (a + b + c, a.b().c())
// do not count, they are walked in a loop.
#define ZAST_DEPTH_MAX 200

struct zarena;
struct zmodule;

// UTF-8, not NUL-terminated, in the arena or in the source. Names compare by content.
struct zast_text {
    const char *bytes;
    uint32_t length_bytes;
};

struct zast_position {
    uint32_t line, column; // from 1; column in code points
};

enum zast_kind {
    // Expressions
    ZAST_NULL,
    ZAST_TRUE,
    ZAST_FALSE,
    ZAST_INT,         // integer
    ZAST_FLOAT,       // number
    ZAST_STRING,      // text, escapes done
    ZAST_INTERPOLATE, // list: STRING nodes and expressions
    ZAST_NAME,        // name (text, variable); `print` as a value is the NAME "print"
    ZAST_THIS,
    ZAST_LIST,        // list
    ZAST_MAP,         // list: alternating key (STRING or INT) and value nodes
    ZAST_UNARY,       // op, left
    ZAST_AWAIT,       // left
    ZAST_BINARY,      // op, left, right
    ZAST_AND,         // left, right
    ZAST_OR,          // left, right
    ZAST_COALESCE,    // left, right
    ZAST_CONDITIONAL, // conditional
    ZAST_CALL,        // call
    ZAST_INDEX,       // left, right
    ZAST_MEMBER,      // member
    ZAST_FUNCTION,    // function
    ZAST_MATCH,       // match
    // Statements
    ZAST_BLOCK,   // block
    ZAST_LET,     // let (one name); flag CONST
    ZAST_UNPACK,  // unpack (destructuring); flag CONST
    ZAST_FDECL,   // fdecl
    ZAST_DATA,    // data
    ZAST_IF,      // branch: arms in a list, else
    ZAST_WHILE,   // loop
    ZAST_FOREACH, // foreach
    ZAST_TRY,     // attempt
    ZAST_RETURN,  // left (may be NULL)
    ZAST_BREAK,
    ZAST_CONTINUE,
    ZAST_THROW,      // left
    ZAST_PRINT,      // list
    ZAST_ASSIGN,     // op (ZAST_OP_NONE for =), left: NAME, INDEX or MEMBER; right
    ZAST_EXPRESSION, // left
    ZAST_USE,        // use
    // Patterns of match
    ZAST_PATTERN_ANY,
    ZAST_PATTERN_NAME,    // let.variable
    ZAST_PATTERN_LITERAL, // left: a literal node
    ZAST_PATTERN_DATA,    // call.callee: NAME; call.arguments: patterns
};

enum zast_op {
    ZAST_OP_NONE,
    ZAST_OP_ADD,
    ZAST_OP_SUB,
    ZAST_OP_MUL,
    ZAST_OP_DIV,
    ZAST_OP_MOD,
    ZAST_OP_POW,
    ZAST_OP_EQ,
    ZAST_OP_NE,
    ZAST_OP_LT,
    ZAST_OP_LE,
    ZAST_OP_GT,
    ZAST_OP_GE,
    ZAST_OP_NEG,
    ZAST_OP_NOT,
};

enum {
    ZAST_FLAG_CONST = 1,         // LET, UNPACK
    ZAST_FLAG_NAMED = 2,         // CALL: every argument has a name
    ZAST_FLAG_PARENTHESISED = 4, // any expression
    ZAST_FLAG_EXPORT = 8,        // LET, UNPACK, FDECL, DATA of the top level
    ZAST_FLAG_SPAWN = 16,        // CALL of the builtin that spawns; the action is the first argument
};

// A variable that is not a global. Made by resolve.c, one per declaration group of a scope.
struct zast_variable {
    struct zast_text name;
    struct zast_function *function; // whose register it is
    bool is_const;
    bool is_captured; // some inner function uses it
    bool
        is_reassigned; // written more than once, or written after an inner function may have captured
    // it (its own FDECL inside itself counts: the closure is made before the store)
    uint16_t reg;               // for the code generator
    bool is_live;               // for the code generator
    struct zast_variable *next; // all variables of a function
};

// A type annotation. name empty: none.
struct zast_type {
    struct zast_text name; // as written, without the <...> part
    struct zast_position position;
};

struct zast_param {
    struct zast_text name;
    struct zast_position position;
    struct zast_type type;
    struct zast_variable *variable;
    struct zast_param *next;
};

// One captured variable of a function: where it comes from in the enclosing function.
struct zast_capture {
    struct zast_variable *variable;
    bool from_parent_register; // else from the parent's captures, index parent_index
    uint16_t parent_index;
    struct zast_capture *next;
};

struct zast_function {
    struct zast_text name; // empty: anonymous
    struct zast_position position;
    struct zast_param *params;
    uint32_t param_count;
    struct zast_type result;
    struct zast_node *body; // BLOCK; or an expression when is_expression
    bool is_expression;     // arrow with an expression body
    bool is_async;
    bool is_method;
    bool uses_this;
    struct zast_function *parent; // enclosing; NULL for the main program
    struct zast_variable *variables;
    struct zast_capture *captures; // in order of index
    uint32_t capture_count;
};

struct zast_member_declaration { // of a data declaration
    bool is_method;
    struct zast_text name;
    struct zast_position position;
    struct zast_type type;
    struct zast_function *function; // method; or a field's default as a function without parameters
    struct zast_member_declaration *next;
};

struct zast_target {                   // one name of a destructuring pattern, or of a `use`
    struct zast_text key;              // mappat: the map key; use: the name in the module
    struct zast_position key_position; // of `use`
    struct zast_text name;
    struct zast_position position;  // of the name
    struct zast_variable *variable; // NULL: a global
    bool is_rest;
    bool is_first; // the first declaration of this variable in its scope
    struct zast_target *next;
};

// How a NAME or a declared name resolved: a variable, or (variable NULL) the global of that name.
struct zast_name {
    struct zast_text text;
    struct zast_variable *variable;
    bool
        is_const; // assignment is a ConstError: a const variable, or a global declared const in the
                  // program (visible or not: the generator still checks that it is set)
};

struct zast_node {
    uint8_t kind; // enum zast_kind
    uint8_t op;   // enum zast_op
    uint16_t flags;
    struct zast_position
        position; // where its run-time errors are, LANGUAGE "Positions": the operator of
                  // UNARY/BINARY/ASSIGN with an op, the `[` of INDEX, the name after
                  // `.` of MEMBER, the callee's position for CALL, the declared name
                  // of an annotated LET, the keyword of UNPACK, FOREACH, MATCH, THROW;
                  // a plain ASSIGN has its target's position
    struct zast_position start; // its first character (inside any parentheses)
    struct zast_node *next;     // in the list it stands in
    union {
        int64_t integer;
        double number;
        struct zast_text text;
        struct zast_name name;
        struct {
            struct zast_node *first;
            uint32_t count;
        } list;
        struct {
            struct zast_node *left, *right;
        };
        struct {
            struct zast_node *condition, *yes, *no;
        } conditional;
        struct {
            struct zast_node *callee;
            struct zast_node *arguments; // list; with FLAG_NAMED see argument_names
            uint32_t argument_count;
            struct zast_target *argument_names; // names in order, NULL without FLAG_NAMED
        } call;
        struct {
            struct zast_node *object;
            struct zast_text name;
        } member;
        struct zast_function *function;
        struct {
            struct zast_node *subject;
            struct zast_node *arms; // list of CONDITIONAL nodes: condition = pattern, yes = result
        } match;
        struct {
            struct zast_node *statements; // list
        } block;
        struct {
            struct zast_text name;
            struct zast_variable *variable; // NULL: a global
            struct zast_type type;
            struct zast_node *value; // NULL: null
            struct zast_position name_position;
            bool is_first; // the first declaration of this variable in its scope
        } let;
        struct {
            bool is_map;
            struct zast_target *targets;
            uint32_t target_count; // without the rest element
            bool has_rest;
            struct zast_node *value;
        } unpack;
        struct {
            struct zast_function *function;
            struct zast_variable *variable; // NULL: a global
            struct zast_position name_position;
            bool is_first;
        } fdecl;
        struct {
            struct zast_text name;
            struct zast_variable *variable;
            struct zast_text parent; // empty: none
            struct zast_position parent_position;
            struct zast_variable *parent_variable;
            struct zast_member_declaration *members;
            bool is_first;
        } data;
        struct {
            struct zast_node *arms;      // list of CONDITIONAL nodes: condition, yes = BLOCK
            struct zast_node *otherwise; // BLOCK or NULL
        } branch;
        struct {
            struct zast_node *condition, *body;
        } loop;
        struct {
            struct zast_node *iterable, *body;
            struct zast_target *names; // one or two
            uint32_t name_count;
        } foreach;
        struct {
            struct zast_node *body;
            struct zast_node *handler;      // BLOCK or NULL
            struct zast_text name;          // of the catch variable; empty: none
            struct zast_variable *variable; // NULL: none
            struct zast_node *finalizer;    // BLOCK or NULL
        } attempt;
        struct {
            struct zast_text path;     // as written, escapes done
            struct zast_text alias;    // the namespace; empty: names are taken
            struct zast_target *names; // key: the name in the module, name: the one here
            struct zmodule *module;    // by the loader; NULL: not loaded
            struct zast_node *next_use;
            uint32_t index; // among the uses of the program
        } use;
    };
};

// A global name that the program declares or uses.
struct zast_global {
    struct zast_text name;
    struct zast_position position;       // of its first declaration or use
    uint32_t declaration_count;          // top-level let, const, action, data
    bool is_const;                       // declared const
    bool is_assigned;                    // by an assignment statement anywhere
    struct zast_function *only_function; // declared once, by `action`, and never assigned
    bool is_exported;
    const struct zast_node *use; // what imports it; NULL: the program's own
    uint32_t export_slot;        // imported: its slot in its module
    uint32_t slot;               // for the code generator
    uint32_t proto_start, proto_end; // for the code generator: functions of its last declaration
    bool is_set;                 // for the code generator: has its value in all code from here on
    const char *hint;            // what may be meant when it has no value; NULL: nothing known
    struct zast_global *next;
};

struct zlang_session; // lang/parser.h

struct zast_program {
    const struct zlang_session *session; // NULL: a program of its own
    struct zarena *arena;
    struct zast_function *main;  // parent NULL, no parameters
    struct zast_global *globals; // every global name used or declared, in order of appearance
    uint32_t global_count;
    struct zast_node *uses; // linked by use.next_use, in order
    uint32_t use_count;
};

#endif // ZVM_LANG_AST_H
