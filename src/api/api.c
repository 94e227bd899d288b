// api/api.c - the bodies of zvm.h: arguments are checked, then one module is called.
//
// Owns: struct zvm_runtime (api/api_internal.h), which holds one of everything that isolates share.
// The bodies that read files are in api/files.c, those that read figures in api/report.c. The public
// handles are the internal structs under another name: zvm_code is struct zcode, zvm_isolate is
// struct zisolate. Thread: as each declaration in zvm.h says. Rule: wrong use is a status in every build; nothing here asserts on what a caller
// passes.
#include "api/api_internal.h"

#include "base/alloc.h"
#include "base/siphash.h"
#include "base/strbuf.h"
#include "base/utf8.h"
#include "lang/compile.h"
#include "lang/lexer.h"
#include "sched/sched.h"
#include "vm/builtin.h"
#include "vm/global.h"
#include "vm/group.h"
#include "vm/hostcall.h"
#include "vm/mailbox.h"
#include "vm/needs.h"
#include "vm/quota.h"

#include <string.h>

#define HEAP_LIMIT_DEFAULT_BYTES (UINT64_C(100) << 20)

static struct zisolate *isolate_of(const zvm_isolate *isolate)
{
    return (struct zisolate *)(uintptr_t)isolate;
}

static zvm_runtime *runtime_of(const struct zisolate *iso)
{
    return iso->shared->runtime;
}

static struct zcode *code_of(const zvm_code *code)
{
    return (struct zcode *)(uintptr_t)code;
}

// ---- Structs that begin with their size ---------------------------------------------------------

// Copies a struct of the caller, who may have been built against another version: what the caller
// does not have reads as zero, what we do not have must be zero.
bool zapi_read_options(void *out, size_t own_bytes, const void *from, size_t from_bytes)
{
    if (from_bytes < sizeof(size_t)) return false;
    memset(out, 0, own_bytes);
    memcpy(out, from, from_bytes < own_bytes ? from_bytes : own_bytes);
    const unsigned char *bytes = from;
    for (size_t i = own_bytes; i < from_bytes; i++)
        if (bytes[i] != 0) return false;
    return true;
}

// Fills a struct of the caller as far as the caller has it; its size stays what it was.
void zapi_write_struct(void *out, size_t out_bytes, const void *from, size_t own_bytes)
{
    size_t bytes = out_bytes < own_bytes ? out_bytes : own_bytes;
    memcpy((char *)out + sizeof(size_t), (const char *)from + sizeof(size_t),
           bytes - sizeof(size_t));
}

// ---- Version and texts --------------------------------------------------------------------------

int zvm_version_number(void)
{
    return ZVM_VERSION_NUMBER;
}

const char *zvm_version(void)
{
    return ZVM_VERSION_STRING;
}

const char *zvm_status_text(zvm_status status)
{
    return zstatus_text(status);
}

// ---- Runtime ------------------------------------------------------------------------------------

static zvm_status fill_runtime(zvm_runtime *runtime, const zvm_runtime_options *options)
{
    struct zintern_options intern_options = {.limit_count = options->intern_limit_count,
                                             .limit_bytes = options->intern_limit_bytes};
    if (options->seed != 0) zsiphash_fix_process_key(options->seed);
    zvm_status status = zintern_create(&intern_options, &runtime->intern);
    if (status == ZVM_OK) status = zspan_pool_create(&runtime->spans);
    if (status == ZVM_OK) status = zshared_create(runtime->intern, &runtime->shared);
    if (status == ZVM_OK) status = zmodules_create(&runtime->modules);
    if (status == ZVM_OK) status = zhosts_create(&runtime->hosts);
    if (status != ZVM_OK) return status;
    struct zsched_options sched_options = {.worker_count = options->worker_count,
                                           .slice_budget = options->slice_budget,
                                           .isolate_limit = options->isolate_limit,
                                           .seed = options->seed,
                                           .spans = runtime->spans,
                                           .lists_finished = options->lists_finished != 0,
                                           .blocking_threads = options->blocking_threads,
                                           .hooks = runtime->hooks_of_host,
                                           .profile_fuel = options->profile_fuel,
                                           .trace_events = options->trace_events};
    status = zsched_create(&sched_options, &runtime->sched);
    if (status != ZVM_OK) return status;
    runtime->shared->runtime = runtime;
    runtime->shared->waits = zsched_wait_hooks();
    runtime->shared->talks = zsched_talk_hooks();
    runtime->shared->waits_context = runtime->sched;
    if (runtime->hooks_of_host.on_event != NULL) {
        runtime->shared->tell_limit = zhooks_tell_limit;
        runtime->shared->tell_context = &runtime->hooks_of_host;
    }
    return ZVM_OK;
}

