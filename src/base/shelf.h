// base/shelf.h - blocks of one size that were freed, kept for the next who wants one. thread: any.
#ifndef ZVM_BASE_SHELF_H
#define ZVM_BASE_SHELF_H

#include <stdbool.h>
#include <stddef.h>

#define ZSHELF_BYTES ((size_t)1 << 20) // of a block, and its alignment

// How many are kept at most. None under AddressSanitizer, which finds uses of what was freed.
#if defined(__SANITIZE_ADDRESS__)
#    define ZSHELF_PLACES 0u
#elif defined(__has_feature)
#    if __has_feature(address_sanitizer)
#        define ZSHELF_PLACES 0u
#    endif
#endif
#ifndef ZSHELF_PLACES
#    define ZSHELF_PLACES 4u
#endif

void *zshelf_take(void);      // NULL: there is none
bool zshelf_put(void *block); // false: no room, the caller keeps it
void zshelf_clear(void);      // frees them all

#endif // ZVM_BASE_SHELF_H
