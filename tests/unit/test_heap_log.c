// Goal: a store into a marked object is found by the collection under way, also where the payload has
// changed since the store was noted; and the check of the log sees each store that was not noted.
// Method: objects made by hand in a heap that keeps its log for minor collections; stores with and without
// their barrier, then a minor collection or a check.
#include "unit/heap_fixture.h"

enum { ENTRIES = 100, ELEMENTS = 300 }; // outside the spans, both

static struct zvalue object_value(void *object)
{
    return zvalue_object(object, ZTAG_HEAP | ((struct zobject *)object)->kind);
}

// ---- Objects --------------------------------------------------------------------------------------

static struct zmap *make_map(struct fixture *f, uint32_t capacity)
{
    struct zmap *map = zheap_new(&f->heap, ZTYPE_MAP, sizeof *map, 0);
    assert_non_null(map);
    memset(&map->owner.payload, 0, sizeof *map - offsetof(struct zmap, owner.payload));
    assert_true(zheap_payload_resize(&f->heap, &map->owner, capacity * sizeof(struct zmap_entry)));
    map->capacity = capacity;
    return map;
}

static void write_entry(struct zmap *map, uint32_t i, struct zvalue key, struct zvalue value)
{
    zmap_entries(map)[i] = (struct zmap_entry){.key = key.bits,
                                               .value = value.bits,
                                               .key_tag = (uint8_t)key.tag,
                                               .value_tag = (uint8_t)value.tag};
}

static void note_entry(struct fixture *f, struct zmap *map, uint32_t i)
{
    size_t bytes = sizeof(struct zmap_entry);
    zheap_log_payload(&f->heap, &map->owner, i * bytes, bytes);
}

static void fill_map(struct fixture *f, struct zmap *map)
{
    for (uint32_t i = 0; i < ENTRIES; i++) {
        write_entry(map, i, zvalue_int(i), zvalue_null());
        map->used++;
        note_entry(f, map, i);
    }
    map->owner.header.aux = ENTRIES;
}

static struct zlist *make_full_list(struct fixture *f, uint32_t count)
{
    struct zlist *list = make_list(f);
    assert_true(list_reserve_any(f, list, count));
    for (uint32_t i = 0; i < count; i++)
        list_push_any(f, list, zvalue_null());
    return list;
}

static void write_element(struct zlist *list, uint32_t i, struct zvalue value)
{
    zlist_payload(list)[i] = value.bits;
    zlist_tags(list)[i] = (uint8_t)value.tag;
}

static struct zstring *make_string(struct fixture *f, const char *text)
{
    uint32_t length = (uint32_t)strlen(text);
    struct zstring *string =
        zheap_new(&f->heap, ZTYPE_STRING | ZFLAG_ASCII << 8, sizeof *string + length + 1, length);
    assert_non_null(string);
    string->hash = 0;
    memcpy(string->bytes, text, length + 1);
    return string;
}

// ---- A heap whose log is open, and what is old in it ----------------------------------------------

struct old {
    struct fixture f;
    struct znode *node;   // root 0
    struct zlist *list;   // root 1, outside
    struct zlist *inside; // root 2
    struct zmap *map;     // root 3, outside
};

static void open(struct old *old)
{
    struct fixture *f = &old->f;
    fixture_open(f, (struct zheap_options){.limit_bytes = 64 << 20, .mode = ZHEAP_GENERATIONAL});
    old->node = make_node(f, 2);
    f->roots[0] = object_value(old->node);
    old->list = make_full_list(f, ELEMENTS);
    f->roots[1] = object_value(old->list);
    old->inside = make_full_list(f, 20);
    f->roots[2] = object_value(old->inside);
    old->map = make_map(f, ENTRIES);
    f->roots[3] = object_value(old->map);
    fill_map(f, old->map);
    zheap_collect(&f->heap, NULL);
    zheap_collect(&f->heap, NULL);
    assert_true(zheap_more(&f->heap)->log.is_open);
    assert_true(old->node->header.flags & ZFLAG_LOG);
    assert_true(old->map->owner.header.flags & ZFLAG_EXTERNAL);
}

static struct zobject *make_new(struct old *old)
{
    struct znode *node = make_node(&old->f, 1);
    assert_non_null(node);
    assert_false(zheap_is_marked(&node->header));
    return &node->header;
}

