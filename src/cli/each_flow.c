// cli/each_flow.c - rows from an input through threads to an output, in order, in flat memory.
//
// A *block* is some whole lines, and what has become of them. Blocks stand in a ring: a thread reads lines into
// the next free one, workers take them in that order, and main writes them out in that order and frees them.
//
// Owns: the ring, the reader's thread and the workers'. Thread: as each function says; the counters and the
// states of blocks are under the lock, a block's texts belong to who its state says.
// Invariants:  1. written <= taken <= read <= written + count: only so many blocks are ever in use.
//              2. a block's result is at most OUT_BYTES_MAX and one line: a worker with more waits until its block
//                 is the next to be written and main has taken what there is (DRAINING). So memory does not
//                 depend on the input, nor on how slow the output is.
//              3. main writes whole lines only, and of a block that was cut short (a stop) its beginning.
// How it stops: a flag that workers look at before each row; a descriptor that the reader looks at; and, until
// all threads have ended, a cancel of what runs every few milliseconds, because one that comes between two
// runs of an isolate is forgotten.
#include "cli/each_flow.h"

#include "cli/message.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define OUT_BYTES_MAX   ((size_t)1 << 20)
#define KEPT_BYTES_MAX  ((size_t)1 << 20) // of a buffer that waits for its next use
#define BLOCKS_BASE     4u
#define TICK_NS         200000000L // how often main looks up, for progress and slow inputs
#define CANCEL_EVERY_NS 5000000L

enum state {
    FREE,
    READ,     // for a worker
    RUNNING,  // a worker's
    DRAINING, // main's: the worker waits until what there is was written
    DONE      // main's
};

struct block {
    enum state state; // under lock
    struct cli_buffer in, out;
    uint64_t first_row;
    bool is_too_long; // one line, of which there is no text
    bool is_cut;      // a stop came in between
};

struct cli_each_flow {
    const struct cli_run_options *options;
    struct cli_output_stream *output;
    struct cli_lines lines;       // the reader's
    uint64_t skip_rows, next_row; // the reader's
    int stop_fd;
    struct cli_progress progress;    // main's
    struct cli_each_worker *workers; // [worker_count]
    pthread_t *threads;              // [worker_count]
    uint32_t worker_count, started_count;
    pthread_t reader;
    atomic_bool is_stopping;
    atomic_uint_fast64_t finished_rows; // for progress

    pthread_mutex_t lock;
    pthread_cond_t to_read, to_run, to_go_on, to_write; // to_go_on: workers that drain
    // under lock
    struct block *blocks; // [count]
    uint32_t count;
    uint64_t read, taken, written; // blocks
    bool is_over;                  // nothing more will be read
    uint32_t running_count;        // threads that have not ended
    struct cli_each_end end;
};

static struct block *block_at(struct cli_each_flow *flow, uint64_t number)
{
    return &flow->blocks[number % flow->count];
}

static bool is_stopping(const struct cli_each_flow *flow)
{
    return atomic_load_explicit(&flow->is_stopping, memory_order_relaxed);
}

static void stop_locked(struct cli_each_flow *flow)
{
    uint64_t one = 1;
    atomic_store(&flow->is_stopping, true);
    ssize_t written = write(flow->stop_fd, &one, sizeof one);
    (void)written; // an eventfd this far from overflow takes it
    pthread_cond_broadcast(&flow->to_read);
    pthread_cond_broadcast(&flow->to_run);
    pthread_cond_broadcast(&flow->to_go_on);
    pthread_cond_broadcast(&flow->to_write);
}

void cli_each_flow_stop(void *context)
{
    struct cli_each_flow *flow = context;
    pthread_mutex_lock(&flow->lock);
    flow->end.is_stopped = true;
    stop_locked(flow);
    pthread_mutex_unlock(&flow->lock);
}

static void trim(struct cli_buffer *buffer)
{
    buffer->length = 0;
    if (buffer->capacity > KEPT_BYTES_MAX) cli_buffer_free(buffer);
}

