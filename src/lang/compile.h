// lang/compile.h - source text to a sealed, verified code object.
#ifndef ZVM_LANG_COMPILE_H
#define ZVM_LANG_COMPILE_H

#include "lang/parser.h"
#include "vm/code.h"

// Parses, resolves, generates and verifies diagnostics->text. *out has one reference.
// errors: ZVM_E_SYNTAX and ZVM_E_UTF8 (with findings), ZVM_E_LIMIT, ZVM_E_INTERN_LIMIT, ZVM_E_NOMEM,
// ZVM_E_BYTECODE (a bug of the generator). thread: any. cost: linear.
zvm_status zlang_compile(struct zintern *intern, struct zdiagnostics *diagnostics,
                         struct zcode **out);

// The same for a piece of a session: its code names the globals of all pieces so far.
zvm_status zlang_compile_in(struct zintern *intern, struct zdiagnostics *diagnostics,
                            const struct zlang_session *session, struct zcode **out);

#endif // ZVM_LANG_COMPILE_H
