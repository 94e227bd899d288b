// vm/builtin_talk.c - spawn, self, send, receive, monitor; awaiting an isolate.
//
// Owner-thread. What may have to wait is a native frame. Who waits only for a message is woken by its state
// word; who waits for a time as well, or stands in line at another mailbox, is answered by a token (vm/wait.h).
#include "vm/builtin_internal.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/status.h"
#include "vm/interp.h"
#include "vm/parcel.h"
#include "vm/quota.h"
#include "vm/talk.h"
#include "vm/wait.h"

#include <math.h>
#include <string.h>

static void wake(const struct zisolate *iso, struct zwake whom)
{
    const struct zshared *shared = iso->shared;
    if (zwake_is_wanted(&whom)) shared->talks->wake(shared->waits_context, &whom);
}

static bool need_isolate(struct zisolate *iso, const char *name, struct zvalue value)
{
    return value.tag == ZTAG_ISOLATE || zbuiltin_type_error(iso, name, 1, "isolate", value);
}

static struct zmailbox *mailbox_of(struct zvalue value)
{
    const struct zisolate_value *isolate = value.p;
    return isolate->mailbox;
}

static unsigned long long number_of(const struct zmailbox *mailbox)
{
    return (unsigned long long)mailbox->number;
}

// What it has printed comes before what those print that it starts or wakes, who may be in other workers: a
// slice's output would else be given to the host at its end.
static bool say_first(struct zisolate *iso)
{
    return iso->runner->output.length == 0 || zisolate_flush(iso);
}

// ---- Waiting --------------------------------------------------------------------------------------

#define NS_PER_MS 1000000.0
#define NS_MAX    9.2e18 // 292 years
#define NEVER     INT64_MAX

// When a time of so many milliseconds is over. false: pending is set.
static bool end_of(struct zisolate *iso, const char *name, uint32_t number, struct zvalue value,
                   int64_t *out_ns)
{
    if (!zbuiltin_need_number(iso, name, number, value)) return false;
    double ms = value.tag == ZTAG_INT ? (double)value.i : value.d;
    if (isnan(ms) || ms < 0)
        return zerror_raise(iso, ZERROR_VALUE, "%s() with a negative time", name);
    double ns = ms * NS_PER_MS;
    uint64_t now_ns = zclock_now_ns();
    *out_ns = ns < NS_MAX - (double)now_ns ? (int64_t)(now_ns + (uint64_t)ns) : NEVER - 1;
    return true;
}

static bool is_over(int64_t end_ns)
{
    return end_ns != NEVER && zclock_now_ns() >= (uint64_t)end_ns;
}

static bool open_token(struct zisolate *iso, int64_t end_ns, uint64_t *token)
{
    zvm_status status = zwait_open(iso, token);
    if (status != ZVM_OK) return zerror_terminate(iso, status);
    if (end_ns != NEVER) zwait_until(iso, (uint64_t)end_ns);
    return true;
}

// It has an answer, or its time has come, so that nobody will give one.
static bool may_go_on(struct zisolate *iso)
{
    struct zanswer answer;
    if (zwait_take(iso, &answer)) {
        zanswer_free(&answer);
        return true;
    }
    uint64_t wake_ns = zwait_wake_ns(iso);
    return wake_ns != 0 && zclock_now_ns() >= wake_ns && zwait_drop(iso);
}

static enum znative_step fail(struct zisolate *iso)
{
    (void)iso;
    ZVM_ASSERT(iso->pending != ZPENDING_NOTHING);
    return ZNATIVE_FAIL;
}

static enum znative_step give(struct znative_context *context, struct zvalue value)
{
    context->registers[0] = value;
    return ZNATIVE_RETURN;
}

static enum znative_step wait(struct znative_context *context, uint16_t state)
{
    context->state = state;
    return ZNATIVE_WAIT;
}

// ---- spawn and self ---------------------------------------------------------------------------------

