// Goal: whatever a host does through zvm_mm_*, in every mode of collection: what roots, open scopes and
// fields lead to lives with its contents, what was deallocated is stale everywhere, a handle that was
// stale once stays so, and after a forced collection nothing else lives.
// Method: random calls, each done to a slow model too. In between there are minor collections, and pieces
// of incremental ones, at random. The seed is printed first.
#define ZVM_HEAP_INTERNAL
#include "mm_fixture.h"

#include "heap/mm_internal.h"

#define OBJECTS_MAX 3000
#define FIELDS_MAX  300
#define SCOPES_MAX  4
#define INDEXES_MAX (2 * OBJECTS_MAX)
#define GONE_MAX    64
#define NOTHING     UINT32_MAX

struct object {
    zvm_handle handle;
    bool is_there; // not known to be gone
    bool is_reached;
    bool has_finalizer;
    uint32_t roots, scoped; // times that it is a root, and in an open scope
    uint32_t count;         // of fields, or of bytes
    bool is_bytes;
    uint32_t *fields; // [count]: object, or NOTHING; one that is not there any more reads as stale
};

struct fuzz {
    zvm_mm *mm;
    uint64_t state, refused, finalized, finalizers_due;
    bool has_finalizers;
    struct object objects[OBJECTS_MAX];
    uint32_t count; // places used
    struct {
        zvm_mm_scope scope;
        uint32_t begin;
    } scopes[SCOPES_MAX];
    uint32_t scope_count;
    uint32_t scoped[OBJECTS_MAX], scoped_count;
    uint32_t newest[INDEXES_MAX]; // generation of each place in the manager's table
    uint32_t spare[OBJECTS_MAX], spare_count;
    zvm_handle gone[GONE_MAX];
    uint32_t gone_count;
};

static uint32_t random_below(struct fuzz *fuzz, uint32_t bound)
{
    fuzz->state = fuzz->state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(fuzz->state >> 33) % bound;
}

static uint32_t any_object(struct fuzz *fuzz)
{
    return fuzz->count == 0 ? NOTHING : random_below(fuzz, fuzz->count);
}

// ---- The model ----------------------------------------------------------------------------------

static void note_finalized(void *user, zvm_handle handle)
{
    struct fuzz *fuzz = user;
    (void)handle;
    fuzz->finalized++;
}

static void reach(struct fuzz *fuzz)
{
    static uint32_t stack[OBJECTS_MAX];
    static bool
        is_kept[INDEXES_MAX]; // what an open scope has made keeps its place in the table alive
    uint32_t depth = 0;
    memset(is_kept, 0, sizeof is_kept);
    for (uint32_t i = 0; i < fuzz->scoped_count; i++)
        is_kept[fuzz->objects[fuzz->scoped[i]].handle.index] = true;
    for (uint32_t i = 0; i < fuzz->count; i++) {
        struct object *object = &fuzz->objects[i];
        uint32_t place = object->handle.index;
        bool is_newest = object->handle.generation == fuzz->newest[place];
        bool is_root = object->roots > 0 || (is_kept[place] && is_newest);
        object->is_reached = object->is_there && is_root;
        if (object->is_reached) stack[depth++] = i;
    }
    while (depth > 0) {
        const struct object *object = &fuzz->objects[stack[--depth]];
        for (uint32_t i = 0; !object->is_bytes && i < object->count; i++) {
            uint32_t next = object->fields[i];
            if (next == NOTHING || !fuzz->objects[next].is_there) continue;
            if (fuzz->objects[next].is_reached) continue;
            fuzz->objects[next].is_reached = true;
            stack[depth++] = next;
        }
    }
}

// From here on its handle is stale.
static void let_go(struct fuzz *fuzz, uint32_t index)
{
    struct object *object = &fuzz->objects[index];
    object->is_there = false;
    object->roots = 0;
    fuzz->finalizers_due += object->has_finalizer;
    fuzz->gone[fuzz->gone_count++ % GONE_MAX] = object->handle;
}

