// lang/generate_internal.h - the state of code generation; for the files of src/lang only.
//
// Registers of a function are a stack: variables take theirs when declared and give them back at the
// end of their scope, temporaries stand above them. `next` is the first free register.
// Errors stick: the first one sets gen->status, later calls do nothing harmful, and the driver looks
// at the end.
#ifndef ZVM_LANG_GENERATE_INTERNAL_H
#define ZVM_LANG_GENERATE_INTERNAL_H

#include "lang/arena.h"
#include "lang/module_internal.h"
#include "lang/parser.h"
#include "vm/code.h"

// A growing array of one element type; see generate_buffer.c.
struct zgen_array {
    void *data;
    uint32_t count, capacity;
};

// Forward jumps that wait for their target: indexes of the words to patch.
struct zgen_jumps {
    struct zgen_array sites; // uint32_t
};

enum zgen_block_kind { ZGEN_LOOP, ZGEN_FINALLY };
enum zgen_exit_kind { ZGEN_EXIT_RETURN, ZGEN_EXIT_BREAK, ZGEN_EXIT_CONTINUE };

struct zgen_exit {
    enum zgen_exit_kind kind;
    struct zgen_block *loop; // NULL for RETURN
};

// What break, continue and return must pass, innermost first.
struct zgen_block {
    enum zgen_block_kind kind;
    struct zgen_block *outer;
    struct zgen_jumps breaks, continues; // LOOP
    uint32_t value_register;             // FINALLY: the value under way, then its kind
    struct zgen_jumps to_finalizer;      // FINALLY
    struct zgen_array exits;             // FINALLY: struct zgen_exit; kind number = index + 1
};

// One function being generated.
struct zgen_function {
    struct zgen_function *outer;
    const struct zast_function *ast;
    struct zgen_array words;     // uint32_t
    struct zgen_array constants; // struct zvalue
    struct zgen_array handlers;  // struct zhandler
    struct zgen_array checks;    // struct zcheck
    struct zgen_array lines;     // uint8_t
    uint32_t *constant_index;    // open-addressed, constant + 1; in the arena
    uint32_t constant_index_size;
    uint32_t line_pc, line, column; // of the last entry in `lines`
    uint32_t line_start;            // where that entry begins, and what it follows
    uint32_t line_pc_before, line_before;
    uint32_t last_pc;  // of the last instruction that zgen_abc or zgen_ad emitted
    uint32_t label_pc; // the last place that something may jump to or begin at
    uint32_t next, register_count;
    uint32_t this_register; // of a method that uses `this`, itself or in an inner function
    struct zgen_block *block;
    uint32_t proto_index;
    uint32_t async_start; // 0: not async
};

// A place where an action is spawned.
struct zgen_spawn {
    struct zast_global *action;
    struct zast_position position;
};

struct zgen {
    struct zdiagnostics *diagnostics;
    struct zast_program *program;
    struct zintern *intern;
    struct zcode *code;
    struct zgen_array protos;          // struct zproto
    struct zgen_array datas;           // struct zdata
    struct zgen_array spawns;          // struct zgen_spawn
    struct zast_global **global_index; // open-addressed by name; in the arena
    uint32_t global_index_size;
    struct zgen_function *function;
    struct zunit *unit;      // a module is compiled; NULL: the program
    struct zmodule *modules; // of the program, each behind those that it uses
    uint32_t own_count;      // globals that are not imported
    uint32_t import_count;   // of a module
    uint32_t global_count;   // slots in all
    zvm_status status;
};

