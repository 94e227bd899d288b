// vm/talk.c - values that name isolates, and the beginning and the end of those that talk.
//
// Owns: the isolate's hold of its own mailbox. Thread: the isolate's owner.
// What an isolate leaves behind is packed while its heap is still there, and only if somebody else has its
// mailbox: nobody can come to have it later.
#include "vm/talk.h"

#include "base/alloc.h"
#include "vm/error.h"
#include "vm/hostobject.h"
#include "vm/interp.h"
#include "vm/parcel.h"
#include "vm/quota.h"
#include "vm/wait.h"

static void wake(const struct zshared *shared, const struct zwake *whom)
{
    if (zwake_is_wanted(whom)) shared->talks->wake(shared->waits_context, whom);
}

// ---- Values -------------------------------------------------------------------------------------

static void let_go(void *pointer, void *user)
{
    (void)user;
    zmailbox_release(pointer);
}

static const zvm_host_kind kind = {
    .size = sizeof(zvm_host_kind), .name = "isolate", .finalize = let_go};

bool ztalk_value(struct zisolate *iso, struct zmailbox *mailbox, struct zvalue *out)
{
    if (!zhost_object_prepare(iso, sizeof *mailbox)) return false;
    struct zisolate_value *value = zheap_new(&iso->heap, ZTYPE_ISOLATE, sizeof *value, 0);
    if (value == NULL) {
        zheap_uncharge(&iso->heap, sizeof *mailbox);
        return zerror_raise_memory(iso);
    }
    value->mailbox = mailbox;
    zmailbox_hold(mailbox);
    zhost_object_attach(iso, &value->header, &kind, mailbox, sizeof *mailbox);
    *out = zvalue_object(value, ZTAG_ISOLATE);
    return true;
}

bool ztalk_own(struct zisolate *iso, struct zmailbox **out)
{
    if (iso->shared->talks == NULL)
        return zerror_raise(iso, ZERROR_STATE, "isolates cannot talk here: there is no scheduler");
    zvm_status status = zmailbox_ensure(iso);
    *out = iso->mailbox;
    return status == ZVM_OK || zerror_raise_memory(iso);
}

// ---- The beginning ------------------------------------------------------------------------------

#define ROOTS_MAX (1 + ZCODE_REGISTERS_MAX) // the function and its arguments

bool ztalk_begin(struct zisolate *iso)
{
    struct zmailbox *mailbox = iso->mailbox;
    struct zparcel *start = mailbox->life->start;
    struct zvalue values[ROOTS_MAX];
    ZVM_CHECK(start->root_count <= ROOTS_MAX);
    if (!zheap_charge(&iso->heap, ZMAILBOX_CHARGE_BYTES)) return zerror_raise_memory(iso);
    mailbox->is_charged = true;
    if (!zparcel_unpack(iso, start, values)) return false;
    struct zscope scope;
    zscope_open(&iso->heap, &scope, values, start->root_count);
    bool has_begun = zcall_begin(iso, values[0].p);
    zscope_close(&iso->heap, &scope);
    if (has_begun) {
        struct zvalue *registers = iso->stack + iso->frame->base;
        registers[-1] = values[0];
        for (uint32_t i = 1; i < start->root_count; i++)
            registers[i - 1] = values[i];
    }
    zmailbox_free_start(mailbox);
    return has_begun;
}

// ---- The end ------------------------------------------------------------------------------------

// False: mailbox->status says what the isolate has come to instead, for others; its own end does not change.
static bool pack(struct zisolate *iso, struct zvalue value)
{
    struct zmailbox *mailbox = iso->mailbox;
    struct zparcel_rules rules = {.what = "the end",
                                  .name = "result",
                                  .limit_bytes = mailbox->limit_bytes,
                                  .keeper = mailbox};
    iso->pending = ZPENDING_NOTHING;
    if (zparcel_pack(iso, &rules, &value, 1, &mailbox->result)) return true;
    mailbox->status = iso->pending == ZPENDING_TERMINATION ? iso->status : ZVM_E_ERROR;
    return false;
}

