// vm/error.h - raising errors. owner-thread.
//
// A function that fails sets iso->pending and returns false or NULL; its callers only pass that on. The
// interpreter adds the place, from the instruction it is at, and unwinds.
#ifndef ZVM_VM_ERROR_H
#define ZVM_VM_ERROR_H

#include "vm/isolate.h"

#define ZERROR_KINDS(X)                     \
    X(ERROR, "Error")                       \
    X(NAME, "NameError")                    \
    X(TYPE, "TypeError")                    \
    X(ARGUMENT, "ArgumentError")            \
    X(INDEX, "IndexError")                  \
    X(FIELD, "FieldError")                  \
    X(VALUE, "ValueError")                  \
    X(ZERO_DIVISION, "ZeroDivisionError")   \
    X(OVERFLOW, "OverflowError")            \
    X(CONST, "ConstError")                  \
    X(MATCH, "MatchError")                  \
    X(STATE, "StateError")                  \
    X(REQUIRE, "RequireError")              \
    X(STACK_OVERFLOW, "StackOverflowError") \
    X(LIMIT, "LimitError")                  \
    X(HEAP_LIMIT, "HeapLimitError")         \
    X(INTERN_LIMIT, "InternLimitError")     \
    X(MAILBOX, "MailboxError")

enum zerror_kind {
#define X(name, text) ZERROR_##name,
    ZERROR_KINDS(X)
#undef X
        ZERROR_KIND_COUNT
};

// One frame of a captured trace.
struct ztrace_entry {
    const struct zproto *proto;
    uint32_t pc, reserved;
};
#define ZTRACE_MAX 32

// Always returns false, so that `return zerror_raise(…)` reads well. Formats: as printf; long texts are
// cut at 4000 bytes on a character boundary.
bool zerror_raise(struct zisolate *iso, enum zerror_kind kind, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
// The same with the place of the current frame's call (arity, parameter and result types).
bool zerror_raise_at_caller(struct zisolate *iso, enum zerror_kind kind, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
// After an allocation was refused: HeapLimitError, or the end of the isolate.
bool zerror_raise_memory(struct zisolate *iso);
// Ends the isolate: no catch, no finally.
bool zerror_terminate(struct zisolate *iso, zvm_status status);

// A new error value with kind and message, which must be strings and rooted; NULL: memory (raised).
struct zerror *zerror_new(struct zisolate *iso, struct zvalue kind, struct zvalue message);

const char *zerror_kind_name(enum zerror_kind kind); // "TypeError"

// The text of typeof(): "integer", "list", …
const char *zerror_type_text(struct zvalue value);

#endif // ZVM_VM_ERROR_H