// ---- Buffers and limits (generate_buffer.c) ---------------------------------------------------
void zgen_fail(struct zgen *gen, zvm_status status);
// A finding about the source; also fails.
void zgen_error(struct zgen *gen, struct zast_position position, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
// Room for one more element of `bytes`; NULL when memory is out (failed).
void *zgen_array_add(struct zgen *gen, struct zgen_array *array, size_t bytes);
void zgen_array_free(struct zgen_array *array, size_t bytes);
// Shrinks to size and hands the memory over; NULL when empty or failed, then the array keeps it.
void *zgen_array_take(struct zgen *gen, struct zgen_array *array, size_t bytes);
const struct zstring *zgen_symbol(struct zgen *gen, struct zast_text text,
                                  struct zast_position position);

// ---- Instructions (generate_emit.c) -----------------------------------------------------------
// The next instruction's place, which something will jump to or begin at: it is not made one with the
// instruction before it.
uint32_t zgen_pc(struct zgen *gen);
void zgen_word(struct zgen *gen, uint32_t word);
void zgen_abc(struct zgen *gen, enum zopcode op, uint32_t a, uint32_t b, uint32_t c);
void zgen_ad(struct zgen *gen, enum zopcode op, uint32_t a, uint32_t d);
// The next instructions raise their errors here.
void zgen_at(struct zgen *gen, struct zast_position position);
uint32_t zgen_constant(struct zgen *gen, struct zvalue value);
uint32_t zgen_constant_text(struct zgen *gen, struct zast_text text, struct zast_position position);
// Forward jumps: emit with zgen_jump, bind all here with zgen_bind.
void zgen_jump(struct zgen *gen, struct zgen_jumps *jumps);     // JMP
void zgen_jump_aux(struct zgen *gen, struct zgen_jumps *jumps); // the AUX word of a branch
void zgen_bind(struct zgen *gen, struct zgen_jumps *jumps);     // to the next instruction
void zgen_loop(struct zgen *gen, uint32_t target);              // LOOP
void zgen_loop_aux(struct zgen *gen, uint32_t target);          // the AUX word of an LJ…
// The AUX word of a property or method call: the name and an inline cache of its own.
uint32_t zgen_site(struct zgen *gen, struct zast_text name, struct zast_position position);
uint32_t zgen_registers(struct zgen *gen, uint32_t count, struct zast_position position);
uint32_t zgen_check(struct zgen *gen, const struct zast_type *type, enum zcheck_context context,
                    struct zast_text name); // index + 1; 0 when nothing is to be checked
// The same into *check, with symbols of its own; the type is ZCHECK_ANY when nothing is to be checked.
void zgen_fill_check(struct zgen *gen, const struct zast_type *type, enum zcheck_context context,
                     struct zast_text name, struct zcheck *check);

// ---- Expressions (generate_expression.c, generate_postfix.c, generate_condition.c) -------------
void zgen_expression(struct zgen *gen, const struct zast_node *node, uint32_t target);
// The register that holds the value of a name or of `this` at any time, or -1.
int zgen_fixed_register(struct zgen *gen, const struct zast_node *node);
// A register that holds the value: a variable's own, or a fresh temporary.
uint32_t zgen_operand(struct zgen *gen, const struct zast_node *node);
// Like zgen_expression into the register of a variable that the expression may read.
void zgen_expression_to_variable(struct zgen *gen, const struct zast_node *node, uint32_t target);
void zgen_binary_op(struct zgen *gen, const struct zast_node *node, uint32_t target, uint32_t left,
                    const struct zast_node *right);
void zgen_postfix(struct zgen *gen, const struct zast_node *node, uint32_t target);
// Jumps when the truth of node is `sense`.
void zgen_condition(struct zgen *gen, const struct zast_node *node, bool sense,
                    struct zgen_jumps *jumps);
// Jumps back to target when node is true.
void zgen_condition_back(struct zgen *gen, const struct zast_node *node, uint32_t target);
// The left spine of a chain of `kind` nodes: the leftmost operand, then *count nodes, innermost first.
const struct zast_node **zgen_spine(struct zgen *gen, const struct zast_node *node, uint8_t kind,
                                    const struct zast_node **leftmost, uint32_t *count);

// The constant of a literal that an instruction can name; false: it is none, or too long a string.
bool zgen_literal_constant(struct zgen *gen, const struct zast_node *node, uint32_t *constant);
// The same as a value, whose symbol the caller owns.
bool zgen_literal_value(struct zgen *gen, const struct zast_node *node, struct zvalue *value);
void zgen_match(struct zgen *gen, const struct zast_node *node, uint32_t target);
void zgen_load_this(struct zgen *gen, uint32_t target);

// ---- Names (generate_name.c) ------------------------------------------------------------------
void zgen_load_name(struct zgen *gen, const struct zast_name *name, struct zast_position position,
                    uint32_t target);
// The register that holds a variable's value itself, or -1 (cells, captures, globals).
int zgen_name_register(struct zgen *gen, const struct zast_name *name);
void zgen_store_name(struct zgen *gen, const struct zast_name *name, struct zast_position position,
                     uint32_t value);
// The global's slot; UINT32_MAX for a builtin that nothing shadows, then *builtin is set.
uint32_t zgen_global(struct zgen *gen, struct zast_text name, uint32_t *builtin);
// Gives every global its slot and makes the lookup above fast.
void zgen_number_globals(struct zgen *gen);
// From here on the code that is generated runs only when the global has its value: globals are declared
// by the main program's own statements, one after the other, and a function's body runs after the
// statement before it.
void zgen_mark_set(struct zgen *gen, struct zast_text name);
// True when the global has one value in all code from here on.
bool zgen_is_fixed(const struct zgen *gen, struct zast_text name);
struct zast_global *zgen_find_global(const struct zgen *gen, struct zast_text name); // NULL: none
bool zgen_is_cell(const struct zast_variable *variable);
// Gives a declared variable its register (the next free one) at its first declaration.
void zgen_declare(struct zgen *gen, struct zast_variable *variable, struct zast_position position);
void zgen_load_variable(struct zgen *gen, const struct zast_variable *variable, uint32_t target);

// ---- Statements, functions --------------------------------------------------------------------
void zgen_statements(struct zgen *gen, const struct zast_node *first);
// The same, but the value of a last expression is printed and kept, unless it is null.
void zgen_shown_statements(struct zgen *gen, const struct zast_node *first);
void zgen_block_scope(struct zgen *gen, const struct zast_node *block);
void zgen_try(struct zgen *gen, const struct zast_node *node);
// A value in `reg` becomes the value of a declared name.
void zgen_declare_value(struct zgen *gen, struct zast_text name, struct zast_variable *variable,
                        bool is_first, struct zast_position position, uint32_t reg);
void zgen_data(struct zgen *gen, const struct zast_node *node);
void zgen_leave(struct zgen *gen, enum zgen_exit_kind kind, uint32_t value_register,
                struct zast_position position);
void zgen_closure(struct zgen *gen, const struct zast_function *function, uint32_t target,
                  struct zast_position position);
void zgen_main(struct zgen *gen);

// ---- Spawning (generate_spawn.c) ---------------------------------------------------------------
// The functions from `first` on belong to the declaration of the global.
void zgen_note_functions(struct zgen *gen, struct zast_text name, uint32_t first);
// A call with FLAG_SPAWN: what it starts must be an action of the top level.
void zgen_note_spawn(struct zgen *gen, const struct zast_node *call);
// At the end, when all functions are there: none that is spawned uses a variable that is assigned.
void zgen_check_spawns(struct zgen *gen);

// ---- Modules (generate_module.c) --------------------------------------------------------------
// Gives imported globals, and for the program those of its modules, their slots, behind the own ones.
void zgen_number_modules(struct zgen *gen);
// `use`: runs the module's top level, unless it has run.
void zgen_use(struct zgen *gen, const struct zast_node *node);
// Appends the functions of all modules to those of the program.
void zgen_link(struct zgen *gen);
// The hints of all modules, with the slots of the program.
void zgen_link_hints(const struct zgen *gen, struct zcode_hint *out);
// At the start of the program: puts each module's top level into its guard.
void zgen_guards(struct zgen *gen);
// The names of globals, and the files, that modules bring in.
void zgen_name_modules(struct zgen *gen);

#endif // ZVM_LANG_GENERATE_INTERNAL_H
