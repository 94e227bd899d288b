/// zvm.h - very many small isolated programs at once inside one process.
///
/// A runtime owns worker threads and one table of shared strings. Code is compiled once and shared,
/// immutable, by every isolate that runs it. An isolate is one independent virtual machine: its own
/// garbage-collected heap with a hard limit, its own fuel, its own result.
///
/// Every function states its thread rule. No function exits, aborts on bad arguments, prints, or
/// installs a signal handler. Option structs start with their size: set it with the initialiser
/// macro (`zvm_runtime_options o = ZVM_RUNTIME_OPTIONS_INIT;`) and fields added later read as zero.
#ifndef ZVM_H
#define ZVM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define ZVM_API __attribute__((visibility("default")))
#else
#define ZVM_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

#define ZVM_VERSION_MAJOR  0
#define ZVM_VERSION_MINOR  1
#define ZVM_VERSION_PATCH  0
#define ZVM_VERSION_STRING "0.1.0"
#define ZVM_VERSION_NUMBER (ZVM_VERSION_MAJOR * 10000 + ZVM_VERSION_MINOR * 100 + ZVM_VERSION_PATCH)

/// What a call, or an isolate, came to. 0 is success; texts by zvm_status_text.
typedef enum zvm_status {
    ZVM_OK = 0,
    ZVM_E_NOMEM = 1,       // the operating system refused memory
    ZVM_E_ARGUMENT = 2,    // a NULL, a size or an option that the call does not accept
    ZVM_E_BUSY = 3,        // the isolate is queued or running: nothing was changed
    ZVM_E_STATE = 4,       // not possible in this state (not finished, already finished, …)
    ZVM_E_SYNTAX = 5,      // the source is not a program; see the diagnostics
    ZVM_E_UTF8 = 6,        // text that is not valid UTF-8
    ZVM_E_BYTECODE = 7,    // the verifier refused a code object
    ZVM_E_ERROR = 8,       // the program ended with an uncaught error
    ZVM_E_HEAP_LIMIT = 9,  // the program ended with an uncaught HeapLimitError
    ZVM_E_FUEL = 10,       // the program used up its fuel
    ZVM_E_TIMEOUT = 11,    // the deadline passed (of a program, or of a wait)
    ZVM_E_CANCELLED = 12,  // cancelled by the host or by a shutdown
    ZVM_E_OUTPUT = 13,     // the output callback refused the program's output
    ZVM_E_NOT_FOUND = 14,  // no such name
    ZVM_E_TYPE = 15,       // a value of another type than the call wants or can carry
    ZVM_E_LIMIT = 16,      // an implementation limit
    ZVM_E_INTERN_LIMIT = 17, // the table of shared strings is full
    ZVM_E_CLOSED = 18,     // the runtime is shutting down and takes no more work
    ZVM_E_THREADS = 19,    // no worker thread could be started
    ZVM_E_STALE = 20,      // a handle whose object is gone
    ZVM_E_FOREIGN = 21,    // an object of another runtime or isolate
    ZVM_E_INTERNAL = 22,   // an internal check failed: a bug in zvm
    ZVM_STATUS_COUNT
} zvm_status;

typedef struct zvm_runtime zvm_runtime;
typedef struct zvm_code zvm_code;
typedef struct zvm_isolate zvm_isolate;

// ---- Version and texts ------------------------------------------------------------------------

/// The version of the library that is linked, as ZVM_VERSION_NUMBER.
///
/// in:      none
/// out:     none
/// errors:  none
/// thread:  any
/// memory:  none
/// cost:    constant
/// source:  library convention
ZVM_API int zvm_version_number(void);

/// The version of the library that is linked, as text ("0.1.0").
///
/// in:      none
/// out:     none
/// errors:  none
/// thread:  any
/// memory:  static text, never freed
/// cost:    constant
/// source:  library convention
ZVM_API const char *zvm_version(void);

/// One line of English for a status; "unknown status" for a number that is none.
///
/// in:      status
/// out:     none
/// errors:  none
/// thread:  any
/// memory:  static text, never freed
/// cost:    constant
/// source:  library convention
ZVM_API const char *zvm_status_text(zvm_status status);

// ---- Runtime ----------------------------------------------------------------------------------

