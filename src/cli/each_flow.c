// cli/each_flow.c - rows from an input through threads to an output, in order, in flat memory.
//
// A *block* is some whole lines, and what has become of them. Blocks stand in a ring: a thread reads lines into
// the next free one, workers take them in that order, and main writes them out in that order and frees them.
// What is done is not held back: main flushes when there is nothing more to write just now, and of a block that takes
// its time it writes what is ready while the worker goes on.
//
// Owns: the ring, the reader's thread and the workers'. Thread: as each function says; the counters and the
// states of blocks are under the lock, a block's texts belong to who its state says; but the first `ready` bytes
// of the results of one that is RUNNING main may read: they are written once, and moved under the block's own lock.
// PAIR ready: release by the worker, acquire by main.
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
#define TICK_NS         200000000L // how often main looks up, for progress
#define EARLY_NS        5000000L // after so long it does not wait for the rest of a block; most take one
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
    pthread_mutex_t moving; // while `out` gets another place
    atomic_size_t ready;    // of out: bytes that are whole lines
    size_t written;         // main's: of those
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
    struct cli_buffer piece;         // main's: of a block that is RUNNING
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

static uint64_t count_lines(const char *text, size_t length)
{
    uint64_t count = 0;
    const char *at = text, *end = text + length;
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
        uint64_t rows = block->is_too_long ? 1 : count_lines(block->in.data, block->in.length);
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

// Adds a line to the results, and lets main see it. false: no memory.
static bool give_line(struct block *block, struct cli_buffer *line)
{
    bool has_room = block->out.capacity - block->out.length >= line->length;
    if (!has_room) {
        pthread_mutex_lock(&block->moving);
        has_room = cli_buffer_reserve(&block->out, line->length);
        pthread_mutex_unlock(&block->moving);
    }
    bool is_added = has_room && cli_buffer_add(&block->out, line->data, line->length);
    atomic_store_explicit(&block->ready, block->out.length, memory_order_release); // PAIR ready
    trim(line);
    return is_added;
}

static bool run_line(struct cli_each_flow *flow, struct cli_each_worker *worker,
                     struct block *block, uint64_t row, const char *line, size_t length)
{
    if (is_stopping(flow)) return false;
    if (block->out.length > OUT_BYTES_MAX && !drain(flow, block)) return false;
    return cli_each_row(worker, row, line, length, &worker->line) &&
           give_line(block, &worker->line);
}

static bool run_lines(struct cli_each_flow *flow, struct cli_each_worker *worker,
                      struct block *block)
{
    if (block->is_too_long)
        return cli_each_row_too_long(worker, block->first_row, &worker->line) &&
               give_line(block, &worker->line);
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

// Something that main does without the lock, before it waits.
static void do_unlocked(struct cli_each_flow *flow, bool has_time)
{
    pthread_mutex_unlock(&flow->lock);
    if (has_time) cli_progress_show(&flow->progress, atomic_load(&flow->finished_rows), 0);
    bool ok = cli_output_flush(flow->output);
    pthread_mutex_lock(&flow->lock);
    if (!ok) stop_locked(flow);
}

// What main does next.
struct work {
    struct block *block; // NULL: all is written, or it is to stop
    bool is_running;     // the worker's still: only what is ready
};

static bool is_ready(const struct block *block)
{
    return block->state == DONE || block->state == DRAINING;
}

static bool has_more(struct block *block)
{
    size_t ready = atomic_load_explicit(&block->ready, memory_order_acquire); // PAIR ready
    return block->state == RUNNING && ready > block->written;
}

// What has been written reaches its reader before main waits for more.
static struct work next_work(struct cli_each_flow *flow)
{
    struct work work = {.block = NULL};
    bool is_flushed = false;
    pthread_mutex_lock(&flow->lock);
    while (work.block == NULL && !is_stopping(flow)) {
        struct block *head = block_at(flow, flow->written);
        bool is_there = flow->written < flow->read;
        if (is_there && is_ready(head)) {
            work.block = head;
        } else if (flow->is_over && !is_there) {
            break;
        } else if (!is_flushed) {
            do_unlocked(flow, false /* has_time */);
            is_flushed = true; // look again: something may have come meanwhile
        } else if (!wait_for_work(flow, is_there ? EARLY_NS : TICK_NS)) {
            work.is_running = is_there && has_more(head);
            if (work.is_running)
                work.block = head;
            else
                do_unlocked(flow, true /* has_time */);
        }
    }
    pthread_mutex_unlock(&flow->lock);
    return work;
}

static void write_text(struct cli_each_flow *flow, const struct cli_buffer *text, size_t start)
{
    if (text->length == start) return;
    const char *rest = text->data + start;
    size_t length = text->length - start;
    if (cli_output_write(flow->output, rest, length))
        flow->end.written_rows += count_lines(rest, length);
}

// Of a block that the worker goes on with. Without memory it waits until the block is done.
static void write_ready(struct cli_each_flow *flow, struct block *block)
{
    pthread_mutex_lock(&block->moving);
    size_t ready = atomic_load_explicit(&block->ready, memory_order_acquire); // PAIR ready
    size_t length = ready - block->written;
    bool is_taken = cli_buffer_add(&flow->piece, block->out.data + block->written, length);
    pthread_mutex_unlock(&block->moving);
    if (!is_taken) return;
    block->written = ready;
    write_text(flow, &flow->piece, 0);
    trim(&flow->piece);
}

static void stop_if_failed_locked(struct cli_each_flow *flow)
{
    if (cli_output_has_failed(flow->output)) stop_locked(flow);
}

static void free_block(struct cli_each_flow *flow, struct block *block)
{
    trim(&block->out);
    block->written = 0;
    atomic_store_explicit(&block->ready, 0, memory_order_relaxed); // the worker gets it by the lock
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
    stop_if_failed_locked(flow);
    pthread_mutex_unlock(&flow->lock);
}

static void do_work(struct cli_each_flow *flow, struct work work)
{
    if (!work.is_running) {
        write_text(flow, &work.block->out, work.block->written);
        free_block(flow, work.block);
        return;
    }
    write_ready(flow, work.block);
    pthread_mutex_lock(&flow->lock);
    stop_if_failed_locked(flow);
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
        if (!cli_output_has_failed(flow->output)) write_text(flow, &block->out, block->written);
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
    for (struct work work = next_work(flow); work.block != NULL; work = next_work(flow)) {
        do_work(flow, work);
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
    for (uint32_t i = 0; i < flow->count; i++)
        pthread_mutex_init(&flow->blocks[i].moving, NULL);
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
        pthread_mutex_destroy(&flow->blocks[i].moving);
    }
    cli_buffer_free(&flow->piece);
    cli_lines_free(&flow->lines);
    pthread_cond_destroy(&flow->to_read);
    pthread_cond_destroy(&flow->to_run);
    pthread_cond_destroy(&flow->to_go_on);
    pthread_cond_destroy(&flow->to_write);
    pthread_mutex_destroy(&flow->lock);
    free_parts(flow);
}
