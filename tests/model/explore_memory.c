// tests/model/explore_memory.c - words remember their stores, and loads may return old ones.
//
// Owns: the history of every shared word of one execution. A word is known by its address and comes
// into being when it is first used; its first store is what the memory held then. What the newest
// store is always also stands in the memory itself.
// Rules (C11 with the release sequences of C++20; docs/explorer.md argues them):
//   - The stores of a word are ordered as they are executed.
//   - A load returns any store, from the newest back to the first that it must know: one that
//     happened before it, or that somebody read or wrote before it. A seq_cst load must also know
//     the last seq_cst store.
//   - A read-modify-write always follows the newest store.
//   - A release store carries its thread's clock; a read-modify-write hands on the clock of the
//     store it follows; a load that acquires takes the clock over.
#include "explore.h"

#include <string.h>

#define WORDS_MAX      2048
#define HISTORIES_MAX  512
#define SLOTS_COUNT    (4 * WORDS_MAX)
#define WEAKENINGS_MAX 8
#define HISTORY        16 // older stores can no longer be read; a power of two

struct store {
    uint64_t value;
    // Of each thread, the step at which it first knew this store: wrote it or read it. 0: never.
    struct zx_clock known;
    struct zx_clock released; // what a load that acquires learns
    bool has_released;
};

struct word {
    const volatile void *address;
    uint32_t bytes;
    uint32_t store_count; // ever; store n is stores[n % HISTORY]
    uint32_t seq_cst_end; // stores before this one are unknown to no seq_cst load
    struct zx_clock used; // of each thread, its last step here
    struct store *stores; // &first, and [HISTORY] from the second store on
    struct store first;   // most words never get another, and must not cost a whole history
};

static struct word words[WORDS_MAX];
static uint32_t word_count;
static struct store histories[HISTORIES_MAX][HISTORY];
static uint32_t history_count;
static struct {
    uint32_t execution, index;
} slots[SLOTS_COUNT];

static struct {
    uintptr_t from;
    size_t bytes;
    enum zx_operation operation;
} weakenings[WEAKENINGS_MAX];
static uint32_t weakening_count;

void zx_memory_begin(void)
{
    word_count = 0; // slots of earlier executions are stale by their number
    history_count = 0;
    weakening_count = 0;
}

// ---- Memory as the machine has it ---------------------------------------------------------------

static uint64_t read_raw(const volatile void *address, size_t bytes)
{
    switch (bytes) {
    case 1:
        return *(const volatile uint8_t *)address;
    case 2:
        return *(const volatile uint16_t *)address;
    case 4:
        return *(const volatile uint32_t *)address;
    default:
        return *(const volatile uint64_t *)address;
    }
}

static void write_raw(volatile void *address, size_t bytes, uint64_t value)
{
    switch (bytes) {
    case 1:
        *(volatile uint8_t *)address = (uint8_t)value;
        break;
    case 2:
        *(volatile uint16_t *)address = (uint16_t)value;
        break;
    case 4:
        *(volatile uint32_t *)address = (uint32_t)value;
        break;
    default:
        *(volatile uint64_t *)address = value;
    }
}

static uint64_t cut(uint64_t value, size_t bytes)
{
    return bytes == 8 ? value : value & ((UINT64_C(1) << 8 * bytes) - 1);
}

// ---- Words --------------------------------------------------------------------------------------

static struct store *store_at(struct word *word, uint32_t n)
{
    return &word->stores[n % HISTORY];
}

static struct store *newest_of(struct word *word)
{
    return store_at(word, word->store_count - 1);
}

// The first value was there before the threads, or came with the piece of memory.
static struct word *make_word(const volatile void *address, size_t bytes)
{
    if (word_count == WORDS_MAX) zx_fail("more than %u words", WORDS_MAX);
    struct word *word = &words[word_count++];
    word->address = address;
    word->bytes = (uint32_t)bytes;
    word->store_count = 1;
    word->seq_cst_end = 0;
    word->used = (struct zx_clock){.of = {0}};
    word->stores = &word->first;
    struct store *first = &word->first;
    first->value = read_raw(address, bytes);
    first->has_released = false;
    first->known = (struct zx_clock){.of = {0}};
    uint32_t thread = 0, step = 1;
    zx_origin_of(address, &thread, &step);
    first->known.of[thread] = step;
    return word;
}

static struct word *find_word(const volatile void *address, size_t bytes)
{
    zx_check_live(address);
    uint32_t at = (uint32_t)((uint64_t)(uintptr_t)address * UINT64_C(0x9E3779B97F4A7C15) >> 40);
    for (;; at++) {
        at %= SLOTS_COUNT;
        if (slots[at].execution != zx.number) break;
        struct word *word = &words[slots[at].index];
        if (word->address != address) continue;
        if (word->bytes != bytes) zx_fail("%s is used in two sizes", zx_name_of(address));
        return word;
    }
    slots[at].execution = zx.number;
    slots[at].index = word_count;
    return make_word(address, bytes);
}

