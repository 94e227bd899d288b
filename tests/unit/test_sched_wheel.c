// Goal: a timer fires once, never before its time and at most a tick after it, however far away it is and
// whatever steps the clock makes; dead timers go before their time when there are many.
// Method: a wheel beside a plain list of what should fire, with random times of all sizes and random steps;
// and each power of two and its neighbours. The wheel says itself when to look: it must not be late.
#include "base/alloc.h"
#include "sched/wheel.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define TICK  ZWHEEL_TICK_NS
#define TIMES 4000

struct watch {
    uint64_t at_ns[TIMES];
    uint32_t fired[TIMES];
    bool is_dead[TIMES];
    uint64_t now_ns;
};

static void note(void *context, uint64_t token)
{
    struct watch *watch = context;
    assert_true(token < TIMES);
    watch->fired[token]++;
    assert_true(watch->at_ns[token] <= watch->now_ns);
}

static bool is_alive(void *context, uint64_t token)
{
    const struct watch *watch = context;
    return !watch->is_dead[token] && watch->fired[token] == 0;
}

static void add(struct zwheel *wheel, struct watch *watch, uint64_t token, uint64_t at_ns)
{
    watch->at_ns[token] = at_ns;
    assert_true(zwheel_reserve(wheel));
    zwheel_add(wheel, at_ns, token);
}

static void go_to(struct zwheel *wheel, struct watch *watch, uint64_t now_ns)
{
    watch->now_ns = now_ns;
    zwheel_fire(wheel, now_ns, note, watch);
}

static uint64_t draw(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

// All whose time has been for a tick have fired, and the wheel's next look is not behind the next one.
static void check(const struct zwheel *wheel, const struct watch *watch, uint32_t count)
{
    uint64_t next_ns = UINT64_MAX;
    for (uint32_t i = 0; i < count; i++) {
        assert_true(watch->fired[i] <= 1);
        if (watch->fired[i] == 1 || watch->is_dead[i]) continue;
        assert_true(watch->at_ns[i] > watch->now_ns || watch->now_ns - watch->at_ns[i] < TICK);
        if (watch->at_ns[i] < next_ns) next_ns = watch->at_ns[i];
    }
    if (next_ns < UINT64_MAX - TICK) assert_true(wheel->next_ns < next_ns + TICK);
}

static void test_timers_of_all_distances_fire_once_in_time(void **state)
{
    (void)state;
    struct zalloc_stats before = zalloc_stats();
    static struct watch watch;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        uint64_t random = seed * 0x9E3779B97F4A7C15;
        memset(&watch, 0, sizeof watch);
        watch.now_ns = draw(&random) >> (draw(&random) % 40 + 4);
        struct zwheel wheel;
        zwheel_init(&wheel, watch.now_ns);
        uint32_t count = 0;
        while (count < 300) {
            if (draw(&random) % 3 != 0) {
                uint64_t far_ns = draw(&random) >> (draw(&random) % 44 + 18);
                add(&wheel, &watch, count++, watch.now_ns + far_ns);
            } else {
                go_to(&wheel, &watch, watch.now_ns + (draw(&random) >> (draw(&random) % 40 + 22)));
            }
            check(&wheel, &watch, count);
        }
        // Then by the wheel's own word alone, until it is empty.
        for (uint32_t steps = 0; wheel.next_ns != ZWHEEL_NEVER; steps++) {
            assert_true(steps < 300 * ZWHEEL_LEVELS);
            go_to(&wheel, &watch, wheel.next_ns > watch.now_ns ? wheel.next_ns : watch.now_ns);
            check(&wheel, &watch, count);
        }
        for (uint32_t i = 0; i < count; i++)
            assert_int_equal(watch.fired[i], 1);
        assert_int_equal(wheel.count, 0);
        zwheel_deinit(&wheel);
    }
    assert_int_equal(zalloc_stats().live_count, before.live_count);
}

