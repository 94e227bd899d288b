// heap/heap.c - the life of a heap: init and deinit.
//
// Owns: a heap's memory but for the first page, which is the isolate's. Thread: owner.
// A heap that stays inside its first page costs nothing but that: init writes struct zheap and the
// words of one page, deinit looks at three fields. Everything else is given back by spans, never
// object by object; only payloads outside and held symbols are walked.
#define ZVM_HEAP_INTERNAL
#include "heap/heap_internal.h"
#include "heap/profile.h"

#include "base/alloc.h"

#define LIMIT_BYTES_MIN (8u * ZHEAP_BLOCK_BYTES)

_Static_assert(offsetof(struct zheap_more, classes) == 0, "zheap.classes leads to zheap_more");
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "headers are written as one word");

void zheap_init(struct zheap *heap, struct zheap_env *env, const struct zheap_options *options,
                void *page)
{
    ZVM_ASSERT(env != NULL);
    ZVM_CHECK(options->limit_bytes >= LIMIT_BYTES_MIN); // below, what is committed could pass it
    ZVM_ASSERT((uintptr_t)page % ZPAGE_BYTES == 0);

    memset(heap, 0, sizeof *heap);
    // Written only through classes with a cell in their cache, and these have none.
    heap->classes = (struct zheap_class *)(uintptr_t)zheap_no_classes;
    heap->env = env;
    struct zheap_private *private = zheap_private(heap);
    private->hooks = options->hooks;
    private->context = options->context;
    private->first_base = page;
    private->limit_bytes = options->limit_bytes;
    private->growth_percent =
        options->growth_percent < UINT16_MAX ? (uint16_t)options->growth_percent : UINT16_MAX;
    private->pressure_seen = zpressure_stamp(env);
    private->threshold_count = options->threshold_count;
    private->threshold_next = options->threshold_count;
    private->mode = (uint8_t)options->mode;
    private->freed_at_refusal_bytes = UINT64_MAX;
    private->committed_peak_bytes = ZHEAP_BLOCK_BYTES;
    zpolicy_set_trigger(heap);
    *zpage_used(zpage_at(private->first_base)) = 0;
    *zpage_mark(zpage_at(private->first_base)) = 0;
    zheap_poison(private->first_base, ZHEAP_FIRST_BYTES);
}

static void release_spans(struct zheap *heap, struct zpage *first)
{
    while (first != NULL) {
        struct zpage *next = first->next;
        zheap_release_span(heap, first);
        first = next;
    }
}

static ZVM_COLD void release_more(struct zheap *heap)
{
    struct zheap_more *more = zheap_more(heap);
    zprofile_free(heap);
    zheap_free_owners(heap);
    zcycle_free_stack(heap);
    zlog_free(heap);
    for (uint32_t i = 0; i < ZHEAP_CLASSES; i++) {
        release_spans(heap, more->classes[i].first);
    }
    zheap_release_span(heap, zpage_at(more->reserve.base));
    zheap_env_give_table(heap->env, more);
    heap->classes = (struct zheap_class *)(uintptr_t)zheap_no_classes;
}

void zheap_deinit(struct zheap *heap)
{
    ZVM_ASSERT(heap->env != NULL);
    if (zheap_private(heap)->held_capacity > 0) zheap_release_held(heap);
    if (zheap_more(heap) != NULL) release_more(heap);
    zheap_unpoison(zheap_private(heap)->first_base, ZHEAP_FIRST_BYTES);
    ZVM_ASSERT(zheap_private(heap)->span_pages == 0);
}

void zheap_reset(struct zheap *heap)
{
    const struct zheap_private *private = zheap_private(heap);
    // What is granted to a heap in steps may be less than one begins with.
    uint64_t limit_bytes = private->limit_bytes;
    struct zheap_options options = {
        .limit_bytes = limit_bytes < LIMIT_BYTES_MIN ? LIMIT_BYTES_MIN : limit_bytes,
        .growth_percent = private->growth_percent,
        .threshold_count = private->threshold_count,
        .mode = (enum zheap_mode) private->mode,
        .hooks = private->hooks,
        .context = private->context,
    };
    struct zheap_env *env = heap->env;
    char *page = private->first_base;
    zheap_deinit(heap);
    zheap_init(heap, env, &options, page);
    zheap_set_limit(heap, limit_bytes);
}

struct zheap_options zheap_options_of(const struct zheap *heap)
{
    const struct zheap_private *private = zheap_private_const(heap);
    return (struct zheap_options){
        .limit_bytes = private->limit_bytes,
        .growth_percent = private->growth_percent,
        .threshold_count = private->threshold_count,
        .mode = (enum zheap_mode) private->mode,
    };
}

bool zheap_has_profile(const struct zheap *heap)
{
    return zheap_profile(heap) != NULL;
}
