// vm/map.c - insertion-ordered hash maps.
//
// Owner-thread. The payload is struct zmap_entry [capacity], in the order of insertion, and behind
// it the index: 2^index_bits slots of 1, 2 or 4 bytes, each 0 (empty) or 1 + the number of an
// entry, found by linear probing from the low bits of the hash. Up to ENTRIES_UNINDEXED entries
// there is no index: a look at so few hashes is faster than a probe. A removed entry stays in its
// place as a tombstone (key_tag ZTAG_DEAD), and so does the slot that leads to it, until the map is
// packed: when it is full and half of it is dead, or when three quarters of it are dead after a
// removal (so that a walk over few entries never passes many dead ones).
//
// Invariants: aux (live) <= used <= capacity; slots >= 1.5 * capacity, so a probe always ends at an
// empty slot; every entry's number is in exactly one slot; version changes with every added or
// removed key, and only then can entries move.
//
// Hash: the keyed hash of a string; integers go through one multiplication by the process's key, so
// that chosen keys do not collide on purpose.
#include "vm/map.h"

#include <string.h>

#include "base/siphash.h"
#include "vm/error.h"
#include "vm/fuel.h"
#include "vm/string.h"

#define ENTRIES_UNINDEXED 8u
#define ENTRIES_FIRST     4u
#define INDEX_BITS_FIRST  5u
#define PACK_USED_MIN     16u // smaller maps are not worth packing after a removal
#define MAP_COUNT_MAX     0x7fffffffu
#define SPARSE_SLOTS      64u // for each entry, or less: then one by one takes longer than all at once

// ---- Hash and equality of keys ------------------------------------------------------------------

// The low bits stay apart from the mixed ones, so that 16 keys in a row have their slots in one cache
// line: most integer keys are counters. Who chooses keys to collide gets at most that many.
#define INT_GROUP_BITS 4

static inline uint32_t hash_int(int64_t key)
{
    const struct zsiphash_key *secret = zsiphash_process_key_inline();
    uint64_t group = (uint64_t)key >> INT_GROUP_BITS;
    unsigned __int128 product = (unsigned __int128)(group ^ secret->k0) * (secret->k1 | 1);
    uint64_t mixed = (uint64_t)product ^ (uint64_t)(product >> 64);
    return (uint32_t)(mixed ^ ((uint64_t)key & ((1u << INT_GROUP_BITS) - 1)));
}

static inline uint32_t hash_key(struct zvalue key)
{
    if (key.tag == ZTAG_INT) return hash_int(key.i);
    struct zstring *string = key.p;
    return (uint32_t)(ZVM_LIKELY(string->hash != 0) ? string->hash : zstring_hash(string));
}

static inline uint64_t load_8(const char *bytes)
{
    uint64_t word;
    memcpy(&word, bytes, sizeof word);
    return word;
}

static inline uint32_t load_4(const char *bytes)
{
    uint32_t word;
    memcpy(&word, bytes, sizeof word);
    return word;
}

// Bytes [length] by words whose last overlaps: keys are short, and a call of memcmp costs more than
// the comparison.
static inline bool is_same_text(const char *a, const char *b, uint32_t length)
{
    if (length >= 8) {
        for (uint32_t i = 0; i + 8 < length; i += 8) {
            if (load_8(a + i) != load_8(b + i)) return false;
        }
        return load_8(a + length - 8) == load_8(b + length - 8);
    }
    if (length >= 4) {
        uint32_t different = load_4(a) ^ load_4(b);
        return (different | (load_4(a + length - 4) ^ load_4(b + length - 4))) == 0;
    }
    for (uint32_t i = 0; i < length; i++) {
        if (a[i] != b[i]) return false;
    }
    return true;
}

