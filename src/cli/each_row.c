// cli/each_row.c - one row of `zvm each`.
//
// Owns: the isolate of its thread, two buffers, counts. Thread: one of the command's; cancelling: any.
// A row's isolate is as if it was just made: the thread's is reset. Its life: the line becomes a value in it,
// its top level runs, main(value) is called, what that returns is written. Anything that goes wrong on the way
// is a record in the row's place: one line in, one line out, whatever happens.
#include "cli/each_row.h"

#include "cli/failure.h"
#include "cli/message.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define MESSAGE_BYTES_MAX 4096u // of a record

// ---- Counting -------------------------------------------------------------------------------------

static void count_reason(struct cli_each_tally *tally, const char *name, uint64_t count)
{
    for (uint32_t i = 0; i < tally->reason_count; i++) {
        if (strcmp(tally->reasons[i].name, name) != 0) continue;
        tally->reasons[i].count += count;
        return;
    }
    size_t length = strlen(name);
    if (tally->reason_count == CLI_EACH_REASONS_MAX || length >= CLI_EACH_REASON_BYTES) {
        tally->other_count += count;
        return;
    }
    memcpy(tally->reasons[tally->reason_count].name, name, length + 1);
    tally->reasons[tally->reason_count++].count = count;
}

static void note_lowest(struct cli_each_tally *tally, uint64_t row, int exit_status)
{
    if (tally->failed > 0 && tally->lowest_row < row) return;
    tally->lowest_row = row;
    tally->exit_status = exit_status;
}

void cli_each_tally_add(struct cli_each_tally *tally, const struct cli_each_tally *more)
{
    if (more->failed > 0) note_lowest(tally, more->lowest_row, more->exit_status);
    tally->rows += more->rows;
    tally->failed += more->failed;
    tally->other_count += more->other_count;
    for (uint32_t i = 0; i < more->reason_count; i++)
        count_reason(tally, more->reasons[i].name, more->reasons[i].count);
}

// ---- Records --------------------------------------------------------------------------------------

struct record {
    const char *kind, *message, *file;
    uint64_t line, column; // 0: unknown
    int exit_status;
};

static size_t shown_bytes(const char *message)
{
    size_t length = strnlen(message, MESSAGE_BYTES_MAX);
    while (length == MESSAGE_BYTES_MAX || ((unsigned char)message[length] & 0xc0) == 0x80)
        length--;
    return length;
}

static bool add_member(struct cli_buffer *out, const char *name, const char *text, size_t length)
{
    return cli_buffer_add(out, name, strlen(name)) && cli_json_add_string(out, text, length);
}

// {"error":{"kind":"TypeError","message":"…","file":"p.zx","line":3,"column":5,"row":17}}
static bool add_record(struct cli_buffer *out, const struct record *record, uint64_t row)
{
    char numbers[120];
    int length = snprintf(numbers, sizeof numbers,
                          ",\"line\":%" PRIu64 ",\"column\":%" PRIu64 ",\"row\":%" PRIu64 "}}\n",
                          record->line, record->column, row);
    return add_member(out, "{\"error\":{\"kind\":", record->kind, strlen(record->kind)) &&
           add_member(out, ",\"message\":", record->message, shown_bytes(record->message)) &&
           add_member(out, ",\"file\":", record->file, strlen(record->file)) &&
           cli_buffer_add(out, numbers, (size_t)length);
}

// The row's line is this, instead of what was begun.
static bool fail_row(struct cli_each_worker *worker, uint64_t row, size_t start,
                     struct cli_buffer *out, const struct record *record)
{
    out->length = start;
    if (!add_record(out, record, row)) {
        out->length = start;
        return false;
    }
    note_lowest(&worker->tally, row, record->exit_status);
    count_reason(&worker->tally, record->kind, 1);
    worker->tally.failed++;
    return true;
}

static const char *input_name(const struct cli_each_worker *worker)
{
    const char *name = worker->options->in_file;
    return name == NULL ? "-" : name;
}

// Errors have a kind of their own; what else ends a run is named here.
static const char *kind_of(zvm_status status)
{
    switch (status) {
    case ZVM_E_HEAP_LIMIT:
        return "HeapLimitError";
    case ZVM_E_INTERN_LIMIT:
        return "InternLimitError";
    case ZVM_E_FUEL:
        return "OutOfFuel";
    case ZVM_E_TIMEOUT:
        return "Timeout";
    case ZVM_E_CPU_TIME:
        return "OutOfCpuTime";
    case ZVM_E_OUTPUT_LIMIT:
        return "OutputLimit";
    case ZVM_E_NOMEM:
        return "OutOfMemory";
    case ZVM_E_LIMIT:
        return "LimitError";
    default:
        return "Failure";
    }
}