static bool is_within(uint64_t value, uint64_t least, uint64_t most)
{
    return value >= least && value <= most;
}

zvm_status zvm_runtime_create(const zvm_runtime_options *options, zvm_runtime **out)
{
    zvm_runtime_options own = ZVM_RUNTIME_OPTIONS_INIT;
    if (out == NULL) return ZVM_E_ARGUMENT;
    if (options != NULL && !zapi_read_options(&own, sizeof own, options, options->size))
        return ZVM_E_ARGUMENT;
    if (own.worker_count > ZSCHED_WORKERS_MAX) return ZVM_E_ARGUMENT;
    if (own.seed != 0 && own.worker_count > 1) return ZVM_E_ARGUMENT;
    if (own.seed != 0) own.worker_count = 1; // its maker's thread
    if (own.profile_fuel != 0 &&
        !is_within(own.profile_fuel, ZVM_PROFILE_FUEL_MIN, ZVM_PROFILE_FUEL_MAX))
        return ZVM_E_ARGUMENT;
    if (own.trace_events > ZVM_TRACE_EVENTS_MAX) return ZVM_E_ARGUMENT;
    if (own.blocking_threads > ZSCHED_BLOCKING_MAX || own.lists_finished > 1) return ZVM_E_ARGUMENT;

    struct zhooks hooks;
    zvm_status status = zapi_read_hooks(&own, &hooks);
    if (status != ZVM_OK) return status;
    if (!zfork_watch()) return ZVM_E_NOMEM;
    zvm_runtime *runtime = z_alloc_zeroed(sizeof *runtime);
    if (runtime == NULL) return ZVM_E_NOMEM;
    runtime->generation = zfork_generation();
    runtime->hooks_of_host = hooks;
    zapi_debug_add(runtime);
    status = fill_runtime(runtime, &own);
    if (status != ZVM_OK) {
        (void)zvm_runtime_destroy(runtime);
        return status;
    }
    *out = runtime;
    return ZVM_OK;
}

// Whoever uses what is left finds a runtime of no process, and nothing of it is touched.
static void leave_code(zvm_runtime *runtime, uint64_t code_count)
{
    runtime->generation = ~zfork_generation();
    zhooks_log(&runtime->hooks_of_host, ZVM_LOG_ERROR,
               "the runtime is destroyed, and %llu code objects of it were not released",
               (unsigned long long)code_count);
}

zvm_status zvm_runtime_destroy(zvm_runtime *runtime)
{
    if (runtime == NULL) return ZVM_OK;
    if (zapi_is_dead(runtime)) return ZVM_E_FORKED;
    if (runtime->sched != NULL && zsched_is_inside(runtime->sched)) return ZVM_E_STATE;
    zapi_debug_remove(runtime);
    zsched_destroy(runtime->sched);
    uint64_t code_count = z_load_relaxed(&runtime->code_count); // relaxed: nobody else is about
    if (code_count != 0) zintern_leave_held(runtime->intern);
    zmodules_destroy(runtime->modules);
    zhosts_destroy(runtime->hosts);
    zshared_destroy(runtime->shared);
    if (runtime->spans != NULL) zspan_pool_destroy(runtime->spans);
    zintern_destroy(runtime->intern);
    if (code_count != 0)
        leave_code(runtime, code_count);
    else
        z_free(runtime, sizeof *runtime);
    return ZVM_OK;
}

zvm_status zvm_runtime_drain(zvm_runtime *runtime)
{
    if (runtime == NULL) return ZVM_E_ARGUMENT;
    if (zapi_is_dead(runtime)) return ZVM_E_FORKED;
    return zsched_drain(runtime->sched);
}

