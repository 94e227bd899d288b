// The heap as a library: a graph of objects of a C program, without programs and isolates. Objects that lead to
// each other in circles are freed when nothing leads to them from outside. Exit status 0: the figures are right.
//
// Build: cc heap.c $(pkg-config --cflags --libs zvm)
// prints: 1000 rings of 100 objects; 10 are kept
// prints: after a collection 1000 objects live, and 1000 of them were counted
// prints: an old handle is told: the handle's object is gone
#include <zvm.h>

#include <err.h>
#include <stdio.h>

#define RINGS 1000
#define SIZE  100

static void must(zvm_status status)
{
    if (status != ZVM_OK) errx(1, "%s", zvm_status_text(status));
}

// An object has two fields: the next one, and a number.
static zvm_handle make(zvm_mm *mm, int64_t number, zvm_handle next)
{
    zvm_mm_value to_next = {.kind = ZVM_MM_REFERENCE, .reference = next};
    zvm_handle object;
    must(zvm_mm_allocate(mm, 2, &object));
    if (number > 0) must(zvm_mm_set_field(mm, object, 0, to_next));
    must(zvm_mm_set_field(mm, object, 1, (zvm_mm_value){.kind = ZVM_MM_INT, .integer = number}));
    return object;
}

// What is made while the scope is open lives at least until it is closed.
static zvm_handle make_ring(zvm_mm *mm, bool is_kept)
{
    zvm_mm_scope scope;
    must(zvm_mm_scope_open(mm, &scope));
    zvm_handle first = make(mm, 0, (zvm_handle){0}), last = first;
    for (int i = 1; i < SIZE; i++)
        last = make(mm, i, last);
    zvm_mm_value to_last = {.kind = ZVM_MM_REFERENCE, .reference = last};
    must(zvm_mm_set_field(mm, first, 0, to_last)); // now it is a ring
    if (is_kept) must(zvm_mm_root_add(mm, first));
    must(zvm_mm_scope_close(mm, scope));
    return first;
}

static int walk(zvm_mm *mm, zvm_handle first)
{
    zvm_mm_value next = {.reference = first};
    int count = 0;
    do {
        must(zvm_mm_get_field(mm, next.reference, 0, &next));
        count++;
    } while (next.reference.index != first.index);
    return count;
}

int main(void)
{
    zvm_heap_stats stats = ZVM_HEAP_STATS_INIT;
    zvm_handle kept[10], lost = {0};
    zvm_mm_value value;
    zvm_mm *mm;
    int counted = 0;
    must(zvm_mm_create(NULL, &mm)); // of this thread; 100 MiB at most
    for (int i = 0; i < RINGS; i++)
        *(i < 10 ? &kept[i] : &lost) = make_ring(mm, i < 10);
    must(zvm_mm_collect(mm, true, NULL));
    must(zvm_mm_stats(mm, &stats));
    for (int i = 0; i < 10; i++)
        counted += walk(mm, kept[i]);
    zvm_status status = zvm_mm_get_field(mm, lost, 0, &value);
    printf("%d rings of %d objects; 10 are kept\n", RINGS, SIZE);
    printf("after a collection %d objects live, and %d of them were counted\n",
           (int)stats.live_objects, counted);
    printf("an old handle is told: %s\n", zvm_status_text(status));
    must(zvm_mm_destroy(mm));
    return stats.live_objects == 1000 && counted == 1000 && status == ZVM_E_STALE ? 0 : 1;
}