// The low halves of the hashes are equal already; both strings' hashes are known. Out of line, so that
// the way of integers and symbols saves no registers.
static __attribute__((noinline)) bool is_equal_key(const struct zmap_entry *entry,
                                                   struct zvalue key)
{
    if ((entry->key_tag & ZTAG_TYPE_MASK) != ZTYPE_STRING || !zvalue_is_string(key)) return false;
    if (entry->key_tag == ZTAG_SYMBOL && key.tag == ZTAG_SYMBOL) return false;
    const struct zstring *a = (const void *)(uintptr_t)entry->key, *b = key.p;
    if (a->hash != b->hash || a->header.aux != b->header.aux) return false;
    if ((a->header.flags | b->header.flags) & ZFLAG_LONG)
        return zstring_equal(zvalue_slot(entry->key, entry->key_tag), key);
    return is_same_text(a->bytes, b->bytes, a->header.aux);
}

static inline bool is_entry_of(const struct zmap_entry *entry, struct zvalue key)
{
    if (entry->key == key.bits && entry->key_tag == key.tag) return true;
    return key.tag != ZTAG_INT && is_equal_key(entry, key);
}

// ---- Index --------------------------------------------------------------------------------------

static inline void *index_of(const struct zmap *map)
{
    return zmap_entries(map) + map->capacity;
}

static inline uint32_t read_slot(const void *index, size_t i, uint32_t width)
{
    if (width == 1) return ((const uint8_t *)index)[i];
    if (width == 2) return ((const uint16_t *)index)[i];
    return ((const uint32_t *)index)[i];
}

static inline void write_slot(void *index, size_t i, uint32_t width, uint32_t value)
{
    if (width == 1)
        ((uint8_t *)index)[i] = (uint8_t)value;
    else if (width == 2)
        ((uint16_t *)index)[i] = (uint16_t)value;
    else
        ((uint32_t *)index)[i] = value;
}

// One copy of this loop for each width: the width is a constant in each.
static inline __attribute__((always_inline)) struct zmap_entry *
probe(const struct zmap *map, struct zvalue key, uint32_t hash, uint32_t width)
{
    struct zmap_entry *entries = zmap_entries(map);
    const void *index = index_of(map);
    size_t mask = ((size_t)1 << map->index_bits) - 1;
    for (size_t i = hash & mask;; i = (i + 1) & mask) {
        uint32_t slot = read_slot(index, i, width);
        if (slot == 0) return NULL;
        struct zmap_entry *entry = &entries[slot - 1];
        if (entry->hash == hash && is_entry_of(entry, key)) return entry;
    }
}

static inline struct zmap_entry *scan(const struct zmap *map, struct zvalue key, uint32_t hash)
{
    struct zmap_entry *entry = zmap_entries(map);
    for (uint32_t left = map->used; left > 0; left--, entry++) {
        if (entry->hash == hash && is_entry_of(entry, key)) return entry;
    }
    return NULL;
}

static inline __attribute__((always_inline)) struct zmap_entry *
find_hashed(const struct zmap *map, struct zvalue key, uint32_t hash)
{
    switch (map->index_width) {
    case 0:
        return scan(map, key, hash);
    case 1:
        return probe(map, key, hash, 1);
    case 2:
        return probe(map, key, hash, 2);
    default:
        return probe(map, key, hash, 4);
    }
}

// ---- Guesses ------------------------------------------------------------------------------------
//
// What is found after one key is most often the next that was added (a walk in the order of the keys), and
// what is stored is what was read just before (`m[k] = m[k] + 1`). The guess is no part of the map: it
// holds when the key is there, and any number is harmless.

// The entry of that number if it has the key itself: an equal text elsewhere is not seen.
static inline struct zmap_entry *entry_if(const struct zmap *map, uint32_t number, uint64_t bits,
                                          uint32_t tag)
{
    if (number >= map->used) return NULL;
    struct zmap_entry *entry = &zmap_entries(map)[number];
    return entry->key == bits && entry->key_tag == tag ? entry : NULL;
}

static inline void set_guess(const struct zmap *map, uint32_t number)
{
    ((struct zmap *)(uintptr_t)map)->guess = (uint16_t)number;
}

