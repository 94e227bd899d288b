// vm/keys.h - the short texts among the constants of a code object, to be found by their bytes.
//
// frozen once made. Found when they are first asked for, and kept by the code object.
#ifndef ZVM_VM_KEYS_H
#define ZVM_VM_KEYS_H

#include "vm/code.h"

struct zkeys {
    size_t bytes; // of all of this
    uint32_t mask;
    const struct zstring *slots[]; // [mask + 1], NULL: empty
};

// thread: any. NULL: no memory, and then there is nothing to be found. cost: the first time linear in the constants.
const struct zkeys *zkeys_of(const struct zcode *code);
// The symbol of a text that the code has, which it holds; NULL: it has none. cost: constant, whatever the code is.
const struct zstring *zkeys_find(const struct zkeys *keys, const char *text, size_t length_bytes);
// The code object goes.
void zkeys_free(struct zcode *code);

#endif // ZVM_VM_KEYS_H
