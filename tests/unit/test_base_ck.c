// Goal: the bridge to ConcurrencyKit keeps what CK promises, and ThreadSanitizer sees that it does.
// Method: threads push onto a stack while one takes it whole; readers follow a pointer inside epoch
// sections while a writer replaces and retires it. Totals and cookies are checked; the thread
// sanitizer build runs the same test and must stay silent.
#include "base/ck.h"

#include "base/alloc.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define PRODUCERS        2
#define PUSHES           5000
#define READERS          2
#define READS            5000
#define REPLACEMENTS     500
#define COOKIE_ALIVE     0x5a1e5a1eu
#define COOKIE_RECLAIMED 0xdeadu

// ---- ck_stack: push by anyone, take whole
// --------------------------------------------------------

struct item {
    ck_stack_entry_t entry;
    unsigned value;
};

struct producer {
    ck_stack_t *stack;
    struct item items[PUSHES];
};

static void *push_all(void *context)
{
    struct producer *producer = context;
    for (unsigned i = 0; i < PUSHES; i++) {
        producer->items[i].value = i + 1;
        ck_stack_push_upmc(producer->stack, &producer->items[i].entry);
    }
    return NULL;
}

static void test_stack_pushed_by_two_threads_arrives_whole(void **state)
{
    (void)state;
    static struct producer producers[PRODUCERS];
    static ck_stack_t stack = CK_STACK_INITIALIZER;
    pthread_t threads[PRODUCERS];
    for (int i = 0; i < PRODUCERS; i++) {
        producers[i].stack = &stack;
        assert_int_equal(pthread_create(&threads[i], NULL, push_all, &producers[i]), 0);
    }
    unsigned count = 0;
    unsigned long sum = 0;
    while (count < PRODUCERS * PUSHES) {
        ck_stack_entry_t *next;
        for (ck_stack_entry_t *e = ck_stack_batch_pop_upmc(&stack); e != NULL; e = next) {
            next = e->next;
            sum += ((struct item *)(void *)e)->value;
            count++;
        }
    }
    for (int i = 0; i < PRODUCERS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(count, PRODUCERS * PUSHES);
    assert_int_equal(sum, PRODUCERS * (unsigned long)PUSHES * (PUSHES + 1) / 2);
    assert_null(ck_stack_batch_pop_upmc(&stack));
}

// ---- ck_epoch: nothing is reclaimed under a reader
// -----------------------------------------------

static ck_epoch_t epoch;

struct object {
    ck_epoch_entry_t retired; // first, so that the callback finds the object
    unsigned cookie;
};

struct reader {
    ck_epoch_record_t record;
    struct object **current;
    unsigned wrong;
};

static void reclaim(ck_epoch_entry_t *entry)
{
    zck_epoch_begin_reclaim(&epoch);
    struct object *object = (struct object *)(void *)entry;
    object->cookie = COOKIE_RECLAIMED;
    z_free(object, sizeof *object);
}

static void *read_all(void *context)
{
    struct reader *reader = context;
    for (int i = 0; i < READS; i++) {
        ck_epoch_begin(&reader->record, NULL);
        struct object *object = ck_pr_load_ptr(reader->current);
        if (object->cookie != COOKIE_ALIVE) reader->wrong++;
        zck_epoch_end(&reader->record);
    }
    return NULL;
}

static struct object *make_object(void)
{
    struct object *object = z_alloc(sizeof *object);
    assert_non_null(object);
    object->cookie = COOKIE_ALIVE;
    return object;
}

static void test_epoch_object_read_while_retired_is_still_alive(void **state)
{
    (void)state;
    static struct reader readers[READERS];
    static ck_epoch_record_t own;
    struct object *current = make_object();
    uint64_t live_count = zalloc_stats().live_count;
    pthread_t threads[READERS];
    ck_epoch_init(&epoch);
    ck_epoch_register(&epoch, &own, NULL);
    for (int i = 0; i < READERS; i++) {
        readers[i].current = &current;
        ck_epoch_register(&epoch, &readers[i].record, NULL);
    }
    for (int i = 0; i < READERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, read_all, &readers[i]), 0);
    for (int i = 0; i < REPLACEMENTS; i++) {
        struct object *old = current;
        ck_pr_store_ptr(&current, make_object());
        ck_epoch_call(&own, &old->retired, reclaim);
        ck_epoch_poll(&own);
    }
    for (int i = 0; i < READERS; i++)
        pthread_join(threads[i], NULL);
    ck_epoch_barrier(&own);
    for (int i = 0; i < READERS; i++)
        assert_int_equal(readers[i].wrong, 0);
    assert_int_equal(zalloc_stats().live_count, live_count); // all but the current one were freed
    z_free(current, sizeof *current);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stack_pushed_by_two_threads_arrives_whole),
        cmocka_unit_test(test_epoch_object_read_while_retired_is_still_alive),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