static inline struct zmap_entry *guess_from(const struct zmap *map, struct zmap_entry *entry)
{
    if (entry != NULL) set_guess(map, (uint32_t)(entry - zmap_entries(map)));
    return entry;
}

// A copy of its own for integers: the tag is a constant in it, and it saves no registers.
static __attribute__((noinline)) struct zmap_entry *find_int(const struct zmap *map, int64_t key)
{
    uint32_t next = map->guess + 1u;
    struct zmap_entry *entry = entry_if(map, next, (uint64_t)key, ZTAG_INT);
    if (entry != NULL) {
        set_guess(map, next);
        return entry;
    }
    return guess_from(map, find_hashed(map, zvalue_int(key), hash_int(key)));
}

static __attribute__((noinline)) struct zmap_entry *find_string(const struct zmap *map,
                                                                struct zvalue key)
{
    if (map->index_width == 0) return scan(map, key, hash_key(key)); // as quick as a guess
    return guess_from(map, find_hashed(map, key, hash_key(key)));
}

struct zmap_entry *zmap_find(const struct zmap *map, struct zvalue key)
{
    if (zmap_count(map) == 0) return NULL;
    return key.tag == ZTAG_INT ? find_int(map, key.i) : find_string(map, key);
}

static void add_to_index(struct zmap *map, uint32_t number, uint32_t hash)
{
    if (map->index_width == 0) return;
    void *index = index_of(map);
    size_t mask = ((size_t)1 << map->index_bits) - 1;
    uint32_t width = map->index_width;
    size_t i = hash & mask;
    while (read_slot(index, i, width) != 0)
        i = (i + 1) & mask;
    write_slot(index, i, width, number + 1);
}

static void fill_index(struct zmap *map)
{
    if (map->index_width == 0) return;
    const struct zmap_entry *entries = zmap_entries(map);
    for (uint32_t i = 0; i < map->used; i++)
        add_to_index(map, i, entries[i].hash);
}

static void empty_index(struct zmap *map)
{
    if (map->index_width == 0) return;
    memset(index_of(map), 0, ((size_t)1 << map->index_bits) * map->index_width);
}

// A map that was large once and has few entries now is not to pay for all of its index.
static bool is_sparse(const struct zmap *map)
{
    return map->index_width != 0 && map->used < ((size_t)1 << map->index_bits) / SPARSE_SLOTS;
}

// Empties the slot of every entry. The last one added goes first: so whatever stood in the way of another
// when that was added still does when that is looked for.
static void empty_slots(struct zmap *map)
{
    void *index = index_of(map);
    size_t mask = ((size_t)1 << map->index_bits) - 1;
    for (uint32_t left = map->used; left > 0; left--) {
        size_t i = zmap_entries(map)[left - 1].hash & mask;
        while (read_slot(index, i, map->index_width) != left)
            i = (i + 1) & mask;
        write_slot(index, i, map->index_width, 0);
    }
}

// ---- Size ---------------------------------------------------------------------------------------

struct shape {
    uint32_t capacity;
    uint8_t index_bits, index_width;
    size_t bytes;
};

// The smallest shape with room for count entries, at most MAP_COUNT_MAX.
static struct shape shape_for(uint64_t count)
{
    struct shape shape = {.capacity = count <= ENTRIES_FIRST ? ENTRIES_FIRST : ENTRIES_UNINDEXED};
    if (count > ENTRIES_UNINDEXED) {
        uint8_t bits = INDEX_BITS_FIRST;
        while (((uint64_t)1 << bits) / 3 * 2 < count)
            bits++;
        shape.index_bits = bits;
        shape.index_width = bits <= 8 ? 1 : bits <= 16 ? 2 : 4;
        shape.capacity = (uint32_t)(((uint64_t)1 << bits) / 3 * 2);
    }
    size_t slots = shape.index_width == 0 ? 0 : (size_t)1 << shape.index_bits;
    shape.bytes = shape.capacity * sizeof(struct zmap_entry) + slots * shape.index_width;
    return shape;
}

