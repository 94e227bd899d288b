// vm/code.h - code objects: compiled once, verified, sealed, shared by all isolates and threads.
//
// frozen after zcode_seal, but for the count. One reference a holder; the last release frees it and
// drops its symbols.
#ifndef ZVM_VM_CODE_H
#define ZVM_VM_CODE_H

#include "base/atomic.h"
#include "heap/object.h"
#include "intern/intern.h"
#include "vm/opcode.h"

struct zbuiltin;
struct zcode;
struct zkeys;
struct zneeds;

#define ZCODE_HINT_BYTES_MAX 188

struct zcapture {
    uint8_t from_register; // 1: register `index` of the enclosing frame; 0: its capture `index`
    uint16_t index;
};

// An instruction range whose errors are caught. Innermost first.
struct zhandler {
    uint32_t start, end; // words, end excluded
    uint32_t target;
    uint8_t value_register; // gets the thrown value; for a finally, the next one gets the place
    uint8_t is_finally;
};

// A type annotation to check.
enum zcheck_type {
    ZCHECK_ANY,
    ZCHECK_INT,
    ZCHECK_FLOAT, // accepts integers
    ZCHECK_NUMBER,
    ZCHECK_STRING,
    ZCHECK_BOOL,
    ZCHECK_LIST,
    ZCHECK_MAP,
    ZCHECK_FUNCTION,
    ZCHECK_NULL,
    ZCHECK_DATA, // by name
};

enum zcheck_context { ZCHECK_VARIABLE, ZCHECK_PARAMETER, ZCHECK_FIELD, ZCHECK_RESULT };

struct zcheck {
    uint8_t type;                    // enum zcheck_type
    uint8_t context;                 // enum zcheck_context
    const struct zstring *type_name; // as written
    const struct zstring *name;      // of the variable, parameter, field or function
};

// What a field is when nothing is given for it.
enum zfield_default {
    ZFIELD_REQUIRED,
    ZFIELD_CONSTANT, // `value`
    ZFIELD_FUNCTION, // what a function of the type's returns
};

struct zdata_field {
    struct zcheck check;  // its name is the field's; type ZCHECK_ANY: no annotation, no type_name
    struct zvalue value;  // scalar or symbol
    uint8_t default_kind; // enum zfield_default
};

// A data declaration. Its functions are the defaults of ZFIELD_FUNCTION in the order of the fields, then
// the methods.
struct zdata {
    const struct zstring *name;
    struct zdata_field *fields;
    const struct zstring **methods; // names
    uint32_t field_count, method_count;
    uint32_t function_count;
    uint32_t index; // in code->datas
    bool has_parent;
};

#define ZDATA_FIELDS_MAX    200 // of a record, inherited ones too: it is one cell
#define ZDATA_FUNCTIONS_MAX 200 // of a data type, inherited ones too

// What a site of the code has met lately: the newer word first. shared, relaxed: a word says all there
// is to know, and a stale one only misses (vm/shape.h).
struct zcache {
    _Atomic uint64_t first, second;
};

struct zproto {
    const uint32_t *words;
    const struct zvalue *constants; // scalars and symbols only
    uint32_t word_count, constant_count;
    uint16_t register_count; // of a frame, at most ZCODE_REGISTERS_MAX
    uint8_t param_count;
    uint8_t is_method; // its receiver stands below its base
    uint32_t capture_count, handler_count, check_count;
    uint32_t line_bytes;
    const struct zcapture *captures;
    const struct zhandler *handlers;
    const struct zcheck *checks;
    const uint8_t *lines;       // zcode_position reads it: (pc delta, line delta, column) varints
    const struct zstring *name; // NULL: anonymous; the main program is named "<main>"
    char *signature;            // "(a, b: int)", NUL-terminated, for hints; NULL: not known
    uint32_t signature_bytes;   // with the NUL
    const struct zcode *code;
    struct zcache *caches; // code->caches
    uint32_t index;        // in code->protos
    uint32_t fuel;         // what a call of it costs: its words
    // Of an async function: the word behind its TASK, where its body starts; 0: not async. In front
    // stand only checks of its parameters.
    uint32_t async_start;
    uint16_t file; // that it stands in: zcode_file_name
};

// A source file besides that of the main program.
struct zcode_file {
    char *name;        // NUL-terminated
    size_t name_bytes; // with the NUL
};

// Of a global. Only later pieces of a session ask.
enum { ZGLOBAL_CONST = 1 };

// What may be meant by a global that has no value.
struct zcode_hint {
    uint32_t slot;
    char text[ZCODE_HINT_BYTES_MAX]; // NUL-terminated
};

