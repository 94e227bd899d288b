/// zvm.h - very many small isolated programs at once inside one process.
///
/// A runtime owns worker threads and one table of shared strings. Code is compiled once and shared,
/// immutable, by every isolate that runs it. An isolate is one independent virtual machine: its own
/// garbage-collected heap with a hard limit, its own fuel, its own result.
///
/// Every function states its thread rule. No function exits, aborts on bad arguments, prints, or
/// installs a signal handler. Option structs start with their size: set it with the initialiser
/// macro (`zvm_runtime_options o = ZVM_RUNTIME_OPTIONS_INIT;`) and fields added later read as zero.
///
/// Wrong use is an error code in every build, as far as it can be told: NULL, a size or an option that there is
/// not, the wrong thread, the wrong state, a call from inside that would wait for itself, or that is for the isolate which
/// the callback is about, and what belongs to another runtime or isolate. What was destroyed must not be used again: that is told of tokens, handles of memory managers, lists
/// that were released, isolates given back to their pool, and code that outlives its runtime, and of nothing else,
/// since its memory is another's by then.
///
/// After a fork the child has no worker threads: what it has inherited of a runtime is dead. Every call
/// that is given such a runtime, its code or an isolate of it returns ZVM_E_FORKED at once, or does
/// nothing where it returns no status; nothing of it can be freed, and the parent notices nothing. The
/// child may make runtimes of its own, and goes on with memory managers (zvm_mm) and pools of the thread
/// that forked, which are copies. It must not return into zvm out of a callback that forked.
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
    ZVM_E_THREAD = 23,     // called from a thread that does not own the object
    ZVM_E_FORMAT = 24,     // bytes that are no compiled program of this version
    ZVM_E_CPU_TIME = 25,   // the program used up its CPU time
    ZVM_E_OUTPUT_LIMIT = 26, // the program printed more than its limit
    ZVM_E_ISOLATES = 27,   // as many isolates exist as the runtime, or the group, may have
    ZVM_E_WAITING = 28,    // the isolate waits for an answer of its host
    ZVM_E_GROUP_LIMIT = 29, // fuel, CPU time or output of the isolate's group is used up
    ZVM_E_FORKED = 30,     // this process is a fork of the one that made the runtime
    ZVM_E_MAILBOX = 31,    // a mailbox is full, or the message is larger than it may be
    ZVM_STATUS_COUNT
} zvm_status;

typedef struct zvm_runtime zvm_runtime;
typedef struct zvm_code zvm_code;
typedef struct zvm_isolate zvm_isolate;
typedef struct zvm_group zvm_group;
typedef struct zvm_mailbox zvm_mailbox;

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

// ---- Memory of the process --------------------------------------------------------------------

/// Where all memory of zvm comes from, in place of malloc and free. The functions are called on all threads,
/// at once; they must not use zvm, nor throw or jump out.
typedef struct zvm_allocator {
    size_t size; // of this struct, in bytes
    // bytes > 0, aligned to `alignment`, a power of two of at least 8; NULL: there is none
    void *(*allocate)(void *user, size_t alignment, size_t bytes);
    // A block [old_bytes] that was asked for with the alignment of max_align_t becomes [new_bytes] and keeps what
    // is in both; it may move. NULL: there is no memory, and it is as it was. Where it was to shrink that is no
    // failure: the block stays, and is said to have new_bytes from then on
    void *(*resize)(void *user, void *memory, size_t old_bytes, size_t new_bytes);
    void (*free)(void *user, void *memory, size_t bytes); // memory is not NULL, bytes those of its last call
    void *user; // for them
} zvm_allocator;

#define ZVM_ALLOCATOR_INIT {sizeof(zvm_allocator), NULL, NULL, NULL, NULL}

/// Says where memory comes from, for all runtimes, memory managers and pools of the process. Stacks of
/// threads, and what the C library takes for itself, are not among it.
///
/// in:      allocator  all three functions set; NULL: malloc and free again
/// out:     none
/// errors:  ZVM_E_STATE zvm has memory now: a runtime, a memory manager or a set of pools exists;
///          ZVM_E_ARGUMENT; nothing changes then
/// thread:  any, while no other thread is in a call of zvm
/// memory:  gives back the blocks that zvm keeps for the next runtime; with an allocator of the host it keeps none
/// cost:    constant
/// source:  library convention
ZVM_API zvm_status zvm_set_allocator(const zvm_allocator *allocator);

// ---- Runtime ----------------------------------------------------------------------------------

/// What there is to tell of an isolate to zvm_runtime_options.on_event.
typedef enum zvm_event_kind {
    ZVM_EVENT_CREATED = 0,   // made, and not given out yet: on the thread that makes it
    ZVM_EVENT_FINISHED = 1,  // it has ended, before anybody else learns of it: where its on_finish is called
    ZVM_EVENT_COLLECTED = 2, // collections have ended in the slice that is over now: on the thread that ran it
    ZVM_EVENT_LIMIT = 3,     // a limit refuses memory, or has ended it: on the thread that runs it
    ZVM_EVENT_DESTROYED = 4  // the last of it, once for each CREATED, before its memory goes: on the thread that destroys it
} zvm_event_kind;

/// One event. It is valid during the call that tells of it.
typedef struct zvm_event {
    size_t size; // of this struct, in bytes, as the library knows it
    zvm_event_kind kind;
    zvm_isolate *isolate; // only zvm_isolate_user and zvm_isolate_cancel are for it; what would change it is refused
    int64_t id;           // of its options
    // FINISHED: how it ended. LIMIT: which one: ZVM_E_HEAP_LIMIT, that the program may catch, ZVM_E_NOMEM likewise,
    // ZVM_E_FUEL, ZVM_E_TIMEOUT, ZVM_E_CPU_TIME, ZVM_E_OUTPUT_LIMIT or ZVM_E_GROUP_LIMIT
    zvm_status status;
    uint64_t collections; // COLLECTED: how many, one or more
} zvm_event;

/// Gets events, from all threads at once, those of one isolate one after the other. It must not block, and
/// use no function of zvm on an isolate but those that zvm_event names.
typedef void (*zvm_event_fn)(void *context, const zvm_event *event);

/// How bad it is, what zvm has to say.
typedef enum zvm_log_level {
    ZVM_LOG_WARNING = 0, // it works, but with less than it was to have
    ZVM_LOG_ERROR = 1    // a mistake of the host
} zvm_log_level;

/// Gets what a runtime has to say to people, one line [NUL-terminated, UTF-8] without its end: that the system
/// refuses threads, and that code was not released when the runtime is destroyed. From any thread; it must not use
/// the runtime.
typedef void (*zvm_log_fn)(void *context, zvm_log_level level, const char *message);

/// Called on the thread of a worker, from 0 on: as the first and the last thing that it does. The first may come before
/// zvm_runtime_create has returned. It must not use the runtime.
typedef void (*zvm_worker_fn)(void *context, uint32_t worker);

/// Longest worker_name, in bytes: with the number behind it that is as much as the system takes.
#define ZVM_WORKER_NAME_BYTES_MAX 10
/// Least and greatest worker_stack_bytes.
#define ZVM_WORKER_STACK_BYTES_MIN 131072
#define ZVM_WORKER_STACK_BYTES_MAX 1073741824

/// What a runtime is made with. Zero in a field means its default.
typedef struct zvm_runtime_options {
    size_t size;                 // of this struct, in bytes
    uint32_t worker_count;       // threads; 0 = none: the host runs isolates by zvm_isolate_run
    uint32_t slice_budget;       // fuel an isolate runs before another gets its turn; 0 = 32768
    uint64_t intern_limit_count; // strings in its table of shared strings; 0 = 16777216
    uint64_t intern_limit_bytes; // bytes of that table; 0 = 1 GiB
    uint64_t isolate_limit;      // isolates that exist at a time; 0 = no limit
    uint32_t blocking_threads;   // for functions of the host that block, at most; 0 = 64
    uint32_t lists_finished;     // 1: for zvm_runtime_finished_take
    uint64_t seed;               // not 0: runs can be repeated, see zvm_runtime_turns
    // Workers are called NAME-0, NAME-1, … where the system shows threads; NULL: "zvm-worker". NUL-terminated,
    // copied, of printable ASCII, 1 to ZVM_WORKER_NAME_BYTES_MAX bytes
    const char *worker_name;
    // What functions of the host and callbacks have on a worker, and zvm itself: within the bounds above; 0 = what the
    // system gives. Programs take none of it, however deep they call
    size_t worker_stack_bytes;
    // Hooks, each may be NULL. A runtime with a seed has no threads of its own to call the two of workers on
    zvm_worker_fn on_worker_start;
    zvm_worker_fn on_worker_stop;
    zvm_event_fn on_event;
    zvm_log_fn log;
    void *hook_context; // for them
    uint64_t profile_fuel; // fuel between samples of zvm_runtime_cpu_profile, on average; 0 = none
    uint64_t trace_events; // that each worker keeps for zvm_runtime_trace; 0 = none
} zvm_runtime_options;

#define ZVM_RUNTIME_OPTIONS_INIT                                                                   \
    {sizeof(zvm_runtime_options), 0, 0, 0, 0, 0, 0, 0, 0, NULL, 0, NULL, NULL, NULL, NULL, NULL,   \
     0, 0}

/// A good profile_fuel: tens of thousands of samples a second of a worker, at a price of about a percent.
#define ZVM_PROFILE_FUEL 8192
/// Bounds of profile_fuel.
#define ZVM_PROFILE_FUEL_MIN 64
#define ZVM_PROFILE_FUEL_MAX (UINT64_C(1) << 40)
/// A good number of trace_events, 2.5 MiB a worker, and the highest.
#define ZVM_TRACE_EVENTS     65536
#define ZVM_TRACE_EVENTS_MAX 16777216

/// Makes a runtime and starts its workers. Several runtimes may live in one process.
///
/// in:      options  may be NULL: no workers, all defaults
/// out:     out      the runtime; destroy it with zvm_runtime_destroy
/// errors:  ZVM_E_ARGUMENT size, worker_count or blocking_threads (at most 1024), a seed with several workers, worker_name,
///          worker_stack_bytes, profile_fuel, trace_events; ZVM_E_NOMEM; ZVM_E_THREADS not one of the wanted workers could be
///          started (with fewer than wanted it works: see `log` and the report); ZVM_E_LIMIT lists_finished, and the system
///          has no descriptor left
/// thread:  any; never blocks
/// memory:  about 64 KiB a worker, and its stack
/// cost:    one thread start a worker
/// source:  design card, pthreads worker pool
ZVM_API zvm_status zvm_runtime_create(const zvm_runtime_options *options, zvm_runtime **out);

/// Cancels what still runs, waits for the workers and for functions that block, and frees the runtime with every isolate that the
/// host has not destroyed. Code objects must have been released: those that were not, and their texts, stay
/// allocated for good, which `log` is told, and calls with them return ZVM_E_FORKED or do nothing.
///
/// in:      runtime  may be NULL: nothing happens
/// out:     none
/// errors:  ZVM_E_STATE called from inside: by a worker, a function of the host or a callback of it, whose return it would wait
///          for: nothing changes; ZVM_E_FORKED
/// thread:  any but a worker; nobody may use the runtime during or after the call; blocks
/// memory:  frees everything of the runtime
/// cost:    one slice of each worker, then linear in live isolates
/// source:  design card
ZVM_API zvm_status zvm_runtime_destroy(zvm_runtime *runtime);

/// Waits until every isolate submitted so far, and whatever they submit, has finished.
///
/// in:      runtime
/// out:     none
/// errors:  ZVM_E_ARGUMENT NULL; ZVM_E_STATE called by a worker or by a function of the host that blocks, which would wait for
///          itself; ZVM_E_THREAD it has a seed, and another thread made it
/// thread:  any but a worker; blocks
/// memory:  none
/// cost:    none while it waits
/// source:  design card
ZVM_API zvm_status zvm_runtime_drain(zvm_runtime *runtime);

/// Refuses further submissions; with `cancel` also cancels everything queued or running. Then drains.
///
/// in:      runtime; cancel
/// out:     none
/// errors:  ZVM_E_ARGUMENT NULL; ZVM_E_STATE as zvm_runtime_drain: it takes no more submissions all the same;
///          ZVM_E_THREAD it has a seed, and another thread made it: nothing changes. Calling it again is ZVM_OK
/// thread:  any but a worker; blocks
/// memory:  none
/// cost:    at most one slice of each worker when cancelling
/// source:  design card
ZVM_API zvm_status zvm_runtime_shutdown(zvm_runtime *runtime, bool cancel);

/// Runs submitted isolates of a runtime with a seed, on the calling thread.
///
/// A runtime with a seed starts no thread. The thread that made it runs everything, in zvm_runtime_turns,
/// zvm_runtime_drain, zvm_runtime_shutdown, zvm_isolate_wait and zvm_isolate_run. The seed says how long each slice
/// is and who is passed over once. All clocks that programs and limits see count fuel, one nanosecond a unit, and go
/// on to the next time that somebody waits for when there is nothing to run: CPU time and timeouts are meant in these.
/// Functions that block are called on the same thread. So the same seed, programs and calls of the host give the
/// same output, errors, collections and reports; where other threads cancel or complete, that is theirs to repeat.
/// The key of the tables is fixed too, unless the process had a runtime before.
///
/// in:      runtime; turns  slices to run at most
/// out:     run  how many were run, or ended; fewer than turns: nothing is left that can run
/// errors:  ZVM_E_ARGUMENT; ZVM_E_STATE it has no seed, or called from inside a turn; ZVM_E_THREAD not the thread
///          that made it
/// thread:  the one that made the runtime
/// memory:  none
/// cost:    that of the slices
/// source:  ours, after deterministic simulation
ZVM_API zvm_status zvm_runtime_turns(zvm_runtime *runtime, uint64_t turns, uint64_t *run);

/// The file descriptor that an event loop watches: it is readable whenever isolates have finished that
/// were submitted, have no on_finish, and have not been taken by zvm_runtime_finished_take.
///
/// in:      runtime, made with lists_finished
/// out:     none
/// errors:  -1: NULL, or made without
/// thread:  any
/// memory:  the descriptor is the runtime's: for poll, select and epoll, not for reading or closing
/// cost:    constant
/// source:  design card, host event loops
ZVM_API int zvm_runtime_finished_fd(const zvm_runtime *runtime);

/// Takes isolates that have finished, oldest first. One that has not been taken cannot be destroyed,
/// loaded or reset (ZVM_E_BUSY), also when zvm_isolate_wait has told of its end.
///
/// in:      runtime, made with lists_finished; isolates [capacity]
/// out:     isolates; count, at most capacity, 0: none (in spite of a readable descriptor, now and then)
/// errors:  ZVM_E_ARGUMENT; ZVM_E_STATE made without lists_finished
/// thread:  any; each isolate is given out once
/// memory:  none
/// cost:    one or two system calls, and linear in count
/// source:  design card, host event loops
ZVM_API zvm_status zvm_runtime_finished_take(zvm_runtime *runtime, zvm_isolate **isolates,
                                             size_t capacity, size_t *count);

/// How short memory is.
typedef enum zvm_pressure {
    ZVM_PRESSURE_NONE = 0, // not at all: what a runtime begins with
    ZVM_PRESSURE_LOW,      // heaps grow three quarters of what they would between collections
    ZVM_PRESSURE_HIGH,     // half of it, and each gives back what it can, once a call
    ZVM_PRESSURE_CRITICAL  // a quarter of it, and the same
} zvm_pressure;

/// Says how short memory is, from now on. HIGH and CRITICAL make every isolate clear its pools, collect
/// and give empty memory back when it next needs memory; an isolate that allocates nothing is left
/// alone. Nobody is stopped. Heaps grow by gc_growth_percent scaled as above, to between 125 and 300.
///
/// in:      runtime; level
/// out:     none
/// errors:  ZVM_E_ARGUMENT NULL, or a level that there is not
/// thread:  any; never blocks
/// memory:  none; see the report's pressure_collections for how many answered
/// cost:    two atomic operations; a collection of each isolate that allocates
/// source:  Zexus "Memory Pool Usage Guide", memory pressure management
ZVM_API zvm_status zvm_runtime_pressure(zvm_runtime *runtime, zvm_pressure level);

// ---- Code -------------------------------------------------------------------------------------

/// Receives text piece by piece. `text` is [length_bytes], UTF-8, not NUL-terminated.
/// Returns false to refuse it: the caller of the writer then stops.
typedef bool (*zvm_write_fn)(void *context, const char *text, size_t length_bytes);

typedef enum zvm_severity {
    ZVM_SEVERITY_ERROR = 0,
    ZVM_SEVERITY_NOTE // tells something about the errors before it
} zvm_severity;

