// Goal: a shape is one for its key, numbers fields and slots as inheritance says, and every bound of
// shapes and of their table holds at, below and above it.
// Method: declarations made by hand, shapes taken from the table of a sealed code object.
#include "code_fixture.h"

#include "vm/shape.h"

#include <pthread.h>

#define NAMES 8

struct shapes {
    struct machine m;
    struct zcode *code;
    _Atomic uint32_t ids;
    const struct zstring *names[NAMES]; // "f0", "f1", …
};

static const struct zstring *name_of(struct shapes *s, uint32_t index)
{
    char text[16];
    const struct zstring *symbol = NULL;
    int length = snprintf(text, sizeof text, "f%u", index);
    assert_int_equal(zintern_acquire(s->m.intern, text, (size_t)length, &symbol), ZVM_OK);
    return symbol;
}

// A declaration whose fields and methods are numbered from `first` on. called: the first so many fields
// have a default that is called.
static void set_data(struct shapes *s, uint32_t index, uint32_t first, uint32_t fields,
                     uint32_t called, uint32_t methods)
{
    struct zdata *data = &s->code->datas[index];
    *data = (struct zdata){.index = index, .name = name_of(s, index)};
    data->field_count = fields;
    data->method_count = methods;
    data->function_count = called + methods;
    data->fields = fields == 0 ? NULL : z_alloc_zeroed(fields * sizeof *data->fields);
    data->methods = methods == 0 ? NULL : z_alloc_zeroed(methods * sizeof *data->methods);
    for (uint32_t i = 0; i < fields; i++) {
        data->fields[i].check =
            (struct zcheck){.context = ZCHECK_FIELD, .name = name_of(s, first + i)};
        data->fields[i].default_kind = i < called ? ZFIELD_FUNCTION : ZFIELD_REQUIRED;
    }
    for (uint32_t i = 0; i < methods; i++) {
        data->methods[i] = name_of(s, first + fields + i);
    }
}

static void open_shapes(struct shapes *s, uint32_t data_count)
{
    memset(s, 0, sizeof *s);
    machine_open(&s->m);
    s->code = code_make(&s->m, 1, 0);
    s->code->datas = z_alloc_zeroed(data_count * sizeof *s->code->datas);
    s->code->data_count = data_count;
    for (uint32_t i = 0; i < NAMES; i++) {
        s->names[i] = name_of(s, i);
    }
    assert_int_equal(zcode_seal(s->code), ZVM_OK);
}

static void close_shapes(struct shapes *s)
{
    for (uint32_t i = 0; i < NAMES; i++) {
        zintern_release(s->m.intern, s->names[i]);
    }
    zcode_release(s->code);
    machine_close(&s->m);
}

static const struct zshape *take(struct shapes *s, uint32_t index, const struct zshape *parent)
{
    const struct zshape *shape = NULL;
    assert_int_equal(zshape_acquire(s->code, &s->code->datas[index], parent, &s->ids, &shape),
                     ZVM_OK);
    return shape;
}

static void expect_member(const struct zshape *shape, const struct zstring *name,
                          enum zshape_member_kind kind, uint32_t index)
{
    const struct zshape_member *member = zshape_find(shape, name);
    assert_non_null(member);
    assert_int_equal(member->kind, kind);
    assert_int_equal(member->index, index);
    assert_ptr_equal(zshape_find_text(shape, name), member);
}

static void test_shape_is_one_for_a_declaration_and_a_parent(void **state)
{
    (void)state;
    struct shapes s;
    open_shapes(&s, 3);
    for (uint32_t i = 0; i < 3; i++) {
        set_data(&s, i, i, 1, 0, 0);
    }
    const struct zshape *a = take(&s, 0, NULL), *b = take(&s, 1, NULL);
    assert_ptr_equal(take(&s, 0, NULL), a);
    assert_ptr_not_equal(a, b);
    const struct zshape *c = take(&s, 2, a), *d = take(&s, 2, b);
    assert_ptr_not_equal(c, d);
    assert_ptr_equal(take(&s, 2, a), c);
    assert_int_equal(a->id, 1);
    assert_int_equal(b->id, 2);
    assert_int_equal(c->id, 3);
    assert_int_equal(d->id, 4);
    assert_true(zshape_has_name(c, a->data->name));
    assert_true(zshape_has_name(c, c->data->name));
    assert_false(zshape_has_name(c, b->data->name));
    close_shapes(&s);
}

