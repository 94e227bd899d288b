// Goal: no builtin does more than ZFUEL_POLL_BYTES of work between two polls, but for what the table below
// says, and that is no more than it says; and one that is cancelled at any of its polls does nothing more.
// Method: each row of the table of builtins is called with large arguments, in a piece of a session of its
// own, on this thread. Builds with ZVM_DEBUG count what is done between polls (struct zfuel_audit), and
// cancel an isolate at a poll that is asked for. Afterwards the session goes on: what was left half done
// is looked through, and collected. Usage: test_vm_polls [--print]: the figures of each builtin.
#include "runtime_fixture.h"

#include "vm/builtin.h"
#include "vm/fuel.h"

#if defined(ZVM_GC_STRESS) || defined(ZVM_TINY)
#    define SIZE 2000 // collections at each allocation would take hours
#else
#    define SIZE 70000 // more than ZFUEL_POLL_BYTES
#endif
#define TEXT(value)  #value
#define VALUE(value) TEXT(value)

// What is there before each call. Strings of SIZE to 4 * SIZE bytes; lists of SIZE elements.
static const char setting[] =
    "data Pair { first, second }\n"
    "let size = " VALUE(
        SIZE) "\n"
              "let text = \"ab\" * size\nlet same = \"ab\" * (size - 1) + \"ab\"\n"
              "let wide = \"aé\" * size\nlet wide_same = \"aé\" * (size - 1) + \"aé\"\n"
              "let spaces = \" \" * size\nlet digits = \"0\" * size\nlet needle = \"b\" * size\n"
              "let ints = range(size)\nlet mixed = range(size)\nmixed[0] = \"x\"\n"
              "let words = text.split(\"b\")\nlet shorts = []\n"
              "for each i in range(size / 10) { shorts.push(\"a text that costs no fuel to be "
              "copied\" * 5) }\n"
              "let longs = [text, same, text, same]\n"
              "let m = {}\nfor each i in range(size / 4) { m[i] = i }\n"
              "let packed = {}\nfor each i in range(size / 10) { packed[i] = i }\n"
              "let holes = {}\nlet holes_same = {}\n"
              "for each i in range(size / 5) { holes[i] = i\nholes_same[i] = i }\n"
              "for each i in range(size / 50 * 7) { holes.remove(i)\nholes_same.remove(i) }\n"
              "let pair = Pair(mixed, text)\nlet pair_same = Pair(mixed.slice(0), same)\n";

// What may be done at once in a call, because it cannot stop half way.
enum whole {
    NONE,
    GROWS,  // the payload of a list, map or string, or the text of a print, once
    KEY,    // a string as the key of a map: hashed and compared
    NUMBER, // the text of a number
    NEEDLE, // twice a needle of more than half of ZFUEL_POLL_BYTES
};

struct row {
    const char *name; // as in the table of builtins
    enum whole whole;
    const char *calls;
};

