// vm/snapshot.c - writes an isolate's heap as a V8 heap snapshot, which browsers' tools can show.
//
// Owns: nothing beyond one call. Thread: owner.
// Format: JSON of `snapshot` (meta, node_count, edge_count), `nodes`, `edges` and `strings`. A node
// is NODE_FIELDS numbers, an edge three; the edges of node 0 come first, then those of node 1, and
// so on; an edge's target is the index of the node's first number. Node 0 is the root, and below it
// stand three nodes without bytes: variables, calls, and what the machine keeps. Then come the
// objects, each with the bytes of its cell and of its payload outside: they add up to the heap's
// live bytes, because a collection comes first. No part is in memory as a whole but the strings.
#include "vm/profile.h"

#include "base/alloc.h"
#include "base/strbuf.h"
#include "vm/roots.h"

#include <string.h>

enum { NODE_FIELDS = 7, GROUPS_FIRST = 1, OBJECTS_FIRST = 4, FLUSH_BYTES = 1 << 16 };

enum group { GROUP_GLOBALS, GROUP_CALLS, GROUP_OTHERS, GROUP_COUNT };

// As in node_types and edge_types below.
enum node_type {
    NODE_ARRAY = 1,
    NODE_STRING = 2,
    NODE_OBJECT = 3,
    NODE_CODE = 4,
    NODE_CLOSURE = 5,
    NODE_NATIVE = 8,
    NODE_SYNTHETIC = 9
};
enum edge_type { EDGE_ELEMENT = 1, EDGE_PROPERTY = 2, EDGE_INTERNAL = 3 };

static const char META[] =
    "{\"snapshot\":{\"meta\":{"
    "\"node_fields\":[\"type\",\"name\",\"id\",\"self_size\",\"edge_count\",\"trace_node_id\","
    "\"detachedness\"],"
    "\"node_types\":[[\"hidden\",\"array\",\"string\",\"object\",\"code\",\"closure\",\"regexp\","
    "\"number\",\"native\",\"synthetic\",\"concatenated string\",\"sliced string\",\"symbol\","
    "\"bigint\",\"object shape\"],\"string\",\"number\",\"number\",\"number\",\"number\","
    "\"number\"],"
    "\"edge_fields\":[\"type\",\"name_or_index\",\"to_node\"],"
    "\"edge_types\":[[\"context\",\"element\",\"property\",\"internal\",\"hidden\",\"shortcut\","
    "\"weak\"],\"string_or_number\",\"node\"],"
    "\"trace_function_info_fields\":[\"function_id\",\"name\",\"script_name\",\"script_id\","
    "\"line\",\"column\"],"
    "\"trace_node_fields\":[\"id\",\"function_info_index\",\"count\",\"size\",\"children\"],"
    "\"sample_fields\":[\"timestamp_us\",\"last_assigned_id\"],"
    "\"location_fields\":[\"object_index\",\"script_id\",\"line\",\"column\"]},";

// ---- Strings, each once -----------------------------------------------------------------------

struct text {
    size_t offset;
    uint32_t length, hash;
};

struct texts {
    struct zstrbuf bytes;
    struct text *items; // [count]
    uint32_t count, capacity;
    uint32_t *index; // [capacity * 2], 1 + number; 0: free
};

struct snapshot {
    struct zisolate *iso;
    struct zgraph *graph;
    struct zroots roots;
    struct texts texts;
    struct zstrbuf name; // of the node or edge at hand
    struct zstrbuf out;
    zvm_write_fn write;
    void *context;
    zvm_status status; // the first failure; nothing is written after it
    uint32_t edge_count;
    bool is_first; // of an array
    const struct zobject *from;
};

static uint32_t hash_bytes(const char *bytes, size_t length)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < length; i++) {
        hash = (hash ^ (unsigned char)bytes[i]) * UINT64_C(0x100000001b3);
    }
    return (uint32_t)(hash ^ hash >> 32);
}