// 0: fields f0 (called), f1; method f2. 1: field f3 (called); methods f4, f5. 2: method f2 again, and a
// field f4, which hides the method; 3: the method f4 again, hidden for good.
static void test_members_are_numbered_parents_first(void **state)
{
    (void)state;
    struct shapes s;
    open_shapes(&s, 4);
    set_data(&s, 0, 0, 2, 1, 1);
    set_data(&s, 1, 3, 1, 1, 2);
    set_data(&s, 2, 4, 1, 0, 0);
    set_data(&s, 3, 4, 0, 0, 1);
    const struct zshape *a = take(&s, 0, NULL), *b = take(&s, 1, a);
    assert_int_equal(b->field_count, 3);
    assert_int_equal(b->slot_count, 5);
    expect_member(b, s.names[0], ZSHAPE_FIELD, 0);
    expect_member(b, s.names[1], ZSHAPE_FIELD, 1);
    expect_member(b, s.names[2], ZSHAPE_METHOD, 1);
    expect_member(b, s.names[3], ZSHAPE_FIELD, 2);
    expect_member(b, s.names[4], ZSHAPE_METHOD, 3);
    expect_member(b, s.names[5], ZSHAPE_METHOD, 4);
    assert_int_equal(b->fields[0].default_slot, 0);
    assert_int_equal(b->fields[2].default_slot, 2);
    assert_null(zshape_find(b, s.names[6]));
    assert_null(zshape_find_text(b, s.names[6]));
    const struct zshape *c = take(&s, 2, b), *d = take(&s, 3, c);
    expect_member(c, s.names[4], ZSHAPE_FIELD, 3);
    expect_member(d, s.names[4], ZSHAPE_FIELD, 3);
    assert_int_equal(d->slot_count, c->slot_count + 1);
    // A method takes the slot of the inherited one.
    const struct zshape *e = take(&s, 3, b);
    assert_int_equal(e->slot_count, b->slot_count);
    assert_int_equal(e->own_slots[0], 3);
    assert_ptr_equal(zshape_inherited(s.code->datas + 2, c), s.names[4]);
    assert_null(zshape_inherited(s.code->datas + 2, b));
    assert_null(zshape_inherited(s.code->datas + 2, NULL));
    close_shapes(&s);
}

static void test_inherited_fields_functions_and_depth_at_their_bounds(void **state)
{
    (void)state;
    struct shapes s;
    open_shapes(&s, 5);
    set_data(&s, 0, 0, ZDATA_FIELDS_MAX - 1, 0, ZDATA_FUNCTIONS_MAX - 2);
    set_data(&s, 1, 1000, 1, 0, 2);
    set_data(&s, 2, 1000, 2, 0, 0);
    set_data(&s, 3, 1000, 0, 0, 3);
    set_data(&s, 4, 2000, 0, 0, 0);
    const struct zshape *large = take(&s, 0, NULL);
    assert_null(zshape_excess(&s.code->datas[1], large));
    const struct zshape *full = take(&s, 1, large);
    assert_int_equal(full->field_count, ZDATA_FIELDS_MAX);
    assert_int_equal(full->slot_count, ZDATA_FUNCTIONS_MAX);
    expect_member(full, s.names[7], ZSHAPE_FIELD, 7);
    assert_string_equal(zshape_excess(&s.code->datas[2], large),
                        "data type %s has too many fields with the inherited ones");
    assert_string_equal(zshape_excess(&s.code->datas[3], large),
                        "data type %s has too many methods and defaults with the inherited ones");
    const struct zshape *chain = NULL;
    for (uint32_t i = 0; i <= ZSHAPE_DEPTH_MAX; i++) {
        assert_null(zshape_excess(&s.code->datas[4], chain));
        chain = take(&s, 4, chain);
    }
    assert_int_equal(chain->depth, ZSHAPE_DEPTH_MAX);
    assert_string_equal(zshape_excess(&s.code->datas[4], chain),
                        "data type %s has too many ancestors");
    close_shapes(&s);
}