// Room for more than the first store.
static void begin_history(struct word *word)
{
    if (history_count == HISTORIES_MAX) zx_fail("more than %u words change", HISTORIES_MAX);
    word->stores = histories[history_count++];
    word->stores[0] = word->first;
}

// Finds the word and counts the step. A thread that comes here for the first time must have been
// told of the word's first value.
static struct word *enter(const volatile void *address, size_t bytes, bool is_write)
{
    zx_point(address, is_write);
    struct word *word = find_word(address, bytes);
    struct zx_thread *self = zx_self();
    uint32_t now = ++self->clock.of[zx.current];
    bool is_new_here = word->used.of[zx.current] == 0 && word->store_count <= HISTORY;
    if (is_new_here && !zx_clock_has_any(&self->clock, &store_at(word, 0)->known))
        zx_fail("data race: %s is used, and nothing orders its first value before that",
                zx_name_of(address));
    word->used.of[zx.current] = now;
    if (is_write && word->stores == &word->first) begin_history(word);
    return word;
}

static bool is_acquire(memory_order order)
{
    return order == memory_order_acquire || order == memory_order_acq_rel ||
           order == memory_order_seq_cst;
}

static bool is_release(memory_order order)
{
    return order == memory_order_release || order == memory_order_acq_rel ||
           order == memory_order_seq_cst;
}

static const char *order_name(memory_order order)
{
    static const char *const order_names[] = {"relaxed", "consume", "acquire",
                                              "release", "acq_rel", "seq_cst"};
    return order_names[order];
}

// ---- Weakening ----------------------------------------------------------------------------------

void zx_weaken(const volatile void *from, size_t bytes, enum zx_operation operation)
{
    if (weakening_count == WEAKENINGS_MAX) zx_fail("more than %u weakenings", WEAKENINGS_MAX);
    weakenings[weakening_count].from = (uintptr_t)from;
    weakenings[weakening_count].bytes = bytes;
    weakenings[weakening_count++].operation = operation;
}

// The order that the operation really gets.
static memory_order order_of(const struct word *word, memory_order order, bool loads, bool stores)
{
    for (uint32_t i = 0; i < weakening_count; i++) {
        if ((uintptr_t)word->address - weakenings[i].from >= weakenings[i].bytes) continue;
        if (weakenings[i].operation == ZX_LOADS ? loads : stores) return memory_order_relaxed;
    }
    return order;
}

// ---- Loads --------------------------------------------------------------------------------------

// How many stores, from the newest back, a load may return.
static uint32_t readable_count(struct word *word, memory_order order)
{
    const struct zx_clock *clock = &zx_self()->clock;
    uint32_t first = word->store_count > HISTORY ? word->store_count - HISTORY : 0;
    if (order == memory_order_seq_cst && word->seq_cst_end > first) first = word->seq_cst_end;
    uint32_t n = word->store_count - 1;
    while (n > first && !zx_clock_has_any(clock, &store_at(word, n)->known))
        n--;
    return word->store_count - n;
}

static uint64_t read_store(struct store *store, memory_order order)
{
    struct zx_clock *clock = &zx_self()->clock;
    if (store->known.of[zx.current] == 0) store->known.of[zx.current] = clock->of[zx.current];
    if (is_acquire(order) && store->has_released) zx_clock_join(clock, &store->released);
    return store->value;
}

uint64_t zexplore_load(const volatile void *address, size_t bytes, memory_order order)
{
    struct word *word = enter(address, bytes, false);
    order = order_of(word, order, true, false);
    uint32_t age = zx_choose_store(readable_count(word, order));
    uint64_t value = read_store(store_at(word, word->store_count - 1 - age), order);
    zx_trace("load %s %s = %s%s", order_name(order), zx_name_of(address), zx_text_of(value),
             age > 0 ? " (old)" : "");
    return value;
}

uint64_t zx_memory_newest(const volatile void *address, size_t bytes)
{
    return newest_of(find_word(address, bytes))->value;
}

// ---- Stores -------------------------------------------------------------------------------------

// follows: the store that a read-modify-write follows, whose clock it hands on; NULL: a plain
// store.
static void add_store(struct word *word, uint64_t value, memory_order order,
                      const struct store *follows)
{
    const struct zx_thread *self = zx_self();
    struct store *store = store_at(word, word->store_count++);
    store->value = cut(value, word->bytes);
    store->has_released = false;
    if (follows != NULL && follows->has_released) {
        store->released = follows->released;
        store->has_released = true;
    }
    if (is_release(order)) {
        if (store->has_released)
            zx_clock_join(&store->released, &self->clock);
        else
            store->released = self->clock;
        store->has_released = true;
    }
    store->known = (struct zx_clock){.of = {0}};
    store->known.of[zx.current] = self->clock.of[zx.current];
    if (order == memory_order_seq_cst) word->seq_cst_end = word->store_count - 1;
    write_raw((volatile void *)(uintptr_t)word->address, word->bytes, store->value);
}

