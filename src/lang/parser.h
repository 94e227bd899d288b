// lang/parser.h - source text to resolved syntax tree.
#ifndef ZVM_LANG_PARSER_H
#define ZVM_LANG_PARSER_H

#include "base/status.h"
#include "lang/ast.h"
#include "lang/diagnostics.h"

// What a piece of a session stands on: the globals of all pieces before it, by slot. Its own globals
// get the slots behind them. Nothing is known for good of any global, because later pieces may declare
// it again; a builtin's name is looked up when it is used, for the same reason.
struct zlang_session {
    const struct zstring *const *globals; // [global_count]
    const uint8_t *global_flags;          // ZGLOBAL_…
    uint32_t global_count;
    bool is_shown; // a last statement that is an expression prints its value and keeps it in `_`
};

// Parses and resolves. The tree points into `text`, which must outlive it; everything else is in
// program->arena, freed by zlang_free_program.
// errors: ZVM_E_SYNTAX and ZVM_E_UTF8 with at least one finding, ZVM_E_NOMEM, ZVM_E_LIMIT (a source of
// 1 GiB or more). thread: any. cost: linear.
zvm_status zlang_parse(struct zdiagnostics *diagnostics, struct zast_program *out);
// The same without resolving: what the program uses must be loaded first. Then zresolve_program.
zvm_status zlang_parse_tree(struct zdiagnostics *diagnostics, struct zast_program *out);
// Would more lines continue this text? See zvm_source_is_open.
bool zlang_is_open(const char *text, size_t length_bytes);
void zlang_free_program(struct zast_program *program);

#endif // ZVM_LANG_PARSER_H
