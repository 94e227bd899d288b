// Goal: a mailbox keeps its limits to the message and to the byte, lets senders in by the order of their arrival, takes from
// the receiver's group what its messages have and gives all of it back, and tells at its end whoever waits, once.
// Method: mailboxes of isolates that never run, one thread; what several do at once is the models' business.
#include "vm_fixture.h"

#include "vm/mailbox.h"
#include "vm/parcel.h"
#include "vm/quota.h"

struct boxes {
    struct vm vm;
    struct zgroup group;
    struct zquota quota;
    struct zisolate isolate; // as far as a mailbox looks
    struct zmailbox *mailbox;
};

static void open_boxes(struct boxes *boxes, uint32_t limit_count, uint64_t limit_bytes,
                       uint64_t group_bytes)
{
    memset(boxes, 0, sizeof *boxes);
    vm_open(&boxes->vm);
    boxes->group.heap_bytes.limit = group_bytes;
    boxes->quota.group = &boxes->group;
    boxes->isolate.quota = &boxes->quota;
    boxes->mailbox = zmailbox_new(boxes->vm.shared);
    assert_non_null(boxes->mailbox);
    zmailbox_open(boxes->mailbox, &boxes->isolate);
    boxes->mailbox->life->limit_count = limit_count;
    boxes->mailbox->limit_bytes = limit_bytes;
}

// It was empty, or is closed.
static void close_boxes(struct boxes *boxes)
{
    if (boxes->mailbox->life->isolate != NULL) {
        struct zclosed closed = zmailbox_close(boxes->mailbox);
        assert_null(closed.unread);
    }
    assert_int_equal(z_load_relaxed(&boxes->group.heap_bytes.taken), 0);
    zmailbox_release(boxes->mailbox);
    vm_close(&boxes->vm);
}

// So large, and with a number.
static struct zparcel *parcel_of(uint64_t bytes, uint32_t number)
{
    struct zparcel *parcel = z_alloc_zeroed(bytes);
    assert_non_null(parcel);
    parcel->message = (struct zmessage){.bytes = bytes, .kind = ZMESSAGE_VALUE};
    parcel->global_count = number;
    return parcel;
}

static enum zsent send(struct boxes *boxes, struct zparcel *parcel, struct zline *line)
{
    struct zwake whom;
    enum zsent sent = zmailbox_send(boxes->mailbox, &parcel->message, line, &whom);
    if (sent == ZSENT) assert_true(whom.isolate == NULL && whom.token == 0);
    return sent;
}

static void expect_next(struct boxes *boxes, struct zreceived *taken, uint32_t number)
{
    zmailbox_take(boxes->mailbox, ZMAILBOX_NOBODY, taken);
    assert_non_null(taken->message);
    struct zparcel *parcel = (struct zparcel *)(void *)taken->message;
    assert_int_equal(parcel->global_count, number);
    z_free(parcel, parcel->message.bytes);
}

static void expect_refused(struct boxes *boxes, struct zparcel *parcel, enum zsent expected)
{
    assert_int_equal(send(boxes, parcel, NULL), expected);
    z_free(parcel, parcel->message.bytes);
}

// ---- Limits ---------------------------------------------------------------------------------------

static void test_limit_of_messages_is_kept(void **state)
{
    (void)state;
    struct boxes boxes;
    open_boxes(&boxes, 2, 1 << 20, UINT64_MAX);
    struct zreceived taken;
    assert_int_equal(send(&boxes, parcel_of(100, 0), NULL), ZSENT);
    assert_int_equal(send(&boxes, parcel_of(100, 1), NULL), ZSENT);
    expect_refused(&boxes, parcel_of(100, 2), ZSENT_FULL);
    expect_next(&boxes, &taken, 0);
    assert_int_equal(send(&boxes, parcel_of(100, 3), NULL), ZSENT);
    expect_refused(&boxes, parcel_of(100, 4), ZSENT_FULL);
    expect_next(&boxes, &taken, 1);
    expect_next(&boxes, &taken, 3);
    close_boxes(&boxes);
}

static void test_limit_of_bytes_is_kept_to_the_byte(void **state)
{
    (void)state;
    struct boxes boxes;
    open_boxes(&boxes, 1000, 300, UINT64_MAX);
    struct zreceived taken;
    expect_refused(&boxes, parcel_of(301, 0), ZSENT_TOO_BIG);
    assert_int_equal(send(&boxes, parcel_of(300, 1), NULL), ZSENT);
    expect_refused(&boxes, parcel_of(100, 2), ZSENT_FULL);
    expect_next(&boxes, &taken, 1);
    assert_int_equal(send(&boxes, parcel_of(199, 3), NULL), ZSENT);
    expect_refused(&boxes, parcel_of(102, 4), ZSENT_FULL);
    assert_int_equal(send(&boxes, parcel_of(101, 5), NULL), ZSENT);
    expect_next(&boxes, &taken, 3);
    expect_next(&boxes, &taken, 5);
    close_boxes(&boxes);
}

