// vm/hostcall.h - functions of the host that programs call by name.
//
// A runtime has one list of them. Functions are added, never taken away, and frozen once added. Code
// is bound to them when it is compiled or read: a global that has no value is then the function of its
// name, as with builtins. thread: any for the list, which is under its lock; owner for calls.
#ifndef ZVM_VM_HOSTCALL_H
#define ZVM_VM_HOSTCALL_H

#include "vm/builtin.h"

// frozen. Lives as long as the list.
struct zhost_function {
    struct zbuiltin builtin; // first: a value of the program points to it
    zvm_host_fn call;
    void *user;
    size_t name_bytes; // of builtin.name, without the NUL
    uint32_t fuel;
    bool is_blocking, takes_any;
};

#define ZHOST_ARGUMENTS_MAX 16

_Static_assert(ZHOST_ARGUMENTS_MAX == ZVM_HOST_ARGUMENTS_MAX, "as the public one");

struct zhosts;

zvm_status zhosts_create(struct zhosts **out);
void zhosts_destroy(struct zhosts *hosts); // may be NULL; no code is bound to it any more

// thread: any. `function` has been checked, but for its name.
// errors: ZVM_E_ARGUMENT there is a builtin or a function of that name; ZVM_E_NOMEM.
zvm_status zhosts_add(struct zhosts *hosts, const zvm_host_function *function);

// thread: any. Gives code that nobody else has yet its functions. errors: ZVM_E_NOMEM.
zvm_status zhosts_bind(struct zhosts *hosts, struct zcode *code);

// ---- Calls ----------------------------------------------------------------------------------------

struct zanswer;

// One call, as the host's function sees it. owner-thread; one on a thread of the pool: that thread.
struct zvm_call {
    struct zisolate *iso; // NULL: on a thread of the pool
    const struct zhost_function *function;
    struct zvalue *result;  // a register; null at first
    struct zanswer *answer; // on a thread of the pool, instead
    struct zvm_call *outer; // of the same thread, from further out
    const struct zvalue *arguments; // registers
    uint32_t argument_count;
    bool is_busy; // values of the isolate are being made: finalizers must keep off
};

enum znative_step zhost_step(struct zisolate *iso, struct znative_context *context);

// The call of this isolate that the calling thread is in; NULL: none.
struct zvm_call *zhost_call_of(const struct zisolate *iso);

zvm_call_outcome zhost_return(struct zvm_call *call, const zvm_value *value);
// With what ref names (vm/ref.h).
zvm_call_outcome zhost_return_ref(struct zvm_call *call, zvm_ref ref);
// *token: whoever answers it ends the call. errors: ZVM_E_NOMEM.
zvm_status zhost_suspend(struct zvm_call *call, uint64_t *token);
zvm_call_outcome zhost_fail(struct zvm_call *call, const char *kind, const char *message);

// hostjob.c: the function is to be called on a thread of the pool, and the isolate to wait for its answer.
// errors: ZVM_E_NOMEM, ZVM_E_LIMIT; ZVM_E_THREADS.
zvm_status zhost_start_job(struct zisolate *iso, const struct zhost_function *function,
                           const zvm_value *arguments, uint32_t count);
// The answer of a call that has come to no end.
void zhost_answer_nowhere(struct zvm_call *call);

#endif // ZVM_VM_HOSTCALL_H