zvm_status zvm_runtime_shutdown(zvm_runtime *runtime, bool cancel)
{
    if (runtime == NULL) return ZVM_E_ARGUMENT;
    if (zapi_is_dead(runtime)) return ZVM_E_FORKED;
    return zsched_shutdown(runtime->sched, cancel);
}

zvm_status zvm_runtime_turns(zvm_runtime *runtime, uint64_t turns, uint64_t *run)
{
    if (runtime == NULL || run == NULL) return ZVM_E_ARGUMENT;
    if (zapi_is_dead(runtime)) return ZVM_E_FORKED;
    return zsched_turns(runtime->sched, turns, run);
}

int zvm_runtime_finished_fd(const zvm_runtime *runtime)
{
    if (runtime == NULL || zapi_is_dead(runtime)) return -1;
    return zsched_finished_descriptor(runtime->sched);
}

zvm_status zvm_runtime_finished_take(zvm_runtime *runtime, zvm_isolate **isolates, size_t capacity,
                                     size_t *count)
{
    if (runtime == NULL || isolates == NULL || count == NULL) return ZVM_E_ARGUMENT;
    if (zapi_is_dead(runtime)) return ZVM_E_FORKED;
    if (zsched_finished_descriptor(runtime->sched) < 0) return ZVM_E_STATE;
    *count = zsched_take_finished(runtime->sched, isolates, capacity);
    return ZVM_OK;
}

_Static_assert((int)ZVM_PRESSURE_CRITICAL == (int)ZPRESSURE_CRITICAL, "the levels are the heap's");

zvm_status zvm_runtime_pressure(zvm_runtime *runtime, zvm_pressure level)
{
    if (runtime == NULL || (unsigned)level > ZVM_PRESSURE_CRITICAL) return ZVM_E_ARGUMENT;
    if (zapi_is_dead(runtime)) return ZVM_E_FORKED;
    zspan_pool_press_any(runtime->spans, (enum zpressure_level)level);
    return ZVM_OK;
}

// ---- Code ---------------------------------------------------------------------------------------

// False: reported.
static bool check_source_name(const char *name, struct zdiagnostics *findings)
{
    if (zutf8_is_valid(name, strlen(name), NULL)) return true;
    findings->file_name = "source";
    zdiagnostics_error(findings, (struct zast_position){0}, 0,
                       "the name of the source is not valid UTF-8");
    return false;
}

// Fresh code becomes the runtime's.
static zvm_status give_out(zvm_runtime *runtime, struct zcode *code, zvm_code **out)
{
    zvm_status status = zhosts_bind(runtime->hosts, code);
    if (status != ZVM_OK) {
        zcode_release(code);
        return status;
    }
    code->owner = runtime;
    code->living = &runtime->code_count;
    z_fetch_add_relaxed(code->living, 1); // relaxed: a count
    *out = (zvm_code *)code;
    return ZVM_OK;
}

zvm_status zapi_compile(zvm_runtime *runtime, const char *name, const char *text,
                        size_t length_bytes, struct zdiagnostics *findings,
                        const struct zmodule_source *source, zvm_code **out)
{
    findings->file_name = name;
    findings->text = text == NULL ? "" : text;
    findings->length_bytes = length_bytes;
    if (!check_source_name(name, findings)) return ZVM_E_UTF8;
    struct zcode *code;
    zvm_status status = zlang_compile_program(runtime->intern, findings, source, &code);
    if (status != ZVM_OK) return status;
    return give_out(runtime, code, out);
}

static zvm_status compile_text(zvm_runtime *runtime, const char *name, const char *text,
                               size_t length_bytes, struct zdiagnostics *findings, zvm_code **out)
{
    if (runtime == NULL || name == NULL || out == NULL) return ZVM_E_ARGUMENT;
    if (zapi_is_dead(runtime)) return ZVM_E_FORKED;
    if (text == NULL && length_bytes > 0) return ZVM_E_ARGUMENT;
    return zapi_compile(runtime, name, text, length_bytes, findings, NULL /* source */, out);
}

