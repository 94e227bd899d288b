// vm/keys.c - the short texts among the constants of a code object, to be found by their bytes.
//
// Owns: one table of a code object. Thread: any. Two threads may make it at once: one of them throws its own away.
// shared: code->keys. PAIR keys: release when it is put in, acquire by who looks.
// Why: what a host hands over again and again as the key of a map is mostly what the program reads by that name.
// The program's own symbol needs no object, no hash and no counting, and is found by its address afterwards.
// How: open addressing by a quick hash of length and both ends. Only who writes the program can make constants
// collide, and a constant that finds no place within PROBES_MAX is left out: so a look-up is bounded for everybody.
#include "vm/keys.h"

#include "base/alloc.h"

#include <string.h>

#define PROBES_MAX 8u
#define SLOTS_MIN  16u
#define SLOTS_MAX  (1u << 20) // more constants than half of it are left out

// ---- Hash and comparison ------------------------------------------------------------------------

// Both ends of a text of 1 to ZINTERN_DYNAMIC_MAX_BYTES, which overlap in one of up to 16: then they are all of it.
struct ends {
    uint64_t first, last;
};

static inline struct ends ends_of(const char *text, size_t length_bytes)
{
    struct ends ends;
    if (length_bytes >= 8) {
        memcpy(&ends.first, text, 8);
        memcpy(&ends.last, text + length_bytes - 8, 8);
    } else if (length_bytes >= 4) {
        uint32_t first, last;
        memcpy(&first, text, 4);
        memcpy(&last, text + length_bytes - 4, 4);
        ends = (struct ends){first, last};
    } else {
        const unsigned char *bytes = (const unsigned char *)text;
        ends.first = bytes[0];
        ends.last = (uint64_t)bytes[length_bytes / 2] << 8 | bytes[length_bytes - 1];
    }
    return ends;
}

static inline uint32_t hash_of(struct ends ends, size_t length_bytes)
{
    uint64_t mixed = ends.first ^ (ends.last << 23 | ends.last >> 41) ^ length_bytes;
    return (uint32_t)(mixed * UINT64_C(0x9e3779b97f4a7c15) >> 32);
}

static inline bool is_text_of(const struct zstring *symbol, const char *text, size_t length_bytes,
                              struct ends ends)
{
    if (symbol->header.aux != length_bytes) return false;
    struct ends own = ends_of(symbol->bytes, length_bytes);
    if (own.first != ends.first || own.last != ends.last) return false;
    return length_bytes <= 16 || memcmp(symbol->bytes, text, length_bytes) == 0;
}

// ---- Making -------------------------------------------------------------------------------------

static bool is_key(struct zvalue constant)
{
    const struct zstring *symbol = constant.p;
    return constant.tag == ZTAG_SYMBOL && symbol->header.aux > 0 &&
           symbol->header.aux <= ZINTERN_DYNAMIC_MAX_BYTES;
}

static uint32_t count_keys(const struct zcode *code)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < code->proto_count; i++)
        for (uint32_t k = 0; k < code->protos[i].constant_count; k++)
            count += is_key(code->protos[i].constants[k]);
    return count;
}

static void add(struct zkeys *keys, const struct zstring *symbol)
{
    uint32_t length_bytes = symbol->header.aux;
    uint32_t at = hash_of(ends_of(symbol->bytes, length_bytes), length_bytes) & keys->mask;
    for (uint32_t probe = 0; probe < PROBES_MAX; probe++) {
        if (keys->slots[at] == symbol) return;
        if (keys->slots[at] == NULL) {
            keys->slots[at] = symbol;
            return;
        }
        at = (at + 1) & keys->mask;
    }
}

static struct zkeys *make(const struct zcode *code)
{
    uint32_t count = count_keys(code), slots = SLOTS_MIN;
    while (slots < SLOTS_MAX && slots / 2 < count)
        slots *= 2;
    size_t bytes = sizeof(struct zkeys) + slots * sizeof(const struct zstring *);
    struct zkeys *keys = z_alloc_zeroed(bytes);
    if (keys == NULL) return NULL;
    keys->bytes = bytes;
    keys->mask = slots - 1;
    for (uint32_t i = 0; i < code->proto_count; i++)
        for (uint32_t k = 0; k < code->protos[i].constant_count; k++)
            if (is_key(code->protos[i].constants[k])) add(keys, code->protos[i].constants[k].p);
    return keys;
}

const struct zkeys *zkeys_of(const struct zcode *constant_code)
{
    struct zcode *code = (struct zcode *)(uintptr_t)constant_code;
    struct zkeys *keys = z_load_acquire(&code->keys); // PAIR keys
    if (keys != NULL) return keys;
    struct zkeys *made = make(code);
    if (made == NULL) return NULL;
    if (z_cas_acq_rel(&code->keys, &keys, made)) return made; // PAIR keys
    z_free(made, made->bytes);
    return keys;
}

// ---- Finding ------------------------------------------------------------------------------------

const struct zstring *zkeys_find(const struct zkeys *keys, const char *text, size_t length_bytes)
{
    if (length_bytes == 0 || length_bytes > ZINTERN_DYNAMIC_MAX_BYTES) return NULL;
    struct ends ends = ends_of(text, length_bytes);
    uint32_t at = hash_of(ends, length_bytes) & keys->mask;
    for (uint32_t probe = 0; probe < PROBES_MAX; probe++) {
        const struct zstring *symbol = keys->slots[at];
        if (symbol == NULL) return NULL;
        if (is_text_of(symbol, text, length_bytes, ends)) return symbol;
        at = (at + 1) & keys->mask;
    }
    return NULL;
}

void zkeys_free(struct zcode *code)
{
    struct zkeys *keys = z_load_relaxed(&code->keys); // relaxed: nobody else has the code
    if (keys != NULL) z_free(keys, keys->bytes);
}
