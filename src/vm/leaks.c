// vm/leaks.c - old objects of an isolate, grouped by what they are, where they were made, and which
// variable keeps them.
//
// Owns: nothing beyond one call. Thread: owner; nothing is allocated in the heap meanwhile.
// How: a walk from the named roots says for each object by whom it was reached first, on a shortest
// path. Objects that no root leads to are no leak: the next collection frees them. A root itself is
// none either. Payload buffers count with their owners. The rest is put together in a table by kind,
// type, allocation site and root, and given out with the most bytes first.
#include "vm/profile.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/strbuf.h"
#include "vm/roots.h"
#include "vm/shape.h"

#define PATH_STEPS_MAX 32u
#define SITE_NONE      UINT32_MAX

struct group {
    uint64_t count, bytes;
    struct zage age;  // of the oldest
    uint32_t example; // the oldest
    uint32_t root;
    uint32_t site;    // SITE_NONE: not sampled
    const void *type; // of a data's shape, a function's code; NULL
    uint8_t kind;
    bool is_used;
};

struct leaks {
    struct zisolate *iso;
    struct zgraph *graph;
    struct zroots roots;
    uint32_t *root_of;    // [graph->count]
    struct group *groups; // [capacity], open addressing; at the end the first `count` of them
    uint32_t count, capacity;
    const zvm_leak_filter *filter;
    uint64_t now_ns;
};

// ---- Which root keeps what --------------------------------------------------------------------

// The queue has every object behind its parent, so one pass finds all roots.
static void find_roots(struct leaks *leaks)
{
    const struct zgraph *graph = leaks->graph;
    for (uint32_t i = 0; i < graph->tail; i++) {
        uint32_t number = graph->queue[i], parent = graph->parents[number];
        bool is_root = (parent & ZGRAPH_ROOT) != 0;
        leaks->root_of[number] = is_root ? parent & ~ZGRAPH_ROOT : leaks->root_of[parent];
    }
}

// ---- Groups -----------------------------------------------------------------------------------

static const void *type_of(const struct zobject *object)
{
    const void *o = object;
    if (object->kind == ZTYPE_RECORD) return ((const struct zrecord *)o)->class->shape->data;
    if (object->kind == ZTYPE_FUNC) return ((const struct zfunc *)o)->proto;
    return NULL;
}

static bool is_same(const struct group *a, const struct group *b)
{
    if (a->kind != b->kind || a->type != b->type) return false;
    return a->site == b->site && a->root == b->root;
}

static uint64_t hash_of(const struct group *group)
{
    uint64_t hash = (uintptr_t)group->type ^ group->kind;
    hash = (hash ^ hash >> 31) * UINT64_C(0x9e3779b97f4a7c15) + group->site;
    hash = (hash ^ hash >> 31) * UINT64_C(0x9e3779b97f4a7c15) + group->root;
    hash = (hash ^ hash >> 31) * UINT64_C(0x9e3779b97f4a7c15);
    return hash >> 32;
}

static struct group *place_of(struct group *groups, uint32_t capacity, const struct group *key)
{
    uint32_t at = (uint32_t)hash_of(key) & (capacity - 1);
    while (groups[at].is_used && !is_same(&groups[at], key)) {
        at = (at + 1) & (capacity - 1);
    }
    return &groups[at];
}

static bool has_room(struct leaks *leaks)
{
    if (leaks->count < leaks->capacity / 4 * 3) return true;
    uint32_t capacity = leaks->capacity == 0 ? 64 : leaks->capacity * 2;
    struct group *groups = z_alloc_zeroed(capacity * sizeof *groups);
    if (groups == NULL) return false;
    for (uint32_t i = 0; i < leaks->capacity; i++) {
        const struct group *group = &leaks->groups[i];
        if (group->is_used) *place_of(groups, capacity, group) = *group;
    }
    z_free(leaks->groups, leaks->capacity * sizeof *groups);
    leaks->groups = groups;
    leaks->capacity = capacity;
    return true;
}

static bool is_older(struct zage a, struct zage b)
{
    return a.ns > b.ns || (a.ns == b.ns && a.collections > b.collections);
}

static uint64_t bytes_with_buffer(const struct leaks *leaks, const struct zobject *object)
{
    uint64_t bytes = zgraph_bytes(leaks->graph, object);
    bool is_owner = object->kind == ZTYPE_LIST || object->kind == ZTYPE_MAP;
    is_owner = is_owner || object->kind == ZTYPE_STRBUF;
    if (!is_owner || object->flags & ZFLAG_EXTERNAL) return bytes;
    const char *payload = ((const struct zowner *)(const void *)object)->payload;
    if (payload == NULL) return bytes;
    const void *cell = payload - offsetof(struct zbuffer, data);
    return bytes + zgraph_bytes(leaks->graph, cell);
}