// Whether the manager still has the object; if not, nothing may lead to it.
static bool is_there(struct fuzz *fuzz, uint32_t index)
{
    struct object *object = &fuzz->objects[index];
    zvm_mm_info info = ZVM_MM_INFO_INIT;
    zvm_status status = zvm_mm_object_info(fuzz->mm, object->handle, &info);
    if (!object->is_there) {
        assert_int_equal(status, ZVM_E_STALE);
        return false;
    }
    if (status == ZVM_OK) {
        assert_int_equal(info.is_root, object->roots > 0);
        assert_int_equal(info.is_bytes, object->is_bytes);
        return true;
    }
    assert_int_equal(status, ZVM_E_STALE);
    reach(fuzz);
    assert_false(object->is_reached);
    let_go(fuzz, index);
    return false;
}

static unsigned char pattern(uint32_t index, size_t i)
{
    return (unsigned char)(index * 31 + i);
}

static void check_contents(struct fuzz *fuzz, uint32_t index)
{
    const struct object *object = &fuzz->objects[index];
    if (object->is_bytes) {
        void *bytes;
        size_t count;
        assert_int_equal(zvm_mm_bytes(fuzz->mm, object->handle, &bytes, &count), ZVM_OK);
        assert_int_equal(count, object->count);
        for (size_t i = 0; i < count; i++)
            assert_int_equal(((unsigned char *)bytes)[i], pattern(index, i));
        return;
    }
    for (uint32_t i = 0; i < object->count; i++) {
        zvm_mm_value value;
        zvm_status status = zvm_mm_get_field(fuzz->mm, object->handle, i, &value);
        uint32_t to = object->fields[i];
        if (to == NOTHING) {
            assert_int_equal(value.kind, ZVM_MM_NULL);
        } else if (!fuzz->objects[to].is_there) {
            assert_int_equal(status, ZVM_E_STALE);
        } else {
            assert_int_equal(status, ZVM_OK);
            assert_memory_equal(&value.reference, &fuzz->objects[to].handle, sizeof(zvm_handle));
        }
    }
}

// ---- Calls --------------------------------------------------------------------------------------

// Of the next object; NOTHING: there are enough.
static uint32_t next_place(const struct fuzz *fuzz)
{
    if (fuzz->spare_count > 0) return fuzz->spare[fuzz->spare_count - 1];
    return fuzz->count < OBJECTS_MAX ? fuzz->count : NOTHING;
}

static void add_object(struct fuzz *fuzz, zvm_handle handle, uint32_t count, bool is_bytes)
{
    uint32_t index = next_place(fuzz);
    if (fuzz->spare_count > 0)
        fuzz->spare_count--;
    else
        fuzz->count++;
    struct object *object = &fuzz->objects[index];
    free(object->fields);
    fuzz->newest[handle.index] = handle.generation;
    *object =
        (struct object){.handle = handle, .is_there = true, .count = count, .is_bytes = is_bytes};
    if (!is_bytes) {
        object->fields = malloc((count + 1) * sizeof object->fields[0]);
        memset(object->fields, 0xff, (count + 1) * sizeof object->fields[0]);
    }
    if (fuzz->scope_count > 0) {
        object->scoped = 1;
        fuzz->scoped[fuzz->scoped_count++] = index;
        return;
    }
    // Else it is nobody's, as a host would not leave it for long.
    zvm_status status = zvm_mm_root_add(fuzz->mm, handle);
    if (status == ZVM_OK)
        object->roots = 1;
    else
        assert_int_equal(status, ZVM_E_HEAP_LIMIT);
}

static void allocate(struct fuzz *fuzz)
{
    uint32_t index = next_place(fuzz);
    if (index == NOTHING) return;
    zvm_handle handle;
    bool is_large = random_below(fuzz, 20) == 0;
    bool is_bytes = random_below(fuzz, 2) == 0;
    uint32_t count = random_below(fuzz, !is_large ? 9 : is_bytes ? 6000 : FIELDS_MAX);
    unsigned char bytes[6000];
    for (size_t i = 0; i < count; i++)
        bytes[i] = pattern(index, i);
    zvm_status status = is_bytes ? zvm_mm_allocate_bytes(fuzz->mm, bytes, count, &handle)
                                 : zvm_mm_allocate(fuzz->mm, count, &handle);
    if (status == ZVM_OK) {
        assert_true(handle.index < INDEXES_MAX);
        add_object(fuzz, handle, count, is_bytes);
        return;
    }
    assert_int_equal(status, ZVM_E_HEAP_LIMIT);
    fuzz->refused++;
}