static const struct row rows[] = {
    {"print", GROWS, "print(text)\nprint(mixed)\nprint(m)\n"},
    {"string", GROWS, "string(mixed)\nstring(m)\nstring(longs)\nstring(pair)\n"},
    {"typeof", NONE, "typeof(text)\n"},
    {"type", NONE, "type(text)\n"},
    {"error", NONE, "error(text, same)\n"},
    {"require", NONE, "try { require(false, text) } catch (e) { }\n"},
    {"int", NUMBER, "int(digits)\n"},
    {"float", NUMBER, "float(digits)\n"},
    {"len", NONE, "len(text)\nlen(wide)\nlen(mixed)\nlen(m)\n"},
    {"is_empty", NONE, "is_empty(wide)\nis_empty(mixed)\n"},
    {"isolate_id", NONE, "isolate_id()\n"},
    {"abs", NONE, "abs(-1)\n"},
    {"min", NONE, "min(ints)\nmin(1, 2, 3)\n"},
    {"max", NONE, "max(ints)\nmax(1, 2, 3)\n"},
    {"floor", NONE, "floor(1.5)\n"},
    {"ceil", NONE, "ceil(1.5)\n"},
    {"round", NONE, "round(1.5)\n"},
    {"sqrt", NONE, "sqrt(2)\n"},
    {"pow", NONE, "pow(2, 62)\n"},
    {"range", NONE, "range(size)\n"},
    {"upper", NONE, "upper(text)\nupper(wide)\n"},
    {"lower", NONE, "lower(text)\nlower(wide)\n"},
    {"trim", GROWS, "trim(spaces + \"a\" + spaces)\ntrim(spaces)\n"},
    {"split", GROWS, "text.split(\"b\")\ntext.split(\"c\")\nwide.split(\"é\")\n"},
    {"join", NONE, "words.join(\"\")\nshorts.join(\"\")\nlongs.join(\", \")\n"},
    {"starts_with", NONE, "starts_with(text, same)\n"},
    {"ends_with", NONE, "ends_with(text, same)\n"},
    {"replace", NEEDLE,
     "text.replace(\"a\", \"ccc\")\nwide.replace(\"é\", \"e\")\n"
     "text.replace(same, \"\")\ntext.replace(needle, \"\")\n"},
    {"substring", GROWS, "wide.substring(1, size)\ntext.substring(1, size)\n"},
    {"ord", NONE, "try { ord(wide) } catch (e) { }\n"},
    {"chr", NONE, "chr(233)\n"},
    {"contains", NEEDLE,
     "text.contains(\"c\")\ntext.contains(needle)\nmixed.contains(\"none\")\n"
     "longs.contains(wide)\n[[text]].contains([same])\n"},
    {"index_of", NEEDLE,
     "(wide + \"z\").index_of(\"z\")\ntext.index_of(needle)\n"
     "mixed.index_of(\"none\")\n"},
    {"slice", GROWS, "mixed.slice(1)\nwide.slice(1)\ntext.slice(1, -1)\n"},
    {"reverse", NONE, "reverse(mixed)\nreverse(wide)\nreverse(text)\n"},
    {"push", GROWS, "let p = mixed.slice(0)\np.push(1)\nlet q = ints.slice(0)\nq.push(\"x\")\n"},
    {"pop", NONE, "mixed.pop()\n"},
    {"insert", GROWS, "mixed.insert(0, 1)\nints.insert(0, 1)\nints.insert(0, \"x\")\n"},
    {"remove", GROWS,
     "mixed.remove(0)\nints.remove(0)\nm.remove(1)\nm.remove(text)\n"
     "for each i in range(size / 10) { packed.remove(i) }\n"},
    {"extend", GROWS, "ints.extend(ints)\nmixed.extend(ints)\n"},
    {"first", NONE, "first(mixed)\n"},
    {"last", NONE, "last(mixed)\n"},
    {"rest", NONE, "rest(mixed)\n"},
    {"sort", NONE,
     "sort(ints)\nsort(words)\nsort(longs)\nsort(ints.slice(0, 1000), lambda(a, b) => b - a)\n"},
    {"map", NONE, "ints.map(lambda(x) => x)\n"},
    {"filter", GROWS, "ints.filter(lambda(x) => x % 2 == 0)\n"},
    {"reduce", NONE, "ints.reduce(lambda(a, b) => a + b, 0)\n"},
    {"keys", NONE, "keys(m)\n"},
    {"values", NONE, "values(m)\n"},
    {"entries", NONE, "entries(m)\n"},
    {"has", KEY, "has(m, 1)\nhas(m, same)\n"},
    {"get", KEY, "get(m, 1)\nget(m, same)\n"},
    {"toString", GROWS, "pair.toString()\n"},
    {"equals", NONE, "pair.equals(pair_same)\n"},
    {"clone", NONE, "pair.clone()\n"},
    {"sleep", NONE, "sleep(0)\n"},
    {"spawn", NONE, "1\n"}, // not in a session; it packs and unpacks as the next two
    {"self", NONE, "self()\n"},
    {"send", GROWS,
     "try { send(self(), [text, mixed, m]) } catch (e) { }\nsend(self(), ints.slice(0, 30000))\n"
     "send(self(), mixed.slice(0, 30000))\n"},
    {"receive", GROWS, "receive(0)\nreceive(0)\nreceive(0)\n"},
    {"monitor", NONE, "try { monitor(self()) } catch (e) { }\n"},
    // What is no builtin, and works on many bytes too.
    {"for each", NONE, "for each k, v in holes { break }\n"},
    {"==", NONE, "holes == holes_same\nmixed == mixed.slice(0)\n"},
};

enum { STATEMENT_COUNT = 2, ROW_COUNT = sizeof rows / sizeof *rows };

// The most that a row may do at once.
static uint64_t whole_limit(enum whole whole)
{
    static const uint64_t limits[] = {
        [NONE] = ZFUEL_POLL_BYTES,
        [GROWS] = (uint64_t)SIZE * 40, // entries of a map are the largest, and a third is room to grow
        [KEY] = (uint64_t)SIZE * 2,    [NUMBER] = SIZE, [NEEDLE] = (uint64_t)SIZE * 4,
    };
    return limits[whole] < ZFUEL_POLL_BYTES ? ZFUEL_POLL_BYTES : limits[whole];
}

