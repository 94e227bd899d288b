// base/sized.h - structs of the caller that begin with their size. thread: any.
//
// The caller may have been built against another version of zvm.h, whose structs were shorter or
// longer at their ends.
#ifndef ZVM_BASE_SIZED_H
#define ZVM_BASE_SIZED_H

#include <stdbool.h>
#include <stddef.h>

// out [own_bytes] becomes a copy of from, which begins with its size: what the caller does not have
// reads as zero. false: the size is no size, or something that this version does not know is set.
bool zsized_read(void *out, size_t own_bytes, const void *from);
// Fills out, which begins with its size, as far as the caller has it; the size stays.
// false: the size is no size.
bool zsized_write(void *out, const void *from, size_t own_bytes);

#endif // ZVM_BASE_SIZED_H
