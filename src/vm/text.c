// vm/text.c - values as text, LANGUAGE 3.1.
//
// Owner-thread. Nested containers are walked with an explicit stack, the runner's `work`: one entry
// a level, { container, tag, place }, so that a list nested a million deep needs no C stack. A
// container on the stack carries ZFLAG_VISITING; meeting it again is a cycle. The flag is off again
// whenever a function of this file returns, failures included.
//
// The program's text is made outside its heap, in the runner's buffer. A few nested lists can stand
// for a text of any size (a = [a, a], forty times), so what exceeds TEXT_FREE_BYTES is charged to
// the isolate's heap limit while the text is being made. Nothing else here allocates, and the
// containers are reachable from the value, which the caller keeps rooted.
#include "vm/text.h"

#include <string.h>

#include "base/alloc.h"
#include "vm/builtin.h"
#include "vm/error.h"
#include "vm/fuel.h"
#include "vm/hostobject.h"
#include "vm/list.h"
#include "vm/map.h"
#include "vm/number.h"
#include "vm/record.h"
#include "vm/string.h"
#include "vm/talk.h"

#define TEXT_FREE_BYTES  65536u     // not charged: every thread keeps about that much anyway
#define TEXT_CLAIM_BYTES 65536u     // charged at a time, at least
#define SCRATCH_KEPT_MAX (1u << 20) // a larger buffer is given back after use
#define WORK_FIRST       64u        // levels of nesting
#define WORK_KEPT_MAX    65536u
#define LEAF_BYTES       16u    // what an element costs beyond its text
#define PIECE_BYTES      (ZFUEL_POLL_BYTES / 2) // the meter may have some thousand bytes already
#define FRAME_CONTINUES  0x100u // in a frame's tag: an element has been written

struct writer {
    struct zisolate *iso;
    struct zstrbuf *out;
    uint32_t depth; // entries of the runner's work stack
    size_t claimed; // bytes charged to the heap
    struct zfuel_meter meter;
};

// ---- Output -------------------------------------------------------------------------------------

static bool no_memory(struct zisolate *iso, size_t bytes)
{
    zheap_note_nomem(&iso->heap, bytes);
    return zerror_raise_memory(iso);
}

// Before `more` bytes are written: pays for them in fuel and, for a long text, in heap.
static bool claim(struct writer *writer, size_t more)
{
    struct zisolate *iso = writer->iso;
    size_t total = writer->out->length + more;
    if (!zfuel_meter_add(iso, &writer->meter, more)) return false;
    if (ZVM_LIKELY(total <= TEXT_FREE_BYTES) || total <= writer->claimed) return true;
    if (total > ZSTRING_BYTES_MAX)
        return zerror_raise(iso, ZERROR_LIMIT, "text longer than %u bytes", ZSTRING_BYTES_MAX);
    size_t step = total - writer->claimed;
    if (step < writer->claimed / 2) step = writer->claimed / 2;
    if (step < TEXT_CLAIM_BYTES) step = TEXT_CLAIM_BYTES;
    if (!zheap_charge(&iso->heap, step)) return zerror_raise_memory(iso);
    writer->claimed += step;
    return true;
}

static bool write_piece(struct writer *writer, const char *bytes, size_t length_bytes)
{
    if (!claim(writer, length_bytes)) return false;
    zstrbuf_add(writer->out, bytes, length_bytes);
    return !writer->out->failed || no_memory(writer->iso, length_bytes);
}

static bool write_bytes(struct writer *writer, const char *bytes, size_t length_bytes)
{
    while (ZVM_UNLIKELY(length_bytes > PIECE_BYTES)) {
        if (!write_piece(writer, bytes, PIECE_BYTES)) return false;
        bytes += PIECE_BYTES;
        length_bytes -= PIECE_BYTES;
    }
    return write_piece(writer, bytes, length_bytes);
}

static bool write_text(struct writer *writer, const char *text)
{
    return write_bytes(writer, text, strlen(text));
}

static bool write_string(struct writer *writer, struct zvalue value)
{
    const struct zstring *string = value.p;
    return write_bytes(writer, zstring_bytes(string), zstring_length_bytes(string));
}

// ---- Leaves -------------------------------------------------------------------------------------

