// cli/batch.c - feeds isolates to the workers through a window of bounded size.
//
// A slot is the room for one isolate that has been started and whose result is not yet dealt with.
// The window is all the slots. The head is the isolate with the lowest number whose output has not
// been printed yet; only `--output all` has one.
//
// Owns: the slots, and the output texts in them. An isolate belongs to the runtime while it is
// queued or runs, and is destroyed in its own on_finish.
// Thread: main feeds and prints; workers call what stands under "Called by workers".
// Invariants:  1. at most `window` isolates are alive, so memory is flat whatever -n is.
//              2. `--output all`: isolate i uses slot i % window, and at most `window` isolates are
//                 started and not printed, so a slot is free when its turn comes.
//              3. a slot's text belongs to the worker until is_finished, then to main.
// How: main sleeps until half of the window is free, so a wake-up is paid once for hundreds of
// isolates; then it starts as many as fit. Texts kept for later printing are bounded together.
#include "cli/batch.h"

#include "cli/message.h"
#include "cli/progress.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

// Enough that workers never run dry while main wakes up, small beside what even tiny heaps cost.
#define WINDOW_BASE       1024u
#define WINDOW_PER_WORKER 64u
// Output that waits for isolates with lower numbers, all together.
#define KEPT_BYTES_MAX ((size_t)256 << 20)
// How often main looks up from waiting: for the progress line, and for output still in its buffer.
#define TICK_NS 200000000
// Turns that main takes between two looks, with --seed: some milliseconds.
#define TURNS_AT_ONCE 64

struct slot {
    struct cli_batch *batch;
    struct slot *next_free; // main's list, under lock
    uint64_t id;
    zvm_group *group;  // under lock: of a program that spawns, and all that it has spawned
    bool is_root_over; // under lock, with a group
    // the worker's, then main's; `--output all` only
    char *text; // [text_bytes]
    size_t text_bytes, text_capacity;
    bool is_finished; // under lock
};

struct cli_batch {
    zvm_runtime *runtime;
    zvm_code *code;
    const struct cli_run_options *options;
    struct cli_output_stream *output;
    bool is_ordered; // --output all
    bool has_spawn;  // each isolate of ours has a group, for those that it spawns
    uint32_t window;
    struct slot *slots; // [window]

    struct cli_profile *profile; // isolate 0's

    struct cli_progress progress; // main's

    pthread_mutex_t lock;
    pthread_cond_t changed;
    // under lock
    struct cli_failures *failures;
    enum cli_stop stop;
    struct slot *free_slots; // not used when is_ordered
    uint64_t started_count;  // main alone writes it, and so reads it without the lock
    uint64_t head;           // is_ordered: the next isolate to print; main alone writes it, too
    uint32_t live_count;
    uint64_t finished_count; // not cancelled
    size_t kept_bytes;
};

static void stop_locked(struct cli_batch *batch, enum cli_stop stop)
{
    if (batch->stop == CLI_STOP_NOT) batch->stop = stop;
    pthread_cond_signal(&batch->changed);
}

void cli_batch_interrupt(void *context)
{
    struct cli_batch *batch = context;
    pthread_mutex_lock(&batch->lock);
    stop_locked(batch, CLI_STOP_INTERRUPT);
    pthread_mutex_unlock(&batch->lock);
}

static struct slot *head_slot(struct cli_batch *batch)
{
    return &batch->slots[batch->head % batch->window];
}

// The head has finished: main can print it.
static bool is_head_ready_locked(struct cli_batch *batch)
{
    return batch->is_ordered && head_slot(batch)->is_finished;
}

// Isolates that may be started now.
static uint32_t room_locked(const struct cli_batch *batch)
{
    if (!batch->is_ordered) return batch->window - batch->live_count;
    return batch->window - (uint32_t)(batch->started_count - batch->head);
}

// Is it worth to wake main?
static bool has_work_locked(struct cli_batch *batch)
{
    if (batch->stop != CLI_STOP_NOT || is_head_ready_locked(batch)) return true;
    if (batch->started_count == batch->options->isolate_count) return batch->live_count == 0;
    return room_locked(batch) >= (batch->window + 1) / 2;
}

// ---- Called by workers ------------------------------------------------------------------------

