// tests/model/model_shape.c - the table of shapes: one shape for each key, whole when it is seen.
// With: src/vm/shape.c
//
// Three threads want the shapes of two declarations, the second with the first as its parent, in orders
// of their own. The table has room for two. All get the same ones and read every part of them; what
// somebody made in vain is freed; a third shape does not fit. Bugs: weak_place: what is in a place is seen
// before it is finished; plain_ids: two threads take one id.
#include "model.h"

#include "base/alloc.h"
#include "vm/shape.h"

#include <string.h>

enum bug { WEAK_PLACE = 1, PLAIN_IDS };

#define THREADS  3
#define CAPACITY 2

static struct zstring names[4]; // their addresses are what counts
static struct zdata_field fields[2];
static const struct zstring *methods[1];
static struct zdata datas[3];
static struct zcode code;
static _Atomic uint32_t ids;
static const struct zshape *got[THREADS][2];

static void setup(void)
{
    memset(&code, 0, sizeof code);
    memset(got, 0, sizeof got);
    methods[0] = &names[2];
    for (uint32_t i = 0; i < 3; i++) {
        datas[i] = (struct zdata){.name = &names[3], .index = i};
    }
    for (uint32_t i = 0; i < 2; i++) {
        fields[i] = (struct zdata_field){.check.name = &names[i]};
        datas[i].fields = &fields[i];
        datas[i].field_count = 1;
        datas[i].methods = methods;
        datas[i].method_count = datas[i].function_count = 1;
    }
    code.datas = datas;
    code.data_count = 3;
    code.shape_capacity = CAPACITY;
    code.shapes = zx_alloc(CAPACITY * sizeof *code.shapes);
    atomic_init(&ids, 0);
    zx_name(&ids, "ids");
    zx_name(&code.shapes[0], "place 0");
    zx_name(&code.shapes[1], "place 1");
    if (zmodel_bug == WEAK_PLACE) zx_weaken(code.shapes, CAPACITY * sizeof *code.shapes, ZX_STORES);
}

// As zshape_acquire does it, but with an id that two threads may take.
static zvm_status acquire(const struct zdata *data, const struct zshape *parent,
                          const struct zshape **out)
{
    if (zmodel_bug != PLAIN_IDS) return zshape_acquire(&code, data, parent, &ids, out);
    _Atomic uint32_t own;
    atomic_init(&own, z_load_relaxed(&ids)); // relaxed: a bug
    zvm_status status = zshape_acquire(&code, data, parent, &own, out);
    z_store_relaxed(&ids, z_load_relaxed(&own)); // relaxed: a bug
    return status;
}

static void look_at(const struct zshape *shape, uint32_t field_count)
{
    zx_assert(shape->id != 0);
    zx_assert(shape->field_count == field_count);
    zx_assert(shape->slot_count == 1);
    for (uint32_t i = 0; i < field_count; i++) {
        const struct zshape_member *member = zshape_find(shape, &names[i]);
        zx_assert(member != NULL && member->kind == ZSHAPE_FIELD && member->index == i);
        zx_assert(shape->fields[i].declared == &fields[i]);
    }
    const struct zshape_member *method = zshape_find(shape, &names[2]);
    zx_assert(method != NULL && method->kind == ZSHAPE_METHOD && method->index == 0);
}

static void body(uint32_t thread)
{
    zx_assert(acquire(&datas[0], NULL, &got[thread][0]) == ZVM_OK);
    look_at(got[thread][0], 1);
    zx_assert(acquire(&datas[1], got[thread][0], &got[thread][1]) == ZVM_OK);
    look_at(got[thread][1], 2);
    if (thread != 0) return;
    const struct zshape *third = NULL;
    zx_assert(acquire(&datas[2], NULL, &third) == ZVM_E_LIMIT);
    zx_assert(third == NULL);
}

static void check(void)
{
    for (uint32_t i = 1; i < THREADS; i++) {
        zx_assert(got[i][0] == got[0][0]);
        zx_assert(got[i][1] == got[0][1]);
    }
    zx_assert(got[0][0]->id != got[0][1]->id);
    zshape_free_all(&code);
    zx_free(code.shapes, CAPACITY * sizeof *code.shapes);
    zx_assert(zx_live_count() == 0);
}

static const struct zmodel_bug bugs[] = {
    {.name = "weak_place", .random_max = 1000, .pct_max = 1000},
    {.name = "plain_ids", .random_max = 1000, .pct_max = 1000},
};

const struct zmodel zmodel_program = {
    .name = "shape",
    .thread_count = THREADS,
    .setup = setup,
    .body = body,
    .check = check,
    .bugs = bugs,
    .bug_count = sizeof bugs / sizeof *bugs,
    .schedules = 20000,
};