static void test_group_pays_for_what_waits(void **state)
{
    (void)state;
    struct boxes boxes;
    open_boxes(&boxes, 1000, 1 << 20, 250);
    struct zreceived taken;
    assert_int_equal(send(&boxes, parcel_of(150, 0), NULL), ZSENT);
    expect_refused(&boxes, parcel_of(101, 1), ZSENT_NO_MEMORY);
    assert_int_equal(send(&boxes, parcel_of(100, 2), NULL), ZSENT);
    assert_int_equal(z_load_relaxed(&boxes.group.heap_bytes.taken), 250);
    expect_next(&boxes, &taken, 0);
    assert_int_equal(z_load_relaxed(&boxes.group.heap_bytes.taken), 100);
    struct zclosed closed = zmailbox_close(boxes.mailbox);
    assert_int_equal(closed.count, 1);
    struct zparcel *left = (struct zparcel *)(void *)closed.unread;
    z_free(left, left->message.bytes);
    close_boxes(&boxes);
}

// ---- The line -------------------------------------------------------------------------------------

static void stand(struct boxes *boxes, struct zline *line, struct zparcel *parcel, uint64_t token)
{
    *line = (struct zline){.parcel = parcel, .token = token};
    assert_int_equal(send(boxes, parcel, line), ZSENT_IN_LINE);
}

static void test_senders_are_let_in_by_the_order_of_their_arrival(void **state)
{
    (void)state;
    struct boxes boxes;
    struct zline lines[4];
    struct zreceived taken;
    open_boxes(&boxes, 2, 300, UINT64_MAX);
    assert_int_equal(send(&boxes, parcel_of(100, 0), NULL), ZSENT);
    assert_int_equal(send(&boxes, parcel_of(100, 1), NULL), ZSENT);
    stand(&boxes, &lines[0], parcel_of(250, 2), 10);
    stand(&boxes, &lines[1], parcel_of(100, 3), 11); // would fit before the other
    expect_refused(&boxes, parcel_of(100, 9), ZSENT_FULL);
    expect_next(&boxes, &taken, 0);
    assert_int_equal(taken.wake_count, 0);
    expect_next(&boxes, &taken, 1);
    assert_int_equal(taken.wake_count, 1);
    assert_int_equal(taken.admitted, 1);
    assert_int_equal(taken.wakes[0], 10);
    assert_null(lines[0].parcel);
    assert_false(lines[0].is_linked);
    expect_refused(&boxes, parcel_of(100, 9), ZSENT_FULL); // behind the second
    expect_next(&boxes, &taken, 2);
    assert_int_equal(taken.wakes[0], 11);
    expect_next(&boxes, &taken, 3);
    close_boxes(&boxes);
}

static void test_sender_that_leaves_keeps_its_message(void **state)
{
    (void)state;
    struct boxes boxes;
    struct zline lines[3];
    struct zreceived taken;
    open_boxes(&boxes, 1, 300, UINT64_MAX);
    assert_int_equal(send(&boxes, parcel_of(100, 0), NULL), ZSENT);
    for (uint32_t i = 0; i < 3; i++)
        stand(&boxes, &lines[i], parcel_of(100, i + 1), 10 + i);
    assert_true(zmailbox_leave_senders(boxes.mailbox, &lines[1]));
    assert_false(zmailbox_leave_senders(boxes.mailbox, &lines[1]));
    assert_non_null(lines[1].parcel);
    z_free(lines[1].parcel, 100);
    expect_next(&boxes, &taken, 0);
    assert_false(zmailbox_leave_senders(boxes.mailbox, &lines[0]));
    assert_null(lines[0].parcel);
    expect_next(&boxes, &taken, 1);
    expect_next(&boxes, &taken, 3);
    close_boxes(&boxes);
}

