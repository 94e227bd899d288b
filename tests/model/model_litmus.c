// tests/model/model_litmus.c - what the explorer's memory can do, and what it cannot.
//
// The classical small programs, x and y zero at first. Each asserts that its weak outcome does not
// come. Where C11 allows it, it is planted as a bug, and the explorer must find it; where C11
// forbids it, it is harmless, and all schedules together must not show it. The correct variant is
// store buffering with seq_cst. Names: the program and the orders.
#include "model.h"

#define THREADS 4

enum program {
    STORE_BUFFER_SEQ_CST,
    STORE_BUFFER_RELEASE,
    STORE_BUFFER_HALF, // one side seq_cst
    MESSAGE_RELEASE,
    MESSAGE_RELAXED_STORE,
    MESSAGE_RELAXED_LOAD,
    MESSAGE_CHAIN_RMW,   // the flag was changed by a relaxed read-modify-write in between
    MESSAGE_CHAIN_STORE, // by a relaxed store of the same thread
    MESSAGE_PLAIN,       // through plain memory
    READ_READ,           // two loads of one word
    READ_READ_ORDERED,   // by two threads, the later one told by the earlier one
    FOUR_SEQ_CST,        // independent reads of independent writes
    FOUR_ACQUIRE,
    OLD_CAS, // a compare-and-swap that fails on an old value
    ONE_CAS, // two that take the same word from 0
    PUBLISHED_INIT,
    UNPUBLISHED_INIT, // atomic_init is no atomic store
};

static _Atomic uint32_t x, y;
static _Atomic(uint32_t *) box;
static uint32_t plain;
static uint32_t seen[THREADS][2];

static void setup(void)
{
    atomic_init(&x, 0);
    atomic_init(&y, 0);
    atomic_init(&box, NULL);
    plain = 0;
    for (uint32_t i = 0; i < THREADS; i++)
        seen[i][0] = seen[i][1] = 0;
    zx_name(&x, "x");
    zx_name(&y, "y");
    zx_name(&plain, "plain");
}

// ---- Store buffering: each stores its word and looks at the other's -----------------------------

static void store_buffer(uint32_t thread)
{
    _Atomic uint32_t *mine = thread == 0 ? &x : &y, *other = thread == 0 ? &y : &x;
    if (thread > 1) return;
    bool is_strong =
        zmodel_bug == STORE_BUFFER_SEQ_CST || (zmodel_bug == STORE_BUFFER_HALF && thread == 0);
    if (is_strong) {
        z_store_seq_cst(mine, 1);
        seen[thread][0] = z_load_seq_cst(other);
    } else {
        z_store_release(mine, 1);
        seen[thread][0] = z_load_acquire(other);
    }
}

// ---- Message passing: x is the message, y the flag ----------------------------------------------

static void send(void)
{
    if (zmodel_bug == MESSAGE_PLAIN)
        zx_plain_write(&plain, 1);
    else
        z_store_relaxed(&x, 1);
    if (zmodel_bug == MESSAGE_RELAXED_STORE)
        z_store_relaxed(&y, 1);
    else
        z_store_release(&y, 1);
    if (zmodel_bug == MESSAGE_CHAIN_STORE) z_store_relaxed(&y, 2);
}

static void receive(void)
{
    uint32_t flag = zmodel_bug == MESSAGE_RELAXED_LOAD ? z_load_relaxed(&y) : z_load_acquire(&y);
    uint32_t wanted = zmodel_bug == MESSAGE_CHAIN_RMW || zmodel_bug == MESSAGE_CHAIN_STORE ? 2 : 1;
    seen[1][0] = flag == wanted;
    if (flag != wanted) return;
    seen[1][1] = zmodel_bug == MESSAGE_PLAIN ? zx_plain_read(&plain) : z_load_relaxed(&x);
}

static void message(uint32_t thread)
{
    if (thread == 0) send();
    if (thread == 1) receive();
    if (thread == 2 && zmodel_bug == MESSAGE_CHAIN_RMW) z_fetch_add_relaxed(&y, 1);
}

// ---- Coherence ----------------------------------------------------------------------------------

static void read_read(uint32_t thread)
{
    if (thread == 0) z_store_relaxed(&x, 1);
    if (thread != 1) return;
    seen[1][0] = z_load_relaxed(&x);
    seen[1][1] = z_load_relaxed(&x);
}

static void read_read_ordered(uint32_t thread)
{
    if (thread == 0) z_store_relaxed(&x, 1);
    if (thread == 1) {
        uint32_t value = z_load_relaxed(&x);
        z_store_release(&y, 1 + value);
    }
    if (thread != 2) return;
    seen[1][0] = z_load_acquire(&y) == 2;
    seen[1][1] = z_load_relaxed(&x);
}

