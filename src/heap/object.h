// heap/object.h - the layout of every kind of heap object.
//
// An object is a cell of 16-byte granules and never moves. What does not fit 2 KiB lives outside,
// in a payload that the object owns. A slot is 8 bytes of payload plus one tag byte; the tag bytes
// stand together behind the payloads, so that a scan for pointers reads them alone. Ownership:
// owner-thread, the one that runs the isolate. Symbols have a string's layout and are frozen.
#ifndef ZVM_HEAP_OBJECT_H
#define ZVM_HEAP_OBJECT_H

#include "heap/value.h"

struct zproto;
struct zshape;

// 8 bytes in front of every object.
struct zobject {
    uint8_t kind;   // ZTYPE_…
    uint8_t flags;  // ZFLAG_…
    uint16_t birth; // collection epoch of the heap when it was made
    uint32_t aux;   // by kind: a length, a count, a tag
};

_Static_assert(sizeof(struct zobject) == 8, "object header");

enum {
    ZFLAG_LOG = 1,       // armed: the next store into it is noted, see heap/barrier.c
    ZFLAG_EXTERNAL = 2,  // its payload is outside the spans, and it is in the heap's owner list
    ZFLAG_SHARED = 4,    // a symbol: not of this heap
    ZFLAG_SAMPLED = 8,   // in the table of sampled allocations
    ZFLAG_COUNTED = 16,  // strbuf: its payload is others' as well, and never changes: base/counted.h
    ZFLAG_ASCII = 32,    // string: every byte is below 128
    ZFLAG_LONG = 64,     // string: the bytes are in a strbuf
    ZFLAG_VISITING = 64, // list, map, record: on the path of a conversion to text, see vm/text.c
    ZFLAG_FINALIZER = 128,
};

// Strings. aux = length in bytes. Immutable. hash 0 = not computed yet (private strings only).
#define ZSTRING_INLINE_MAX 2023 // longest inline string: header 16, NUL 1, cell 2040 rounds to 2048

struct zstring {
    struct zobject header;
    uint64_t hash;
    char bytes[]; // [aux], then a NUL; only when not ZFLAG_LONG
};

_Static_assert(sizeof(struct zstring) == 16, "string header");

// Longer strings go from isolate to isolate by count, not by copy. Shorter ones are not worth a block of their
// own in each heap.
#define ZSTRING_COUNTED_MIN 1024

// Any object that owns a payload begins so. The payload is a BUFFER cell's inside (up to 2 KiB) or,
// with ZFLAG_EXTERNAL, a block of its own; with ZFLAG_COUNTED as well, one that it only has a hold of.
struct zowner {
    struct zobject header;
    void *payload; // NULL when payload_bytes is 0
    uint64_t payload_bytes;
};

// A BUFFER cell: aux = bytes inside.
struct zbuffer {
    struct zobject header;
    char data[];
};

// Bytes that grow at the end: `s = s + x` extends them in place when s ends at `used`, unless they are
// COUNTED, which has used == payload_bytes.
struct zstrbuf_object {
    struct zowner owner; // payload: char [payload_bytes]
    uint64_t used;       // high-water mark: bytes some string already shows
};

// A string over ZSTRING_INLINE_MAX bytes, or one over ZSTRING_COUNTED_MIN that has come in a message: the
// first aux bytes of buffer's payload.
struct zstring_long {
    struct zobject header; // as struct zstring, which cannot be a member: it ends in its bytes
    uint64_t hash;
    struct zstrbuf_object *buffer;
    uint64_t length_chars; // code points; 0 = not counted yet
    // Byte offset of every 64th code point, for indexing strings that are not ASCII; built at first
    // index. NULL = not built. A payload inside a BUFFER or external: offsets is an owner of its
    // own.
    struct zowner *offsets;
    uint64_t reserved;
};

// Lists. aux = length.
enum { ZLIST_INT = 0, ZLIST_FLOAT = 1, ZLIST_ANY = 2 }; // INT and FLOAT equal their tags

struct zlist {
    struct zowner owner; // payload: uint64_t [capacity], then for ANY uint8_t [capacity] of tags
    uint32_t capacity;   // elements
    uint8_t elements;    // ZLIST_…: what all of them are; an empty list is ZLIST_INT
    uint8_t reserved[3];
};

static inline uint64_t *zlist_payload(const struct zlist *list)
{
    return list->owner.payload;
}

static inline uint8_t *zlist_tags(const struct zlist *list) // ANY only
{
    return (uint8_t *)((uint64_t *)list->owner.payload + list->capacity);
}