static struct record record_of_status(const struct cli_each_worker *worker, zvm_status status)
{
    return (struct record){.kind = kind_of(status),
                           .message = zvm_status_text(status),
                           .file = worker->options->file,
                           .exit_status = cli_failure_exit_status(status)};
}

static struct record record_of_result(const struct cli_each_worker *worker,
                                      const zvm_result *result)
{
    struct record record = record_of_status(worker, result->status);
    if (result->status == ZVM_E_ERROR && result->kind[0] != '\0') record.kind = result->kind;
    if (result->message[0] != '\0') record.message = result->message;
    if (result->file[0] != '\0') record.file = result->file;
    record.line = result->line;
    record.column = result->column;
    return record;
}

// ---- The isolate ----------------------------------------------------------------------------------

void cli_each_worker_init(struct cli_each_worker *worker, zvm_runtime *runtime, zvm_code *code,
                          const struct cli_run_options *options)
{
    *worker = (struct cli_each_worker){.runtime = runtime, .code = code, .options = options};
    pthread_mutex_init(&worker->lock, NULL);
    worker->isolate_options = (zvm_isolate_options)ZVM_ISOLATE_OPTIONS_INIT;
    cli_options_apply(options, &worker->isolate_options);
}

static void set_isolate(struct cli_each_worker *worker, zvm_isolate *isolate)
{
    pthread_mutex_lock(&worker->lock);
    worker->isolate = isolate;
    pthread_mutex_unlock(&worker->lock);
}

static void drop_isolate(struct cli_each_worker *worker)
{
    zvm_isolate *isolate = worker->isolate;
    if (isolate == NULL) return;
    set_isolate(worker, NULL);
    zvm_isolate_destroy(isolate);
}

void cli_each_worker_deinit(struct cli_each_worker *worker)
{
    drop_isolate(worker);
    cli_json_reader_free(&worker->reader);
    cli_buffer_free(&worker->line);
    pthread_mutex_destroy(&worker->lock);
}

void cli_each_worker_cancel(struct cli_each_worker *worker)
{
    pthread_mutex_lock(&worker->lock);
    if (worker->isolate != NULL) zvm_isolate_cancel(worker->isolate);
    pthread_mutex_unlock(&worker->lock);
}

// One as it is when it was just made.
static zvm_status take_isolate(struct cli_each_worker *worker)
{
    if (worker->isolate != NULL && worker->is_used && zvm_isolate_reset(worker->isolate) != ZVM_OK)
        drop_isolate(worker);
    worker->is_used = true;
    if (worker->isolate != NULL) return ZVM_OK;
    zvm_isolate *isolate;
    zvm_status status =
        zvm_isolate_create(worker->runtime, worker->code, &worker->isolate_options, &isolate);
    if (status == ZVM_OK) set_isolate(worker, isolate);
    return status;
}

// To its end; what waits for a time is waited for.
static zvm_status run_isolate(zvm_isolate *isolate, zvm_result *result)
{
    zvm_status status = zvm_isolate_run(isolate, 0, NULL);
    while (status == ZVM_E_WAITING) {
        status = zvm_isolate_wait(isolate, UINT64_MAX);
        if (status == ZVM_OK) status = zvm_isolate_run(isolate, 0, NULL);
    }
    return status == ZVM_OK ? zvm_isolate_result(isolate, result) : status;
}

// ---- A row ----------------------------------------------------------------------------------------

struct row {
    uint64_t number;
    const char *line;
    size_t length;
    struct cli_buffer *out;
    size_t start; // of its line in out
    bool is_cancelled;
};

static bool fail(struct cli_each_worker *worker, const struct row *row, struct record record)
{
    return fail_row(worker, row->number, row->start, row->out, &record);
}

static bool fail_status(struct cli_each_worker *worker, struct row *row, zvm_status status)
{
    row->is_cancelled = status == ZVM_E_CANCELLED;
    return !row->is_cancelled && fail(worker, row, record_of_status(worker, status));
}

