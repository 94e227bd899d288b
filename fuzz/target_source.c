// fuzz/target_source.c - any bytes as a source: lexer, parser, resolver, generator, linker, verifier,
// both directions of compiled files, and the listing.
//
// Looks for: a crash; code of the generator that the verifier refuses; findings that are no text; a
// status that the documentation does not name; compiled code that is another one when read again. Of most
// inputs only some parts behind compiling are done.
#include "fuzz.h"

#include <string.h>

// Diagnostics are whole lines.
static void check_refusal(zvm_status status, const struct fuzz_text *findings)
{
    if (status != ZVM_E_SYNTAX && status != ZVM_E_UTF8 && status != ZVM_E_LIMIT) {
        fuzz_fail("compiling came to %s\n%.*s", zvm_status_text(status),
                  (int)findings->length_bytes, findings->bytes == NULL ? "" : findings->bytes);
    }
    if (findings->length_bytes == 0) fuzz_fail("refused without a word");
    if (findings->bytes[findings->length_bytes - 1] != '\n') fuzz_fail("a finding has no line end");
    if (memchr(findings->bytes, 0, findings->length_bytes) != NULL) {
        fuzz_fail("a finding has a zero in it");
    }
}

static void check_listing(const zvm_code *code, const char *text, size_t length_bytes)
{
    struct fuzz_text listing = {0};
    if (zvm_code_disassemble_source(code, text, length_bytes, fuzz_text_add, &listing) != ZVM_OK) {
        fuzz_fail("no listing");
    }
    if (listing.length_bytes == 0) fuzz_fail("an empty listing");
    fuzz_text_free(&listing);
}

static void check_bytes(const zvm_code *code)
{
    struct fuzz_text first = {0}, second = {0}, why = {0};
    zvm_code *again = NULL;
    if (zvm_code_serialize(code, fuzz_text_add, &first) != ZVM_OK) fuzz_fail("not written");
    zvm_status status = zvm_code_from_bytes(fuzz_runtime(), "again", first.bytes,
                                            first.length_bytes, fuzz_text_add, &why, &again);
    if (status != ZVM_OK) {
        fuzz_fail("not read again: %s: %.*s", zvm_status_text(status), (int)why.length_bytes,
                  why.bytes == NULL ? "" : why.bytes);
    }
    if (zvm_code_serialize(again, fuzz_text_add, &second) != ZVM_OK) fuzz_fail("not written");
    if (first.length_bytes != second.length_bytes ||
        memcmp(first.bytes, second.bytes, first.length_bytes) != 0) {
        fuzz_fail("other bytes when written again");
    }
    zvm_code_release(again);
    fuzz_text_free(&first);
    fuzz_text_free(&second);
    fuzz_text_free(&why);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length_bytes)
{
    uint32_t choice;
    bool is_whole = fuzz_begin(data, length_bytes, &choice);
    const char *text = length_bytes == 0 ? "" : (const char *)data;
    struct fuzz_text findings = {0};
    zvm_code *code = NULL;
    zvm_status status = fuzz_compile(text, length_bytes, &findings, &code);
    if (status != ZVM_OK) {
        check_refusal(status, &findings);
    } else {
        fuzz_count_accepted();
        if (is_whole || choice % 8 == 0) check_listing(code, text, length_bytes);
        if (is_whole || choice % 8 < 3) check_bytes(code);
        zvm_code_release(code);
    }
    if (is_whole || choice % 8 == 3) (void)zvm_source_is_open(text, length_bytes);
    fuzz_text_free(&findings);
    return 0;
}
