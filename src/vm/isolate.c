// vm/isolate.c - the life of one isolate: made in a block, run in slices, ended, taken apart.
//
// Owns: the block's first page (struct zisolate, first frames, first stack slots), the grown stacks, the
// extra part. Thread: owner; handed over between slices. Globals are the first slots of the value
// stack, so that an isolate at rest is its block and nothing else.
// Fuel: iso->fuel is what is left of this slice's grant and may go below zero (what was charged runs on
// credit until the next check); iso->fuel_reserve is what is left of the limit. Their sum alone decides
// about running out, so slices, threads and collections never change a program's end. In a group the sum
// is what was taken from the group for this slice, and below zero more is taken (quota.c).
#include "vm/isolate.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/probe.h"
#include "base/utf8.h"
#include "vm/enter.h"
#include "vm/error.h"
#include "vm/hostobject.h"
#include "vm/interp.h"
#include "vm/profile.h"
#include "vm/quota.h"
#include "vm/ref.h"
#include "vm/result.h"
#include "vm/shape_own.h"
#include "vm/talk.h"

#include <string.h>

#define FUEL_UNLIMITED     (INT64_MAX / 4)
#define OUTPUT_FLUSH_BYTES 8192

// ---- Hooks of the heap ------------------------------------------------------------------------

static uint32_t registers_of(const struct zframe *frame)
{
    if (frame->flags & ZFRAME_NATIVE) return znative_registers(frame->native);
    return frame->func->proto->register_count;
}

// The lowest frame whose registers may have changed since a collection last looked. A frame that was there
// then, and is still (each call writes its flags anew), has kept those below from running.
static struct zframe *first_changed(const struct zisolate *iso)
{
    struct zframe *frame = iso->frame;
    while (frame > iso->frames && !(frame->flags & ZFRAME_SEEN))
        frame--;
    return frame;
}

// Functions and registers of frames; only those that may have changed, where that is enough. Deep calls
// that are not finished do not make each minor collection dear: 9,000 of 10 registers cost it 131 us in
// place of 4.
static void mark_frames(struct zisolate *iso, struct zmarker *marker, const struct zvalue *top)
{
    bool is_marking = zmark_is_marking(marker);
    struct zframe *frame = zmark_has_seen_roots(marker) ? first_changed(iso) : iso->frames;
    const struct zvalue *from = iso->stack + iso->code->global_count;
    // Below its registers are what it was called by, and perhaps a task.
    if (frame > iso->frames) from = iso->stack + frame->base - 2;
    zmark_values(marker, from, (size_t)(top - from));
    for (; frame <= iso->frame; frame++) {
        if (is_marking) frame->flags |= ZFRAME_SEEN;
        if (!(frame->flags & ZFRAME_NATIVE)) zmark_object(marker, &frame->func->header);
    }
}

// Everything the program can reach: globals and registers, the functions it is in, the error under way.
// Slots above the top may still hold values of calls that ended; they are emptied, because the objects
// they name may die now.
static void mark_roots(void *context, struct zmarker *marker)
{
    struct zisolate *iso = context;
    struct zvalue *top = iso->stack + iso->code->global_count;
    // While the isolate is being made, the stack may not have room for the globals yet.
    if (top > iso->stack_end) top = iso->stack_end;
    zmark_values(marker, iso->stack, (size_t)(top - iso->stack));
    if (iso->frame != NULL) {
        top = iso->stack + iso->frame->base + registers_of(iso->frame);
        mark_frames(iso, marker, top);
    }
    for (struct zvalue *slot = top; slot < iso->stack_end; slot++) {
        *slot = zvalue_int(0);
    }
    zmark_add_work(marker, (uint64_t)(iso->stack_end - top) / 4); // slots of a cache line
    zmark_value(marker, iso->error);
    if (iso->extra != NULL) zmark_value(marker, iso->extra->argument_list);
    if (iso->extra != NULL && iso->extra->refs != NULL) zrefs_mark(iso->extra->refs, marker);
    if (iso->pools != NULL) {
        zpools_mark(iso->pools, marker);
    }
}

static void collected(void *context)
{
    struct zisolate *iso = context;
    if (iso->pools != NULL) iso->is_int_pool_asked = zpools_note_collection(iso->pools);
}

static bool prune_weak(void *context, struct zwork *work)
{
    return zhost_objects_prune(context, work);
}