// The text of an integer whose pool is on and has it, or NULL.
static const struct zstring *pooled_int(struct zisolate *iso, int64_t value)
{
    if (iso->pool_limits[ZPOOL_INT] == 0) return NULL;
    if (zpool_is_small(value)) return iso->shared->integers[value - ZPOOL_SMALL_MIN];
    return iso->pools == NULL || !iso->is_int_pool_asked ? NULL
                                                         : zpools_find_int(iso->pools, value);
}

static bool write_int(struct writer *writer, int64_t value)
{
    const struct zstring *pooled = pooled_int(writer->iso, value);
    if (pooled != NULL) return write_bytes(writer, pooled->bytes, zstring_length_bytes(pooled));
    char text[ZNUMBER_TEXT_MAX];
    return write_bytes(writer, text, znumber_format_int(value, text));
}

static bool write_float(struct writer *writer, double value)
{
    char text[ZNUMBER_TEXT_MAX];
    return write_bytes(writer, text, znumber_format_float(value, text));
}

static bool write_function_name(struct writer *writer, const struct zfunc *func)
{
    const struct zstring *name = func->proto->name;
    if (name == NULL) return write_text(writer, "anonymous");
    return write_bytes(writer, zstring_bytes(name), zstring_length_bytes(name));
}

static bool write_function(struct writer *writer, struct zvalue value)
{
    bool ok = write_text(writer, "<function ");
    if (value.tag == ZTAG_BUILTIN) {
        ok = ok && write_text(writer, zbuiltin_of(value)->name);
    } else if (value.tag == ZTAG_BOUND) {
        const struct zbound *bound = value.p;
        ok = ok && (bound->method != NULL
                        ? write_function_name(writer, (const struct zfunc *)(void *)bound->method)
                        : write_text(writer, zbuiltin_table[bound->builtin].name));
    } else {
        ok = ok && write_function_name(writer, value.p);
    }
    return ok && write_text(writer, ">");
}

static bool write_symbol(struct writer *writer, const struct zstring *symbol)
{
    return write_bytes(writer, symbol->bytes, zstring_length_bytes(symbol));
}

static bool write_class(struct writer *writer, const struct zclass *class)
{
    return write_text(writer, "<data ") && write_symbol(writer, class->shape->data->name) &&
           write_text(writer, ">");
}

static bool write_host_object(struct writer *writer, const struct zhost_object *object)
{
    return write_text(writer, "<host object ") &&
           write_text(writer, zhost_object_kind(writer->iso, object)) && write_text(writer, ">");
}

static bool write_isolate(struct writer *writer, const struct zisolate_value *value)
{
    return write_text(writer, "<isolate ") && write_int(writer, (int64_t)value->mailbox->number) &&
           write_text(writer, ">");
}

static bool write_leaf(struct writer *writer, struct zvalue value)
{
    switch (zvalue_type(value)) {
    case ZTAG_INT:
        return write_int(writer, value.i);
    case ZTAG_FLOAT:
        return write_float(writer, value.d);
    case ZTAG_NULL:
        return write_text(writer, "null");
    case ZTAG_FALSE:
        return write_text(writer, "false");
    case ZTAG_TRUE:
        return write_text(writer, "true");
    case ZTYPE_STRING:
        return write_string(writer, value);
    case ZTYPE_FUNC:
    case ZTYPE_BOUND:
        return write_function(writer, value);
    case ZTYPE_CLASS:
        return write_class(writer, value.p);
    case ZTYPE_HOST:
        return write_host_object(writer, value.p);
    case ZTYPE_ISOLATE:
        return write_isolate(writer, value.p);
    case ZTYPE_ERROR: {
        const struct zerror *error = value.p;
        return write_string(writer, zvalue_slot(error->message, error->message_tag));
    }
    default:
        return write_text(writer, "<") && write_text(writer, zerror_type_text(value)) &&
               write_text(writer, ">");
    }
}

// ---- Containers ---------------------------------------------------------------------------------

