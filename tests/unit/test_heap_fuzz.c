// Goal: whatever a program does to its graph, a collection keeps exactly what is reachable, with its
// contents, and nothing else.
// Method: random operations on nodes and lists, each done to a model too; after each collection the
// model's own walk says how many objects live, and both graphs are compared edge by edge.
// In between there are minor collections, and pieces of incremental ones, at random; the invariants of
// the barrier are verified after each. The seed is printed first.
#include "unit/heap_fixture.h"

#define OBJECTS_MAX 4096
#define EDGES_MAX   300
#define FUZZ_ROOTS  16
#define NOTHING     UINT32_MAX

struct model_object {
    struct zobject *address;   // NULL: free entry
    uint32_t count;            // slots of the node, elements of the list
    uint32_t edges[EDGES_MAX]; // index of an object, or NOTHING; edge 0 is the object's own index
};

struct fuzz {
    struct fixture fixture;
    struct model_object objects[OBJECTS_MAX];
    bool is_reached[OBJECTS_MAX];
    uint32_t roots[FUZZ_ROOTS];
    uint64_t state;
    uint32_t refused;
};

static uint32_t random_below(struct fuzz *fuzz, uint32_t bound)
{
    fuzz->state = fuzz->state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(fuzz->state >> 33) % bound;
}

static struct zvalue value_of(const struct fuzz *fuzz, uint32_t index)
{
    if (index == NOTHING) return zvalue_null();
    struct zobject *address = fuzz->objects[index].address;
    return zvalue_object(address, ZTAG_HEAP | address->kind);
}

static void set_root(struct fuzz *fuzz, uint32_t root, uint32_t index)
{
    fuzz->roots[root] = index;
    fuzz->fixture.roots[root] = value_of(fuzz, index);
}

// A random object that a program could hold: some steps from a root. NOTHING: the root is empty.
static uint32_t walk(struct fuzz *fuzz)
{
    uint32_t at = fuzz->roots[random_below(fuzz, FUZZ_ROOTS)];
    for (uint32_t steps = random_below(fuzz, 12); steps > 0 && at != NOTHING; steps--) {
        const struct model_object *object = &fuzz->objects[at];
        if (object->count < 2) break;
        uint32_t next = object->edges[1 + random_below(fuzz, object->count - 1)];
        if (next != NOTHING) at = next;
    }
    return at;
}

// ---- Both graphs ------------------------------------------------------------------------------

static struct zvalue read_edge(const struct model_object *object, uint32_t i)
{
    void *address = object->address;
    if (object->address->kind == ZTYPE_NODE) {
        struct znode *node = address;
        return zvalue_slot(node->slots[i], znode_tags(node)[i]);
    }
    struct zlist *list = address;
    return zvalue_slot(zlist_payload(list)[i], zlist_tags(list)[i]);
}

static void write_edge(struct fuzz *fuzz, uint32_t index, uint32_t i, uint32_t to)
{
    struct model_object *object = &fuzz->objects[index];
    struct zvalue value = i == 0 ? zvalue_int(index) : value_of(fuzz, to);
    object->edges[i] = to;
    if (object->address->kind == ZTYPE_NODE) {
        node_set(&fuzz->fixture, (struct znode *)(void *)object->address, i, value);
        return;
    }
    struct zlist *list = (struct zlist *)(void *)object->address;
    zlist_payload(list)[i] = value.bits;
    zlist_tags(list)[i] = (uint8_t)value.tag;
    zheap_log_payload(&fuzz->fixture.heap, &list->owner, i * sizeof(uint64_t), sizeof(uint64_t));
}

static uint32_t free_entry(struct fuzz *fuzz)
{
    uint32_t start = random_below(fuzz, OBJECTS_MAX);
    for (uint32_t i = 0; i < OBJECTS_MAX; i++) {
        uint32_t index = (start + i) % OBJECTS_MAX;
        if (fuzz->objects[index].address == NULL) return index;
    }
    return NOTHING;
}

static void make_any_node(struct fuzz *fuzz)
{
    uint32_t index = free_entry(fuzz);
    if (index == NOTHING) return;
    uint32_t count = 1 + random_below(fuzz, random_below(fuzz, 10) == 0 ? 220 : 8);
    struct znode *node = make_node(&fuzz->fixture, count);
    if (node == NULL) {
        fuzz->refused++;
        return;
    }
    struct model_object *object = &fuzz->objects[index];
    object->address = &node->header;
    object->count = count;
    for (uint32_t i = 0; i < count; i++) {
        write_edge(fuzz, index, i, NOTHING);
    }
    uint32_t root = random_below(fuzz, FUZZ_ROOTS);
    if (count > 1) write_edge(fuzz, index, 1, fuzz->roots[root]);
    set_root(fuzz, root, index);
}