// What the collector's work cost shortens the slice, never the fuel of the program.
static void worked(void *context)
{
    struct zisolate *iso = context;
    zhost_objects_finish(iso);
    int64_t work = (int64_t)zheap_take_work(&iso->heap);
    iso->fuel -= work;
    iso->fuel_reserve += work;
}

static void release_symbol(void *context, const struct zstring *symbol)
{
    struct zisolate *iso = context;
    uint32_t bytes = (uint32_t)zintern_symbol_bytes(symbol->header.aux);
    iso->symbol_bytes -= bytes;
    zquota_drop_symbol(iso, bytes);
    zintern_release(iso->shared->intern, symbol);
}

// ---- Collections that are asked for -------------------------------------------------------------

static struct zisolate_collection end_collection(struct zisolate *iso, bool has_run,
                                                 struct zheap_collect_result freed,
                                                 const int64_t fuel[2])
{
    iso->fuel = fuel[0];
    iso->fuel_reserve = fuel[1];
    return (struct zisolate_collection){has_run, freed};
}

struct zisolate_collection zisolate_collect(struct zisolate *iso, bool force)
{
    const int64_t fuel[2] = {iso->fuel, iso->fuel_reserve};
    struct zheap_collect_result freed;
    bool has_run = zheap_collect_if(&iso->heap, force, &freed);
    return end_collection(iso, has_run, freed, fuel);
}

struct zisolate_collection zisolate_collect_step(struct zisolate *iso, uint64_t words)
{
    const int64_t fuel[2] = {iso->fuel, iso->fuel_reserve};
    struct zheap_collect_result freed;
    bool has_run = zheap_collect_step(&iso->heap, words, &freed);
    return end_collection(iso, has_run, freed, fuel);
}

// ---- More hooks of the heap ---------------------------------------------------------------------

static bool emergency(void *context)
{
    return zisolate_clear_pools(context);
}

static uint32_t spare_symbols(void *context)
{
    const struct zisolate *iso = context;
    return iso->pool_limits[ZPOOL_STRING];
}

static uint64_t raise_limit(void *context, uint64_t limit_bytes, uint64_t more_bytes)
{
    return zquota_raise_heap(context, limit_bytes, more_bytes);
}

static const struct zheap_hooks HOOKS = {
    .mark_roots = mark_roots,
    .emergency = emergency,
    .release_symbol = release_symbol,
    .prune_weak = prune_weak,
    .spare_symbols = spare_symbols,
    .collected = collected,
    .worked = worked,
    .raise_limit = raise_limit,
};

// ---- Pools --------------------------------------------------------------------------------------

struct zpools *zisolate_pools_slow(struct zisolate *iso)
{
    if (zheap_is_small(&iso->heap)) return NULL;
    iso->pools =
        zpools_create(&iso->heap, iso->pool_limits[ZPOOL_INT], iso->pool_limits[ZPOOL_LIST]);
    return iso->pools;
}

bool zisolate_clear_pools(struct zisolate *iso)
{
    const struct zheap_spares *spares = zheap_spares(&iso->heap);
    bool has_any = spares != NULL && spares->count > 0;
    zheap_drop_spares(&iso->heap);
    if (iso->pools == NULL) return has_any;
    has_any = has_any || iso->pools->figures[ZPOOL_INT].size > 0 ||
              iso->pools->figures[ZPOOL_LIST].size > 0;
    zpools_clear(iso->pools, &iso->heap);
    return has_any;
}

// ---- Creation ---------------------------------------------------------------------------------

// One by one: as one piece gcc makes a string instruction of it, whose start takes 10 ns.
static void clear_frames(struct zframe *frames)
{
    frames[0] = (struct zframe){0};
    frames[1] = (struct zframe){0};
    frames[2] = (struct zframe){0};
    frames[3] = (struct zframe){0};
    _Static_assert(ZISOLATE_FRAMES_FIRST == 4, "these are all");
}

static int64_t fuel_total(const struct zisolate *iso)
{
    bool limited = iso->fuel_limit != 0 && iso->fuel_limit < (uint64_t)FUEL_UNLIMITED;
    return limited ? (int64_t)iso->fuel_limit : FUEL_UNLIMITED;
}

