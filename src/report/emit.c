// report/emit.c - text on its way out: a buffer in front of the caller's write function.
//
// Owns: one buffer while a report is written. Thread: owner.
// Invariant: once the reader has refused, or memory was refused, nothing more is handed on: what
// the reader has got is a prefix of the report.
#include "report/report_internal.h"

#include "base/assert.h"

// A write call a piece: large enough that its cost does not show, small enough to stay in the
// cache.
#define PIECE_BYTES 16384

void zemit_init(struct zemit *emit, zvm_write_fn write, void *context)
{
    *emit = (struct zemit){.write = write, .context = context};
    zstrbuf_init(&emit->buffer);
}

static void hand_on(struct zemit *emit)
{
    struct zstrbuf *buffer = &emit->buffer;
    if (emit->was_refused || buffer->failed || buffer->length == 0) return;
    if (!emit->write(emit->context, zstrbuf_text(buffer), buffer->length)) emit->was_refused = true;
    zstrbuf_clear(buffer);
}

void zemit_flush(struct zemit *emit)
{
    if (emit->buffer.length >= PIECE_BYTES) hand_on(emit);
}

zvm_status zemit_end(struct zemit *emit)
{
    hand_on(emit);
    bool has_failed = emit->buffer.failed;
    zstrbuf_deinit(&emit->buffer);
    if (has_failed) return ZVM_E_NOMEM;
    return emit->was_refused ? ZVM_E_OUTPUT : ZVM_OK;
}

void zemit_seconds(struct zemit *emit, uint64_t ns)
{
    const uint64_t second = UINT64_C(1000000000);
    zstrbuf_add_format(&emit->buffer, "%llu.%09llu", (unsigned long long)(ns / second),
                       (unsigned long long)(ns % second));
}

zvm_status zreport_write(const struct zreport_view *view, zvm_report_format format,
                         zvm_write_fn write, void *context)
{
    ZVM_ASSERT(view != NULL);
    ZVM_ASSERT(write != NULL);

    struct zemit emit;
    zemit_init(&emit, write, context);
    switch (format) {
    case ZVM_REPORT_TEXT:
        zreport_write_text(view, &emit);
        break;
    case ZVM_REPORT_JSON:
        zreport_write_json(view, &emit);
        break;
    case ZVM_REPORT_PROMETHEUS:
        zreport_write_prometheus(view, &emit);
        break;
    default:
        zemit_end(&emit);
        return ZVM_E_ARGUMENT;
    }
    return zemit_end(&emit);
}
