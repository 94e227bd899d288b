// vm/hostcall.c - functions of the host that programs call by name.
//
// Owns: the list of functions of a runtime, under its lock. Thread: any for the list; owner for calls.
// A call is a native frame, as map() is one: its arguments are registers, so they stay rooted while the
// host looks at them, and nothing of it is on the C stack when it is over. One more register than there
// can be arguments takes the result, so that making it frees none of them.
// Invariants:  1. a function never changes and never goes while the list lives; code is bound to it by
//                 address, and values of programs are such addresses.
//              2. a call waits for its answer by being entered again and again, and whoever runs the
//                 isolate need not know whether it is there; what it does then is in the frame's state.
//              3. while the host's function runs the isolate is RUNNING, so every call of the host into
//                 it is refused with ZVM_E_BUSY: there is no way back in. Only its values may be read and
//                 made, by the thread that the function is called on (zhost_call_of).
#include "vm/hostcall.h"

#include "base/alloc.h"
#include "base/utf8.h"
#include "vm/builtin_internal.h"
#include "vm/exchange.h"
#include "vm/hostobject.h"
#include "vm/ref.h"
#include "vm/wait.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

struct zhosts {
    pthread_mutex_t lock;              // of all below; a leaf
    struct zhost_function **functions; // [count], sorted by name
    uint32_t count, capacity;
};

// ---- The list -----------------------------------------------------------------------------------

zvm_status zhosts_create(struct zhosts **out)
{
    struct zhosts *hosts = z_alloc_zeroed(sizeof *hosts);
    if (hosts == NULL) return ZVM_E_NOMEM;
    if (pthread_mutex_init(&hosts->lock, NULL) != 0) {
        z_free(hosts, sizeof *hosts);
        return ZVM_E_NOMEM;
    }
    *out = hosts;
    return ZVM_OK;
}

static void free_function(struct zhost_function *function)
{
    z_free((char *)(uintptr_t)function->builtin.name, function->name_bytes + 1);
    z_free(function, sizeof *function);
}

void zhosts_destroy(struct zhosts *hosts)
{
    if (hosts == NULL) return;
    for (uint32_t i = 0; i < hosts->count; i++)
        free_function(hosts->functions[i]);
    z_free(hosts->functions, hosts->capacity * sizeof *hosts->functions);
    pthread_mutex_destroy(&hosts->lock);
    z_free(hosts, sizeof *hosts);
}

static int compare(const struct zhost_function *function, const char *name, size_t name_bytes)
{
    size_t shorter = function->name_bytes < name_bytes ? function->name_bytes : name_bytes;
    int order = memcmp(function->builtin.name, name, shorter);
    if (order != 0) return order;
    return function->name_bytes < name_bytes ? -1 : function->name_bytes > name_bytes;
}

