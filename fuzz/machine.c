// fuzz/machine.c - the runtime of a fuzz target: compiling, running in several ways, comparing.
//
// Owns: one runtime for the life of the process, as a host would have it. Thread: one.
#include "fuzz.h"

#include "api/api_internal.h"
#include "heap/heap.h"
#include "vm/isolate.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Noreturn void fuzz_fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)fputs("fuzz: ", stderr);
    (void)vfprintf(stderr, format, arguments);
    (void)fputc('\n', stderr);
    va_end(arguments);
    abort();
}

// ---- Randomness: splitmix64 -----------------------------------------------------------------------

uint32_t fuzz_random_next(struct fuzz_random *random)
{
    uint64_t z = random->state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (uint32_t)(z >> 32);
}

uint32_t fuzz_random_below(struct fuzz_random *random, size_t limit)
{
    return (uint32_t)(fuzz_random_next(random) % limit);
}

// ---- How much of an input is checked --------------------------------------------------------------

bool fuzz_checks_all;

static uint32_t hash_of(const uint8_t *data, size_t length_bytes)
{
    uint64_t hash = length_bytes * 0x9e3779b97f4a7c15u;
    for (size_t i = 0; i < length_bytes; i++) {
        hash = (hash ^ data[i]) * 0x100000001b3u;
    }
    return fuzz_random_next(&(struct fuzz_random){hash});
}

static unsigned long long input_count, whole_count, accepted_count;

static void say_counts(void)
{
    (void)fprintf(stderr, "fuzz: %llu inputs, %llu accepted, %llu checked whole\n", input_count,
                  accepted_count, whole_count);
}

void fuzz_count_accepted(void)
{
    accepted_count++;
}

bool fuzz_begin(const uint8_t *data, size_t length_bytes, uint32_t *choice)
{
    if (input_count == 0 && getenv("ZVM_FUZZ_WHOLE") != NULL) fuzz_checks_all = true;
    uint32_t hash = hash_of(data, length_bytes);
    fuzz_turns_seed = 1 + (uint64_t)hash;
    bool is_whole = fuzz_checks_all || hash % FUZZ_WHOLE_ONE_IN == 0;
    *choice = hash / FUZZ_WHOLE_ONE_IN;
    zheap_set_verify(is_whole);
    if (input_count == 0 && atexit(say_counts) != 0) fuzz_fail("no room for an exit function");
    input_count++;
    whole_count += is_whole;
    return is_whole;
}

// ---- Bytes that grow ------------------------------------------------------------------------------

bool fuzz_text_add(void *context, const char *bytes, size_t length_bytes)
{
    struct fuzz_text *text = context;
    if (length_bytes > text->capacity_bytes - text->length_bytes) {
        size_t capacity = (text->length_bytes + length_bytes) * 2 + 64;
        text->bytes = realloc(text->bytes, capacity);
        if (text->bytes == NULL) fuzz_fail("no memory");
        text->capacity_bytes = capacity;
    }
    if (length_bytes > 0) memcpy(text->bytes + text->length_bytes, bytes, length_bytes);
    text->length_bytes += length_bytes;
    return true;
}

static void add_words(struct fuzz_text *text, const char *words)
{
    (void)fuzz_text_add(text, words, strlen(words));
}

void fuzz_text_free(struct fuzz_text *text)
{
    free(text->bytes);
    *text = (struct fuzz_text){0};
}

static bool is_same_text(const struct fuzz_text *one, const struct fuzz_text *other)
{
    return one->length_bytes == other->length_bytes &&
           (one->length_bytes == 0 || memcmp(one->bytes, other->bytes, one->length_bytes) == 0);
}

// ---- Compiling ------------------------------------------------------------------------------------

static zvm_runtime *runtime_of_process;

zvm_runtime *fuzz_runtime(void)
{
    if (runtime_of_process == NULL && zvm_runtime_create(NULL, &runtime_of_process) != ZVM_OK) {
        fuzz_fail("no runtime");
    }
    return runtime_of_process;
}

// A text of several files, and where the first one ends.
struct files {
    const char *text;
    size_t length_bytes;
};

static const char MARK[] = "//// ";

// The next line from `from` on that starts a file; the end when there is none.
static const char *find_mark(const struct files *files, const char *from)
{
    const char *end = files->text + files->length_bytes;
    for (const char *line = from; line < end; line++) {
        if ((size_t)(end - line) >= sizeof MARK - 1 && memcmp(line, MARK, sizeof MARK - 1) == 0) {
            return line;
        }
        line = memchr(line, '\n', (size_t)(end - line));
        if (line == NULL) break;
    }
    return end;
}

static zvm_status load(void *context, const char *path, zvm_module_request *request)
{
    const struct files *files = context;
    const char *end = files->text + files->length_bytes;
    size_t path_bytes = strlen(path);
    for (const char *mark = find_mark(files, files->text); mark != end;) {
        const char *name = mark + sizeof MARK - 1;
        const char *line_end = memchr(name, '\n', (size_t)(end - name));
        if (line_end == NULL) break;
        const char *next = find_mark(files, line_end + 1);
        if ((size_t)(line_end - name) == path_bytes && memcmp(name, path, path_bytes) == 0) {
            return zvm_module_give(request, NULL, line_end + 1, (size_t)(next - line_end - 1));
        }
        mark = next;
    }
    return ZVM_E_NOT_FOUND;
}

