// tests/model/model_ring.c - a worker's ring: pushed by one, popped by one, half stolen by others.
// Define: ZRING_SLOTS=4
//
// The real ring (sched/ring.h). The owner pushes more items than the ring has slots, popping in
// between, so that slots are used again while thieves look at them; two thieves each steal twice into
// rings of their own and pop those empty. Wanted: every item comes out once, with its contents seen,
// and what one thread takes from the owner's ring comes in the order in which it was pushed.
// Bugs: relaxed_tail: a thief sees the tail without the slot or the item. overwrite: the owner does
// not look whether the slot has been read. unchecked_steal: a thief takes its copies although
// somebody else has moved the head. early_publish: it shows them to others first, and takes them
// back. plain_pop: the owner moves the head by a store.
// Not to be found here: the owner's acquire of head. Without it a slot's next value could be read by
// an older read of it, which neither the explorer nor x86-64 does.
#include "model.h"

#include "sched/ring.h"

#define ITEMS   6
#define THIEVES 2

enum bug { RELAXED_TAIL = 1, OVERWRITE, UNCHECKED_STEAL, EARLY_PUBLISH, PLAIN_POP };

struct item {
    uint32_t number; // plain: written before the push
    uint32_t taken;  // plain: written by whoever has taken it
};

static struct item items[ITEMS];
static struct zring rings[1 + THIEVES]; // the owner's first

static struct zisolate *pointer_of(struct item *item)
{
    return (struct zisolate *)(void *)item;
}

static void setup(void)
{
    for (uint32_t i = 0; i < 1 + THIEVES; i++) {
        atomic_init(&rings[i].head, 0);
        atomic_init(&rings[i].tail, 0);
        for (uint32_t slot = 0; slot < ZRING_SLOTS; slot++)
            atomic_init(&rings[i].slots[slot], NULL);
    }
    for (uint32_t i = 0; i < ITEMS; i++)
        items[i] = (struct item){0};
    zx_name(&rings[0].head, "head");
    zx_name(&rings[0].tail, "tail");
    if (zmodel_bug == RELAXED_TAIL) zx_weaken(&rings[0].tail, sizeof rings[0].tail, ZX_STORES);
}

static uint32_t take(struct zisolate *iso)
{
    zx_assert(iso != NULL);
    struct item *item = (struct item *)(void *)iso;
    zx_assert(zx_plain_read(&item->taken) == 0);
    zx_plain_write(&item->taken, 1);
    return zx_plain_read(&item->number);
}

// ---- The owner --------------------------------------------------------------------------------------

static bool push(struct zring *ring, struct zisolate *iso)
{
    if (zmodel_bug != OVERWRITE) return zring_push(ring, iso);
    uint64_t tail = z_load_relaxed(&ring->tail);
    z_store_relaxed(zring_slot(ring, tail), iso);
    z_store_release(&ring->tail, tail + 1);
    return true;
}

static struct zisolate *pop(struct zring *ring)
{
    if (zmodel_bug != PLAIN_POP) return zring_pop(ring);
    uint64_t head = z_load_acquire(&ring->head);
    if (head == z_load_relaxed(&ring->tail)) return NULL;
    struct zisolate *iso = z_load_relaxed(zring_slot(ring, head));
    z_store_release(&ring->head, head + 1);
    return iso;
}

static void pop_all(struct zring *ring, uint32_t most, uint32_t *last)
{
    for (uint32_t i = 0; i < most; i++) {
        struct zisolate *iso = pop(ring);
        if (iso == NULL) return;
        uint32_t number = take(iso);
        zx_assert(number > *last);
        *last = number;
    }
}

static void own(void)
{
    uint32_t last = 0;
    for (uint32_t i = 0; i < ITEMS; i++) {
        zx_plain_write(&items[i].number, i + 1);
        while (!push(&rings[0], pointer_of(&items[i])))
            pop_all(&rings[0], 1, &last);
        if (i == ITEMS / 2) pop_all(&rings[0], 1, &last);
    }
    pop_all(&rings[0], UINT32_MAX, &last);
}

// ---- A thief ----------------------------------------------------------------------------------------

static uint32_t steal_wrongly(struct zring *from, struct zring *into)
{
    uint64_t head = z_load_acquire(&from->head), tail = z_load_acquire(&from->tail);
    uint64_t length = tail - head;
    if (length == 0 || length > ZRING_SLOTS) return 0;
    uint64_t count = (length + 1) / 2, own_tail = z_load_relaxed(&into->tail);
    for (uint64_t i = 0; i < count; i++)
        z_store_relaxed(zring_slot(into, own_tail + i), z_load_relaxed(zring_slot(from, head + i)));
    if (zmodel_bug == EARLY_PUBLISH) z_store_release(&into->tail, own_tail + count);
    bool is_first = z_cas_acq_rel(&from->head, &head, head + count);
    if (zmodel_bug == EARLY_PUBLISH && !is_first) z_store_release(&into->tail, own_tail);
    if (zmodel_bug == UNCHECKED_STEAL) z_store_release(&into->tail, own_tail + count);
    return is_first || zmodel_bug == UNCHECKED_STEAL ? (uint32_t)count : 0;
}

static void steal(uint32_t thread)
{
    uint32_t last = 0;
    struct zring *own_ring = &rings[thread];
    for (int i = 0; i < 2; i++) {
        bool is_planted = zmodel_bug == UNCHECKED_STEAL || zmodel_bug == EARLY_PUBLISH;
        if (is_planted)
            steal_wrongly(&rings[0], own_ring);
        else
            zring_steal(&rings[0], own_ring);
        // The second thief may take from the first one, too.
        if (thread == 2 && zring_length(own_ring) == 0) {
            zring_steal(&rings[1], own_ring);
            last = 0;
        }
        pop_all(own_ring, UINT32_MAX, &last);
        last = 0;
    }
}

static void body(uint32_t thread)
{
    if (thread == 0)
        own();
    else
        steal(thread);
}

static void check(void)
{
    for (uint32_t i = 0; i < 1 + THIEVES; i++)
        zx_assert(zring_length(&rings[i]) == 0);
    for (uint32_t i = 0; i < ITEMS; i++)
        zx_assert(items[i].taken == 1);
}

static const struct zmodel_bug bugs[] = {
    {.name = "relaxed_tail", .random_max = 1000, .pct_max = 1000},
    {.name = "overwrite", .random_max = 1000, .pct_max = 1000},
    {.name = "unchecked_steal", .random_max = 1000, .pct_max = 1000},
    {.name = "early_publish", .random_max = 20000, .pct_max = 20000},
    {.name = "plain_pop", .random_max = 1000, .pct_max = 1000},
};

const struct zmodel zmodel_program = {
    .name = "ring",
    .thread_count = 1 + THIEVES,
    .setup = setup,
    .body = body,
    .check = check,
    .bugs = bugs,
    .bug_count = sizeof bugs / sizeof *bugs,
};