zvm_status zvm_code_compile(zvm_runtime *runtime, const char *name, const char *text,
                            size_t length_bytes, const zvm_compile_options *options, zvm_code **out)
{
    zvm_compile_options own = ZVM_COMPILE_OPTIONS_INIT;
    if (options != NULL && !zapi_read_options(&own, sizeof own, options, options->size))
        return ZVM_E_ARGUMENT;
    struct zdiagnostics findings = {.report = own.on_diagnostic, .context = own.context};
    return compile_text(runtime, name, text, length_bytes, &findings, out);
}

zvm_status zvm_code_from_source(zvm_runtime *runtime, const char *name, const char *text,
                                size_t length_bytes, zvm_write_fn diagnostics, void *context,
                                zvm_code **out)
{
    struct zdiagnostics findings = {.write = diagnostics, .context = context};
    return compile_text(runtime, name, text, length_bytes, &findings, out);
}

zvm_status zvm_diagnostic_write(const zvm_diagnostic *diagnostic, bool in_colour,
                                zvm_write_fn write, void *context)
{
    if (diagnostic == NULL || write == NULL) return ZVM_E_ARGUMENT;
    if (diagnostic->size != sizeof *diagnostic) return ZVM_E_ARGUMENT;
    return zdiagnostic_write_text(diagnostic, in_colour, write, context) ? ZVM_OK : ZVM_E_OUTPUT;
}

bool zvm_code_is_compiled(const void *bytes, size_t length_bytes)
{
    return bytes != NULL && zcode_has_magic(bytes, length_bytes);
}

static void tell_refusal(const char *name, const char *why, zvm_write_fn write, void *context)
{
    if (write == NULL || why[0] == '\0') return;
    struct zstrbuf line;
    zstrbuf_init(&line);
    zstrbuf_add_format(&line, "%s: error: %s\n", name, why);
    if (!line.failed) (void)write(context, zstrbuf_text(&line), line.length);
    zstrbuf_deinit(&line);
}

zvm_status zvm_code_from_bytes(zvm_runtime *runtime, const char *name, const void *bytes,
                               size_t length_bytes, zvm_write_fn diagnostics, void *context,
                               zvm_code **out)
{
    if (runtime == NULL || name == NULL || out == NULL) return ZVM_E_ARGUMENT;
    if (zapi_is_dead(runtime)) return ZVM_E_FORKED;
    if (bytes == NULL && length_bytes > 0) return ZVM_E_ARGUMENT;
    if (!zutf8_is_valid(name, strlen(name), NULL)) return ZVM_E_UTF8;
    struct zcode *code;
    char why[200];
    zvm_status status = zcode_read(runtime->intern, bytes == NULL ? "" : bytes, length_bytes, why,
                                   sizeof why, &code);
    if (status != ZVM_OK) {
        tell_refusal(name, why, diagnostics, context);
        return status;
    }
    return give_out(runtime, code, out);
}

zvm_status zvm_code_serialize(const zvm_code *code, zvm_write_fn write, void *context)
{
    if (code == NULL || write == NULL) return ZVM_E_ARGUMENT;
    if (zapi_is_dead(code_of(code)->owner)) return ZVM_E_FORKED;
    struct zstrbuf bytes;
    zstrbuf_init(&bytes);
    zvm_status status = zcode_write(code_of(code), &bytes);
    if (status == ZVM_OK && !write(context, zstrbuf_text(&bytes), bytes.length))
        status = ZVM_E_OUTPUT;
    zstrbuf_deinit(&bytes);
    return status;
}

void zvm_code_retain(zvm_code *code)
{
    if (code != NULL && !zapi_is_dead(code_of(code)->owner)) zcode_retain(code_of(code));
}

void zvm_code_release(zvm_code *code)
{
    if (code != NULL && !zapi_is_dead(code_of(code)->owner)) zcode_release(code_of(code));
}

zvm_status zvm_code_disassemble(const zvm_code *code, zvm_write_fn write, void *context)
{
    return zvm_code_disassemble_source(code, NULL, 0, write, context);
}