// ---- Reading: the reader's thread -----------------------------------------------------------------

// NULL: told to stop.
static struct block *take_free(struct cli_each_flow *flow)
{
    pthread_mutex_lock(&flow->lock);
    while (!is_stopping(flow) && flow->read - flow->written == flow->count)
        pthread_cond_wait(&flow->to_read, &flow->lock);
    struct block *block = is_stopping(flow) ? NULL : block_at(flow, flow->read);
    pthread_mutex_unlock(&flow->lock);
    return block;
}

static uint64_t count_lines(const struct cli_buffer *text)
{
    uint64_t count = 0;
    const char *at = text->data, *end = text->data + text->length;
    while (at < end) {
        at = memchr(at, '\n', (size_t)(end - at));
        at++; // every line has its line feed
        count++;
    }
    return count;
}

// Takes the first rows away that are to be passed over. The rows that are left.
static uint64_t skip(struct cli_each_flow *flow, struct cli_buffer *text, uint64_t rows)
{
    uint64_t skipped = rows < flow->skip_rows ? rows : flow->skip_rows;
    if (skipped == 0) return rows;
    const char *at = text->data;
    for (uint64_t i = 0; i < skipped; i++)
        at = (const char *)memchr(at, '\n', (size_t)(text->data + text->length - at)) + 1;
    size_t bytes = (size_t)(at - text->data);
    memmove(text->data, at, text->length - bytes);
    text->length -= bytes;
    flow->skip_rows -= skipped;
    flow->next_row += skipped;
    return rows - skipped;
}

// Reads into a block until it has a row that counts.
static enum cli_lines_end fill(struct cli_each_flow *flow, struct block *block)
{
    for (;;) {
        enum cli_lines_end end = cli_lines_next(&flow->lines, &block->in);
        if (end != CLI_LINES_GOT && end != CLI_LINES_TOO_LONG) return end;
        block->is_too_long = end == CLI_LINES_TOO_LONG;
        uint64_t rows = block->is_too_long ? 1 : count_lines(&block->in);
        if (block->is_too_long && flow->skip_rows > 0) {
            flow->skip_rows--;
            flow->next_row++;
            continue;
        }
        if (!block->is_too_long) rows = skip(flow, &block->in, rows);
        block->first_row = flow->next_row;
        flow->next_row += rows;
        if (rows > 0) return CLI_LINES_GOT;
    }
}

static void publish(struct cli_each_flow *flow, struct block *block)
{
    pthread_mutex_lock(&flow->lock);
    block->state = READ;
    flow->read++;
    pthread_cond_signal(&flow->to_run);
    pthread_mutex_unlock(&flow->lock);
}

static void end_reading(struct cli_each_flow *flow, enum cli_lines_end end)
{
    pthread_mutex_lock(&flow->lock);
    flow->is_over = true;
    if (end == CLI_LINES_FAILED) flow->end.input_error = flow->lines.error;
    flow->end.is_input_short = end == CLI_LINES_OVER && flow->skip_rows > 0;
    flow->end.input_rows = flow->next_row - 1;
    flow->running_count--;
    pthread_cond_broadcast(&flow->to_run);
    pthread_cond_signal(&flow->to_write);
    pthread_mutex_unlock(&flow->lock);
}

static void *read_all(void *context)
{
    struct cli_each_flow *flow = context;
    enum cli_lines_end end = CLI_LINES_STOPPED;
    struct block *block;
    while ((block = take_free(flow)) != NULL) {
        end = fill(flow, block);
        if (end != CLI_LINES_GOT) break;
        publish(flow, block);
    }
    end_reading(flow, end);
    return NULL;
}

// ---- Running: the workers' threads ----------------------------------------------------------------