static void four(uint32_t thread)
{
    bool is_strong = zmodel_bug == FOUR_SEQ_CST;
    _Atomic uint32_t *first = thread == 2 ? &x : &y, *second = thread == 2 ? &y : &x;
    if (thread < 2 && is_strong) z_store_seq_cst(thread == 0 ? &x : &y, 1);
    if (thread < 2 && !is_strong) z_store_release(thread == 0 ? &x : &y, 1);
    if (thread < 2) return;
    seen[thread][0] = is_strong ? z_load_seq_cst(first) : z_load_acquire(first);
    seen[thread][1] = is_strong ? z_load_seq_cst(second) : z_load_acquire(second);
}

// ---- Compare-and-swap ---------------------------------------------------------------------------

static void old_cas(uint32_t thread)
{
    if (thread == 0) {
        z_store_relaxed(&x, 1);
        z_store_release(&y, 1);
    }
    if (thread != 1) return;
    uint32_t expected = 1;
    seen[1][0] = z_load_relaxed(&y);
    seen[1][1] = z_cas_release(&x, &expected, 2);
}

static void one_cas(uint32_t thread)
{
    uint32_t expected = 0;
    if (thread < 2) seen[thread][0] = z_cas_release(&x, &expected, 1 + thread);
}

// ---- First values -------------------------------------------------------------------------------

static void publish(uint32_t thread)
{
    if (thread == 0) {
        uint32_t *memory = zx_alloc(sizeof *memory);
        atomic_init((_Atomic uint32_t *)memory, 7);
        if (zmodel_bug == PUBLISHED_INIT)
            z_store_release(&box, memory);
        else
            z_store_relaxed(&box, memory);
    }
    if (thread != 1) return;
    uint32_t *memory = z_load_acquire(&box);
    if (memory != NULL) seen[1][0] = z_load_relaxed((_Atomic uint32_t *)memory);
    seen[1][1] = memory != NULL;
}

// ---- All of them --------------------------------------------------------------------------------

static void body(uint32_t thread)
{
    if (zmodel_bug <= STORE_BUFFER_HALF)
        store_buffer(thread);
    else if (zmodel_bug <= MESSAGE_PLAIN)
        message(thread);
    else if (zmodel_bug == READ_READ)
        read_read(thread);
    else if (zmodel_bug == READ_READ_ORDERED)
        read_read_ordered(thread);
    else if (zmodel_bug <= FOUR_ACQUIRE)
        four(thread);
    else if (zmodel_bug == OLD_CAS)
        old_cas(thread);
    else if (zmodel_bug == ONE_CAS)
        one_cas(thread);
    else
        publish(thread);
}

static void check(void)
{
    if (zmodel_bug <= STORE_BUFFER_HALF)
        zx_assert(seen[0][0] == 1 || seen[1][0] == 1);
    else if (zmodel_bug <= MESSAGE_PLAIN)
        zx_assert(seen[1][0] == 0 || seen[1][1] == 1);
    else if (zmodel_bug <= READ_READ_ORDERED)
        zx_assert(seen[1][0] <= seen[1][1]);
    else if (zmodel_bug <= FOUR_ACQUIRE)
        zx_assert(seen[2][0] + seen[3][0] < 2 || seen[2][1] + seen[3][1] > 0);
    else if (zmodel_bug == OLD_CAS)
        zx_assert(seen[1][0] == 0 || seen[1][1] == 1);
    else if (zmodel_bug == ONE_CAS)
        zx_assert(seen[0][0] + seen[1][0] == 1);
    else
        zx_assert(seen[1][1] == 0 || seen[1][0] == 7);
}

#define FOUND(NAME)                   \
    {                                 \
        NAME, 1000, 1000, 1000, false \
    }
#define HARMLESS(NAME)                \
    {                                 \
        NAME, 1000, 1000, 10000, true \
    }

// In the order of enum program, from 1.
static const struct zmodel_bug bugs[] = {
    FOUND("sb_release"), FOUND("sb_half"),       HARMLESS("mp_release"),   FOUND("mp_store"),
    FOUND("mp_load"),    HARMLESS("mp_rmw"),     FOUND("mp_chain"),        HARMLESS("mp_plain"),
    HARMLESS("rr"),      HARMLESS("rr_ordered"), HARMLESS("iriw_seq_cst"), FOUND("iriw_acquire"),
    FOUND("cas_old"),    HARMLESS("cas_one"),    HARMLESS("init"),         FOUND("init_relaxed"),
};

const struct zmodel zmodel_program = {
    .name = "litmus",
    .thread_count = THREADS,
    .setup = setup,
    .body = body,
    .check = check,
    .bugs = bugs,
    .bug_count = sizeof bugs / sizeof *bugs,
    .dfs_max = 10000,
};