// Moves the live entries together, in their order. What leads to them is wrong then.
static void move_together(struct zmap *map)
{
    struct zmap_entry *entries = zmap_entries(map);
    uint32_t live = 0;
    for (uint32_t i = 0; i < map->used; i++) {
        if (entries[i].key_tag == ZTAG_DEAD) continue;
        if (live != i) entries[live] = entries[i];
        live++;
    }
    map->used = live;
}

static void pack(struct zmap *map)
{
    if (is_sparse(map))
        empty_slots(map);
    else
        empty_index(map);
    move_together(map);
    fill_index(map);
}

// What that touches.
static size_t pack_bytes(const struct zmap *map)
{
    // For each entry itself and a place in the index that is in nobody's cache.
    if (is_sparse(map)) return 2 * map->used * sizeof(struct zmap_entry);
    return map->owner.payload_bytes;
}

// Gives the map the shape for count entries, at least its live ones, and packs it.
static bool resize(struct zisolate *iso, struct zmap *map, uint64_t count)
{
    if (count > MAP_COUNT_MAX)
        return zerror_raise(iso, ZERROR_LIMIT, "map larger than %u entries", MAP_COUNT_MAX);
    struct shape shape = shape_for(count);
    ZVM_ASSERT(shape.capacity >= map->used);
    if (!zfuel_touch_whole(iso, shape.bytes)) return false;
    if (shape.bytes != map->owner.payload_bytes &&
        !zheap_payload_resize(&iso->heap, &map->owner, shape.bytes))
        return zerror_raise_memory(iso);
    map->capacity = shape.capacity;
    map->index_bits = shape.index_bits;
    map->index_width = shape.index_width;
    if (zmap_count(map) < map->used) move_together(map);
    empty_index(map);
    fill_index(map);
    zheap_log(&iso->heap, &map->owner.header);
    return true;
}

// Room for one more entry. The map is full. What is left free is at least a third of what is live,
// so that adding and removing in turn does not pack the map each time.
static bool make_room(struct zisolate *iso, struct zmap *map)
{
    uint32_t live = zmap_count(map);
    if (map->used == 0 || live > map->used / 2) {
        uint64_t count = (uint64_t)live + live / 2 + 1;
        if (count > MAP_COUNT_MAX && live < MAP_COUNT_MAX) count = MAP_COUNT_MAX;
        return resize(iso, map, count);
    }
    if (!zfuel_touch_whole(iso, pack_bytes(map))) return false;
    pack(map);
    zheap_log(&iso->heap, &map->owner.header);
    return true;
}

bool zmap_new(struct zisolate *iso, uint64_t capacity, struct zvalue *out)
{
    struct zmap *map = zheap_new(&iso->heap, ZTYPE_MAP, sizeof *map, 0);
    if (map == NULL) return zerror_raise_memory(iso);
    struct zowner owner = {.header = map->owner.header};
    *map = (struct zmap){.owner = owner};
    struct zvalue root = zvalue_object(map, ZTAG_MAP);
    if (capacity > 0) {
        struct zscope scope;
        zscope_open(&iso->heap, &scope, &root, 1);
        bool has_room = resize(iso, map, capacity);
        zscope_close(&iso->heap, &scope);
        if (!has_room) return false;
    }
    *out = root;
    return true;
}

// ---- Adding and removing ------------------------------------------------------------------------

// The barrier of a store into one entry.
static inline void log_entry(struct zisolate *iso, struct zmap *map, uint32_t number)
{
    size_t bytes = sizeof(struct zmap_entry);
    zheap_log_payload(&iso->heap, &map->owner, number * bytes, bytes);
}