// The tags stand behind the payloads, so a new capacity moves them.
static bool resize_list(struct fuzz *fuzz, uint32_t index, uint32_t count)
{
    struct model_object *object = &fuzz->objects[index];
    struct zlist *list = (struct zlist *)(void *)object->address;
    uint8_t tags[EDGES_MAX];
    uint32_t kept = object->count < count ? object->count : count;
    if (kept > 0) memcpy(tags, zlist_tags(list), kept);
    list->owner.header.aux = kept;
    // Shrinking moves the tags first: the payload must be whole whenever a collection looks.
    if (kept < object->count) {
        list->capacity = kept;
        memcpy(zlist_tags(list), tags, kept);
    }
    bool done = zheap_payload_resize(&fuzz->fixture.heap, &list->owner, (size_t)count * 9);
    if (!done) {
        fuzz->refused++;
        object->count = kept;
        return false;
    }
    list->capacity = count;
    memcpy(zlist_tags(list), tags, kept);
    list->owner.header.aux = count;
    object->count = count;
    for (uint32_t i = kept; i < count; i++) {
        write_edge(fuzz, index, i, NOTHING);
    }
    return true;
}

static void make_any_list(struct fuzz *fuzz)
{
    uint32_t index = free_entry(fuzz);
    if (index == NOTHING) return;
    struct zlist *list = make_list(&fuzz->fixture);
    if (list == NULL) {
        fuzz->refused++;
        return;
    }
    list->elements = ZLIST_ANY;
    fuzz->objects[index].address = &list->owner.header;
    fuzz->objects[index].count = 0;
    set_root(fuzz, random_below(fuzz, FUZZ_ROOTS), index);
    (void)resize_list(fuzz, index, 1 + random_below(fuzz, EDGES_MAX));
}

static void change_edge(struct fuzz *fuzz)
{
    uint32_t from = walk(fuzz);
    if (from == NOTHING || fuzz->objects[from].count < 2) return;
    uint32_t edge = 1 + random_below(fuzz, fuzz->objects[from].count - 1);
    write_edge(fuzz, from, edge, random_below(fuzz, 4) == 0 ? NOTHING : walk(fuzz));
}

static void change_list(struct fuzz *fuzz)
{
    uint32_t index = walk(fuzz);
    if (index == NOTHING || fuzz->objects[index].address->kind != ZTYPE_LIST) return;
    (void)resize_list(fuzz, index, 1 + random_below(fuzz, EDGES_MAX));
}

// ---- Comparing --------------------------------------------------------------------------------

static uint64_t reach(struct fuzz *fuzz)
{
    static uint32_t stack[OBJECTS_MAX];
    uint32_t depth = 0;
    uint64_t cells = 0;
    memset(fuzz->is_reached, 0, sizeof fuzz->is_reached);
    for (uint32_t i = 0; i < FUZZ_ROOTS; i++) {
        if (fuzz->roots[i] == NOTHING || fuzz->is_reached[fuzz->roots[i]]) continue;
        fuzz->is_reached[fuzz->roots[i]] = true;
        stack[depth++] = fuzz->roots[i];
    }
    while (depth > 0) {
        const struct model_object *object = &fuzz->objects[stack[--depth]];
        bool is_inside = object->address->kind == ZTYPE_LIST &&
                         ((struct zlist *)(void *)object->address)->owner.payload != NULL &&
                         !(object->address->flags & ZFLAG_EXTERNAL);
        cells += is_inside ? 2 : 1;
        for (uint32_t i = 1; i < object->count; i++) {
            uint32_t next = object->edges[i];
            if (next == NOTHING || fuzz->is_reached[next]) continue;
            fuzz->is_reached[next] = true;
            stack[depth++] = next;
        }
    }
    return cells;
}

static void compare(struct fuzz *fuzz)
{
    zheap_collect(&fuzz->fixture.heap, NULL);
    assert_int_equal(fixture_stats(&fuzz->fixture).live_count, reach(fuzz));
    for (uint32_t index = 0; index < OBJECTS_MAX; index++) {
        struct model_object *object = &fuzz->objects[index];
        if (object->address == NULL) continue;
        if (!fuzz->is_reached[index]) {
            object->address = NULL;
            continue;
        }
        for (uint32_t i = 0; i < object->count; i++) {
            struct zvalue expected = i == 0 ? zvalue_int(index) : value_of(fuzz, object->edges[i]);
            struct zvalue read = read_edge(object, i);
            assert_true(read.bits == expected.bits);
            assert_int_equal(read.tag, expected.tag);
        }
    }
    fixture_verify(&fuzz->fixture);
}

