// api/messages.c - the bodies of zvm.h's messages between a host and programs.
//
// Owns: nothing; a mailbox is counted. Thread: as zvm.h says. Sending needs no isolate: what the host counts is added to
// counters that all its threads share.
#include "api/refs_internal.h"

#include "vm/aside.h"
#include "vm/error.h"
#include "vm/exchange.h"
#include "vm/parcel.h"
#include "vm/talk.h"

static struct zmailbox *mailbox_of(zvm_mailbox *mailbox)
{
    return (struct zmailbox *)mailbox;
}

static bool is_hosted(const struct zmailbox *mailbox)
{
    return mailbox->is_hosted;
}

static void count(const struct zmailbox *mailbox, struct zmessage_counts counts)
{
    mailbox->shared->talks->count(mailbox->shared->waits_context, counts);
}

// ---- Mailboxes ------------------------------------------------------------------------------------

zvm_status zvm_mailbox_create(zvm_runtime *runtime, const zvm_mailbox_options *options,
                              zvm_mailbox **mailbox)
{
    zvm_mailbox_options own = ZVM_MAILBOX_OPTIONS_INIT;
    if (runtime == NULL || mailbox == NULL) return ZVM_E_ARGUMENT;
    if (zapi_is_dead(runtime)) return ZVM_E_FORKED;
    if (options != NULL && !zapi_read_options(&own, sizeof own, options, options->size))
        return ZVM_E_ARGUMENT;
    struct zmailbox *made = zmailbox_new_hosted(runtime->shared, own.limit_count, own.limit_bytes,
                                                own.on_message, own.user);
    if (made == NULL) return ZVM_E_NOMEM;
    *mailbox = (zvm_mailbox *)made;
    return ZVM_OK;
}

zvm_status zvm_mailbox_close(zvm_mailbox *mailbox)
{
    if (mailbox == NULL) return ZVM_E_ARGUMENT;
    struct zmailbox *closed = mailbox_of(mailbox);
    if (zapi_is_dead(closed->shared->runtime)) return ZVM_E_FORKED;
    if (!is_hosted(closed)) return ZVM_E_STATE;
    uint64_t dropped = 0;
    ztalk_close(closed, &dropped);
    count(closed, (struct zmessage_counts){.dropped = dropped});
    return ZVM_OK;
}

void zvm_mailbox_release(zvm_mailbox *mailbox)
{
    if (mailbox == NULL || zapi_is_dead(mailbox_of(mailbox)->shared->runtime)) return;
    zmailbox_release(mailbox_of(mailbox));
}

zvm_status zvm_isolate_mailbox(zvm_isolate *isolate, zvm_mailbox **mailbox)
{
    struct zrefs_visit visit;
    if (mailbox == NULL) return ZVM_E_ARGUMENT;
    zvm_status status = zrefs_enter_any(isolate, &visit);
    if (status != ZVM_OK) return status;
    struct zmailbox *own;
    struct zaside aside;
    zaside_begin(visit.iso, &aside);
    status = zaside_end(visit.iso, &aside, ztalk_own(visit.iso, &own));
    if (status == ZVM_OK) {
        zmailbox_hold(own);
        *mailbox = (zvm_mailbox *)own;
    }
    zrefs_leave_any(&visit);
    return status;
}

// ---- Sending ----------------------------------------------------------------------------------------

static zvm_status status_of(enum zsent sent)
{
    switch (sent) {
    case ZSENT:
        return ZVM_OK;
    case ZSENT_OVER:
        return ZVM_E_STALE;
    case ZSENT_NO_MEMORY:
        return ZVM_E_HEAP_LIMIT;
    default:
        return ZVM_E_MAILBOX;
    }
}

static zvm_status send(struct zmailbox *mailbox, struct zparcel *parcel)
{
    struct zwake whom;
    enum zsent sent = zmailbox_send(mailbox, zparcel_message(parcel), NULL, &whom);
    if (sent != ZSENT) zparcel_free(parcel);
    if (sent == ZSENT || sent == ZSENT_OVER)
        count(mailbox, (struct zmessage_counts){.sent = 1, .dropped = sent == ZSENT_OVER});
    if (zwake_is_wanted(&whom)) mailbox->shared->talks->wake(mailbox->shared->waits_context, &whom);
    return status_of(sent);
}

zvm_status zvm_mailbox_send(zvm_mailbox *mailbox, const zvm_value *value)
{
    static const zvm_value null = {.kind = ZVM_VALUE_NULL};
    if (mailbox == NULL) return ZVM_E_ARGUMENT;
    struct zmailbox *to = mailbox_of(mailbox);
    if (zapi_is_dead(to->shared->runtime)) return ZVM_E_FORKED;
    if (value == NULL) value = &null;
    zvm_status status = zexchange_check(value);
    if (status != ZVM_OK) return status;
    struct zparcel *parcel;
    status = zparcel_of_value(&to->shared->counted, value, to->limit_bytes, &parcel);
    return status == ZVM_OK ? send(to, parcel) : status;
}

// What the program would have got as an error, as a status; it is taken away.
static zvm_status take_refusal(struct zisolate *iso, const struct zaside *aside)
{
    zvm_status status = ZVM_OK;
    if (iso->pending == ZPENDING_ERROR && iso->error.tag == ZTAG_ERROR) {
        const struct zerror *error = iso->error.p;
        if (error->kind == (uintptr_t)iso->shared->kinds[ZERROR_TYPE]) status = ZVM_E_TYPE;
        if (error->kind == (uintptr_t)iso->shared->kinds[ZERROR_MAILBOX]) status = ZVM_E_MAILBOX;
    }
    zvm_status other = zaside_end(iso, aside, false);
    return status != ZVM_OK ? status : other;
}