// The live objects after a minor collection.
static uint64_t count_after_minor(struct old *old)
{
    zheap_collect_minor(&old->f.heap);
    fixture_verify(&old->f);
    return fixture_stats(&old->f).live_count;
}

// ---- Stores that are noted ------------------------------------------------------------------------

static void test_stores_into_a_map_outside_keep_keys_and_values(void **state)
{
    (void)state;
    if (ZHEAP_STRESS) return;
    struct old old;
    open(&old);
    uint64_t before = fixture_stats(&old.f).live_count;
    write_entry(old.map, 5, object_value(make_string(&old.f, "on two cards")), zvalue_null());
    note_entry(&old.f, old.map, 5);
    write_entry(old.map, ENTRIES - 1, zvalue_int(1), object_value(make_new(&old)));
    note_entry(&old.f, old.map, ENTRIES - 1); // its card ends behind the last entry
    write_entry(old.map, 50, zvalue_slot(0, ZTAG_DEAD), zvalue_null());
    note_entry(&old.f, old.map, 50); // nothing is left there
    assert_int_equal(count_after_minor(&old), before + 2);
    fixture_close(&old.f);
}

// A store over so many cards that each alone is not worth it.
static void test_store_over_many_cards_is_one_of_the_whole_list(void **state)
{
    (void)state;
    if (ZHEAP_STRESS) return;
    struct old old;
    open(&old);
    struct zheap_log *log = &zheap_more(&old.f.heap)->log;
    uint64_t before = fixture_stats(&old.f).live_count;
    uint32_t count = log->count;
    write_element(old.list, 0, object_value(make_new(&old)));
    write_element(old.list, ELEMENTS - 1, object_value(make_new(&old)));
    zheap_log_payload(&old.f.heap, &old.list->owner, 0, ELEMENTS * sizeof(uint64_t));
    assert_int_equal(log->count, count + 1);
    assert_true(log->entries[count].index == ZLOG_WHOLE);
    write_element(old.inside, 0, object_value(make_new(&old)));
    zheap_log_payload(&old.f.heap, &old.inside->owner, 0, sizeof(uint64_t));
    assert_int_equal(log->count, count + 2);
    assert_true(log->entries[count + 1].index == ZLOG_WHOLE);
    assert_int_equal(count_after_minor(&old), before + 3);
    fixture_close(&old.f);
}

// The card stands in the log, and there is none any more where it was.
static void test_card_of_a_payload_that_became_shorter_is_passed_over(void **state)
{
    (void)state;
    if (ZHEAP_STRESS) return;
    static const size_t sizes[] = {2100, 900}; // outside still, and inside
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct old old;
        open(&old);
        struct zheap *heap = &old.f.heap;
        uint32_t count = zheap_more(heap)->log.count;
        uint64_t before = fixture_stats(&old.f).live_count;
        zheap_log_payload(heap, &old.list->owner, 18 * ZCARD_BYTES, 8);
        assert_int_equal(zheap_more(heap)->log.entries[count].index, 18);
        uint32_t capacity = (uint32_t)sizes[i] / 9;
        memmove(zlist_payload(old.list) + capacity, zlist_tags(old.list), capacity);
        old.list->owner.header.aux = old.list->capacity = capacity;
        assert_true(zheap_payload_resize(heap, &old.list->owner, sizes[i]));
        write_element(old.list, 7, object_value(make_new(&old)));
        zheap_log_payload(heap, &old.list->owner, 7 * 8, 8);
        bool is_inside = !(old.list->owner.header.flags & ZFLAG_EXTERNAL);
        assert_int_equal(is_inside, i == 1);
        assert_int_equal(count_after_minor(&old), before + 1 + is_inside); // with its buffer
        fixture_close(&old.f);
    }
}

static void test_card_of_a_list_that_holds_numbers_now_is_passed_over(void **state)
{
    (void)state;
    if (ZHEAP_STRESS) return;
    struct old old;
    open(&old);
    uint64_t before = fixture_stats(&old.f).live_count;
    write_element(old.list, 40, object_value(make_new(&old)));
    zheap_log_payload(&old.f.heap, &old.list->owner, 40 * 8, 8);
    old.list->elements = ZLIST_INT; // what looks like an address is a number
    assert_int_equal(count_after_minor(&old), before);
    fixture_close(&old.f);
}

// ---- Long objects, and those without pointers -----------------------------------------------------