static bool add_object(struct leaks *leaks, uint32_t number)
{
    const struct zobject *object = leaks->graph->objects[number];
    uint32_t parent = leaks->graph->parents[number];
    if (parent == ZGRAPH_NONE || parent & ZGRAPH_ROOT || object->kind == ZTYPE_BUFFER) return true;
    struct zage age = zheap_age(&leaks->iso->heap, object, leaks->now_ns);
    if (age.ns < leaks->filter->min_age_ns) return true;
    if (age.collections < leaks->filter->min_age_collections) return true;
    if (!has_room(leaks)) return false;

    const struct zsample *sample = zsample_find(&leaks->iso->heap, object);
    struct group key = {
        .age = age,
        .example = number,
        .root = leaks->root_of[number],
        .site = sample == NULL ? SITE_NONE : sample->site,
        .type = type_of(object),
        .kind = object->kind,
        .is_used = true,
    };
    struct group *group = place_of(leaks->groups, leaks->capacity, &key);
    if (!group->is_used) {
        *group = key;
        leaks->count++;
    } else if (is_older(age, group->age)) {
        group->age = age;
        group->example = number;
    }
    group->count++;
    group->bytes += bytes_with_buffer(leaks, object);
    return true;
}

// ---- Order ------------------------------------------------------------------------------------

static bool comes_before(const struct group *a, const struct group *b)
{
    if (a->bytes != b->bytes) return a->bytes > b->bytes;
    return a->example < b->example; // no two groups have the same
}

static void sift(struct group *groups, uint32_t at, uint32_t count)
{
    while (at * 2 + 1 < count) {
        uint32_t child = at * 2 + 1;
        if (child + 1 < count && comes_before(&groups[child], &groups[child + 1])) child++;
        if (!comes_before(&groups[at], &groups[child])) return;
        struct group moved = groups[at];
        groups[at] = groups[child];
        groups[child] = moved;
        at = child;
    }
}

// Heap sort: in place, and no order of the input makes it slow.
static void sort(struct leaks *leaks)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < leaks->capacity; i++) {
        if (leaks->groups[i].is_used) leaks->groups[count++] = leaks->groups[i];
    }
    for (uint32_t i = count / 2; i > 0; i--) {
        sift(leaks->groups, i - 1, count);
    }
    for (uint32_t i = count; i > 1; i--) {
        struct group last = leaks->groups[i - 1];
        leaks->groups[i - 1] = leaks->groups[0];
        leaks->groups[0] = last;
        sift(leaks->groups, 0, i - 1);
    }
}

// ---- Paths ------------------------------------------------------------------------------------

struct step {
    const struct leaks *leaks;
    const struct zobject *from, *to;
    struct zstrbuf *out;
    bool is_found;
};

static void find_edge(void *context, const struct zedge *edge)
{
    struct step *step = context;
    if (step->is_found || edge->to != step->to) return;
    step->is_found = true;
    zedge_name(step->from, edge, step->out);
}

// "global cache -> map(3) ["a"] -> list(2) [0] -> string". Of a long path the middle is left out.
static void add_path(const struct leaks *leaks, const struct group *group, struct zstrbuf *out)
{
    const struct zgraph *graph = leaks->graph;
    uint32_t chain[PATH_STEPS_MAX], length = 0;
    uint32_t number = group->example;
    for (;;) {
        // The end is kept as it comes; of the rest the last place is written over, up to the root.
        uint32_t at = length < PATH_STEPS_MAX ? length : PATH_STEPS_MAX - 1;
        chain[at] = number;
        length++;
        if (graph->parents[number] & ZGRAPH_ROOT) break;
        number = graph->parents[number];
    }
    zroots_name(leaks->iso, &leaks->roots.items[group->root], out);
    uint32_t shown = length < PATH_STEPS_MAX ? length : PATH_STEPS_MAX;
    for (uint32_t i = shown; i > 0; i--) {
        const struct zobject *object = graph->objects[chain[i - 1]];
        bool is_cut = length > shown && i == shown;
        zstrbuf_add_text(out, " -> ");
        if (object->kind == ZTYPE_STRING) {
            zstrbuf_add_text(out, "string");
        } else {
            zobject_name(object, out);
        }
        if (is_cut) {
            zstrbuf_add_format(out, " -> ... %u more", (unsigned)(length - shown));
        } else if (i > 1) {
            struct step step = {leaks, object, graph->objects[chain[i - 2]], out, false};
            zstrbuf_add_char(out, ' ');
            zgraph_edges(object, find_edge, &step);
        }
    }
}

