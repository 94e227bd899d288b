// fuzz/target_code.c - any bytes as a compiled file: reader, verifier, and, of what they accept, the
// interpreter with small limits.
//
// Looks for: a crash; in builds with ZVM_DEBUG 2 an instruction that reaches for something that is not
// there (vm/interp_check.c); a refusal without a word; bytes that are others when written again; back ends
// and slices that do not agree, whatever the code means. Of most inputs only some of these are done.
#include "fuzz.h"

#include "vm/code_format.h"

#include <string.h>

#define FUEL_LIMIT  4000u
#define FUEL_MOST   1000u // of an input that is not checked whole
#define SLICES_MAX  400u
#define SLICES_MOST 40u
#define DEPTH_MAX   40u

static void check_listing(const zvm_code *code)
{
    struct fuzz_text listing = {0};
    if (zvm_code_disassemble(code, fuzz_text_add, &listing) != ZVM_OK) fuzz_fail("no listing");
    fuzz_text_free(&listing);
}

// What is written is read again, and is the same bytes when written again.
static void check_again(const zvm_code *code)
{
    struct fuzz_text bytes = {0}, *first = &bytes;
    if (zvm_code_serialize(code, fuzz_text_add, first) != ZVM_OK) fuzz_fail("not written");
    struct fuzz_text second = {0};
    zvm_code *again = NULL;
    zvm_status status = zvm_code_from_bytes(fuzz_runtime(), "again", first->bytes,
                                            first->length_bytes, NULL, NULL, &again);
    if (status != ZVM_OK) fuzz_fail("not read again: %s", zvm_status_text(status));
    if (zvm_code_serialize(again, fuzz_text_add, &second) != ZVM_OK) fuzz_fail("not written");
    if (second.length_bytes != first->length_bytes ||
        memcmp(second.bytes, first->bytes, first->length_bytes) != 0) {
        fuzz_fail("other bytes when written again");
    }
    fuzz_text_free(first);
    fuzz_text_free(&second);
    zvm_code_release(again);
}

static void run_in_little(zvm_code *code, uint64_t fuel_limit, uint64_t gc_threshold_count)
{
    struct fuzz_setup setup = {.name = "little heap, collecting",
                               .fuel_limit = fuel_limit,
                               .heap_limit_bytes = ZVM_HEAP_LIMIT_MIN_BYTES,
                               .max_depth = DEPTH_MAX,
                               .gc_threshold_count = gc_threshold_count};
    struct fuzz_ending ending;
    fuzz_run(code, &setup, &ending);
    fuzz_ending_free(&ending);
}

static void run(zvm_code *code, bool is_whole, uint32_t choice)
{
    uint64_t fuel_limit = is_whole ? FUEL_LIMIT : FUEL_MOST;
    struct fuzz_setup setup = {.name = "goto, one slice",
                               .fuel_limit = fuel_limit,
                               .heap_limit_bytes = (size_t)1 << 20,
                               .max_depth = DEPTH_MAX};
    struct fuzz_ending first;
    fuzz_run(code, &setup, &first);
    setup.name = "switch, small slices";
    setup.uses_switch = true;
    setup.slice = first.fuel_used / (is_whole ? SLICES_MAX : SLICES_MOST) + 1;
    // What the heap's limit is met with, and so when, is not the same in each way.
    if ((is_whole || choice % 8 < 4) && first.allocated_count < 200) {
        fuzz_expect_same(code, &setup, &first);
    }
    if (is_whole) run_in_little(code, fuel_limit, first.allocated_count / 100 + 1);
    if (!is_whole && choice % 8 == 4)
        run_in_little(code, fuel_limit, first.allocated_count / 10 + 1);
    fuzz_ending_free(&first);
}

static void try_bytes(const uint8_t *data, size_t length_bytes, bool is_whole, uint32_t choice)
{
    struct fuzz_text why = {0};
    zvm_code *code = NULL;
    zvm_status status =
        zvm_code_from_bytes(fuzz_runtime(), "input", length_bytes == 0 ? "" : (const char *)data,
                            length_bytes, fuzz_text_add, &why, &code);
    if (status == ZVM_OK) {
        fuzz_count_accepted();
        if (is_whole || choice % 8 == 5) check_again(code);
        if (is_whole || choice % 8 == 6) check_listing(code);
        run(code, is_whole, choice);
        zvm_code_release(code);
    } else {
        if (status != ZVM_E_FORMAT && status != ZVM_E_BYTECODE) {
            fuzz_fail("reading came to %s", zvm_status_text(status));
        }
        if (why.length_bytes == 0) fuzz_fail("refused without a word");
    }
    fuzz_text_free(&why);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length_bytes)
{
    uint32_t choice;
    bool is_whole = fuzz_begin(data, length_bytes, &choice);
    try_bytes(data, length_bytes, is_whole, choice);
    // Once more with a head that fits: so a corpus outlives changes of the instruction set.
    struct fuzz_text sealed = {0};
    if (length_bytes < ZFORMAT_HEAD_BYTES) return 0;
    (void)fuzz_text_add(&sealed, (const char *)data, length_bytes);
    zcode_seal_bytes((uint8_t *)sealed.bytes, length_bytes);
    if (memcmp(sealed.bytes, data, ZFORMAT_HEAD_BYTES) != 0) {
        try_bytes((const uint8_t *)sealed.bytes, length_bytes, is_whole, choice);
    }
    fuzz_text_free(&sealed);
    return 0;
}