static void test_every_builtin_has_a_row(void **state)
{
    (void)state;
    assert_int_equal(ROW_COUNT, zbuiltin_count + STATEMENT_COUNT);
    for (uint32_t i = 0; i < zbuiltin_count; i++)
        assert_string_equal(rows[i].name, zbuiltin_table[i].name);
}

// ---- Running a row ------------------------------------------------------------------------------

static bool swallow(void *context, const char *text, size_t length)
{
    (void)context, (void)text, (void)length;
    return true;
}

static zvm_isolate *make_session(zvm_runtime *runtime)
{
    zvm_code *code = compile(runtime, setting);
    zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
    options.output = swallow;
    options.heap_limit_bytes = UINT64_C(1) << 30;
    zvm_isolate *isolate = make_isolate(runtime, code, &options);
    zvm_code_release(code);
    assert_int_equal(zvm_isolate_run(isolate, 0, NULL), ZVM_OK);
    zvm_result result = result_of(isolate);
    if (result.status != ZVM_OK) fail_msg("the setting: %s", result.message);
    return isolate;
}

static zvm_result run_piece(zvm_isolate *isolate, const char *text)
{
    assert_int_equal(zvm_isolate_load(isolate, "piece", text, strlen(text), 0, NULL, NULL), ZVM_OK);
    assert_int_equal(zvm_isolate_run(isolate, 0, NULL), ZVM_OK);
    return result_of(isolate);
}

// What was left half done may be read, walked and collected.
static void check_left_over(zvm_isolate *isolate)
{
    static const char looks[] =
        "let sum = 0\nfor each x in mixed { if typeof(x) == \"integer\" { sum += 1 } }\n"
        "for each x in ints { sum += 1 }\nfor each k, v in m { sum += 1 }\n"
        "let s = string(mixed) + text + wide\n";
    zvm_result result = run_piece(isolate, looks);
    if (result.status != ZVM_OK) fail_msg("afterwards: %s", result.message);
    assert_int_equal(zvm_isolate_collect(isolate, true, NULL), ZVM_OK);
}

#if ZVM_DEBUG >= 1

static bool is_printing;

static struct zfuel_audit audit_of(const struct row *row, zvm_isolate *isolate)
{
    zfuel_audit = (struct zfuel_audit){0};
    zvm_result result = run_piece(isolate, row->calls);
    if (result.status != ZVM_OK) fail_msg("%s: %s", row->name, result.message);
    return zfuel_audit;
}

static void test_no_builtin_works_longer_than_it_may_between_two_polls(void **state)
{
    (void)state;
    zvm_runtime *runtime = make_runtime(0);
    struct zfuel_audit all = {0};
    for (size_t i = 0; i < ROW_COUNT; i++) {
        zvm_isolate *isolate = make_session(runtime);
        struct zfuel_audit audit = audit_of(&rows[i], isolate);
        if (is_printing)
            printf("%-12s %6llu bytes between polls, %8llu at once, %llu polls\n", rows[i].name,
                   (unsigned long long)audit.bytes_max, (unsigned long long)audit.whole_max,
                   (unsigned long long)audit.polls);
        if (audit.bytes_max > ZFUEL_POLL_BYTES)
            fail_msg("%s: %llu bytes between two polls", rows[i].name,
                     (unsigned long long)audit.bytes_max);
        if (audit.whole_max > whole_limit(rows[i].whole))
            fail_msg("%s: %llu bytes at once", rows[i].name, (unsigned long long)audit.whole_max);
        if (audit.bytes_max > all.bytes_max) all.bytes_max = audit.bytes_max;
        if (audit.whole_max > all.whole_max) all.whole_max = audit.whole_max;
        assert_int_equal(zvm_isolate_destroy(isolate), ZVM_OK);
    }
    printf("at most %llu bytes between two polls; at once, where it says so, %llu\n",
           (unsigned long long)all.bytes_max, (unsigned long long)all.whole_max);
    if (SIZE > ZFUEL_POLL_BYTES) assert_int_equal(all.bytes_max, ZFUEL_POLL_BYTES);
    zvm_runtime_destroy(runtime);
}