static uint32_t *text_place(const struct texts *texts, const char *bytes, size_t length,
                            uint32_t hash)
{
    uint32_t mask = texts->capacity * 2 - 1;
    uint32_t at = hash & mask;
    while (texts->index[at] != 0) {
        const struct text *item = &texts->items[texts->index[at] - 1];
        if (item->hash == hash && item->length == length &&
            memcmp(texts->bytes.data + item->offset, bytes, length) == 0)
            break;
        at = (at + 1) & mask;
    }
    return &texts->index[at];
}

static bool grow_texts(struct texts *texts)
{
    uint32_t capacity = texts->capacity == 0 ? 256 : texts->capacity * 2;
    if (capacity > UINT32_MAX / 4) return false;
    uint32_t *index = z_alloc_zeroed((size_t)capacity * 2 * sizeof *index);
    if (index == NULL) return false;
    void *items = z_resize(texts->items, texts->capacity * sizeof *texts->items,
                           capacity * sizeof *texts->items);
    if (items == NULL) {
        z_free(index, (size_t)capacity * 2 * sizeof *index);
        return false;
    }
    z_free(texts->index, (size_t)texts->capacity * 2 * sizeof *index);
    texts->items = items;
    texts->index = index;
    texts->capacity = capacity;
    for (uint32_t i = 0; i < texts->count; i++) {
        uint32_t at = texts->items[i].hash & (capacity * 2 - 1);
        while (index[at] != 0) {
            at = (at + 1) & (capacity * 2 - 1);
        }
        index[at] = i + 1;
    }
    return true;
}

// The number of the text in snapshot->name.
static uint32_t text_number(struct snapshot *snapshot)
{
    struct texts *texts = &snapshot->texts;
    const struct zstrbuf *name = &snapshot->name;
    bool ok = !name->failed && name->length < UINT32_MAX;
    if (ok && texts->count == texts->capacity) ok = grow_texts(texts);
    if (ok) {
        uint32_t hash = hash_bytes(name->data, name->length);
        uint32_t *place = text_place(texts, zstrbuf_text(name), name->length, hash);
        if (*place != 0) return *place - 1;
        size_t offset = texts->bytes.length;
        zstrbuf_add(&texts->bytes, name->data, name->length);
        zstrbuf_add_char(&texts->bytes, '\0'); // so that `data` is never NULL
        ok = !texts->bytes.failed;
        if (ok) {
            texts->items[texts->count++] = (struct text){offset, (uint32_t)name->length, hash};
            *place = texts->count;
            return texts->count - 1;
        }
    }
    if (snapshot->status == ZVM_OK) snapshot->status = ZVM_E_NOMEM;
    return 0;
}

// ---- Output -----------------------------------------------------------------------------------

static void flush(struct snapshot *snapshot)
{
    struct zstrbuf *out = &snapshot->out;
    if (out->failed && snapshot->status == ZVM_OK) snapshot->status = ZVM_E_NOMEM;
    if (snapshot->status == ZVM_OK && out->length > 0) {
        if (!snapshot->write(snapshot->context, out->data, out->length))
            snapshot->status = ZVM_E_OUTPUT;
    }
    zstrbuf_clear(out);
}

static void begin_array(struct snapshot *snapshot, const char *name)
{
    zstrbuf_add_format(&snapshot->out, ",\n\"%s\":[", name);
    snapshot->is_first = true;
}

static void begin_item(struct snapshot *snapshot)
{
    if (!snapshot->is_first) zstrbuf_add_char(&snapshot->out, ',');
    snapshot->is_first = false;
    if (snapshot->out.length >= FLUSH_BYTES) flush(snapshot);
    zstrbuf_add_char(&snapshot->out, '\n');
}

static void add_node(struct snapshot *snapshot, enum node_type type, uint32_t index, uint64_t bytes,
                     uint32_t edge_count)
{
    begin_item(snapshot);
    uint32_t name = text_number(snapshot);
    zstrbuf_add_format(&snapshot->out, "%u,%u,%llu,%llu,%u,0,0", (unsigned)type, (unsigned)name,
                       (unsigned long long)index * 2 + 1, (unsigned long long)bytes,
                       (unsigned)edge_count);
}

static void add_edge(struct snapshot *snapshot, enum edge_type type, uint32_t name_or_index,
                     uint32_t to)
{
    begin_item(snapshot);
    zstrbuf_add_format(&snapshot->out, "%u,%u,%llu", (unsigned)type, (unsigned)name_or_index,
                       (unsigned long long)to * NODE_FIELDS);
}