/// One finding in a source text. Lines and columns count from 1, columns in code points. All texts are
/// NUL-terminated UTF-8 but for `source`. Everything is valid during the call that hands it over.
typedef struct zvm_diagnostic {
    size_t size; // of this struct, in bytes, as the library knows it
    zvm_severity severity;
    const char *kind; // "SyntaxError"; "" for a note
    const char *file; // the name that was compiled
    uint32_t line, column;         // where it starts; 0, 0: it is about the whole file
    uint32_t end_line, end_column; // just behind its last character; the start itself: a point
    const char *message; // one line
    const char *const *hints; // [hint_count]: how to mend it, one line each
    uint32_t hint_count;
    const char *source; // the first line of it, [source_bytes] without its end, as it stands in the
                        // file: may hold any bytes; NULL when there is none to show
    size_t source_bytes;
} zvm_diagnostic;

/// Receives the findings of one compilation, in the order of the text.
typedef void (*zvm_diagnostic_fn)(void *context, const zvm_diagnostic *diagnostic);

/// How a program is compiled. Zero in a field means its default.
typedef struct zvm_compile_options {
    size_t size;                     // of this struct, in bytes
    zvm_diagnostic_fn on_diagnostic; // may be NULL
    void *context;                   // for it
} zvm_compile_options;

#define ZVM_COMPILE_OPTIONS_INIT {sizeof(zvm_compile_options), NULL, NULL}

/// Most errors that one compilation reports; a note says when there were more.
#define ZVM_DIAGNOSTICS_MAX 20

/// Compiles and verifies a program that uses no modules; findings come as data.
///
/// in:      runtime; name [NUL-terminated], the "file" of positions; text [length_bytes], UTF-8;
///          options may be NULL
/// out:     out  the code, to be released with zvm_code_release
/// errors:  as zvm_code_from_source
/// thread:  any; several threads may compile at once; on_diagnostic is called on the calling one
/// memory:  copies what it keeps
/// cost:    linear in the text
/// source:  ours
ZVM_API zvm_status zvm_code_compile(zvm_runtime *runtime, const char *name, const char *text,
                                    size_t length_bytes, const zvm_compile_options *options,
                                    zvm_code **out);

/// Writes a finding for people: "FILE:LINE:COL: error: TEXT", the source line, carets under its part
/// (right also under wide and combining characters and tabs), and "hint: TEXT" lines.
///
/// in:      diagnostic; in_colour adds the escape sequences of terminals; write, context
/// out:     none
/// errors:  ZVM_E_ARGUMENT; ZVM_E_OUTPUT write refused
/// thread:  any
/// memory:  none
/// cost:    linear in the line
/// source:  ours
ZVM_API zvm_status zvm_diagnostic_write(const zvm_diagnostic *diagnostic, bool in_colour,
                                        zvm_write_fn write, void *context);

/// Compiles and verifies a program that uses no modules; findings come as text.
///
/// in:      runtime; name [NUL-terminated] used in positions ("FILE" of FILE:LINE:COL);
///          text [length_bytes], UTF-8; diagnostics may be NULL, gets each finding as
///          lines as zvm_diagnostic_write gives them, without colour; context for it
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

/// What the compiler asks a loader for; lives until the loader returns.
typedef struct zvm_module_request zvm_module_request;

/// Finds a module for the compiler. `path` [NUL-terminated, UTF-8] leads from the root folder to the
/// module: parts with '/' between them, none of them empty, "." or "..". It gives the text by
/// zvm_module_give and returns ZVM_OK; or returns ZVM_E_NOT_FOUND, or another status, perhaps after
/// zvm_module_refuse. It is called on the thread that compiles, and may compile other programs.
typedef zvm_status (*zvm_load_fn)(void *context, const char *path, zvm_module_request *request);

/// What a program is compiled with that may use modules. Zero in a field means its default.
typedef struct zvm_file_options {
    size_t size;          // of this struct, in bytes
    const char *text;     // [length_bytes], UTF-8: the program; NULL: it is read (no loader is set)
    size_t length_bytes;
    const char *root;     // folder; no module is read from elsewhere; NULL: the program's own
    zvm_load_fn load;     // NULL: reads files
    void *load_context;   // for it
    zvm_diagnostic_fn on_diagnostic; // gets each finding as data, with the `context` of the call
} zvm_file_options;

#define ZVM_FILE_OPTIONS_INIT {sizeof(zvm_file_options), NULL, 0, NULL, NULL, NULL, NULL}

/// Compiles and verifies a program that may use modules (`use "./lib/text.zx" as text`), and links
/// them with it. Each module is compiled once a runtime and shared, for as long as a program has it.
///
/// Without a loader, modules are files in the folder `root` and the folders in it; `..` and symbolic
/// links do not lead out of it. A program whose text is given need not be a file: it then stands in
/// `root`. With a loader, `path` is of the form that loaders get, and `root` is only put before the
/// paths of modules in positions.
///
/// in:      runtime; path [NUL-terminated], of the program, used in positions; options may be NULL;
///          diagnostics and context as for zvm_code_from_source; behind a finding in a module come
///          notes of the uses that lead to it
/// out:     out  the code, to be released with zvm_code_release
/// errors:  as zvm_code_from_source, of every module too; ZVM_E_SYNTAX also for a module that is
///          missing, outside the root or part of a circle; ZVM_E_NOT_FOUND the program cannot be
///          read (with a diagnostic); ZVM_E_ARGUMENT also for a program that is not under `root`
/// thread:  any; several threads may compile at once; blocks while files are read
/// memory:  copies what it keeps
/// cost:    linear in the program's text and in the texts of the modules that it uses
/// source:  ours
ZVM_API zvm_status zvm_code_from_file(zvm_runtime *runtime, const char *path,
                                      const zvm_file_options *options, zvm_write_fn diagnostics,
                                      void *context, zvm_code **out);

/// Gives the compiler what it asked a loader for. Once a request.
///
/// in:      request; path [NUL-terminated], of the same form as the one asked for: the one name of a
///          module that has several, NULL when it is the one asked for; text [length_bytes], copied
/// out:     none
/// errors:  ZVM_E_ARGUMENT NULL, or a path of another form; ZVM_E_STATE given before;
///          ZVM_E_LIMIT 1 GiB or more; ZVM_E_NOMEM. The loader returns any of them.
/// thread:  the one that the loader is called on
/// memory:  copies path and text
/// cost:    linear in the text
/// source:  ours
ZVM_API zvm_status zvm_module_give(zvm_module_request *request, const char *path, const char *text,
                                   size_t length_bytes);

/// Says in a few words why a loader has nothing to give ("permission denied"); shown in the
/// diagnostic.
///
/// in:      request; reason [NUL-terminated], UTF-8; 199 bytes are shown at most
/// out:     none
/// errors:  none
/// thread:  the one that the loader is called on
/// memory:  copies the reason
/// cost:    constant
/// source:  ours
ZVM_API void zvm_module_refuse(zvm_module_request *request, const char *reason);
/// Does the program spawn isolates? A host may then want to give each that runs it a group of its own.
///
/// in:      code
/// out:     none
/// errors:  none; false for NULL
/// thread:  any
/// memory:  none
/// cost:    linear in the size of the code
/// source:  ours
ZVM_API bool zvm_code_spawns(const zvm_code *code);
/// Are these the first bytes of a compiled program? No source text begins so.
///
/// in:      bytes [length_bytes], the first 8 are enough
/// out:     none
/// errors:  none
/// thread:  any
/// memory:  none
/// cost:    constant
/// source:  ours
ZVM_API bool zvm_code_is_compiled(const void *bytes, size_t length_bytes);

/// Makes a code object from what zvm_code_serialize wrote. The bytes are not trusted: everything is
/// checked while it is read, and the verifier then accepts the code as memory-safe or refuses it.
///
/// in:      runtime; name [NUL-terminated] for the diagnostic; bytes [length_bytes];
///          diagnostics may be NULL, gets one line "NAME: error: TEXT\n"; context for it
/// out:     out  the code, to be released with zvm_code_release
/// errors:  ZVM_E_FORMAT cut off, damaged, or of another version; ZVM_E_BYTECODE the verifier
///          refused it (the line names function and pc); ZVM_E_UTF8 the name; ZVM_E_INTERN_LIMIT,
///          ZVM_E_NOMEM, ZVM_E_ARGUMENT
/// thread:  any
/// memory:  a small multiple of length_bytes; the bytes are not kept
/// cost:    linear in the bytes
/// source:  ours
ZVM_API zvm_status zvm_code_from_bytes(zvm_runtime *runtime, const char *name, const void *bytes,
                                       size_t length_bytes, zvm_write_fn diagnostics,
                                       void *context, zvm_code **out);

/// Writes the code object as bytes, for a file. The same source under the same name always gives
/// the same bytes. They are for this version of zvm: another may refuse them.
///
/// in:      code; write, context: gets bytes, not text, in one piece
/// out:     none
/// errors:  ZVM_E_ARGUMENT; ZVM_E_OUTPUT write refused; ZVM_E_NOMEM
/// thread:  any
/// memory:  a temporary buffer of that size
/// cost:    linear in the code
/// source:  ours
ZVM_API zvm_status zvm_code_serialize(const zvm_code *code, zvm_write_fn write, void *context);

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

/// The same, each run of instructions under the line of the source that it comes from.
///
/// in:      code; source [length_bytes], what it was compiled from; write, context
/// out:     none
/// errors:  ZVM_E_ARGUMENT; ZVM_E_OUTPUT write refused; ZVM_E_NOMEM
/// thread:  any
/// memory:  a temporary buffer, and 8 bytes a line of the source
/// cost:    linear in code and source
/// source:  ours
ZVM_API zvm_status zvm_code_disassemble_source(const zvm_code *code, const char *source,
                                               size_t length_bytes, zvm_write_fn write,
                                               void *context);

typedef enum zvm_word_kind {
    ZVM_WORD_KEYWORD = 0,
    ZVM_WORD_BUILTIN, // functions that every program sees
    ZVM_WORD_METHOD,  // methods of strings, lists and maps
} zvm_word_kind;

/// The words that the language itself knows, for completion and highlighting.
///
/// in:      kind; index from 0
/// out:     none
/// errors:  NULL past the last one, or for a kind that is none
/// thread:  any
/// memory:  static text, never freed
/// cost:    linear in the index
/// source:  ours
ZVM_API const char *zvm_word(zvm_word_kind kind, size_t index);

/// Would more lines continue this text? True when a bracket, a brace, a string of several lines or a
/// comment is open at its end, or when it ends with an operator that needs a right side.
///
/// in:      text [length_bytes], UTF-8
/// out:     none
/// errors:  false for a text that is wrong in another way
/// thread:  any
/// memory:  none
/// cost:    linear in the text
/// source:  ours
ZVM_API bool zvm_source_is_open(const char *text, size_t length_bytes);

// ---- Values -----------------------------------------------------------------------------------

typedef enum zvm_value_kind {
    ZVM_VALUE_NULL = 0,
    ZVM_VALUE_BOOL,
    ZVM_VALUE_INT,
    ZVM_VALUE_FLOAT,
    ZVM_VALUE_STRING,
    ZVM_VALUE_OTHER, // a list, map, function, …: named by kind only
    ZVM_VALUE_HOST   // an object of the host
} zvm_value_kind;

/// What objects of the host of one kind have in common: its address says which kind. It must stay as long as
/// the runtime.
typedef struct zvm_host_kind {
    size_t size;      // of this struct, in bytes
    const char *name; // NUL-terminated, UTF-8, at most ZVM_HOST_NAME_BYTES_MAX bytes: what programs see of it
    // Called once with each object, when no program reaches it any more: after a collection, by the thread that
    // collected (which is within the program's next step); or when the isolate is reset or destroyed. It
    // must not use that isolate, nor wait for it. NULL: nothing is to be done.
    void (*finalize)(void *pointer, void *user);
    void *user; // for finalize
} zvm_host_kind;

#define ZVM_HOST_NAME_BYTES_MAX 255

/// A value that host and program exchange by copy; an object of the host is handed over. A program can hold it,
/// pass it on, print it, and compare it with itself. Its isolate keeps it; what a function was given may
/// be used until the function returns, and as long as the host knows that the program still reaches it.
typedef struct zvm_value {
    zvm_value_kind kind;
    bool boolean;        // BOOL
    int64_t integer;     // INT
    double number;       // FLOAT
    const char *text;    // STRING: [length_bytes], UTF-8, NUL-terminated when zvm gives it out
    size_t length_bytes; // STRING
    // HOST. To hand a new object over: its kind, its pointer, what it takes outside of zvm, which counts toward
    // the isolate's heap limit, and host_id 0. A value that zvm has given out can be given back to the same
    // isolate as it is, and is the same object.
    const zvm_host_kind *host_kind;
    void *pointer;
    uint64_t host_bytes;
    uint64_t host_id; // of zvm: which object of the isolate it is
} zvm_value;

// ---- Functions of the host --------------------------------------------------------------------
//
// Programs call them by name, as they call builtins. Arguments and results cross by copy: null,
// booleans, integers, floats and strings; and objects of the host, but not to functions that block, since
// the isolate, and its objects, may end meanwhile. Any other argument is a TypeError of the program, but for
// a function that takes_any: see "Values by reference".
// While one runs its isolate is running: every call into it but those for references is refused with
// ZVM_E_BUSY, so a program cannot be entered again from its own call.

/// One call of a function of the host. Valid until the function returns.
typedef struct zvm_call zvm_call;

/// How a function of the host ends. It returns what zvm_call_return or zvm_call_fail gives it, or
/// ZVM_CALL_SUSPENDED.
typedef enum zvm_call_outcome {
    ZVM_CALL_RETURNED = 0, // with the value of zvm_call_return; with none: null
    ZVM_CALL_FAILED = 1,   // with the error of zvm_call_fail
    ZVM_CALL_SUSPENDED = 2 // not yet: the isolate waits until its token is completed
} zvm_call_outcome;

/// What a suspended call waits for. Each is given out once: it names nothing else, ever after.
typedef uint64_t zvm_token;

/// A function of the host, called on the thread that runs the isolate. arguments [count]: texts are
/// not NUL-terminated. It must not block unless it says so, and may use every function of zvm.h on other isolates.
typedef zvm_call_outcome (*zvm_host_fn)(zvm_call *call, const zvm_value *arguments, size_t count);

#define ZVM_HOST_ARGUMENTS_MAX 16

/// What programs find under a name, see zvm_runtime_add_function. Zero in a field means none.
typedef struct zvm_host_function {
    size_t size;       // of this struct, in bytes
    const char *name;  // NUL-terminated, a name of the language: at most ZVM_HOST_NAME_BYTES_MAX bytes
    zvm_host_fn call;
    void *user;        // for zvm_call_user
    uint32_t minimum, maximum; // arguments; at most ZVM_HOST_ARGUMENTS_MAX
    uint32_t fuel;     // that a call costs, besides the 8 of every call
    // 1: it may block. On a worker it is then called on a thread of another pool, with copies of its
    // arguments, while the isolate waits, and may be called after that has been cancelled. It has no
    // isolate and no token.
    uint32_t is_blocking;
    // 1: arguments of every kind; what has parts comes as kind OTHER, and by zvm_call_argument. Not for one
    // that blocks. 0: any other argument than those above is a TypeError of the program.
    uint32_t takes_any;
} zvm_host_function;

#define ZVM_HOST_FUNCTION_INIT {sizeof(zvm_host_function), NULL, NULL, NULL, 0, 0, 0, 0, 0}

/// Adds a function that programs of the runtime can call. Code that is compiled or read afterwards
/// knows it, wherever a program has no variable of that name; code made before does not.
///
/// in:      runtime; function, copied
/// out:     none
/// errors:  ZVM_E_ARGUMENT also for a name that is none, is `args`, or that a builtin or another
///          function has; ZVM_E_NOMEM
/// thread:  any; blocks for the short lock of the list
/// memory:  about 100 bytes, until the runtime is destroyed
/// cost:    linear in the functions that there are
/// source:  design card, host functions
ZVM_API zvm_status zvm_runtime_add_function(zvm_runtime *runtime,
                                            const zvm_host_function *function);

/// Gives a call its result. The function then returns what this returns.
///
/// in:      call; value, copied; NULL or kind NULL: null
/// out:     none
/// errors:  ZVM_CALL_FAILED: the value is none of a program (kind OTHER, text that is not UTF-8, a kind of
///          objects that is none), or there is no memory for it, or the object of the host that it names is
///          gone; the program gets a TypeError, LimitError, HeapLimitError or StateError. A new object is
///          finalized when there is no memory for it; one of a kind that is none stays the host's
/// thread:  the one that the function is called on
/// memory:  a text is copied into the isolate's heap; an object takes 16 bytes there, and up to 80 beside it
/// cost:    linear in the text, charged to the isolate as fuel
/// source:  design card, host functions
ZVM_API zvm_call_outcome zvm_call_return(zvm_call *call, const zvm_value *value);