static bool check_function(struct zisolate *iso, struct zvalue callee, uint32_t count)
{
    if (callee.tag != ZTAG_FUNC)
        return zerror_raise(iso, ZERROR_TYPE, "spawn needs an action, got %s",
                            zerror_type_text(callee));
    const struct zproto *proto = ((const struct zfunc *)callee.p)->proto;
    const char *name = proto->name == NULL ? "anonymous" : proto->name->bytes;
    if (proto->code != iso->code)
        return zerror_raise(iso, ZERROR_STATE, "%s() cannot be spawned from a session", name);
    if (proto->async_start != 0 || proto->is_method)
        return zerror_raise(iso, ZERROR_TYPE, "%s() cannot be spawned: it is %s", name,
                            proto->is_method ? "a method" : "async");
    if (proto->param_count != count)
        return zerror_raise(iso, ZERROR_ARGUMENT, "%s() expects %u argument%s, got %u", name,
                            (unsigned)proto->param_count, proto->param_count == 1 ? "" : "s",
                            (unsigned)count);
    return true;
}

static bool refuse_spawn(struct zisolate *iso, zvm_status status)
{
    switch (status) {
    case ZVM_E_ISOLATES:
        return zerror_raise(iso, ZERROR_LIMIT, "spawn: there are as many isolates as there may be");
    case ZVM_E_HEAP_LIMIT:
        return zerror_raise(iso, ZERROR_LIMIT, "spawn: the group has no memory for an isolate");
    case ZVM_E_CLOSED:
        return zerror_raise(iso, ZERROR_STATE, "spawn: the runtime is shutting down");
    default:
        return zerror_terminate(iso, status);
    }
}

// What is left of those that have been spawned, and are over, is kept by who names them.
#define SPAWNS_AHEAD 256u

static struct zmailbox *make_mailbox(struct zisolate *iso, struct zparcel *start)
{
    if (iso->runner->spawned++ % SPAWNS_AHEAD == 0)
        z_alloc_ahead(SPAWNS_AHEAD * sizeof(struct zmailbox));
    return zmailbox_new_spawned(iso->mailbox, &iso->runner->lives, start);
}

// Fuel of what the host does for them, beside what is copied: about what instructions of the same time cost.
#define SPAWN_FUEL   500
#define MESSAGE_FUEL 30 // to send one, and to receive one

bool zbuiltin_spawn(struct zisolate *iso, struct zvalue *args, uint32_t count,
                    struct zvalue *result)
{
    struct zmailbox *own;
    if (!zfuel_pay(iso, SPAWN_FUEL)) return false;
    if (!ztalk_own(iso, &own) || !check_function(iso, args[0], count - 1)) return false;
    if (!own->life->may_spawn)
        return zerror_raise(iso, ZERROR_LIMIT, "spawn: the host has not allowed it");
    const struct zparcel_rules rules = {
        .what = "spawn", .name = "argument", .limit_bytes = own->limit_bytes, .is_spawn = true};
    struct zparcel *start;
    if (!zparcel_pack(iso, &rules, args, count, &start)) return false;
    struct zmailbox *mailbox = make_mailbox(iso, start);
    if (mailbox == NULL) {
        zparcel_free(start);
        return zerror_terminate(iso, ZVM_E_NOMEM);
    }
    if (!zmailbox_pay(mailbox, zquota_group(iso), start)) {
        zmailbox_release(mailbox);
        return refuse_spawn(iso, ZVM_E_HEAP_LIMIT);
    }
    struct zvalue value;
    bool is_made = say_first(iso) && ztalk_value(iso, mailbox, &value);
    zvm_status status = ZVM_OK;
    if (is_made) status = iso->shared->talks->spawn(iso->shared->waits_context, iso, mailbox);
    zmailbox_release(mailbox);
    if (!is_made) return false;
    if (status != ZVM_OK) return refuse_spawn(iso, status);
    *result = value;
    return true;
}

bool zbuiltin_self(struct zisolate *iso, struct zvalue *args, uint32_t count, struct zvalue *result)
{
    (void)args;
    (void)count;
    struct zmailbox *own;
    return ztalk_own(iso, &own) && ztalk_value(iso, own, result);
}

// ---- send -------------------------------------------------------------------------------------------

// R[0] the isolate, R[1] the value, R[2] milliseconds; then its own:
enum { SEND_TO, SEND_VALUE, SEND_TIME, SEND_END };
enum { STATE_BEGIN, STATE_WAITING, STATE_TIMED };

static enum znative_step refuse_full(struct zisolate *iso, const struct zmailbox *to,
                                     struct zparcel *parcel)
{
    zparcel_free(parcel);
    (void)zerror_raise(iso, ZERROR_MAILBOX, "send(): the mailbox of isolate %llu is full",
                       number_of(to));
    return fail(iso);
}