zvm_status zvm_code_disassemble_source(const zvm_code *code, const char *source,
                                       size_t length_bytes, zvm_write_fn write, void *context)
{
    if (code == NULL || write == NULL) return ZVM_E_ARGUMENT;
    if (zapi_is_dead(code_of(code)->owner)) return ZVM_E_FORKED;
    if (source == NULL && length_bytes > 0) return ZVM_E_ARGUMENT;
    struct zstrbuf text;
    zstrbuf_init(&text);
    zcode_disassemble(code_of(code), source, length_bytes, &text);
    zvm_status status = text.failed ? ZVM_E_NOMEM : ZVM_OK;
    if (status == ZVM_OK && !write(context, zstrbuf_text(&text), text.length))
        status = ZVM_E_OUTPUT;
    zstrbuf_deinit(&text);
    return status;
}

// ---- Words of the language ----------------------------------------------------------------------

static const char *keyword(size_t index)
{
    for (int kind = 0; kind < ZTOKEN_COUNT; kind++) {
        if (!ztoken_is_keyword((enum ztoken_kind)kind)) continue;
        if (index-- == 0) return ztoken_kind_text((enum ztoken_kind)kind);
    }
    return NULL;
}

const char *zvm_word(zvm_word_kind kind, size_t index)
{
    if (kind == ZVM_WORD_KEYWORD) return keyword(index);
    if (kind == ZVM_WORD_METHOD) return zbuiltin_name(index, true /* as_method */);
    if (kind != ZVM_WORD_BUILTIN) return NULL;
    return index == 0 ? "args" : zbuiltin_name(index - 1, false /* as_method */);
}

bool zvm_source_is_open(const char *text, size_t length_bytes)
{
    return text != NULL && zlang_is_open(text, length_bytes);
}

// ---- Isolate ------------------------------------------------------------------------------------

static bool is_pool_size(uint32_t size)
{
    return size <= ZVM_POOL_SIZE_MAX || size == ZVM_POOL_OFF;
}

static uint32_t pool_limit(uint32_t size, uint32_t size_default)
{
    if (size == ZVM_POOL_OFF) return 0;
    return size == 0 ? size_default : size;
}

static zvm_status check_isolate_options(const zvm_isolate_options *options)
{
    if (options->heap_limit_bytes != 0 && options->heap_limit_bytes < ZVM_HEAP_LIMIT_MIN_BYTES)
        return ZVM_E_ARGUMENT;
    if (options->intern_limit_count > ZVM_INTERN_LIMIT_MAX) return ZVM_E_ARGUMENT;
    if (options->intern_limit_bytes > ZVM_INTERN_LIMIT_MAX) return ZVM_E_ARGUMENT;
    if (options->priority >= ZPRIORITY_COUNT) return ZVM_E_ARGUMENT;
    if (options->history_entries > ZVM_HISTORY_ENTRIES_MAX) return ZVM_E_ARGUMENT;
    if (options->track_ages > 1) return ZVM_E_ARGUMENT;
    if (options->gc_mode >= ZHEAP_MODES) return ZVM_E_ARGUMENT;
    if (options->may_spawn > 1) return ZVM_E_ARGUMENT;
    if (!is_pool_size(options->int_pool_size) || !is_pool_size(options->str_pool_size) ||
        !is_pool_size(options->list_pool_size))
        return ZVM_E_ARGUMENT;
    if (options->argument_count > 0 && options->arguments == NULL) return ZVM_E_ARGUMENT;
    for (size_t i = 0; i < options->argument_count; i++)
        if (options->arguments[i] == NULL) return ZVM_E_ARGUMENT;
    return ZVM_OK;
}

static uint32_t intern_limit(uint64_t limit)
{
    return limit == 0 ? ZVM_INTERN_LIMIT_MAX : (uint32_t)limit;
}