/// Ends a call with an error, raised where the program calls the function; it can catch it.
///
/// in:      call; kind, message [NUL-terminated], UTF-8, copied; NULL: "Error", a general text
/// out:     none
/// errors:  always ZVM_CALL_FAILED
/// thread:  the one that the function is called on
/// memory:  both are copied into the isolate's heap
/// cost:    linear in the texts
/// source:  design card, host functions
ZVM_API zvm_call_outcome zvm_call_fail(zvm_call *call, const char *kind, const char *message);

/// Gives a call a token, and may be given away before the function returns: the function then returns
/// ZVM_CALL_SUSPENDED, and the call ends with what the token is completed with. Meanwhile the isolate
/// takes no thread. Cancelling, the deadline and a shutdown end it as ever. A function that returns
/// otherwise gives the token up.
///
/// in:      call
/// out:     token  the same for every call of this within one call of the function
/// errors:  ZVM_E_NOMEM; ZVM_E_LIMIT a billion isolates wait; ZVM_E_STATE a function that blocks
/// thread:  the one that the function is called on
/// memory:  128 bytes, used again
/// cost:    two atomic operations
/// source:  design card, host functions
ZVM_API zvm_status zvm_call_token(zvm_call *call, zvm_token *token);

/// Ends a suspended call with a value. Late, again, and for an isolate that is gone: nothing happens.
///
/// in:      runtime; token, any number is safe; value, copied; NULL: null. An object of the host is zvm's
///          with ZVM_OK, and finalized at once when the isolate has come to its end meanwhile
/// out:     none
/// errors:  ZVM_E_STALE no call waits for it any more, and the report counts it; ZVM_E_ARGUMENT;
///          ZVM_E_TYPE kind OTHER; ZVM_E_UTF8; ZVM_E_LIMIT a text that is too long; ZVM_E_NOMEM. After
///          the last four the token can still be completed.
/// thread:  any, also inside the function that asked for it; never blocks
/// memory:  a text is copied until the isolate takes it
/// cost:    three atomic operations, and what waking a worker costs when all sleep
/// source:  design card, host functions
ZVM_API zvm_status zvm_complete(zvm_runtime *runtime, zvm_token token, const zvm_value *value);

/// Ends a suspended call with an error, raised where the program calls the function.
///
/// in:      runtime; token; kind, message [NUL-terminated], UTF-8, copied; NULL: as zvm_call_fail
/// out:     none
/// errors:  ZVM_E_STALE; ZVM_E_ARGUMENT; ZVM_E_UTF8; ZVM_E_LIMIT; ZVM_E_NOMEM: as zvm_complete
/// thread:  as zvm_complete
/// memory:  the texts are copied until the isolate takes them
/// cost:    as zvm_complete
/// source:  design card, host functions
ZVM_API zvm_status zvm_complete_error(zvm_runtime *runtime, zvm_token token, const char *kind,
                                      const char *message);

/// The `user` pointer of the function.
///
/// in:      call
/// out:     none
/// errors:  none
/// thread:  the one that the function is called on
/// memory:  none
/// cost:    constant
/// source:  ours
ZVM_API void *zvm_call_user(const zvm_call *call);

/// The isolate that calls. It is running: zvm_isolate_user, zvm_isolate_cancel and what is under "Values by
/// reference" are for it, all else is refused. NULL in a function that blocks, on a thread of its own: its isolate may be gone.
///
/// in:      call
/// out:     none
/// errors:  none
/// thread:  the one that the function is called on
/// memory:  none
/// cost:    constant
/// source:  ours
ZVM_API zvm_isolate *zvm_call_isolate(const zvm_call *call);

// ---- Isolate ----------------------------------------------------------------------------------

/// Called on the worker (or in zvm_isolate_run) when the isolate has finished, as the last thing that
/// zvm does with it: the callback may destroy the isolate. It must not block. Whoever waits for the
/// isolate may learn of its end before the callback begins; so an isolate that has a callback is
/// destroyed in it, or after it has returned (zvm_runtime_drain waits for callbacks too).
typedef void (*zvm_finish_fn)(zvm_isolate *isolate, void *user);

/// Whose turn comes first on a worker that has several at hand: a high one's, then a normal one's. After
/// eight slices of high ones in a row one of another follows, and of those every ninth is a low one's:
/// so nobody is kept out for ever.
typedef enum zvm_priority {
    ZVM_PRIORITY_NORMAL = 0,
    ZVM_PRIORITY_HIGH = 1,
    ZVM_PRIORITY_LOW = 2
} zvm_priority;

/// When a host that asked for it is told that it may look into a running isolate.
typedef enum zvm_moment {
    ZVM_MOMENT_SLICE = 0, // a slice has ended and the program has not
    ZVM_MOMENT_LIMIT = 1  // an allocation was refused: a HeapLimitError, or the end, comes next
} zvm_moment;

/// Called on the thread that runs the isolate. During the call it may be asked by the functions
/// under "Profiles", which are ZVM_E_BUSY for a running isolate otherwise; nothing else of it may be
/// used, and no other thread may ask. It must not block.
typedef void (*zvm_moment_fn)(zvm_isolate *isolate, void *user, zvm_moment moment);

typedef struct zvm_result zvm_result;

/// Called when an isolate that a program has spawned has failed, nobody has awaited or monitored it, and no
/// program can any more, as nothing names it: at the end of its parent, or when that collects its heap. On any
/// thread; of the result only status, kind, message, file, line and column are set. It must not call zvm.
typedef void (*zvm_unwatched_fn)(const zvm_result *result, void *user);

/// Called by the thread of a sender when a message has come into a mailbox of the host that was empty. It must not
/// block, and may call zvm_mailbox_receive only if it owns an isolate to receive into.
typedef void (*zvm_message_fn)(zvm_mailbox *mailbox, void *user);

/// How a heap is collected. Automatic: at once while it is small; in slices between which the program
/// goes on, from about 4 MiB of live objects; and from 1 MiB mostly by looking at new objects only,
/// as long as that pays.
typedef enum zvm_gc_mode {
    ZVM_GC_AUTO = 0,
    ZVM_GC_FULL = 1,        // always all of it, at once
    ZVM_GC_INCREMENTAL = 2, // always all of it, in slices
    ZVM_GC_GENERATIONAL = 3 // always by generations
} zvm_gc_mode;

/// What an isolate is made with. Zero in a field means its default.
typedef struct zvm_isolate_options {
    size_t size;                    // of this struct, in bytes
    int64_t id;                     // what isolate_id() gives
    size_t heap_limit_bytes;        // everything the isolate causes; 0 = 100 MiB; least 16 KiB
    uint64_t fuel_limit;            // 0 = none
    uint64_t timeout_ns;            // wall clock from the submission, 0 = none
    uint32_t max_depth;             // nested calls; 0 = 10000
    uint32_t gc_growth_percent;     // collect when live bytes reach this; 0 = 200, 300 while small
    uint64_t gc_threshold_count;    // collect every N allocations; 0 = off
    const char *const *arguments;   // [argument_count], NUL-terminated UTF-8: the list `args`
    size_t argument_count;
    zvm_write_fn output;            // gets what the program prints; NULL: dropped
    void *output_context;           // for it
    zvm_finish_fn on_finish;        // may be NULL
    void *user;                     // for the host
    // Of the shared strings that the program made into keys and still reaches: how many, and what
    // they count for in the table. At most ZVM_INTERN_LIMIT_MAX; 0 = that.
    uint64_t intern_limit_count, intern_limit_bytes;
    uint32_t priority;              // zvm_priority
    // Profiles, see there. Their memory does not count against heap_limit_bytes.
    uint32_t history_entries;       // allocations remembered, at most 16777216; 0 = none
    uint64_t sample_bytes;          // one byte in so many is sampled; 1 = all; 0 = off
    uint64_t sample_seed;           // the same seed samples the same bytes
    uint32_t track_ages;            // 1: ages of objects are known in time, too; 0: in collections
    zvm_moment_fn on_moment;        // may be NULL; gets `user`
    // What its pools keep: texts of integers (0 = 1000), keys of maps that are dead (0 = 500),
    // buffers of lists of each size (0 = none). At most ZVM_POOL_SIZE_MAX; ZVM_POOL_OFF: none.
    uint32_t int_pool_size, str_pool_size, list_pool_size;
    uint64_t cpu_limit_ns;          // CPU time of the threads while they run it; 0 = none
    uint64_t output_limit_bytes;    // of what it prints; 0 = none
    uint32_t gc_mode; // zvm_gc_mode
    zvm_group *group;               // of this runtime; NULL = none
    // Messages, see there. What may wait for it at a time: messages (0 = 1024), and their bytes
    // (0 = 1 MiB), which no single one may pass either.
    uint32_t mailbox_limit_count;
    uint64_t mailbox_limit_bytes;
    uint32_t may_spawn;             // 1: programs may make isolates by `spawn`, as this one is
    zvm_finish_fn on_spawned;       // on_finish of those; NULL: they are destroyed when they end
    zvm_unwatched_fn on_unwatched;  // of those; may be NULL
} zvm_isolate_options;

#define ZVM_POOL_SIZE_MAX 1048576u
#define ZVM_POOL_OFF      4294967295u

#define ZVM_ISOLATE_OPTIONS_INIT                                                                   \
    {sizeof(zvm_isolate_options), 0, 0, 0, 0, 0, 0, 0, NULL, 0, NULL, NULL, NULL, NULL, 0, 0, 0,   \
     0, 0, 0, 0, NULL, 0, 0, 0, 0, 0, 0, NULL, 0, 0, 0, NULL, NULL}

/// What may wait in a mailbox, unless an isolate's options say otherwise.
#define ZVM_MAILBOX_COUNT_DEFAULT 1024u
#define ZVM_MAILBOX_BYTES_DEFAULT 1048576u

/// A good sample_bytes: what it costs does not show.
#define ZVM_SAMPLE_BYTES 524288
/// Greatest history_entries.
#define ZVM_HISTORY_ENTRIES_MAX 16777216u

/// Least heap_limit_bytes that is accepted.
#define ZVM_HEAP_LIMIT_MIN_BYTES 16384
/// Greatest limit of shared strings, and of their bytes, that an isolate can be given.
#define ZVM_INTERN_LIMIT_MAX 4294967295u

/// One line of a stack trace, innermost first.
typedef struct zvm_trace_frame {
    const char *function; // NUL-terminated; "<main>" for the top level
    const char *file;     // NUL-terminated, as the name that was compiled
    uint32_t line;
    uint32_t column;
} zvm_trace_frame;

/// How an isolate ended. Pointers are valid until it is destroyed.
struct zvm_result {
    size_t size;                // set by the caller: of this struct, in bytes
    zvm_status status;          // ZVM_OK, ZVM_E_ERROR, ZVM_E_HEAP_LIMIT, ZVM_E_FUEL, …
    // "" when status is ZVM_OK, and each where there was no memory for it.
    const char *kind;           // "TypeError"
    const char *message;
    const char *file;           // where the error was raised
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
    const char *const *hints; // [hint_count]: what may mend the error, one line each
    uint32_t hint_count;
    // Of the limit that ended it, in its unit: what it had, or asked for when that is more, and what
    // it might have. 0, 0: no limit did.
    uint64_t limit_used, limit_allowed;
    // Of the collections: those of new objects only, those in slices, and these slices. What one did
    // at most, in words: slots and objects looked at; the second, of slices that looked at the roots.
    uint64_t minor_collections, incremental_collections, gc_slices;
    uint64_t gc_slice_words_max, gc_atomic_words_max;
};

#define ZVM_RESULT_INIT {.size = sizeof(zvm_result)}

typedef struct zvm_collect_result {
    size_t size;  // set by the caller: of this struct, in bytes
    bool has_run; // a collection has ended; false: none was due, or it is still under way
    uint64_t freed_count, freed_bytes, pause_ns;
} zvm_collect_result;

#define ZVM_COLLECT_RESULT_INIT {.size = sizeof(zvm_collect_result)}

/// Collects an isolate's heap: all of it and at once when forced, else only what is due.
///
/// in:      isolate  not running, or in a moment of its host; force
/// out:     result   what this call freed, and its pause; may be NULL
/// errors:  ZVM_E_ARGUMENT; ZVM_E_BUSY a worker runs it, or it is queued: nothing changes; ZVM_E_NOMEM
/// thread:  any, one call for an isolate at a time; never blocks
/// memory:  gives empty spans back
/// cost:    forced: linear in live objects
/// source:  Zexus "Phase 7: Memory Management", manual collection API
ZVM_API zvm_status zvm_isolate_collect(zvm_isolate *isolate, bool force,
                                       zvm_collect_result *result);

/// Does a piece of a collection: goes on with the one under way, or begins one. For hosts that have
/// time to spare between two events. A heap that is still in its first page is collected at once.
///
/// in:      isolate  as for zvm_isolate_collect
///          budget_words  slots and objects to look at; more than 20,000 counts as that
/// out:     result   may be NULL; has_run: the collection has come to its end
/// errors:  as zvm_isolate_collect
/// thread:  any, one call for an isolate at a time; never blocks
/// memory:  a mark stack, charged to the isolate, until the collection ends
/// cost:    linear in budget_words, and in the roots once everything else is marked
/// source:  Zexus "Phase 7: Memory Management", future work: incremental collection
ZVM_API zvm_status zvm_isolate_collect_step(zvm_isolate *isolate, uint64_t budget_words,
                                            zvm_collect_result *result);

/// Makes an isolate that will run `code` from its top. It holds a reference to the code.
///
/// in:      runtime; code of the same runtime; options may be NULL
/// out:     out  the isolate, to be destroyed with zvm_isolate_destroy
/// errors:  ZVM_E_ARGUMENT (also a heap limit under ZVM_HEAP_LIMIT_MIN_BYTES, an intern limit over
///          ZVM_INTERN_LIMIT_MAX or a priority that there is not); ZVM_E_FOREIGN; ZVM_E_UTF8 an
///          argument; ZVM_E_CLOSED, also by a group that was cancelled; ZVM_E_ISOLATES;
///          ZVM_E_HEAP_LIMIT the group has no memory left; ZVM_E_NOMEM
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
/// errors:  ZVM_E_BUSY queued or running, or not taken by zvm_runtime_finished_take: nothing changes
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

/// Waits until an isolate has finished; one that zvm_isolate_run has left waiting: until it may be run
/// again.
///
/// in:      isolate; timeout_ns, UINT64_MAX means for ever
/// out:     none
/// errors:  ZVM_E_TIMEOUT; ZVM_E_STATE it was never submitted, or it runs on the calling thread
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
/// errors:  ZVM_E_WAITING it waits for a token (it may have run until there): zvm_isolate_wait waits
///          until it may be run again; ZVM_E_BUSY queued or running; ZVM_E_STATE finished before; ZVM_E_THREAD of
///          a runtime with a seed that another thread made, as in zvm_isolate_wait
/// thread:  any, one at a time an isolate; blocks while it runs
/// memory:  that of the program
/// cost:    that of the program
/// source:  ours
ZVM_API zvm_status zvm_isolate_run(zvm_isolate *isolate, uint64_t budget, bool *finished);

/// Ends an isolate: one that is queued or waits at once, a running one within a slice. No catch or finally runs.
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
/// errors:  ZVM_E_NOT_FOUND the program has no such global; ZVM_E_BUSY; ZVM_E_TYPE kind OTHER; ZVM_E_STALE an
///          object of the host that is gone, or another isolate's; ZVM_E_UTF8; ZVM_E_HEAP_LIMIT; ZVM_E_LIMIT a text that is too long; ZVM_E_NOMEM
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
/// memory:  a copy of a text over 2023 bytes, or 1024 if it came in a message; freed with the isolate
/// cost:    linear in the number of globals
/// source:  ours
ZVM_API zvm_status zvm_isolate_get_global(zvm_isolate *isolate, const char *name, zvm_value *value);

enum {
    ZVM_LOAD_SHOW = 1, // a last statement that is an expression prints its value, unless that is
                       // null, and leaves it in the global `_`
};

/// Gives a finished isolate more code, to run next with the globals and the heap that it has: a
/// session. The code sees the globals of all code before it by name and may declare them again, const
/// or not; functions made earlier go on and see the new values. How the isolate ended does not matter.
/// It is idle then: run or submit it; fuel and deadline begin anew, and its result is about the new
/// code alone. zvm_result's figures of heap, output and slices go on counting.
///
/// in:      isolate finished, its on_finish returned, and nobody still in zvm_isolate_wait for it, who
///          would go on to wait for the end of the new code; name, text [length_bytes], diagnostics,
///          context as for zvm_code_from_source; flags ZVM_LOAD_…
/// out:     none
/// errors:  those of zvm_code_from_source; ZVM_E_STATE it has not run yet, or its program uses
///          modules; ZVM_E_BUSY queued, running, or cancelled a moment ago; ZVM_E_HEAP_LIMIT no room for the code. In each case
///          nothing has changed.
/// thread:  one at a time an isolate
/// memory:  the code, charged to the isolate, until it is destroyed; the names of globals only once
/// cost:    linear in the text and in the number of globals
/// source:  ours
ZVM_API zvm_status zvm_isolate_load(zvm_isolate *isolate, const char *name, const char *text,
                                    size_t length_bytes, uint32_t flags, zvm_write_fn diagnostics,
                                    void *context);

