// lang/resolve.h - says for each name of a parsed program which variable it means. owner-thread.
#ifndef ZVM_LANG_RESOLVE_H
#define ZVM_LANG_RESOLVE_H

#include "lang/parser.h"

// Fills what ast.h leaves to resolving: variables, captures, globals. program->main and its arena
// are set. errors: ZVM_E_SYNTAX with one finding (a name declared twice), ZVM_E_NOMEM. cost:
// linear, whatever the number of names and scopes.
zvm_status zresolve_program(struct zdiagnostics *diagnostics, struct zast_program *program);

#endif // ZVM_LANG_RESOLVE_H