// Three of four entries of a map may have been removed, and all in a row.
static void test_walk_past_removed_entries_polls_and_so_does_packing(void **state)
{
    (void)state;
    static const char *const walks[] = {"for each k, v in holes { break }\n", "string(holes)\n",
                                        "holes == holes_same\n", "keys(holes)\n"};
    uint64_t dead_bytes = (uint64_t)SIZE / 50 * 7 * sizeof(struct zmap_entry);
    zvm_runtime *runtime = make_runtime(0);
    zvm_isolate *isolate = make_session(runtime);
    for (size_t i = 0; i < sizeof walks / sizeof *walks; i++) {
        const struct row row = {walks[i], NONE, walks[i]};
        struct zfuel_audit audit = audit_of(&row, isolate);
        if (audit.polls < dead_bytes / ZFUEL_POLL_BYTES)
            fail_msg("%s: %llu polls", walks[i], (unsigned long long)audit.polls);
        uint64_t fuel = result_of(isolate).fuel_used;
        if (fuel < dead_bytes / ZFUEL_BYTES_PER_UNIT)
            fail_msg("%s: %llu of fuel", walks[i], (unsigned long long)fuel);
    }
    const struct row row = {"packs", GROWS,
                            "for each i in range(size / 10) { packed.remove(i) }\n"};
    assert_true(audit_of(&row, isolate).whole_max >=
                (uint64_t)SIZE / 10 * sizeof(struct zmap_entry));
    assert_int_equal(zvm_isolate_destroy(isolate), ZVM_OK);
    zvm_runtime_destroy(runtime);
}

#    define CANCELS 4 // points of each row

static void cancel_at(zvm_runtime *runtime, const struct row *row, uint64_t poll)
{
    zvm_isolate *isolate = make_session(runtime);
    zfuel_audit = (struct zfuel_audit){.cancel_at = poll};
    zvm_result result = run_piece(isolate, row->calls);
    struct zfuel_audit audit = zfuel_audit;
    zfuel_audit.cancel_at = 0;
    if (result.status != ZVM_E_CANCELLED)
        fail_msg("%s: not cancelled at poll %llu", row->name, (unsigned long long)poll);
    // The poll was the last one, and nothing was done after it.
    assert_int_equal(audit.polls, poll);
    assert_int_equal(audit.bytes, 0);
    check_left_over(isolate);
    assert_int_equal(zvm_isolate_destroy(isolate), ZVM_OK);
}

static void test_builtin_cancelled_at_any_poll_does_nothing_more(void **state)
{
    (void)state;
    zvm_runtime *runtime = make_runtime(0);
    for (size_t i = 0; i < ROW_COUNT; i++) {
        zvm_isolate *isolate = make_session(runtime);
        uint64_t polls = audit_of(&rows[i], isolate).polls;
        assert_int_equal(zvm_isolate_destroy(isolate), ZVM_OK);
        uint64_t step = polls / CANCELS + 1;
        for (uint64_t poll = 1; poll <= polls; poll += step)
            cancel_at(runtime, &rows[i], poll);
    }
    check_identities(runtime);
    zvm_runtime_destroy(runtime);
}

#else

// Without the counter: all calls run, and what they leave is sound.
static void test_every_builtin_takes_large_arguments(void **state)
{
    (void)state;
    zvm_runtime *runtime = make_runtime(0);
    for (size_t i = 0; i < ROW_COUNT; i++) {
        zvm_isolate *isolate = make_session(runtime);
        zvm_result result = run_piece(isolate, rows[i].calls);
        if (result.status != ZVM_OK) fail_msg("%s: %s", rows[i].name, result.message);
        if (i == 0) check_left_over(isolate);
        assert_int_equal(whole_limit(rows[i].whole) >= ZFUEL_POLL_BYTES, 1);
        assert_int_equal(zvm_isolate_destroy(isolate), ZVM_OK);
    }
    zvm_runtime_destroy(runtime);
}

#endif

int main(int argc, char **argv)
{
#if ZVM_DEBUG >= 1
    is_printing = argc > 1 && strcmp(argv[1], "--print") == 0;
#else
    (void)argc, (void)argv;
#endif
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_builtin_has_a_row),
#if ZVM_DEBUG >= 1
        cmocka_unit_test(test_no_builtin_works_longer_than_it_may_between_two_polls),
        cmocka_unit_test(test_walk_past_removed_entries_polls_and_so_does_packing),
        cmocka_unit_test(test_builtin_cancelled_at_any_poll_does_nothing_more),
#else
        cmocka_unit_test(test_every_builtin_takes_large_arguments),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
