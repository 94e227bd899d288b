// base/siphash.c - SipHash-1-3: one round a word, three at the end.
//
// Owns: the key of this process. Thread: any; the key is frozen once it was given out, so that
// equal strings keep equal hashes for as long as the process lives. Why keyed: programs choose the
// strings, and with a known hash they could make all of them collide. Why 1-3: it is what Rust and
// Ruby use against the same attack, at about half the cost of 2-4.
#include "base/siphash.h"

#include "base/clock.h"

#include <pthread.h>
#include <string.h>
#include <sys/random.h>

struct sip_state {
    uint64_t v0, v1, v2, v3;
};

static inline uint64_t rotate_left(uint64_t word, unsigned bits)
{
    return word << bits | word >> (64 - bits);
}

static inline void sip_round(struct sip_state *s)
{
    s->v0 += s->v1;
    s->v1 = rotate_left(s->v1, 13) ^ s->v0;
    s->v0 = rotate_left(s->v0, 32);
    s->v2 += s->v3;
    s->v3 = rotate_left(s->v3, 16) ^ s->v2;
    s->v0 += s->v3;
    s->v3 = rotate_left(s->v3, 21) ^ s->v0;
    s->v2 += s->v1;
    s->v1 = rotate_left(s->v1, 17) ^ s->v2;
    s->v2 = rotate_left(s->v2, 32);
}

// The algorithm is defined on little-endian words; hashes that leave the process (a fixed seed that
// replays a run) must be the same everywhere.
static inline uint64_t load_word(const unsigned char *bytes)
{
    uint64_t word;
    memcpy(&word, bytes, sizeof word);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    return word;
}

// The last 0 to 7 bytes, with the low byte of the length on top.
static inline uint64_t load_tail(const unsigned char *bytes, size_t count, size_t length_bytes)
{
    uint64_t word = (uint64_t)length_bytes << 56;
    for (size_t i = 0; i < count; i++)
        word |= (uint64_t)bytes[i] << (8 * i);
    return word;
}

static inline void absorb(struct sip_state *s, uint64_t word)
{
    s->v3 ^= word;
    sip_round(s);
    s->v0 ^= word;
}

uint64_t zsiphash13(const struct zsiphash_key *key, const void *bytes, size_t length_bytes)
{
    struct sip_state s = {
        key->k0 ^ UINT64_C(0x736f6d6570736575),
        key->k1 ^ UINT64_C(0x646f72616e646f6d),
        key->k0 ^ UINT64_C(0x6c7967656e657261),
        key->k1 ^ UINT64_C(0x7465646279746573),
    };
    const unsigned char *in = bytes;
    size_t tail = length_bytes % 8;
    for (size_t i = 0; i < length_bytes - tail; i += 8)
        absorb(&s, load_word(in + i));
    absorb(&s, load_tail(tail == 0 ? in : in + (length_bytes - tail), tail, length_bytes));
    s.v2 ^= 0xff;
    sip_round(&s);
    sip_round(&s);
    sip_round(&s);
    return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}

// ---- The key of this process --------------------------------------------------------------------

// One a process, not one a runtime: symbols carry their hash, and code is compiled before the
// isolate that runs it exists. Written once under key_lock, then frozen.
// PAIR key: release in set_key_locked, acquire in zsiphash_process_key and its inline form.
struct zsiphash_process zsiphash_process;
// Guards the setting of the key. Leaf lock, taken at most a few times a process: two threads that
// both find no key must not publish halves of two keys.
static pthread_mutex_t key_lock = PTHREAD_MUTEX_INITIALIZER;

static uint64_t splitmix64(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static void set_key_locked(uint64_t seed)
{
    zsiphash_process.key.k0 = splitmix64(&seed);
    zsiphash_process.key.k1 = splitmix64(&seed);
    z_store_release(&zsiphash_process.is_set, true); // PAIR key, to zsiphash_process_key
}

static void set_random_key_locked(void)
{
    // getrandom gives up to 256 bytes whole, or fails (a kernel before 3.17, a strict sandbox).
    if (getrandom(&zsiphash_process.key, sizeof zsiphash_process.key, 0) ==
        (ssize_t)sizeof zsiphash_process.key) {
        z_store_release(&zsiphash_process.is_set, true); // PAIR key, to zsiphash_process_key
        return;
    }
    // Weaker, but not known beforehand: the time to a nanosecond and where the stack was placed.
    uint64_t seed = zclock_now_ns();
    seed ^= (uint64_t)(uintptr_t)&seed << 16;
    set_key_locked(seed);
}

const struct zsiphash_key *zsiphash_process_key(void)
{
    if (z_load_acquire(&zsiphash_process.is_set)) return &zsiphash_process.key; // PAIR key
    pthread_mutex_lock(&key_lock);
    if (!z_load_relaxed(&zsiphash_process.is_set)) // relaxed: the lock orders it
        set_random_key_locked();
    pthread_mutex_unlock(&key_lock);
    return &zsiphash_process.key;
}

void zsiphash_fix_process_key(uint64_t seed)
{
    pthread_mutex_lock(&key_lock);
    if (!z_load_relaxed(&zsiphash_process.is_set)) // relaxed: the lock orders it
        set_key_locked(seed);
    pthread_mutex_unlock(&key_lock);
}