static struct zisolate_options internal_options(const zvm_isolate_options *options)
{
    uint64_t heap_limit_bytes = options->heap_limit_bytes;
    return (struct zisolate_options){
        .id = options->id,
        .heap_limit_bytes = heap_limit_bytes == 0 ? HEAP_LIMIT_DEFAULT_BYTES : heap_limit_bytes,
        .fuel_limit = options->fuel_limit,
        .timeout_ns = options->timeout_ns,
        .gc_threshold_count = options->gc_threshold_count,
        .max_depth = options->max_depth,
        .gc_growth_percent = options->gc_growth_percent,
        .gc_mode = options->gc_mode,
        .symbol_limit_count = intern_limit(options->intern_limit_count),
        .symbol_limit_bytes = intern_limit(options->intern_limit_bytes),
        .priority = options->priority,
        .pool_limits = {[ZPOOL_INT] = pool_limit(options->int_pool_size, ZPOOL_INT_DEFAULT),
                        [ZPOOL_STRING] = pool_limit(options->str_pool_size, ZPOOL_STRING_DEFAULT),
                        [ZPOOL_LIST] = pool_limit(options->list_pool_size, ZPOOL_LIST_DEFAULT)},
        .arguments = options->arguments,
        .argument_count = options->argument_count,
        .output = options->output,
        .output_context = options->output_context,
        .on_finish = options->on_finish,
        .user = options->user,
        .history_entries = options->history_entries,
        .track_ages = options->track_ages != 0,
        .sample_bytes = options->sample_bytes,
        .sample_seed = options->sample_seed,
        .on_moment = options->on_moment,
        .cpu_limit_ns = options->cpu_limit_ns,
        .output_limit_bytes = options->output_limit_bytes,
        .group = (struct zgroup *)options->group,
        .mailbox_limit_count = options->mailbox_limit_count,
        .mailbox_limit_bytes = options->mailbox_limit_bytes,
        .may_spawn = options->may_spawn != 0,
        .on_spawned = options->on_spawned,
        .on_unwatched = options->on_unwatched,
    };
}

zvm_status zvm_isolate_create(zvm_runtime *runtime, zvm_code *code,
                              const zvm_isolate_options *options, zvm_isolate **out)
{
    zvm_isolate_options own = ZVM_ISOLATE_OPTIONS_INIT;
    if (runtime == NULL || code == NULL || out == NULL) return ZVM_E_ARGUMENT;
    if (zapi_is_dead(runtime)) return ZVM_E_FORKED;
    if (options != NULL && !zapi_read_options(&own, sizeof own, options, options->size))
        return ZVM_E_ARGUMENT;
    if (code_of(code)->owner != runtime) return ZVM_E_FOREIGN;
    const struct zgroup *group = (const struct zgroup *)own.group;
    if (group != NULL && group->runtime != runtime) return ZVM_E_FOREIGN;
    zvm_status status = check_isolate_options(&own);
    if (status != ZVM_OK) return status;

    struct zisolate_options internal = internal_options(&own);
    struct zisolate *iso;
    status = zsched_isolate_create(runtime->sched, runtime->shared, code_of(code), &internal, &iso);
    if (status == ZVM_OK) *out = (zvm_isolate *)iso;
    return status;
}

zvm_status zvm_isolate_destroy(zvm_isolate *isolate)
{
    if (isolate == NULL) return ZVM_OK;
    if (zapi_is_dead(runtime_of(isolate_of(isolate)))) return ZVM_E_FORKED;
    struct zisolate *iso = isolate_of(isolate);
    return zsched_isolate_destroy(runtime_of(iso)->sched, iso);
}

zvm_status zvm_isolate_submit(zvm_isolate *isolate)
{
    if (isolate == NULL) return ZVM_E_ARGUMENT;
    if (zapi_is_dead(runtime_of(isolate_of(isolate)))) return ZVM_E_FORKED;
    struct zisolate *iso = isolate_of(isolate);
    return zsched_submit(runtime_of(iso)->sched, iso);
}

zvm_status zvm_isolate_wait(zvm_isolate *isolate, uint64_t timeout_ns)
{
    if (isolate == NULL) return ZVM_E_ARGUMENT;
    if (zapi_is_dead(runtime_of(isolate_of(isolate)))) return ZVM_E_FORKED;
    struct zisolate *iso = isolate_of(isolate);
    return zsched_wait(runtime_of(iso)->sched, iso, timeout_ns);
}

zvm_status zvm_isolate_run(zvm_isolate *isolate, uint64_t budget, bool *finished)
{
    if (isolate == NULL) return ZVM_E_ARGUMENT;
    if (zapi_is_dead(runtime_of(isolate_of(isolate)))) return ZVM_E_FORKED;
    struct zisolate *iso = isolate_of(isolate);
    return zsched_run(runtime_of(iso)->sched, iso, budget, finished);
}

