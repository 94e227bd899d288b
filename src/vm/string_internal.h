// vm/string_internal.h - more on strings, for the files of src/vm. owner-thread.
#ifndef ZVM_VM_STRING_INTERNAL_H
#define ZVM_VM_STRING_INTERNAL_H

#include "vm/string.h"

// A fresh string of length_bytes (2 or more, or not ASCII) whose bytes the caller writes before the
// next allocation. ascii must be exact. Neither charges fuel nor roots.
bool zstring_make(struct zisolate *iso, size_t length_bytes, bool ascii, struct zvalue *out,
                  char **bytes);

// A buffer without a payload; a small cell that shows the first length_bytes of one, which must be rooted. NULL: no
// memory, and nothing is pending.
struct zstrbuf_object *zstring_new_buffer(struct zisolate *iso);
struct zstring_long *zstring_new_long(struct zisolate *iso, struct zstrbuf_object *buffer,
                                      uint32_t length_bytes, bool ascii);

// Charges for what zstring_length_chars has to do, and does the long part of it.
bool zstring_charge_length(struct zisolate *iso, struct zvalue string);

#endif // ZVM_VM_STRING_INTERNAL_H