/// Writes the names of the globals that have a value, one a call of `write`, in order of their first
/// mention.
///
/// in:      isolate idle or finished; write, context
/// out:     none
/// errors:  ZVM_E_ARGUMENT; ZVM_E_BUSY; ZVM_E_OUTPUT write refused; ZVM_E_NOMEM
/// thread:  one at a time an isolate
/// memory:  none; a name is valid during its call
/// cost:    linear in the number of globals
/// source:  ours
ZVM_API zvm_status zvm_isolate_globals(const zvm_isolate *isolate, zvm_write_fn write,
                                       void *context);

/// Makes an isolate what it was when it was made: its code as at first (what zvm_isolate_load gave it
/// goes), no object, no global, no result, all figures and limits anew. It may be submitted or run
/// again. One that zvm_isolate_run has left waiting gives its question up: the token is stale then.
///
/// in:      isolate  idle or finished; nobody is in zvm_isolate_wait for it. Its on_finish may do this
/// out:     none
/// errors:  ZVM_E_BUSY queued, running, or not taken by zvm_runtime_finished_take, and for a moment after it
///          was cancelled in a queue or while it is being answered (an on_finish does not try again, since
///          that may be its worker's to end, but destroys it); ZVM_E_STATE made with a profile; ZVM_E_NOMEM;
///          ZVM_E_ARGUMENT NULL. Nothing changes then.
/// thread:  any, never blocks. A cancel at the same time counts as one before, or as one of the new life
/// memory:  gives everything back but the 2 KiB block and copies of the options
/// cost:    under a microsecond for an isolate that fits its block; else as zvm_isolate_destroy
/// source:  design card, reuse of isolates
ZVM_API zvm_status zvm_isolate_reset(zvm_isolate *isolate);

/// Sets the `user` pointer, which on_finish gets, too.
///
/// in:      isolate idle or finished; user
/// out:     none
/// errors:  ZVM_E_ARGUMENT NULL; ZVM_E_BUSY queued or running, or not taken by zvm_runtime_finished_take
/// thread:  any, one call for an isolate at a time
/// memory:  none
/// cost:    constant
/// source:  ours
ZVM_API zvm_status zvm_isolate_set_user(zvm_isolate *isolate, void *user);

/// Warm isolates of one program: those that are given back are kept for the next time.
typedef struct zvm_isolate_pool zvm_isolate_pool;

/// Most isolates that a pool can keep.
#define ZVM_ISOLATE_POOL_MAX 1048576u

typedef struct zvm_isolate_pool_figures {
    size_t size;             // set by the caller: of this struct, in bytes
    uint64_t created;        // isolates that were made
    uint64_t reused;         // times that one was given out again
    uint32_t idle_count;     // that lie in the pool
} zvm_isolate_pool_figures;

#define ZVM_ISOLATE_POOL_FIGURES_INIT {.size = sizeof(zvm_isolate_pool_figures)}

/// Makes a pool, with one isolate in it.
///
/// in:      runtime; code of the same runtime, which the pool holds; options as for zvm_isolate_create,
///          without a profile: what they point to must stay as long as the pool; capacity: most that it
///          keeps, from 1 to ZVM_ISOLATE_POOL_MAX
/// out:     out  the pool, to be destroyed with zvm_isolate_pool_destroy before the runtime
/// errors:  those of zvm_isolate_create; ZVM_E_ARGUMENT, also for capacity and a profile
/// thread:  any; never blocks
/// memory:  8 bytes for each of capacity, and an isolate
/// cost:    that of an isolate
/// source:  design card, reuse of isolates
ZVM_API zvm_status zvm_isolate_pool_create(zvm_runtime *runtime, zvm_code *code,
                                           const zvm_isolate_options *options, uint32_t capacity,
                                           zvm_isolate_pool **out);

/// Destroys a pool and the isolates in it. Those that it has given out are the host's.
///
/// in:      pool  may be NULL
/// out:     none
/// errors:  none
/// thread:  any, but nobody may use the pool during or after the call
/// memory:  frees them
/// cost:    linear in idle isolates
/// source:  design card, reuse of isolates
ZVM_API void zvm_isolate_pool_destroy(zvm_isolate_pool *pool);

/// Gives out an isolate of the pool, or makes one when there is none.
///
/// in:      pool
/// out:     out  an isolate as zvm_isolate_create makes it, to be given back with
///          zvm_isolate_pool_release, or destroyed
/// errors:  ZVM_E_ARGUMENT NULL; those of zvm_isolate_create
/// thread:  any; blocks for the pool's short lock
/// memory:  none, or an isolate
/// cost:    constant
/// source:  design card, reuse of isolates
ZVM_API zvm_status zvm_isolate_pool_acquire(zvm_isolate_pool *pool, zvm_isolate **out);

/// Takes an isolate back, resets it and keeps it; when the pool is full, or it cannot be reset now (it was just
/// cancelled in a queue or answered, or there is no memory), destroys it. Its `user` is that of the pool's
/// options again.
///
/// in:      pool; isolate  that this pool has given out, as for zvm_isolate_reset: not used any more, as
///          if it was destroyed. Its on_finish may do this
/// out:     none
/// errors:  ZVM_E_BUSY queued, running, or not taken by zvm_runtime_finished_take: it stays the host's;
///          ZVM_E_FOREIGN not given out by this pool, or given back before; ZVM_E_ARGUMENT NULL
/// thread:  any; blocks for the pool's short lock
/// memory:  as zvm_isolate_reset
/// cost:    as zvm_isolate_reset
/// source:  design card, reuse of isolates
ZVM_API zvm_status zvm_isolate_pool_release(zvm_isolate_pool *pool, zvm_isolate *isolate);

/// What a pool has done.
///
/// in:      pool; figures->size set
/// out:     figures
/// errors:  ZVM_E_ARGUMENT
/// thread:  any; blocks for the pool's short lock
/// memory:  none
/// cost:    constant
/// source:  design card, reuse of isolates
ZVM_API zvm_status zvm_isolate_pool_figures_take(zvm_isolate_pool *pool,
                                                 zvm_isolate_pool_figures *figures);

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

// ---- Values by reference ----------------------------------------------------------------------
//
// Lists, maps, instances of data types and functions stay where they are, in their isolate, and the host
// holds *references* to them: numbers, each of one value of one isolate. A reference belongs to the
// innermost *scope* that was open when it was made, and keeps its value until that scope is closed; one
// that is pinned, until it is unpinned. Scopes are closed in the opposite order of their opening.
//
// An isolate can be looked into while it is idle or finished, or left waiting by zvm_isolate_run; and in
// a function of the host, by the thread that the function is called on, while its isolate waits for it.
// Scopes stay open while the isolate runs; those that a function opens are closed when it returns.
//
// thread, of all of them: one at a time an isolate; the one that a function of the host is called on.
// errors, of all of them besides their own:
//   ZVM_E_ARGUMENT  a NULL that is not allowed
//   ZVM_E_BUSY      the isolate is queued or running, or this is a finalizer of one of its objects
//   ZVM_E_STATE     no scope is open; or the call of the host's function has failed
//   ZVM_E_STALE     a reference or scope that is closed, unpinned, of an earlier life of the isolate, or
//                   of another isolate: in every build
//   ZVM_E_TYPE      a value of another kind than the call is for
// "those of making", of what needs memory of the isolate; nothing has changed then:
//   ZVM_E_HEAP_LIMIT; ZVM_E_LIMIT a text, list or map that is too long, ZVM_REF_MAX references;
//   ZVM_E_INTERN_LIMIT; ZVM_E_NOMEM; ZVM_E_CANCELLED and others that end the isolate's run anyway
// memory, of all of them: references count against the isolate's heap limit, 24 bytes each, doubling.
// What is done here costs the program neither fuel nor time; a function of the host says by its `fuel`
// what it costs.

/// A value of an isolate that the host holds; 0 is none.
typedef uint64_t zvm_ref;

/// An open scope; 0 is none.
typedef uint64_t zvm_scope;

/// Most references, scopes included, that an isolate can have at a time; and as many pinned ones.
#define ZVM_REF_MAX 1048575u

/// What a reference names.
typedef enum zvm_kind {
    ZVM_KIND_NULL = 0,
    ZVM_KIND_BOOL,
    ZVM_KIND_INT,
    ZVM_KIND_FLOAT,
    ZVM_KIND_STRING,
    ZVM_KIND_LIST,
    ZVM_KIND_MAP,
    ZVM_KIND_DATA,     // an instance of a data type
    ZVM_KIND_FUNCTION, // an action, a builtin, a method, a data type
    ZVM_KIND_ERROR,
    ZVM_KIND_TASK,
    ZVM_KIND_HOST,     // an object of the host
    ZVM_KIND_ISOLATE   // names an isolate; only programs can use it
} zvm_kind;

/// Opens a scope.
///
/// in:      isolate
/// out:     scope, to be closed with zvm_scope_close
/// errors:  those of making
/// thread:  see above
/// memory:  24 bytes of the heap limit; at rest also 1 KiB of the runtime's, until the outermost is closed
/// cost:    constant
/// source:  ours, after handle scopes
ZVM_API zvm_status zvm_scope_open(zvm_isolate *isolate, zvm_scope *scope);

/// Closes a scope, the innermost one, and the references in it.
///
/// in:      isolate; scope
/// out:     none
/// errors:  ZVM_E_STATE a scope inside of it is open, or it was opened before the function of the host
///          was called. It stays open.
/// thread:  see above
/// memory:  frees nothing of the program: a collection does
/// cost:    constant
/// source:  ours, after handle scopes
ZVM_API zvm_status zvm_scope_close(zvm_isolate *isolate, zvm_scope scope);

/// A reference that no scope closes, to the same value.
///
/// in:      isolate; ref
/// out:     pinned, to be given up with zvm_ref_unpin; goes with the isolate, and when that is reset
/// errors:  those of making
/// thread:  see above
/// memory:  24 bytes of the heap limit
/// cost:    constant
/// source:  ours, after persistent handles
ZVM_API zvm_status zvm_ref_pin(zvm_isolate *isolate, zvm_ref ref, zvm_ref *pinned);

/// Gives a pinned reference up. No scope need be open.
///
/// in:      isolate; pinned
/// out:     none
/// errors:  ZVM_E_STALE also for a reference that is not pinned
/// thread:  see above
/// memory:  its place is used again
/// cost:    constant
/// source:  ours, after persistent handles
ZVM_API zvm_status zvm_ref_unpin(zvm_isolate *isolate, zvm_ref pinned);

// ---- Making and reading ----

/// A reference to null, a boolean, an integer, a float, a string or an object of the host.
///
/// in:      isolate; value, copied
/// out:     ref
/// errors:  those of making; ZVM_E_TYPE kind OTHER; ZVM_E_UTF8; ZVM_E_STALE also for an object of the
///          host that is gone
/// thread:  see above
/// memory:  a text is copied into the isolate's heap
/// cost:    linear in the text
/// source:  ours
ZVM_API zvm_status zvm_ref_new(zvm_isolate *isolate, const zvm_value *value, zvm_ref *ref);

/// A new, empty list.
///
/// in:      isolate; capacity: elements that it has room for at once
/// out:     ref
/// errors:  those of making
/// thread:  see above
/// memory:  32 bytes, and 8 or 9 an element
/// cost:    linear in capacity
/// source:  ours
ZVM_API zvm_status zvm_ref_new_list(zvm_isolate *isolate, size_t capacity, zvm_ref *ref);

/// A new, empty map.
///
/// in:      isolate; capacity: entries that it has room for at once
/// out:     ref
/// errors:  those of making
/// thread:  see above
/// memory:  48 bytes, and about 28 an entry
/// cost:    linear in capacity
/// source:  ours
ZVM_API zvm_status zvm_ref_new_map(zvm_isolate *isolate, size_t capacity, zvm_ref *ref);

/// What a reference names.
///
/// in:      isolate; ref
/// out:     kind
/// errors:  see above
/// thread:  see above
/// memory:  none
/// cost:    constant
/// source:  ours
ZVM_API zvm_status zvm_ref_kind(zvm_isolate *isolate, zvm_ref ref, zvm_kind *kind);

/// The value itself, as far as it crosses by copy.
///
/// in:      isolate; ref
/// out:     value  kind OTHER for what has parts. A text is not NUL-terminated, and valid until the next
///          call for the isolate
/// errors:  see above
/// thread:  see above
/// memory:  none
/// cost:    constant
/// source:  ours
ZVM_API zvm_status zvm_ref_value(zvm_isolate *isolate, zvm_ref ref, zvm_value *value);

/// The text of any value, as string() of the language gives it.
///
/// in:      isolate; ref; write, context: gets it in one piece, and must not use the isolate
/// out:     none
/// errors:  those of making; ZVM_E_OUTPUT write refused
/// thread:  see above
/// memory:  a buffer of the thread
/// cost:    linear in the text
/// source:  ours
ZVM_API zvm_status zvm_ref_text(zvm_isolate *isolate, zvm_ref ref, zvm_write_fn write,
                                void *context);

/// Longest text of a number, with its NUL.
#define ZVM_NUMBER_TEXT_MAX 32

/// The text of an integer or float, as the language prints it: the shortest that reads back as the same.
///
/// in:      value, of kind INT or FLOAT
/// out:     text [ZVM_NUMBER_TEXT_MAX], NUL-terminated; length_bytes, without the NUL, may be NULL
/// errors:  ZVM_E_ARGUMENT; ZVM_E_TYPE another kind
/// thread:  any
/// memory:  none
/// cost:    constant
/// source:  ours
ZVM_API zvm_status zvm_number_text(const zvm_value *value, char *text, size_t *length_bytes);

// ---- Lists and maps ----

/// How many: elements of a list, entries of a map, fields of an instance.
///
/// in:      isolate; ref
/// out:     count
/// errors:  see above
/// thread:  see above
/// memory:  none
/// cost:    constant
/// source:  ours
ZVM_API zvm_status zvm_ref_count(zvm_isolate *isolate, zvm_ref ref, size_t *count);

/// An element of a list.
///
/// in:      isolate; list; index, from 0
/// out:     value  as of zvm_ref_value, may be NULL; item  a reference to it, may be NULL: none is made
/// errors:  ZVM_E_NOT_FOUND the list is not that long; those of making, with item
/// thread:  see above
/// memory:  none, or that of a reference
/// cost:    constant
/// source:  ours
ZVM_API zvm_status zvm_ref_item(zvm_isolate *isolate, zvm_ref list, size_t index, zvm_value *value,
                                zvm_ref *item);

/// Puts a value in the place of an element.
///
/// in:      isolate; list; index; item
/// out:     none
/// errors:  ZVM_E_NOT_FOUND the list is not that long; those of making
/// thread:  see above
/// memory:  a list of integers or floats alone that gets another kind grows by a byte an element
/// cost:    constant, or that of that
/// source:  ours
ZVM_API zvm_status zvm_ref_set_item(zvm_isolate *isolate, zvm_ref list, size_t index, zvm_ref item);

/// Adds a value at the end of a list.
///
/// in:      isolate; list; item
/// out:     none
/// errors:  those of making
/// thread:  see above
/// memory:  8 or 9 bytes an element, doubling
/// cost:    constant, amortised
/// source:  ours
ZVM_API zvm_status zvm_ref_append(zvm_isolate *isolate, zvm_ref list, zvm_ref item);

/// The same with a value of the host's, without a reference to it.
///
/// in:      isolate; list; value, as for zvm_ref_new
/// out:     none
/// errors:  those of zvm_ref_new. An object of the host for which the list has no room is finalized
/// thread:  see above
/// memory:  as zvm_ref_append; a text is copied
/// cost:    as zvm_ref_append, and linear in the text
/// source:  ours
ZVM_API zvm_status zvm_ref_append_value(zvm_isolate *isolate, zvm_ref list, const zvm_value *value);

/// The value of a key of a map.
///
/// in:      isolate; map; key, an integer or a string
/// out:     value  as of zvm_ref_value, may be NULL; entry  a reference to it, may be NULL: none is made
/// errors:  ZVM_E_NOT_FOUND there is no such key; those of making; ZVM_E_TYPE also for another key
/// thread:  see above
/// memory:  a copy of the key, until it is collected
/// cost:    linear in the key
/// source:  ours
ZVM_API zvm_status zvm_ref_entry(zvm_isolate *isolate, zvm_ref map, const zvm_value *key,
                                 zvm_value *value, zvm_ref *entry);

