// vm/code_format.h - how a code object is laid out in a file; for code_write.c and code_read.c.
//
// Head, ZFORMAT_HEAD_BYTES, all numbers little-endian:
//    0  magic [8]: begins with a byte that no UTF-8 text begins with, and holds a line end of each
//       kind, so that a transfer as text shows at once
//    8  version of this layout, u32; 12: zero, u32
//   16  instruction set, u64: a hash of the tables of instructions and builtins, because the code
//       names both by number
//   24  length of the body in bytes, u64
//   32  digest of the body, u64: against damage, not against a forger; that is the verifier's part
// Body: the sections below, each once and in this order: its number and its length as varints, then
// its content. All counts and indexes are varints. A new table is a new section.
#ifndef ZVM_VM_CODE_FORMAT_H
#define ZVM_VM_CODE_FORMAT_H

#include "vm/code.h"

#define ZFORMAT_MAGIC      "\x8eZBC\r\n\x1a\n"
#define ZFORMAT_VERSION    1u
#define ZFORMAT_HEAD_BYTES 40u

enum zformat_section {
    ZFORMAT_TEXTS = 1,     // count, then length and bytes of each: every name and string, once
    ZFORMAT_FILE = 2,      // length and bytes of the name that positions show; count of module files,
                           // then length and bytes of each
    ZFORMAT_GLOBALS = 3,   // count, how many are the program's own, then for each the index of its text and its flags
    ZFORMAT_FUNCTIONS = 4, // count, then each function; see write_function
    ZFORMAT_DATAS = 5,     // count, then each data declaration; see write_data
    ZFORMAT_CACHES = 6,    // how many inline caches
    ZFORMAT_HINTS = 7,     // count, then the slot of a global and the length and bytes of its hint
};

// A constant begins with one of these.
enum zformat_constant {
    ZFORMAT_INT = 0, // zigzag varint
    ZFORMAT_FLOAT,   // 8 bytes, little-endian
    ZFORMAT_NULL,
    ZFORMAT_FALSE,
    ZFORMAT_TRUE,
    ZFORMAT_TEXT,    // index of its text
    ZFORMAT_BUILTIN, // index in the table of builtins
};

// What identifies the tables that the numbers in the code are indexes of.
uint64_t zformat_instruction_set(void);
uint64_t zformat_digest(const void *body, size_t length_bytes);

static inline void zformat_put(uint8_t *out, uint64_t value, uint32_t byte_count)
{
    for (uint32_t i = 0; i < byte_count; i++) {
        out[i] = (uint8_t)(value >> (8 * i));
    }
}

static inline uint64_t zformat_get(const uint8_t *in, uint32_t byte_count)
{
    uint64_t value = 0;
    for (uint32_t i = 0; i < byte_count; i++) {
        value |= (uint64_t)in[i] << (8 * i);
    }
    return value;
}

#endif // ZVM_VM_CODE_FORMAT_H