static void fill_slots(uint64_t *slots, uint32_t count, struct zvalue last)
{
    memset(slots, 0, (size_t)count * 8);
    memset(slots + count, ZTAG_NULL, count);
    slots[count - 1] = last.bits;
    ((uint8_t *)(slots + count))[count - 1] = (uint8_t)last.tag;
}

// Their slots are scanned in more than one part, and what comes before them once.
static void test_long_classes_records_and_tasks_keep_their_last_slot(void **state)
{
    (void)state;
    if (ZHEAP_STRESS) return;
    enum { SLOTS = 200 };
    struct old old;
    open(&old);
    struct zheap *heap = &old.f.heap;
    struct zvalue *roots = old.f.roots;
    uint64_t before = fixture_stats(&old.f).live_count;
    for (uint32_t i = 20; i < 23; i++)
        roots[i] = object_value(make_node(&old.f, 1));
    struct zclass *parent = zheap_new(heap, ZTYPE_CLASS, sizeof *parent, 0);
    parent->parent = NULL;
    parent->shape = NULL;
    roots[23] = object_value(parent);
    struct zclass *class = zheap_new(heap, ZTYPE_CLASS, sizeof *class + SLOTS * 9, SLOTS);
    class->parent = parent;
    class->shape = NULL;
    fill_slots(class->slots, SLOTS, roots[20]);
    roots[24] = object_value(class);
    struct zrecord *record = zheap_new(heap, ZTYPE_RECORD, sizeof *record + SLOTS * 9, SLOTS);
    record->class = class;
    fill_slots(record->fields, SLOTS, roots[21]);
    roots[10] = object_value(record);
    struct zfunc *func = zheap_new(heap, ZTYPE_FUNC, sizeof *func, 0);
    func->proto = NULL;
    roots[25] = object_value(func);
    struct ztask *task = zheap_new(heap, ZTYPE_TASK, sizeof *task + SLOTS * 9, SLOTS);
    task->func = func;
    fill_slots(task->slots, SLOTS, roots[22]);
    roots[11] = object_value(task);
    for (uint32_t i = 20; i < 26; i++)
        roots[i] = zvalue_null();
    assert_int_equal(count_after_minor(&old), before + 5 + 3);
    zheap_collect(heap, NULL);
    assert_int_equal(fixture_stats(&old.f).live_count, before + 5 + 3);
    fixture_verify(&old.f);
    fixture_close(&old.f);
}

static void test_objects_without_pointers_need_no_log(void **state)
{
    (void)state;
    if (ZHEAP_STRESS) return;
    struct old old;
    open(&old);
    struct zheap *heap = &old.f.heap;
    uint64_t before = fixture_stats(&old.f).live_count;
    struct zstrbuf_object *bytes = zheap_new(heap, ZTYPE_STRBUF, sizeof *bytes, 0);
    *bytes = (struct zstrbuf_object){.owner.header = bytes->owner.header};
    old.f.roots[10] = object_value(bytes);
    struct zstring_long *string =
        zheap_new(heap, ZTYPE_STRING | ZFLAG_LONG << 8, sizeof *string, 0);
    *string = (struct zstring_long){.header = string->header, .buffer = bytes};
    old.f.roots[10] = object_value(string);
    struct zobject *host = zheap_new(heap, ZTYPE_HOST, 32, 0);
    memset(host + 1, 0xff, 24);
    old.f.roots[11] = object_value(host);
    old.f.roots[12] = object_value(make_buffer(&old.f, 64));
    old.f.roots[13] = object_value(make_string(&old.f, "short"));
    zheap_collect(heap, NULL);
    assert_int_equal(fixture_stats(&old.f).live_count, before + 5);
    host->flags &= (uint8_t)~ZFLAG_LOG;
    ((struct zobject *)old.f.roots[13].p)->flags &= (uint8_t)~ZFLAG_LOG;
    char why[256] = "";
    if (!zheap_verify_marks(heap, why, sizeof why)) fail_msg("%s", why);
    string->header.flags &= (uint8_t)~ZFLAG_LOG; // it leads to its bytes
    assert_false(zheap_verify_marks(heap, why, sizeof why));
    string->header.flags |= ZFLAG_LOG;
    fixture_close(&old.f);
}

// ---- Stores that are not --------------------------------------------------------------------------