// Twenty in line, for whom the group has nothing: all are told before the receiver sleeps.
static void test_line_that_the_group_has_no_memory_for_is_told(void **state)
{
    (void)state;
    enum { COUNT = 20 };
    struct boxes boxes;
    struct zline lines[COUNT];
    struct zreceived taken;
    open_boxes(&boxes, 1, 300, 100);
    assert_int_equal(send(&boxes, parcel_of(100, 0), NULL), ZSENT);
    for (uint32_t i = 0; i < COUNT; i++)
        stand(&boxes, &lines[i], parcel_of(200, i + 1), 10 + i);
    uint32_t told = 0;
    expect_next(&boxes, &taken, 0);
    do {
        for (uint32_t i = 0; i < taken.wake_count; i++)
            assert_int_equal(taken.wakes[i], 10 + told++);
        assert_int_equal(taken.admitted, 0);
        assert_int_equal(boxes.mailbox->life->waiter, ZMAILBOX_NOBODY);
        zmailbox_take(boxes.mailbox, ZMAILBOX_ISOLATE, &taken);
        assert_null(taken.message);
    } while (taken.is_to_repeat);
    for (uint32_t i = 0; i < taken.wake_count; i++)
        assert_int_equal(taken.wakes[i], 10 + told++);
    assert_int_equal(told, COUNT);
    assert_int_equal(zmailbox_stop_waiting(boxes.mailbox), ZMAILBOX_ISOLATE);
    assert_int_equal(zmailbox_stop_waiting(boxes.mailbox), ZMAILBOX_NOBODY);
    for (uint32_t i = 0; i < COUNT; i++)
        expect_refused(&boxes, lines[i].parcel, ZSENT_NO_MEMORY);
    close_boxes(&boxes);
}

// ---- Waking, and the end --------------------------------------------------------------------------

static void test_who_waits_is_woken_once(void **state)
{
    (void)state;
    struct boxes boxes;
    struct zreceived taken;
    struct zwake whom;
    open_boxes(&boxes, 10, 1000, UINT64_MAX);
    zmailbox_take(boxes.mailbox, ZMAILBOX_ISOLATE, &taken);
    assert_int_equal(zmailbox_send(boxes.mailbox, &parcel_of(100, 0)->message, NULL, &whom), ZSENT);
    assert_ptr_equal(whom.isolate, &boxes.isolate);
    assert_int_equal(send(&boxes, parcel_of(100, 1), NULL), ZSENT); // and nobody to wake
    expect_next(&boxes, &taken, 0);
    expect_next(&boxes, &taken, 1);
    zmailbox_take(boxes.mailbox, 77, &taken);
    assert_int_equal(zmailbox_send(boxes.mailbox, &parcel_of(100, 2)->message, NULL, &whom), ZSENT);
    assert_null(whom.isolate);
    assert_int_equal(whom.token, 77);
    expect_next(&boxes, &taken, 2);
    close_boxes(&boxes);
}

static void test_end_tells_all_that_wait_and_takes_no_more(void **state)
{
    (void)state;
    struct boxes boxes;
    struct zline sender, awaiters[2] = {{.token = 20}, {.token = 21}};
    open_boxes(&boxes, 1, 300, UINT64_MAX);
    assert_int_equal(send(&boxes, parcel_of(100, 0), NULL), ZSENT);
    stand(&boxes, &sender, parcel_of(100, 1), 10);
    assert_true(zmailbox_await(boxes.mailbox, &awaiters[0]));
    assert_true(zmailbox_await(boxes.mailbox, &awaiters[1]));
    zmailbox_leave_awaiters(boxes.mailbox, &awaiters[0]);
    assert_false(zmailbox_is_over(boxes.mailbox));
    struct zclosed closed = zmailbox_close(boxes.mailbox);
    assert_int_equal(closed.count, 1);
    z_free(closed.unread, 100);
    assert_true(zmailbox_is_over(boxes.mailbox));
    assert_int_equal(zmailbox_next_waiter(boxes.mailbox), 21);
    assert_int_equal(zmailbox_next_waiter(boxes.mailbox), 10);
    assert_int_equal(zmailbox_next_waiter(boxes.mailbox), 0);
    assert_non_null(sender.parcel);
    expect_refused(&boxes, sender.parcel, ZSENT_OVER);
    assert_false(zmailbox_await(boxes.mailbox, &awaiters[0]));
    close_boxes(&boxes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_limit_of_messages_is_kept),
        cmocka_unit_test(test_limit_of_bytes_is_kept_to_the_byte),
        cmocka_unit_test(test_group_pays_for_what_waits),
        cmocka_unit_test(test_senders_are_let_in_by_the_order_of_their_arrival),
        cmocka_unit_test(test_sender_that_leaves_keeps_its_message),
        cmocka_unit_test(test_line_that_the_group_has_no_memory_for_is_told),
        cmocka_unit_test(test_who_waits_is_woken_once),
        cmocka_unit_test(test_end_tells_all_that_wait_and_takes_no_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