zvm_status zvm_mailbox_send_ref(zvm_mailbox *mailbox, zvm_isolate *isolate, zvm_ref ref)
{
    struct zrefs_visit visit;
    if (mailbox == NULL) return ZVM_E_ARGUMENT;
    zvm_status status = zrefs_enter(isolate, &visit);
    if (status != ZVM_OK) return status;
    struct zmailbox *to = mailbox_of(mailbox);
    if (to->shared != visit.iso->shared) return zrefs_leave(&visit, ZVM_E_FOREIGN);
    const struct zvalue *value = zrefs_find(visit.iso, ref);
    if (value == NULL) return zrefs_leave(&visit, ZVM_E_STALE);
    const struct zparcel_rules rules = {
        .what = "send()", .name = "message", .limit_bytes = to->limit_bytes};
    struct zparcel *parcel = NULL;
    struct zaside aside;
    zaside_begin(visit.iso, &aside);
    bool is_packed = zparcel_pack(visit.iso, &rules, value, 1, &parcel);
    status = is_packed ? zaside_end(visit.iso, &aside, true) : take_refusal(visit.iso, &aside);
    (void)zrefs_leave(&visit, status);
    return is_packed ? send(to, parcel) : status;
}

// ---- Receiving --------------------------------------------------------------------------------------

// The message is lost when it cannot be taken.
static zvm_status unpack(struct zrefs_visit *visit, struct zparcel *parcel, zvm_ref *ref)
{
    struct zvalue value = zvalue_null();
    struct zaside aside;
    zaside_begin(visit->iso, &aside);
    bool is_whole = zparcel_unpack(visit->iso, parcel, &value);
    zvm_status status = is_whole ? zaside_end(visit->iso, &aside, true)
                                 : take_refusal(visit->iso, &aside);
    zparcel_free(parcel);
    if (status != ZVM_OK) return status;
    struct zscope scope;
    zscope_open(&visit->iso->heap, &scope, &value, 1);
    status = zrefs_give(visit, value, ref);
    zscope_close(&visit->iso->heap, &scope);
    return status;
}

// Senders that waited for room go on.
static struct zmessage *take(struct zmailbox *from)
{
    struct zreceived received;
    do {
        zmailbox_take(from, ZMAILBOX_NOBODY, &received);
        count(from, (struct zmessage_counts){.sent = received.admitted});
        for (uint32_t i = 0; i < received.wake_count; i++) {
            struct zwake whom = {.token = received.wakes[i]};
            from->shared->talks->wake(from->shared->waits_context, &whom);
        }
    } while (received.is_to_repeat);
    return received.message;
}

zvm_status zvm_mailbox_receive(zvm_mailbox *mailbox, zvm_isolate *isolate, zvm_ref *ref)
{
    struct zrefs_visit visit;
    if (mailbox == NULL || ref == NULL) return ZVM_E_ARGUMENT;
    zvm_status status = zrefs_enter(isolate, &visit);
    if (status != ZVM_OK) return status;
    struct zmailbox *from = mailbox_of(mailbox);
    if (from->shared != visit.iso->shared) return zrefs_leave(&visit, ZVM_E_FOREIGN);
    if (!is_hosted(from)) return zrefs_leave(&visit, ZVM_E_STATE);
    struct zmessage *message = take(from);
    if (message == NULL) return zrefs_leave(&visit, ZVM_E_NOT_FOUND);
    status = unpack(&visit, (struct zparcel *)(void *)message, ref);
    count(from, (struct zmessage_counts){.received = status == ZVM_OK, .dropped = status != ZVM_OK});
    return zrefs_leave(&visit, status);
}

// ---- Values that name them --------------------------------------------------------------------------

zvm_status zvm_ref_new_isolate(zvm_isolate *isolate, zvm_mailbox *mailbox, zvm_ref *ref)
{
    struct zrefs_visit visit;
    if (mailbox == NULL || ref == NULL) return ZVM_E_ARGUMENT;
    zvm_status status = zrefs_enter(isolate, &visit);
    if (status != ZVM_OK) return status;
    if (mailbox_of(mailbox)->shared != visit.iso->shared) return zrefs_leave(&visit, ZVM_E_FOREIGN);
    struct zvalue value = zvalue_null();
    struct zaside aside;
    zaside_begin(visit.iso, &aside);
    status = zaside_end(visit.iso, &aside, ztalk_value(visit.iso, mailbox_of(mailbox), &value));
    if (status != ZVM_OK) return zrefs_leave(&visit, status);
    struct zscope scope;
    zscope_open(&visit.iso->heap, &scope, &value, 1);
    status = zrefs_give(&visit, value, ref);
    zscope_close(&visit.iso->heap, &scope);
    return zrefs_leave(&visit, status);
}

zvm_status zvm_ref_mailbox(zvm_isolate *isolate, zvm_ref ref, zvm_mailbox **mailbox)
{
    struct zrefs_visit visit;
    if (mailbox == NULL) return ZVM_E_ARGUMENT;
    zvm_status status = zrefs_enter(isolate, &visit);
    if (status != ZVM_OK) return status;
    const struct zvalue *value = zrefs_find(visit.iso, ref);
    if (value == NULL) return zrefs_leave(&visit, ZVM_E_STALE);
    if (value->tag != ZTAG_ISOLATE) return zrefs_leave(&visit, ZVM_E_TYPE);
    struct zmailbox *named = ((const struct zisolate_value *)value->p)->mailbox;
    zmailbox_hold(named);
    *mailbox = (zvm_mailbox *)named;
    return zrefs_leave(&visit, ZVM_OK);
}