static void set_name(struct snapshot *snapshot, const char *text)
{
    zstrbuf_clear(&snapshot->name);
    zstrbuf_add_text(&snapshot->name, text);
}

// ---- Nodes and edges --------------------------------------------------------------------------

static enum group group_of(const struct zroot *root)
{
    if (root->kind == ZROOT_GLOBAL) return GROUP_GLOBALS;
    return root->kind == ZROOT_LOCAL || root->kind == ZROOT_FUNCTION ? GROUP_CALLS : GROUP_OTHERS;
}

static uint32_t count_group(const struct snapshot *snapshot, enum group group)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < snapshot->roots.count; i++) {
        if (group_of(&snapshot->roots.items[i]) == group) count++;
    }
    return count;
}

static enum node_type type_of(const struct zobject *object)
{
    switch (object->kind) {
    case ZTYPE_STRING:
        return NODE_STRING;
    case ZTYPE_FUNC:
    case ZTYPE_BOUND:
        return NODE_CLOSURE;
    case ZTYPE_CLASS:
        return NODE_CODE;
    case ZTYPE_LIST:
    case ZTYPE_BUFFER:
    case ZTYPE_STRBUF:
        return NODE_ARRAY;
    case ZTYPE_HOST:
        return NODE_NATIVE;
    default:
        return NODE_OBJECT;
    }
}

static void count_edge(void *context, const struct zedge *edge)
{
    (void)edge;
    uint32_t *count = context;
    (*count)++;
}

static uint32_t edge_count_of(const struct zobject *object)
{
    uint32_t count = 0;
    zgraph_edges(object, count_edge, &count);
    return count;
}

static void write_head(struct snapshot *snapshot)
{
    const struct zgraph *graph = snapshot->graph;
    uint64_t edges = GROUP_COUNT + (uint64_t)snapshot->roots.count;
    for (uint32_t i = 0; i < graph->count; i++) {
        edges += edge_count_of(graph->objects[i]);
    }
    zstrbuf_add_text(&snapshot->out, META);
    zstrbuf_add_format(&snapshot->out,
                       "\"node_count\":%llu,\"edge_count\":%llu,\"trace_function_count\":0}",
                       (unsigned long long)graph->count + OBJECTS_FIRST, (unsigned long long)edges);
}

static void write_nodes(struct snapshot *snapshot)
{
    static const char *const groups[] = {"(globals)", "(calls)", "(machine)"};
    begin_array(snapshot, "nodes");
    set_name(snapshot, "(root)");
    add_node(snapshot, NODE_SYNTHETIC, 0, 0, GROUP_COUNT);
    for (uint32_t i = 0; i < GROUP_COUNT; i++) {
        set_name(snapshot, groups[i]);
        add_node(snapshot, NODE_SYNTHETIC, GROUPS_FIRST + i, 0,
                 count_group(snapshot, (enum group)i));
    }
    const struct zgraph *graph = snapshot->graph;
    for (uint32_t i = 0; i < graph->count && snapshot->status == ZVM_OK; i++) {
        const struct zobject *object = graph->objects[i];
        zstrbuf_clear(&snapshot->name);
        zobject_name(object, &snapshot->name);
        add_node(snapshot, type_of(object), OBJECTS_FIRST + i, zgraph_bytes(graph, object),
                 edge_count_of(object));
    }
    zstrbuf_add_char(&snapshot->out, ']');
}

static void write_group_edges(struct snapshot *snapshot, enum group group)
{
    for (uint32_t i = 0; i < snapshot->roots.count; i++) {
        const struct zroot *root = &snapshot->roots.items[i];
        if (group_of(root) != group) continue;
        zstrbuf_clear(&snapshot->name);
        if (root->kind == ZROOT_GLOBAL) {
            zstrbuf_add_text(&snapshot->name, snapshot->iso->code->globals[root->slot]->bytes);
        } else {
            zroots_name(snapshot->iso, root, &snapshot->name);
        }
        uint32_t to = OBJECTS_FIRST + zgraph_number(snapshot->graph, root->object);
        add_edge(snapshot, EDGE_PROPERTY, text_number(snapshot), to);
    }
}