void zvm_isolate_cancel(zvm_isolate *isolate)
{
    if (isolate == NULL) return;
    struct zisolate *iso = isolate_of(isolate);
    if (zapi_is_dead(runtime_of(iso))) return;
    zsched_cancel(runtime_of(iso)->sched, iso);
}

static const char *text_or_empty(const char *text)
{
    return text == NULL ? "" : text;
}

static void fill_ending(const struct zisolate *iso, zvm_result *result)
{
    result->status = (zvm_status)iso->status;
    result->kind = result->message = result->file = "";
    if (iso->status == ZVM_OK || iso->extra == NULL) return;
    const struct zisolate_extra *extra = iso->extra;
    result->kind = text_or_empty(extra->kind);
    result->message = text_or_empty(extra->message);
    result->file = text_or_empty(extra->file);
    result->line = iso->error_line;
    result->column = iso->error_column;
    result->trace = extra->trace;
    result->trace_count = extra->trace_count;
    result->trace_omitted = extra->trace_omitted;
    result->hints = (const char *const *)&extra->hint;
    result->hint_count = extra->hint != NULL ? 1 : 0;
    result->limit_used = extra->limit_used;
    result->limit_allowed = extra->limit_allowed;
}

static void fill_figures(const struct zisolate *iso, zvm_result *result)
{
    struct zheap_stats stats;
    zheap_stats(&iso->heap, &stats);
    result->fuel_used = zisolate_fuel_used(iso);
    result->heap_live_bytes = stats.live_bytes;
    result->heap_peak_bytes = stats.committed_peak_bytes; // what the limit is about
    result->heap_limit_bytes = zquota_own_heap_limit(iso, stats.limit_bytes);
    result->allocated_bytes = stats.allocated_bytes;
    result->allocated_count = stats.allocated_count;
    result->freed_bytes = stats.freed_bytes;
    result->freed_count = stats.freed_count;
    result->collections = stats.collections;
    result->minor_collections = stats.minor_collections;
    result->incremental_collections = stats.incremental_collections;
    result->gc_slices = stats.slices;
    result->gc_slice_words_max = stats.slice_words_max;
    result->gc_atomic_words_max = stats.atomic_words_max;
    result->output_bytes = iso->output_bytes;
    result->slices = iso->slices;
}

zvm_status zvm_isolate_result(const zvm_isolate *isolate, zvm_result *result)
{
    if (isolate == NULL || result == NULL) return ZVM_E_ARGUMENT;
    if (zapi_is_dead(runtime_of(isolate_of(isolate)))) return ZVM_E_FORKED;
    if (result->size < offsetof(zvm_result, kind)) return ZVM_E_ARGUMENT;
    const struct zisolate *iso = isolate_of(isolate);
    if (!zsched_is_done(iso)) return ZVM_E_STATE;
    zvm_result own;
    bool has_figures = result->size > offsetof(zvm_result, fuel_used);
    // A host that asks after each call asks for the ending alone: clearing the rest takes longer than all of this.
    memset(&own, 0, has_figures ? sizeof own : offsetof(zvm_result, fuel_used));
    fill_ending(iso, &own);
    if (has_figures) fill_figures(iso, &own);
    zapi_write_struct(result, result->size, &own, sizeof own);
    return ZVM_OK;
}

bool zvm_code_spawns(const zvm_code *code)
{
    return code != NULL && zneeds_has_spawn((const struct zcode *)code);
}

zvm_status zvm_isolate_set_global(zvm_isolate *isolate, const char *name, const zvm_value *value)
{
    if (isolate == NULL || name == NULL || value == NULL) return ZVM_E_ARGUMENT;
    if (zapi_is_dead(runtime_of(isolate_of(isolate)))) return ZVM_E_FORKED;
    struct zisolate *iso = isolate_of(isolate);
    struct zsched *sched = runtime_of(iso)->sched;
    struct zlane *lane;
    zvm_status status = zsched_borrow(sched, iso, &lane);
    if (status != ZVM_OK) return status;
    status = zglobal_set(iso, name, value);
    zsched_give_back(sched, iso, lane);
    return status;
}