// Accounts for more kept text. false: too much waits already.
static bool reserve_kept(struct cli_batch *batch, size_t bytes)
{
    pthread_mutex_lock(&batch->lock);
    bool fits = bytes <= KEPT_BYTES_MAX - batch->kept_bytes;
    if (fits) batch->kept_bytes += bytes;
    pthread_mutex_unlock(&batch->lock);
    return fits;
}

static void return_kept(struct cli_batch *batch, size_t bytes)
{
    pthread_mutex_lock(&batch->lock);
    batch->kept_bytes -= bytes;
    pthread_mutex_unlock(&batch->lock);
}

static bool slot_grow(struct slot *slot, size_t wanted)
{
    if (wanted <= slot->text_capacity) return true;
    size_t capacity = slot->text_capacity * 2 > wanted ? slot->text_capacity * 2 : wanted;
    if (capacity > KEPT_BYTES_MAX) capacity = KEPT_BYTES_MAX; // reserved: wanted is not more
    char *text = realloc(slot->text, capacity);
    if (text == NULL) return false;
    slot->text = text;
    slot->text_capacity = capacity;
    return true;
}

// A zvm_write_fn: keeps the text until its turn. context: the slot.
static bool keep_output(void *context, const char *text, size_t length_bytes)
{
    struct slot *slot = context;
    if (!reserve_kept(slot->batch, length_bytes)) return false;
    if (!slot_grow(slot, slot->text_bytes + length_bytes)) {
        return_kept(slot->batch, length_bytes);
        return false;
    }
    memcpy(slot->text + slot->text_bytes, text, length_bytes);
    slot->text_bytes += length_bytes;
    return true;
}

// The same for all isolates of a program that spawns: they print at once.
static bool keep_output_of_many(void *context, const char *text, size_t length_bytes)
{
    struct slot *slot = context;
    struct cli_batch *batch = slot->batch;
    pthread_mutex_lock(&batch->lock);
    bool fits = length_bytes <= KEPT_BYTES_MAX - batch->kept_bytes &&
                slot_grow(slot, slot->text_bytes + length_bytes);
    if (fits) {
        memcpy(slot->text + slot->text_bytes, text, length_bytes);
        slot->text_bytes += length_bytes;
        batch->kept_bytes += length_bytes;
    }
    pthread_mutex_unlock(&batch->lock);
    return fits;
}

static void note_result(struct cli_batch *batch, uint64_t id, const zvm_result *result)
{
    // Nothing but a stop of ours cancels isolates: that is no failure of theirs.
    if (result->status == ZVM_E_CANCELLED) return;
    bool is_lost = result->status == ZVM_E_OUTPUT && cli_output_has_failed(batch->output);
    pthread_mutex_lock(&batch->lock);
    if (is_lost) {
        stop_locked(batch, CLI_STOP_OUTPUT);
    } else {
        batch->finished_count++;
        if (result->status != ZVM_OK) cli_failures_add(batch->failures, id, result);
    }
    pthread_mutex_unlock(&batch->lock);
}

// Of isolates that a program has spawned several may be gone at once, and each looks whether it was the last:
// those that come later must not find the slot over once more.
static void release_slot_locked(struct slot *slot)
{
    struct cli_batch *batch = slot->batch;
    slot->is_root_over = false;
    if (batch->is_ordered) {
        slot->is_finished = true;
    } else {
        slot->next_free = batch->free_slots;
        batch->free_slots = slot;
    }
    batch->live_count--;
    if (has_work_locked(batch)) pthread_cond_signal(&batch->changed);
}

// The root is over, and so is all that it has spawned, or there is nothing else.
static bool is_whole_over_locked(struct slot *slot)
{
    if (slot->group == NULL) return true;
    if (!slot->is_root_over || zvm_group_destroy(slot->group) != ZVM_OK) return false;
    slot->group = NULL;
    return true;
}

// A zvm_unwatched_fn. user: the slot of the program.
static void tell_unwatched(const zvm_result *result, void *user)
{
    struct slot *slot = user;
    struct cli_batch *batch = slot->batch;
    pthread_mutex_lock(&batch->lock);
    cli_failures_tell_spawned(batch->failures, slot->id, result);
    pthread_mutex_unlock(&batch->lock);
}