static void test_powers_of_two_and_their_neighbours_fire_at_their_tick(void **state)
{
    (void)state;
    static struct watch watch;
    memset(&watch, 0, sizeof watch);
    struct zwheel wheel;
    zwheel_init(&wheel, 0);
    uint32_t count = 0;
    for (uint32_t bit = 0; bit < 40; bit++)
        for (uint64_t off = 0; off < 3; off++)
            add(&wheel, &watch, count++, ((UINT64_C(1) << bit) + off) * TICK);
    add(&wheel, &watch, count++, 1);          // within the first tick
    add(&wheel, &watch, count++, TICK);       // at its end
    add(&wheel, &watch, count++, TICK + 1);   // behind it
    add(&wheel, &watch, count++, UINT64_MAX); // never
    go_to(&wheel, &watch, TICK - 1);
    for (uint32_t i = 0; i < count; i++)
        assert_int_equal(watch.fired[i], 0);
    go_to(&wheel, &watch, TICK);
    assert_int_equal(watch.fired[count - 4], 1);
    assert_int_equal(watch.fired[count - 3], 1);
    assert_int_equal(watch.fired[count - 2], 0);
    uint64_t last_ns = 0;
    while (wheel.count > 1) {
        last_ns = wheel.next_ns;
        go_to(&wheel, &watch, last_ns);
        check(&wheel, &watch, count);
    }
    assert_int_equal(last_ns, ((UINT64_C(1) << 39) + 2) * TICK);
    zwheel_deinit(&wheel); // with one that never fires
}

static void test_time_that_has_passed_fires_at_the_next_tick(void **state)
{
    (void)state;
    static struct watch watch;
    memset(&watch, 0, sizeof watch);
    struct zwheel wheel;
    zwheel_init(&wheel, 100 * TICK);
    add(&wheel, &watch, 0, 5);
    assert_int_equal(wheel.next_ns, 101 * TICK);
    go_to(&wheel, &watch, 100 * TICK + TICK / 2);
    assert_int_equal(watch.fired[0], 0);
    go_to(&wheel, &watch, 5000 * TICK); // the clock has jumped
    assert_int_equal(watch.fired[0], 1);
    zwheel_deinit(&wheel);
}

// A million waits that end long before their deadline leave few timers behind.
static void test_dead_timers_do_not_pile_up(void **state)
{
    (void)state;
    struct zalloc_stats before = zalloc_stats();
    static struct watch watch;
    memset(&watch, 0, sizeof watch);
    struct zwheel wheel;
    zwheel_init(&wheel, 0);
    for (uint32_t i = 0; i < 100; i++) // these are waited for
        add(&wheel, &watch, i, 3600000 * TICK + i * TICK);
    uint32_t sweeps = 0;
    for (uint32_t i = 0; i < 1000000; i++) {
        uint32_t token = 100 + i % 1000;
        watch.is_dead[token] = true;
        add(&wheel, &watch, token, 3600000 * TICK);
        if (!zwheel_is_crowded(&wheel)) continue;
        zwheel_sweep(&wheel, is_alive, &watch);
        sweeps++;
        assert_int_equal(wheel.count, 100);
    }
    assert_true(sweeps > 1000);
    assert_true(sweeps < 10000); // each looked at a few hundred
    assert_true(zalloc_stats().live_count - before.live_count < 1000);
    memset(watch.is_dead, 0, sizeof watch.is_dead);
    memset(watch.fired, 0, sizeof watch.fired);
    go_to(&wheel, &watch, 3600200 * TICK);
    for (uint32_t i = 0; i < 100; i++)
        assert_int_equal(watch.fired[i], 1);
    assert_int_equal(wheel.count, 0);
    zwheel_deinit(&wheel);
    assert_int_equal(zalloc_stats().live_count, before.live_count);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_timers_of_all_distances_fire_once_in_time),
        cmocka_unit_test(test_powers_of_two_and_their_neighbours_fire_at_their_tick),
        cmocka_unit_test(test_time_that_has_passed_fires_at_the_next_tick),
        cmocka_unit_test(test_dead_timers_do_not_pile_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