static bool push_frame(struct writer *writer, struct zvalue container)
{
    struct zrunner *runner = writer->iso->runner;
    if (writer->depth == runner->work_capacity) {
        uint32_t capacity = runner->work_capacity == 0 ? WORK_FIRST : runner->work_capacity * 2;
        size_t bytes = (size_t)capacity * sizeof *runner->work;
        struct zvalue *grown =
            capacity < runner->work_capacity
                ? NULL
                : z_resize(runner->work, runner->work_capacity * sizeof *runner->work, bytes);
        if (grown == NULL) return no_memory(writer->iso, bytes);
        runner->work = grown;
        runner->work_capacity = capacity;
    }
    container.aux = 0;
    runner->work[writer->depth++] = container;
    ((struct zobject *)container.p)->flags |= ZFLAG_VISITING;
    return true;
}

static void pop_frame(struct writer *writer)
{
    struct zvalue *frame = &writer->iso->runner->work[--writer->depth];
    ((struct zobject *)frame->p)->flags &= (uint8_t)~ZFLAG_VISITING;
}

static bool write_separator(struct writer *writer, struct zvalue *frame)
{
    if ((frame->tag & FRAME_CONTINUES) != 0) return write_bytes(writer, ", ", 2);
    frame->tag |= FRAME_CONTINUES;
    return true;
}

// The next element of the list on top into *value, or its end.
static bool step_list(struct writer *writer, struct zvalue *frame, struct zvalue *value,
                      bool *has_value)
{
    const struct zlist *list = frame->p;
    *has_value = frame->aux < zlist_length(list);
    if (!*has_value) {
        pop_frame(writer);
        return write_bytes(writer, "]", 1);
    }
    *value = zlist_get(list, frame->aux++);
    return write_separator(writer, frame);
}

static bool step_map(struct writer *writer, struct zvalue *frame, struct zvalue *value,
                     bool *has_value)
{
    const struct zmap *map = frame->p;
    if (!zmap_skip_dead(writer->iso, map, &frame->aux)) return false;
    *has_value = frame->aux < map->used;
    if (!*has_value) {
        pop_frame(writer);
        return write_bytes(writer, "}", 1);
    }
    const struct zmap_entry *entry = &zmap_entries(map)[frame->aux++];
    *value = zvalue_slot(entry->value, entry->value_tag);
    return write_separator(writer, frame) &&
           write_leaf(writer, zvalue_slot(entry->key, entry->key_tag)) &&
           write_bytes(writer, ": ", 2);
}

static bool step_record(struct writer *writer, struct zvalue *frame, struct zvalue *value,
                        bool *has_value)
{
    const struct zrecord *record = frame->p;
    *has_value = frame->aux < record->header.aux;
    if (!*has_value) {
        pop_frame(writer);
        return write_bytes(writer, ")", 1);
    }
    uint32_t index = frame->aux++;
    *value = zvalue_slot(record->fields[index], zrecord_tags(record)[index]);
    return write_separator(writer, frame) &&
           write_symbol(writer, zrecord_shape(record)->fields[index].declared->check.name) &&
           write_bytes(writer, "=", 1);
}

static bool step(struct writer *writer, struct zvalue *value, bool *has_value)
{
    struct zvalue *frame = &writer->iso->runner->work[writer->depth - 1];
    switch (frame->tag & 0xff) {
    case ZTAG_LIST:
        return step_list(writer, frame, value, has_value);
    case ZTAG_MAP:
        return step_map(writer, frame, value, has_value);
    default:
        return step_record(writer, frame, value, has_value);
    }
}

static bool write_opening(struct writer *writer, struct zvalue value)
{
    if (value.tag == ZTAG_LIST) return write_bytes(writer, "[", 1);
    if (value.tag == ZTAG_MAP) return write_bytes(writer, "{", 1);
    return write_symbol(writer, zrecord_type_name(value.p)) && write_bytes(writer, "(", 1);
}

// The beginning of a container, or the sign of a cycle, or a leaf whole.
static bool write_value(struct writer *writer, struct zvalue value)
{
    if (!zfuel_meter_add(writer->iso, &writer->meter, LEAF_BYTES)) return false;
    bool is_container = value.tag == ZTAG_LIST || value.tag == ZTAG_MAP || value.tag == ZTAG_RECORD;
    if (!is_container) return write_leaf(writer, value);
    if (!write_opening(writer, value)) return false;
    if ((((struct zobject *)value.p)->flags & ZFLAG_VISITING) == 0)
        return push_frame(writer, value);
    const char *rest = value.tag == ZTAG_LIST ? "...]" : value.tag == ZTAG_MAP ? "...}" : "...)";
    return write_text(writer, rest);
}

