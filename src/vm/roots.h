// vm/roots.h - what holds an isolate's objects, and what objects are called, for people.
// owner-thread.
#ifndef ZVM_VM_ROOTS_H
#define ZVM_VM_ROOTS_H

#include "heap/graph.h"
#include "vm/isolate.h"

enum zroot_kind {
    ZROOT_GLOBAL,   // `slot` of the globals
    ZROOT_LOCAL,    // register `slot` of a call
    ZROOT_FUNCTION, // of a call
    ZROOT_ERROR,    // under way
    ZROOT_ARGUMENTS,
    ZROOT_SCOPE, // of a C function
    ZROOT_HOST,  // a reference of the host
    ZROOT_OTHER, // none of these
};

struct zroot {
    const struct zobject *object;
    enum zroot_kind kind;
    uint32_t frame; // of iso->frames
    uint32_t slot;
};

struct zroots {
    struct zroot *items; // [count]
    uint32_t count, capacity;
    bool failed; // no memory
};

// All roots of an isolate, and then, with `walk`ed graph, one OTHER for each object that only
// something else keeps. Adds them to the graph and walks it. errors: ZVM_E_NOMEM.
// with_others: what no root leads to gets a root, so that everything is reached.
zvm_status zroots_walk(const struct zisolate *iso, struct zgraph *graph, bool with_others,
                       struct zroots *out);
void zroots_deinit(struct zroots *roots);

struct zstrbuf;
// "global cache", "register 3 of f (FILE:LINE)".
void zroots_name(const struct zisolate *iso, const struct zroot *root, struct zstrbuf *out);
// "list(3)", a string's beginning, the name of a data type or of a function.
void zobject_name(const struct zobject *object, struct zstrbuf *out);
// "list", "string", "data".
const char *zobject_kind_text(const struct zobject *object);
// "[3]", ".field", "[\"key\"]", ".payload". from: the object that has the edge.
void zedge_name(const struct zobject *from, const struct zedge *edge, struct zstrbuf *out);
// The first bytes of a string, on a character boundary, with "..." when there is more.
void zroots_add_beginning(const struct zstring *string, uint32_t bytes_max, struct zstrbuf *out);
const char *zproto_text(const struct zproto *proto);
// "FILE:LINE" of a word of a function.
void zproto_place(const struct zproto *proto, uint32_t pc, struct zstrbuf *out);

#endif // ZVM_VM_ROOTS_H
