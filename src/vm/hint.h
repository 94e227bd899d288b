// vm/hint.h - what may mend an error that nobody caught. owner-thread.
//
// Where an error is raised only a note of what it is about goes into the error value, a few stores; the
// text is made if the error ends the isolate. What the note points to is nothing of the heap: code,
// symbols of code, builtins, shapes.
#ifndef ZVM_VM_HINT_H
#define ZVM_VM_HINT_H

#include "vm/isolate.h"

enum zhint_kind {
    ZHINT_NONE,
    ZHINT_NAME,       // subject: struct zcode; number: the global's slot
    ZHINT_METHOD,     // type: ZTYPE_ of the receiver; name
    ZHINT_PROPERTY,   // the same
    ZHINT_MEMBER,     // subject: struct zshape; name
    ZHINT_FIELD,      // the same, where only a field is possible
    ZHINT_FIELDS,     // subject: struct zshape, which is being constructed
    ZHINT_PARAMETERS, // subject: struct zproto
    ZHINT_BUILTIN,    // subject: struct zbuiltin; number: 1 when called as a method
    ZHINT_INDEX,      // number: the length; type: 1 when the index is negative
    ZHINT_JOIN,       // a string + something else
};

// To the error just raised, if there is one. Always returns false, as zerror_raise does.
bool zhint_add(struct zisolate *iso, enum zhint_kind kind, uint32_t type, const void *subject,
               uint32_t number);
// The same for a name that was not found, a symbol of the code.
bool zhint_add_name(struct zisolate *iso, enum zhint_kind kind, uint32_t type, const void *subject,
                    const struct zstring *name);
// `index N out of range for length N`, with its hint. Always returns false.
bool zhint_raise_index(struct zisolate *iso, int64_t index, uint64_t length);

// The hint of an error in one line, without a line end; nothing when there is none.
void zhint_write(const struct zerror *error, struct zstrbuf *out);

#endif // ZVM_VM_HINT_H