// What the isolate gave or threw; when that cannot be sent, the error that says so.
static void pack_result(struct zisolate *iso, struct zvalue value)
{
    struct zvalue roots[2] = {value, iso->error};
    struct zscope scope;
    uint8_t pending = iso->pending;
    int32_t status = iso->status;
    zscope_open(&iso->heap, &scope, roots, 2);
    if (!pack(iso, value) && iso->pending != ZPENDING_TERMINATION) (void)pack(iso, iso->error);
    zscope_close(&iso->heap, &scope);
    iso->pending = pending;
    iso->status = status;
    iso->error = roots[1];
}

// The group has no memory for it: then there is none.
static void keep_result(const struct zisolate *iso, struct zmailbox *mailbox)
{
    struct zparcel *result = mailbox->result;
    if (result == NULL) return;
    if (!zmailbox_pay(mailbox, zquota_group(iso), result)) {
        zparcel_free(result);
        mailbox->result = NULL;
        if (mailbox->status == ZVM_OK) mailbox->status = ZVM_E_HEAP_LIMIT;
    } else if (result->hold_count > 0) {
        zmailbox_list_result(mailbox);
    }
}

#define FUEL_ENOUGH (INT64_MAX / 4)

// Costs no fuel: whether anybody could still ask for it depends on which heaps have been collected, and all that is
// copied, once, has been paid for.
static void keep_for_others(struct zisolate *iso, struct zvalue value)
{
    const int64_t fuel = iso->fuel, fuel_reserve = iso->fuel_reserve;
    iso->fuel = 0;
    iso->fuel_reserve = FUEL_ENOUGH;
    pack_result(iso, value);
    iso->fuel = fuel;
    iso->fuel_reserve = fuel_reserve;
}

void ztalk_settle(struct zisolate *iso, const struct zvalue *value)
{
    struct zmailbox *mailbox = iso->mailbox;
    zmailbox_free_start(mailbox); // it could not begin
    mailbox->status = iso->status;
    bool is_told = value == NULL && mailbox->on_unwatched != NULL;
    if (!zmailbox_is_shared(mailbox) && !is_told) return;
    bool has_thrown =
        value == NULL && (iso->status == ZVM_E_ERROR || iso->status == ZVM_E_HEAP_LIMIT);
    if (has_thrown)
        keep_for_others(iso, iso->error);
    else if (value != NULL && value->tag != ZTAG_NULL)
        keep_for_others(iso, *value); // none is read as null
    keep_result(iso, mailbox);
}

static void drop(struct zmessage *message)
{
    if (message->kind == ZMESSAGE_VALUE)
        zparcel_free((struct zparcel *)(void *)message);
    else
        zmonitor_release((struct zmonitor *)(void *)message);
}

static void leave_line(struct zisolate *iso)
{
    struct zmailbox *mailbox = iso->mailbox, *at = mailbox->life->at;
    if (at == NULL) return;
    mailbox->life->at = NULL;
    if (!mailbox->life->is_sending) {
        zmailbox_leave_awaiters(at, &mailbox->life->line);
        return;
    }
    (void)zmailbox_leave_senders(at, &mailbox->life->line);
    zheap_uncharge(&iso->heap, mailbox->life->line_bytes);
    if (mailbox->life->line.parcel != NULL) zparcel_free(mailbox->life->line.parcel);
    mailbox->life->line.parcel = NULL;
}

static void stop_watching(struct zisolate *iso)
{
    struct zmailbox *mailbox = iso->mailbox;
    while (mailbox->life->watches != NULL) {
        struct zmonitor *monitor = mailbox->life->watches;
        mailbox->life->watches = monitor->own_next;
        zheap_uncharge(&iso->heap, sizeof *monitor);
        zmailbox_unwatch(monitor);
        zmonitor_release(monitor);
    }
}

static void tell(struct zmailbox *mailbox)
{
    struct zwake whom = {0};
    while ((whom.token = zmailbox_next_waiter(mailbox)) != 0)
        wake(mailbox->shared, &whom);
    struct zmonitor *monitor;
    while ((monitor = zmailbox_next_monitor(mailbox)) != NULL) {
        if (zmailbox_send(monitor->watcher, &monitor->message, NULL, &whom) == ZSENT)
            wake(mailbox->shared, &whom);
        else
            zmonitor_release(monitor);
    }
}

