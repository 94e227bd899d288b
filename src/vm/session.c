// vm/session.c - a session: an isolate that runs one piece of code after the other on the same globals
// and the same heap.
//
// Owns: the references to the codes before the last; iso->code holds the last. Thread: owner.
// Invariants:  1. the slot of a global never changes; each piece names those of all before it, and has
//                 its own behind them. So functions of earlier pieces go on, and see what later ones
//                 do to their globals.
//              2. all pieces stay, because functions, errors and traces point into them; but only the
//                 last one and the first, which other isolates may share, keep the names of globals.
//                 So what a piece costs does not grow with the session.
// What is kept is charged to the isolate, as all that it causes.
#include "vm/isolate.h"

#include "base/alloc.h"
#include "vm/enter.h"
#include "vm/error.h"
#include "vm/interp.h"
#include "vm/result.h"
#include "vm/talk.h"

#include <string.h>

// Room to remember one more code.
static bool make_place(struct zisolate *iso)
{
    if (!zisolate_ensure_extra(iso)) return false;
    struct zisolate_extra *extra = iso->extra;
    if (extra->code_count < extra->code_capacity) return true;
    uint32_t capacity = extra->code_capacity == 0 ? 8 : extra->code_capacity * 2;
    if (capacity < extra->code_capacity) return false;
    const struct zcode **codes = z_resize(extra->codes, extra->code_capacity * sizeof *codes,
                                          capacity * sizeof *codes);
    if (codes == NULL) return false;
    extra->codes = codes;
    extra->code_capacity = capacity;
    return true;
}

static struct zcode *own(const struct zcode *code)
{
    return (struct zcode *)(uintptr_t)code;
}

// The new globals get their registers. A refusal is no error of the program, which does not run.
static zvm_status make_globals(struct zisolate *iso, const struct zcode *code)
{
    uint32_t old_count = iso->code->global_count;
    int32_t status = iso->status;
    if (!zcall_make_room(iso, 0, code->global_count + 1)) {
        bool is_nomem = iso->pending == ZPENDING_TERMINATION && iso->status == ZVM_E_NOMEM;
        iso->pending = ZPENDING_NOTHING;
        iso->error = zvalue_null();
        iso->status = status;
        return is_nomem ? ZVM_E_NOMEM : ZVM_E_HEAP_LIMIT;
    }
    for (uint32_t i = old_count; i < code->global_count; i++) {
        iso->stack[i] = zvalue_unset();
    }
    return ZVM_OK;
}

// The piece that was the last keeps its names only if it is the first, which is not ours alone.
static void put_aside(struct zisolate *iso)
{
    struct zisolate_extra *extra = iso->extra;
    struct zcode *old = own(iso->code);
    if (extra->code_count > 0) {
        uint64_t before = old->bytes;
        zcode_drop_globals(old);
        zcode_add_up(old);
        zheap_uncharge(&iso->heap, before - old->bytes);
    }
    extra->codes[extra->code_count++] = old;
}

zvm_status zisolate_load(struct zisolate *iso, struct zcode *code)
{
    ZVM_ASSERT(iso->finished);
    ZVM_ASSERT(code->global_count >= iso->code->global_count);

    if (!make_place(iso)) return ZVM_E_NOMEM;
    struct zmailbox *mailbox; // the last piece's is over
    zvm_status status = ztalk_prepare_again(iso, &mailbox);
    if (status != ZVM_OK) return status;
    bool is_charged = zheap_charge(&iso->heap, code->bytes);
    status = is_charged ? make_globals(iso, code) : ZVM_E_HEAP_LIMIT;
    if (status != ZVM_OK) {
        if (is_charged) zheap_uncharge(&iso->heap, code->bytes);
        if (mailbox != NULL) zmailbox_release(mailbox);
        return status;
    }
    put_aside(iso);
    ztalk_replace(iso, mailbox); // never collects: the new globals are no roots yet
    iso->code = code;
    zresult_clear(iso);
    zenter_forget(iso);
    zisolate_restart(iso);
    return ZVM_OK;
}

const struct zcode *zsession_first(const struct zisolate *iso)
{
    bool is_session = iso->extra != NULL && iso->extra->code_count > 0;
    return is_session ? iso->extra->codes[0] : iso->code;
}

void zsession_rewind(struct zisolate *iso)
{
    struct zisolate_extra *extra = iso->extra;
    if (extra == NULL || extra->code_count == 0) return;
    zheap_uncharge(&iso->heap, iso->code->bytes);
    zcode_release(own(iso->code));
    for (uint32_t i = 1; i < extra->code_count; i++) {
        zheap_uncharge(&iso->heap, extra->codes[i]->bytes);
        zcode_release(own(extra->codes[i]));
    }
    iso->code = extra->codes[0];
    extra->code_count = 0;
}

void zsession_free(struct zisolate *iso)
{
    struct zisolate_extra *extra = iso->extra;
    if (extra == NULL || extra->codes == NULL) return;
    // The first was made by the host and never charged; of the others iso->code is the last.
    if (extra->code_count > 0) zheap_uncharge(&iso->heap, iso->code->bytes);
    for (uint32_t i = 0; i < extra->code_count; i++) {
        if (i > 0) zheap_uncharge(&iso->heap, extra->codes[i]->bytes);
        zcode_release(own(extra->codes[i]));
    }
    z_free(extra->codes, extra->code_capacity * sizeof *extra->codes);
    extra->codes = NULL;
    extra->code_count = extra->code_capacity = 0;
}
