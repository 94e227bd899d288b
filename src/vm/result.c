// vm/result.c - the texts and the stack trace of an isolate that ended badly.
//
// Owns: iso->extra's texts and trace. Thread: owner, once, when the isolate ends. Needs memory outside
// the heap; when that is refused the status stands alone and the texts read as empty.
#include "vm/result.h"

#include "vm/error.h"
#include "vm/hint.h"
#include "vm/quota.h"
#include "vm/string.h"
#include "vm/text.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/status.h"

#include <stdio.h>
#include <string.h>

#define LIMIT_MESSAGE_BYTES 128 // the longest text of a status, and two numbers

static void set_text(char **text, size_t *text_bytes, const char *from, size_t length_bytes)
{
    z_free(*text, *text_bytes);
    *text = z_alloc_text(from, length_bytes);
    *text_bytes = *text == NULL ? 0 : length_bytes + 1;
}

uint32_t zresult_capture(const struct zisolate *iso, struct ztrace_entry *out, uint32_t max)
{
    uint32_t count = 0;
    if (iso->frame == NULL) return 0;
    for (const struct zframe *frame = iso->frame; frame >= iso->frames; frame--) {
        if (frame->flags & ZFRAME_NATIVE) continue;
        const struct zproto *proto = frame->func->proto;
        if (count < max) {
            uint32_t next = (uint32_t)(frame->pc - proto->words);
            out[count] = (struct ztrace_entry){.proto = proto, .pc = next == 0 ? 0 : next - 1};
        }
        count++;
    }
    return count;
}

static void set_trace(struct zisolate *iso, const struct ztrace_entry *entries, uint32_t count,
                      uint32_t omitted)
{
    struct zisolate_extra *extra = iso->extra;
    if (count == 0) return;
    extra->trace = z_alloc(count * sizeof *extra->trace);
    if (extra->trace == NULL) return;
    extra->trace_count = count;
    extra->trace_omitted = omitted;
    for (uint32_t i = 0; i < count; i++) {
        const struct zproto *proto = entries[i].proto;
        zvm_trace_frame *frame = &extra->trace[i];
        frame->function = proto->name == NULL ? "anonymous" : proto->name->bytes;
        frame->file = zcode_file_name(proto->code, proto->file);
        zcode_position(proto, entries[i].pc, &frame->line, &frame->column);
    }
}

// The trace that the error value carries from where it was first thrown, else the frames now.
static void trace_of(struct zisolate *iso, const struct zerror *error)
{
    struct ztrace_entry entries[ZTRACE_MAX];
    uint32_t count, total;
    if (error != NULL && error->trace != NULL) {
        count = total = error->trace->header.aux / (uint32_t)sizeof entries[0];
        memcpy(entries, error->trace->data, count * sizeof entries[0]);
    } else {
        total = zresult_capture(iso, entries, ZTRACE_MAX);
        count = total < ZTRACE_MAX ? total : ZTRACE_MAX;
    }
    set_trace(iso, entries, count, total - count);
}

// After the trace: in a session what failed may stand in an earlier piece.
static void set_place(struct zisolate *iso, struct zplace place)
{
    iso->error_line = place.line;
    iso->error_column = place.column;
    const struct zisolate_extra *extra = iso->extra;
    bool is_session = extra->code_count > 0 && extra->trace_count > 0 && extra->trace != NULL;
    const char *file = is_session ? extra->trace[0].file : zcode_file_name(iso->code, place.file);
    set_text(&iso->extra->file, &iso->extra->file_bytes, file, strlen(file));
}

static bool is_heap_limit(const struct zisolate *iso, const struct zerror *error)
{
    return error->kind == (uintptr_t)iso->shared->kinds[ZERROR_HEAP_LIMIT];
}

static void set_string(char **text, size_t *text_bytes, struct zvalue string)
{
    set_text(text, text_bytes, zstring_bytes(string.p), zstring_length_bytes(string.p));
}

// An error without a hint, or without memory for it, does without.
static void set_hint(struct zisolate *iso, const struct zerror *error)
{
    struct zstrbuf *text = &iso->runner->scratch;
    zstrbuf_clear(text);
    zhint_write(error, text);
    if (text->length == 0 || text->failed) return;
    set_text(&iso->extra->hint, &iso->extra->hint_bytes, zstrbuf_text(text), text->length);
}

static const char *text_of(const struct zisolate *iso)
{
    static const char *const group_texts[] = {
        [ZQUOTA_FUEL] = "the group used up its fuel",
        [ZQUOTA_CPU] = "the group used up its CPU time",
        [ZQUOTA_OUTPUT] = "the group printed more than it may",
    };
    if (iso->status == ZVM_E_GROUP_LIMIT) return group_texts[iso->quota->sum];
    bool is_group = iso->quota != NULL && iso->quota->is_group_full;
    if (iso->status == ZVM_E_HEAP_LIMIT && is_group) return "the group used up its memory";
    return zstatus_text((zvm_status)iso->status);
}