/// Sets the value of a key of a map; a new key comes last.
///
/// in:      isolate; map; key, an integer or a string, copied; entry
/// out:     none
/// errors:  those of making; ZVM_E_TYPE also for another key; ZVM_E_UTF8
/// thread:  see above
/// memory:  about 28 bytes an entry, doubling, and the key's own text: it is in no table of shared strings
/// cost:    linear in the key, amortised
/// source:  ours
ZVM_API zvm_status zvm_ref_set_entry(zvm_isolate *isolate, zvm_ref map, const zvm_value *key,
                                     zvm_ref entry);

/// The same with a value of the host's, without a reference to it.
///
/// in:      isolate; map; key; value, as for zvm_ref_new
/// out:     none
/// errors:  those of zvm_ref_new; ZVM_E_TYPE also for another key. An object of the host for which the map
///          has no room is finalized
/// thread:  see above
/// memory:  as zvm_ref_set_entry; a text is copied
/// cost:    as zvm_ref_set_entry, and linear in the text
/// source:  ours
ZVM_API zvm_status zvm_ref_set_entry_value(zvm_isolate *isolate, zvm_ref map, const zvm_value *key,
                                           const zvm_value *value);

/// The next entry of a map, in the order in which the keys were added.
///
/// in:      isolate; map; position, 0 before the first
/// out:     position, for the next call; key  as of zvm_ref_value; value and entry  as of zvm_ref_entry
/// errors:  ZVM_E_NOT_FOUND there is none left; ZVM_E_STALE also when a key was added or removed since
///          the first call; those of making, with entry
/// thread:  see above
/// memory:  none, or that of a reference
/// cost:    constant, amortised over the map
/// source:  ours
ZVM_API zvm_status zvm_ref_next_entry(zvm_isolate *isolate, zvm_ref map, uint64_t *position,
                                      zvm_value *key, zvm_value *value, zvm_ref *entry);

// ---- Whole values ----
//
// A value with all that is in it as a row of parts: what a host reads from a text or writes to one, in one call.
// While the host's function runs, the isolate is busy: every other call on it is refused with ZVM_E_BUSY.

/// What a part is. A list or map is told by its beginning, its parts and its END.
typedef enum zvm_part_kind {
    ZVM_PART_VALUE = 0, // a value without parts
    ZVM_PART_LIST,      // a list begins: its elements follow
    ZVM_PART_MAP,       // a map begins: its entries follow, each with its key
    ZVM_PART_DATA,      // an instance of a data type begins: its fields follow as entries. Only told, never taken
    ZVM_PART_END        // the innermost of those ends
} zvm_part_kind;

/// One part. It is zvm's, between the calls too, and lasts as long as the call of zvm.h that it is for.
typedef struct zvm_part {
    zvm_part_kind kind;
    size_t count;    // of parts of a LIST, MAP or DATA; for zvm_ref_build a guess that saves moving, 0: none
    zvm_value key;   // STRING or INT; of VALUE, LIST, MAP and DATA in a MAP or DATA
    zvm_value value; // of VALUE; a text is valid until the next part
} zvm_part;

/// Gives the next part: sets what its kind has, texts that are valid until the next call. false: there is none.
typedef bool (*zvm_next_part_fn)(void *context, zvm_part *part);

/// Takes the next part. false: it wants no more.
typedef bool (*zvm_tell_part_fn)(void *context, const zvm_part *part);

/// Makes a value from its parts. A key that stands among the constants of the program is found by their address
/// from then on; another is a string of the isolate's heap. Of entries of a map with the same key the last
/// one counts, in the place of the first.
///
/// in:      isolate; next, called until the value is whole, with context
/// out:     ref
/// errors:  those of zvm_ref_new; ZVM_E_TYPE also for a key of another kind; ZVM_E_ARGUMENT also for an END too many,
///          a DATA, an unknown kind; ZVM_E_OUTPUT next gave none. What was made goes with the next collection
/// thread:  see above
/// memory:  that of the value; 32 bytes a level outside of the heap when more than 16 are open
/// cost:    linear in the parts and their texts
/// source:  ours
ZVM_API zvm_status zvm_ref_build(zvm_isolate *isolate, zvm_next_part_fn next, void *context,
                                 zvm_ref *ref);

/// Tells a value as its parts, in the order of the elements, of the entries and of the declared fields. What has
/// no parts that the host could see (a function, say) is a VALUE of kind OTHER.
///
/// in:      isolate; ref; depth_max: levels of lists, maps and instances, so that a value that holds itself ends; tell,
///          with context
/// out:     none
/// errors:  ZVM_E_LIMIT it is nested deeper; ZVM_E_OUTPUT tell wants no more; ZVM_E_NOMEM
/// thread:  see above
/// memory:  32 bytes a level when more than 16 are open
/// cost:    linear in the parts
/// source:  ours
ZVM_API zvm_status zvm_ref_walk(zvm_isolate *isolate, zvm_ref ref, uint32_t depth_max,
                                zvm_tell_part_fn tell, void *context);

// ---- Instances, globals, calls ----

/// The name of the data type of an instance.
///
/// in:      isolate; ref, of kind DATA
/// out:     name, NUL-terminated, valid as long as the instance
/// errors:  see above
/// thread:  see above
/// memory:  none
/// cost:    constant
/// source:  ours
ZVM_API zvm_status zvm_ref_type_name(zvm_isolate *isolate, zvm_ref ref, const char **name);

/// A field of an instance, in the order of the declaration, inherited ones first.
///
/// in:      isolate; ref, of kind DATA; index, from 0
/// out:     name  NUL-terminated, valid as long as the instance, may be NULL; value and field  as of
///          zvm_ref_item
/// errors:  ZVM_E_NOT_FOUND it has not so many; those of making, with field
/// thread:  see above
/// memory:  none, or that of a reference
/// cost:    constant
/// source:  ours
ZVM_API zvm_status zvm_ref_field(zvm_isolate *isolate, zvm_ref ref, size_t index, const char **name,
                                 zvm_value *value, zvm_ref *field);

/// A reference to what a global holds.
///
/// in:      isolate; name [NUL-terminated]
/// out:     ref
/// errors:  ZVM_E_NOT_FOUND no such global, or it has no value yet; those of making
/// thread:  see above
/// memory:  that of a reference
/// cost:    linear in the number of globals
/// source:  ours
ZVM_API zvm_status zvm_ref_global(zvm_isolate *isolate, const char *name, zvm_ref *ref);

/// Sets a global that the program uses.
///
/// in:      isolate; name [NUL-terminated]; ref
/// out:     none
/// errors:  ZVM_E_NOT_FOUND the program has no such global
/// thread:  see above
/// memory:  none
/// cost:    linear in the number of globals
/// source:  ours
ZVM_API zvm_status zvm_ref_set_global(zvm_isolate *isolate, const char *name, zvm_ref ref);

/// A reference to an argument of a call of a function of the host, in the innermost scope, which the
/// function has opened with zvm_scope_open(zvm_call_isolate(call), …).
///
/// in:      call, of a function that does not block; index, from 0
/// out:     ref
/// errors:  ZVM_E_NOT_FOUND there are not so many; ZVM_E_STATE also for a function that blocks; those of
///          making
/// thread:  the one that the function is called on
/// memory:  that of a reference
/// cost:    constant
/// source:  ours
ZVM_API zvm_status zvm_call_argument(zvm_call *call, size_t index, zvm_ref *ref);

/// Gives a call what a reference names as its result. The function then returns what this returns.
///
/// in:      call; ref
/// out:     none
/// errors:  ZVM_CALL_FAILED: the reference names nothing of the isolate; the program gets a TypeError
/// thread:  the one that the function is called on
/// memory:  none
/// cost:    constant
/// source:  ours
ZVM_API zvm_call_outcome zvm_call_return_ref(zvm_call *call, zvm_ref ref);

// ---- Messages -------------------------------------------------------------------------------

/// What programs have as a value of type isolate: messages wait in it until its owner receives them. It is counted:
/// each zvm_mailbox that a function below gives is the caller's until zvm_mailbox_release, also when its isolate
/// is over. All of them are released before the runtime is destroyed.
///
/// A host sends to isolates that it or a program has made, and has mailboxes of its own to which programs send: as a
/// reference (zvm_ref_new_isolate) they are passed to a program like any value. What is sent is copied.

/// What a mailbox of the host's is made with. Zero in a field means its default.
typedef struct zvm_mailbox_options {
    size_t size;                // of this struct, in bytes
    uint32_t limit_count;       // messages that may wait; 0 = ZVM_MAILBOX_COUNT_DEFAULT
    uint64_t limit_bytes;       // their bytes, and those of one at most; 0 = ZVM_MAILBOX_BYTES_DEFAULT
    zvm_message_fn on_message;  // may be NULL: the host looks by itself
    void *user;                 // for it
} zvm_mailbox_options;

#define ZVM_MAILBOX_OPTIONS_INIT {sizeof(zvm_mailbox_options), 0, 0, NULL, NULL}

/// A mailbox of the host's.
///
/// in:      runtime; options, NULL: all defaults
/// out:     mailbox, to be closed and released
/// errors:  ZVM_E_ARGUMENT; ZVM_E_FORKED; ZVM_E_NOMEM
/// thread:  any
/// memory:  about 300 bytes, and the messages
/// cost:    constant
/// source:  ours
ZVM_API zvm_status zvm_mailbox_create(zvm_runtime *runtime, const zvm_mailbox_options *options,
                                      zvm_mailbox **mailbox);

/// Nothing more comes into a mailbox of the host's: what has not been received is dropped, and who waits for room or for
/// its end goes on. Calling it again is ZVM_OK.
///
/// in:      mailbox
/// out:     none
/// errors:  ZVM_E_ARGUMENT NULL; ZVM_E_STATE it is an isolate's
/// thread:  one at a time a mailbox
/// memory:  none
/// cost:    linear in what it drops and wakes
/// source:  ours
ZVM_API zvm_status zvm_mailbox_close(zvm_mailbox *mailbox);

/// Gives back what one of the functions here gave.
///
/// in:      mailbox, may be NULL; not used again by the caller
/// out:     none
/// errors:  none
/// thread:  any
/// memory:  the last one frees it
/// cost:    an atomic operation
/// source:  ours
ZVM_API void zvm_mailbox_release(zvm_mailbox *mailbox);

/// The mailbox of an isolate, made when it is asked for the first time.
///
/// in:      isolate, at rest, or in a function of the host that it calls
/// out:     mailbox, to be released
/// errors:  ZVM_E_ARGUMENT; ZVM_E_BUSY; ZVM_E_FORKED; ZVM_E_HEAP_LIMIT; ZVM_E_NOMEM; ZVM_E_THREAD
/// thread:  one at a time an isolate
/// memory:  about 300 bytes, charged to the isolate
/// cost:    constant
/// source:  ours
ZVM_API zvm_status zvm_isolate_mailbox(zvm_isolate *isolate, zvm_mailbox **mailbox);

/// Sends a value without parts. Who has more to say than a mailbox holds tries again later: a host does not wait.
///
/// in:      mailbox; value, copied; NULL: null
/// out:     none
/// errors:  ZVM_E_MAILBOX it is full, others wait for room before this one, or the message is larger than it may be;
///          ZVM_E_STALE its isolate is over, or it is closed; ZVM_E_TYPE a kind that cannot be sent; ZVM_E_UTF8;
///          ZVM_E_HEAP_LIMIT the group of its isolate has no memory left; ZVM_E_ARGUMENT; ZVM_E_NOMEM
/// thread:  any; never blocks
/// memory:  the copy, until it is received; of a text over 1,024 bytes, until no isolate has it any more
/// cost:    an allocation, a lock of its own, and what waking a worker costs when all sleep
/// source:  ours
ZVM_API zvm_status zvm_mailbox_send(zvm_mailbox *mailbox, const zvm_value *value);

/// The same for any value that programs can send each other.
///
/// in:      mailbox; isolate, with a scope open; ref, of it
/// out:     none
/// errors:  those of zvm_mailbox_send; ZVM_E_TYPE something in it cannot be sent; ZVM_E_FOREIGN; and as all functions
///          under "Values by reference"
/// thread:  one at a time an isolate
/// memory:  the copy, until it is received; texts over 1,024 bytes are shared, and charged to each who has them
/// cost:    linear in the value
/// source:  ours
ZVM_API zvm_status zvm_mailbox_send_ref(zvm_mailbox *mailbox, zvm_isolate *isolate, zvm_ref ref);

/// The first message of a mailbox of the host's, as a value of an isolate. One that does not fit its heap is lost.
///
/// in:      mailbox; isolate, with a scope open, which need not have to do with who sent it
/// out:     ref
/// errors:  ZVM_E_NOT_FOUND there is none; ZVM_E_STATE the mailbox is an isolate's; ZVM_E_TYPE it has an instance of a
///          data type of another program; ZVM_E_FOREIGN; and as all functions under "Values by reference"
/// thread:  one at a time a mailbox, and an isolate
/// memory:  that of the value
/// cost:    linear in the value
/// source:  ours
ZVM_API zvm_status zvm_mailbox_receive(zvm_mailbox *mailbox, zvm_isolate *isolate, zvm_ref *ref);

/// The value that programs have of a mailbox.
///
/// in:      isolate, with a scope open; mailbox, of the same runtime
/// out:     ref
/// errors:  ZVM_E_FOREIGN; and as all functions under "Values by reference"
/// thread:  one at a time an isolate
/// memory:  some 300 bytes are charged while the program reaches it
/// cost:    constant
/// source:  ours
ZVM_API zvm_status zvm_ref_new_isolate(zvm_isolate *isolate, zvm_mailbox *mailbox, zvm_ref *ref);

/// The mailbox that a value of type isolate names.
///
/// in:      isolate, with a scope open; ref
/// out:     mailbox, to be released
/// errors:  ZVM_E_TYPE it is no isolate; and as all functions under "Values by reference"
/// thread:  one at a time an isolate
/// memory:  none
/// cost:    constant
/// source:  ours
ZVM_API zvm_status zvm_ref_mailbox(zvm_isolate *isolate, zvm_ref ref, zvm_mailbox **mailbox);

// ---- Calling functions of a program -----------------------------------------------------------

/// Most arguments of a call.
#define ZVM_CALL_ARGUMENTS_MAX 16

/// Prepares a call of a function of a finished isolate, with the globals and the heap that it has. It is idle
/// then: run or submit it, as any other; slices, limits, suspension and cancelling are as ever, an error that
/// nobody catches is in zvm_result, and what the function returns is given by zvm_ref_result. The task
/// that an async function returns is awaited. How the isolate ended before does not matter, and it
/// can be called again and again.
///
/// Each call has the isolate's limits of fuel, CPU time, wall clock and output anew; zvm_result's fuel_used is
/// of the call alone, its figures of heap, output and slices go on counting. Sums of a group go on.
///
/// in:      isolate  finished, as for zvm_isolate_load; name [NUL-terminated], of a global; arguments [count],
///          references, may be NULL for none; count, at most ZVM_CALL_ARGUMENTS_MAX
/// out:     none
/// errors:  ZVM_E_STATE it has not run yet, or a call is prepared; ZVM_E_BUSY queued, running, or cancelled a
///          moment ago; ZVM_E_NOT_FOUND no such global, or without a value; ZVM_E_TYPE it is no function;
///          ZVM_E_LIMIT too many arguments; ZVM_E_STALE an argument; ZVM_E_HEAP_LIMIT; ZVM_E_NOMEM;
///          ZVM_E_ARGUMENT. Nothing has changed then. A wrong number of arguments is an error of the program.
/// thread:  one at a time an isolate
/// memory:  a place for references (see there), once
/// cost:    constant, and linear in the number of globals
/// source:  ours
ZVM_API zvm_status zvm_isolate_call(zvm_isolate *isolate, const char *name,
                                    const zvm_ref *arguments, size_t count);

/// The same for a function that a reference names: an action, a builtin, a method, a data type.
///
/// in:      isolate; function; arguments [count]; count
/// out:     none
/// errors:  those of zvm_isolate_call; ZVM_E_STALE also the function
/// thread:  one at a time an isolate
/// memory:  as zvm_isolate_call
/// cost:    constant
/// source:  ours
ZVM_API zvm_status zvm_isolate_call_ref(zvm_isolate *isolate, zvm_ref function,
                                        const zvm_ref *arguments, size_t count);

/// What the last run returned, which was a call.
///
/// in:      isolate, with a scope open
/// out:     ref
/// errors:  ZVM_E_NOT_FOUND the last run was no call, has not ended, or has failed; and as all
///          functions under "Values by reference"
/// thread:  see there
/// memory:  that of a reference; the value is kept until the next call, zvm_isolate_load or reset
/// cost:    constant
/// source:  ours
ZVM_API zvm_status zvm_ref_result(zvm_isolate *isolate, zvm_ref *ref);

