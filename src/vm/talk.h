// vm/talk.h - isolates that talk: values that name isolates, spawning, what is left at the end.
//
// owner-thread, all but the hooks' table, which is frozen. What needs the scheduler (making an isolate, waking
// one) comes down as hooks.
#ifndef ZVM_VM_TALK_H
#define ZVM_VM_TALK_H

#include "vm/interp.h"
#include "vm/mailbox.h"

// In the heap: what a program has of an isolate. Its entry in the table of objects with finalizers has a hold
// of the mailbox (vm/hostobject.h).
struct zisolate_value {
    struct zobject header; // aux = its entry
    struct zmailbox *mailbox;
};

struct ztalk_hooks {
    // A new isolate with the code, limits and group of iso is QUEUED, and begins with the mailbox's start.
    // errors: ZVM_E_ISOLATES, ZVM_E_CLOSED, ZVM_E_CANCELLED iso is about to end, ZVM_E_HEAP_LIMIT, ZVM_E_NOMEM.
    zvm_status (*spawn)(void *context, struct zisolate *iso, struct zmailbox *mailbox);
    // thread: any.
    void (*wake)(void *context, const struct zwake *wake);
    // What threads of the host have sent and received. thread: any.
    void (*count)(void *context, struct zmessage_counts counts);
    // The isolate, which runs, is to be woken by its state word alone: nobody knows of it yet. Whether nobody has
    // woken it. Nobody will.
    void (*hold)(struct zisolate *iso);
    bool (*is_held)(const struct zisolate *iso);
    void (*let_go)(struct zisolate *iso);
};

// A value for a mailbox, which gets a hold of its own. false: pending is set. May collect.
bool ztalk_value(struct zisolate *iso, struct zmailbox *mailbox, struct zvalue *out);

// AWAIT of the value window[0]: a native frame is PUSHED, or it FAILED.
enum zcall_outcome ztalk_await(struct zisolate *iso, struct zvalue *window);

// The isolate's own mailbox. false: pending is set.
bool ztalk_own(struct zisolate *iso, struct zmailbox **out);

// The first frame of an isolate that was spawned, and its globals. false: pending is set.
bool ztalk_begin(struct zisolate *iso);

// The program has come to its end: what others will hear of it. value: what it returned; NULL: it did not. iso
// still has its error, and a runner.
void ztalk_settle(struct zisolate *iso, const struct zvalue *value);
// After that, by who has it RUNNING: it is over, and those who wait for it are told. Messages that it has not
// read are dropped: *dropped of them.
void ztalk_end(struct zisolate *iso, uint64_t *dropped);
// The same for a mailbox of the host's.
void ztalk_close(struct zmailbox *mailbox, uint64_t *dropped);
// Its mailbox is not its own any more.
void ztalk_free(struct zisolate *iso);

// ---- For one that is to begin anew, or gets more code: by who has it RUNNING -----------------------

// It waits for no message, and stands in no line; it may still go on, and then tries again. False: somebody is
// just waking it by its state word.
bool ztalk_withdraw(struct zisolate *iso);
// A mailbox for its next life, as its own was when it was made; NULL: it needs none yet. errors: ZVM_E_NOMEM.
zvm_status ztalk_prepare_again(const struct zisolate *iso, struct zmailbox **out);
// That, or NULL, in the place of its own, which is over, and of what that was charged for. Never collects.
void ztalk_replace(struct zisolate *iso, struct zmailbox *mailbox);
// That is its own; it has none. False: its heap has no room for it.
bool ztalk_begin_again(struct zisolate *iso, struct zmailbox *mailbox);

#endif // ZVM_VM_TALK_H