static enum znative_step end_send(struct zisolate *iso, struct znative_context *context,
                                  struct zmailbox *to, struct zparcel *parcel, enum zsent sent)
{
    uint64_t bytes = parcel->message.bytes;
    switch (sent) {
    case ZSENT_OVER:
        zparcel_free(parcel);
        iso->runner->messages.sent++;
        iso->runner->messages.dropped++;
        return give(context, zvalue_bool(false));
    case ZSENT_FULL:
        return refuse_full(iso, to, parcel);
    case ZSENT_TOO_BIG:
        zparcel_free(parcel);
        (void)zerror_raise(iso, ZERROR_MAILBOX,
                           "send(): the message is larger than the mailbox of isolate %llu: %llu "
                           "of %llu bytes",
                           number_of(to), (unsigned long long)bytes,
                           (unsigned long long)to->limit_bytes);
        return fail(iso);
    default:
        zparcel_free(parcel);
        (void)zerror_raise(iso, ZERROR_MAILBOX,
                           "send(): the group of isolate %llu has no memory left for it",
                           number_of(to));
        return fail(iso);
    }
}

// The message waits with its sender, who pays for it.
static enum znative_step stand_in_line(struct zisolate *iso, struct znative_context *context,
                                       struct zmailbox *to, struct zparcel *parcel)
{
    struct zmailbox *own;
    uint64_t token, bytes = parcel->message.bytes;
    int64_t end_ns = context->registers[SEND_END].i;
    bool is_ready = ztalk_own(iso, &own);
    if (is_ready && !zheap_charge(&iso->heap, bytes)) is_ready = zerror_raise_memory(iso);
    if (!is_ready) {
        zparcel_free(parcel);
        return fail(iso);
    }
    if (!open_token(iso, end_ns, &token)) {
        zheap_uncharge(&iso->heap, bytes);
        zparcel_free(parcel);
        return fail(iso);
    }
    own->life->line = (struct zline){.parcel = parcel, .token = token};
    own->life->at = to;
    own->life->is_sending = true;
    own->life->line_bytes = bytes;
    struct zwake whom;
    enum zsent sent = zmailbox_send(to, &parcel->message, &own->life->line, &whom);
    if (sent == ZSENT_IN_LINE) return wait(context, STATE_WAITING);
    own->life->at = NULL;
    own->life->line.parcel = NULL;
    zheap_uncharge(&iso->heap, bytes);
    bool is_dropped = zwait_drop(iso); // nobody was told of it
    ZVM_CHECK(is_dropped);
    if (sent != ZSENT) return end_send(iso, context, to, parcel, sent);
    iso->runner->messages.sent++;
    wake(iso, whom);
    return give(context, zvalue_bool(true));
}

static enum znative_step try_send(struct zisolate *iso, struct znative_context *context,
                                  struct zmailbox *to, struct zparcel *parcel)
{
    struct zwake whom;
    enum zsent sent = zmailbox_send(to, &parcel->message, NULL, &whom);
    if (sent == ZSENT) {
        iso->runner->messages.sent++;
        wake(iso, whom);
        return give(context, zvalue_bool(true));
    }
    // In its own mailbox nobody else makes room.
    bool may_wait = to != iso->mailbox && !is_over(context->registers[SEND_END].i);
    if (sent == ZSENT_FULL && may_wait) return stand_in_line(iso, context, to, parcel);
    return end_send(iso, context, to, parcel, sent);
}

static enum znative_step begin_send(struct zisolate *iso, struct znative_context *context)
{
    struct zvalue *registers = context->registers;
    int64_t end_ns = NEVER;
    if (!zfuel_pay(iso, MESSAGE_FUEL)) return fail(iso);
    if (!need_isolate(iso, "send", registers[SEND_TO])) return fail(iso);
    if (context->argument_count > SEND_TIME &&
        !end_of(iso, "send", SEND_TIME + 1, registers[SEND_TIME], &end_ns))
        return fail(iso);
    registers[SEND_END] = zvalue_int(end_ns);
    struct zmailbox *to = mailbox_of(registers[SEND_TO]);
    const struct zparcel_rules rules = {
        .what = "send()", .name = "message", .limit_bytes = to->limit_bytes};
    struct zparcel *parcel;
    if (!say_first(iso)) return fail(iso);
    if (!zparcel_pack(iso, &rules, &registers[SEND_VALUE], 1, &parcel)) return fail(iso);
    return try_send(iso, context, to, parcel);
}

