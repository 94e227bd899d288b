// vm/wait.h - an isolate that waits for something from outside, and the answer that it gets.
//
// Who answers, from which thread and when is the scheduler's business: it gives its functions down as
// hooks (sched/token.h). owner-thread, all but the hooks' tables, which are frozen.
#ifndef ZVM_VM_WAIT_H
#define ZVM_VM_WAIT_H

#include "vm/isolate.h"

enum zanswer_kind {
    ZANSWER_VALUE, // `value`, whose text is ours: [value.length_bytes]
    ZANSWER_ERROR, // text holds kind and message, both NUL-terminated
    ZANSWER_TIME,  // the time that it waited for has come, or its deadline
    ZANSWER_NOMEM, // there was no memory for the answer
};

// handed-over: who answers makes it, who takes it frees it.
struct zanswer {
    zvm_value value;
    char *text;        // [text_bytes]; NULL: none
    size_t text_bytes; // as allocated
    size_t message_at; // ERROR: where in text the message begins
    enum zanswer_kind kind;
};

// A copy of the host's value, which has been checked. errors: ZVM_E_NOMEM. thread: any.
zvm_status zanswer_of_value(const zvm_value *value, struct zanswer *out);
// A copy of kind and message, UTF-8. errors: ZVM_E_NOMEM, ZVM_E_LIMIT. thread: any.
zvm_status zanswer_of_error(const char *kind, const char *message, struct zanswer *out);
// An object of the host in it that nobody has taken is finalized. thread: any
void zanswer_free(struct zanswer *answer);
// Frees the copies; an object in it is its giver's again. thread: any
void zanswer_give_back(struct zanswer *answer);

// Something to run on a thread of its own, once; it frees itself.
struct zwait_job {
    struct zwait_job *next; // of who has it
    void (*run)(struct zwait_job *job);
};

// What a runtime's scheduler gives down. context: the scheduler.
struct zwait_hooks {
    zvm_status (*open)(void *context, struct zisolate *iso, uint64_t *token);
    bool (*take)(void *context, struct zisolate *iso, uint64_t token, struct zanswer *out);
    bool (*drop)(void *context, struct zisolate *iso, uint64_t token);
    // For functions that block; thread: any. has_pool: the calling thread is not to block. start: errors:
    // ZVM_E_THREADS, the job is the caller's. answer: false: nobody waits, the answer is the caller's.
    bool (*has_pool)(void *context);
    zvm_status (*start)(void *context, struct zwait_job *job);
    bool (*is_awaited)(void *context, uint64_t token);
    bool (*answer)(void *context, uint64_t token, const struct zanswer *answer);
};

// The isolate is to get an answer; *token is its name for whoever gives it. One at a time an isolate:
// a second call gives the same. errors: ZVM_E_NOMEM, ZVM_E_LIMIT.
zvm_status zwait_open(struct zisolate *iso, uint64_t *token);
// The token that is open, or whose answer was not taken; 0: none.
uint64_t zwait_token(const struct zisolate *iso);
// False: not there yet.
bool zwait_take(struct zisolate *iso, struct zanswer *out);
// No answer is wanted any more. False: one is on its way, and is to be waited for and taken.
bool zwait_drop(struct zisolate *iso);
// The scheduler has seen to the token of an isolate that is over.
void zwait_forget(struct zisolate *iso);

// When the isolate is to go on without an answer; 0: never.
void zwait_until(struct zisolate *iso, uint64_t wake_ns);
uint64_t zwait_wake_ns(const struct zisolate *iso);

#endif // ZVM_VM_WAIT_H
