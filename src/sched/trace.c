// sched/trace.c - a ring of events, and its text: JSON that Chrome's tracing page and Perfetto show.
//
// Owns: the rings. Thread: see trace.h.
// The text is JSON whenever all of it was accepted, whatever the workers do meanwhile. An event is one
// object with the phase "X": a start and a duration, in microseconds with three digits behind the point,
// so that nanoseconds are exact. Collections lie inside the slice that they interrupt.
#include "sched/trace.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/strbuf.h"
#include "heap/heap.h"

static size_t bytes_of(size_t slots)
{
    return sizeof(struct ztrace) + slots * ZTRACE_WORDS * sizeof(uint64_t);
}

zvm_status ztrace_create(uint64_t events, struct ztrace **out)
{
    ZVM_ASSERT(events >= 1);
    ZVM_ASSERT(events <= ZVM_TRACE_EVENTS_MAX);
    size_t slots = (size_t)events + 1;
    struct ztrace *trace = z_alloc_zeroed(bytes_of(slots));
    if (trace == NULL) return ZVM_E_NOMEM;
    trace->slots = slots;
    *out = trace;
    return ZVM_OK;
}

void ztrace_destroy(struct ztrace *trace)
{
    if (trace != NULL) z_free(trace, bytes_of(trace->slots));
}

void ztrace_add(struct ztrace *trace, const struct ztrace_event *event)
{
    uint64_t number = z_load_relaxed(&trace->written); // relaxed: only this thread writes it
    _Atomic uint64_t *words = trace->words[number % trace->slots];
    z_store_release(&words[0], (uint64_t)event->kind | (uint64_t)event->detail << 8); // PAIR trace
    z_store_release(&words[1], event->start_ns);                                      // PAIR trace
    z_store_release(&words[2], event->end_ns);                                        // PAIR trace
    z_store_release(&words[3], (uint64_t)event->isolate);                             // PAIR trace
    z_store_release(&words[4], event->amount);                                        // PAIR trace
    z_store_release(&trace->written, number + 1);                                     // PAIR trace
}

bool ztrace_read(const struct ztrace *trace, uint64_t number, struct ztrace_event *out)
{
    uint64_t words[ZTRACE_WORDS];
    for (uint32_t i = 0; i < ZTRACE_WORDS; i++)
        words[i] = z_load_acquire(&trace->words[number % trace->slots][i]); // PAIR trace
    *out = (struct ztrace_event){
        .kind = (enum ztrace_kind)(words[0] & 255),
        .detail = (uint32_t)(words[0] >> 8),
        .start_ns = words[1],
        .end_ns = words[2],
        .isolate = (int64_t)words[3],
        .amount = words[4],
    };
    return number + trace->slots > z_load_acquire(&trace->written); // PAIR trace
}

// ---- The text -----------------------------------------------------------------------------------

struct writer {
    struct zstrbuf text; // of one event
    zvm_write_fn write;
    void *context;
    uint64_t start_ns;
    bool has_any;
};

static void add_time(struct zstrbuf *text, const char *name, uint64_t ns)
{
    zstrbuf_add_format(text, ",\"%s\":%llu.%03u", name, (unsigned long long)(ns / 1000),
                       (unsigned)(ns % 1000));
}

static void begin_object(struct writer *writer)
{
    zstrbuf_clear(&writer->text);
    zstrbuf_add_text(&writer->text, writer->has_any ? ",\n" : "\n");
    writer->has_any = true;
}

static bool put(struct writer *writer)
{
    const struct zstrbuf *text = &writer->text;
    return !text->failed && writer->write(writer->context, text->data, text->length);
}

static bool put_name(struct writer *writer, uint32_t row)
{
    begin_object(writer);
    zstrbuf_add_format(&writer->text,
                       "{\"ph\":\"M\",\"pid\":1,\"tid\":%u,\"name\":\"thread_name\","
                       "\"args\":{\"name\":\"worker %u\"}}",
                       (unsigned)row, (unsigned)row);
    return put(writer);
}

static void add_what(struct zstrbuf *text, const struct ztrace_event *event)
{
    static const char *const kinds[] = {"full", "slice", "minor"};
    _Static_assert(sizeof kinds / sizeof kinds[0] == ZHEAP_PAUSE_KINDS, "each kind has a name");
    long long isolate = (long long)event->isolate;
    unsigned long long amount = (unsigned long long)event->amount;
    switch (event->kind) {
    case ZTRACE_SLICE:
        zstrbuf_add_format(text,
                           "\"cat\":\"slice\",\"name\":\"isolate %lld\","
                           "\"args\":{\"isolate\":%lld,\"fuel\":%llu}",
                           isolate, isolate, amount);
        break;
    case ZTRACE_COLLECTION:
        zstrbuf_add_format(text,
                           "\"cat\":\"collection\",\"name\":\"collect (%s)\","
                           "\"args\":{\"isolate\":%lld,\"kind\":\"%s\",\"freed_bytes\":%llu}",
                           kinds[event->detail], isolate, kinds[event->detail], amount);
        break;
    case ZTRACE_PARK:
        zstrbuf_add_text(text, "\"cat\":\"park\",\"name\":\"park\"");
        break;
    }
}

static bool put_event(struct writer *writer, uint32_t row, const struct ztrace_event *event)
{
    uint64_t start_ns = writer->start_ns;
    uint64_t at_ns = event->start_ns < start_ns ? 0 : event->start_ns - start_ns;
    begin_object(writer);
    struct zstrbuf *text = &writer->text;
    zstrbuf_add_format(text, "{\"ph\":\"X\",\"pid\":1,\"tid\":%u,", (unsigned)row);
    add_what(text, event);
    add_time(text, "ts", at_ns);
    add_time(text, "dur", event->end_ns - event->start_ns);
    zstrbuf_add_char(text, '}');
    return put(writer);
}

static bool put_row(struct writer *writer, const struct ztrace *trace, uint32_t row,
                    uint64_t *dropped)
{
    if (!put_name(writer, row)) return false;
    uint64_t written = z_load_acquire(&trace->written); // PAIR trace
    uint64_t kept = trace->slots - 1;
    uint64_t first = written > kept ? written - kept : 0;
    *dropped += first;
    for (uint64_t number = first; number < written; number++) {
        struct ztrace_event event;
        if (!ztrace_read(trace, number, &event))
            (*dropped)++;
        else if (!put_event(writer, row, &event))
            return false;
    }
    return true;
}

static bool put_all(struct writer *writer, struct ztrace *const *traces, uint32_t count)
{
    static const char head[] = "{\"displayTimeUnit\":\"ns\",\"traceEvents\":[";
    uint64_t dropped = 0;
    if (!writer->write(writer->context, head, sizeof head - 1)) return false;
    for (uint32_t i = 0; i < count; i++)
        if (!put_row(writer, traces[i], i, &dropped)) return false;
    zstrbuf_clear(&writer->text);
    zstrbuf_add_format(&writer->text, "\n],\"otherData\":{\"dropped_events\":%llu}}\n",
                       (unsigned long long)dropped);
    return put(writer);
}

zvm_status ztrace_write(struct ztrace *const *traces, uint32_t count, uint64_t start_ns,
                        zvm_write_fn write, void *context)
{
    struct writer writer = {.write = write, .context = context, .start_ns = start_ns};
    zstrbuf_init(&writer.text);
    bool ok = put_all(&writer, traces, count);
    zvm_status status = ok ? ZVM_OK : writer.text.failed ? ZVM_E_NOMEM : ZVM_E_OUTPUT;
    zstrbuf_deinit(&writer.text);
    return status;
}