zvm_status fuzz_compile(const char *text, size_t length_bytes, struct fuzz_text *findings,
                        zvm_code **out)
{
    struct files files = {.text = length_bytes == 0 ? "" : text, .length_bytes = length_bytes};
    zvm_file_options options = ZVM_FILE_OPTIONS_INIT;
    options.text = files.text;
    options.length_bytes = (size_t)(find_mark(&files, files.text) - files.text);
    options.root = "root";
    options.load = load;
    options.load_context = &files;
    return zvm_code_from_file(fuzz_runtime(), "main.zx", &options,
                              findings == NULL ? NULL : fuzz_text_add, findings, out);
}

// ---- Running --------------------------------------------------------------------------------------

static void read_message(const zvm_result *result, struct fuzz_ending *out)
{
    struct fuzz_text *message = &out->message;
    add_words(message, result->kind);
    out->kind_bytes = message->length_bytes;
    add_words(message, ": ");
    add_words(message, result->message);
    out->text_bytes = message->length_bytes;
    for (uint32_t i = 0; i < result->trace_count; i++) {
        const zvm_trace_frame *frame = &result->trace[i];
        char place[64];
        (void)snprintf(place, sizeof place, ":%u:%u ", frame->line, frame->column);
        add_words(message, "\n");
        add_words(message, frame->file);
        add_words(message, place);
        add_words(message, frame->function);
    }
}

void fuzz_read_ending(zvm_isolate *isolate, struct fuzz_ending *out)
{
    zvm_result result = ZVM_RESULT_INIT;
    if (zvm_isolate_result(isolate, &result) != ZVM_OK) fuzz_fail("no result");
    out->status = result.status;
    out->fuel_used = result.fuel_used;
    out->line = result.line;
    out->column = result.column;
    out->allocated_count = result.allocated_count;
    if (result.status != ZVM_OK) read_message(&result, out);
}

zvm_isolate_options fuzz_isolate_options(const struct fuzz_setup *setup, struct fuzz_ending *out)
{
    zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
    options.heap_limit_bytes = setup->heap_limit_bytes;
    options.fuel_limit = setup->fuel_limit;
    options.max_depth = setup->max_depth;
    options.gc_threshold_count = setup->gc_threshold_count;
    options.output = fuzz_text_add;
    options.output_context = &out->printed;
    return options;
}

// Texts of isolates have a number, which a runtime counts.
static void count_isolates_anew(void)
{
    z_store_relaxed(&fuzz_runtime()->shared->mailbox_numbers, 0); // relaxed: a count, one thread
}

static void run_alone(zvm_code *code, const struct fuzz_setup *setup, struct fuzz_ending *out)
{
    count_isolates_anew();
    zvm_isolate_options options = fuzz_isolate_options(setup, out);
    zvm_isolate *isolate = NULL;
    zvm_status status = zvm_isolate_create(fuzz_runtime(), code, &options, &isolate);
    if (status != ZVM_OK) fuzz_fail("no isolate: %s", zvm_status_text(status));
    for (bool finished = false; !finished;) {
        status = zvm_isolate_run(isolate, setup->slice, &finished);
        if (status == ZVM_E_WAITING) // it sleeps: nobody has the time
            zvm_isolate_cancel(isolate);
        else if (status != ZVM_OK)
            fuzz_fail("%s: does not run: %s", setup->name, zvm_status_text(status));
    }
    fuzz_read_ending(isolate, out);
    if (zvm_isolate_destroy(isolate) != ZVM_OK) fuzz_fail("the isolate is not destroyed");
}

void fuzz_run(zvm_code *code, const struct fuzz_setup *setup, struct fuzz_ending *out)
{
    *out = (struct fuzz_ending){0};
    fuzz_use_switch(setup->uses_switch);
    if (zvm_code_spawns(code))
        fuzz_run_together(code, setup, out);
    else
        run_alone(code, setup, out);
    if (out->status == ZVM_E_INTERNAL) fuzz_fail("%s: an internal check failed", setup->name);
}

void fuzz_ending_free(struct fuzz_ending *ending)
{
    fuzz_text_free(&ending->printed);
    fuzz_text_free(&ending->message);
}

// ---- Comparing ------------------------------------------------------------------------------------

const char *fuzz_difference(const struct fuzz_ending *one, const struct fuzz_ending *other)
{
    if (one->status != other->status) return "how it ended";
    if (!is_same_text(&one->printed, &other->printed)) return "what it printed";
    if (!is_same_text(&one->message, &other->message)) return "the message or the trace";
    if (one->line != other->line || one->column != other->column) return "the place of the error";
    if (one->fuel_used != other->fuel_used) return "the fuel it used";
    return NULL;
}

static void show(const char *name, const struct fuzz_ending *ending)
{
    (void)fprintf(stderr, "---- %s: %s, %u:%u, fuel %llu\n%.*s\n%.*s\n", name,
                  zvm_status_text(ending->status), ending->line, ending->column,
                  (unsigned long long)ending->fuel_used, (int)ending->message.length_bytes,
                  ending->message.bytes == NULL ? "" : ending->message.bytes,
                  (int)ending->printed.length_bytes,
                  ending->printed.bytes == NULL ? "" : ending->printed.bytes);
}

void fuzz_expect_same(zvm_code *code, const struct fuzz_setup *setup,
                      const struct fuzz_ending *expected)
{
    struct fuzz_ending ending;
    fuzz_run(code, setup, &ending);
    const char *what = fuzz_difference(expected, &ending);
    if (what != NULL) {
        show("at first", expected);
        show(setup->name, &ending);
        fuzz_fail("%s: other is %s", setup->name, what);
    }
    fuzz_ending_free(&ending);
}
