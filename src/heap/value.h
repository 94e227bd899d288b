// heap/value.h - the 16-byte value of registers, globals, arguments and constants.
//
// A slot inside a heap object is thinner: 8 bytes of payload and one tag byte (heap/object.h).
#ifndef ZVM_HEAP_VALUE_H
#define ZVM_HEAP_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct zobject;
struct zstring;

// A tag is a type in bits 0-5, and where the payload points in bits 6-7.
enum {
    ZTAG_INT = 0, // both operands integers: (a.tag | b.tag) == 0
    ZTAG_FLOAT = 1,
    ZTAG_NULL = 2, // null and false are adjacent: the falsy values
    ZTAG_FALSE = 3,
    ZTAG_TRUE = 4,
    ZTAG_UNSET = 5, // a global that has no value yet; never visible to a program
    ZTAG_DEAD = 6,  // the key of a removed map entry; never visible to a program

    ZTAG_SHARED = 0x40, // symbol, builtin, code: never marked through, never in this heap
    ZTAG_HEAP = 0x80,   // a cell of this isolate's heap
    ZTAG_TYPE_MASK = 0x3f,
};

// Types that have objects. The object's kind byte is the same number.
enum {
    ZTYPE_STRING = 8,
    ZTYPE_LIST = 9,
    ZTYPE_MAP = 10,
    ZTYPE_FUNC = 11,
    ZTYPE_RECORD = 12,
    ZTYPE_ERROR = 13,
    ZTYPE_TASK = 14,
    ZTYPE_CLASS = 15,
    ZTYPE_BOUND = 16,  // a method bound to its receiver
    ZTYPE_CELL = 17,   // a captured variable
    ZTYPE_BUFFER = 18, // bytes that belong to another object; no pointers of its own
    ZTYPE_STRBUF = 19, // the growing bytes that long strings share
    ZTYPE_HOST = 20,   // an object of the host
    ZTYPE_NODE = 21,   // n slots, for the memory manager used from C
    ZTYPE_ISOLATE = 22, // names an isolate (vm/talk.h)
    ZTYPE_COUNT
};

enum {
    ZTAG_STRING = ZTAG_HEAP | ZTYPE_STRING,
    ZTAG_SYMBOL = ZTAG_SHARED | ZTYPE_STRING,
    ZTAG_LIST = ZTAG_HEAP | ZTYPE_LIST,
    ZTAG_MAP = ZTAG_HEAP | ZTYPE_MAP,
    ZTAG_FUNC = ZTAG_HEAP | ZTYPE_FUNC,
    ZTAG_BUILTIN = ZTAG_SHARED | ZTYPE_FUNC,
    ZTAG_RECORD = ZTAG_HEAP | ZTYPE_RECORD,
    ZTAG_ERROR = ZTAG_HEAP | ZTYPE_ERROR,
    ZTAG_TASK = ZTAG_HEAP | ZTYPE_TASK,
    ZTAG_CLASS = ZTAG_HEAP | ZTYPE_CLASS,
    ZTAG_BOUND = ZTAG_HEAP | ZTYPE_BOUND,
    ZTAG_CELL = ZTAG_HEAP | ZTYPE_CELL,
    ZTAG_HOST = ZTAG_HEAP | ZTYPE_HOST,
    ZTAG_NODE = ZTAG_HEAP | ZTYPE_NODE,
    ZTAG_ISOLATE = ZTAG_HEAP | ZTYPE_ISOLATE,
};

struct zvalue {
    union {
        int64_t i;
        double d;
        void *p;       // any object
        uint64_t bits; // for copying a payload without knowing what it is
    };
    uint32_t tag;
    uint32_t aux; // means nothing outside the register
};

_Static_assert(sizeof(struct zvalue) == 16, "registers are 16 bytes");

static inline struct zvalue zvalue_int(int64_t i)
{
    return (struct zvalue){.i = i, .tag = ZTAG_INT};
}

static inline struct zvalue zvalue_float(double d)
{
    return (struct zvalue){.d = d, .tag = ZTAG_FLOAT};
}

static inline struct zvalue zvalue_null(void)
{
    return (struct zvalue){.bits = 0, .tag = ZTAG_NULL};
}

static inline struct zvalue zvalue_unset(void)
{
    return (struct zvalue){.bits = 0, .tag = ZTAG_UNSET};
}

static inline struct zvalue zvalue_bool(bool b)
{
    return (struct zvalue){.bits = 0, .tag = b ? ZTAG_TRUE : ZTAG_FALSE};
}

// p points to an object whose tag this is.
static inline struct zvalue zvalue_object(const void *p, uint32_t tag)
{
    return (struct zvalue){.p = (void *)(uintptr_t)p, .tag = tag};
}

// The two halves of a heap slot, put together.
static inline struct zvalue zvalue_slot(uint64_t payload, uint8_t tag)
{
    return (struct zvalue){.bits = payload, .tag = tag};
}

static inline bool zvalue_is_truthy(struct zvalue v)
{
    return v.tag - ZTAG_NULL > 1u;
}

static inline uint32_t zvalue_type(struct zvalue v) // ZTYPE_…, or a small tag
{
    return v.tag & ZTAG_TYPE_MASK;
}

static inline bool zvalue_is_heap(struct zvalue v)
{
    return (v.tag & ZTAG_HEAP) != 0;
}

static inline bool zvalue_is_string(struct zvalue v)
{
    return zvalue_type(v) == ZTYPE_STRING;
}

static inline bool zvalue_is_bool(struct zvalue v)
{
    return v.tag == ZTAG_TRUE || v.tag == ZTAG_FALSE;
}

static inline bool zvalue_is_function(struct zvalue v)
{
    uint32_t type = zvalue_type(v);
    return type == ZTYPE_FUNC || type == ZTYPE_BOUND || type == ZTYPE_CLASS;
}

#endif // ZVM_HEAP_VALUE_H