/// What a runtime is made with. Zero in a field means its default.
typedef struct zvm_runtime_options {
    size_t size;                 // of this struct, in bytes
    uint32_t worker_count;       // threads; 0 = none: the host runs isolates by zvm_isolate_run
    uint32_t slice_budget;       // fuel an isolate runs before another gets its turn; 0 = 32768
    uint64_t intern_limit_count; // strings in the shared table; 0 = 16777216
    uint64_t intern_limit_bytes; // bytes of the shared table; 0 = 1 GiB
} zvm_runtime_options;

#define ZVM_RUNTIME_OPTIONS_INIT {sizeof(zvm_runtime_options), 0, 0, 0, 0}

/// Makes a runtime and starts its workers. Several runtimes may live in one process.
///
/// in:      options  may be NULL: no workers, all defaults
/// out:     out      the runtime; destroy it with zvm_runtime_destroy
/// errors:  ZVM_E_ARGUMENT size or worker_count (at most 1024); ZVM_E_NOMEM; ZVM_E_THREADS not one
///          of the wanted workers could be started (with fewer than wanted it works: see the report)
/// thread:  any; never blocks
/// memory:  about 64 KiB a worker
/// cost:    one thread start a worker
/// source:  design card, pthreads worker pool
ZVM_API zvm_status zvm_runtime_create(const zvm_runtime_options *options, zvm_runtime **out);

/// Cancels what still runs, waits for the workers, and frees the runtime with every isolate that the
/// host has not destroyed. Code objects must have been released.
///
/// in:      runtime  may be NULL: nothing happens
/// out:     none
/// errors:  none
/// thread:  any but a worker; nobody may use the runtime during or after the call; blocks
/// memory:  frees everything of the runtime
/// cost:    one slice of each worker, then linear in live isolates
/// source:  design card
ZVM_API void zvm_runtime_destroy(zvm_runtime *runtime);

/// Waits until every isolate submitted so far, and whatever they submit, has finished.
///
/// in:      runtime
/// out:     none
/// errors:  ZVM_E_ARGUMENT NULL; ZVM_E_STATE the runtime has no workers and something is queued
/// thread:  any but a worker; blocks
/// memory:  none
/// cost:    none while it waits
/// source:  design card
ZVM_API zvm_status zvm_runtime_drain(zvm_runtime *runtime);

/// Refuses further submissions; with `cancel` also cancels everything queued or running. Then drains.
///
/// in:      runtime; cancel
/// out:     none
/// errors:  ZVM_E_ARGUMENT NULL. Calling it again is ZVM_OK.
/// thread:  any but a worker; blocks
/// memory:  none
/// cost:    at most one slice of each worker when cancelling
/// source:  design card
ZVM_API zvm_status zvm_runtime_shutdown(zvm_runtime *runtime, bool cancel);

// ---- Code -------------------------------------------------------------------------------------

/// Receives text piece by piece. `text` is [length_bytes], UTF-8, not NUL-terminated.
/// Returns false to refuse it: the caller of the writer then stops.
typedef bool (*zvm_write_fn)(void *context, const char *text, size_t length_bytes);

/// Compiles and verifies a program.
///
/// in:      runtime; name [NUL-terminated] used in positions ("FILE" of FILE:LINE:COL);
///          text [length_bytes], UTF-8; diagnostics may be NULL, gets each finding as
///          "FILE:LINE:COL: error: TEXT\n", the source line and a caret; context for it
/// out:     out  the code, to be released with zvm_code_release
/// errors:  ZVM_E_SYNTAX, ZVM_E_UTF8 (both with diagnostics), ZVM_E_BYTECODE, ZVM_E_LIMIT,
///          ZVM_E_INTERN_LIMIT, ZVM_E_NOMEM, ZVM_E_ARGUMENT
/// thread:  any; several threads may compile at once
/// memory:  copies what it keeps
/// cost:    linear in the text
/// source:  ours
ZVM_API zvm_status zvm_code_from_source(zvm_runtime *runtime, const char *name, const char *text,
                                        size_t length_bytes, zvm_write_fn diagnostics,
                                        void *context, zvm_code **out);

/// Takes one more reference to a code object.
///
/// in:      code
/// out:     none
/// errors:  none
/// thread:  any
/// memory:  none
/// cost:    one atomic addition
/// source:  ours
ZVM_API void zvm_code_retain(zvm_code *code);

/// Drops one reference; the last one frees the code. Isolates hold references of their own.
///
/// in:      code  may be NULL
/// out:     none
/// errors:  none
/// thread:  any
/// memory:  frees at the last reference
/// cost:    one atomic subtraction
/// source:  ours
ZVM_API void zvm_code_release(zvm_code *code);

