// vm/quota.h - limits that few isolates have: CPU time, and bytes of output.
//
// Owner-thread. Allocated when an isolate is made with one of them, so that the others pay a pointer
// that is NULL and nothing else.
#ifndef ZVM_VM_QUOTA_H
#define ZVM_VM_QUOTA_H

#include "vm/isolate.h"

struct zquota {
    uint64_t cpu_limit_ns;       // 0 = none
    uint64_t cpu_used_ns;        // of the slices that are over
    uint64_t cpu_start_ns;       // the thread's CPU time when this slice began; 0: none runs, or no limit
    uint64_t output_limit_bytes; // 0 = none
    uint64_t output_asked_bytes; // with what was printed before, when that was too much
};

// What the options ask for. errors: ZVM_E_NOMEM.
zvm_status zquota_create(struct zisolate *iso, const struct zisolate_options *options);
void zquota_destroy(struct zisolate *iso);

// A slice begins and ends on the calling thread.
void zquota_begin(struct zisolate *iso);
void zquota_end(struct zisolate *iso);
// The program starts anew: CPU time counts from 0, output goes on counting.
void zquota_restart(struct zisolate *iso);

// What it used of the CPU time so far, this slice included. In a slice only.
uint64_t zquota_cpu_ns(const struct zisolate *iso);
// At a poll, with a quota. false: the isolate ends (pending is set).
bool zquota_poll(struct zisolate *iso);
// Before `bytes` more are printed, with a quota. false: they are too many (pending is set).
bool zquota_output(struct zisolate *iso, uint64_t bytes);

#endif // ZVM_VM_QUOTA_H
