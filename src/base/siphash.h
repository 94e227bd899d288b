// base/siphash.h - SipHash-1-3 (Aumasson and Bernstein), the keyed hash of strings. thread: any.
#ifndef ZVM_BASE_SIPHASH_H
#define ZVM_BASE_SIPHASH_H

#include "base/atomic.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct zsiphash_key {
    uint64_t k0, k1;
};

uint64_t zsiphash13(const struct zsiphash_key *key, const void *bytes, size_t length_bytes);

// The key of this process: random at the first call, or fixed by zsiphash_fix_process_key before it.
const struct zsiphash_key *zsiphash_process_key(void);
void zsiphash_fix_process_key(uint64_t seed);

// The same inline, for what hashes an integer in fewer instructions than a call takes.
struct zsiphash_process {
    struct zsiphash_key key;
    atomic_bool
        is_set; // shared. PAIR key: release when the key is there, acquire before it is read.
};
extern struct zsiphash_process zsiphash_process;

static inline const struct zsiphash_key *zsiphash_process_key_inline(void)
{
    if (z_load_acquire(&zsiphash_process.is_set)) return &zsiphash_process.key; // PAIR key
    return zsiphash_process_key();
}

#endif // ZVM_BASE_SIPHASH_H