// ---- Profiles ---------------------------------------------------------------------------------
//
// What an isolate's memory is made of, who made it and who keeps it. Off by default, and then
// nothing is counted or remembered. When the system refuses memory for a profile, the profile ends
// and the program goes on. All functions here want an isolate that is idle or finished, or in a
// moment of its host (zvm_moment_fn); they change nothing that the program can see.

/// One kind of old objects that one variable keeps.
typedef struct zvm_leak {
    const char *kind;     // "list", "map", "string", "data", ...
    const char *name;     // of the data type or function; "" for other kinds
    const char *site;     // "FUNCTION (FILE:LINE)" that made them; "" when not sampled
    const char *variable; // "global NAME", "register N of FUNCTION (FILE:LINE)"
    const char *path;     // from the variable to the oldest of them
    uint64_t count, bytes;
    uint64_t age_ns, age_collections; // of the oldest; age_ns 0 when ages are not tracked
} zvm_leak;

/// Returns false to stop. The texts are valid during the call, which must not use the isolate.
typedef bool (*zvm_leak_fn)(void *context, const zvm_leak *leak);

/// How old an object must be to be told of: both, where both are set.
typedef struct zvm_leak_filter {
    uint64_t min_age_ns;
    uint64_t min_age_collections; // counted up to 65535
} zvm_leak_filter;

/// Finds the objects that are at least so old, no variable holds directly, and some variable leads
/// to, in groups; the group with the most bytes comes first.
///
/// in:      isolate; filter, both ages must be reached; found, context
/// out:     none
/// errors:  ZVM_E_STATE min_age_ns, and the isolate was made with no profile; ZVM_E_BUSY;
///          ZVM_E_NOMEM; ZVM_E_LIMIT 2^31 objects; ZVM_E_ARGUMENT
/// thread:  one at a time an isolate
/// memory:  20 bytes an object and 64 a group, during the call
/// cost:    linear in live objects and their pointers; never collects
/// source:  Zexus "Phase 7: Memory Management", detect_leaks, STORE_NAME
ZVM_API zvm_status zvm_isolate_find_leaks(zvm_isolate *isolate, const zvm_leak_filter *filter,
                                          zvm_leak_fn found, void *context);

/// Writes all live objects as a V8 heap snapshot (JSON; a file of it is named *.heapsnapshot), which
/// the memory panel of Chrome shows. Self sizes add up to heap_live_bytes.
///
/// in:      isolate; write, context
/// out:     none
/// errors:  ZVM_E_OUTPUT write refused; ZVM_E_BUSY; ZVM_E_NOMEM; ZVM_E_LIMIT 2^31 objects;
///          ZVM_E_ARGUMENT. What was written before is no whole snapshot.
/// thread:  one at a time an isolate
/// memory:  20 bytes an object, each different text once, during the call
/// cost:    a collection, and linear in live objects and their pointers
/// source:  ours
ZVM_API zvm_status zvm_isolate_heap_snapshot(zvm_isolate *isolate, zvm_write_fn write,
                                             void *context);

/// Writes the sampled allocations as folded stacks, a line a stack: "all;<main>;f;g FILE:LINE BYTES"
/// for what was ever allocated, and the same beginning with "live" for what lives now. LINE is that
/// of the allocation in the last function. Outside of 16 calls nothing is shown. BYTES are what the
/// samples stand for: sums of sample_bytes.
///
/// in:      isolate; write, context
/// out:     none
/// errors:  ZVM_E_STATE made without sample_bytes, or there was no memory for it; ZVM_E_OUTPUT
///          write refused; ZVM_E_BUSY; ZVM_E_ARGUMENT; ZVM_E_NOMEM, ZVM_E_LIMIT the profile ended
///          early: what was noted by then is written
/// thread:  one at a time an isolate
/// memory:  a temporary buffer
/// cost:    a collection, and linear in sites and samples
/// source:  ours
ZVM_API zvm_status zvm_isolate_alloc_profile(zvm_isolate *isolate, zvm_write_fn write,
                                             void *context);

/// Writes what the isolates of a runtime used their fuel for, as folded stacks, a line a stack, the
/// largest first: "<main>;f;g FUEL". Each sample stands for the fuel that its thread's isolates used since
/// the one before, so the sum is the fuel_used of the report but for what came after each thread's last
/// sample. Builtins that call back are frames; the work of others is their caller's. Of more than 64 nested
/// calls the outermost and the innermost are shown, with "(calls_left_out)" between; a function without a
/// name is "anonymous@FILE:LINE". What found no place is in the line "(other_stacks) FUEL".
///
/// in:      runtime; write, context
/// out:     none
/// errors:  ZVM_E_STATE made without profile_fuel; ZVM_E_OUTPUT write refused; ZVM_E_ARGUMENT; ZVM_E_NOMEM
/// thread:  any, at any time; a worker that takes a sample may wait for as long as its table is copied
/// memory:  a copy of the stacks, during the call. Each worker keeps 16,384 stacks, 262,144 frames and the
///          code objects that they name (1,024), at most, until the runtime is destroyed
/// cost:    linear in stacks
/// source:  ours
ZVM_API zvm_status zvm_runtime_cpu_profile(zvm_runtime *runtime, zvm_write_fn write, void *context);

/// Writes what the workers did when, as JSON in the form of Chrome's trace events, which chrome://tracing
/// and https://ui.perfetto.dev show: a row a worker, with slices ("isolate ID"; args: isolate, fuel), the
/// collections in them ("collect (full)", "(slice)" of one in slices, "(minor)"; args: isolate, kind,
/// freed_bytes) and parks, when the worker had nothing to do. Times are microseconds since the runtime was
/// made, to the nanosecond. Each worker keeps its newest trace_events; otherData.dropped_events says how
/// many are missing. What threads of the host run is not in it.
///
/// in:      runtime; write, context
/// out:     none
/// errors:  ZVM_E_STATE made without trace_events, or without workers; ZVM_E_OUTPUT write refused: what was
///          written before is no JSON; ZVM_E_ARGUMENT; ZVM_E_NOMEM
/// thread:  any, at any time; stops nobody. Events that are overwritten meanwhile count as dropped
/// memory:  a temporary buffer. Each worker keeps 40 bytes an event from the beginning
/// cost:    linear in events
/// source:  ours
ZVM_API zvm_status zvm_runtime_trace(zvm_runtime *runtime, zvm_write_fn write, void *context);

/// One allocation that was remembered.
typedef struct zvm_history_entry {
    uint64_t time_ns;      // monotonic clock, to some milliseconds
    uint64_t object;       // which one: its address, used again when it is gone
    uint64_t bytes;
    uint64_t collections;  // before it: its birth epoch
    const char *kind;      // as in zvm_leak
    bool is_payload;       // what a list, map or text grew by, outside its cell
    const char *function;  // that allocated; "" before the program's first call
    const char *file;      // of it, NUL-terminated
    uint32_t line, column; // 0 when unknown
} zvm_history_entry;

/// Returns false to stop.
typedef bool (*zvm_history_fn)(void *context, const zvm_history_entry *entry);

/// Gives the remembered allocations, oldest first.
///
/// in:      isolate; entry, context; entry must not use the isolate
/// out:     none
/// errors:  ZVM_E_STATE made without history_entries, or there was no memory for it; ZVM_E_BUSY;
///          ZVM_E_ARGUMENT
/// thread:  one at a time an isolate
/// memory:  none
/// cost:    linear in the entries
/// source:  Zexus "Phase 7: Memory Management", allocation history
ZVM_API zvm_status zvm_isolate_history(zvm_isolate *isolate, zvm_history_fn entry, void *context);

#define ZVM_AGE_BUCKETS 17

/// Objects by how many collections they have survived: none, 1, 2 to 3, 4 to 7, ... 32768 and more.
typedef struct zvm_ages {
    size_t size; // set by the caller: of this struct, in bytes
    uint64_t count[ZVM_AGE_BUCKETS], bytes[ZVM_AGE_BUCKETS];
    uint64_t oldest_collections, oldest_ns; // oldest_ns: 0 when ages are not tracked
} zvm_ages;

#define ZVM_AGES_INIT {.size = sizeof(zvm_ages)}

/// How many objects have survived how many collections. Dead ones that no collection has found yet
/// are among them.
///
/// in:      isolate; ages->size set
/// out:     ages
/// errors:  ZVM_E_BUSY; ZVM_E_NOMEM; ZVM_E_LIMIT 2^31 objects; ZVM_E_ARGUMENT
/// thread:  one at a time an isolate
/// memory:  16 bytes an object, during the call
/// cost:    linear in objects
/// source:  Zexus "Phase 7: Memory Management", generation tracking
ZVM_API zvm_status zvm_isolate_ages(zvm_isolate *isolate, zvm_ages *ages);

// ---- Groups -----------------------------------------------------------------------------------

/// Longest name of a group, in bytes.
#define ZVM_GROUP_NAME_BYTES_MAX 63

/// What the isolates of a group may have together, on top of what each may have. Zero in a field means
/// no limit, or its default.
typedef struct zvm_group_options {
    size_t size;                 // of this struct, in bytes
    uint64_t isolate_limit;      // that exist at a time; one more: zvm_isolate_create refuses
    // Of their heaps, each counted with at least its block, 2 KiB, of messages that wait for them, and of
    // arguments and results of what they spawn.
    uint64_t heap_limit_bytes;
    uint64_t fuel_limit;         // of all isolates ever in it
    uint64_t cpu_limit_ns;       // the same
    uint64_t output_limit_bytes; // the same
    uint64_t intern_limit_count; // symbols that they hold, each isolate's counted by itself
    uint64_t intern_limit_bytes; // the bytes of those
    uint32_t weight; // percent of the turns of one isolate without a group; 0: 100; at most 1000
    const char *name; // for reports, copied: UTF-8 without control characters, '"' and '\\'; NULL: none
} zvm_group_options;

#define ZVM_GROUP_OPTIONS_INIT                            \
    {                                                     \
        sizeof(zvm_group_options), 0, 0, 0, 0, 0, 0, 0, 0, NULL \
    }

/// What a group has and had. Read without stopping anybody: each field is of its own moment.
typedef struct zvm_group_figures {
    size_t size;                  // set by the caller: of this struct, in bytes
    uint64_t isolates;            // that exist
    uint64_t isolates_created;    // ever
    uint64_t ended_by_limit;      // isolates that its fuel, CPU time or output limit ended
    uint64_t heap_granted_bytes;  // to the heaps that exist: what they have, and room to grow
    uint64_t fuel_taken;          // used, and taken for the slices that run now
    uint64_t cpu_ns;              // of the slices that are over; counted only under a cpu_limit_ns
    uint64_t output_bytes;
    uint64_t symbols, symbol_bytes; // that its isolates hold
    uint64_t waiting; // isolates that are queued, and for whom others of the group go first
    uint32_t weight; // in percent
    uint32_t is_cancelled;
    uint64_t number; // in the order of creation, from 1
    char name[ZVM_GROUP_NAME_BYTES_MAX + 1]; // NUL-terminated
} zvm_group_figures;

#define ZVM_GROUP_FIGURES_INIT {.size = sizeof(zvm_group_figures)}

/// Makes a group of isolates: a tenant, whose isolates have their limits together.
///
/// When fuel, CPU time or output is used up, the isolate that asks for more than is left ends with
/// ZVM_E_GROUP_LIMIT; without memory or symbols it gets an error that it can catch, as for its own
/// limit. The others go on with what they have taken: a slice's fuel, their heap. No sum ever passes its
/// limit, but that of CPU time: once it has come to the limit no isolate of the group begins another
/// slice, and those that run go on to the end of a slice, or for 64 KiB that a builtin touches, and one
/// collection.
///
/// On the workers a group takes turns as one isolate without a group does, times its weight in percent:
/// of each priority, and however many isolates it has. They share these turns among each other.
///
/// in:      runtime; options may be NULL: no limits, which still counts
/// out:     out  the group, to be destroyed with zvm_group_destroy, else with the runtime
/// errors:  ZVM_E_ARGUMENT (also a heap limit under ZVM_HEAP_LIMIT_MIN_BYTES, a weight over 1000, or a name that
///          is too long or has what a name may not have); ZVM_E_NOMEM
/// thread:  any; blocks for the short lock of the list of groups, which reports take, too
/// memory:  under 640 bytes
/// cost:    constant
/// source:  ours
ZVM_API zvm_status zvm_group_create(zvm_runtime *runtime, const zvm_group_options *options,
                                    zvm_group **out);

/// Frees a group that no isolate is in.
///
/// in:      group  may be NULL
/// out:     none
/// errors:  ZVM_E_BUSY an isolate of it exists: nothing changes
/// thread:  any, but nobody may use the group during or after the call
/// memory:  frees the group
/// cost:    constant
/// source:  ours
ZVM_API zvm_status zvm_group_destroy(zvm_group *group);

/// Ends every isolate of a group as zvm_isolate_cancel does, and lets none in from now on. Those that
/// were never submitted end when they are run.
///
/// in:      group
/// out:     none
/// errors:  none; again is harmless
/// thread:  any; blocks for the short lock of the list of isolates
/// memory:  none
/// cost:    linear in the isolates of the group
/// source:  ours
ZVM_API void zvm_group_cancel(zvm_group *group);

/// What a group has and had.
///
/// in:      group; figures->size set
/// out:     figures
/// errors:  ZVM_E_ARGUMENT
/// thread:  any, at any time; never blocks
/// memory:  none
/// cost:    constant
/// source:  ours
ZVM_API zvm_status zvm_group_report(const zvm_group *group, zvm_group_figures *figures);

// ---- Reports ----------------------------------------------------------------------------------

typedef enum zvm_report_format {
    ZVM_REPORT_TEXT = 0,
    ZVM_REPORT_JSON,
    ZVM_REPORT_PROMETHEUS
} zvm_report_format;

/// Sums over one worker, or over all. Durations are in nanoseconds, sizes in bytes, fuel_used in fuel; all other
/// numbers count things: failed_… the isolates that ended so, see zvm_status.
typedef struct zvm_report_counters {
    uint64_t isolates_created, isolates_destroyed;
    uint64_t isolates_finished; // all that ended: succeeded + failed
    uint64_t isolates_succeeded;
    uint64_t failed_error, failed_heap_limit, failed_fuel, failed_timeout, failed_cancelled,
        failed_output, failed_cpu_time, failed_output_limit,
        failed_group_limit, failed_other;
    uint64_t slices, fuel_used;
    uint64_t heap_current_bytes, heap_peak_bytes; // peak: the largest sum seen at a slice's end
    uint64_t allocated_bytes, allocated_count, freed_bytes, freed_count;
    uint64_t collections, pause_ns_total, pause_ns_p50, pause_ns_p99, pause_ns_max;
    uint64_t output_bytes;
    uint64_t cpu_ns; // CPU time of the worker thread
    uint64_t slice_ns_total, slice_ns_p50, slice_ns_p99, slice_ns_max; // how long slices took
    uint64_t steals, stolen; // times that a worker took over another one's work; isolates so taken
    uint64_t parks, wakeups; // times that a worker went to sleep; was woken for work
    uint64_t pressure_collections; // of the collections, those because of zvm_runtime_pressure
    uint64_t waits; // times that an isolate was suspended, to wait for an answer
    // The collections by kind: at once, in slices, and of new objects only. Of those at once, those
    // that came after all that can be spared was given up, because a limit was reached.
    uint64_t full_collections, incremental_collections, minor_collections, emergency_collections;
    uint64_t gc_slices; // of the incremental ones
    uint64_t gc_words;  // slots, objects and pages that the collectors looked at
    uint64_t isolates_reset; // times that one was begun anew
    // Between isolates: sent = received + dropped + those that wait in mailboxes. Dropped: to one that was over,
    // unread at its end, or not received for want of memory.
    uint64_t messages_sent, messages_received, messages_dropped;
} zvm_report_counters;

#define ZVM_REPORT_BUCKETS 43

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
    uint64_t queued_overflow; // of those, beyond the workers' rings
    uint64_t queued_inbox;    // of those, sent to a worker that has not looked yet
    uint64_t queued_high;     // of those, with ZVM_PRIORITY_HIGH
    uint64_t late_answers; // of zvm_complete, that no isolate waited for any more
    // The figures of workers that are awake are at most so old: they are added up after every slice.
    uint64_t figures_age_ns;
    // How long pauses and slices took: [0] took 0 ns, [i] took from 2^(i-1) to 2^i - 1, and whatever
    // took longer is in the last one.
    uint64_t pauses[ZVM_REPORT_BUCKETS], slices[ZVM_REPORT_BUCKETS];
} zvm_report;

