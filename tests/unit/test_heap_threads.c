// Goal: heaps of two threads share a pool without seeing each other, and a heap that moves from one
// thread to the other stays whole.
// Method: each thread runs heaps of its own; then heaps are handed to and fro through a locked queue,
// each checked by the thread that has it. To be run under ThreadSanitizer too.
#include "unit/heap_fixture.h"

#include <pthread.h>

#define THREADS 2
#define HEAPS   8

struct worker {
    pthread_t thread;
    struct zspan_pool *pool;
    uint32_t seed;
    bool is_good;
};

// Runs in threads: no cmocka asserts here, which are for the main thread.
static bool churn(struct fixture *f, uint32_t seed, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        struct znode *node = make_node(f, 1 + (seed + i) % 30);
        if (node == NULL) return false;
        node->slots[0] = (uint64_t)seed << 32 | i;
        znode_tags(node)[0] = ZTAG_INT;
        f->roots[i % ROOTS] = zvalue_object(node, ZTAG_NODE);
    }
    for (uint32_t i = 0; i < ROOTS && i < count; i++) {
        struct znode *node = f->roots[i].p;
        if (node->slots[0] >> 32 != seed) return false;
    }
    return zheap_verify(&f->heap, NULL, 0);
}

static bool open_in_thread(struct fixture *f, struct zheap_env *env)
{
    memset(f, 0, sizeof *f);
    f->env = env;
    f->page = zheap_page_acquire(env);
    if (f->page == NULL) return false;
    for (uint32_t i = 0; i < ROOTS; i++) {
        f->roots[i] = zvalue_null();
    }
    struct zheap_options options = {.limit_bytes = 4 << 20, .hooks = fixture_hooks(), .context = f};
    zheap_init(&f->heap, env, &options, f->page);
    return true;
}

static void close_in_thread(struct fixture *f, struct zheap_env *env)
{
    f->heap.env = env;
    zheap_deinit(&f->heap);
    zheap_page_release(env, f->page);
}

static void *run_own_heaps(void *context)
{
    struct worker *worker = context;
    struct zheap_env *env;
    worker->is_good = false;
    if (zheap_env_create(worker->pool, &env) != ZVM_OK) return NULL;
    bool is_good = true;
    for (uint32_t round = 0; round < 40 && is_good; round++) {
        struct fixture f;
        is_good = open_in_thread(&f, env);
        uint32_t count = round % 4 == 0 && !ZHEAP_STRESS ? 5000 : 50;
        is_good = is_good && churn(&f, worker->seed + round, count);
        close_in_thread(&f, env);
    }
    zheap_env_destroy(env);
    worker->is_good = is_good;
    return NULL;
}

static void test_threads_own_heaps_do_not_meet(void **state)
{
    (void)state;
    struct zspan_pool *pool;
    assert_int_equal(zspan_pool_create(&pool), ZVM_OK);
    struct worker workers[THREADS];
    for (uint32_t i = 0; i < THREADS; i++) {
        workers[i] = (struct worker){.pool = pool, .seed = 1000 * (i + 1)};
        assert_int_equal(pthread_create(&workers[i].thread, NULL, run_own_heaps, &workers[i]), 0);
    }
    for (uint32_t i = 0; i < THREADS; i++) {
        pthread_join(workers[i].thread, NULL);
        assert_true(workers[i].is_good);
    }
    zspan_pool_destroy(pool);
}

// A queue of heaps that nobody runs now. shared: under lock.
struct queue {
    pthread_mutex_t lock;
    struct fixture *heaps[HEAPS];
    uint32_t count;
};

struct mover {
    struct worker worker;
    struct queue *queue;
};

static struct fixture *queue_take(struct queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    struct fixture *f = queue->count == 0 ? NULL : queue->heaps[0];
    if (f != NULL) {
        queue->count--;
        memmove(queue->heaps, queue->heaps + 1, queue->count * sizeof queue->heaps[0]);
    }
    pthread_mutex_unlock(&queue->lock);
    return f;
}

static void queue_push(struct queue *queue, struct fixture *f)
{
    pthread_mutex_lock(&queue->lock);
    queue->heaps[queue->count++] = f;
    pthread_mutex_unlock(&queue->lock);
}

static void *run_moving_heaps(void *context)
{
    struct mover *mover = context;
    struct zheap_env *env;
    mover->worker.is_good = false;
    if (zheap_env_create(mover->worker.pool, &env) != ZVM_OK) return NULL;
    bool is_good = true;
    for (uint32_t slice = 0; slice < 300 && is_good; slice++) {
        struct fixture *f = queue_take(mover->queue);
        if (f == NULL) continue;
        f->heap.env = env;
        is_good = churn(f, slice + 1, ZHEAP_STRESS ? 64 : 64 + slice * 3);
        f->heap.env = NULL;
        queue_push(mover->queue, f);
    }
    zheap_env_destroy(env);
    mover->worker.is_good = is_good;
    return NULL;
}

static void test_threads_heap_moves_stays_whole(void **state)
{
    (void)state;
    struct zspan_pool *pool;
    struct zheap_env *env;
    static struct fixture heaps[HEAPS];
    struct queue queue = {.lock = PTHREAD_MUTEX_INITIALIZER};
    assert_int_equal(zspan_pool_create(&pool), ZVM_OK);
    assert_int_equal(zheap_env_create(pool, &env), ZVM_OK);
    for (uint32_t i = 0; i < HEAPS; i++) {
        assert_true(open_in_thread(&heaps[i], env));
        queue_push(&queue, &heaps[i]);
    }
    struct mover movers[THREADS];
    for (uint32_t i = 0; i < THREADS; i++) {
        movers[i] = (struct mover){.worker = {.pool = pool}, .queue = &queue};
        pthread_t *thread = &movers[i].worker.thread;
        assert_int_equal(pthread_create(thread, NULL, run_moving_heaps, &movers[i]), 0);
    }
    for (uint32_t i = 0; i < THREADS; i++) {
        pthread_join(movers[i].worker.thread, NULL);
        assert_true(movers[i].worker.is_good);
    }
    for (uint32_t i = 0; i < HEAPS; i++) {
        assert_true(fixture_stats(&heaps[i]).allocated_count > 0);
        close_in_thread(&heaps[i], env);
    }
    zheap_env_destroy(env);
    pthread_mutex_destroy(&queue.lock);
    zspan_pool_destroy(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_threads_own_heaps_do_not_meet),
        cmocka_unit_test(test_threads_heap_moves_stays_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