void zisolate_restart(struct zisolate *iso)
{
    iso->fuel = 0;
    iso->fuel_reserve = fuel_total(iso);
    iso->poll_bytes = 0;
    iso->deadline_ns = 0;
    iso->started = iso->finished = 0;
    iso->status = ZVM_OK;
    iso->pending = ZPENDING_NOTHING;
    if (iso->quota != NULL) zquota_restart(iso);
    iso->error_line = iso->error_column = 0;
}

static void set_options(struct zisolate *iso, const struct zisolate_options *options)
{
    iso->id = options->id;
    iso->depth_limit = options->max_depth == 0 ? 10000 : options->max_depth;
    iso->timeout_ns = options->timeout_ns;
    iso->fuel_limit = options->fuel_limit;
    iso->fuel_reserve = fuel_total(iso);
    iso->output = options->output;
    iso->output_context = options->output_context;
    iso->on_finish = options->on_finish;
    iso->priority = (uint8_t)options->priority;
    memcpy(iso->pool_limits, options->pool_limits, sizeof iso->pool_limits);
    iso->is_int_pool_asked = true;
    iso->user = options->user;
}

bool zisolate_ensure_extra(struct zisolate *iso)
{
    if (iso->extra != NULL) return true;
    iso->extra = z_alloc_zeroed(sizeof *iso->extra);
    if (iso->extra != NULL) iso->extra->argument_list = zvalue_unset();
    return iso->extra != NULL;
}

static zvm_status copy_arguments(struct zisolate *iso, const struct zisolate_options *options)
{
    size_t count = options->argument_count;
    if (count == 0) return ZVM_OK;
    size_t bytes;
    if (!z_size_multiply(count, sizeof(char *), &bytes)) return ZVM_E_NOMEM;
    if (!zisolate_ensure_extra(iso)) return ZVM_E_NOMEM;
    struct zisolate_extra *extra = iso->extra;
    extra->arguments = z_alloc_zeroed(bytes);
    if (extra->arguments == NULL) return ZVM_E_NOMEM;
    extra->argument_count = count;
    for (size_t i = 0; i < count; i++) {
        size_t length = strlen(options->arguments[i]);
        if (!zutf8_is_valid(options->arguments[i], length, NULL)) return ZVM_E_UTF8;
        extra->arguments[i] = z_alloc_text(options->arguments[i], length);
        if (extra->arguments[i] == NULL) return ZVM_E_NOMEM;
    }
    return ZVM_OK;
}

// Of one that is spawned, or when it is to be other than usual.
static zvm_status take_mailbox(struct zisolate *iso, const struct zisolate_options *options)
{
    if (options->mailbox != NULL) {
        zmailbox_hold(options->mailbox);
        iso->mailbox = options->mailbox;
        return ZVM_OK;
    }
    bool is_usual = options->mailbox_limit_count == 0 && options->mailbox_limit_bytes == 0 &&
                    !options->may_spawn;
    if (is_usual) return ZVM_OK;
    zvm_status status = zmailbox_ensure(iso);
    if (status != ZVM_OK) return status;
    struct zmailbox *mailbox = iso->mailbox;
    if (options->mailbox_limit_count != 0) mailbox->life->limit_count = options->mailbox_limit_count;
    if (options->mailbox_limit_bytes != 0) mailbox->limit_bytes = options->mailbox_limit_bytes;
    mailbox->life->may_spawn = options->may_spawn;
    mailbox->life->on_spawned = options->on_spawned;
    mailbox->on_unwatched = options->on_unwatched;
    return ZVM_OK;
}