// A zvm_finish_fn, of isolates that programs spawn. user: the slot of the program.
static void finish_spawned(zvm_isolate *isolate, void *user)
{
    struct slot *slot = user;
    struct cli_batch *batch = slot->batch;
    zvm_isolate_destroy(isolate);
    pthread_mutex_lock(&batch->lock);
    if (slot->is_root_over && is_whole_over_locked(slot)) release_slot_locked(slot);
    pthread_mutex_unlock(&batch->lock);
}

// A zvm_finish_fn. user: the slot.
static void finish_isolate(zvm_isolate *isolate, void *user)
{
    struct slot *slot = user;
    zvm_result result = ZVM_RESULT_INIT;
    if (zvm_isolate_result(isolate, &result) != ZVM_OK) result.status = ZVM_E_INTERNAL;
    if (slot->id == 0) cli_profile_finish(slot->batch->profile, isolate);
    note_result(slot->batch, slot->id, &result);
    zvm_isolate_destroy(isolate);
    if (slot->group != NULL) zvm_group_cancel(slot->group); // what it has spawned ends with it
    pthread_mutex_lock(&slot->batch->lock);
    slot->is_root_over = true;
    if (is_whole_over_locked(slot)) release_slot_locked(slot);
    pthread_mutex_unlock(&slot->batch->lock);
}

// A zvm_moment_fn. user: the slot.
static void pass_moment(zvm_isolate *isolate, void *user, zvm_moment moment)
{
    struct slot *slot = user;
    cli_profile_moment(slot->batch->profile, isolate, moment);
}

// ---- Making -----------------------------------------------------------------------------------

static bool init_lock(struct cli_batch *batch)
{
    pthread_condattr_t attributes;
    if (pthread_condattr_init(&attributes) != 0) return false;
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    bool ok = pthread_cond_init(&batch->changed, &attributes) == 0;
    pthread_condattr_destroy(&attributes);
    if (ok) pthread_mutex_init(&batch->lock, NULL);
    return ok;
}

static uint32_t choose_window(const struct cli_run_options *options)
{
    uint32_t window = WINDOW_BASE + WINDOW_PER_WORKER * options->worker_count;
    return options->isolate_count < window ? (uint32_t)options->isolate_count : window;
}

static void init_slots(struct cli_batch *batch)
{
    for (uint32_t i = batch->window; i > 0; i--) {
        struct slot *slot = &batch->slots[i - 1];
        slot->batch = batch;
        slot->next_free = batch->free_slots;
        batch->free_slots = slot;
    }
}

struct cli_batch *cli_batch_create(zvm_runtime *runtime, zvm_code *code,
                                   const struct cli_run_options *options,
                                   struct cli_output_stream *output, struct cli_failures *failures,
                                   struct cli_profile *profile)
{
    struct cli_batch *batch = calloc(1, sizeof *batch);
    if (batch == NULL) return NULL;
    batch->runtime = runtime;
    batch->code = code;
    batch->options = options;
    batch->output = output;
    batch->failures = failures;
    batch->profile = profile;
    // One isolate prints as it goes, whatever is chosen.
    batch->is_ordered = options->output == CLI_OUTPUT_ALL && options->isolate_count > 1;
    batch->has_spawn = zvm_code_spawns(code);
    batch->window = choose_window(options);
    batch->slots = calloc(batch->window, sizeof *batch->slots);
    if (batch->slots == NULL || !init_lock(batch)) {
        free(batch->slots);
        free(batch);
        return NULL;
    }
    init_slots(batch);
    return batch;
}

void cli_batch_destroy(struct cli_batch *batch)
{
    if (batch == NULL) return;
    for (uint32_t i = 0; i < batch->window; i++)
        free(batch->slots[i].text);
    pthread_cond_destroy(&batch->changed);
    pthread_mutex_destroy(&batch->lock);
    free(batch->slots);
    free(batch);
}

// ---- Starting isolates ------------------------------------------------------------------------

static struct slot *take_slot(struct cli_batch *batch)
{
    pthread_mutex_lock(&batch->lock);
    struct slot *slot;
    if (batch->is_ordered) {
        slot = &batch->slots[batch->started_count % batch->window];
    } else {
        slot = batch->free_slots;
        batch->free_slots = slot->next_free;
    }
    slot->id = batch->started_count++;
    batch->live_count++;
    pthread_mutex_unlock(&batch->lock);
    return slot;
}