// It has been let in, its time is over, or there is nobody to send to any more.
static enum znative_step go_on_sending(struct zisolate *iso, struct znative_context *context)
{
    struct zmailbox *own = iso->mailbox, *to = own->life->at;
    (void)zmailbox_leave_senders(to, &own->life->line);
    struct zparcel *parcel = own->life->line.parcel;
    own->life->line.parcel = NULL;
    own->life->at = NULL;
    zheap_uncharge(&iso->heap, own->life->line_bytes);
    if (parcel == NULL) return give(context, zvalue_bool(true));
    if (is_over(context->registers[SEND_END].i)) return refuse_full(iso, to, parcel);
    return try_send(iso, context, to, parcel);
}

enum znative_step zbuiltin_send_step(struct zisolate *iso, struct znative_context *context)
{
    if (context->state == STATE_BEGIN) return begin_send(iso, context);
    return may_go_on(iso) ? go_on_sending(iso, context) : ZNATIVE_WAIT;
}

// ---- receive ----------------------------------------------------------------------------------------

enum { RECEIVE_TIME, RECEIVE_END, RECEIVE_MAP };

static bool add_text(struct zisolate *iso, struct zvalue map, const char *key, struct zvalue value)
{
    struct zvalue roots[3] = {map, value, zvalue_null()};
    struct zscope scope;
    zscope_open(&iso->heap, &scope, roots, 3);
    bool ok = zstring_new(iso, key, strlen(key), &roots[2]) &&
              zmap_set(iso, roots[0].p, roots[2], roots[1]);
    zscope_close(&iso->heap, &scope);
    return ok;
}

// The kind of what it failed with, or why it was ended.
static const char *reason_of(const struct zmailbox *mailbox)
{
    switch (mailbox->status) {
    case ZVM_OK:
        return "finished";
    case ZVM_E_ERROR:
        return "error";
    case ZVM_E_CANCELLED:
        return "cancelled";
    default:
        return "limit";
    }
}

// {"exit": isolate, "reason": …, "error": what it threw, a text, or null}
static bool make_exit(struct zisolate *iso, const struct zmonitor *monitor, struct zvalue *out)
{
    struct zmailbox *watched = monitor->watched;
    bool has_thrown = watched->status == ZVM_E_ERROR || watched->status == ZVM_E_HEAP_LIMIT;
    struct zvalue roots[2] = {zvalue_null(), zvalue_null()}; // the map, a value
    struct zscope scope;
    zscope_open(&iso->heap, &scope, roots, 2);
    bool ok = zmap_new(iso, 3, &roots[0]) && ztalk_value(iso, watched, &roots[1]) &&
              add_text(iso, roots[0], "exit", roots[1]);
    const char *reason = reason_of(watched);
    ok = ok && zstring_new(iso, reason, strlen(reason), &roots[1]) &&
         add_text(iso, roots[0], "reason", roots[1]);
    roots[1] = zvalue_null();
    if (ok && has_thrown && watched->result != NULL) {
        struct zvalue thrown;
        ok = zparcel_unpack(iso, watched->result, &thrown);
        if (ok) roots[1] = thrown;
    } else if (ok && watched->status != ZVM_OK) {
        const char *text = zstatus_text((zvm_status)watched->status);
        ok = zstring_new(iso, text, strlen(text), &roots[1]);
    }
    ok = ok && add_text(iso, roots[0], "error", roots[1]);
    zscope_close(&iso->heap, &scope);
    *out = roots[0];
    return ok;
}

static void forget_monitor(struct zisolate *iso, struct zmonitor *monitor)
{
    struct zmailbox *own = iso->mailbox;
    if (monitor->own_previous != NULL)
        monitor->own_previous->own_next = monitor->own_next;
    else
        own->life->watches = monitor->own_next;
    if (monitor->own_next != NULL) monitor->own_next->own_previous = monitor->own_previous;
    zheap_uncharge(&iso->heap, sizeof *monitor);
    zmonitor_release(monitor); // the list's
    zmonitor_release(monitor); // the message's
}