/// The table of shared strings of a runtime at one moment. The sums over threads are not read at one
/// instant: while programs run, two figures may differ by what happened in between.
typedef struct zvm_intern_figures {
    size_t size;                       // set by the caller: of this struct, in bytes
    uint64_t count, bytes;             // strings in it; memory of these, and of the table itself
    uint64_t limit_count, limit_bytes; // of this runtime
    uint64_t dead;                     // of count: held by nobody, dropped when enough are
    uint64_t cells;                    // places
    uint32_t load_percent;             // of them taken
    // Places looked at beyond the first by a look-up that found its string: half of all such
    // look-ups so far needed at most p50 (exact below 4, else 4, 8, 16 or 32 and above), none
    // more than max.
    uint32_t probe_p50, probe_max;
    uint64_t hits, misses;       // look-ups that found their string; that did not
    uint64_t inserted;           // strings ever put in
    uint64_t reclaimed, pending; // of those, dropped; of these, not freed yet
    uint64_t migrations;         // times that the table moved, to grow, to shrink or to drop the dead
} zvm_intern_figures;

#define ZVM_INTERN_FIGURES_INIT {.size = sizeof(zvm_intern_figures)}

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

/// Takes the figures of the runtime's table of shared strings, without stopping anybody.
///
/// in:      runtime; figures->size set
/// out:     figures
/// errors:  ZVM_E_ARGUMENT
/// thread:  any, at any time; never blocks, and nobody waits for it
/// memory:  none, or once a few KiB for a thread that never used the runtime
/// cost:    linear in the threads that ever used the table, about 900 at most; not in its size
/// source:  Zexus integration, string interning
ZVM_API zvm_status zvm_intern_stats(zvm_runtime *runtime, zvm_intern_figures *figures);

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

/// What a written report has beside the sums.
typedef struct zvm_report_options {
    size_t size;        // set by the caller: of this struct, in bytes
    uint32_t top_count; // isolates listed by each zvm_top_order, in text and JSON; 0: none
} zvm_report_options;

#define ZVM_REPORT_OPTIONS_INIT {.size = sizeof(zvm_report_options)}
#define ZVM_TOP_MAX             10000

/// Writes a report as zvm_report_write does, with more in it.
///
/// in:      runtime; format; options->size set, NULL = as zvm_report_write; write, context
/// out:     none
/// errors:  ZVM_E_OUTPUT write refused; ZVM_E_NOMEM; ZVM_E_ARGUMENT, also a top_count over ZVM_TOP_MAX
/// thread:  any, at any time; never blocks, and nobody waits for it
/// memory:  a temporary buffer
/// cost:    linear in the workers, and with a top_count in the isolates
/// source:  design card, querying aggregated memory reports
ZVM_API zvm_status zvm_report_write_with(zvm_runtime *runtime, zvm_report_format format,
                                         const zvm_report_options *options, zvm_write_fn write,
                                         void *context);

/// What puts an isolate in front of others.
typedef enum zvm_top_order {
    ZVM_TOP_HEAP = 0, // most memory first
    ZVM_TOP_FUEL,     // most fuel used first
    ZVM_TOP_AGE       // oldest first
} zvm_top_order;

/// One isolate, as it was when it last stopped running: what fuel_used it had, in how many slices.
typedef struct zvm_top_isolate {
    int64_t id;              // of its options
    uint64_t age_ns;         // since it was made
    uint64_t figures_age_ns; // since the figures below were added up, at the end of a slice
    uint64_t heap_bytes;     // that count for its limit
    uint64_t live_bytes;     // of objects allocated and not freed
    uint64_t fuel_used;
    uint64_t slices;
} zvm_top_isolate;

/// Finds the isolates that come first in an order, among all that exist, without stopping anybody.
/// Each row is of one moment; between two rows time passes.
///
/// in:      runtime; order; *count: room in rows, at most ZVM_TOP_MAX
/// out:     rows [*count], the first one first; *count: how many there are
/// errors:  ZVM_E_ARGUMENT
/// thread:  any, at any time; takes no lock, so nobody waits for it
/// memory:  none
/// cost:    linear in the most isolates that ever existed at a time
/// source:  design card, querying aggregated memory reports
ZVM_API zvm_status zvm_report_top(zvm_runtime *runtime, zvm_top_order order, zvm_top_isolate *rows,
                                  uint32_t *count);

// ---- Memory manager ---------------------------------------------------------------------------
//
// The collected heap of an isolate used from C, without a program: objects of n fields or of raw
// bytes, named by handles. A handle keeps nothing alive: roots, open scopes and fields of living
// objects do. A manager belongs to one thread at a time, the one that made it or adopted it last;
// a call from another thread is ZVM_E_THREAD and changes nothing. Managers share nothing.

typedef struct zvm_mm zvm_mm;

/// Names an object of one manager. Compare it field by field. All zero: no object.
typedef struct zvm_handle {
    uint64_t manager;    // drawn at random for each manager
    uint32_t index;      // used again when the object is gone
    uint32_t generation; // and then one higher: an old handle is never another object
} zvm_handle;

typedef enum zvm_mm_kind {
    ZVM_MM_NULL = 0,
    ZVM_MM_INT,
    ZVM_MM_FLOAT,
    ZVM_MM_REFERENCE
} zvm_mm_kind;

/// What a field holds: by kind the integer, the number or the reference.
typedef struct zvm_mm_value {
    zvm_mm_kind kind;
    int64_t integer;
    double number;
    zvm_handle reference;
} zvm_mm_value;

/// What a manager is made with. Zero in a field means its default.
typedef struct zvm_mm_options {
    size_t size;                 // of this struct, in bytes
    size_t limit_bytes;          // objects and the manager's own tables; 0 = 100 MiB; least 16 KiB
    uint32_t gc_growth_percent;  // collect when live bytes reach this; 0 = 200, 300 while small
    uint64_t gc_threshold_count; // collect at every N-th allocation; 0 = off
    uint32_t history_entries;    // allocations and deallocations remembered; 0 = none
    uint32_t gc_mode;            // zvm_gc_mode
} zvm_mm_options;

#define ZVM_MM_OPTIONS_INIT {sizeof(zvm_mm_options), 0, 0, 0, 0, 0}

/// Figures of a heap, exact at the moment of the call. Sizes in bytes, cells and payloads together; all other numbers
/// count things.
typedef struct zvm_heap_stats {
    size_t size; // set by the caller: of this struct, in bytes
    uint64_t limit_bytes, committed_bytes, committed_peak_bytes;
    uint64_t current_bytes, peak_bytes, live_objects;
    uint64_t allocated_bytes, allocated_count;
    uint64_t freed_bytes, freed_count; // collected and deallocated
    uint64_t deallocated_count;        // of those, by zvm_mm_deallocate
    uint64_t tombstones;               // deallocated, and their cells not yet free again
    uint64_t roots, handles;           // handles: places in the table, used or not
    uint64_t finalized_count;
    uint64_t collections, pause_ns_total, pause_ns_max;
    double live_percent;  // current of committed
    double freed_percent; // freed of allocated, by count
} zvm_heap_stats;

#define ZVM_HEAP_STATS_INIT {.size = sizeof(zvm_heap_stats)}

/// Makes a manager, owned by the calling thread.
///
/// in:      options  may be NULL
/// out:     out      to be destroyed with zvm_mm_destroy
/// errors:  ZVM_E_ARGUMENT (also a limit under ZVM_HEAP_LIMIT_MIN_BYTES); ZVM_E_NOMEM
/// thread:  any
/// memory:  address space for 1 MiB, of which little is touched; the history ring
/// cost:    some microseconds
/// source:  Zexus "Phase 7: Memory Management", create_memory_manager
ZVM_API zvm_status zvm_mm_create(const zvm_mm_options *options, zvm_mm **out);

/// Frees a manager and all objects. Finalizers that have not run are called first.
///
/// in:      mm  may be NULL
/// out:     none
/// errors:  ZVM_E_THREAD; ZVM_E_BUSY called by a finalizer
/// thread:  owner
/// memory:  frees everything; of its memory, as of a runtime's, the process keeps up to 4 MiB for the next
///          one, until zvm_runtime_pressure says that memory is short
/// cost:    spans, never single objects; one call a finalizer
/// source:  Zexus "Phase 7: Memory Management"
ZVM_API zvm_status zvm_mm_destroy(zvm_mm *mm);

/// The calling thread becomes the owner. The owner before must have stopped, and the two must have
/// synchronised (a join, a lock, a queue).
///
/// in:      mm
/// out:     none
/// errors:  ZVM_E_ARGUMENT
/// thread:  any
/// memory:  none
/// cost:    constant
/// source:  ours
ZVM_API zvm_status zvm_mm_adopt(zvm_mm *mm);

/// A new object of `field_count` fields, all null. Nothing keeps it: give it a root, or make it
/// inside a scope, before the next call that allocates.
///
/// in:      mm; field_count at most 2^26
/// out:     out  its handle
/// errors:  ZVM_E_HEAP_LIMIT nothing more fits, after a collection; ZVM_E_NOMEM; ZVM_E_LIMIT
///          field_count, or 2^30 objects; ZVM_E_THREAD; ZVM_E_ARGUMENT
/// thread:  owner; may collect, and then call finalizers
/// memory:  9 bytes a field and 17 more, up to the next cell size; a place in the handle table
/// cost:    constant, amortised; linear in field_count
/// source:  Zexus "Phase 7: Memory Management", allocate
ZVM_API zvm_status zvm_mm_allocate(zvm_mm *mm, uint32_t field_count, zvm_handle *out);

/// A new object of raw bytes: a copy of bytes [count], or zeros when bytes is NULL.
///
/// in:      mm; bytes may be NULL; count
/// out:     out  its handle
/// errors:  as zvm_mm_allocate
/// thread:  owner; may collect, and then call finalizers
/// memory:  count and 16 bytes, up to the next cell size; a place in the handle table
/// cost:    linear in count
/// source:  Zexus "Phase 7: Memory Management", allocate
ZVM_API zvm_status zvm_mm_allocate_bytes(zvm_mm *mm, const void *bytes, size_t count,
                                         zvm_handle *out);

/// Frees an object now, whoever leads to it. Its handle is stale from here on; a field that still
/// leads to it reads as ZVM_E_STALE. A root on it is gone. Its finalizer is called.
///
/// in:      mm; handle
/// out:     none
/// errors:  ZVM_E_STALE gone already; ZVM_E_FOREIGN of another manager; ZVM_E_THREAD
/// thread:  owner; never collects
/// memory:  a payload over 2 KiB is freed at once, the cell by a collection
/// cost:    constant
/// source:  Zexus "Phase 7: Memory Management", deallocate
ZVM_API zvm_status zvm_mm_deallocate(zvm_mm *mm, zvm_handle handle);

/// Stores into a field.
///
/// in:      mm; handle; field from 0; value, a reference of the same manager
/// out:     none
/// errors:  ZVM_E_STALE, ZVM_E_FOREIGN either handle; ZVM_E_TYPE an object of bytes;
///          ZVM_E_NOT_FOUND no such field; ZVM_E_ARGUMENT kind; ZVM_E_THREAD
/// thread:  owner
/// memory:  none
/// cost:    constant
/// source:  Zexus "Phase 7: Memory Management", the references that its marking leaves out
ZVM_API zvm_status zvm_mm_set_field(zvm_mm *mm, zvm_handle handle, uint32_t field,
                                    zvm_mm_value value);

/// Reads a field.
///
/// in:      mm; handle; field from 0
/// out:     out
/// errors:  ZVM_E_STALE the handle, or the object that the field leads to, is gone; ZVM_E_FOREIGN;
///          ZVM_E_TYPE an object of bytes; ZVM_E_NOT_FOUND no such field; ZVM_E_THREAD
/// thread:  owner
/// memory:  none
/// cost:    constant
/// source:  Zexus "Phase 7: Memory Management", get
ZVM_API zvm_status zvm_mm_get_field(zvm_mm *mm, zvm_handle handle, uint32_t field,
                                    zvm_mm_value *out);

/// The bytes of an object of raw bytes, to read and to write.
///
/// in:      mm; handle
/// out:     bytes [count], aligned to 8, valid while the object lives: it never moves
/// errors:  ZVM_E_STALE; ZVM_E_FOREIGN; ZVM_E_TYPE an object of fields; ZVM_E_THREAD
/// thread:  owner
/// memory:  none
/// cost:    constant
/// source:  Zexus "Phase 7: Memory Management", get
ZVM_API zvm_status zvm_mm_bytes(zvm_mm *mm, zvm_handle handle, void **bytes, size_t *count);

typedef struct zvm_mm_info {
    size_t size;          // set by the caller: of this struct, in bytes
    bool is_bytes;        // of raw bytes; else of fields
    bool is_root;
    uint32_t field_count; // 0 when is_bytes
    uint64_t bytes;       // cell and payload
    uint64_t age_ns;      // to some milliseconds, see zvm_mm_object_info
    uint64_t age_collections; // survived; counted modulo 65536
} zvm_mm_info;

#define ZVM_MM_INFO_INIT {.size = sizeof(zvm_mm_info)}

/// What is known of an object. Its age is exact to some milliseconds, with one exception: calls that make
/// objects one right after the other, with no other call between, may share a look at the clock. So when
/// the caller pauses in the middle of such a row, up to 31 of the objects behind the pause count it as
/// their own. With a history no look is shared.
///
/// in:      mm; handle; out->size set
/// out:     out
/// errors:  ZVM_E_STALE; ZVM_E_FOREIGN; ZVM_E_ARGUMENT; ZVM_E_THREAD
/// thread:  owner
/// memory:  none
/// cost:    constant
/// source:  Zexus "Phase 7: Memory Management", allocation tracking
ZVM_API zvm_status zvm_mm_object_info(zvm_mm *mm, zvm_handle handle, zvm_mm_info *out);

/// Makes an object a root: it and what it leads to live until the root is removed as often as it was
/// added, or the object is deallocated.
///
/// in:      mm; handle
/// out:     none
/// errors:  ZVM_E_STALE; ZVM_E_FOREIGN; ZVM_E_HEAP_LIMIT, ZVM_E_NOMEM no room for the root;
///          ZVM_E_LIMIT added 2^32 - 1 times; ZVM_E_THREAD
/// thread:  owner
/// memory:  4 bytes a root
/// cost:    constant, amortised
/// source:  Zexus "Phase 7: Memory Management", root set
ZVM_API zvm_status zvm_mm_root_add(zvm_mm *mm, zvm_handle handle);

/// Takes one zvm_mm_root_add back.
///
/// in:      mm; handle
/// out:     none
/// errors:  ZVM_E_STATE it is no root; ZVM_E_STALE; ZVM_E_FOREIGN; ZVM_E_THREAD
/// thread:  owner
/// memory:  none
/// cost:    constant
/// source:  Zexus "Phase 7: Memory Management", root set
ZVM_API zvm_status zvm_mm_root_remove(zvm_mm *mm, zvm_handle handle);

/// A scope: what is made while it is open lives until it is closed.
typedef struct zvm_mm_scope {
    uint32_t mark, depth; // not for the caller
} zvm_mm_scope;

/// Opens a scope inside those that are open.
///
/// in:      mm
/// out:     out  to be closed with zvm_mm_scope_close
/// errors:  ZVM_E_THREAD; ZVM_E_ARGUMENT
/// thread:  owner
/// memory:  4 bytes an object made in it
/// cost:    constant
/// source:  ours
ZVM_API zvm_status zvm_mm_scope_open(zvm_mm *mm, zvm_mm_scope *out);

/// Closes the innermost scope.
///
/// in:      mm; scope
/// out:     none
/// errors:  ZVM_E_STATE it is not the innermost open scope; ZVM_E_THREAD
/// thread:  owner
/// memory:  none
/// cost:    constant
/// source:  ours
ZVM_API zvm_status zvm_mm_scope_close(zvm_mm *mm, zvm_mm_scope scope);

typedef struct zvm_mm_collection {
    bool has_run; // false: it was not forced, and no trigger was due
    uint64_t freed_count, freed_bytes, pause_ns;
} zvm_mm_collection;

/// Collects: always when forced, else only when one of the triggers is due.
///
/// in:      mm; force
/// out:     result  may be NULL
/// errors:  ZVM_E_THREAD; ZVM_E_ARGUMENT
/// thread:  owner; calls finalizers at its end
/// memory:  gives empty spans back
/// cost:    linear in live objects and in the handle table
/// source:  Zexus "Phase 7: Memory Management", collect_garbage
ZVM_API zvm_status zvm_mm_collect(zvm_mm *mm, bool force, zvm_mm_collection *result);

/// Called once when an object is gone: collected, deallocated, or destroyed with its manager. The
/// handle is stale already. It may call the manager, but not destroy it; while the manager is being
/// destroyed it can make no object (ZVM_E_STATE).
typedef void (*zvm_mm_finalizer_fn)(void *user, zvm_handle handle);

/// Sets, replaces or (NULL) removes the finalizer of an object.
///
/// in:      mm; handle; finalizer may be NULL; user
/// out:     none
/// errors:  ZVM_E_STALE; ZVM_E_FOREIGN; ZVM_E_HEAP_LIMIT; ZVM_E_NOMEM; ZVM_E_THREAD
/// thread:  owner; it will be called on the owner's thread, never inside a collection
/// memory:  16 bytes a place in the handle table, at the first finalizer
/// cost:    constant, amortised
/// source:  ours
ZVM_API zvm_status zvm_mm_set_finalizer(zvm_mm *mm, zvm_handle handle,
                                        zvm_mm_finalizer_fn finalizer, void *user);