// What the isolate had, and might have, of the limit that ends it.
static void set_limit(struct zisolate *iso)
{
    struct zisolate_extra *extra = iso->extra;
    struct zheap_stats stats;
    struct zquota_heap heap;
    switch (iso->status) {
    case ZVM_E_HEAP_LIMIT:
        zheap_stats(&iso->heap, &stats);
        heap = zquota_heap(iso, stats.limit_bytes, stats.committed_peak_bytes);
        extra->limit_used = heap.used_bytes;
        extra->limit_allowed = heap.limit_bytes;
        return;
    case ZVM_E_FUEL:
        extra->limit_used = zisolate_fuel_used(iso);
        extra->limit_allowed = iso->fuel_limit;
        return;
    case ZVM_E_TIMEOUT:
        extra->limit_used = zclock_now_ns() - (iso->deadline_ns - iso->timeout_ns);
        extra->limit_allowed = iso->timeout_ns;
        return;
    case ZVM_E_CPU_TIME:
        extra->limit_used = zquota_cpu_ns(iso);
        extra->limit_allowed = iso->quota->cpu_limit_ns;
        return;
    case ZVM_E_OUTPUT_LIMIT:
        extra->limit_used = iso->quota->output_asked_bytes;
        extra->limit_allowed = iso->quota->output_limit_bytes;
        return;
    case ZVM_E_GROUP_LIMIT:
        extra->limit_used = iso->quota->sum_used;
        extra->limit_allowed = iso->quota->sum_limit;
        return;
    default:
        extra->limit_used = extra->limit_allowed = 0;
    }
}

void zresult_error(struct zisolate *iso, struct zplace place)
{
    const struct zerror *error = iso->error.tag == ZTAG_ERROR ? iso->error.p : NULL;
    iso->status = error != NULL && is_heap_limit(iso, error) ? ZVM_E_HEAP_LIMIT : ZVM_E_ERROR;
    if (!zisolate_ensure_extra(iso)) return;

    struct zisolate_extra *extra = iso->extra;
    trace_of(iso, error);
    set_place(iso, place);
    set_limit(iso);
    if (error != NULL) {
        set_string(&extra->kind, &extra->kind_bytes, zvalue_slot(error->kind, error->kind_tag));
        set_string(&extra->message, &extra->message_bytes,
                   zvalue_slot(error->message, error->message_tag));
        set_hint(iso, error);
        return;
    }
    set_text(&extra->kind, &extra->kind_bytes, "Error", strlen("Error"));
    struct zstrbuf *text = &iso->runner->scratch;
    zstrbuf_clear(text);
    uint8_t pending = iso->pending;
    struct zvalue thrown = iso->error;
    (void)ztext_append(iso, thrown, text); // cut short when fuel or memory end inside it
    iso->pending = pending;
    iso->status = ZVM_E_ERROR;
    iso->error = thrown;
    set_text(&extra->message, &extra->message_bytes, zstrbuf_text(text), text->length);
}

void zresult_termination(struct zisolate *iso, struct zplace place)
{
    if (!zisolate_ensure_extra(iso)) return;
    struct zisolate_extra *extra = iso->extra;
    trace_of(iso, NULL);
    set_place(iso, place);
    set_limit(iso);
    const char *kind = iso->status == ZVM_E_HEAP_LIMIT ? "HeapLimitError" : "Termination";
    set_text(&extra->kind, &extra->kind_bytes, kind, strlen(kind));
    const char *text = text_of(iso);
    char message[LIMIT_MESSAGE_BYTES];
    if (extra->limit_allowed != 0) {
        snprintf(message, sizeof message, "%s: %llu of %llu", text,
                 (unsigned long long)extra->limit_used, (unsigned long long)extra->limit_allowed);
        text = message;
    }
    set_text(&extra->message, &extra->message_bytes, text, strlen(text));
}

void zresult_clear(struct zisolate *iso)
{
    struct zisolate_extra *extra = iso->extra;
    if (extra == NULL) return;
    z_free(extra->kind, extra->kind_bytes);
    z_free(extra->message, extra->message_bytes);
    z_free(extra->file, extra->file_bytes);
    if (extra->hint != NULL) z_free(extra->hint, extra->hint_bytes);
    if (extra->trace != NULL) z_free(extra->trace, extra->trace_count * sizeof *extra->trace);
    extra->kind = extra->message = extra->file = extra->hint = NULL;
    extra->kind_bytes = extra->message_bytes = extra->file_bytes = extra->hint_bytes = 0;
    extra->trace = NULL;
    extra->trace_count = extra->trace_omitted = 0;
    extra->limit_used = extra->limit_allowed = 0;
}

void zresult_free(struct zisolate *iso)
{
    struct zisolate_extra *extra = iso->extra;
    if (extra == NULL) return;
    zresult_clear(iso);
    z_free(extra->text, extra->text_bytes);
    for (size_t i = 0; i < extra->argument_count; i++) {
        if (extra->arguments[i] == NULL) continue;
        z_free(extra->arguments[i], strlen(extra->arguments[i]) + 1);
    }
    z_free(extra->arguments, extra->argument_count * sizeof *extra->arguments);
    z_free(extra, sizeof *extra);
    iso->extra = NULL;
}
