// base/status.c - the English line of each status code.
//
// Owns: a constant table, one entry a code. Thread: any.
// Invariant: every code from 0 to ZVM_STATUS_COUNT - 1 has a text; test_base_status.c checks it.
#include "base/status.h"

#include <stddef.h>

static const char *const status_texts[ZVM_STATUS_COUNT] = {
    [ZVM_OK] = "ok",
    [ZVM_E_NOMEM] = "out of memory: the operating system refused it",
    [ZVM_E_ARGUMENT] = "an argument or option is not accepted by this call",
    [ZVM_E_BUSY] = "the isolate is queued or running",
    [ZVM_E_STATE] = "not possible in this state",
    [ZVM_E_SYNTAX] = "the source is not a valid program",
    [ZVM_E_UTF8] = "the text is not valid UTF-8",
    [ZVM_E_BYTECODE] = "the verifier refused the code object",
    [ZVM_E_ERROR] = "the program ended with an uncaught error",
    [ZVM_E_HEAP_LIMIT] = "the program reached its heap limit",
    [ZVM_E_FUEL] = "the program used up its fuel",
    [ZVM_E_TIMEOUT] = "the time was up",
    [ZVM_E_CANCELLED] = "cancelled",
    [ZVM_E_OUTPUT] = "the output was refused",
    [ZVM_E_NOT_FOUND] = "no such name",
    [ZVM_E_TYPE] = "a value of another type is needed",
    [ZVM_E_LIMIT] = "an implementation limit was reached",
    [ZVM_E_INTERN_LIMIT] = "the table of shared strings is full",
    [ZVM_E_CLOSED] = "the runtime is shutting down",
    [ZVM_E_THREADS] = "no worker thread could be started",
    [ZVM_E_STALE] = "the handle's object is gone",
    [ZVM_E_FOREIGN] = "an object of another runtime or isolate",
    [ZVM_E_THREAD] = "called from a thread that does not own the object",
    [ZVM_E_INTERNAL] = "an internal check failed: this is a bug in zvm",
    [ZVM_E_FORMAT] = "not a compiled program that this version can read",
    [ZVM_E_CPU_TIME] = "the program used up its CPU time",
    [ZVM_E_OUTPUT_LIMIT] = "the program printed more than it may",
    [ZVM_E_GROUP_LIMIT] = "a limit of the isolate's group was reached",
    [ZVM_E_ISOLATES] = "as many isolates exist as may",
    [ZVM_E_WAITING] = "the isolate waits for an answer of its host",
    [ZVM_E_MAILBOX] = "the mailbox has no room for the message",
    [ZVM_E_FORKED] = "the runtime belongs to the process that this one was forked from",
};

const char *zstatus_text(zvm_status status)
{
    // Hosts written in other languages pass any int; as unsigned, negative numbers are too big too.
    size_t index = (size_t)(unsigned)status;
    if (index >= ZVM_STATUS_COUNT) return "unknown status";
    return status_texts[index];
}