// Maps. aux = live entries. Insertion-ordered; keys are strings or integers.
struct zmap_entry {
    uint64_t key, value; // payloads
    uint32_t hash;       // of the key, low 32 bits
    uint8_t key_tag;     // ZTAG_DEAD: removed
    uint8_t value_tag;
    uint16_t reserved;
};

_Static_assert(sizeof(struct zmap_entry) == 24, "map entries are interleaved, 24 bytes");

struct zmap {
    struct zowner owner; // payload: struct zmap_entry [capacity], then the index, see vm/map.c
    uint32_t capacity;   // entries there is room for
    uint32_t used;       // entries written, removed ones too
    uint32_t version;    // changes whenever a key is added or removed
    uint8_t index_bits;  // log2 of index slots; 0 = none
    uint8_t index_width; // 1, 2 or 4 bytes a slot
    uint16_t guess;      // number of the entry found last, its low bits: where to look first (vm/map.c)
};

static inline struct zmap_entry *zmap_entries(const struct zmap *map)
{
    return map->owner.payload;
}

// Functions. aux = captured slots: payloads, then tags. A captured variable that is assigned after
// its capture is a CELL; one that never changes is captured by value.
struct zfunc {
    struct zobject header;
    const struct zproto *proto;
    uint64_t captured[];
};

static inline uint8_t *zfunc_tags(const struct zfunc *func)
{
    return (uint8_t *)(uintptr_t)(func->captured + func->header.aux);
}

static inline size_t zfunc_bytes(uint32_t captured_count)
{
    return sizeof(struct zfunc) + (size_t)captured_count * 9;
}

// A captured variable. aux = tag.
struct zcell {
    struct zobject header;
    uint64_t payload;
};

// An error value. Its trace is a BUFFER of struct ztrace_entry (vm/error.h), or NULL.
struct zerror {
    struct zobject header;
    uint64_t kind, message; // strings
    uint32_t line, column;  // 0 until first thrown
    struct zbuffer *trace;
    uint8_t kind_tag, message_tag;
    uint16_t file;            // where it was first thrown: zcode_file_name
    uint8_t hint, hint_type;  // enum zhint_kind, see vm/hint.h; a ZTYPE_ or other detail
    uint8_t reserved[2];
    uint32_t hint_number;
    const void *hint_subject, *hint_name; // nothing of this heap
};

// An instance of a data declaration. aux = fields: payloads, then tags.
struct zrecord {
    struct zobject header;
    struct zclass *class;
    uint32_t shape_id; // of class->shape: what inline caches compare
    uint32_t reserved;
    uint64_t fields[];
};

static inline uint8_t *zrecord_tags(const struct zrecord *record)
{
    return (uint8_t *)(uintptr_t)(record->fields + record->header.aux);
}

// A data type as one isolate sees it: its methods and defaults with what they captured. aux =
// slots.
struct zclass {
    struct zobject header;
    struct zclass *parent;      // NULL: none
    const struct zshape *shape; // shared, frozen
    uint64_t slots[];           // payloads, then tags
};

static inline uint8_t *zclass_tags(const struct zclass *class)
{
    return (uint8_t *)(uintptr_t)(class->slots + class->header.aux);
}

// A method and its receiver. aux = tag of the receiver.
struct zbound {
    struct zobject header;
    uint64_t receiver;
    struct zobject *method; // a FUNC
    uint64_t builtin;       // or the id of a builtin method
};

// A call of an async function. aux = slots, at least one: the arguments until it runs, then the result
// or what was thrown in the first.
enum ztask_state { ZTASK_NEW, ZTASK_RUNNING, ZTASK_DONE, ZTASK_FAILED };

#define ZTASK_PARAMETERS_MAX 200 // so that a task fits a cell

struct ztask {
    struct zobject header;
    struct zfunc *func;        // NEW only, then NULL
    const struct zproto *site; // the function that made the call, and where in it
    uint32_t site_pc;
    uint16_t state;        // enum ztask_state
    uint16_t file;         // FAILED: where it was thrown, zcode_file_name
    uint32_t line, column; // FAILED: the same
    uint64_t slots[];      // payloads, then tags
};

static inline uint8_t *ztask_tags(const struct ztask *task)
{
    return (uint8_t *)(uintptr_t)(task->slots + task->header.aux);
}

// n slots, for the memory manager. aux = n.
struct znode {
    struct zobject header;
    uint64_t slots[]; // payloads, then tags
};

static inline uint8_t *znode_tags(const struct znode *node)
{
    return (uint8_t *)(uintptr_t)(node->slots + node->header.aux);
}

#endif // ZVM_HEAP_OBJECT_H