static bool fail_input(struct cli_each_worker *worker, struct row *row)
{
    const struct cli_json_reader *reader = &worker->reader;
    if (reader->problem == NULL) return fail_status(worker, row, reader->status);
    return fail(worker, row,
                (struct record){.kind = "InvalidJson",
                                .message = reader->problem,
                                .file = input_name(worker),
                                .line = row->number,
                                .column = (uint64_t)(reader->at - reader->start) + 1,
                                .exit_status = CLI_EXIT_FAILED});
}

// *is_done: the row's line stands, because it failed.
static bool run_step(struct cli_each_worker *worker, struct row *row, bool *is_done)
{
    zvm_result result; // all that is asked for is written: no figures
    result.size = offsetof(zvm_result, fuel_used);
    zvm_status status = run_isolate(worker->isolate, &result);
    if (status == ZVM_OK && result.status == ZVM_OK) return true;
    *is_done = true;
    if (status != ZVM_OK) return fail_status(worker, row, status);
    row->is_cancelled = result.status == ZVM_E_CANCELLED;
    return !row->is_cancelled && fail(worker, row, record_of_result(worker, &result));
}

static bool fail_call(struct cli_each_worker *worker, struct row *row, zvm_status status)
{
    bool is_missing = status == ZVM_E_NOT_FOUND || status == ZVM_E_TYPE;
    if (!is_missing) return fail_status(worker, row, status);
    struct record record = record_of_status(worker, status);
    record.kind = "TypeError";
    record.message = "main is no function when the top level has run";
    return fail(worker, row, record);
}

static bool write_result(struct cli_each_worker *worker, struct row *row)
{
    struct cli_json_writer *writer = &worker->writer;
    zvm_ref result;
    zvm_status status = zvm_ref_result(worker->isolate, &result);
    if (status != ZVM_OK) return fail_status(worker, row, status);
    if (cli_json_write(writer, worker->isolate, result, worker->options->line_limit_bytes,
                       row->out))
        return cli_buffer_add_char(row->out, '\n');
    if (writer->problem == NULL) return fail_status(worker, row, writer->status);
    struct record record = record_of_status(worker, ZVM_E_ERROR);
    record.kind = "InvalidResult";
    record.message = writer->problem;
    return fail(worker, row, record);
}

static bool run_in_scope(struct cli_each_worker *worker, struct row *row)
{
    zvm_ref value;
    bool is_done = false;
    if (!cli_json_read(&worker->reader, worker->isolate, row->line, row->length, &value))
        return fail_input(worker, row);
    bool ok = run_step(worker, row, &is_done); // the top level
    if (is_done) return ok;
    zvm_status status = zvm_isolate_call(worker->isolate, "main", &value, 1);
    if (status != ZVM_OK) return fail_call(worker, row, status);
    ok = run_step(worker, row, &is_done);
    return is_done ? ok : write_result(worker, row);
}

// The scope is closed by the reset before the next row, as those that a failure has left open.
static bool run_row(struct cli_each_worker *worker, struct row *row)
{
    zvm_scope scope;
    zvm_status status = take_isolate(worker);
    if (status == ZVM_OK) status = zvm_scope_open(worker->isolate, &scope);
    if (status != ZVM_OK) return fail_status(worker, row, status);
    return run_in_scope(worker, row);
}

static bool end_row(struct cli_each_worker *worker, struct row *row, bool ok)
{
    if (ok) worker->tally.rows++;
    if (!ok) row->out->length = row->start;
    return ok;
}

bool cli_each_row(struct cli_each_worker *worker, uint64_t number, const char *line, size_t length,
                  struct cli_buffer *out)
{
    if (length > worker->options->line_limit_bytes)
        return cli_each_row_too_long(worker, number, out);
    struct row row = {
        .number = number, .line = line, .length = length, .out = out, .start = out->length};
    return end_row(worker, &row, run_row(worker, &row));
}

bool cli_each_row_too_long(struct cli_each_worker *worker, uint64_t number, struct cli_buffer *out)
{
    struct row row = {.number = number, .out = out, .start = out->length};
    char limit[CLI_UNIT_CHARS], message[80];
    snprintf(message, sizeof message, "a line of more than %s bytes; --line-limit says how many",
             cli_size(worker->options->line_limit_bytes, limit));
    struct record record = {.kind = "LineTooLong",
                            .message = message,
                            .file = input_name(worker),
                            .line = number,
                            .exit_status = CLI_EXIT_FAILED};
    return end_row(worker, &row, fail(worker, &row, record));
}
