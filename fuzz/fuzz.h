// fuzz/fuzz.h - what the fuzz targets share: one runtime, ways to run a program, and how runs compare.
//
// A target is the function LLVMFuzzerTestOneInput of libFuzzer; docs/fuzzing.md says what each looks for.
// Everything runs on one thread in one process, both back ends of the interpreter included (back_end.c).
// A finding is an abort, by an assertion, a sanitizer or fuzz_fail.
#ifndef ZVM_FUZZ_FUZZ_H
#define ZVM_FUZZ_FUZZ_H

#include "zvm.h"

// ---- What libFuzzer calls, and offers; fuzz/replay.c stands in for it --------------------------

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length_bytes);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t length_bytes, size_t capacity_bytes,
                               unsigned int seed);
size_t LLVMFuzzerMutate(uint8_t *data, size_t length_bytes, size_t capacity_bytes);

// ---- Randomness of mutators ---------------------------------------------------------------------

struct fuzz_random {
    uint64_t state;
};

uint32_t fuzz_random_next(struct fuzz_random *random);
// Below `limit`, which is not 0.
uint32_t fuzz_random_below(struct fuzz_random *random, size_t limit);

// ---- How much of an input is checked ------------------------------------------------------------

// Set by programs that check all of every input: those that replay. ZVM_FUZZ_WHOLE in the environment sets it too.
extern bool fuzz_checks_all;

// Called first with each input. True when all checks are made of it: of one input in FUZZ_WHOLE_ONE_IN, and of
// all when fuzz_checks_all is set; only then is the heap walked after each collection. *choice: a number
// for choosing what else is done. Both follow from the input alone, so that a finding repeats.
#define FUZZ_WHOLE_ONE_IN 16u
bool fuzz_begin(const uint8_t *data, size_t length_bytes, uint32_t *choice);
// An input got past the compiler, or the reader and the verifier. How many did is said on stderr when the process
// ends.
void fuzz_count_accepted(void);

// ---- Bytes that grow ----------------------------------------------------------------------------

struct fuzz_text {
    char *bytes;
    size_t length_bytes, capacity_bytes;
};

// A zvm_write_fn; context is a struct fuzz_text. Aborts when there is no memory.
bool fuzz_text_add(void *context, const char *bytes, size_t length_bytes);
void fuzz_text_free(struct fuzz_text *text);

// ---- The machine --------------------------------------------------------------------------------

// The runtime of this process, without workers; made at the first call.
zvm_runtime *fuzz_runtime(void);

// Compiles a text that may hold several files: a line "//// NAME" starts the module NAME. findings may
// be NULL.
zvm_status fuzz_compile(const char *text, size_t length_bytes, struct fuzz_text *findings,
                        zvm_code **out);

// Who gets how long a turn in programs that spawn isolates; not 0. fuzz_begin sets it from the input.
extern uint64_t fuzz_turns_seed;

// What a program is run with. Zero in a field means the library's default.
struct fuzz_setup {
    const char *name;
    bool uses_switch; // the switch back end; else computed goto
    // Fuel of a slice; 0: runs to its end at once. It and gc_threshold_count are of no matter to programs that spawn.
    uint64_t slice;
    uint64_t gc_threshold_count, fuel_limit;
    size_t heap_limit_bytes;
    uint32_t max_depth;
};

// How a program ended. Everything in it but `allocated_count` and the heap's figures is the same for
// each way to run it.
struct fuzz_ending {
    zvm_status status;
    uint64_t fuel_used; // with that of what it has spawned
    uint32_t line, column;
    struct fuzz_text printed;
    struct fuzz_text message; // "KIND: MESSAGE" and the trace, a line each; empty when it succeeded
    size_t kind_bytes, text_bytes; // of the message: how long KIND is, and all of its first line
    uint64_t allocated_count;
};

// Runs it to its end. Aborts when the library refuses to.
void fuzz_run(zvm_code *code, const struct fuzz_setup *setup, struct fuzz_ending *out);
// The parts of it: for a program that spawns (together.c), and what both ways have in common.
void fuzz_run_together(zvm_code *code, const struct fuzz_setup *setup, struct fuzz_ending *out);
zvm_isolate_options fuzz_isolate_options(const struct fuzz_setup *setup, struct fuzz_ending *out);
void fuzz_read_ending(zvm_isolate *isolate, struct fuzz_ending *out);
void fuzz_ending_free(struct fuzz_ending *ending);

// The first thing that differs, in words; NULL when nothing does.
const char *fuzz_difference(const struct fuzz_ending *one, const struct fuzz_ending *other);

// Runs the program once more and aborts unless it does the same as in `expected`.
void fuzz_expect_same(zvm_code *code, const struct fuzz_setup *setup,
                      const struct fuzz_ending *expected);

// Says what was found and aborts.
_Noreturn void fuzz_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

// ---- Back ends (back_end.c) ---------------------------------------------------------------------

// Which back end runs from here on: this thread only.
void fuzz_use_switch(bool uses_switch);

#endif // ZVM_FUZZ_FUZZ_H
