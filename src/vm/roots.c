// vm/roots.c - the roots of an isolate with their names, and names for objects and edges.
//
// Owns: the list of roots that it gives out. Thread: owner.
// The list says what mark_roots (vm/isolate.c) marks, variable by variable. What neither of these
// nor an open scope leads to, and still lives, is listed as another root: so a graph is whole even
// when some part of the machine keeps objects of its own.
#include "vm/roots.h"

#include "base/alloc.h"
#include "base/strbuf.h"
#include "vm/record.h"
#include "vm/ref.h"
#include "vm/string.h"

#define NAME_BYTES_MAX 40u

// ---- Finding roots ----------------------------------------------------------------------------

static void add(struct zroots *roots, const void *object, enum zroot_kind kind, uint32_t frame,
                uint32_t slot)
{
    if (object == NULL || roots->failed) return;
    if (roots->count == roots->capacity) {
        uint32_t capacity = roots->capacity == 0 ? 16 : roots->capacity * 2;
        void *items = NULL;
        if (capacity < ZGRAPH_ROOT) {
            items = z_resize(roots->items, roots->capacity * sizeof *roots->items,
                             capacity * sizeof *roots->items);
        }
        if (items == NULL) {
            roots->failed = true;
            return;
        }
        roots->items = items;
        roots->capacity = capacity;
    }
    roots->items[roots->count++] = (struct zroot){object, kind, frame, slot};
}

static void add_value(struct zroots *roots, struct zvalue value, enum zroot_kind kind,
                      uint32_t frame, uint32_t slot)
{
    if (value.tag & ZTAG_HEAP) add(roots, value.p, kind, frame, slot);
}

static void add_globals(const struct zisolate *iso, struct zroots *roots)
{
    uint32_t room = (uint32_t)(iso->stack_end - iso->stack);
    uint32_t count = iso->code->global_count < room ? iso->code->global_count : room;
    for (uint32_t i = 0; i < count; i++) {
        add_value(roots, iso->stack[i], ZROOT_GLOBAL, 0, i);
    }
}

static uint32_t registers_of(const struct zframe *frame)
{
    if (frame->flags & ZFRAME_NATIVE) return znative_registers(frame->native);
    return frame->func->proto->register_count;
}

// A slot belongs to the innermost call whose registers begin at or below it.
static void add_frames(const struct zisolate *iso, struct zroots *roots)
{
    if (iso->frame == NULL) return;
    uint32_t from = iso->code->global_count;
    for (const struct zframe *frame = iso->frames; frame <= iso->frame; frame++) {
        uint32_t number = (uint32_t)(frame - iso->frames);
        if (!(frame->flags & ZFRAME_NATIVE)) {
            add(roots, frame->func, ZROOT_FUNCTION, number, 0);
        }
        uint32_t to = frame == iso->frame ? frame->base + registers_of(frame) : frame[1].base;
        for (uint32_t i = from; i < to; i++) {
            uint32_t slot = i < frame->base ? 0 : i - frame->base;
            add_value(roots, iso->stack[i], ZROOT_LOCAL, number, slot);
        }
        from = to > from ? to : from;
    }
}

static void add_table(const struct zref_table *table, struct zroots *roots)
{
    for (uint32_t i = 0; i < table->count; i++)
        add_value(roots, table->values[i], ZROOT_HOST, 0, i);
}

static void add_references(const struct zisolate *iso, struct zroots *roots)
{
    const struct zrefs *refs = iso->extra == NULL ? NULL : iso->extra->refs;
    if (refs == NULL) return;
    add_table(&refs->local, roots);
    add_table(&refs->pinned, roots);
    add_value(roots, refs->result, ZROOT_HOST, 0, 0);
}

static void add_rest(const struct zisolate *iso, struct zroots *roots)
{
    add_value(roots, iso->error, ZROOT_ERROR, 0, 0);
    if (iso->extra != NULL)
        add_value(roots, iso->extra->argument_list, ZROOT_ARGUMENTS, 0, 0);
    add_references(iso, roots);
    for (const struct zscope *scope = iso->heap.scopes; scope != NULL; scope = scope->previous) {
        for (uint32_t i = 0; i < scope->count; i++) {
            add_value(roots, scope->values[i], ZROOT_SCOPE, 0, i);
        }
    }
}