/// Writes the code object as text, one instruction a line.
///
/// in:      code; write, context
/// out:     none
/// errors:  ZVM_E_ARGUMENT; ZVM_E_OUTPUT write refused; ZVM_E_NOMEM
/// thread:  any
/// memory:  a temporary buffer
/// cost:    linear in the code
/// source:  ours
ZVM_API zvm_status zvm_code_disassemble(const zvm_code *code, zvm_write_fn write, void *context);

// ---- Values -----------------------------------------------------------------------------------

typedef enum zvm_value_kind {
    ZVM_VALUE_NULL = 0,
    ZVM_VALUE_BOOL,
    ZVM_VALUE_INT,
    ZVM_VALUE_FLOAT,
    ZVM_VALUE_STRING,
    ZVM_VALUE_OTHER // a list, map, function, …: named by kind only
} zvm_value_kind;

/// A value that host and program exchange by copy.
typedef struct zvm_value {
    zvm_value_kind kind;
    bool boolean;
    int64_t integer;
    double number;
    const char *text;    // STRING: [length_bytes], UTF-8, NUL-terminated when zvm gives it out
    size_t length_bytes; // STRING
} zvm_value;

// ---- Isolate ----------------------------------------------------------------------------------

/// Called on the worker (or in zvm_isolate_run) when the isolate has finished, as the last thing that
/// zvm does with it: the callback may destroy the isolate. It must not block. Whoever waits for the
/// isolate may learn of its end before the callback begins; so an isolate that has a callback is
/// destroyed in it, or after it has returned (zvm_runtime_drain waits for callbacks too).
typedef void (*zvm_finish_fn)(zvm_isolate *isolate, void *user);

/// What an isolate is made with. Zero in a field means its default.
typedef struct zvm_isolate_options {
    size_t size;                    // of this struct, in bytes
    int64_t id;                     // what isolate_id() gives
    size_t heap_limit_bytes;        // everything the isolate causes; 0 = 100 MiB; least 16 KiB
    uint64_t fuel_limit;            // 0 = none
    uint64_t timeout_ns;            // wall clock from the submission, 0 = none
    uint32_t max_depth;             // nested calls; 0 = 10000
    uint32_t gc_growth_percent;     // collect when live bytes reach this; 0 = 200
    uint64_t gc_threshold_count;    // collect every N allocations; 0 = off
    const char *const *arguments;   // [argument_count], NUL-terminated UTF-8: the list `args`
    size_t argument_count;
    zvm_write_fn output;            // gets what the program prints; NULL: dropped
    void *output_context;
    zvm_finish_fn on_finish;        // may be NULL
    void *user;                     // for the host
} zvm_isolate_options;

#define ZVM_ISOLATE_OPTIONS_INIT                                                                   \
    {sizeof(zvm_isolate_options), 0, 0, 0, 0, 0, 0, 0, NULL, 0, NULL, NULL, NULL, NULL}

/// Least heap_limit_bytes that is accepted.
#define ZVM_HEAP_LIMIT_MIN_BYTES 16384

/// One line of a stack trace, innermost first.
typedef struct zvm_trace_frame {
    const char *function; // NUL-terminated; "<main>" for the top level
    const char *file;
    uint32_t line;
    uint32_t column;
} zvm_trace_frame;

/// How an isolate ended. Pointers are valid until it is destroyed.
typedef struct zvm_result {
    size_t size;                // set by the caller: of this struct, in bytes
    zvm_status status;          // ZVM_OK, ZVM_E_ERROR, ZVM_E_HEAP_LIMIT, ZVM_E_FUEL, …
    const char *kind;           // "TypeError"; "" when status is ZVM_OK
    const char *message;        // "" when status is ZVM_OK
    const char *file;           // where the error was raised; "" when status is ZVM_OK
    uint32_t line;              // from 1; 0 when unknown
    uint32_t column;            // from 1, in code points
    const zvm_trace_frame *trace;
    uint32_t trace_count;       // at most 32
    uint32_t trace_omitted;     // frames beyond those
    uint64_t fuel_used;
    uint64_t heap_live_bytes;   // at the end
    uint64_t heap_peak_bytes;
    uint64_t heap_limit_bytes;
    uint64_t allocated_bytes;
    uint64_t allocated_count;
    uint64_t freed_bytes;
    uint64_t freed_count;
    uint64_t collections;
    uint64_t output_bytes;
    uint64_t slices;
} zvm_result;