static void write_edge(void *context, const struct zedge *edge)
{
    struct snapshot *snapshot = context;
    uint32_t to = OBJECTS_FIRST + zgraph_number(snapshot->graph, edge->to);
    if (edge->kind == ZEDGE_ELEMENT) {
        add_edge(snapshot, EDGE_ELEMENT, edge->index, to);
        return;
    }
    zstrbuf_clear(&snapshot->name);
    zedge_name(snapshot->from, edge, &snapshot->name);
    // Tools put the dot before a property themselves.
    struct zstrbuf *name = &snapshot->name;
    if (name->length > 0 && name->data[0] == '.')
        memmove(name->data, name->data + 1, name->length--);
    enum edge_type type = edge->kind == ZEDGE_PART ? EDGE_INTERNAL : EDGE_PROPERTY;
    add_edge(snapshot, type, text_number(snapshot), to);
}

static void write_edges(struct snapshot *snapshot)
{
    begin_array(snapshot, "edges");
    for (uint32_t i = 0; i < GROUP_COUNT; i++) {
        add_edge(snapshot, EDGE_ELEMENT, i + 1, GROUPS_FIRST + i);
    }
    for (uint32_t i = 0; i < GROUP_COUNT; i++) {
        write_group_edges(snapshot, (enum group)i);
    }
    const struct zgraph *graph = snapshot->graph;
    for (uint32_t i = 0; i < graph->count && snapshot->status == ZVM_OK; i++) {
        snapshot->from = graph->objects[i];
        zgraph_edges(snapshot->from, write_edge, snapshot);
    }
    zstrbuf_add_char(&snapshot->out, ']');
}

static void add_json_text(struct zstrbuf *out, const char *bytes, size_t length)
{
    zstrbuf_add_char(out, '"');
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)bytes[i];
        if (c == '"' || c == '\\') zstrbuf_add_char(out, '\\');
        if (c < 0x20) {
            zstrbuf_add_format(out, "\\u%04x", c);
        } else {
            zstrbuf_add_char(out, bytes[i]);
        }
    }
    zstrbuf_add_char(out, '"');
}

static void write_tail(struct snapshot *snapshot)
{
    zstrbuf_add_text(&snapshot->out, ",\n\"trace_function_infos\":[],\n\"trace_tree\":[],\n"
                                     "\"samples\":[],\n\"locations\":[]");
    begin_array(snapshot, "strings");
    const struct texts *texts = &snapshot->texts;
    for (uint32_t i = 0; i < texts->count && snapshot->status == ZVM_OK; i++) {
        begin_item(snapshot);
        add_json_text(&snapshot->out, texts->bytes.data + texts->items[i].offset,
                      texts->items[i].length);
    }
    zstrbuf_add_text(&snapshot->out, "]}\n");
    flush(snapshot);
}

static void deinit(struct snapshot *snapshot)
{
    struct texts *texts = &snapshot->texts;
    z_free(texts->items, texts->capacity * sizeof *texts->items);
    z_free(texts->index, (size_t)texts->capacity * 2 * sizeof *texts->index);
    zstrbuf_deinit(&texts->bytes);
    zstrbuf_deinit(&snapshot->name);
    zstrbuf_deinit(&snapshot->out);
    zroots_deinit(&snapshot->roots);
    zgraph_destroy(snapshot->graph);
}

zvm_status zisolate_heap_snapshot(struct zisolate *iso, zvm_write_fn write, void *context)
{
    struct snapshot snapshot = {.iso = iso, .write = write, .context = context};
    zisolate_collect_quietly(iso);
    zvm_status status = zgraph_create(&iso->heap, &snapshot.graph);
    if (status != ZVM_OK) return status;
    snapshot.status = zroots_walk(iso, snapshot.graph, true /* with_others */, &snapshot.roots);
    if (snapshot.status == ZVM_OK) {
        write_head(&snapshot);
        write_nodes(&snapshot);
        write_edges(&snapshot);
        write_tail(&snapshot);
    }
    status = snapshot.status;
    deinit(&snapshot);
    return status;
}