static void add_others(struct zgraph *graph, struct zroots *roots)
{
    for (uint32_t i = 0; i < graph->count; i++) {
        if (graph->parents[i] != ZGRAPH_NONE) continue;
        add(roots, graph->objects[i], ZROOT_OTHER, 0, roots->count);
        if (roots->failed) return;
        zgraph_add_root(graph, graph->objects[i], roots->count - 1);
        zgraph_walk(graph);
    }
}

zvm_status zroots_walk(const struct zisolate *iso, struct zgraph *graph, bool with_others,
                       struct zroots *out)
{
    *out = (struct zroots){0};
    add_globals(iso, out);
    add_frames(iso, out);
    add_rest(iso, out);
    for (uint32_t i = 0; i < out->count; i++) {
        zgraph_add_root(graph, out->items[i].object, i);
    }
    zgraph_walk(graph);
    if (with_others) add_others(graph, out);
    if (!out->failed) return ZVM_OK;
    zroots_deinit(out);
    return ZVM_E_NOMEM;
}

void zroots_deinit(struct zroots *roots)
{
    z_free(roots->items, roots->capacity * sizeof *roots->items);
    *roots = (struct zroots){0};
}

// ---- Names ------------------------------------------------------------------------------------

const char *zproto_text(const struct zproto *proto)
{
    return proto->name == NULL ? "anonymous" : proto->name->bytes;
}

void zproto_place(const struct zproto *proto, uint32_t pc, struct zstrbuf *out)
{
    uint32_t line, column;
    zcode_position(proto, pc, &line, &column);
    zstrbuf_add_format(out, "%s:%u", zcode_file_name(proto->code, proto->file), (unsigned)line);
}

static void add_call(const struct zisolate *iso, uint32_t number, struct zstrbuf *out)
{
    const struct zframe *frame = &iso->frames[number];
    if (frame->flags & ZFRAME_NATIVE) {
        zstrbuf_add_text(out, "a builtin function");
        return;
    }
    const struct zproto *proto = frame->func->proto;
    uint32_t next = (uint32_t)(frame->pc - proto->words);
    zstrbuf_add_format(out, "%s (", zproto_text(proto));
    zproto_place(proto, next == 0 ? 0 : next - 1, out);
    zstrbuf_add_char(out, ')');
}

void zroots_name(const struct zisolate *iso, const struct zroot *root, struct zstrbuf *out)
{
    switch (root->kind) {
    case ZROOT_GLOBAL:
        zstrbuf_add_format(out, "global %s", iso->code->globals[root->slot]->bytes);
        break;
    case ZROOT_LOCAL:
        zstrbuf_add_format(out, "register %u of ", (unsigned)root->slot);
        add_call(iso, root->frame, out);
        break;
    case ZROOT_FUNCTION:
        zstrbuf_add_text(out, "call of ");
        add_call(iso, root->frame, out);
        break;
    case ZROOT_ERROR:
        zstrbuf_add_text(out, "the error under way");
        break;
    case ZROOT_ARGUMENTS:
        zstrbuf_add_text(out, "the list args");
        break;
    case ZROOT_SCOPE:
        zstrbuf_add_text(out, "a builtin function at work");
        break;
    case ZROOT_HOST:
        zstrbuf_add_text(out, "a reference of the host");
        break;
    case ZROOT_OTHER:
    default:
        zstrbuf_add_text(out, "the machine");
        break;
    }
}

void zroots_add_beginning(const struct zstring *string, uint32_t bytes_max, struct zstrbuf *out)
{
    const char *bytes = zstring_bytes(string);
    uint32_t length = zstring_length_bytes(string), shown = length;
    if (length > bytes_max) {
        shown = bytes_max;
        while (shown > 0 && ((unsigned char)bytes[shown] & 0xc0) == 0x80) {
            shown--;
        }
    }
    zstrbuf_add(out, bytes, shown);
    if (shown < length) zstrbuf_add_text(out, "...");
}