static void expect_good(struct old *old)
{
    char why[256] = "";
    if (!zheap_verify_marks(&old->f.heap, why, sizeof why)) fail_msg("%s", why);
}

static void expect_bad(struct old *old, const char *part)
{
    char why[256] = "";
    assert_false(zheap_verify_marks(&old->f.heap, why, sizeof why));
    if (strstr(why, part) == NULL) fail_msg("\"%s\" does not say \"%s\"", why, part);
}

static void test_check_sees_each_store_without_its_barrier(void **state)
{
    (void)state;
    if (ZHEAP_STRESS) return;
    struct old old;
    open(&old);
    struct zheap *heap = &old.f.heap;
    struct zvalue fresh = object_value(make_new(&old));
    expect_good(&old);

    old.node->slots[1] = fresh.bits;
    znode_tags(old.node)[1] = (uint8_t)fresh.tag;
    expect_bad(&old, "not marked");
    zheap_log(heap, &old.node->header);
    expect_good(&old);

    write_element(old.inside, 3, fresh);
    expect_bad(&old, "not marked");
    zheap_log_payload(heap, &old.inside->owner, 3 * 8, 8);
    expect_good(&old);

    write_element(old.list, 30, fresh);
    expect_bad(&old, "not marked");
    zheap_log_payload(heap, &old.list->owner, 30 * 8, 8);
    expect_good(&old);

    write_entry(old.map, 2, fresh, zvalue_null());
    expect_bad(&old, "not marked");
    note_entry(&old.f, old.map, 2);
    expect_good(&old);
    // An entry on two cards, of which its value has dirtied the second.
    size_t key_at = 21 * sizeof(struct zmap_entry), value_at = key_at + 8;
    assert_int_equal(value_at % ZCARD_BYTES, 0);
    write_entry(old.map, 21, zvalue_int(1), fresh);
    expect_bad(&old, "not marked");
    zheap_log_payload(heap, &old.map->owner, value_at, 8);
    assert_int_equal(zowner_cards(&old.map->owner)[key_at / ZCARD_BYTES], 0);
    expect_good(&old);
    (void)count_after_minor(&old);
    fixture_close(&old.f);
}

static void test_check_sees_an_object_that_is_not_armed(void **state)
{
    (void)state;
    if (ZHEAP_STRESS) return;
    struct old old;
    open(&old);
    old.node->header.flags &= (uint8_t)~ZFLAG_LOG;
    expect_bad(&old, "neither armed nor in the log");
    // On a page that is to be scanned again anything goes.
    struct zpage *page = zpage_at(old.node);
    page->is_gray = 1;
    expect_good(&old);
    page->is_gray = 0;
    // Where nothing can be checked, nothing is said.
    zalloc_fail_at(1, true /* from_there_on */);
    bool is_good = zheap_verify_marks(&old.f.heap, NULL, 0);
    zalloc_fail_at(0, false);
    assert_true(is_good);
    struct zheap_log *log = &zheap_more(&old.f.heap)->log;
    log->has_overflowed = true;
    expect_good(&old);
    log->has_overflowed = false;
    log->is_open = false;
    expect_good(&old);
    log->is_open = true;
    expect_bad(&old, "neither armed nor in the log");
    old.node->header.flags |= ZFLAG_LOG;
    expect_good(&old);
    fixture_close(&old.f);
}

static void test_check_of_a_heap_inside_its_first_page_is_good(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open_limit(&f, 1 << 20);
    f.roots[0] = object_value(make_node(&f, 1));
    assert_null(zheap_more(&f.heap));
    char why[256] = "";
    assert_true(zheap_verify_marks(&f.heap, why, sizeof why));
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stores_into_a_map_outside_keep_keys_and_values),
        cmocka_unit_test(test_store_over_many_cards_is_one_of_the_whole_list),
        cmocka_unit_test(test_card_of_a_payload_that_became_shorter_is_passed_over),
        cmocka_unit_test(test_card_of_a_list_that_holds_numbers_now_is_passed_over),
        cmocka_unit_test(test_long_classes_records_and_tasks_keep_their_last_slot),
        cmocka_unit_test(test_objects_without_pointers_need_no_log),
        cmocka_unit_test(test_check_sees_each_store_without_its_barrier),
        cmocka_unit_test(test_check_sees_an_object_that_is_not_armed),
        cmocka_unit_test(test_check_of_a_heap_inside_its_first_page_is_good),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