void zexplore_store(volatile void *address, size_t bytes, uint64_t value, memory_order order)
{
    struct word *word = enter(address, bytes, true);
    order = order_of(word, order, false, true);
    add_store(word, value, order, NULL);
    zx_trace("store %s %s = %s", order_name(order), zx_name_of(address),
             zx_text_of(cut(value, bytes)));
}

void zexplore_init(volatile void *address, size_t bytes, uint64_t value)
{
    write_raw(address, bytes, value);
    struct word *word = find_word(address, bytes);
    uint32_t now = ++zx_self()->clock.of[zx.current];
    if (!zx_clock_has_all(&zx_self()->clock, &word->used))
        zx_fail("data race: %s gets a first value while it is used", zx_name_of(address));
    word->store_count = 1;
    word->seq_cst_end = 0;
    word->used.of[zx.current] = now;
    struct store *first = store_at(word, 0);
    first->value = cut(value, bytes);
    first->has_released = false;
    first->known = (struct zx_clock){.of = {0}};
    first->known.of[zx.current] = now;
}

// ---- Read-modify-writes -------------------------------------------------------------------------

static uint64_t changed(uint64_t before, enum zexplore_change change, uint64_t value)
{
    switch (change) {
    case ZEXPLORE_EXCHANGE:
        return value;
    case ZEXPLORE_ADD:
        return before + value;
    case ZEXPLORE_SUB:
        return before - value;
    case ZEXPLORE_OR:
        return before | value;
    default:
        return before & value;
    }
}

// HISTORY is more than one, so the store followed is still there beside the new one.
static void follow_newest(struct word *word, uint64_t value, memory_order order)
{
    struct store *newest = newest_of(word);
    read_store(newest, order);
    add_store(word, value, order, newest);
}

uint64_t zexplore_change(volatile void *address, size_t bytes, enum zexplore_change change,
                         uint64_t value, memory_order order)
{
    static const char *const change_names[] = {"exchange", "add", "sub", "or", "and"};
    struct word *word = enter(address, bytes, true);
    order = order_of(word, order, true, true);
    uint64_t before = newest_of(word)->value;
    uint64_t after = cut(changed(before, change, value), bytes);
    follow_newest(word, after, order);
    zx_trace("%s %s %s = %s -> %s", change_names[change], order_name(order), zx_name_of(address),
             zx_text_of(before), zx_text_of(after));
    return before;
}

// The store that a compare-and-swap looks at: the newest, or an old one that makes it fail.
static struct store *choose_compared(struct word *word, uint64_t expected, memory_order failure)
{
    struct store *found[HISTORY];
    uint32_t count = 0, readable = readable_count(word, failure);
    for (uint32_t age = 0; age < readable; age++) {
        struct store *store = store_at(word, word->store_count - 1 - age);
        if (age == 0 || store->value != expected) found[count++] = store;
    }
    return found[zx_choose_store(count)];
}

bool zexplore_cas(volatile void *address, size_t bytes, void *expected, uint64_t desired,
                  memory_order success, memory_order failure, bool is_weak)
{
    struct word *word = enter(address, bytes, true);
    success = order_of(word, success, true, true);
    failure = order_of(word, failure, true, false);
    uint64_t wanted = read_raw(expected, bytes);
    struct store *store = choose_compared(word, wanted, failure);
    bool is_equal = store->value == wanted;
    if (is_equal && !(is_weak && zx_choose_oddity())) {
        follow_newest(word, desired, success);
        zx_trace("cas %s %s = %s -> %s", order_name(success), zx_name_of(address),
                 zx_text_of(wanted), zx_text_of(cut(desired, bytes)));
        return true;
    }
    write_raw(expected, bytes, read_store(store, failure));
    zx_trace("cas fails %s %s = %s%s, not %s", order_name(failure), zx_name_of(address),
             zx_text_of(store->value), store == newest_of(word) ? "" : " (old)",
             zx_text_of(wanted));
    return false;
}

// ---- Freeing ------------------------------------------------------------------------------------

void zx_memory_free(const volatile void *from, size_t bytes)
{
    const struct zx_clock *clock = &zx_self()->clock;
    for (uint32_t i = 0; i < word_count; i++) {
        const struct word *word = &words[i];
        if ((uintptr_t)word->address - (uintptr_t)from >= bytes) continue;
        if (!zx_clock_has_all(clock, &word->used))
            zx_fail("data race: %s is freed, and nothing orders a use of it before that",
                    zx_name_of(word->address));
    }
}
