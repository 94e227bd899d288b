// vm/isolate.h - one isolate: control block, frames, value stack, heap.
//
// Layout: one block (heap/heap.h). Its first part is this struct with the first stack slots behind it;
// its second part is the heap's mixed first page, with the first frames at its end.
// Thread: owner, except the fields marked shared. Handed over between threads by the scheduler's
// queues. PAIR isolate: release when it is queued, acquire when it is taken.
#ifndef ZVM_VM_ISOLATE_H
#define ZVM_VM_ISOLATE_H

#include "base/atomic.h"
#include "base/counted.h"
#include "base/strbuf.h"
#include "heap/heap.h"
#include "pool/pool.h"
#include "vm/code.h"
#include "vm/cpu_profile.h"

struct zbuiltin;
struct zisolate;
struct zmailbox;
struct zgroup;
struct zlane;
struct zquota;
struct zrefs;
struct zroster_row;
struct zshared;
struct ztalk_hooks;
struct zwait_hooks;

// One call. Its registers start at stack[base]; its result goes to stack[base - 1].
struct zframe {
    union {
        const uint32_t *pc;           // saved: the next instruction
        const struct zbuiltin *native; // ZFRAME_NATIVE
    };
    struct zfunc *func; // NULL for a native frame
    const struct zvalue *constants; // of func: one load for each use, and none after a return
    const uint32_t *entry; // a guess (interp.c): where the last call to this depth went; may be stale
    uint32_t base;
    uint16_t flags; // ZFRAME_…
    uint8_t state;          // native frames: where the step function goes on
    uint8_t argument_count; // native frames
};

_Static_assert(sizeof(struct zframe) == 40, "frames are 40 bytes");

enum {
    ZFRAME_NATIVE = 1,       // this frame is native
    ZFRAME_RETURN_SLOW = 2,  // returning from it needs the slow path: native or no frame below
    ZFRAME_TASK = 4,         // the body of the task in stack[base - 2]; returning is slow
    ZFRAME_SEEN = 8,         // it was there when the collector last looked at the roots
};

// Messages between isolates.
struct zmessage_counts {
    uint64_t sent, received;
    uint64_t dropped; // nobody will read them
};

// What a thread brings to the isolates it runs. owner-thread.
// Blocks that were freed, kept for those that are spawned next (vm/mailbox.h).
struct zlives {
    struct zlife *first;
    uint32_t count;
};

struct zrunner {
    struct zheap_env *env;
    struct zstrbuf output;  // printed, not yet given to the host
    struct zstrbuf scratch; // for making texts
    struct zvalue *work;    // stack of conversions and comparisons, see vm/text.c
    uint32_t work_capacity;
    struct zmessage_counts messages; // not reported yet
    uint32_t spawned;                // ever, by isolates that it ran; wraps
    struct zlives lives;             // of isolates that are over, for the next ones
    struct zcpu_sampler sampler;
    int32_t worker_index; // -1: a thread of the host
};

zvm_status zrunner_init(struct zrunner *runner, struct zspan_pool *pool);
void zrunner_deinit(struct zrunner *runner);

// State word: the low bits are one of these, plus bits. The scheduler owns its transitions
// (sched/state.h).
enum {
    ZSTATE_IDLE = 0,
    ZSTATE_QUEUED = 1,
    ZSTATE_RUNNING = 2,
    ZSTATE_WAITING = 3,
    ZSTATE_DONE = 4,
    ZSTATE_GONE = 5, // destroyed, but for its block, which an entry in a queue still names
    ZSTATE_MASK = 7,
    ZSTATE_NOTIFIED = 8,
    ZSTATE_CANCEL = 16,
    ZSTATE_ENTRY = 32,   // some queue holds an entry of it
    ZSTATE_WATCHED = 64, // some thread waits for its end, or for its answer
    ZSTATE_TOKEN = 128,  // somebody may answer it, and holds its block until then
    ZSTATE_LISTED = 512, // DONE, and in the list of those that the host has not been told of
    ZSTATE_HOSTED = 256, // WAITING: a thread of the host runs it, not the workers
};

