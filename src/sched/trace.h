// sched/trace.h - what a worker did when: slices, collections and parks, in a ring of the newest ones.
//
// Thread: the worker writes, anybody reads at any time. PAIR trace: the words of an event are stored with
// release and loaded with acquire, and so is the number of events written. A word that is read too late
// belongs to an event whose number the writer had reached before: the reader looks at that number once
// more, behind the words, and drops what may have been overwritten.
#ifndef ZVM_SCHED_TRACE_H
#define ZVM_SCHED_TRACE_H

#include "base/atomic.h"
#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "zvm.h"

enum ztrace_kind { ZTRACE_SLICE, ZTRACE_COLLECTION, ZTRACE_PARK };

struct ztrace_event {
    enum ztrace_kind kind;
    uint32_t detail; // of a collection: enum zheap_pause_kind
    uint64_t start_ns, end_ns;
    int64_t isolate; // of a park: 0
    uint64_t amount; // a slice's fuel; bytes that a collection freed
};

enum { ZTRACE_WORDS = 5 };

struct ztrace {
    size_t slots;                           // frozen: one more than the events that are kept
    _Atomic uint64_t written;               // shared: events so far. PAIR trace
    _Atomic uint64_t words[][ZTRACE_WORDS]; // shared: event e is in [e % slots]. PAIR trace
};

// errors: ZVM_E_NOMEM.
zvm_status ztrace_create(uint64_t events, struct ztrace **out);
void ztrace_destroy(struct ztrace *trace); // may be NULL

// thread: the worker.
void ztrace_add(struct ztrace *trace, const struct ztrace_event *event);

// thread: any. Event `number`, below `written`. False: it has been overwritten, perhaps while it was read.
bool ztrace_read(const struct ztrace *trace, uint64_t number, struct ztrace_event *out);

// thread: any. Chrome's trace events as JSON, a row a trace; times from start_ns on.
// errors: ZVM_E_NOMEM; ZVM_E_OUTPUT write refused.
zvm_status ztrace_write(struct ztrace *const *traces, uint32_t count, uint64_t start_ns,
                        zvm_write_fn write, void *context);

#endif // ZVM_SCHED_TRACE_H
