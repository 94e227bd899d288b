// vm/global.h - the globals of a resting isolate, as its host reads and writes them.
//
// thread: the isolate's owner, with iso->runner and the heap's env set for writing.
#ifndef ZVM_VM_GLOBAL_H
#define ZVM_VM_GLOBAL_H

#include "vm/isolate.h"

// The register of a global; NULL: the program has none of that name. It moves when the stack grows.
struct zvalue *zglobal_find(const struct zisolate *iso, const char *name);
// errors: ZVM_E_NOT_FOUND, ZVM_E_TYPE (a kind that cannot be carried), ZVM_E_UTF8, ZVM_E_LIMIT,
// ZVM_E_HEAP_LIMIT, ZVM_E_NOMEM. On failure the global keeps its value.
zvm_status zglobal_set(struct zisolate *iso, const char *name, const zvm_value *value);
// The text of a long string is copied, for it is not NUL-terminated.
// errors: ZVM_E_NOT_FOUND, also without a value; ZVM_E_NOMEM.
zvm_status zglobal_get(struct zisolate *iso, const char *name, zvm_value *out);

#endif // ZVM_VM_GLOBAL_H