// Whose turn comes first (sched/queue.c). As the public ones.
enum zpriority { ZPRIORITY_NORMAL, ZPRIORITY_HIGH, ZPRIORITY_LOW, ZPRIORITY_COUNT };

// Whose turn it was (sched/pick.h).
struct zpick {
    uint8_t high_in_a_row, normal_in_a_row; // turns since the last one of a lower priority
};

enum zisolate_pending {
    ZPENDING_NOTHING,
    ZPENDING_ERROR,       // iso->error is being thrown; place unknown: that of the instruction
    ZPENDING_ERROR_AT,    // iso->error at iso->error_line, error_column, in the file iso->error.aux
    ZPENDING_ERROR_CALLER,// iso->error, at the call of the current frame
    ZPENDING_TERMINATION, // iso->status says why; no handler runs
};

// The rarely used part, made when needed and charged.
struct zisolate_extra {
    char *kind, *message, *file; // NUL-terminated texts of the result
    size_t kind_bytes, message_bytes, file_bytes;
    zvm_trace_frame *trace;      // [trace_count]
    uint32_t trace_count, trace_omitted;
    char *hint; // NUL-terminated; NULL: none
    size_t hint_bytes;
    char **arguments; // [argument_count], NUL-terminated copies
    size_t argument_count;
    struct zvalue argument_list; // `args`, UNSET until first used
    uint64_t limit_used, limit_allowed; // of the limit that ended it; 0, 0: none did
    char *text; // NUL-terminated: the last long text of a global that the host read
    size_t text_bytes;
    zvm_moment_fn on_moment; // may be NULL
    _Atomic uint32_t is_in_moment; // shared: the isolate runs, and may be asked all the same
    struct zshape_own *shapes, *shapes_by_key; // a list and a tree of the same, see vm/shape_own.c
    const struct zcode **codes; // [code_count]: what ran before iso->code, see vm/session.c
    uint32_t code_count, code_capacity;
    struct zrefs *refs; // what its host holds, see vm/ref.h; NULL: nothing yet
    struct zlane *lane; // of the scheduler: of the thread that has a scope open; NULL: none
    struct zhost_objects *host_objects; // see vm/hostobject.c; NULL: none yet
    uint64_t wait_token; // of what it waits for, see vm/wait.h; 0: nothing
    uint64_t wake_ns;    // when it goes on without an answer; 0: never
};

struct zisolate {
    // shared: the scheduler's protocol, see docs/concurrency.md. PAIR state.
    _Atomic uint32_t state;
    uint8_t priority; // frozen: enum zpriority
    // scheduler: who holds the isolate's entry in a queue
    uint8_t chain_count; // isolates of the chain that it heads
    uint16_t home;       // 1 + the worker it last ran on
    _Atomic(struct zisolate *) queue_next;
    _Atomic(struct zisolate *) urgent_next; // scheduler: who ended it; the list of ends to announce
    // scheduler, under its host lock: all isolates of the runtime
    struct zisolate *live_next, *live_previous;
    // frozen: limits that few have (vm/quota.h); NULL: none. Here, because each turn looks at it.
    struct zquota *quota;

    // owner-thread: the interpreter's
    int64_t fuel;         // left of this slice's grant, may be negative; in a register while running
    int64_t fuel_reserve; // left of the limit beyond the grant
    struct zvalue *stack, *stack_end; // globals first, then the frames' registers
    struct zframe *frames;            // [frame_capacity]
    struct zframe *frame;             // the current call; NULL before the first and after the last
    struct zframe *frame_last;        // the last frame that the depth limit and capacity allow
    const uint32_t *loop;             // a guess (interp.c): where the last jump backwards went
    uint32_t frame_capacity;
    uint32_t native_count;            // native frames among the frames: they are not user calls
    const struct zcode *code;
    struct zshared *shared;
    struct zrunner *runner; // NULL while no thread runs it
    struct zvalue error;    // being thrown
    uint32_t error_line, error_column;
    uint8_t pending; // enum zisolate_pending
    uint8_t started, finished, in_heap_limit;
    uint32_t depth_limit; // nested calls of user functions, at most
    int32_t status;  // zvm_status of the end
    uint32_t poll_bytes; // touched by builtins since the last poll
    uint64_t deadline_ns; // 0 = none
    uint64_t timeout_ns;
    uint64_t fuel_limit; // 0 = none
    uint64_t output_bytes, slices;
    struct zmailbox *mailbox; // NULL: it has not talked yet, see vm/mailbox.h