static void set_any_field(struct fuzz *fuzz)
{
    uint32_t from = any_object(fuzz), to = any_object(fuzz);
    if (from == NOTHING || !is_there(fuzz, from) || !is_there(fuzz, to)) return;
    struct object *object = &fuzz->objects[from];
    if (object->is_bytes || object->count == 0) return;
    uint32_t field = random_below(fuzz, object->count);
    if (random_below(fuzz, 4) == 0) to = NOTHING;
    zvm_mm_value value = {.kind = ZVM_MM_NULL};
    if (to != NOTHING) value = reference(fuzz->objects[to].handle);
    assert_int_equal(zvm_mm_set_field(fuzz->mm, object->handle, field, value), ZVM_OK);
    object->fields[field] = to;
}

static void change_root(struct fuzz *fuzz)
{
    uint32_t index = any_object(fuzz);
    if (index == NOTHING || !is_there(fuzz, index)) return;
    struct object *object = &fuzz->objects[index];
    if (random_below(fuzz, 3) == 0) {
        zvm_status status = zvm_mm_root_add(fuzz->mm, object->handle);
        if (status == ZVM_OK) object->roots++;
    } else {
        zvm_status expected = object->roots > 0 ? ZVM_OK : ZVM_E_STATE;
        assert_int_equal(zvm_mm_root_remove(fuzz->mm, object->handle), expected);
        object->roots -= expected == ZVM_OK;
    }
}

static void deallocate(struct fuzz *fuzz)
{
    uint32_t index = any_object(fuzz);
    if (index == NOTHING || !is_there(fuzz, index)) return;
    assert_int_equal(zvm_mm_deallocate(fuzz->mm, fuzz->objects[index].handle), ZVM_OK);
    let_go(fuzz, index);
}

static void change_scope(struct fuzz *fuzz)
{
    if (fuzz->scope_count < SCOPES_MAX && random_below(fuzz, 2) == 0) {
        zvm_mm_scope *scope = &fuzz->scopes[fuzz->scope_count].scope;
        assert_int_equal(zvm_mm_scope_open(fuzz->mm, scope), ZVM_OK);
        fuzz->scopes[fuzz->scope_count++].begin = fuzz->scoped_count;
    } else if (fuzz->scope_count > 0) {
        uint32_t begin = fuzz->scopes[--fuzz->scope_count].begin;
        zvm_mm_scope scope = fuzz->scopes[fuzz->scope_count].scope;
        assert_int_equal(zvm_mm_scope_close(fuzz->mm, scope), ZVM_OK);
        while (fuzz->scoped_count > begin)
            fuzz->objects[fuzz->scoped[--fuzz->scoped_count]].scoped = 0;
    }
}

static void set_any_finalizer(struct fuzz *fuzz)
{
    uint32_t index = any_object(fuzz);
    if (!fuzz->has_finalizers || index == NOTHING || !is_there(fuzz, index)) return;
    struct object *object = &fuzz->objects[index];
    zvm_mm_finalizer_fn finalizer = random_below(fuzz, 3) == 0 ? NULL : note_finalized;
    if (zvm_mm_set_finalizer(fuzz->mm, object->handle, finalizer, fuzz) == ZVM_OK)
        object->has_finalizer = finalizer != NULL;
}

static void ask_the_gone(struct fuzz *fuzz)
{
    if (fuzz->gone_count == 0) return;
    uint32_t known = fuzz->gone_count < GONE_MAX ? fuzz->gone_count : GONE_MAX;
    zvm_handle handle = fuzz->gone[random_below(fuzz, known)];
    assert_int_equal(zvm_mm_deallocate(fuzz->mm, handle), ZVM_E_STALE);
    assert_int_equal(zvm_mm_root_add(fuzz->mm, handle), ZVM_E_STALE);
}

// A piece of the collector's work.
static void collect_some(struct fuzz *fuzz, uint32_t mode)
{
    struct zheap *heap = &((struct zmm *)fuzz->mm)->heap;
    const struct zheap_more *more = zheap_more(heap);
    if (more == NULL) return;
    bool has_minors = more->cycle.phase == ZPHASE_REST && more->log.is_open &&
                      more->policy.has_minors && !more->log.has_overflowed;
    if (mode == ZVM_GC_GENERATIONAL && has_minors && random_below(fuzz, 8) != 0)
        zheap_collect_minor(heap);
    else if (mode == ZVM_GC_INCREMENTAL || mode == ZVM_GC_GENERATIONAL)
        (void)zheap_collect_step(heap, 1 + random_below(fuzz, 60), NULL);
    zmm_finish((struct zmm *)fuzz->mm);
}