zvm_status zisolate_create(struct zshared *shared, struct zcode *code, struct zheap_env *env,
                           const struct zisolate_options *options, struct zisolate **out)
{
    struct zisolate *iso = zheap_block_acquire(env);
    if (iso == NULL) return ZVM_E_NOMEM;

    memset(iso, 0, ZHEAP_CONTROL_BYTES);
    iso->frames = zisolate_first_frames(iso);
    clear_frames(iso->frames);
    iso->frame_capacity = ZISOLATE_FRAMES_FIRST;
    iso->stack = zisolate_first_stack(iso);
    iso->stack_end = iso->stack + ZISOLATE_STACK_FIRST;
    iso->code = code;
    iso->shared = shared;
    iso->error = zvalue_null();
    set_options(iso, options);
    zvm_status status = zquota_create(iso, options);
    if (status != ZVM_OK) {
        zisolate_free(iso, env);
        return status;
    }
    struct zheap_options heap_options = {
        .limit_bytes = options->heap_limit_bytes,
        .growth_percent = options->gc_growth_percent,
        .threshold_count = options->gc_threshold_count,
        .mode = (enum zheap_mode)options->gc_mode,
        .hooks = &HOOKS,
        .context = iso,
    };
    zheap_init(&iso->heap, env, &heap_options, zheap_block_page(iso));
    if (options->group != NULL) zheap_set_limit(&iso->heap, iso->quota->heap_granted_bytes);
    zcode_retain(code);

    status = copy_arguments(iso, options);
    if (status == ZVM_OK) status = take_mailbox(iso, options);
    if (status == ZVM_OK) status = zisolate_profile_start(iso, options);
    if (status == ZVM_OK && !zcall_make_room(iso, 0, code->global_count + 1)) {
        status = iso->status == ZVM_E_NOMEM ? ZVM_E_NOMEM : ZVM_E_HEAP_LIMIT;
    }
    if (status != ZVM_OK) {
        zisolate_destroy(iso, env);
        return status;
    }
    for (uint32_t i = 0; i < code->global_count; i++) {
        iso->stack[i] = zvalue_unset();
    }
    iso->heap.env = NULL;
    ZPROBE2(isolate__create, iso->id, iso);
    *out = iso;
    return ZVM_OK;
}

static void free_stacks(struct zisolate *iso)
{
    if (iso->stack != zisolate_first_stack(iso)) {
        size_t bytes = (size_t)(iso->stack_end - iso->stack) * sizeof(struct zvalue);
        z_free(iso->stack, bytes);
        zheap_uncharge(&iso->heap, bytes);
    }
    if (iso->frames != zisolate_first_frames(iso)) {
        size_t bytes = iso->frame_capacity * sizeof(struct zframe);
        z_free(iso->frames, bytes);
        zheap_uncharge(&iso->heap, bytes);
    }
}

// ---- Again from the start -----------------------------------------------------------------------

// What the globals need besides the slots in the block; 0: nothing. As zcall_make_room has it.
static size_t stack_capacity(uint32_t global_count)
{
    size_t needed = (size_t)global_count + 1;
    return needed <= ZISOLATE_STACK_FIRST ? 0 : zcall_grown_count(ZISOLATE_STACK_FIRST, needed);
}

zvm_status zisolate_prepare_reset(const struct zisolate *iso, struct zvalue **stack)
{
    if (zheap_has_profile(&iso->heap)) return ZVM_E_STATE;
    size_t capacity = stack_capacity(zsession_first(iso)->global_count);
    bool is_right =
        capacity == (size_t)(iso->stack_end - iso->stack); // nothing was called that needed more
    *stack = capacity == 0 ? NULL : is_right ? iso->stack : z_alloc(capacity * sizeof **stack);
    return capacity > 0 && *stack == NULL ? ZVM_E_NOMEM : ZVM_OK;
}

void zisolate_forget_reset(const struct zisolate *iso, struct zvalue *stack)
{
    if (stack == NULL || stack == iso->stack) return;
    z_free(stack, stack_capacity(zsession_first(iso)->global_count) * sizeof *stack);
}

// Frames and slots are as zeroed as they were at first: old pointers in them would be guesses and roots.
static void reset_stacks(struct zisolate *iso, struct zvalue *stack, size_t capacity)
{
    if (stack == iso->stack) iso->stack = zisolate_first_stack(iso); // kept
    free_stacks(iso);
    iso->frames = zisolate_first_frames(iso);
    iso->frame_capacity = ZISOLATE_FRAMES_FIRST;
    clear_frames(iso->frames);
    memset(zisolate_first_stack(iso), 0, ZISOLATE_STACK_FIRST * sizeof *iso->stack);
    if (stack != NULL) memset(stack, 0, capacity * sizeof *stack);
    iso->stack = stack == NULL ? zisolate_first_stack(iso) : stack;
    iso->stack_end = iso->stack + (stack == NULL ? ZISOLATE_STACK_FIRST : capacity);
    for (uint32_t i = 0; i < iso->code->global_count; i++)
        iso->stack[i] = zvalue_unset();
}

static void reset_heap(struct zisolate *iso)
{
    zpools_destroy(iso->pools, &iso->heap);
    iso->pools = NULL;
    bool held_symbols = iso->symbol_bytes > 0;
    zheap_reset(&iso->heap);
    if (held_symbols) zintern_tidy(iso->shared->intern);
    ZVM_ASSERT(iso->symbol_bytes == 0);
}