    uint32_t symbol_bytes; // of the symbols in the heap's held set, as the table counts them
    uint32_t pool_limits[ZPOOL_KIND_COUNT]; // frozen: what each pool may keep; 0 = off
    bool is_int_pool_asked;                 // it is on, and has not turned out not to pay
    uint32_t stock; // of api/reuse.c: the pool of isolates that has given it out; 0: none
    struct zpools *pools;                   // NULL until first used

    // frozen after creation
    int64_t id;
    zvm_write_fn output;
    void *output_context;
    zvm_finish_fn on_finish;
    void *user;
    struct zisolate_extra *extra;
    // owner-thread: the scheduler's copy of what it has folded into its counters
    uint64_t folded[5];
    struct zroster_row *row; // the scheduler's, for reports (report/roster.h)

    struct zheap heap;
};

// What is in the block besides.
#define ZISOLATE_FRAMES_FIRST 4
#define ZISOLATE_STACK_FIRST                                                                       \
    ((ZHEAP_CONTROL_BYTES - sizeof(struct zisolate)) / sizeof(struct zvalue))

_Static_assert(sizeof(struct zisolate) <= 608, "the control part has room for a stack");
_Static_assert(sizeof(struct zisolate) % sizeof(struct zvalue) == 0, "the stack is aligned");
_Static_assert(ZISOLATE_FRAMES_FIRST * sizeof(struct zframe) == ZPAGE_BYTES - ZHEAP_FIRST_BYTES,
               "the first frames fill what the heap leaves of the page");

static inline struct zvalue *zisolate_first_stack(struct zisolate *iso)
{
    return (struct zvalue *)(void *)((char *)iso + sizeof *iso);
}

static inline struct zframe *zisolate_first_frames(struct zisolate *iso)
{
    return (struct zframe *)(void *)(zheap_block_page(iso) + ZHEAP_FIRST_BYTES);
}

struct zisolate_options { // as the public ones, checked
    int64_t id;
    uint64_t heap_limit_bytes, fuel_limit, timeout_ns, gc_threshold_count;
    uint64_t cpu_limit_ns, output_limit_bytes; // 0 = none
    struct zgroup *group; // NULL: none
    uint32_t max_depth, gc_growth_percent;
    uint32_t gc_mode; // enum zheap_mode, as the public one
    uint32_t symbol_limit_count, symbol_limit_bytes; // 0 = UINT32_MAX
    uint32_t priority; // enum zpriority
    uint32_t pool_limits[ZPOOL_KIND_COUNT]; // 0 = off
    const char *const *arguments;
    size_t argument_count;
    zvm_write_fn output;
    void *output_context;
    zvm_finish_fn on_finish;
    void *user;
    uint32_t history_entries;
    bool track_ages;
    uint64_t sample_bytes, sample_seed;
    zvm_moment_fn on_moment; // may be NULL
    // For messages: NULL and 0: the isolate has what zmailbox_ensure gives it.
    struct zmailbox *mailbox; // of one that is spawned, which gets a hold of it
    uint32_t mailbox_limit_count;
    uint64_t mailbox_limit_bytes;
    bool may_spawn;
    zvm_finish_fn on_spawned; // may be NULL
    zvm_unwatched_fn on_unwatched; // the same
};

