// fuzz/target_run.c - a source as a program: does it do the same in each way to run it?
//
// Compared with a run of computed goto in one slice: the other back end; slices of 1 (longer ones for
// programs that take long); collecting at each allocation (more rarely for programs that allocate much);
// all of it after a way through a compiled file; and all of it with the fuel ending midway. The heap is
// large enough never to be the limit: what it holds is not the same in each way. Then once under a small
// heap, for crashes only. That is an input that is checked whole; most get one of these besides the first
// run, a harder one, with less fuel.
#include "fuzz.h"

#define FUEL_LIMIT   5000u
#define FUEL_MOST    1000u // of an input that is not checked whole
#define SLICES_MAX   1000u
#define SLICES_MOST  50u
#define COLLECT_MAX  60u
#define COLLECT_MOST 10u
#define DEPTH_MAX    100u
#define HEAP_LARGE   ((size_t)64 << 20)

// ---- Whole ----------------------------------------------------------------------------------------

// Returns the fuel it takes.
static uint64_t check_ways(zvm_code *code, uint64_t fuel_limit)
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
    uint64_t fuel_used = first.fuel_used;
    fuzz_ending_free(&first);
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

static void run_in_little(zvm_code *code, uint64_t fuel_limit)
{
    struct fuzz_setup setup = {.name = "little heap",
                               .fuel_limit = fuel_limit,
                               .heap_limit_bytes = ZVM_HEAP_LIMIT_MIN_BYTES,
                               .max_depth = 20,
                               .slice = 100};
    struct fuzz_ending ending;
    fuzz_run(code, &setup, &ending);
    fuzz_ending_free(&ending);
}

// Where the fuel ends depends on the input alone, so that a finding repeats.
static uint64_t midway(uint64_t fuel, size_t length_bytes)
{
    return 1 + (fuel * 7 + length_bytes * 13) % (fuel + 1);
}

static void check_whole(zvm_code *code, size_t length_bytes)
{
    uint64_t fuel = check_ways(code, FUEL_LIMIT);
    zvm_code *again = read_again(code);
    (void)check_ways(again, midway(fuel, length_bytes));
    run_in_little(again, FUEL_LIMIT);
    zvm_code_release(again);
}

// ---- Most inputs ----------------------------------------------------------------------------------

// Everything at once that must not matter: the other back end, slices, collections.
static void check_hardest(zvm_code *code, const struct fuzz_ending *first, uint64_t fuel_limit)
{
    struct fuzz_setup setup = {.name = "switch, few slices, collecting",
                               .uses_switch = true,
                               .slice = first->fuel_used / SLICES_MOST + 1,
                               .gc_threshold_count = first->allocated_count / COLLECT_MOST + 1,
                               .fuel_limit = fuel_limit,
                               .heap_limit_bytes = HEAP_LARGE,
                               .max_depth = DEPTH_MAX};
    fuzz_expect_same(code, &setup, first);
}

static void check_one_way(zvm_code *code, size_t length_bytes, uint32_t choice)
{
    struct fuzz_setup setup = {.name = "goto, one slice",
                               .fuel_limit = FUEL_MOST,
                               .heap_limit_bytes = HEAP_LARGE,
                               .max_depth = DEPTH_MAX};
    struct fuzz_ending first;
    fuzz_run(code, &setup, &first);
    uint64_t fuel = midway(first.fuel_used, length_bytes);
    if (choice % 4 < 2) {
        check_hardest(code, &first, FUEL_MOST);
    } else if (choice % 4 == 2) {
        run_in_little(code, FUEL_MOST);
    } else {
        zvm_code *again = read_again(code);
        fuzz_ending_free(&first);
        setup.fuel_limit = fuel;
        fuzz_run(code, &setup, &first);
        check_hardest(again, &first, fuel);
        zvm_code_release(again);
    }
    fuzz_ending_free(&first);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length_bytes)
{
    uint32_t choice;
    bool is_whole = fuzz_begin(data, length_bytes, &choice);
    zvm_code *code = NULL;
    if (fuzz_compile((const char *)data, length_bytes, NULL, &code) != ZVM_OK) return 0;
    fuzz_count_accepted();
    if (is_whole)
        check_whole(code, length_bytes);
    else
        check_one_way(code, length_bytes, choice);
    zvm_code_release(code);
    return 0;
}
