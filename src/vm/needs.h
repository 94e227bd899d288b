// vm/needs.h - which globals a function uses, itself or in the functions inside it.
//
// frozen once made. Found when they are first asked for, and kept by the code object.
#ifndef ZVM_VM_NEEDS_H
#define ZVM_VM_NEEDS_H

#include "vm/code.h"

struct zneeds {
    struct zneeds *next; // of the code object's
    uint32_t proto;      // number of the function
    uint32_t count;
    uint32_t globals[]; // [count], slots, each once
};

// thread: any. NULL: no memory. cost: the first time linear in the code of the function.
const struct zneeds *zneeds_of(const struct zproto *proto);
// Whether some function of it spawns isolates. cost: linear in the code
bool zneeds_has_spawn(const struct zcode *code);
// The code object goes.
void zneeds_free_all(struct zcode *code);

#endif // ZVM_VM_NEEDS_H