static bool write_all(struct writer *writer, struct zvalue value)
{
    bool has_value = true;
    while (has_value) {
        if (!write_value(writer, value)) return false;
        has_value = false;
        while (!has_value && writer->depth > 0) {
            if (!step(writer, &value, &has_value)) return false;
        }
    }
    return true;
}

// ---- The three ways to ask for text -------------------------------------------------------------

static void trim_work(struct zrunner *runner)
{
    if (runner->work_capacity <= WORK_KEPT_MAX) return;
    z_free(runner->work, runner->work_capacity * sizeof *runner->work);
    runner->work = NULL;
    runner->work_capacity = 0;
}

bool ztext_append(struct zisolate *iso, struct zvalue value, struct zstrbuf *out)
{
    struct writer writer = {.iso = iso, .out = out};
    bool ok = write_all(&writer, value);
    while (writer.depth > 0)
        pop_frame(&writer);
    if (writer.claimed > 0) zheap_uncharge(&iso->heap, writer.claimed);
    trim_work(iso->runner);
    return ok;
}

static struct zstrbuf *open_scratch(struct zisolate *iso)
{
    zstrbuf_clear(&iso->runner->scratch);
    return &iso->runner->scratch;
}

static void close_scratch(struct zstrbuf *scratch)
{
    if (scratch->capacity <= SCRATCH_KEPT_MAX) return;
    zstrbuf_deinit(scratch);
    zstrbuf_init(scratch);
}

static bool make_int_text(struct zisolate *iso, int64_t value, struct zvalue *out)
{
    char text[ZNUMBER_TEXT_MAX];
    return zstring_new(iso, text, znumber_format_int(value, text), out);
}

// The text of an integer that is not small, while the pool is on. No fuel depends on what is pooled:
// making such a text is free of it.
static bool int_text(struct zisolate *iso, int64_t value, struct zvalue *out)
{
    struct zpools *pools = zisolate_pools(iso);
    if (pools == NULL) return make_int_text(iso, value, out);
    struct zstring *text = zpools_find_int(pools, value);
    if (text != NULL) {
        *out = zvalue_object(text, ZTAG_STRING);
        return true;
    }
    if (!make_int_text(iso, value, out)) return false;
    if (!zpools_put_int(pools, &iso->heap, value, out->p)) iso->is_int_pool_asked = false;
    return true;
}

_Static_assert(ZNUMBER_TEXT_MAX <= ZFUEL_FREE_BYTES, "the text of a number costs no fuel");

bool ztext_string(struct zisolate *iso, struct zvalue value, struct zvalue *out)
{
    if (zvalue_is_string(value)) {
        *out = value;
        return true;
    }
    if (value.tag == ZTAG_ERROR) {
        const struct zerror *error = value.p;
        *out = zvalue_slot(error->message, error->message_tag);
        return true;
    }
    if (value.tag == ZTAG_INT) {
        if (iso->pool_limits[ZPOOL_INT] == 0) return make_int_text(iso, value.i, out);
        if (!zpool_is_small(value.i)) {
            return iso->is_int_pool_asked ? int_text(iso, value.i, out)
                                          : make_int_text(iso, value.i, out);
        }
        *out = zvalue_object(iso->shared->integers[value.i - ZPOOL_SMALL_MIN], ZTAG_SYMBOL);
        return true;
    }
    struct zstrbuf *scratch = open_scratch(iso);
    bool ok = ztext_append(iso, value, scratch) &&
              zstring_new(iso, zstrbuf_text(scratch), scratch->length, out);
    close_scratch(scratch);
    return ok;
}

bool ztext_print(struct zisolate *iso, const struct zvalue *values, uint32_t count)
{
    struct zstrbuf *scratch = open_scratch(iso);
    bool ok = true;
    for (uint32_t i = 0; ok && i < count; i++) {
        if (i > 0) zstrbuf_add_char(scratch, ' ');
        ok = ztext_append(iso, values[i], scratch);
    }
    zstrbuf_add_char(scratch, '\n');
    if (ok && scratch->failed) ok = no_memory(iso, scratch->length);
    ok = ok && zisolate_output(iso, zstrbuf_text(scratch), scratch->length);
    close_scratch(scratch);
    return ok;
}
