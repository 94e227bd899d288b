// fuzz/target_run.c - a source as a program: does it do the same in each way to run it?
//
// Compared with a run of computed goto in one slice: the other back end; slices of 1 (longer ones for
// programs that take long); collecting at each allocation (more rarely for programs that allocate much);
// all of it after a way through a compiled file; and all of it with the fuel ending midway. The heap is
// large enough never to be the limit: what it holds is not the same in each way. Then once under a small
// heap, for crashes only.
#include "fuzz.h"

#define FUEL_LIMIT  5000u
#define SLICES_MAX  1000u
#define COLLECT_MAX 60u
#define DEPTH_MAX   100u
#define HEAP_LARGE  ((size_t)64 << 20)

static void check_ways(zvm_code *code, uint64_t fuel_limit)
{
    struct fuzz_setup setup = {.name = "goto, one slice",
                               .fuel_limit = fuel_limit,
                               .heap_limit_bytes = HEAP_LARGE,
                               .max_depth = DEPTH_MAX};
    struct fuzz_ending first;
    fuzz_run(code, &setup, &first);

    setup.name = "switch, one slice";
    setup.uses_switch = true;
    fuzz_expect_same(code, &setup, &first);
    setup.name = "goto, small slices";
    setup.uses_switch = false;
    setup.slice = first.fuel_used / SLICES_MAX + 1;
    fuzz_expect_same(code, &setup, &first);
    setup.name = "switch, small slices, collecting";
    setup.uses_switch = true;
    setup.slice = first.fuel_used / (SLICES_MAX / 10) + 1;
    setup.gc_threshold_count = first.allocated_count / COLLECT_MAX + 1;
    fuzz_expect_same(code, &setup, &first);
    fuzz_ending_free(&first);
}

static uint64_t fuel_of(zvm_code *code)
{
    struct fuzz_setup setup = {.name = "fuel",
                               .fuel_limit = FUEL_LIMIT,
                               .heap_limit_bytes = HEAP_LARGE,
                               .max_depth = DEPTH_MAX};
    struct fuzz_ending ending;
    fuzz_run(code, &setup, &ending);
    uint64_t fuel_used = ending.fuel_used;
    fuzz_ending_free(&ending);
    return fuel_used;
}

static zvm_code *read_again(zvm_code *code)
{
    struct fuzz_text bytes = {0};
    zvm_code *again = NULL;
    if (zvm_code_serialize(code, fuzz_text_add, &bytes) != ZVM_OK) fuzz_fail("not written");
    if (zvm_code_from_bytes(fuzz_runtime(), "again", bytes.bytes, bytes.length_bytes, NULL, NULL,
                            &again) != ZVM_OK) {
        fuzz_fail("not read again");
    }
    fuzz_text_free(&bytes);
    return again;
}

static void run_in_little(zvm_code *code)
{
    struct fuzz_setup setup = {.name = "little heap",
                               .fuel_limit = FUEL_LIMIT,
                               .heap_limit_bytes = ZVM_HEAP_LIMIT_MIN_BYTES,
                               .max_depth = 20,
                               .slice = 100};
    struct fuzz_ending ending;
    fuzz_run(code, &setup, &ending);
    fuzz_ending_free(&ending);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length_bytes)
{
    zvm_code *code = NULL;
    if (fuzz_compile((const char *)data, length_bytes, NULL, &code) != ZVM_OK) return 0;
    check_ways(code, FUEL_LIMIT);
    uint64_t fuel = fuel_of(code);
    zvm_code *again = read_again(code);
    // Where the fuel ends depends on the input alone, so that a finding repeats.
    check_ways(again, 1 + (fuel * 7 + length_bytes * 13) % (fuel + 1));
    run_in_little(again);
    zvm_code_release(again);
    zvm_code_release(code);
    return 0;
}