static void verify_marks(struct fuzz *fuzz)
{
    char why[256] = "";
    if (!zheap_verify_marks(&fuzz->fixture.heap, why, sizeof why)) fail_msg("%s", why);
}

// A piece of the collector's work.
static void collect_some(struct fuzz *fuzz, enum zheap_mode mode)
{
    struct zheap *heap = &fuzz->fixture.heap;
    const struct zheap_more *more = zheap_more(heap);
    if (more == NULL) return;
    bool is_resting = more->cycle.phase == ZPHASE_REST;
    bool has_minors = is_resting && more->log.is_open && more->policy.has_minors;
    if (mode == ZHEAP_GENERATIONAL && has_minors && !more->log.has_overflowed &&
        random_below(fuzz, 8) != 0)
        zheap_collect_minor(heap);
    else if (mode == ZHEAP_INCREMENTAL || mode == ZHEAP_GENERATIONAL)
        (void)zheap_collect_step(heap, 1 + random_below(fuzz, 40), NULL);
    else if (random_below(fuzz, 10) == 0)
        zheap_settle(heap);
    verify_marks(fuzz);
    if (random_below(fuzz, 10) == 0) fixture_verify(&fuzz->fixture);
}

static void run(uint64_t seed, struct zheap_options options, uint32_t steps)
{
    print_message("seed %llu, mode %d\n", (unsigned long long)seed, (int)options.mode);
    static struct fuzz fuzz;
    memset(&fuzz, 0, sizeof fuzz);
    fuzz.state = seed;
    fixture_open(&fuzz.fixture, options);
    for (uint32_t i = 0; i < FUZZ_ROOTS; i++) {
        fuzz.roots[i] = NOTHING;
    }
    for (uint32_t step = 0; step < steps; step++) {
        uint32_t what = random_below(&fuzz, 100);
        if (what < 35)
            make_any_node(&fuzz);
        else if (what < 45)
            make_any_list(&fuzz);
        else if (what < 85)
            change_edge(&fuzz);
        else if (what < 95)
            change_list(&fuzz);
        else
            set_root(&fuzz, random_below(&fuzz, FUZZ_ROOTS), walk(&fuzz));
        if (random_below(&fuzz, 6) == 0) collect_some(&fuzz, options.mode);
        // Entries of the model are free again only after a comparison.
        if (step % 700 == 699) compare(&fuzz);
    }
    compare(&fuzz);
    if (options.limit_bytes < 100000) assert_true(fuzz.refused > 0);
    fixture_close(&fuzz.fixture);
}

static void test_fuzz_large_limit_matches_the_model(void **state)
{
    (void)state;
    uint32_t steps = ZHEAP_STRESS ? 1500 : 20000;
    for (uint64_t seed = 1; seed <= 3; seed++) {
        run(seed, (struct zheap_options){.limit_bytes = 64 << 20}, steps);
    }
}

static void test_fuzz_at_the_limit_matches_the_model(void **state)
{
    (void)state;
    uint32_t steps = ZHEAP_STRESS ? 1500 : 20000;
    for (uint64_t seed = 10; seed <= 13; seed++) {
        run(seed, (struct zheap_options){.limit_bytes = 16384 + seed * 1000}, steps);
    }
}

static void test_fuzz_with_count_threshold_matches_the_model(void **state)
{
    (void)state;
    uint32_t steps = ZHEAP_STRESS ? 1500 : 20000;
    for (uint64_t seed = 20; seed <= 23; seed++) {
        run(seed, (struct zheap_options){.limit_bytes = 1 << 20, .threshold_count = seed * 2 - 39},
            steps);
    }
}

static void test_fuzz_in_each_mode_matches_the_model(void **state)
{
    (void)state;
    uint32_t steps = ZHEAP_STRESS ? 700 : 12000;
    for (int mode = ZHEAP_AUTO; mode < ZHEAP_MODES; mode++) {
        for (uint64_t seed = 30; seed < (ZHEAP_STRESS ? 31 : 34); seed++) {
            run(seed + 100 * (uint64_t)mode,
                (struct zheap_options){.limit_bytes = 64 << 20, .mode = (enum zheap_mode)mode},
                steps);
            run(seed + 100 * (uint64_t)mode + 50,
                (struct zheap_options){.limit_bytes = 20000 + seed * 500,
                                       .mode = (enum zheap_mode)mode},
                steps);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fuzz_large_limit_matches_the_model),
        cmocka_unit_test(test_fuzz_at_the_limit_matches_the_model),
        cmocka_unit_test(test_fuzz_with_count_threshold_matches_the_model),
        cmocka_unit_test(test_fuzz_in_each_mode_matches_the_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