// Shared by all isolates of a runtime. frozen, but for the counter.
struct zshared {
    _Atomic uint32_t shape_ids; // shared: the last id given to a shape, see vm/shape.h
    struct zintern *intern;
    const struct zstring *kinds[32];       // names of error kinds, by enum zerror_kind
    const struct zstring *characters[128]; // the one-character ASCII strings
    const struct zstring *empty;
    const struct zstring *integers[ZPOOL_SMALL_COUNT]; // decimal texts from ZPOOL_SMALL_MIN on
    const struct zstring *types[32];       // texts of typeof(), by type
    const struct zstring *type_names[32];  // texts of type()
    _Atomic uint64_t mailbox_numbers;      // shared, relaxed: how many were made
    struct zcounted_sum counted;           // shared: strings that isolates share, vm/string_counted.c
    _Atomic uint32_t results_lock;         // shared: base/lock.h
    struct zmailbox *results;              // under it: whose result holds other mailboxes
    const struct ztalk_hooks *talks;       // of the scheduler
    const struct zwait_hooks *waits;       // of the scheduler
    void *waits_context;                   // for them
    void *runtime;                         // of api.c
    // May be NULL. A limit refuses memory to an isolate of the calling thread: HEAP_LIMIT or NOMEM.
    void (*tell_limit)(void *context, struct zisolate *iso, zvm_status status);
    void *tell_context; // for it
};

zvm_status zshared_create(struct zintern *intern, struct zshared **out);
void zshared_destroy(struct zshared *shared);

enum zisolate_outcome {
    ZOUTCOME_YIELDED,
    ZOUTCOME_FINISHED,
    ZOUTCOME_WAITING, // it can go on only when it has its answer (vm/wait.h)
};

// env: of the calling thread. errors: ZVM_E_NOMEM, ZVM_E_UTF8, and those of zquota_create.
zvm_status zisolate_create(struct zshared *shared, struct zcode *code, struct zheap_env *env,
                           const struct zisolate_options *options, struct zisolate **out);
// Both halves: destroy = deinit, then free. In between only the state word and the links of the
// scheduler may be touched.
void zisolate_destroy(struct zisolate *iso, struct zheap_env *env);
void zisolate_deinit(struct zisolate *iso, struct zheap_env *env);
void zisolate_free(struct zisolate *iso, struct zheap_env *env);

// Runs for at most `budget` of fuel (and collector work). FINISHED: status, error and extra are set.
enum zisolate_outcome zisolate_run(struct zisolate *iso, struct zrunner *runner, uint64_t budget);
// Ends an isolate that is not running, without running anything (cancelled while queued).
void zisolate_end(struct zisolate *iso, struct zrunner *runner, zvm_status status);

// ---- Sessions (session.c) ----
// A finished isolate gets `code`, which names its globals in their slots and perhaps more behind them,
// and starts again with it: fuel and deadline anew, globals and heap as they are. Takes the caller's
// reference. In between zsched_borrow and zsched_give_back.
// errors: ZVM_E_HEAP_LIMIT, ZVM_E_NOMEM; nothing has changed then.
zvm_status zisolate_load(struct zisolate *iso, struct zcode *code);
bool zisolate_ensure_extra(struct zisolate *iso); // false: no memory
void zsession_free(struct zisolate *iso); // the codes before the last
// As after creation, before the first slice.
void zisolate_restart(struct zisolate *iso);

// Back to where it was after creation, with the code that it was made with: no objects, no globals, all
// figures 0. It is at rest and waits for nothing. First what may be refused: *stack is for the second
// step. errors: ZVM_E_NOMEM; ZVM_E_STATE it has a profile.
zvm_status zisolate_prepare_reset(const struct zisolate *iso, struct zvalue **stack);
void zisolate_forget_reset(const struct zisolate *iso, struct zvalue *stack); // it is not to be, after all
// mailbox: of ztalk_prepare_again.
void zisolate_reset(struct zisolate *iso, struct zheap_env *env, struct zvalue *stack,
                    struct zmailbox *mailbox);
const struct zcode *zsession_first(const struct zisolate *iso); // the code that it was made with
void zsession_rewind(struct zisolate *iso);                     // to that; the others are let go