static void reset_figures(struct zisolate *iso)
{
    zresult_clear(iso);
    zisolate_restart(iso);
    iso->frame = NULL;
    iso->native_count = 0;
    iso->loop = NULL;
    iso->error = zvalue_null();
    if (iso->extra != NULL) iso->extra->argument_list = zvalue_unset();
    iso->in_heap_limit = 0;
    iso->output_bytes = 0;
    iso->slices = 0;
    iso->is_int_pool_asked = true;
}

void zisolate_reset(struct zisolate *iso, struct zheap_env *env, struct zvalue *stack,
                    struct zmailbox *mailbox)
{
    ZVM_ASSERT(iso->runner == NULL);

    iso->heap.env = env;
    zhost_objects_free(iso);
    zrefs_free(iso);
    zshape_own_free_all(iso);
    zsession_rewind(iso);
    size_t capacity = stack_capacity(iso->code->global_count);
    reset_stacks(iso, stack, capacity);
    reset_figures(iso); // and roots: charging may collect
    ztalk_free(iso);
    reset_heap(iso);
    // They fitted when the isolate was made.
    bool is_charged = stack == NULL || zheap_charge(&iso->heap, capacity * sizeof *stack);
    if (mailbox != NULL) is_charged = ztalk_begin_again(iso, mailbox) && is_charged;
    ZVM_CHECK(is_charged);
    zquota_return_heap(iso, true /* is_over */);
    iso->heap.env = NULL;
}

// ---- The end ------------------------------------------------------------------------------------

void zisolate_deinit(struct zisolate *iso, struct zheap_env *env)
{
    iso->heap.env = env;
    zhost_objects_free(iso);
    zrefs_free(iso);
    zshape_own_free_all(iso);
    zsession_free(iso);
    zresult_free(iso);
    free_stacks(iso);
    ztalk_free(iso);
    zpools_destroy(iso->pools, &iso->heap);
    bool held_symbols = iso->symbol_bytes > 0;
    zheap_deinit(&iso->heap);
    zquota_leave(iso);
    if (held_symbols) zintern_tidy(iso->shared->intern);
    zcode_release((struct zcode *)(uintptr_t)iso->code);
}

void zisolate_free(struct zisolate *iso, struct zheap_env *env)
{
    zquota_free(iso);
    zheap_block_release(env, iso);
}

void zisolate_destroy(struct zisolate *iso, struct zheap_env *env)
{
    zisolate_deinit(iso, env);
    zisolate_free(iso, env);
}

// ---- Fuel and polling -------------------------------------------------------------------------

uint64_t zisolate_fuel_used(const struct zisolate *iso)
{
    int64_t left = iso->fuel + iso->fuel_reserve;
    if (left < 0) left = 0; // the last charge was refused, not used
    return (uint64_t)(fuel_total(iso) - left - zquota_fuel_rest(iso));
}

// The sum is below zero. False: it stays there; the isolate ends.
static ZVM_COLD bool refuel_slow(struct zisolate *iso, bool is_in_builtin)
{
    if (iso->quota != NULL && iso->quota->group != NULL) return zquota_refuel(iso, is_in_builtin);
    return zerror_terminate(iso, ZVM_E_FUEL);
}

static bool must_stop(struct zisolate *iso)
{
    zfuel_audit_poll(iso);
    // relaxed: a late look costs one slice; what the canceller wrote is not read through this.
    if (z_load_relaxed(&iso->state) & ZSTATE_CANCEL) {
        return !zerror_terminate(iso, ZVM_E_CANCELLED);
    }
    if (iso->deadline_ns != 0 && zclock_now_ns() >= iso->deadline_ns) {
        return !zerror_terminate(iso, ZVM_E_TIMEOUT);
    }
    if (iso->fuel + iso->fuel_reserve < 0 && !refuel_slow(iso, false /* is_in_builtin */))
        return true;
    return iso->quota != NULL && !zquota_poll(iso);
}

bool zisolate_should_yield(struct zisolate *iso)
{
    return !must_stop(iso);
}