const char *zobject_kind_text(const struct zobject *object)
{
    static const char *const texts[ZTYPE_COUNT] = {
        [ZTYPE_STRING] = "string",    [ZTYPE_LIST] = "list",     [ZTYPE_MAP] = "map",
        [ZTYPE_FUNC] = "function",    [ZTYPE_RECORD] = "data",   [ZTYPE_ERROR] = "error",
        [ZTYPE_TASK] = "task",        [ZTYPE_CLASS] = "type",    [ZTYPE_BOUND] = "method",
        [ZTYPE_CELL] = "variable",    [ZTYPE_BUFFER] = "buffer", [ZTYPE_STRBUF] = "string buffer",
        [ZTYPE_HOST] = "host object", [ZTYPE_NODE] = "node",
        [ZTYPE_ISOLATE] = "isolate",
    };
    const char *text = object->kind < ZTYPE_COUNT ? texts[object->kind] : NULL;
    return text == NULL ? "object" : text;
}

static void add_error_name(const struct zerror *error, struct zstrbuf *out)
{
    struct zvalue kind = zvalue_slot(error->kind, error->kind_tag);
    if (zvalue_is_string(kind)) {
        zroots_add_beginning(kind.p, NAME_BYTES_MAX, out);
    } else {
        zstrbuf_add_text(out, "error");
    }
}

void zobject_name(const struct zobject *object, struct zstrbuf *out)
{
    const void *o = object;
    switch (object->kind) {
    case ZTYPE_STRING:
        zroots_add_beginning(o, NAME_BYTES_MAX, out);
        break;
    case ZTYPE_LIST:
    case ZTYPE_MAP:
    case ZTYPE_NODE:
        zstrbuf_add_format(out, "%s(%u)", zobject_kind_text(object), (unsigned)object->aux);
        break;
    case ZTYPE_FUNC:
        zstrbuf_add_text(out, zproto_text(((const struct zfunc *)o)->proto));
        break;
    case ZTYPE_RECORD:
        zstrbuf_add_text(out, zrecord_type_name(o)->bytes);
        break;
    case ZTYPE_CLASS:
        zstrbuf_add_format(out, "data %s", ((const struct zclass *)o)->shape->data->name->bytes);
        break;
    case ZTYPE_ERROR:
        add_error_name(o, out);
        break;
    default:
        zstrbuf_add_text(out, zobject_kind_text(object));
        break;
    }
}

static void add_key(struct zvalue key, struct zstrbuf *out)
{
    if (zvalue_is_string(key)) {
        zstrbuf_add_text(out, "[\"");
        zroots_add_beginning(key.p, NAME_BYTES_MAX, out);
        zstrbuf_add_text(out, "\"]");
    } else {
        zstrbuf_add_char(out, '[');
        zstrbuf_add_int(out, key.i);
        zstrbuf_add_char(out, ']');
    }
}

// The field that a record's type declares in this place, its ancestors' fields first.
static void add_field(const struct zobject *from, uint32_t index, struct zstrbuf *out)
{
    if (from->kind == ZTYPE_RECORD) {
        const struct zshape *shape = zrecord_shape((const struct zrecord *)(const void *)from);
        if (index < shape->field_count) {
            zstrbuf_add_format(out, ".%s", shape->fields[index].declared->check.name->bytes);
            return;
        }
    }
    zstrbuf_add_format(out, ".field %u", (unsigned)index);
}

void zedge_name(const struct zobject *from, const struct zedge *edge, struct zstrbuf *out)
{
    switch (edge->kind) {
    case ZEDGE_ELEMENT:
        zstrbuf_add_format(out, "[%u]", (unsigned)edge->index);
        break;
    case ZEDGE_KEY:
        zstrbuf_add_format(out, ".key %u", (unsigned)edge->index);
        break;
    case ZEDGE_VALUE:
        add_key(edge->key, out);
        break;
    case ZEDGE_FIELD:
        add_field(from, edge->index, out);
        break;
    case ZEDGE_SLOT:
        zstrbuf_add_format(out, ".method %u", (unsigned)edge->index);
        break;
    case ZEDGE_CAPTURE:
        zstrbuf_add_format(out, ".captured %u", (unsigned)edge->index);
        break;
    case ZEDGE_ARGUMENT:
        zstrbuf_add_format(out, ".argument %u", (unsigned)edge->index);
        break;
    case ZEDGE_PART:
    default:
        zstrbuf_add_format(out, ".%s", edge->name);
        break;
    }
}