static void drop_all(struct zmessage *unread)
{
    while (unread != NULL) {
        struct zmessage *message = unread;
        unread = message->next;
        drop(message);
    }
}

void ztalk_close(struct zmailbox *mailbox, uint64_t *dropped)
{
    struct zclosed closed = zmailbox_close(mailbox);
    *dropped = closed.count;
    drop_all(closed.unread);
    if (closed.is_awaited) tell(mailbox);
}

void ztalk_end(struct zisolate *iso, uint64_t *dropped)
{
    struct zmailbox *mailbox = iso->mailbox;
    if (!iso->finished) mailbox->status = ZVM_E_CANCELLED; // the host has done with it before
    struct zclosed closed = zmailbox_close(mailbox);
    if (closed.waiter == ZMAILBOX_ISOLATE) iso->shared->talks->let_go(iso);
    *dropped = closed.count;
    drop_all(closed.unread);
    zmailbox_free_start(mailbox); // it never began
    leave_line(iso);
    stop_watching(iso);
    if (closed.is_awaited) tell(mailbox);
}

void ztalk_free(struct zisolate *iso)
{
    struct zmailbox *mailbox = iso->mailbox;
    if (mailbox == NULL) return;
    if (mailbox->is_charged) zheap_uncharge(&iso->heap, ZMAILBOX_CHARGE_BYTES);
    iso->mailbox = NULL;
    // Of an isolate that could not be made it is still open, and nobody else has it: then all of it goes.
    if (mailbox->life != NULL && !zmailbox_is_open(mailbox)) zmailbox_end_life(mailbox, NULL);
    zmailbox_release(mailbox);
}

// ---- Again --------------------------------------------------------------------------------------

bool ztalk_withdraw(struct zisolate *iso)
{
    struct zmailbox *mailbox = iso->mailbox, *at = mailbox->life->at;
    if (at != NULL && mailbox->life->is_sending)
        (void)zmailbox_leave_senders(at, &mailbox->life->line);
    if (at != NULL && !mailbox->life->is_sending) zmailbox_leave_awaiters(at, &mailbox->life->line);
    const struct ztalk_hooks *talks = iso->shared->talks;
    if (zmailbox_stop_waiting(mailbox) == ZMAILBOX_ISOLATE) talks->let_go(iso);
    // With a token the bit is that one's, and who drops it sees to it.
    return zwait_token(iso) != 0 || !talks->is_held(iso);
}

zvm_status ztalk_prepare_again(const struct zisolate *iso, struct zmailbox **out)
{
    const struct zmailbox *old = iso->mailbox;
    *out = NULL;
    bool is_usual =
        old == NULL || (old->life->limit_count == ZVM_MAILBOX_COUNT_DEFAULT &&
                        old->limit_bytes == ZVM_MAILBOX_BYTES_DEFAULT && !old->life->may_spawn);
    if (is_usual) return ZVM_OK;
    *out = zmailbox_new_alike(old); // and not spawned: from here on it is the host's
    return *out == NULL ? ZVM_E_NOMEM : ZVM_OK;
}

static void take_up(struct zisolate *iso, struct zmailbox *mailbox, bool is_charged)
{
    mailbox->is_charged = is_charged;
    zmailbox_open(mailbox, iso);
    iso->mailbox = mailbox;
}

void ztalk_replace(struct zisolate *iso, struct zmailbox *mailbox)
{
    bool is_charged = mailbox != NULL && iso->mailbox->is_charged;
    if (is_charged) iso->mailbox->is_charged = false;
    ztalk_free(iso);
    if (mailbox != NULL) take_up(iso, mailbox, is_charged);
}

bool ztalk_begin_again(struct zisolate *iso, struct zmailbox *mailbox)
{
    ZVM_ASSERT(iso->mailbox == NULL);

    if (!zheap_charge(&iso->heap, ZMAILBOX_CHARGE_BYTES)) return false;
    take_up(iso, mailbox, true);
    return true;
}