// ---- Comparing ----------------------------------------------------------------------------------

// Places of objects that are gone, and that nothing names any more.
static void find_spare(struct fuzz *fuzz)
{
    static bool is_named[OBJECTS_MAX];
    memset(is_named, 0, sizeof is_named);
    for (uint32_t i = 0; i < fuzz->count; i++) {
        const struct object *object = &fuzz->objects[i];
        for (uint32_t k = 0; object->is_there && !object->is_bytes && k < object->count; k++)
            if (object->fields[k] != NOTHING) is_named[object->fields[k]] = true;
    }
    fuzz->spare_count = 0;
    for (uint32_t i = 0; i < fuzz->count; i++) {
        const struct object *object = &fuzz->objects[i];
        if (!object->is_there && object->scoped == 0 && !is_named[i])
            fuzz->spare[fuzz->spare_count++] = i;
    }
}

static void compare(struct fuzz *fuzz)
{
    zvm_mm_collection result;
    assert_int_equal(zvm_mm_collect(fuzz->mm, true, &result), ZVM_OK);
    reach(fuzz);
    uint64_t live = 0;
    for (uint32_t i = 0; i < fuzz->count; i++) {
        bool is_live = is_there(fuzz, i);
        assert_int_equal(is_live, fuzz->objects[i].is_reached);
        live += is_live;
        if (is_live) check_contents(fuzz, i);
    }
    assert_int_equal(stats_of(fuzz->mm).live_objects, live);
    assert_int_equal(fuzz->finalized, fuzz->finalizers_due);
    verify(fuzz->mm);
    find_spare(fuzz);
}

static void step(struct fuzz *fuzz)
{
    uint32_t what = random_below(fuzz, 100);
    if (what < 35)
        allocate(fuzz);
    else if (what < 60)
        set_any_field(fuzz);
    else if (what < 75)
        change_root(fuzz);
    else if (what < 82)
        deallocate(fuzz);
    else if (what < 86)
        change_scope(fuzz);
    else if (what < 90)
        set_any_finalizer(fuzz);
    else
        ask_the_gone(fuzz);
}

static void run(uint64_t seed, zvm_mm_options options, uint32_t steps)
{
    print_message("seed %llu, mode %u\n", (unsigned long long)seed, options.gc_mode);
    static struct fuzz fuzz;
    memset(&fuzz, 0, sizeof fuzz);
    fuzz.state = seed;
    fuzz.has_finalizers = seed % 2 == 0; // without, entries are freed in another way
    fuzz.mm = make_manager(options);
    for (uint32_t i = 1; i <= steps; i++) {
        step(&fuzz);
        if (random_below(&fuzz, 8) == 0) collect_some(&fuzz, options.gc_mode);
        if (i % 900 == 0) compare(&fuzz);
    }
    compare(&fuzz);
    if (options.limit_bytes != 0 && !ZHEAP_STRESS) assert_true(fuzz.refused > 0);
    for (uint32_t i = 0; i < fuzz.count; i++) {
        fuzz.finalizers_due += fuzz.objects[i].is_there && fuzz.objects[i].has_finalizer;
        free(fuzz.objects[i].fields);
    }
    destroy(fuzz.mm);
    assert_int_equal(fuzz.finalized, fuzz.finalizers_due);
}

static void test_calls_in_each_mode_match_the_model(void **state)
{
    (void)state;
    uint32_t steps = ZHEAP_STRESS || ZHEAP_VERIFY ? 2000 : 15000;
    for (uint32_t mode = ZVM_GC_AUTO; mode <= ZVM_GC_GENERATIONAL; mode++) {
        for (uint64_t seed = 1; seed <= 3; seed++) {
            zvm_mm_options options = ZVM_MM_OPTIONS_INIT;
            options.gc_mode = mode;
            options.history_entries = seed == 3 ? 16 : 0;
            run(seed + 10 * mode, options, steps);
            options.limit_bytes = 24000 + seed * 4000;
            run(seed + 10 * mode + 5, options, steps);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_calls_in_each_mode_match_the_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