bool zfuel_pay(struct zisolate *iso, uint64_t units)
{
    iso->fuel -= (int64_t)units;
    if (ZVM_UNLIKELY(iso->fuel + iso->fuel_reserve < 0) &&
        !refuel_slow(iso, true /* is_in_builtin */))
        return false;
    return true;
}

static bool pay(struct zisolate *iso, uint64_t bytes)
{
    return zfuel_pay(iso, bytes / ZFUEL_BYTES_PER_UNIT + (bytes % ZFUEL_BYTES_PER_UNIT != 0));
}

// What comes now counts for the next poll: so between two polls are never more than ZFUEL_POLL_BYTES, if
// nobody asks for more at once.
bool zfuel_poll_slow(struct zisolate *iso, uint64_t bytes)
{
    iso->poll_bytes = (uint32_t)(bytes < ZFUEL_POLL_BYTES ? bytes : ZFUEL_POLL_BYTES);
    return !must_stop(iso);
}

bool zfuel_charge(struct zisolate *iso, uint64_t bytes)
{
    return pay(iso, bytes) && zfuel_poll(iso, bytes);
}

bool zfuel_charge_whole(struct zisolate *iso, uint64_t bytes)
{
    if (!pay(iso, bytes)) return false;
    bool goes_on = iso->poll_bytes + bytes <= ZFUEL_POLL_BYTES || zfuel_poll_slow(iso, bytes);
    if (goes_on) zfuel_audit_whole(bytes);
    return goes_on;
}

// ---- Output -----------------------------------------------------------------------------------

bool zisolate_flush(struct zisolate *iso)
{
    struct zstrbuf *output = &iso->runner->output;
    bool is_whole = !output->failed, accepted = true;
    if (is_whole && output->length > 0 && iso->output != NULL) {
        accepted = iso->output(iso->output_context, output->data, output->length);
    }
    zstrbuf_clear(output);
    if (!is_whole) return zerror_terminate(iso, ZVM_E_NOMEM);
    return accepted || zerror_terminate(iso, ZVM_E_OUTPUT);
}

bool zisolate_output(struct zisolate *iso, const char *text, size_t length_bytes)
{
    if (iso->quota != NULL && !zquota_output(iso, length_bytes)) return false;
    iso->output_bytes += length_bytes;
    if (iso->output == NULL) return true;
    struct zstrbuf *output = &iso->runner->output;
    zfuel_audit_whole(length_bytes); // paid for when the text was made
    zstrbuf_add(output, text, length_bytes);
    if (output->length < OUTPUT_FLUSH_BYTES && !output->failed) return true;
    return zisolate_flush(iso);
}

// ---- Running ----------------------------------------------------------------------------------

static bool begin(struct zisolate *iso)
{
    iso->started = 1;
    if (iso->mailbox != NULL && iso->mailbox->life->start != NULL) return ztalk_begin(iso);
    struct zfunc *func = zheap_new(&iso->heap, ZTYPE_FUNC, zfunc_bytes(0), 0);
    if (func == NULL) return zerror_raise_memory(iso);
    func->proto = &iso->code->protos[0];
    return zcall_begin(iso, func);
}

static enum zinterp_outcome go_on(struct zisolate *iso)
{
    if (must_stop(iso) || (!iso->started && !begin(iso))) {
        (void)zunwind_pending(iso);
        return ZINTERP_ENDED;
    }
    return zinterp_run(iso);
}

// With a profile the grant is given in parts that end where samples are due. Only the sum of fuel and
// reserve says what an isolate has left, so that it does not notice.
static int64_t hold_back(struct zisolate *iso, uint64_t room)
{
    if (iso->fuel <= 0 || (uint64_t)iso->fuel <= room) return 0;
    int64_t held = iso->fuel - (int64_t)room;
    iso->fuel -= held;
    iso->fuel_reserve += held;
    return held;
}

static ZVM_COLD enum zinterp_outcome go_on_sampled(struct zisolate *iso, uint64_t used)
{
    struct zcpu_sampler *sampler = &iso->runner->sampler;
    for (bool is_first = true;; is_first = false) {
        int64_t held = hold_back(iso, zcpu_sampler_room(sampler));
        enum zinterp_outcome outcome = is_first ? go_on(iso) : zinterp_run(iso);
        uint64_t now = zisolate_fuel_used(iso);
        bool is_over = outcome != ZINTERP_YIELDED && outcome != ZINTERP_WAITING;
        zcpu_sampler_add(sampler, iso, now - used, is_over);
        used = now;
        iso->fuel += held;
        iso->fuel_reserve -= held;
        if (outcome != ZINTERP_YIELDED || held == 0 || iso->fuel < 0) return outcome;
    }
}

