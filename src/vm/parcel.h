// vm/parcel.h - a copy of values on its way from one isolate to another.
//
// handed-over: who packs it owns it, then the mailbox that it is in, then who unpacks it. Cycles and sharing
// inside it stay. Its objects are numbered in the order in which they were found, and refer to each other by
// these numbers, so it has no pointer into any heap; what it counts of the rest of the process (code, other
// mailboxes, the bytes of strings over ZSTRING_COUNTED_MIN) it gives back when it is freed. These bytes are those of the
// sender's string, and will be the receiver's: each who has them is charged for all of them, the parcel as well.
#ifndef ZVM_VM_PARCEL_H
#define ZVM_VM_PARCEL_H

#include "vm/mailbox.h"

// A value: bits as in the heap, but the number of an object in their place.
struct zparcel_slot {
    uint64_t bits;
    uint32_t tag;
    uint32_t global; // of a global: its slot
};

// An object. Behind it its body, padded to 8 bytes (parcel_internal.h).
struct zparcel_object {
    uint8_t kind;   // ZTYPE_…
    uint8_t detail; // STRING: ZFLAG_ASCII; LIST: ZLIST_…; ISOLATE: 1: held, 0: the keeper's
    uint16_t file;  // ERROR
    uint32_t count; // bytes, elements, entries, slots
    union {
        const void *pointer; // RECORD, CLASS: the shape; ISOLATE: the mailbox; STRBUF: struct zcounted, held
        uint64_t number;     // FUNC: of the function in the code; ERROR: line 32 | column
    };
};

_Static_assert(sizeof(struct zparcel_object) == 16, "objects are multiples of 8 bytes");

struct zparcel {
    struct zmessage message; // first: bytes is the size of the whole block, and of what it holds by count
    struct zcode *code;      // of the sender; NULL: nothing in it depends on the code
    bool holds_code;         // else the isolate that it is for has the code as well
    uint32_t root_count, global_count, object_count;
    uint32_t hold_count; // mailboxes and strings by count among its objects
    struct zparcel_slot slots[]; // [root_count + global_count]; behind them the objects
};

static inline struct zmessage *zparcel_message(struct zparcel *parcel)
{
    return &parcel->message;
}

// What may be packed, and how it is called in errors.
struct zparcel_rules {
    const char *what;     // "send()"
    const char *name;     // "message": of the value, in the path to what cannot be sent
    uint64_t limit_bytes; // of the parcel
    bool is_spawn;        // functions of the code go along, with the globals that they use
    const struct zmailbox *keeper; // who has it has a hold of this one, so the parcel needs none; may be NULL
};

// values [count], rooted, of an isolate that runs. false: pending is set: TypeError something in it cannot be
// sent, MailboxError it is too large, or the isolate ends. Charges for what it copies. Never collects.
bool zparcel_pack(struct zisolate *iso, const struct zparcel_rules *rules,
                  const struct zvalue *values, uint32_t count, struct zparcel **out);
// A message of the host's: a value without parts, which has been checked (vm/exchange.h). sum: of its runtime. errors:
// ZVM_E_NOMEM; ZVM_E_TYPE an object of the host; ZVM_E_MAILBOX. thread: any
zvm_status zparcel_of_value(struct zcounted_sum *sum, const zvm_value *value, uint64_t limit_bytes,
                            struct zparcel **out);
// The values into out [root_count], and its globals into those of the isolate. false: pending is set; the parcel
// stays. May collect; out need not be rooted, and is not on return.
bool zparcel_unpack(struct zisolate *iso, const struct zparcel *parcel, struct zvalue *out);
// Tells what was thrown: an error, or some other value; NULL: nothing is known but the status. thread: any
void zparcel_tell_error(const struct zparcel *parcel, zvm_status status, zvm_unwatched_fn tell,
                        void *user);
// thread: any
void zparcel_free(struct zparcel *parcel);

#endif // ZVM_VM_PARCEL_H