// NULL: there is nothing more.
static struct block *take_read(struct cli_each_flow *flow)
{
    struct block *block = NULL;
    pthread_mutex_lock(&flow->lock);
    while (!is_stopping(flow) && flow->taken == flow->read && !flow->is_over)
        pthread_cond_wait(&flow->to_run, &flow->lock);
    if (!is_stopping(flow) && flow->taken < flow->read) {
        block = block_at(flow, flow->taken++);
        block->state = RUNNING;
    }
    pthread_mutex_unlock(&flow->lock);
    return block;
}

// Until main has written what the block has so far. false: told to stop.
static bool drain(struct cli_each_flow *flow, struct block *block)
{
    pthread_mutex_lock(&flow->lock);
    block->state = DRAINING;
    pthread_cond_signal(&flow->to_write);
    while (!is_stopping(flow) && block->state == DRAINING)
        pthread_cond_wait(&flow->to_go_on, &flow->lock);
    bool is_drained = block->state == RUNNING;
    pthread_mutex_unlock(&flow->lock);
    return is_drained;
}

static bool run_line(struct cli_each_flow *flow, struct cli_each_worker *worker,
                     struct block *block, uint64_t row, const char *line, size_t length)
{
    if (is_stopping(flow)) return false;
    if (block->out.length > OUT_BYTES_MAX && !drain(flow, block)) return false;
    return cli_each_row(worker, row, line, length, &block->out);
}

static bool run_lines(struct cli_each_flow *flow, struct cli_each_worker *worker,
                      struct block *block)
{
    if (block->is_too_long) return cli_each_row_too_long(worker, block->first_row, &block->out);
    const char *at = block->in.data, *end = at + block->in.length;
    for (uint64_t row = block->first_row; at < end; row++) {
        const char *feed = memchr(at, '\n', (size_t)(end - at));
        if (!run_line(flow, worker, block, row, at, (size_t)(feed - at))) return false;
        at = feed + 1;
    }
    return true;
}

static void give_done(struct cli_each_flow *flow, struct block *block, bool is_whole)
{
    pthread_mutex_lock(&flow->lock);
    block->is_cut = !is_whole;
    block->state = DONE;
    if (!is_whole && !is_stopping(flow)) stop_locked(flow); // no memory for a line
    pthread_cond_signal(&flow->to_write);
    pthread_mutex_unlock(&flow->lock);
}

static void *run_all(void *context)
{
    struct cli_each_worker *worker = context;
    struct cli_each_flow *flow = worker->user;
    struct block *block;
    while ((block = take_read(flow)) != NULL) {
        uint64_t before = worker->tally.rows;
        bool is_whole = run_lines(flow, worker, block);
        atomic_fetch_add_explicit(&flow->finished_rows, worker->tally.rows - before,
                                  memory_order_relaxed);
        give_done(flow, block, is_whole);
    }
    pthread_mutex_lock(&flow->lock);
    flow->running_count--;
    pthread_cond_signal(&flow->to_write);
    pthread_mutex_unlock(&flow->lock);
    return NULL;
}

// ---- Writing: main --------------------------------------------------------------------------------

// Under the lock. false: the time is over.
static bool wait_for_work(struct cli_each_flow *flow, long wait_ns)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += wait_ns;
    until.tv_sec += until.tv_nsec / 1000000000L;
    until.tv_nsec %= 1000000000L;
    return pthread_cond_timedwait(&flow->to_write, &flow->lock, &until) == 0;
}

// Nothing has come for a while: what there is reaches its reader also while the input is slow.
static void look_up_locked(struct cli_each_flow *flow)
{
    pthread_mutex_unlock(&flow->lock);
    cli_progress_show(&flow->progress, atomic_load(&flow->finished_rows), 0);
    bool ok = cli_output_flush(flow->output);
    pthread_mutex_lock(&flow->lock);
    if (!ok) stop_locked(flow);
}