/// The figures of the heap.
///
/// in:      mm; out->size set
/// out:     out
/// errors:  ZVM_E_THREAD; ZVM_E_ARGUMENT
/// thread:  owner
/// memory:  none
/// cost:    constant
/// source:  Zexus "Phase 7: Memory Management", get_stats
ZVM_API zvm_status zvm_mm_stats(zvm_mm *mm, zvm_heap_stats *out);

/// Writes the figures as text, as JSON (`zvm.mm/1`: an object of the fields of zvm_heap_stats by
/// name) or as Prometheus text.
///
/// in:      mm; format; write, context
/// out:     none
/// errors:  ZVM_E_OUTPUT write refused; ZVM_E_NOMEM; ZVM_E_ARGUMENT; ZVM_E_THREAD
/// thread:  owner
/// memory:  a temporary buffer
/// cost:    constant
/// source:  Zexus "Phase 7: Memory Management", get_memory_report
ZVM_API zvm_status zvm_mm_report(zvm_mm *mm, zvm_report_format format, zvm_write_fn write,
                                 void *context);

/// One object that zvm_mm_find_leaks found.
typedef struct zvm_mm_leak {
    zvm_handle handle;
    zvm_mm_info info;
    bool is_reachable;      // false: the next collection frees it
    const zvm_handle *path; // [path_length] from a root or a scoped object to handle, both included;
    uint32_t path_length;   // 0 when not reachable. Valid during the call.
} zvm_mm_leak;

/// Returns false to stop.
typedef bool (*zvm_mm_leak_fn)(void *context, const zvm_mm_leak *leak);

/// Finds the objects that are at least min_age_ns old and are no roots, and what keeps each.
///
/// in:      mm; min_age_ns (60 s: 60000000000); found, context; found must not call the manager
/// out:     none
/// errors:  ZVM_E_NOMEM; ZVM_E_ARGUMENT; ZVM_E_THREAD
/// thread:  owner
/// memory:  12 bytes a place in the handle table, during the call
/// cost:    linear in live objects and their fields, and in the paths that are given
/// source:  Zexus "Phase 7: Memory Management", detect_leaks
ZVM_API zvm_status zvm_mm_find_leaks(zvm_mm *mm, uint64_t min_age_ns, zvm_mm_leak_fn found,
                                     void *context);

typedef enum zvm_mm_event {
    ZVM_MM_ALLOCATED = 0,
    ZVM_MM_DEALLOCATED,
    ZVM_MM_COLLECTED // one object, found dead by a collection
} zvm_mm_event;

typedef struct zvm_mm_history_entry {
    uint64_t time_ns; // monotonic clock, to some milliseconds
    zvm_mm_event event;
    zvm_handle handle;
    uint64_t bytes;
} zvm_mm_history_entry;

/// Returns false to stop.
typedef bool (*zvm_mm_history_fn)(void *context, const zvm_mm_history_entry *entry);

/// Gives the remembered events, oldest first.
///
/// in:      mm; entry, context; entry must not call the manager
/// out:     none
/// errors:  ZVM_E_STATE made without history_entries; ZVM_E_ARGUMENT; ZVM_E_THREAD
/// thread:  owner
/// memory:  none
/// cost:    linear in the entries
/// source:  Zexus "Phase 7: Memory Management", allocation history
ZVM_API zvm_status zvm_mm_history(zvm_mm *mm, zvm_mm_history_fn entry, void *context);

// ---- Pools ------------------------------------------------------------------------------------
//
// Things that a thread of the host asks for again and again: integers with their decimal text, short
// texts, lists of values; and objects of its own. The pools of isolates are set by zvm_isolate_options.
// A set belongs to one thread at a time, the one that made it or adopted it last; a call from another
// thread is ZVM_E_THREAD and changes nothing. Sets share nothing. Each request takes at most 8 steps
// along a chain and 8 moves of a clock hand; only when a table doubles (at most to its limit) does one
// call look at all of its entries.

typedef struct zvm_pools zvm_pools;
typedef struct zvm_object_pool zvm_object_pool;

typedef enum zvm_pool_kind {
    ZVM_POOL_INT = 0,
    ZVM_POOL_STR = 1,
    ZVM_POOL_LIST = 2
} zvm_pool_kind;

#define ZVM_POOL_KIND_COUNT 3

/// What a set is made with. Zero in a field means its default.
typedef struct zvm_pools_options {
    size_t size;          // of this struct, in bytes
    size_t limit_bytes;   // of all that it gives out and keeps; 0 = 100 MiB
    uint32_t int_size;    // integers beside -128..256 that it keeps; 0 = 1000
    uint32_t str_size;    // texts; 0 = 500
    uint32_t list_size;   // lists of each length from 0 to 16; 0 = 100. ZVM_POOL_OFF, each: disabled
    // By kind: a pool whose hit rate over 1,024 requests is below so many percent turns itself off.
    uint32_t auto_disable_below_percent[ZVM_POOL_KIND_COUNT];
} zvm_pools_options;

#define ZVM_POOLS_OPTIONS_INIT {sizeof(zvm_pools_options), 0, 0, 0, 0, {0, 0, 0}}

/// An integer, value, with its decimal text.
typedef struct zvm_pool_integer {
    int64_t value;
    const char *text; // [length_bytes], NUL-terminated
    size_t length_bytes;
} zvm_pool_integer;

/// A list of values. The host may write both fields: releasing it goes by neither.
typedef struct zvm_list {
    zvm_value *items; // [count], ZVM_VALUE_NULL all of them when it is acquired
    size_t count;
} zvm_list;

/// Figures of one pool.
typedef struct zvm_pool_stats {
    bool is_enabled;
    uint64_t hits, misses; // requests answered from what the pool kept; that made something
    uint64_t allocations;  // things made
    uint64_t releases;     // things given back to the pool, and kept
    uint64_t size;         // things kept now
    double hit_rate;       // 100 * hits / (hits + misses); 0 without requests
    double reuse_rate;     // 100 * releases / allocations; 0 without allocations
} zvm_pool_stats;

typedef struct zvm_pools_figures {
    size_t size; // set by the caller: of this struct, in bytes
    zvm_pool_stats pools[ZVM_POOL_KIND_COUNT];
    zvm_pool_stats total;
    uint64_t used_bytes; // of the limit
} zvm_pools_figures;

#define ZVM_POOLS_FIGURES_INIT {.size = sizeof(zvm_pools_figures)}

/// Makes a set of pools, owned by the calling thread.
///
/// in:      options  may be NULL
/// out:     out      to be destroyed with zvm_pools_destroy
/// errors:  ZVM_E_ARGUMENT also a size over ZVM_POOL_SIZE_MAX, or more than 100 percent; ZVM_E_NOMEM
/// thread:  any
/// memory:  about 1 KiB; the pools grow with what they keep
/// cost:    constant
/// source:  Zexus "Memory Pool Usage Guide", MemoryPoolManager
ZVM_API zvm_status zvm_pools_create(const zvm_pools_options *options, zvm_pools **out);

/// Frees a set and everything it gave out, lists that were not released too.
///
/// in:      pools  may be NULL
/// out:     none
/// errors:  ZVM_E_THREAD
/// thread:  owner
/// memory:  frees everything
/// cost:    linear in what it keeps
/// source:  Zexus "Memory Pool Usage Guide"
ZVM_API zvm_status zvm_pools_destroy(zvm_pools *pools);

/// The calling thread becomes the owner. The owner before must have stopped, and the two must have
/// synchronised (a join, a lock, a queue).
///
/// in:      pools
/// out:     none
/// errors:  ZVM_E_ARGUMENT
/// thread:  any
/// memory:  none
/// cost:    constant
/// source:  ours
ZVM_API zvm_status zvm_pools_adopt(zvm_pools *pools);

/// The pooled object of an integer: the same one as before, while it is pooled. Those of -128..256
/// stay until the set is destroyed.
///
/// in:      pools; value
/// out:     out  valid until the next zvm_pools_int, zvm_pools_clear or zvm_pools_enable of the set.
///          Without memory, or with the pool disabled, it is made for this call alone.
/// errors:  ZVM_E_ARGUMENT; ZVM_E_THREAD
/// thread:  owner
/// memory:  48 bytes an integer, and 28 to 32 a place
/// cost:    constant, amortised; when it is pooled nothing is formatted or allocated
/// source:  Zexus "Memory Pool Usage Guide", get_int
ZVM_API zvm_status zvm_pools_int(zvm_pools *pools, int64_t value, const zvm_pool_integer **out);

/// The pooled copy of a text of at most 64 bytes: the same one as before, while it is pooled.
///
/// in:      pools; text [length_bytes]
/// out:     out  a copy with a NUL behind it, valid until the next zvm_pools_str, zvm_pools_clear or
///          zvm_pools_enable of the set; or `text` itself: it is longer, there is no memory, or the
///          pool is disabled
/// errors:  ZVM_E_ARGUMENT; ZVM_E_THREAD
/// thread:  owner
/// memory:  9 bytes more than a text has, and 28 to 32 a place
/// cost:    linear in the text; constant, amortised, beside that
/// source:  Zexus "Memory Pool Usage Guide", get_str
ZVM_API zvm_status zvm_pools_str(zvm_pools *pools, const char *text, size_t length_bytes,
                                 const char **out);

/// A list of `count` nulls, from the pool when count is at most 16 and it has one.
///
/// in:      pools; count
/// out:     out  to be released with zvm_pools_list_release
/// errors:  ZVM_E_HEAP_LIMIT the limit of the set; ZVM_E_NOMEM; ZVM_E_ARGUMENT; ZVM_E_THREAD
/// thread:  owner
/// memory:  40 bytes an item and 64 more
/// cost:    constant when it is pooled, else linear in count
/// source:  Zexus "Memory Pool Usage Guide", acquire_list
ZVM_API zvm_status zvm_pools_list_acquire(zvm_pools *pools, size_t count, zvm_list **out);

/// Gives a list back, once. What its items point to is the host's. One of at most 16 items is cleared
/// and kept, if there is room.
///
/// in:      pools; list  may be NULL
/// out:     none
/// errors:  ZVM_E_STATE it is in the pool already; ZVM_E_FOREIGN of another set; ZVM_E_ARGUMENT;
///          ZVM_E_THREAD
/// thread:  owner
/// memory:  frees what is not kept
/// cost:    linear in count, which is at most 16 for one that is kept
/// source:  Zexus "Memory Pool Usage Guide", release_list
ZVM_API zvm_status zvm_pools_list_release(zvm_pools *pools, zvm_list *list);

/// Disables a pool, which empties it, or enables it again. A pool that is disabled is bypassed.
///
/// in:      pools; kind; is_enabled
/// out:     none
/// errors:  ZVM_E_ARGUMENT; ZVM_E_THREAD; ZVM_E_STATE the set was made without this pool
/// thread:  owner
/// memory:  frees what the pool keeps
/// cost:    linear in what the pool keeps
/// source:  Zexus "Memory Pool Usage Guide", enable_pool
ZVM_API zvm_status zvm_pools_enable(zvm_pools *pools, zvm_pool_kind kind, bool is_enabled);

/// Empties the pools. Lists that are acquired stay as they are.
///
/// in:      pools
/// out:     none
/// errors:  ZVM_E_ARGUMENT; ZVM_E_THREAD
/// thread:  owner
/// memory:  frees what the pools keep
/// cost:    linear in that
/// source:  Zexus "Memory Pool Usage Guide", clear_all_pools
ZVM_API zvm_status zvm_pools_clear(zvm_pools *pools);

/// Figures of the set since it was made.
///
/// in:      pools; figures->size set
/// out:     figures
/// errors:  ZVM_E_ARGUMENT; ZVM_E_THREAD
/// thread:  owner
/// memory:  none
/// cost:    constant
/// source:  Zexus "Memory Pool Usage Guide", get_stats
ZVM_API zvm_status zvm_pools_stats(zvm_pools *pools, zvm_pools_figures *figures);

/// For ZVM_WITH_LIST: a list or NULL; and its release.
///
/// in:      pools; count; list, may lead to NULL
/// out:     none
/// errors:  none
/// thread:  owner
/// memory:  as zvm_pools_list_acquire and zvm_pools_list_release
/// cost:    as these
/// source:  Zexus "Memory Pool Usage Guide", pooled_list
ZVM_API zvm_list *zvm_pools_list_begin(zvm_pools *pools, size_t count);
ZVM_API void zvm_pools_list_end(zvm_list **list);

#if defined(__GNUC__)
/// Runs the block that follows once with `list`, a zvm_list * of `n` nulls, and releases it however
/// the block is left (its end, break, return, goto). Without memory the block does not run.
#define ZVM_WITH_LIST(pools, n, list)                                                              \
    for (zvm_list *list __attribute__((cleanup(zvm_pools_list_end))) =                             \
                      zvm_pools_list_begin(pools, n),                                              \
                      *list##_once = list;                                                         \
         list##_once != NULL; list##_once = NULL)
#endif

/// What an object pool calls. create gives a new object, or NULL when it cannot; reset makes a used
/// one ready for its next use, as it is released; destroy frees one. They may not call the pool.
typedef struct zvm_object_pool_options {
    size_t size;                               // of this struct, in bytes
    void *(*create)(void *context);
    void (*reset)(void *context, void *object); // may be NULL
    void (*destroy)(void *context, void *object);
    void *context;                             // for them
    uint32_t max_size;                         // objects kept; 0 = 100
} zvm_object_pool_options;

#define ZVM_OBJECT_POOL_OPTIONS_INIT {sizeof(zvm_object_pool_options), NULL, NULL, NULL, NULL, 0}

/// Makes a pool of objects of the host, owned by the calling thread.
///
/// in:      options  create and destroy set
/// out:     out      to be destroyed with zvm_object_pool_destroy
/// errors:  ZVM_E_ARGUMENT also max_size over ZVM_POOL_SIZE_MAX; ZVM_E_NOMEM
/// thread:  any
/// memory:  8 bytes for each object that may be kept
/// cost:    linear in max_size
/// source:  Zexus "Memory Pool Usage Guide", ObjectPool
ZVM_API zvm_status zvm_object_pool_create(const zvm_object_pool_options *options,
                                          zvm_object_pool **out);

/// Destroys the objects that the pool keeps, and the pool. Objects in use stay the host's.
///
/// in:      pool  may be NULL
/// out:     none
/// errors:  ZVM_E_THREAD; ZVM_E_BUSY called by one of its callbacks
/// thread:  owner
/// memory:  frees the pool
/// cost:    one call an object that is kept
/// source:  Zexus "Memory Pool Usage Guide"
ZVM_API zvm_status zvm_object_pool_destroy(zvm_object_pool *pool);

/// An object: one that was released, the last first, or a new one.
///
/// in:      pool
/// out:     out
/// errors:  ZVM_E_NOMEM create gave NULL; ZVM_E_BUSY called by one of its callbacks; ZVM_E_ARGUMENT;
///          ZVM_E_THREAD
/// thread:  owner
/// memory:  that of create
/// cost:    constant, beside create
/// source:  Zexus "Memory Pool Usage Guide", acquire
ZVM_API zvm_status zvm_object_pool_acquire(zvm_object_pool *pool, void **out);

/// Gives an object back, once: it is reset and kept, or destroyed when the pool is full.
///
/// in:      pool; object  not NULL
/// out:     none
/// errors:  ZVM_E_BUSY; ZVM_E_ARGUMENT; ZVM_E_THREAD
/// thread:  owner
/// memory:  that of destroy
/// cost:    constant, beside reset or destroy
/// source:  Zexus "Memory Pool Usage Guide", release
ZVM_API zvm_status zvm_object_pool_release(zvm_object_pool *pool, void *object);

/// Destroys the objects that the pool keeps.
///
/// in:      pool
/// out:     none
/// errors:  ZVM_E_BUSY; ZVM_E_ARGUMENT; ZVM_E_THREAD
/// thread:  owner
/// memory:  that of destroy
/// cost:    one call an object
/// source:  Zexus "Memory Pool Usage Guide", clear
ZVM_API zvm_status zvm_object_pool_clear(zvm_object_pool *pool);

/// Figures of the pool since it was made. hits and misses: acquired from the pool, made anew.
///
/// in:      pool
/// out:     stats
/// errors:  ZVM_E_ARGUMENT; ZVM_E_THREAD
/// thread:  owner
/// memory:  none
/// cost:    constant
/// source:  Zexus "Memory Pool Usage Guide", PoolStats
ZVM_API zvm_status zvm_object_pool_stats(zvm_object_pool *pool, zvm_pool_stats *stats);

#ifdef __cplusplus
}
#endif

#endif // ZVM_H