uint64_t zisolate_fuel_used(const struct zisolate *iso);

// The pools of the isolate, made when there are none yet; NULL: it has none, or no memory to spare,
// or so few objects that it is not worth one.
struct zpools *zisolate_pools_slow(struct zisolate *iso);

static inline struct zpools *zisolate_pools(struct zisolate *iso)
{
    return ZVM_LIKELY(iso->pools != NULL) ? iso->pools : zisolate_pools_slow(iso);
}

struct zisolate_collection {
    bool has_run; // one has ended
    struct zheap_collect_result freed;
};

// The isolate does not run, or is in a moment of its host. Its slices and fuel are not changed.
// force: all, at once; else what is due.
struct zisolate_collection zisolate_collect(struct zisolate *iso, bool force);
struct zisolate_collection zisolate_collect_step(struct zisolate *iso, uint64_t words);

// Empties the pools; figures stay, and programs do not see it. false: they were empty.
bool zisolate_clear_pools(struct zisolate *iso);

// ---- For builtins -----------------------------------------------------------------------------

// Charges for touching `bytes`, before doing so, and polls. false: the isolate ends (pending is set).
// Fuel: one unit for every ZFUEL_BYTES_PER_UNIT begun.
#define ZFUEL_BYTES_PER_UNIT 16
#define ZFUEL_POLL_BYTES     65536
bool zfuel_charge(struct zisolate *iso, uint64_t bytes);
// The same for what cannot stop half way, however much it is.
bool zfuel_charge_whole(struct zisolate *iso, uint64_t bytes);
bool zfuel_poll_slow(struct zisolate *iso, uint64_t bytes);
// Charges so many units, and nothing else.
bool zfuel_pay(struct zisolate *iso, uint64_t units);

// What a thread's isolates have done between two polls, in bytes touched: counted where it is said.
struct zfuel_audit {
    uint64_t bytes, bytes_max; // since the last poll; the most ever, in pieces
    uint64_t whole_max;        // the most that was done at once
    uint64_t polls;
    uint64_t cancel_at; // at this poll the isolate is cancelled; 0: at none
};

#if ZVM_DEBUG >= 1
extern _Thread_local struct zfuel_audit zfuel_audit;

static inline void zfuel_audit_add(uint64_t bytes)
{
    zfuel_audit.bytes += bytes;
    if (zfuel_audit.bytes > zfuel_audit.bytes_max) zfuel_audit.bytes_max = zfuel_audit.bytes;
}

static inline void zfuel_audit_poll(struct zisolate *iso)
{
    zfuel_audit.bytes = 0;
    zfuel_audit.polls++;
    if (zfuel_audit.polls == zfuel_audit.cancel_at)
        z_fetch_or_acq_rel(&iso->state, (uint32_t)ZSTATE_CANCEL); // PAIR state
}

void zfuel_audit_whole(uint64_t bytes);
#else
static inline void zfuel_audit_add(uint64_t bytes)
{
    (void)bytes;
}

static inline void zfuel_audit_poll(struct zisolate *iso)
{
    (void)iso;
}

static inline void zfuel_audit_whole(uint64_t bytes)
{
    (void)bytes;
}
#endif

// Polls as zfuel_charge does, for work that is paid for elsewhere, or free.
static inline bool zfuel_poll(struct zisolate *iso, uint64_t bytes)
{
    uint64_t touched = iso->poll_bytes + bytes;
    if (ZVM_LIKELY(touched <= ZFUEL_POLL_BYTES))
        iso->poll_bytes = (uint32_t)touched;
    else if (!zfuel_poll_slow(iso, bytes))
        return false;
    zfuel_audit_add(bytes);
    return true;
}

// Registers of a native frame (builtin.h). Here so that marking needs no table.
uint32_t znative_registers(const struct zbuiltin *builtin);

// Gives printed text to the host; false: refused (pending is set).
bool zisolate_output(struct zisolate *iso, const char *text, size_t length_bytes);
bool zisolate_flush(struct zisolate *iso);

#endif // ZVM_VM_ISOLATE_H
