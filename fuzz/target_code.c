// fuzz/target_code.c - any bytes as a compiled file: reader, verifier, and, of what they accept, the
// interpreter with small limits.
//
// Looks for: a crash; in builds with ZVM_DEBUG 2 an instruction that reaches for something that is not
// there (vm/interp_check.c); a refusal without a word; bytes that are others when written again; back ends
// and slices that do not agree, whatever the code means.
#include "fuzz.h"

#include "vm/code_format.h"

#include <string.h>

#define FUEL_LIMIT 4000u
#define DEPTH_MAX  40u

static void check_again(zvm_code *code, const struct fuzz_text *first)
{
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
    struct fuzz_text listing = {0};
    if (zvm_code_disassemble(code, fuzz_text_add, &listing) != ZVM_OK) fuzz_fail("no listing");
    fuzz_text_free(&listing);
    fuzz_text_free(&second);
    zvm_code_release(again);
}

static void run(zvm_code *code)
{
    struct fuzz_setup setup = {.name = "goto, one slice",
                               .fuel_limit = FUEL_LIMIT,
                               .heap_limit_bytes = (size_t)1 << 20,
                               .max_depth = DEPTH_MAX};
    struct fuzz_ending first;
    fuzz_run(code, &setup, &first);
    setup.name = "switch, small slices";
    setup.uses_switch = true;
    setup.slice = first.fuel_used / 400 + 1;
    // What the heap's limit is met with, and so when, is not the same in each way.
    if (first.allocated_count < 200) fuzz_expect_same(code, &setup, &first);
    setup.name = "little heap, collecting";
    setup.uses_switch = false;
    setup.slice = 0;
    setup.heap_limit_bytes = ZVM_HEAP_LIMIT_MIN_BYTES;
    setup.gc_threshold_count = first.allocated_count / 100 + 1;
    struct fuzz_ending ending;
    fuzz_run(code, &setup, &ending);
    fuzz_ending_free(&ending);
    fuzz_ending_free(&first);
}

static void try_bytes(const uint8_t *data, size_t length_bytes)
{
    struct fuzz_text why = {0}, bytes = {0};
    zvm_code *code = NULL;
    zvm_status status =
        zvm_code_from_bytes(fuzz_runtime(), "input", length_bytes == 0 ? "" : (const char *)data,
                            length_bytes, fuzz_text_add, &why, &code);
    if (status == ZVM_OK) {
        if (zvm_code_serialize(code, fuzz_text_add, &bytes) != ZVM_OK) fuzz_fail("not written");
        check_again(code, &bytes);
        run(code);
        zvm_code_release(code);
    } else {
        if (status != ZVM_E_FORMAT && status != ZVM_E_BYTECODE) {
            fuzz_fail("reading came to %s", zvm_status_text(status));
        }
        if (why.length_bytes == 0) fuzz_fail("refused without a word");
    }
    fuzz_text_free(&bytes);
    fuzz_text_free(&why);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length_bytes)
{
    try_bytes(data, length_bytes);
    // Once more with a head that fits: so a corpus outlives changes of the instruction set.
    struct fuzz_text sealed = {0};
    if (length_bytes < ZFORMAT_HEAD_BYTES) return 0;
    (void)fuzz_text_add(&sealed, (const char *)data, length_bytes);
    zcode_seal_bytes((uint8_t *)sealed.bytes, length_bytes);
    if (memcmp(sealed.bytes, data, ZFORMAT_HEAD_BYTES) != 0) {
        try_bytes((const uint8_t *)sealed.bytes, length_bytes);
    }
    fuzz_text_free(&sealed);
    return 0;
}