#define ZVM_RESULT_INIT {.size = sizeof(zvm_result)}

/// Makes an isolate that will run `code` from its top. It holds a reference to the code.
///
/// in:      runtime; code of the same runtime; options may be NULL
/// out:     out  the isolate, to be destroyed with zvm_isolate_destroy
/// errors:  ZVM_E_ARGUMENT (also a heap limit under ZVM_HEAP_LIMIT_MIN_BYTES); ZVM_E_FOREIGN;
///          ZVM_E_UTF8 an argument; ZVM_E_CLOSED; ZVM_E_NOMEM
/// thread:  any; never blocks
/// memory:  one 2 KiB block
/// cost:    under a microsecond when blocks are warm
/// source:  design card, VM instances
ZVM_API zvm_status zvm_isolate_create(zvm_runtime *runtime, zvm_code *code,
                                      const zvm_isolate_options *options, zvm_isolate **out);

/// Frees an isolate and everything it made.
///
/// in:      isolate  may be NULL; not queued or running
/// out:     none
/// errors:  ZVM_E_BUSY queued or running: nothing changes (cancel and wait first)
/// thread:  any, but nobody may use the isolate during or after the call
/// memory:  frees spans, never single objects
/// cost:    about 0.4 microseconds a MiB
/// source:  Zexus "Phase 7: Memory Management", region
ZVM_API zvm_status zvm_isolate_destroy(zvm_isolate *isolate);

/// Hands an isolate to the workers. Its deadline counts from here.
///
/// in:      isolate  idle: fresh, or put aside by zvm_isolate_run, and then it goes on from there
/// out:     none
/// errors:  ZVM_E_STATE already submitted or finished; ZVM_E_CLOSED; ZVM_E_ARGUMENT the runtime has
///          no workers
/// thread:  any; never blocks
/// memory:  none
/// cost:    one queue operation
/// source:  design card
ZVM_API zvm_status zvm_isolate_submit(zvm_isolate *isolate);

/// Waits until an isolate has finished.
///
/// in:      isolate; timeout_ns, UINT64_MAX means for ever
/// out:     none
/// errors:  ZVM_E_TIMEOUT; ZVM_E_STATE it was never submitted
/// thread:  any but a worker; blocks
/// memory:  none
/// cost:    none while it waits
/// source:  design card
ZVM_API zvm_status zvm_isolate_wait(zvm_isolate *isolate, uint64_t timeout_ns);

/// Runs an idle isolate on the calling thread for at most `budget` of fuel (0 = to its end).
/// For runtimes without workers, and for hosts that keep their own threads.
///
/// in:      isolate idle; budget
/// out:     finished  may be NULL; true when the program has ended: see zvm_isolate_result
/// errors:  ZVM_E_BUSY queued or running; ZVM_E_STATE finished before
/// thread:  any, one at a time an isolate; blocks while it runs
/// memory:  that of the program
/// cost:    that of the program
/// source:  ours
ZVM_API zvm_status zvm_isolate_run(zvm_isolate *isolate, uint64_t budget, bool *finished);

/// Ends an isolate: a queued one at once, a running one within a slice. No catch or finally runs.
///
/// in:      isolate
/// out:     none
/// errors:  none; a finished isolate stays as it is
/// thread:  any; never blocks
/// memory:  none
/// cost:    one atomic operation
/// source:  ours
ZVM_API void zvm_isolate_cancel(zvm_isolate *isolate);

/// How a finished isolate ended.
///
/// in:      isolate finished; result->size set
/// out:     result
/// errors:  ZVM_E_STATE not finished; ZVM_E_ARGUMENT
/// thread:  any, after wait, on_finish or run has told that it finished
/// memory:  pointers in it live as long as the isolate
/// cost:    constant
/// source:  ours
ZVM_API zvm_status zvm_isolate_result(const zvm_isolate *isolate, zvm_result *result);

/// Sets a global that the program uses, before it runs or between runs.
///
/// in:      isolate idle or finished; name [NUL-terminated]; value, copied
/// out:     none
/// errors:  ZVM_E_NOT_FOUND the program has no such global; ZVM_E_BUSY; ZVM_E_TYPE kind OTHER;
///          ZVM_E_UTF8; ZVM_E_HEAP_LIMIT; ZVM_E_LIMIT a text that is too long; ZVM_E_NOMEM
/// thread:  one at a time an isolate
/// memory:  strings are copied into the isolate's heap
/// cost:    linear in the number of globals
/// source:  Zexus "Phase 7: Memory Management", STORE_NAME
ZVM_API zvm_status zvm_isolate_set_global(zvm_isolate *isolate, const char *name,
                                          const zvm_value *value);