static void test_table_takes_what_it_has_room_for_and_no_more(void **state)
{
    (void)state;
    struct shapes s;
    open_shapes(&s, 50);
    for (uint32_t i = 0; i < 50; i++) {
        set_data(&s, i, 0, 0, 0, 0);
    }
    uint32_t capacity = s.code->shape_capacity;
    assert_int_equal(capacity, 2 * ZSHAPE_SPARE_COUNT);
    const struct zshape *roots[50], *shape = NULL;
    for (uint32_t i = 0; i < 50; i++) {
        roots[i] = take(&s, i, NULL);
    }
    uint32_t made = 0;
    for (; 50 + made < capacity; made++) {
        shape = take(&s, made % 50, roots[made / 50]);
        assert_int_equal(shape->id, 50 + made + 1);
    }
    const struct zshape *none = NULL;
    struct zdata *next = &s.code->datas[made % 50];
    assert_int_equal(zshape_acquire(s.code, next, roots[made / 50], &s.ids, &none), ZVM_E_LIMIT);
    assert_null(none);
    // What is there is still found.
    assert_ptr_equal(take(&s, (made - 1) % 50, roots[(made - 1) / 50]), shape);
    for (uint32_t i = 0; i < 50; i++) {
        assert_ptr_equal(take(&s, i, NULL), roots[i]);
    }
    close_shapes(&s);
}

static void test_ids_are_used_up_but_never_used_again(void **state)
{
    (void)state;
    struct shapes s;
    open_shapes(&s, 2);
    set_data(&s, 0, 0, 1, 0, 0);
    set_data(&s, 1, 1, 1, 0, 0);
    atomic_init(&s.ids, ZSHAPE_ID_OWN - 2);
    const struct zshape *last = take(&s, 0, NULL), *none = NULL;
    assert_int_equal(last->id, ZSHAPE_ID_OWN - 1);
    assert_int_equal(zshape_acquire(s.code, &s.code->datas[1], NULL, &s.ids, &none), ZVM_E_LIMIT);
    assert_null(none);
    assert_ptr_equal(take(&s, 0, NULL), last);
    close_shapes(&s);
}

// ---- Many threads ------------------------------------------------------------------------

#define THREADS 4
#define ROUNDS  64

struct racer {
    struct shapes *s;
    pthread_barrier_t *start;
    const struct zshape *got[ROUNDS];
};

static void *race(void *context)
{
    struct racer *racer = context;
    struct shapes *s = racer->s;
    pthread_barrier_wait(racer->start);
    const struct zshape *parent = NULL;
    for (uint32_t i = 0; i < ROUNDS; i++) {
        if (zshape_acquire(s->code, &s->code->datas[i % 2], parent, &s->ids, &racer->got[i]) !=
            ZVM_OK) {
            racer->got[i] = NULL;
            return NULL;
        }
        parent = racer->got[i];
    }
    return NULL;
}

static void test_threads_that_make_the_same_shapes_get_the_same_ones(void **state)
{
    (void)state;
    struct shapes s;
    open_shapes(&s, 2);
    set_data(&s, 0, 0, 0, 0, 1);
    set_data(&s, 1, 1, 0, 0, 1);
    pthread_barrier_t start;
    pthread_t threads[THREADS];
    static struct racer racers[THREADS];
    assert_int_equal(pthread_barrier_init(&start, NULL, THREADS), 0);
    for (uint32_t i = 0; i < THREADS; i++) {
        racers[i] = (struct racer){.s = &s, .start = &start};
        assert_int_equal(pthread_create(&threads[i], NULL, race, &racers[i]), 0);
    }
    for (uint32_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    for (uint32_t i = 0; i < ROUNDS; i++) {
        const struct zshape *shape = racers[0].got[i];
        assert_non_null(shape);
        assert_int_equal(shape->depth, i);
        for (uint32_t k = 1; k < THREADS; k++) {
            assert_ptr_equal(racers[k].got[i], shape);
        }
    }
    pthread_barrier_destroy(&start);
    close_shapes(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shape_is_one_for_a_declaration_and_a_parent),
        cmocka_unit_test(test_members_are_numbered_parents_first),
        cmocka_unit_test(test_inherited_fields_functions_and_depth_at_their_bounds),
        cmocka_unit_test(test_table_takes_what_it_has_room_for_and_no_more),
        cmocka_unit_test(test_ids_are_used_up_but_never_used_again),
        cmocka_unit_test(test_threads_that_make_the_same_shapes_get_the_same_ones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