// ---- Giving out -------------------------------------------------------------------------------

struct leak_texts {
    struct zstrbuf name, site, variable, path;
};

static void add_site(const struct leaks *leaks, const struct group *group, struct zstrbuf *out)
{
    uint32_t count;
    const struct zsample_site *sites = zsample_sites(&leaks->iso->heap, &count);
    if (group->site >= count || sites[group->site].site.frame_count == 0) return;
    const struct zsite_frame *frame = &sites[group->site].site.frames[0];
    zstrbuf_add_format(out, "%s (", zproto_text(frame->function));
    zproto_place(frame->function, frame->pc, out);
    zstrbuf_add_char(out, ')');
}

static zvm_status give(const struct leaks *leaks, const struct group *group,
                       struct leak_texts *texts, zvm_leak_fn found, void *context, bool *goes_on)
{
    const struct zobject *object = leaks->graph->objects[group->example];
    struct zstrbuf *all[] = {&texts->name, &texts->site, &texts->variable, &texts->path};
    for (uint32_t i = 0; i < 4; i++) {
        zstrbuf_clear(all[i]);
    }
    if (group->type != NULL) zobject_name(object, &texts->name);
    add_site(leaks, group, &texts->site);
    zroots_name(leaks->iso, &leaks->roots.items[group->root], &texts->variable);
    add_path(leaks, group, &texts->path);
    for (uint32_t i = 0; i < 4; i++) {
        if (all[i]->failed) return ZVM_E_NOMEM;
    }
    zvm_leak leak = {
        .kind = zobject_kind_text(object),
        .name = zstrbuf_text(&texts->name),
        .site = zstrbuf_text(&texts->site),
        .variable = zstrbuf_text(&texts->variable),
        .path = zstrbuf_text(&texts->path),
        .count = group->count,
        .bytes = group->bytes,
        .age_ns = group->age.ns,
        .age_collections = group->age.collections,
    };
    *goes_on = found(context, &leak);
    return ZVM_OK;
}

static zvm_status give_all(const struct leaks *leaks, zvm_leak_fn found, void *context)
{
    struct leak_texts texts;
    zstrbuf_init(&texts.name);
    zstrbuf_init(&texts.site);
    zstrbuf_init(&texts.variable);
    zstrbuf_init(&texts.path);
    zvm_status status = ZVM_OK;
    bool goes_on = true;
    for (uint32_t i = 0; i < leaks->count && goes_on && status == ZVM_OK; i++) {
        status = give(leaks, &leaks->groups[i], &texts, found, context, &goes_on);
    }
    zstrbuf_deinit(&texts.name);
    zstrbuf_deinit(&texts.site);
    zstrbuf_deinit(&texts.variable);
    zstrbuf_deinit(&texts.path);
    return status;
}

static zvm_status find(struct leaks *leaks, zvm_leak_fn found, void *context)
{
    zvm_status status =
        zroots_walk(leaks->iso, leaks->graph, false /* with_others */, &leaks->roots);
    if (status != ZVM_OK) return status;
    if (leaks->graph->count == 0) return ZVM_OK;
    leaks->root_of = z_alloc(leaks->graph->count * sizeof *leaks->root_of);
    if (leaks->root_of == NULL) return ZVM_E_NOMEM;
    find_roots(leaks);
    for (uint32_t i = 0; i < leaks->graph->count; i++) {
        if (!add_object(leaks, i)) return ZVM_E_NOMEM;
    }
    sort(leaks);
    return give_all(leaks, found, context);
}

zvm_status zisolate_find_leaks(struct zisolate *iso, const zvm_leak_filter *filter,
                               zvm_leak_fn found, void *context)
{
    if (filter->min_age_ns > 0 && !zprofile_is_on(&iso->heap)) return ZVM_E_STATE;
    struct leaks leaks = {.iso = iso, .filter = filter, .now_ns = zclock_coarse_ns()};
    zvm_status status = zgraph_create(&iso->heap, &leaks.graph);
    if (status != ZVM_OK) return status;
    status = find(&leaks, found, context);
    z_free(leaks.groups, leaks.capacity * sizeof *leaks.groups);
    if (leaks.root_of != NULL) z_free(leaks.root_of, leaks.graph->count * sizeof *leaks.root_of);
    zroots_deinit(&leaks.roots);
    zgraph_destroy(leaks.graph);
    return status;
}