struct zcode {
    _Atomic uint32_t count; // shared. PAIR code: release in zcode_release, acquire at its last
    uint32_t proto_count;
    struct zproto *protos;          // [0] is the main program
    const struct zstring **globals; // names by slot
    uint8_t *global_flags;          // [global_count]: ZGLOBAL_…
    const struct zbuiltin **hosts;  // [global_count]: the host's functions of those names; NULL: none
    uint32_t global_count;
    uint32_t program_global_count; // those of the main program; then come those of its modules
    uint32_t hint_count;
    struct zcode_hint *hints;
    _Atomic(struct zneeds *) needs; // shared, see vm/needs.h
    _Atomic(struct zkeys *) keys;   // shared, see vm/keys.h
    uint32_t cache_count;  // inline caches, ZCACHE_NONE included; not 0 once it is sealed
    struct zcache *caches; // [cache_count], see vm/shape.h
    uint32_t data_count;
    uint32_t shape_capacity; // a power of two, or 0 without declarations
    struct zdata *datas;
    _Atomic(struct zshape *) *shapes; // shared, see vm/shape.c
    char *file_name;                  // NUL-terminated
    size_t file_name_bytes;           // with the NUL
    struct zcode_file *files; // of the modules; a proto's `file` is 1 + index, 0 the main program's
    uint32_t file_count;
    struct zintern *intern;
    uint64_t bytes;                 // memory of all parts, for reports
    void *owner;                    // api.c: the runtime it was made for; NULL until then
    _Atomic uint64_t *living;       // api.c: shared, relaxed: one less when this is freed; NULL: not counted
    void (*on_free)(void *context); // may be NULL; called once, when all else is freed
    void *on_free_context;
};

// A fresh, empty code object with one reference; the compiler fills it. NULL: no memory.
struct zcode *zcode_create(struct zintern *intern, const char *file_name);
// Makes room for inline caches and shapes. The last step of making a code object, behind the verifier.
// errors: ZVM_E_NOMEM.
zvm_status zcode_seal(struct zcode *code);
void zcode_retain(struct zcode *code);  // thread: any
void zcode_release(struct zcode *code); // thread: any; may be NULL, half filled

void zcode_add_up(struct zcode *code); // sets code->bytes, when all else is there

// Forgets the names of globals of a code object that only one isolate has: a later one has them too.
void zcode_drop_globals(struct zcode *code);
// The name of a source file; that of the main program for a number that is none.
const char *zcode_file_name(const struct zcode *code, uint32_t file);

// Where the instruction at word `pc` raises its errors; 0, 0 when unknown. cost: linear in the table.
void zcode_position(const struct zproto *proto, uint32_t pc, uint32_t *line, uint32_t *column);

// The same for many pcs, each behind the one before. cost: linear in the table for all of them.
struct zcode_walk {
    const uint8_t *next; // [left], the entries ahead
    size_t left;
    uint64_t at, line,
        column; // of the last entry passed; a table from outside may hold any distances
};
void zcode_walk_begin(struct zcode_walk *walk, const struct zproto *proto);
void zcode_walk_to(struct zcode_walk *walk, uint32_t pc, uint32_t *line, uint32_t *column);

// Accepts the code object as memory-safe to run, or says why not: "function f: pc 12: ...".
// errors: ZVM_E_BYTECODE, ZVM_E_NOMEM. cost: linear.
zvm_status zcode_verify(const struct zcode *code, char *why, size_t why_bytes);

struct zstrbuf;
// The code object as bytes, whatever `out` held before. errors: ZVM_E_NOMEM. cost: linear.
zvm_status zcode_write(const struct zcode *code, struct zstrbuf *out);
// A verified code object from such bytes, which may come from anywhere. why [why_bytes] says what is
// wrong with them. errors: ZVM_E_FORMAT not bytes of this version, or damaged; ZVM_E_BYTECODE the
// verifier refused it; ZVM_E_INTERN_LIMIT, ZVM_E_NOMEM. cost: linear, memory too.
zvm_status zcode_read(struct zintern *intern, const void *bytes, size_t length_bytes, char *why,
                      size_t why_bytes, struct zcode **out);
bool zcode_has_magic(const void *bytes, size_t length_bytes);
// Writes a head that fits over the first bytes: for tests that change what is behind it.
void zcode_seal_bytes(uint8_t *bytes, size_t length_bytes);

// source [length_bytes]: what it was compiled from; NULL: not at hand.
void zcode_disassemble(const struct zcode *code, const char *source, size_t length_bytes,
                       struct zstrbuf *out);

#endif // ZVM_VM_CODE_H
