// base/shelf.c - blocks of one size that were freed, kept for the next who wants one.
//
// Owns: the blocks on the shelf, each a block of the C library. One a process, as the allocator under it.
// Thread: any. shared: the places; a block belongs to whoever took it out of one.
// Why: the C library maps a block of 1 MiB and unmaps it again when it is freed, and a page costs 1.2
// microseconds at its first touch (x86-64 in a virtual machine, Linux 6.18): more than all that is done
// with the 128 cells in it. A program that makes and destroys runtimes or memory managers paid that each time.
// How: a place holds a block or NULL. Taking is an exchange with NULL, putting a compare-and-swap from
// NULL, so no block is ever in two hands, and none can come back unseen (there is no list, so no ABA).
// While a block lies there the system may take its pages (MADV_FREE) when it needs them; what it did not
// need costs no page fault later.
#include "base/shelf.h"

#include "base/atomic.h"

#include <stdlib.h>
#include <sys/mman.h>

// shared. PAIR shelf: release in zshelf_put, acquire in zshelf_take: who takes a block sees all that was
// written to it before it was put there.
static _Atomic(void *) places[ZSHELF_PLACES + 1]; // one too many: an array has no length of 0

static const size_t places_count = ZSHELF_PLACES;

void *zshelf_take(void)
{
    for (size_t i = 0; i < places_count; i++) {
        if (z_load_relaxed(&places[i]) == NULL) continue;   // relaxed: a guess, the exchange tells
        void *block = z_exchange_acquire(&places[i], NULL); // PAIR shelf, from zshelf_put
        if (block != NULL) return block;
    }
    return NULL;
}

bool zshelf_put(void *block)
{
    for (size_t i = 0; i < places_count; i++) {
        void *nothing = NULL;
        if (z_load_relaxed(&places[i]) != NULL) continue; // relaxed: a guess, the CAS tells
        // Refused where the system has it not: then the pages stay. Before the CAS: then it is another's.
        (void)madvise(block, ZSHELF_BYTES, MADV_FREE);
        if (z_cas_release(&places[i], &nothing, block)) return true; // PAIR shelf, to zshelf_take
    }
    return false;
}

void zshelf_clear(void)
{
    for (void *block = zshelf_take(); block != NULL; block = zshelf_take())
        free(block);
}
