// tests/model/model_counted.c - bytes that isolates share: who reads them has a hold, and the last one frees them.
// With: src/base/counted.c
//
// The real holds; a mailbox is a word. A sender makes the bytes, sends them to two readers, reads them once more and
// lets go of them. Each reader takes its message if it has come: a hold of its own, then the message's is given back, as a
// heap that unpacks does; it reads, and the first sends them on to the second. What nobody has taken is dropped at the end.
// Wanted: everybody reads what was written before the first message; the block is freed once, after all reads, and
// the sum is 0 again.
// Bugs: weak_count: giving a hold back orders nothing; late_hold: the sender sends before the message has its hold; early: a
// reader reads after it has let go; twice: a reader lets go twice; no_hold: a reader takes no hold of its own;
// append: the sender writes after it has sent; unread: what nobody has taken is forgotten.
#include "model.h"

#include "base/alloc.h"
#include "base/counted.h"

enum bug { WEAK_COUNT = 1, LATE_HOLD, EARLY, TWICE, NO_HOLD, APPEND, UNREAD };

enum { SENDER, FIRST, SECOND, THREADS };

#define LENGTH 8u

static struct zcounted_sum sum;
static _Atomic(struct zcounted *) mailboxes[THREADS]; // [SENDER]: from the first to the second

static void setup(void)
{
    atomic_init(&sum.count, 0);
    atomic_init(&sum.bytes, 0);
    atomic_init(&sum.charged_bytes, 0);
    for (uint32_t i = 0; i < THREADS; i++)
        atomic_init(&mailboxes[i], NULL);
    zx_name(&mailboxes[FIRST], "first's");
    zx_name(&mailboxes[SECOND], "second's");
    zx_name(&mailboxes[SENDER], "second's from first");
}

static void write_all(struct zcounted *counted, char c)
{
    for (uint32_t i = 0; i < LENGTH; i += LENGTH - 1)
        zx_plain_write(&counted->bytes[i], c);
}

static void read_all(const struct zcounted *counted)
{
    const char *bytes = zx_plain_read(&counted->bytes);
    for (uint32_t i = 0; i < LENGTH; i += LENGTH - 1)
        zx_assert(zx_plain_read(&bytes[i]) == 'x');
}

static void send(struct zcounted *counted, uint32_t to)
{
    bool is_late = zmodel_bug == LATE_HOLD && to == FIRST;
    if (!is_late) zcounted_hold(counted);
    z_store_release(&mailboxes[to], counted); // PAIR hand
    if (is_late) zcounted_hold(counted);
}

static void make_and_send(void)
{
    struct zcounted *counted = zcounted_make(&sum, LENGTH);
    zx_assert(counted != NULL);
    zx_name(&counted->holds, "holds");
    if (zmodel_bug == WEAK_COUNT) zx_weaken(&counted->holds, sizeof counted->holds, ZX_STORES);
    write_all(counted, 'x');
    send(counted, FIRST);
    send(counted, SECOND);
    if (zmodel_bug == APPEND)
        write_all(counted, 'y');
    else
        read_all(counted);
    zcounted_release(counted);
}

// NULL: nothing has come.
static struct zcounted *receive(uint32_t mailbox)
{
    struct zcounted *counted = z_load_acquire(&mailboxes[mailbox]); // PAIR hand
    if (counted == NULL) return NULL;
    z_store_relaxed(&mailboxes[mailbox], NULL); // relaxed: for check
    if (zmodel_bug != NO_HOLD) zcounted_hold(counted);
    zcounted_release(counted); // the message's
    return counted;
}

static void let_go(struct zcounted *counted)
{
    if (zmodel_bug != EARLY) read_all(counted);
    zcounted_release(counted);
    if (zmodel_bug == EARLY) read_all(counted);
    if (zmodel_bug == TWICE) zcounted_release(counted);
}

static void body(uint32_t thread)
{
    if (thread == SENDER) {
        make_and_send();
        return;
    }
    struct zcounted *counted = receive(thread);
    if (counted != NULL && thread == FIRST) send(counted, SENDER);
    if (counted != NULL) let_go(counted);
    counted = thread == SECOND ? receive(SENDER) : NULL;
    if (counted != NULL) let_go(counted);
}

static void check(void)
{
    for (uint32_t i = 0; i < THREADS && zmodel_bug != UNREAD; i++) {
        struct zcounted *left = z_load_relaxed(&mailboxes[i]); // relaxed: alone
        if (left == NULL) continue;
        read_all(left);
        zcounted_release(left);
    }
    zx_assert(z_load_relaxed(&sum.count) == 0);
    zx_assert(z_load_relaxed(&sum.bytes) == 0);
    zx_assert(zx_live_count() == 0);
}

static const struct zmodel_bug bugs[] = {
    {.name = "weak_count", .random_max = 1000, .pct_max = 1000},
    {.name = "late_hold", .random_max = 100000, .pct_max = 20000},
    {.name = "early", .random_max = 1000, .pct_max = 1000},
    {.name = "twice", .random_max = 1000, .pct_max = 1000},
    {.name = "no_hold", .random_max = 1000, .pct_max = 1000},
    {.name = "append", .random_max = 1000, .pct_max = 1000},
    {.name = "unread", .random_max = 1000, .pct_max = 1000},
};

const struct zmodel zmodel_program = {
    .name = "counted",
    .thread_count = THREADS,
    .setup = setup,
    .body = body,
    .check = check,
    .bugs = bugs,
    .bug_count = sizeof bugs / sizeof *bugs,
    .dfs_max = 3000000,
};