// Adds a key that is not there, in the form in which maps keep it. There is room.
static void add_entry(struct zisolate *iso, struct zmap *map, struct zvalue key, uint32_t hash,
                      struct zvalue value)
{
    uint32_t number = map->used++;
    zmap_entries(map)[number] = (struct zmap_entry){
        .key = key.bits,
        .value = value.bits,
        .hash = hash,
        .key_tag = (uint8_t)key.tag,
        .value_tag = (uint8_t)value.tag,
    };
    add_to_index(map, number, hash);
    map->owner.header.aux++;
    map->version++;
    log_entry(iso, map, number);
}

// A symbol that was only just taken is held by nobody but the held set, from which a collection
// drops what nothing reaches: it is rooted here until the map has it.
static __attribute__((noinline)) bool add_any(struct zisolate *iso, struct zmap *map,
                                              struct zvalue key, uint32_t hash, struct zvalue value,
                                              bool is_private)
{
    struct zvalue roots[] = {key, zvalue_object(map, ZTAG_MAP), value};
    struct zscope scope;
    zscope_open(&iso->heap, &scope, roots, 3);
    bool is_ready = is_private || key.tag == ZTAG_INT || key.tag == ZTAG_SYMBOL;
    bool has_room = is_ready || zstring_as_key(iso, key, &roots[0]);
    if (has_room && map->used == map->capacity) has_room = make_room(iso, map);
    zscope_close(&iso->heap, &scope);
    if (has_room) add_entry(iso, map, roots[0], hash, value);
    return has_room;
}

static inline __attribute__((always_inline)) bool
set(struct zisolate *iso, struct zmap *map, struct zvalue key, struct zvalue value, bool is_private)
{
    uint32_t hash = 0;
    struct zmap_entry *entry = entry_if(map, map->guess, key.bits, key.tag);
    if (entry == NULL) {
        hash = hash_key(key);
        if (zmap_count(map) != 0) entry = find_hashed(map, key, hash);
    }
    if (entry != NULL) {
        entry->value = value.bits;
        entry->value_tag = (uint8_t)value.tag;
        log_entry(iso, map, (uint32_t)(entry - zmap_entries(map)));
        return true;
    }
    bool is_ready = is_private || key.tag == ZTAG_INT || key.tag == ZTAG_SYMBOL;
    if (ZVM_LIKELY(is_ready && map->used < map->capacity)) {
        add_entry(iso, map, key, hash, value);
        return true;
    }
    return add_any(iso, map, key, hash, value, is_private);
}

bool zmap_set(struct zisolate *iso, struct zmap *map, struct zvalue key, struct zvalue value)
{
    return set(iso, map, key, value, false /* is_private */);
}

bool zmap_set_private(struct zisolate *iso, struct zmap *map, struct zvalue key,
                      struct zvalue value)
{
    return set(iso, map, key, value, true /* is_private */);
}

bool zmap_remove(struct zisolate *iso, struct zmap *map, struct zvalue key, struct zvalue *removed)
{
    struct zmap_entry *entry = zmap_find(map, key);
    if (entry == NULL) return true;
    bool is_packed = map->used >= PACK_USED_MIN && zmap_count(map) - 1 < map->used / 4;
    if (is_packed && !zfuel_touch_whole(iso, pack_bytes(map))) return false;
    *removed = zvalue_slot(entry->value, entry->value_tag);
    entry->key = entry->value = 0;
    entry->key_tag = ZTAG_DEAD;
    entry->value_tag = ZTAG_NULL;
    map->owner.header.aux--;
    map->version++;
    if (is_packed) pack(map);
    return true;
}

// ---- Walking ------------------------------------------------------------------------------------

// Three of four entries may be dead, and all in a row.
bool zmap_skip_dead_slow(struct zisolate *iso, const struct zmap *map, uint32_t *number)
{
    const struct zmap_entry *entries = zmap_entries(map);
    struct zfuel_meter meter = {0};
    while (*number < map->used && entries[*number].key_tag == ZTAG_DEAD) {
        if (!zfuel_meter_add(iso, &meter, sizeof *entries)) return false;
        ++*number;
    }
    return zfuel_touch(iso, meter.bytes);
}