/// Reads a global.
///
/// in:      isolate idle or finished; name [NUL-terminated]
/// out:     value  text stays valid until the isolate runs, is set or is destroyed
/// errors:  ZVM_E_NOT_FOUND no such global, or it has no value yet; ZVM_E_BUSY; ZVM_E_NOMEM
/// thread:  one at a time an isolate
/// memory:  a copy of a text over 2023 bytes, freed with the isolate
/// cost:    linear in the number of globals
/// source:  ours
ZVM_API zvm_status zvm_isolate_get_global(zvm_isolate *isolate, const char *name, zvm_value *value);

/// The `user` pointer of the options.
///
/// in:      isolate
/// out:     none
/// errors:  none
/// thread:  any
/// memory:  none
/// cost:    constant
/// source:  ours
ZVM_API void *zvm_isolate_user(const zvm_isolate *isolate);

// ---- Reports ----------------------------------------------------------------------------------

typedef enum zvm_report_format {
    ZVM_REPORT_TEXT = 0,
    ZVM_REPORT_JSON,
    ZVM_REPORT_PROMETHEUS
} zvm_report_format;

/// Sums over one worker, or over all. Durations in nanoseconds, sizes in bytes.
typedef struct zvm_report_counters {
    uint64_t isolates_created, isolates_destroyed;
    uint64_t isolates_finished; // all that ended: succeeded + failed
    uint64_t isolates_succeeded;
    uint64_t failed_error, failed_heap_limit, failed_fuel, failed_timeout, failed_cancelled,
        failed_output, failed_other;
    uint64_t slices, fuel_used;
    uint64_t heap_current_bytes, heap_peak_bytes; // peak: the largest sum seen at a slice's end
    uint64_t allocated_bytes, allocated_count, freed_bytes, freed_count;
    uint64_t collections, pause_ns_total, pause_ns_p50, pause_ns_p99, pause_ns_max;
    uint64_t output_bytes;
    uint64_t cpu_ns; // CPU time of the worker thread
    uint64_t slice_ns_total, slice_ns_p50, slice_ns_p99, slice_ns_max; // how long slices took
    uint64_t steals, stolen; // times that a worker took over another one's work; isolates so taken
    uint64_t parks, wakeups; // times that a worker went to sleep; was woken for work
} zvm_report_counters;

/// The whole runtime at one moment.
typedef struct zvm_report {
    size_t size; // set by the caller: of this struct, in bytes
    zvm_report_counters totals;
    uint32_t worker_count;
    uint64_t wall_ns;            // since the runtime was made
    uint64_t isolates_in_flight; // submitted and not finished
    uint64_t intern_count, intern_bytes, intern_hits, intern_misses;
    uint32_t workers_wanted;  // more than worker_count: the system refused some threads
    uint32_t wakeups_refused; // by the system; each may cost up to a second
    uint64_t queued;          // isolates in queues
    uint64_t queued_overflow; // of those, beyond the workers' own queues
} zvm_report;

#define ZVM_REPORT_INIT {.size = sizeof(zvm_report)}

/// Takes the sums now, without stopping anybody.
///
/// in:      runtime; report->size set
/// out:     report
/// errors:  ZVM_E_ARGUMENT
/// thread:  any, at any time; never blocks
/// memory:  none
/// cost:    linear in the workers
/// source:  design card, aggregated memory reports
ZVM_API zvm_status zvm_report_take(zvm_runtime *runtime, zvm_report *report);

/// Writes a report of now, with a part for each worker.
///
/// in:      runtime; format; write, context
/// out:     none
/// errors:  ZVM_E_OUTPUT write refused; ZVM_E_NOMEM; ZVM_E_ARGUMENT
/// thread:  any, at any time; never blocks
/// memory:  a temporary buffer
/// cost:    linear in the workers
/// source:  Zexus "Phase 7: Memory Management", memory report
ZVM_API zvm_status zvm_report_write(zvm_runtime *runtime, zvm_report_format format,
                                    zvm_write_fn write, void *context);

#ifdef __cplusplus
}
#endif

#endif // ZVM_H