static void choose_output(struct cli_batch *batch, struct slot *slot, zvm_isolate_options *options)
{
    if (batch->is_ordered) {
        options->output = batch->has_spawn ? keep_output_of_many : keep_output;
        options->output_context = slot;
    } else if (batch->options->output != CLI_OUTPUT_NONE && slot->id == 0) {
        options->output = cli_output_write;
        options->output_context = batch->output;
    }
}

// The only program has the runtime for itself: what it has spawned ends with that, and the number of isolates
// is the runtime's limit. Sums need a group, and so do several programs.
static bool needs_group(const struct cli_batch *batch)
{
    const struct cli_run_options *wanted = batch->options;
    return wanted->isolate_count > 1 || wanted->fuel_limit != 0 || wanted->cpu_limit_ns != 0 ||
           wanted->output_limit_bytes != 0 || wanted->total_heap_bytes != 0;
}

// What the isolate and those that it spawns may have together.
static zvm_status choose_group(struct cli_batch *batch, struct slot *slot,
                               zvm_isolate_options *options)
{
    const struct cli_run_options *wanted = batch->options;
    slot->group = NULL;
    if (!batch->has_spawn) return ZVM_OK;
    options->may_spawn = 1;
    options->on_unwatched = tell_unwatched;
    if (!needs_group(batch)) return ZVM_OK;
    options->on_spawned = finish_spawned;
    zvm_group_options group = ZVM_GROUP_OPTIONS_INIT;
    group.isolate_limit = wanted->spawn_limit;
    group.heap_limit_bytes = wanted->total_heap_bytes;
    group.fuel_limit = wanted->fuel_limit;
    group.cpu_limit_ns = wanted->cpu_limit_ns;
    group.output_limit_bytes = wanted->output_limit_bytes;
    zvm_status status = zvm_group_create(batch->runtime, &group, &slot->group);
    if (status != ZVM_OK) return status;
    options->group = slot->group;
    return ZVM_OK;
}

static zvm_status start_in_slot(struct cli_batch *batch, struct slot *slot)
{
    zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
    options.id = (int64_t)slot->id;
    cli_options_apply(batch->options, &options);
    options.on_finish = finish_isolate;
    options.user = slot;
    choose_output(batch, slot, &options);
    if (slot->id == 0) {
        cli_profile_apply(batch->profile, &options);
        if (cli_profile_wants_moments(batch->profile)) options.on_moment = pass_moment;
    }

    options.mailbox_limit_count = (uint32_t)batch->options->mailbox_limit_count;
    options.mailbox_limit_bytes = batch->options->mailbox_limit_bytes;
    zvm_isolate *isolate;
    zvm_status status = choose_group(batch, slot, &options);
    if (status != ZVM_OK) return status;
    status = zvm_isolate_create(batch->runtime, batch->code, &options, &isolate);
    if (status == ZVM_OK) {
        status = zvm_isolate_submit(isolate);
        if (status != ZVM_OK) zvm_isolate_destroy(isolate);
    }
    if (status != ZVM_OK && slot->group != NULL) zvm_group_destroy(slot->group);
    return status;
}

static void complain_refused(const struct cli_batch *batch, uint64_t id, zvm_status status)
{
    if (status == ZVM_E_UTF8) {
        cli_complain("an argument behind '--' is not valid UTF-8; write it in UTF-8");
        return;
    }
    cli_complain("%s: isolate %" PRIu64 " could not be started: %s", batch->options->file, id,
                 zvm_status_text(status));
}

static bool start_one(struct cli_batch *batch)
{
    struct slot *slot = take_slot(batch);
    zvm_status status = start_in_slot(batch, slot);
    if (status == ZVM_OK) return true;
    cli_progress_clear(&batch->progress);
    complain_refused(batch, slot->id, status);
    pthread_mutex_lock(&batch->lock);
    batch->started_count--;
    batch->live_count--;
    stop_locked(batch, CLI_STOP_REFUSED);
    pthread_mutex_unlock(&batch->lock);
    return false;
}

static void start_many(struct cli_batch *batch, uint32_t room)
{
    uint64_t left = batch->options->isolate_count - batch->started_count;
    uint64_t count = left < room ? left : room;
    for (uint64_t i = 0; i < count; i++) {
        if (!start_one(batch)) return;
    }
}