// The next block that main has something to do with. NULL: all is written, or it is to stop.
static struct block *next_block(struct cli_each_flow *flow)
{
    struct block *block = NULL;
    pthread_mutex_lock(&flow->lock);
    while (block == NULL && !is_stopping(flow)) {
        struct block *head = block_at(flow, flow->written);
        bool is_there = flow->written < flow->read;
        if (is_there && (head->state == DONE || head->state == DRAINING)) {
            block = head;
        } else if (flow->is_over && !is_there) {
            break;
        } else if (!wait_for_work(flow, TICK_NS)) {
            look_up_locked(flow);
        }
    }
    pthread_mutex_unlock(&flow->lock);
    return block;
}

static void write_block(struct cli_each_flow *flow, struct block *block)
{
    if (cli_output_write(flow->output, block->out.data, block->out.length))
        flow->end.written_rows += count_lines(&block->out);
}

static void free_block(struct cli_each_flow *flow, struct block *block)
{
    trim(&block->out);
    if (block->state == DONE) trim(&block->in);
    pthread_mutex_lock(&flow->lock);
    if (block->state == DRAINING) {
        block->state = RUNNING;
        pthread_cond_broadcast(&flow->to_go_on);
    } else {
        block->state = FREE;
        flow->written++;
        pthread_cond_signal(&flow->to_read);
    }
    if (cli_output_has_failed(flow->output)) stop_locked(flow);
    pthread_mutex_unlock(&flow->lock);
}

// After a stop: cancels until the threads have ended.
static void end_threads(struct cli_each_flow *flow)
{
    pthread_mutex_lock(&flow->lock);
    while (flow->running_count > 0) {
        pthread_mutex_unlock(&flow->lock);
        for (uint32_t i = 0; i < flow->started_count && is_stopping(flow); i++)
            cli_each_worker_cancel(&flow->workers[i]);
        pthread_mutex_lock(&flow->lock);
        if (flow->running_count > 0) (void)wait_for_work(flow, CANCEL_EVERY_NS);
    }
    pthread_mutex_unlock(&flow->lock);
    pthread_join(flow->reader, NULL);
    for (uint32_t i = 0; i < flow->started_count; i++)
        pthread_join(flow->threads[i], NULL);
}

// What stands at the beginning and is whole, after a stop. The threads have ended.
static void write_rest(struct cli_each_flow *flow)
{
    bool is_cut = false;
    for (; !is_cut && flow->written < flow->taken; flow->written++) {
        struct block *block = block_at(flow, flow->written);
        if (!cli_output_has_failed(flow->output)) write_block(flow, block);
        is_cut = block->is_cut;
    }
}

static bool start_thread(struct cli_each_flow *flow, pthread_t *thread, void *(*body)(void *),
                         void *context)
{
    pthread_mutex_lock(&flow->lock);
    bool is_started = pthread_create(thread, NULL, body, context) == 0;
    if (is_started) flow->running_count++;
    pthread_mutex_unlock(&flow->lock);
    return is_started;
}

static bool start_threads(struct cli_each_flow *flow)
{
    uint32_t wanted = flow->worker_count;
    while (flow->started_count < wanted) {
        struct cli_each_worker *worker = &flow->workers[flow->started_count];
        if (!start_thread(flow, &flow->threads[flow->started_count], run_all, worker)) break;
        flow->started_count++;
    }
    bool has_reader = flow->started_count > 0 && start_thread(flow, &flow->reader, read_all, flow);
    if (has_reader && flow->started_count == wanted) return true;
    cli_complain("only %u of %u workers could be started%s", (unsigned)flow->started_count,
                 (unsigned)wanted, has_reader ? "; the run is slower, or choose a lower -w" : "");
    return has_reader;
}

// Workers that were started wait, without a reader.
static void give_up(struct cli_each_flow *flow)
{
    pthread_mutex_lock(&flow->lock);
    stop_locked(flow);
    pthread_mutex_unlock(&flow->lock);
    for (uint32_t i = 0; i < flow->started_count; i++)
        pthread_join(flow->threads[i], NULL);
    flow->end.nothing_ran = true;
}

