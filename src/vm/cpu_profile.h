// vm/cpu_profile.h - where fuel is used: sampled call stacks, weighted by fuel.
//
// A profile is one table of stacks that the isolates of one thread share, or those of all threads of the
// host. A sampler is what a thread counts with; it decides when the next sample is due. When profiling
// is off a runner's sampler has no profile, and that is all that is looked at, once a slice.
#ifndef ZVM_VM_CPU_PROFILE_H
#define ZVM_VM_CPU_PROFILE_H

#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

#include "zvm.h"

struct zisolate;
struct zcpu_profile; // opaque. shared: under its own lock, a leaf

// owner-thread. Fuel is counted over all isolates that the thread runs, one after the other: short ones
// get their share of the samples, and what they use is in the weight of the next sample.
struct zcpu_sampler {
    struct zcpu_profile *profile; // NULL: off
    uint64_t pending_fuel;        // used since the last sample
    uint64_t next_fuel;           // when pending_fuel is more the next is due
    uint64_t random;
};

#define ZCPU_FRAMES_MAX     64u        // of a stack: its outermost call and the innermost ones
#define ZCPU_STACKS_MAX     (1u << 14) // different stacks of one profile; others are added up as one
#define ZCPU_ALL_FRAMES_MAX (1u << 18) // of all stacks of one profile
#define ZCPU_CODES_MAX      1024u      // code objects that one profile keeps

// mean_fuel: between two samples; the gaps are random, from half of it to one and a half.
// errors: ZVM_E_NOMEM.
zvm_status zcpu_profile_create(uint64_t mean_fuel, struct zcpu_profile **out);
// Lets go of the code that its stacks name. May be NULL.
void zcpu_profile_destroy(struct zcpu_profile *profile);

void zcpu_sampler_init(struct zcpu_sampler *sampler, struct zcpu_profile *profile, uint64_t seed);

// The isolate has used so much more. Takes a sample when one is due: of its calls, or, when they are
// over, of its main program.
void zcpu_sampler_add(struct zcpu_sampler *sampler, const struct zisolate *iso, uint64_t fuel,
                      bool is_over);
// Fuel that it may use before the next sample is due.
static inline uint64_t zcpu_sampler_room(const struct zcpu_sampler *sampler)
{
    bool is_due = sampler->pending_fuel > sampler->next_fuel;
    return is_due ? 0 : sampler->next_fuel - sampler->pending_fuel;
}

// thread: any. Writes what the profiles hold together, as folded stacks, the largest first.
// errors: ZVM_E_NOMEM; ZVM_E_OUTPUT write refused.
zvm_status zcpu_profile_write(struct zcpu_profile *const *profiles, uint32_t count,
                              zvm_write_fn write, void *context);

#endif // ZVM_VM_CPU_PROFILE_H
