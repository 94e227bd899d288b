// lang/compile.h - source text to a sealed, verified code object.
#ifndef ZVM_LANG_COMPILE_H
#define ZVM_LANG_COMPILE_H

#include "lang/module.h"
#include "lang/parser.h"
#include "vm/code.h"

// Parses, resolves, generates and verifies diagnostics->text. *out has one reference.
// errors: ZVM_E_SYNTAX and ZVM_E_UTF8 (with findings), ZVM_E_LIMIT, ZVM_E_INTERN_LIMIT, ZVM_E_NOMEM,
// ZVM_E_BYTECODE (a bug of the generator). thread: any. cost: linear.
zvm_status zlang_compile(struct zintern *intern, struct zdiagnostics *diagnostics,
                         struct zcode **out);

// The same of a program that may use modules: compiles those that are new, and links all into *out,
// which holds them. source NULL: it may not.
zvm_status zlang_compile_program(struct zintern *intern, struct zdiagnostics *diagnostics,
                                 const struct zmodule_source *source, struct zcode **out);
// The same for a piece of a session: its code names the globals of all pieces so far.
zvm_status zlang_compile_in(struct zintern *intern, struct zdiagnostics *diagnostics,
                            const struct zlang_session *session, struct zcode **out);

#endif // ZVM_LANG_COMPILE_H