struct cli_each_end cli_each_flow_run(struct cli_each_flow *flow, struct cli_each_tally *tally)
{
    if (!start_threads(flow)) {
        give_up(flow);
        return flow->end;
    }
    cli_progress_init(&flow->progress, UINT64_MAX);
    struct block *block;
    while ((block = next_block(flow)) != NULL) {
        write_block(flow, block);
        free_block(flow, block);
        cli_progress_show(&flow->progress, atomic_load(&flow->finished_rows), 0);
    }
    end_threads(flow);
    write_rest(flow);
    cli_progress_clear(&flow->progress);
    for (uint32_t i = 0; i < flow->started_count; i++)
        cli_each_tally_add(tally, &flow->workers[i].tally);
    flow->end.output_failed = cli_output_has_failed(flow->output);
    return flow->end;
}

// ---- Making ---------------------------------------------------------------------------------------

static bool init_conditions(struct cli_each_flow *flow)
{
    pthread_condattr_t attributes;
    if (pthread_condattr_init(&attributes) != 0) return false;
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&flow->to_read, &attributes);
    pthread_cond_init(&flow->to_run, &attributes);
    pthread_cond_init(&flow->to_go_on, &attributes);
    pthread_cond_init(&flow->to_write, &attributes);
    pthread_condattr_destroy(&attributes);
    pthread_mutex_init(&flow->lock, NULL);
    return true;
}

static bool allocate(struct cli_each_flow *flow)
{
    flow->blocks = calloc(flow->count, sizeof *flow->blocks);
    flow->workers = calloc(flow->worker_count, sizeof *flow->workers);
    flow->threads = calloc(flow->worker_count, sizeof *flow->threads);
    flow->stop_fd = eventfd(0, EFD_CLOEXEC);
    bool is_all = flow->blocks != NULL && flow->workers != NULL && flow->threads != NULL;
    return is_all && flow->stop_fd >= 0 && init_conditions(flow);
}

static void free_parts(struct cli_each_flow *flow)
{
    if (flow->stop_fd >= 0) close(flow->stop_fd);
    free(flow->blocks);
    free(flow->workers);
    free(flow->threads);
    free(flow);
}

struct cli_each_flow *cli_each_flow_create(zvm_runtime *runtime, zvm_code *code,
                                           const struct cli_run_options *options, int in_fd,
                                           uint64_t skip_rows, struct cli_output_stream *output)
{
    struct cli_each_flow *flow = calloc(1, sizeof *flow);
    if (flow == NULL) return NULL;
    flow->options = options;
    flow->output = output;
    flow->skip_rows = skip_rows;
    flow->next_row = 1;
    flow->worker_count = options->worker_count;
    flow->count = BLOCKS_BASE + 2 * options->worker_count;
    if (!allocate(flow)) {
        free_parts(flow);
        return NULL;
    }
    flow->lines = (struct cli_lines){
        .fd = in_fd, .stop_fd = flow->stop_fd, .limit_bytes = options->line_limit_bytes};
    for (uint32_t i = 0; i < flow->worker_count; i++) {
        cli_each_worker_init(&flow->workers[i], runtime, code, options);
        flow->workers[i].user = flow;
    }
    return flow;
}

void cli_each_flow_destroy(struct cli_each_flow *flow)
{
    if (flow == NULL) return;
    for (uint32_t i = 0; i < flow->worker_count; i++)
        cli_each_worker_deinit(&flow->workers[i]);
    for (uint32_t i = 0; i < flow->count; i++) {
        cli_buffer_free(&flow->blocks[i].in);
        cli_buffer_free(&flow->blocks[i].out);
    }
    cli_lines_free(&flow->lines);
    pthread_cond_destroy(&flow->to_read);
    pthread_cond_destroy(&flow->to_run);
    pthread_cond_destroy(&flow->to_go_on);
    pthread_cond_destroy(&flow->to_write);
    pthread_mutex_destroy(&flow->lock);
    free_parts(flow);
}