static enum znative_step deliver(struct zisolate *iso, struct znative_context *context,
                                 struct zmessage *message)
{
    struct zvalue value;
    bool is_whole;
    if (message->kind == ZMESSAGE_EXIT) {
        struct zmonitor *monitor = (struct zmonitor *)(void *)message;
        is_whole = make_exit(iso, monitor, &value);
        forget_monitor(iso, monitor);
        return is_whole ? give(context, value) : fail(iso);
    }
    struct zparcel *parcel = (struct zparcel *)(void *)message;
    is_whole = zparcel_unpack(iso, parcel, &value);
    zparcel_free(parcel);
    if (is_whole)
        iso->runner->messages.received++;
    else
        iso->runner->messages.dropped++;
    return is_whole ? give(context, value) : fail(iso);
}

static struct zmessage *take(struct zisolate *iso, uint64_t waiter)
{
    struct zreceived taken;
    do {
        zmailbox_take(iso->mailbox, waiter, &taken);
        iso->runner->messages.sent += taken.admitted;
        for (uint32_t i = 0; i < taken.wake_count; i++)
            wake(iso, (struct zwake){.token = taken.wakes[i]});
    } while (taken.is_to_repeat);
    return taken.message;
}

// Waits, unless a message has just come.
static enum znative_step wait_timed(struct zisolate *iso, struct znative_context *context,
                                    int64_t end_ns)
{
    uint64_t token;
    if (!open_token(iso, end_ns, &token)) return fail(iso);
    struct zmessage *message = take(iso, token);
    if (message == NULL) return wait(context, STATE_TIMED);
    bool is_dropped = zwait_drop(iso); // nobody was told of it
    ZVM_CHECK(is_dropped);
    return deliver(iso, context, message);
}

static enum znative_step wait_untimed(struct zisolate *iso, struct znative_context *context)
{
    iso->shared->talks->hold(iso);
    struct zmessage *message = take(iso, ZMAILBOX_ISOLATE);
    iso->mailbox->life->is_receiving = message == NULL;
    if (message == NULL) return wait(context, STATE_WAITING);
    iso->shared->talks->let_go(iso);
    return deliver(iso, context, message);
}

static enum znative_step receive(struct zisolate *iso, struct znative_context *context)
{
    struct zmessage *message = take(iso, ZMAILBOX_NOBODY);
    if (message != NULL) return deliver(iso, context, message);
    int64_t end_ns = context->registers[RECEIVE_END].i;
    if (is_over(end_ns)) return give(context, zvalue_null());
    bool has_time = end_ns != NEVER || iso->deadline_ns != 0;
    return has_time ? wait_timed(iso, context, end_ns) : wait_untimed(iso, context);
}

static enum znative_step begin_receive(struct zisolate *iso, struct znative_context *context)
{
    struct zmailbox *own;
    int64_t end_ns = NEVER;
    if (!zfuel_pay(iso, MESSAGE_FUEL)) return fail(iso);
    if (context->argument_count > 0 &&
        !end_of(iso, "receive", 1, context->registers[RECEIVE_TIME], &end_ns))
        return fail(iso);
    if (!ztalk_own(iso, &own)) return fail(iso);
    context->registers[RECEIVE_END] = zvalue_int(end_ns);
    return receive(iso, context);
}

enum znative_step zbuiltin_receive_step(struct zisolate *iso, struct znative_context *context)
{
    switch (context->state) {
    case STATE_BEGIN:
        return begin_receive(iso, context);
    case STATE_WAITING:
        if (iso->shared->talks->is_held(iso)) return ZNATIVE_WAIT;
        iso->mailbox->life->is_receiving = false;
        return receive(iso, context);
    default:
        if (!may_go_on(iso)) return ZNATIVE_WAIT;
        (void)zmailbox_stop_waiting(iso->mailbox);
        return receive(iso, context);
    }
}

// ---- monitor ----------------------------------------------------------------------------------------

static struct zmonitor *make_monitor(struct zisolate *iso, struct zmailbox *watched)
{
    struct zmailbox *own = iso->mailbox;
    if (!zheap_charge(&iso->heap, sizeof(struct zmonitor))) {
        (void)zerror_raise_memory(iso);
        return NULL;
    }
    struct zmonitor *monitor = z_alloc_zeroed(sizeof *monitor);
    if (monitor == NULL) {
        zheap_uncharge(&iso->heap, sizeof *monitor);
        (void)zerror_terminate(iso, ZVM_E_NOMEM);
        return NULL;
    }
    monitor->message = (struct zmessage){.bytes = sizeof *monitor, .kind = ZMESSAGE_EXIT};
    monitor->watched = watched;
    monitor->watcher = own;
    zmailbox_hold(watched);
    zmailbox_hold(own);
    atomic_init(&monitor->references, 2);
    monitor->own_next = own->life->watches;
    if (own->life->watches != NULL) own->life->watches->own_previous = monitor;
    own->life->watches = monitor;
    return monitor;
}

