// sched/admission.h - who may still come in, and how many are inside: one word.
//
// shared: a count of submitted isolates that are not through, and three bits. A submission counts
// itself first and looks at CLOSED in what it counted: so after the word was closed nobody comes in
// unseen, and when it is closed with a count of 0 nobody is inside or ever will be.
// PAIR admission: leaving is release and acquire, so that who sees 0 sees all that was done inside.
#ifndef ZVM_SCHED_ADMISSION_H
#define ZVM_SCHED_ADMISSION_H

#include "base/atomic.h"
#include "sched/event.h"
#include "sched/point.h"

#define ZADMISSION_CLOSED     UINT64_C(1)
#define ZADMISSION_CANCELLING UINT64_C(2) // everything inside is being cancelled
#define ZADMISSION_WATCHED    UINT64_C(4) // somebody waits for a count of 0
#define ZADMISSION_ONE        UINT64_C(8)

struct zadmission {
    _Alignas(ZVM_CACHE_LINE_BYTES) _Atomic uint64_t word;
    struct zevent empty; // raised when the count reaches 0 and WATCHED is set
};

static inline uint64_t zadmission_count(const struct zadmission *admission)
{
    return z_load_acquire(&admission->word) / ZADMISSION_ONE; // PAIR admission
}

static inline bool zadmission_is_closed(const struct zadmission *admission)
{
    // relaxed: for who only wants to refuse early; zadmission_enter is what decides
    return (z_load_relaxed(&admission->word) & ZADMISSION_CLOSED) != 0;
}

// The caller's own step into QUEUED comes before; see zstate_submit.
static inline bool zadmission_is_cancelling(const struct zadmission *admission)
{
    return (z_load_seq_cst(&admission->word) & ZADMISSION_CANCELLING) != 0; // PAIR cancel-all
}

// The bit goes before the event is raised: who sets it after this sees a count of 0, or its own
// look at the event is older than the raising, so that it does not sleep. Without the clearing
// every later 0 would cost a system call.
static inline void zadmission_empty_slow(struct zadmission *admission)
{
    z_fetch_and_acq_rel(&admission->word, ~ZADMISSION_WATCHED); // PAIR admission
    zevent_raise(&admission->empty);
}

// `count` of them, at least one. Nothing of the isolates that leave is touched.
static inline void zadmission_leave_many(struct zadmission *admission, uint64_t count)
{
    uint64_t change = count * ZADMISSION_ONE;
    uint64_t before = z_fetch_sub_acq_rel(&admission->word, change); // PAIR admission
    bool is_empty = before / ZADMISSION_ONE == count;
    if (is_empty && (before & ZADMISSION_WATCHED) != 0) zadmission_empty_slow(admission);
}

static inline void zadmission_leave(struct zadmission *admission)
{
    zadmission_leave_many(admission, 1);
}

// False: closed.
static inline bool zadmission_enter(struct zadmission *admission)
{
    uint64_t before = z_fetch_add_acq_rel(&admission->word, ZADMISSION_ONE); // PAIR admission
    zpoint_pass();
    if ((before & ZADMISSION_CLOSED) == 0) return true;
    zadmission_leave(admission);
    return false;
}

static inline void zadmission_close(struct zadmission *admission, bool cancel)
{
    uint64_t bits = ZADMISSION_CLOSED | (cancel ? ZADMISSION_CANCELLING : 0);
    z_fetch_or_seq_cst(&admission->word, bits); // PAIR cancel-all
}

// Sleeps until the count is 0.
static inline void zadmission_drain(struct zadmission *admission)
{
    for (;;) {
        uint32_t seen = zevent_look(&admission->empty);
        uint64_t word = z_fetch_or_acq_rel(&admission->word, ZADMISSION_WATCHED); // PAIR admission
        if (word / ZADMISSION_ONE == 0) return;
        zpoint_pass();
        zevent_wait(&admission->empty, seen, UINT64_MAX);
    }
}

#endif // ZVM_SCHED_ADMISSION_H