zvm_status zvm_isolate_get_global(zvm_isolate *isolate, const char *name, zvm_value *value)
{
    if (isolate == NULL || name == NULL || value == NULL) return ZVM_E_ARGUMENT;
    if (zapi_is_dead(runtime_of(isolate_of(isolate)))) return ZVM_E_FORKED;
    struct zisolate *iso = isolate_of(isolate);
    if (!zsched_is_at_rest(iso) || zsched_is_in_hand(iso)) return ZVM_E_BUSY;
    return zglobal_get(iso, name, value);
}

static zvm_status compile_piece(struct zisolate *iso, struct zdiagnostics *findings, uint32_t flags,
                                struct zcode **out)
{
    struct zlang_session session = {.globals = iso->code->globals,
                                    .global_flags = iso->code->global_flags,
                                    .global_count = iso->code->global_count,
                                    .is_shown = (flags & ZVM_LOAD_SHOW) != 0};
    return zlang_compile_in(runtime_of(iso)->intern, findings, &session, out);
}

// The code is taken over, or released. The isolate is in our hands.
static zvm_status load_piece(struct zisolate *iso, struct zcode *code)
{
    code->owner = runtime_of(iso);
    zvm_status status = zhosts_bind(runtime_of(iso)->hosts, code);
    if (status == ZVM_OK) status = zisolate_load(iso, code);
    if (status != ZVM_OK) zcode_release(code);
    return status;
}

zvm_status zvm_isolate_load(zvm_isolate *isolate, const char *name, const char *text,
                            size_t length_bytes, uint32_t flags, zvm_write_fn diagnostics,
                            void *context)
{
    if (isolate == NULL || name == NULL || (flags & ~(uint32_t)ZVM_LOAD_SHOW) != 0)
        return ZVM_E_ARGUMENT;
    if (zapi_is_dead(runtime_of(isolate_of(isolate)))) return ZVM_E_FORKED;
    if (text == NULL && length_bytes > 0) return ZVM_E_ARGUMENT;
    struct zisolate *iso = isolate_of(isolate);
    zvm_status status = zsched_may_reopen(iso);
    if (status != ZVM_OK) return status;
    // The slots of modules would stand in the middle of the session's.
    if (iso->code->program_global_count != iso->code->global_count) return ZVM_E_STATE;
    struct zdiagnostics findings = {.file_name = name,
                                    .text = text == NULL ? "" : text,
                                    .length_bytes = length_bytes,
                                    .write = diagnostics,
                                    .context = context};
    if (!check_source_name(name, &findings)) return ZVM_E_UTF8;
    struct zsched *sched = runtime_of(iso)->sched;
    struct zlane *lane;
    struct zcode *code;
    status = zsched_borrow(sched, iso, &lane); // findings are told by a callback
    if (status != ZVM_OK) return status;
    status = compile_piece(iso, &findings, flags, &code);
    if (status == ZVM_OK) status = load_piece(iso, code);
    zsched_give_back(sched, iso, lane);
    return status == ZVM_OK ? zsched_reopen(iso) : status;
}

zvm_status zvm_isolate_globals(const zvm_isolate *isolate, zvm_write_fn write, void *context)
{
    if (isolate == NULL || write == NULL) return ZVM_E_ARGUMENT;
    if (zapi_is_dead(runtime_of(isolate_of(isolate)))) return ZVM_E_FORKED;
    struct zisolate *iso =
        (struct zisolate *)isolate_of(isolate); // for the callback it is in our hands
    struct zsched *sched = runtime_of(iso)->sched;
    struct zlane *lane;
    zvm_status status = zsched_borrow(sched, iso, &lane);
    for (uint32_t slot = 0; status == ZVM_OK && slot < iso->code->global_count; slot++) {
        const struct zstring *name = iso->code->globals[slot];
        if (iso->stack[slot].tag == ZTAG_UNSET) continue;
        if (!write(context, name->bytes, name->header.aux)) status = ZVM_E_OUTPUT;
    }
    if (status == ZVM_OK || status == ZVM_E_OUTPUT) zsched_give_back(sched, iso, lane);
    return status;
}

void *zvm_isolate_user(const zvm_isolate *isolate)
{
    return isolate == NULL ? NULL : isolate_of(isolate)->user;
}