bool zbuiltin_monitor(struct zisolate *iso, struct zvalue *args, uint32_t count,
                      struct zvalue *result)
{
    (void)count;
    struct zmailbox *own;
    if (!need_isolate(iso, "monitor", args[0]) || !ztalk_own(iso, &own)) return false;
    struct zmailbox *watched = mailbox_of(args[0]);
    if (watched == own)
        return zerror_raise(iso, ZERROR_STATE, "monitor(): an isolate cannot watch itself");
    struct zmonitor *monitor = make_monitor(iso, watched);
    if (monitor == NULL) return false;
    zmailbox_note_watched(watched);
    struct zwake whom;
    if (!zmailbox_watch(monitor)) { // it is over already
        enum zsent sent = zmailbox_send(own, &monitor->message, NULL, &whom);
        ZVM_CHECK(sent == ZSENT); // and nobody waits: the owner is here
    }
    *result = args[0];
    return true;
}

// ---- await ------------------------------------------------------------------------------------------

static enum znative_step throw_result(struct zisolate *iso, const struct zmailbox *mailbox)
{
    struct zvalue thrown;
    if (!zparcel_unpack(iso, mailbox->result, &thrown)) return fail(iso);
    iso->error = thrown;
    iso->pending = ZPENDING_ERROR;
    return ZNATIVE_FAIL;
}

static enum znative_step give_result(struct zisolate *iso, struct znative_context *context,
                                     const struct zmailbox *mailbox)
{
    if (mailbox->status == ZVM_OK) {
        struct zvalue value = zvalue_null();
        if (mailbox->result != NULL && !zparcel_unpack(iso, mailbox->result, &value))
            return fail(iso);
        return give(context, value);
    }
    if (mailbox->result != NULL) return throw_result(iso, mailbox);
    bool is_cancelled = mailbox->status == ZVM_E_CANCELLED;
    (void)zerror_raise(iso, is_cancelled ? ZERROR_STATE : ZERROR_LIMIT, "isolate %llu: %s",
                       number_of(mailbox), zstatus_text((zvm_status)mailbox->status));
    return fail(iso);
}

static enum znative_step await(struct zisolate *iso, struct znative_context *context)
{
    struct zmailbox *own, *at = mailbox_of(context->registers[0]);
    zmailbox_note_watched(at);
    if (zmailbox_is_over(at)) return give_result(iso, context, at);
    if (!ztalk_own(iso, &own)) return fail(iso);
    if (at == own) {
        (void)zerror_raise(iso, ZERROR_STATE, "an isolate cannot await itself");
        return fail(iso);
    }
    uint64_t token;
    if (!open_token(iso, NEVER, &token)) return fail(iso);
    own->life->line = (struct zline){.token = token};
    own->life->at = at;
    own->life->is_sending = false;
    if (zmailbox_await(at, &own->life->line)) return wait(context, STATE_WAITING);
    own->life->at = NULL;
    bool is_dropped = zwait_drop(iso); // nobody was told of it
    ZVM_CHECK(is_dropped);
    return give_result(iso, context, at);
}

static enum znative_step await_step(struct zisolate *iso, struct znative_context *context)
{
    if (context->state == STATE_BEGIN) return await(iso, context);
    if (!may_go_on(iso)) return ZNATIVE_WAIT;
    zmailbox_leave_awaiters(iso->mailbox->life->at, &iso->mailbox->life->line);
    iso->mailbox->life->at = NULL;
    return await(iso, context);
}

static const struct zbuiltin await_builtin = {
    .name = "await", .step = await_step, .minimum = 1, .maximum = 1, .register_count = 1};

enum zcall_outcome ztalk_await(struct zisolate *iso, struct zvalue *window)
{
    struct zvalue isolate = window[0];
    struct zvalue *registers = zcall_push_native(iso, &await_builtin, window);
    if (registers == NULL) return ZCALL_FAILED;
    registers[0] = isolate;
    iso->frame->argument_count = 1;
    return ZCALL_PUSHED;
}