// ---- Printing in order ------------------------------------------------------------------------

// Prints the head, which has finished, and makes its slot free.
static void print_head(struct cli_batch *batch)
{
    struct slot *slot = head_slot(batch);
    bool ok = cli_output_write(batch->output, slot->text, slot->text_bytes);
    size_t kept_bytes = slot->text_bytes;
    free(slot->text);
    slot->text = NULL;
    slot->text_bytes = 0;
    slot->text_capacity = 0;

    pthread_mutex_lock(&batch->lock);
    batch->kept_bytes -= kept_bytes;
    slot->is_finished = false;
    batch->head++;
    if (!ok) stop_locked(batch, CLI_STOP_OUTPUT);
    pthread_mutex_unlock(&batch->lock);
}

static bool is_head_ready(struct cli_batch *batch)
{
    pthread_mutex_lock(&batch->lock);
    bool is_ready = is_head_ready_locked(batch);
    pthread_mutex_unlock(&batch->lock);
    return is_ready;
}

// ---- The loop ---------------------------------------------------------------------------------

// What main found when it looked.
struct view {
    enum cli_stop stop;
    uint32_t room; // isolates that may be started now
    uint32_t live_count;
    uint64_t finished_count;
};

static struct timespec time_of_next_tick(void)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    at.tv_nsec += TICK_NS;
    if (at.tv_nsec >= 1000000000) {
        at.tv_nsec -= 1000000000;
        at.tv_sec++;
    }
    return at;
}

static struct view look_locked(const struct cli_batch *batch)
{
    return (struct view){batch->stop, room_locked(batch), batch->live_count, batch->finished_count};
}

// With --seed main is the worker. Turns are few enough for an interrupt to be seen soon.
static struct view run_turns(struct cli_batch *batch)
{
    for (uint64_t run = 1;;) {
        pthread_mutex_lock(&batch->lock);
        bool is_ready = run == 0 || has_work_locked(batch);
        struct view view = look_locked(batch);
        pthread_mutex_unlock(&batch->lock);
        if (is_ready) return view;
        if (zvm_runtime_turns(batch->runtime, TURNS_AT_ONCE, &run) != ZVM_OK) run = 0;
    }
}

// Waits until there is something to do, or a tick has passed.
static struct view wait_for_work(struct cli_batch *batch)
{
    if (batch->options->seed != 0) return run_turns(batch);
    struct timespec tick = time_of_next_tick();
    int waited = 0;
    pthread_mutex_lock(&batch->lock);
    while (waited == 0 && !has_work_locked(batch)) {
        waited = pthread_cond_timedwait(&batch->changed, &batch->lock, &tick);
    }
    struct view view = look_locked(batch);
    pthread_mutex_unlock(&batch->lock);
    // What a program prints now and then is read as it is printed, also through a pipe.
    if (waited != 0 && !cli_output_flush_if_idle(batch->output)) view.stop = CLI_STOP_OUTPUT;
    return view;
}

static bool is_done(const struct cli_batch *batch, const struct view *view)
{
    return batch->started_count == batch->options->isolate_count && view->live_count == 0 &&
           (!batch->is_ordered || batch->head == batch->started_count);
}

static enum cli_stop run_window(struct cli_batch *batch)
{
    while (true) {
        struct view view = wait_for_work(batch);
        if (view.stop != CLI_STOP_NOT || is_done(batch, &view)) return view.stop;
        cli_progress_show(&batch->progress, view.finished_count, batch->options->isolate_count);
        while (is_head_ready(batch))
            print_head(batch);
        start_many(batch, view.room);
    }
}

struct cli_batch_end cli_batch_run(struct cli_batch *batch)
{
    cli_progress_init(&batch->progress, batch->options->isolate_count);
    enum cli_stop stop = run_window(batch);
    cli_progress_clear(&batch->progress);
    // Also on a good end: the last isolates' figures are then in the report.
    // What the only program has spawned ends with it.
    zvm_runtime_shutdown(batch->runtime, stop != CLI_STOP_NOT || batch->has_spawn);
    pthread_mutex_lock(&batch->lock);
    struct cli_batch_end end = {stop, batch->started_count, batch->finished_count};
    pthread_mutex_unlock(&batch->lock);
    return end;
}
