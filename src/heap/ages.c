// heap/ages.c - how old objects are: in collections, and with a profile in time.
//
// Owns: the marks of a profile. Thread: owner.
// An object's header has 16 bits of the epoch that it was made in. Without a profile an epoch is
// the time between two collections. With one, epochs also tick without collections, and a short
// table says when each began. A tick comes at most every TICK_NS_MIN, and later ever more rarely,
// so that an isolate never wears its 65,536 epochs out by ticking.
#include "heap/profile_internal.h"

#include "base/clock.h"

#define TICK_NS_MIN    UINT64_C(20000000)
#define TICK_PART      1024u // of the time that has passed
#define EPOCHS_IN_MIND 65535u
#define GAP_PART       64u

// Drops marks whose absence leaves a gap of at most a GAP_PART-th of their age. Of two neighbouring
// gaps the sum is then above that, so at most 2 * (GAP_PART + GAP_PART * ln(65536 / GAP_PART)) marks,
// fewer than there is room for, are left of the epochs that an object can be old.
static void thin_out(struct zages *ages)
{
    uint64_t newest = ages->marks[ages->count - 1].epoch;
    uint32_t kept = 1;
    for (uint32_t i = 1; i < ages->count; i++) {
        const struct zage_mark *mark = &ages->marks[i];
        bool is_last = i + 1 == ages->count;
        uint64_t gap = is_last ? 0 : mark[1].epoch - ages->marks[kept - 1].epoch;
        if (!is_last && gap <= (newest - mark->epoch) / GAP_PART) continue;
        ages->marks[kept++] = *mark;
    }
    // Beyond the epochs that an object can be old, the oldest go.
    uint32_t surplus = kept > ZAGE_MARKS - 8 ? kept - (ZAGE_MARKS - 8) : 0;
    memmove(ages->marks, ages->marks + surplus, (kept - surplus) * sizeof ages->marks[0]);
    ages->count = kept - surplus;
}

static void begin_epoch(struct zheap *heap, struct zprofile *profile, uint64_t now_ns)
{
    struct zages *ages = &profile->ages;
    profile->epoch++;
    heap->header = (profile->epoch & 0xffff) << 16;
    if (ages->count == ZAGE_MARKS) thin_out(ages);
    ages->marks[ages->count++] = (struct zage_mark){
        .epoch = profile->epoch,
        .collections = zheap_private(heap)->collections,
        .time_ns = now_ns,
    };
    uint64_t step_ns = (now_ns - ages->start_ns) / TICK_PART;
    ages->next_tick_ns = now_ns + (step_ns > TICK_NS_MIN ? step_ns : TICK_NS_MIN);
}

void zages_start(struct zheap *heap, struct zprofile *profile)
{
    profile->ages.start_ns = zclock_coarse_ns();
    profile->epoch = zheap_private(heap)->collections;
    begin_epoch(heap, profile, profile->ages.start_ns);
}

void zages_collected(struct zheap *heap, struct zprofile *profile)
{
    begin_epoch(heap, profile, zclock_coarse_ns());
}

void zages_poll(struct zheap *heap, struct zprofile *profile, uint64_t now_ns)
{
    if (ZVM_UNLIKELY(now_ns >= profile->ages.next_tick_ns)) begin_epoch(heap, profile, now_ns);
}

// The first mark behind epoch: what was made in epoch was made before it. NULL: epoch is not over.
static const struct zage_mark *mark_behind(const struct zages *ages, uint64_t epoch)
{
    uint32_t low = 0, high = ages->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (ages->marks[middle].epoch > epoch) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return low < ages->count ? &ages->marks[low] : NULL;
}

struct zage zheap_age(const struct zheap *heap, const struct zobject *object, uint64_t now_ns)
{
    uint16_t now_epoch = (uint16_t)(heap->header >> 16);
    uint64_t epochs = (uint16_t)(now_epoch - object->birth);
    const struct zprofile *profile = zprofile_of(heap);
    if (profile == NULL) return (struct zage){.collections = epochs, .ns = 0};

    const struct zage_mark *mark = mark_behind(&profile->ages, profile->epoch - epochs);
    if (mark == NULL) return (struct zage){0, 0};
    uint64_t collections = zheap_private_const(heap)->collections - mark->collections;
    // The mark behind a tick has the count of that moment; behind a collection, one collection
    // more has been survived than lie behind the mark.
    const struct zage_mark *before = mark - 1;
    if (mark > profile->ages.marks && before->collections < mark->collections) collections++;
    return (struct zage){
        .collections = collections < EPOCHS_IN_MIND ? collections : EPOCHS_IN_MIND,
        .ns = now_ns > mark->time_ns ? now_ns - mark->time_ns : 0,
    };
}