static void finish(struct zisolate *iso)
{
    iso->finished = 1;
    iso->frame = NULL;
    iso->native_count = 0;
    iso->error = zvalue_null();
    if (iso->extra != NULL && iso->extra->refs != NULL) zenter_finish_slow(iso);
}

// What a slice leaves, when the isolate waits, must not make the next one longer.
static void return_grant(struct zisolate *iso)
{
    if (iso->fuel <= 0) return;
    iso->fuel_reserve += iso->fuel;
    iso->fuel = 0;
}

enum zisolate_outcome zisolate_run(struct zisolate *iso, struct zrunner *runner, uint64_t budget)
{
    ZVM_ASSERT(!iso->finished);
    iso->runner = runner;
    iso->heap.env = runner->env;
    iso->slices++;
    int64_t grant = budget > INT64_MAX / 8 ? INT64_MAX / 8 : (int64_t)budget;
    if (iso->quota != NULL) zquota_begin(iso, (uint64_t)grant);
    if (grant > iso->fuel_reserve) grant = iso->fuel_reserve < 0 ? 0 : iso->fuel_reserve;
    iso->fuel += grant;
    iso->fuel_reserve -= grant;
    uint64_t used_before = zisolate_fuel_used(iso);

    ZPROBE3(slice__begin, runner->worker_index, iso->id, budget);
    bool is_sampled = runner->sampler.profile != NULL;
    enum zinterp_outcome outcome =
        ZVM_UNLIKELY(is_sampled) ? go_on_sampled(iso, used_before) : go_on(iso);
    if (outcome == ZINTERP_RETURNED) iso->status = ZVM_OK;
    int32_t status = iso->status;
    if (!zisolate_flush(iso)) {
        if (outcome == ZINTERP_ENDED) {
            iso->status = status; // it had come to an end before: that stands
        } else {
            zresult_termination(iso, (struct zplace){0});
            outcome = ZINTERP_ENDED;
        }
    }
    uint64_t used = zisolate_fuel_used(iso) - used_before;
    zclock_pass(used);
    ZPROBE3(slice__end, runner->worker_index, iso->id, used);
    bool is_over = outcome != ZINTERP_YIELDED && outcome != ZINTERP_WAITING;
    if (is_over && iso->mailbox != NULL) {
        const struct zvalue *value = &iso->stack[iso->code->global_count];
        ztalk_settle(iso, outcome == ZINTERP_RETURNED ? value : NULL);
    }
    if (iso->quota != NULL) zquota_end(iso, is_over);
    if (!is_over) {
        return_grant(iso);
        zisolate_moment(iso, ZVM_MOMENT_SLICE);
    } else {
        finish(iso);
    }
    iso->runner = NULL;
    iso->heap.env = NULL;
    if (outcome == ZINTERP_WAITING) return ZOUTCOME_WAITING;
    return outcome == ZINTERP_YIELDED ? ZOUTCOME_YIELDED : ZOUTCOME_FINISHED;
}

void zisolate_end(struct zisolate *iso, struct zrunner *runner, zvm_status status)
{
    iso->runner = runner;
    (void)zerror_terminate(iso, status);
    (void)zunwind_pending(iso);
    if (iso->mailbox != NULL) ztalk_settle(iso, NULL);
    finish(iso);
    zquota_return_heap(iso, true /* is_over */);
    iso->runner = NULL;
}

// ---- Runners ----------------------------------------------------------------------------------

zvm_status zrunner_init(struct zrunner *runner, struct zspan_pool *pool)
{
    memset(runner, 0, sizeof *runner);
    runner->worker_index = -1;
    zstrbuf_init(&runner->output);
    zstrbuf_init(&runner->scratch);
    return zheap_env_create(pool, &runner->env);
}

void zrunner_deinit(struct zrunner *runner)
{
    zmailbox_free_lives(&runner->lives);
    zstrbuf_deinit(&runner->output);
    zstrbuf_deinit(&runner->scratch);
    z_free(runner->work, runner->work_capacity * sizeof *runner->work);
    if (runner->env != NULL) zheap_env_destroy(runner->env);
    memset(runner, 0, sizeof *runner);
}