// Where the name stands, or would.
static uint32_t place_locked(const struct zhosts *hosts, const char *name, size_t name_bytes,
                             bool *is_there)
{
    uint32_t low = 0, high = hosts->count;
    *is_there = false;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int order = compare(hosts->functions[middle], name, name_bytes);
        *is_there = *is_there || order == 0;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool make_place_locked(struct zhosts *hosts)
{
    if (hosts->count < hosts->capacity) return true;
    uint32_t capacity = hosts->capacity == 0 ? 8 : hosts->capacity * 2;
    if (capacity < hosts->capacity) return false;
    struct zhost_function **functions =
        z_resize(hosts->functions, hosts->capacity * sizeof *functions,
                 (size_t)capacity * sizeof *functions);
    if (functions == NULL) return false;
    hosts->functions = functions;
    hosts->capacity = capacity;
    return true;
}

static zvm_status insert_locked(struct zhosts *hosts, struct zhost_function *function)
{
    bool is_there;
    uint32_t place = place_locked(hosts, function->builtin.name, function->name_bytes, &is_there);
    if (is_there) return ZVM_E_ARGUMENT;
    if (!make_place_locked(hosts)) return ZVM_E_NOMEM;
    memmove(&hosts->functions[place + 1], &hosts->functions[place],
            (hosts->count - place) * sizeof *hosts->functions);
    hosts->functions[place] = function;
    hosts->count++;
    return ZVM_OK;
}

static struct zhost_function *make_function(const zvm_host_function *from)
{
    struct zhost_function *function = z_alloc_zeroed(sizeof *function);
    if (function == NULL) return NULL;
    function->name_bytes = strlen(from->name);
    char *name = z_alloc_text(from->name, function->name_bytes);
    if (name == NULL) {
        z_free(function, sizeof *function);
        return NULL;
    }
    function->builtin = (struct zbuiltin){
        .name = name,
        .step = zhost_step,
        .minimum = (uint8_t)from->minimum,
        .maximum = (uint8_t)from->maximum,
        .register_count = (uint8_t)(from->maximum + 1), // and the result
    };
    function->call = from->call;
    function->user = from->user;
    function->fuel = from->fuel;
    function->is_blocking = from->is_blocking != 0;
    function->takes_any = from->takes_any != 0;
    return function;
}

zvm_status zhosts_add(struct zhosts *hosts, const zvm_host_function *from)
{
    ZVM_ASSERT(from->minimum <= from->maximum);
    ZVM_ASSERT(from->maximum <= ZHOST_ARGUMENTS_MAX);

    if (zbuiltin_find(from->name, strlen(from->name)) != ZBUILTIN_NONE) return ZVM_E_ARGUMENT;
    struct zhost_function *function = make_function(from);
    if (function == NULL) return ZVM_E_NOMEM;
    pthread_mutex_lock(&hosts->lock);
    zvm_status status = insert_locked(hosts, function);
    pthread_mutex_unlock(&hosts->lock);
    if (status != ZVM_OK) free_function(function);
    return status;
}

// ---- Binding ------------------------------------------------------------------------------------

static const struct zbuiltin *find_locked(const struct zhosts *hosts, const struct zstring *name)
{
    bool is_there;
    uint32_t place =
        place_locked(hosts, zstring_bytes(name), zstring_length_bytes(name), &is_there);
    return is_there ? &hosts->functions[place]->builtin : NULL;
}

// The array is made with the first global that has the name of a function: most code has none.
static zvm_status bind_locked(const struct zhosts *hosts, struct zcode *code)
{
    for (uint32_t slot = 0; slot < code->global_count; slot++) {
        const struct zbuiltin *host = find_locked(hosts, code->globals[slot]);
        if (host == NULL) continue;
        if (code->hosts == NULL)
            code->hosts = z_alloc_zeroed(code->global_count * sizeof *code->hosts);
        if (code->hosts == NULL) return ZVM_E_NOMEM;
        code->hosts[slot] = host;
    }
    return ZVM_OK;
}

zvm_status zhosts_bind(struct zhosts *hosts, struct zcode *code)
{
    pthread_mutex_lock(&hosts->lock);
    zvm_status status = hosts->count == 0 ? ZVM_OK : bind_locked(hosts, code);
    pthread_mutex_unlock(&hosts->lock);
    if (code->hosts != NULL) zcode_add_up(code);
    return status;
}

// ---- Results of a call --------------------------------------------------------------------------

// Of a call on a thread of the pool.
static zvm_call_outcome answer_error(struct zvm_call *call, const char *kind, const char *message)
{
    zanswer_free(call->answer);
    if (zanswer_of_error(kind, message, call->answer) != ZVM_OK)
        *call->answer = (struct zanswer){.kind = ZANSWER_NOMEM};
    return ZVM_CALL_FAILED;
}

static zvm_call_outcome answer_value(struct zvm_call *call, const zvm_value *value)
{
    zanswer_free(call->answer);
    if (zanswer_of_value(value, call->answer) == ZVM_OK) return ZVM_CALL_RETURNED;
    *call->answer = (struct zanswer){.kind = ZANSWER_NOMEM};
    return ZVM_CALL_FAILED;
}

// An error of the program that the host's function is to blame for.
static void blame(struct zvm_call *call, enum zerror_kind kind, const char *what)
{
    const char *name = call->function->builtin.name;
    if (call->iso != NULL) {
        (void)zerror_raise(call->iso, kind, "%s(): %s", name, what);
        return;
    }
    char text[ZVM_HOST_NAME_BYTES_MAX + 64];
    snprintf(text, sizeof text, "%s(): %s", name, what);
    (void)answer_error(call, zerror_kind_name(kind), text);
}

void zhost_answer_nowhere(struct zvm_call *call)
{
    blame(call, ZERROR_STATE, "the host's function has come to no end");
}

static zvm_call_outcome refuse_result(struct zvm_call *call, zvm_status status)
{
    if (status == ZVM_E_LIMIT)
        blame(call, ZERROR_LIMIT, "the host's text is too long");
    else
        blame(call, ZERROR_TYPE, "the host's value is none of a program");
    return ZVM_CALL_FAILED;
}

// Finalizers that a collection calls meanwhile find the call busy.
static bool take_in(struct zvm_call *call, const zvm_value *value)
{
    bool was_busy = call->is_busy;
    call->is_busy = true;
    bool is_in = zexchange_in(call->iso, value, call->result);
    call->is_busy = was_busy;
    return is_in;
}

zvm_call_outcome zhost_return(struct zvm_call *call, const zvm_value *value)
{
    zvm_status status = value == NULL ? ZVM_OK : zexchange_check(value);
    if (status != ZVM_OK) return refuse_result(call, status);
    if (call->iso == NULL) return answer_value(call, value);
    if (value == NULL || take_in(call, value)) return ZVM_CALL_RETURNED;
    zhost_object_drop(value);
    return ZVM_CALL_FAILED;
}

zvm_call_outcome zhost_return_ref(struct zvm_call *call, zvm_ref ref)
{
    const struct zvalue *value = call->iso == NULL ? NULL : zrefs_find(call->iso, ref);
    if (value == NULL) return refuse_result(call, ZVM_E_STALE);
    *call->result = *value;
    return ZVM_CALL_RETURNED;
}

zvm_status zhost_suspend(struct zvm_call *call, uint64_t *token)
{
    return call->iso == NULL ? ZVM_E_STATE : zwait_open(call->iso, token);
}

static const char *text_or(const char *text, const char *otherwise)
{
    return text == NULL || !zutf8_is_valid(text, strlen(text), NULL) ? otherwise : text;
}

zvm_call_outcome zhost_fail(struct zvm_call *call, const char *kind, const char *message)
{
    struct zisolate *iso = call->iso;
    kind = text_or(kind, "Error");
    message = text_or(message, "the host gave no message");
    if (iso == NULL) return answer_error(call, kind, message);
    struct zvalue texts[2] = {zvalue_null(), zvalue_null()}; // kind, message
    struct zscope scope;
    bool was_busy = call->is_busy;
    call->is_busy = true; // as take_in
    zscope_open(&iso->heap, &scope, texts, 2);
    bool ok = zstring_new(iso, kind, strlen(kind), &texts[0]) &&
              zstring_new(iso, message, strlen(message), &texts[1]);
    struct zerror *error = ok ? zerror_new(iso, texts[0], texts[1]) : NULL;
    zscope_close(&iso->heap, &scope);
    call->is_busy = was_busy;
    if (error == NULL) return ZVM_CALL_FAILED;
    iso->error = zvalue_object(error, ZTAG_ERROR);
    iso->pending = ZPENDING_ERROR;
    return ZVM_CALL_FAILED;
}

// ---- The call -----------------------------------------------------------------------------------

// The isolate of a call that blocks may end, and its objects with it, while the call goes on.
static const char *types_for(const struct zhost_function *function)
{
    return function->is_blocking ? "null or boolean or integer or float or string"
                                 : "null or boolean or integer or float or string or host object";
}

static bool take_arguments(struct zisolate *iso, const struct zhost_function *function,
                           const struct znative_context *context, zvm_value *out)
{
    for (uint32_t i = 0; i < context->argument_count; i++) {
        out[i] = zexchange_out(iso, context->registers[i]);
        bool is_host = out[i].kind == ZVM_VALUE_HOST;
        if (function->takes_any) continue;
        if (out[i].kind != ZVM_VALUE_OTHER && !(is_host && function->is_blocking)) continue;
        return zbuiltin_type_error(iso, function->builtin.name, i + 1, types_for(function),
                                   context->registers[i]);
    }
    return true;
}

// How the call goes on when it is entered again.
enum {
    STATE_CALL,
    STATE_WAITING,   // for its answer
    STATE_RETURNING, // the result stands; an answer that nobody wants is on its way
    STATE_FAILING,   // the same, with an error in the place of the result
};

static enum znative_step return_result(struct znative_context *context, const struct zvalue *result)
{
    context->registers[0] = *result;
    return ZNATIVE_RETURN;
}

static enum znative_step wait(struct znative_context *context, uint16_t state)
{
    context->state = state;
    return ZNATIVE_WAIT;
}

// The function came to an end by itself after it had asked for a token, and somebody has used that.
static enum znative_step await_unwanted(struct zvm_call *call, struct znative_context *context)
{
    struct zisolate *iso = call->iso;
    if (iso->pending == ZPENDING_NOTHING) return wait(context, STATE_RETURNING);
    if (iso->pending == ZPENDING_TERMINATION) return ZNATIVE_FAIL;
    *call->result = iso->error;
    iso->error = zvalue_null();
    iso->pending = ZPENDING_NOTHING;
    return wait(context, STATE_FAILING);
}

static enum znative_step finish(struct zvm_call *call, struct znative_context *context,
                                zvm_call_outcome outcome)
{
    struct zisolate *iso = call->iso;
    bool has_failed = iso->pending != ZPENDING_NOTHING;
    if (outcome == ZVM_CALL_SUSPENDED && !has_failed && zwait_token(iso) != 0)
        return wait(context, STATE_WAITING);
    if (outcome != ZVM_CALL_RETURNED && !has_failed) zhost_answer_nowhere(call);
    if (!zwait_drop(iso)) return await_unwanted(call, context);
    return iso->pending == ZPENDING_NOTHING ? return_result(context, call->result) : ZNATIVE_FAIL;
}

static enum znative_step begin_blocking(struct zvm_call *call, struct znative_context *context,
                                        const zvm_value *arguments)
{
    zvm_status status =
        zhost_start_job(call->iso, call->function, arguments, context->argument_count);
    if (status == ZVM_OK) return wait(context, STATE_WAITING);
    if (status == ZVM_E_THREADS)
        blame(call, ZERROR_LIMIT, "there is no thread for a function that blocks");
    else
        (void)zerror_terminate(call->iso, status);
    return ZNATIVE_FAIL;
}

// On a thread of the host a function may block: that is the host's own thread.
static bool needs_pool(const struct zvm_call *call)
{
    const struct zshared *shared = call->iso->shared;
    return call->function->is_blocking && shared->waits->has_pool(shared->waits_context);
}

// Calls of host functions that this thread is in, innermost first: one can run another isolate, whose
// program calls the next.
static _Thread_local struct zvm_call *call_of_thread;

struct zvm_call *zhost_call_of(const struct zisolate *iso)
{
    struct zvm_call *call = call_of_thread;
    while (call != NULL && call->iso != iso)
        call = call->outer;
    return call;
}

static zvm_call_outcome call_function(struct zvm_call *call, const zvm_value *arguments)
{
    uint32_t floor = zrefs_begin_call(call->iso);
    call->outer = call_of_thread;
    call_of_thread = call;
    zvm_call_outcome outcome = call->function->call(call, arguments, call->argument_count);
    call_of_thread = call->outer;
    zrefs_end_call(call->iso, floor);
    return outcome;
}

static enum znative_step begin(struct zvm_call *call, struct znative_context *context)
{
    const struct zhost_function *function = call->function;
    zvm_value arguments[ZHOST_ARGUMENTS_MAX];
    if (!take_arguments(call->iso, function, context, arguments)) return ZNATIVE_FAIL;
    if (!zfuel_pay(call->iso, function->fuel)) return ZNATIVE_FAIL;
    if (needs_pool(call)) return begin_blocking(call, context, arguments);
    call->arguments = context->registers;
    call->argument_count = context->argument_count;
    zvm_call_outcome outcome = call_function(call, arguments);
    return finish(call, context, outcome);
}

// What the host has said once it had the time.
static enum znative_step use_answer(struct zvm_call *call, struct znative_context *context,
                                    struct zanswer *answer)
{
    if (context->state == STATE_RETURNING) return return_result(context, call->result);
    if (context->state == STATE_FAILING) {
        call->iso->error = *call->result;
        call->iso->pending = ZPENDING_ERROR;
        return ZNATIVE_FAIL;
    }
    if (answer->kind == ZANSWER_NOMEM) {
        (void)zerror_terminate(call->iso, ZVM_E_NOMEM);
        return ZNATIVE_FAIL;
    }
    zvm_call_outcome outcome =
        answer->kind == ZANSWER_ERROR
            ? zhost_fail(call, answer->text, answer->text + answer->message_at)
            : zhost_return(call, &answer->value);
    answer->value =
        (zvm_value){.kind = ZVM_VALUE_NULL}; // an object in it is not the answer's any more
    return outcome == ZVM_CALL_RETURNED ? return_result(context, call->result) : ZNATIVE_FAIL;
}

enum znative_step zhost_step(struct zisolate *iso, struct znative_context *context)
{
    const struct zhost_function *function =
        (const struct zhost_function *)(const void *)iso->frame->native;
    struct zvm_call call = {
        .iso = iso, .function = function, .result = &context->registers[function->builtin.maximum]};
    if (context->state == STATE_CALL) return begin(&call, context);
    struct zanswer answer;
    if (!zwait_take(iso, &answer)) return ZNATIVE_WAIT;
    enum znative_step step = use_answer(&call, context, &answer);
    zanswer_free(&answer);
    return step;
}
