// Goal: inline caches change what an access costs and nothing else, whatever is in them; the bounds of
// data declarations and patterns hold at, below and above; wrong tables of declarations are refused.
// Method: programs compiled and run, with the caches of their code read and overwritten in between.
#include "code_fixture.h"

#include "vm/shape.h"

static const char *const PROGRAM = "data P { x: int, y = [1]\n"
                                   "  method read() { return this.x }\n"
                                   "  method set(v) { this.x = v }\n"
                                   "  method any(v) { this.y = v }\n"
                                   "}\n"
                                   "data Q extends P { z = 5\n"
                                   "  method read() { return this.x + this.z }\n"
                                   "}\n"
                                   "action use(p) {\n"
                                   "  p.set(p.read() + 1)\n"
                                   "  p.any(p.x)\n"
                                   "  return [p.read(), p.y]\n"
                                   "}\n"
                                   "let out = []\n"
                                   "for each p in [P(1), P(2), Q(3), P(4), Q(5), {x: 1}] {\n"
                                   "  try { out.push(use(p)) } catch (e) { out.push(e.message) }\n"
                                   "}\n"
                                   "try { P(1).set(\"s\") } catch (e) { out.push(e.message) }\n"
                                   "print(out)";
static const char *const PRINTED = "[[2, 2], [3, 3], [14, 9], [5, 5], [16, 11], map has no method "
                                   "'read', field 'x': expected int, "
                                   "got string]\n";

static struct ending run_right(struct machine *m, struct zcode *code)
{
    struct ending ending = machine_run(m, code);
    assert_int_equal(ending.status, ZVM_OK);
    assert_string_equal(zstrbuf_text(&m->printed), PRINTED);
    return ending;
}

static uint32_t filled_caches(const struct zcode *code)
{
    uint32_t count = 0;
    assert_int_equal(z_load_relaxed(&code->caches[ZCACHE_NONE].first), 0);
    assert_int_equal(z_load_relaxed(&code->caches[ZCACHE_NONE].second), 0);
    for (uint32_t i = 1; i < code->cache_count; i++) {
        count += z_load_relaxed(&code->caches[i].first) != 0;
    }
    return count;
}

static void test_cold_and_warm_caches_give_the_same_for_the_same_fuel(void **state)
{
    (void)state;
    struct machine m;
    machine_open(&m);
    struct zcode *code = machine_compile(&m, PROGRAM);
    assert_int_equal(filled_caches(code), 0);
    struct ending cold = run_right(&m, code);
    uint32_t filled = filled_caches(code);
    assert_true(filled > 5);
    struct ending warm = run_right(&m, code);
    assert_int_equal(filled_caches(code), filled);
    assert_int_equal(cold.fuel, warm.fuel);
    zcode_release(code);
    machine_close(&m);
}

// Words as an isolate with other shapes may have left them: of shapes that this one never meets, and of
// an id that no shape has. All of them miss.
static void test_stale_words_only_miss(void **state)
{
    (void)state;
    struct machine m;
    machine_open(&m);
    struct zcode *code = machine_compile(&m, PROGRAM);
    uint64_t fuel = run_right(&m, code).fuel;
    const uint64_t stale[] = {0, UINT64_C(77) << 32 | 3, UINT64_C(0xffffffff) << 32 | 0xffffffff,
                              0xffffffff};
    for (size_t i = 0; i < sizeof stale / sizeof stale[0]; i++) {
        for (uint32_t site = 1; site < code->cache_count; site++) {
            z_store_relaxed(&code->caches[site].first, stale[i]);
            z_store_relaxed(&code->caches[site].second, stale[i]);
        }
        assert_int_equal(run_right(&m, code).fuel, fuel);
    }
    zcode_release(code);
    machine_close(&m);
}

// A site remembers two shapes; the newer word is first.
static void test_site_remembers_the_last_two_shapes(void **state)
{
    (void)state;
    struct machine m;
    machine_open(&m);
    struct zcode *code = machine_compile(&m, "data A { x }\ndata B { y, x }\ndata C { z, y, x }\n"
                                             "action get(o) { return o.x }\n"
                                             "print([A(1), B(1, 2), C(1, 2, 3)].map(get))");
    assert_int_equal(machine_run(&m, code).status, ZVM_OK);
    assert_string_equal(zstrbuf_text(&m.printed), "[1, 2, 3]\n");
    uint32_t found = 0;
    for (uint32_t i = 1; i < code->cache_count; i++) {
        uint64_t first = z_load_relaxed(&code->caches[i].first);
        uint64_t second = z_load_relaxed(&code->caches[i].second);
        if (first == 0) continue;
        found++;
        assert_int_equal(zcache_field_index(first), 2);
        assert_int_equal(zcache_field_index(second), 1);
        assert_int_equal(zcache_shape_id(first), zcache_shape_id(second) + 1);
        assert_true(zcache_allows(first, ZTAG_LIST));
    }
    assert_int_equal(found, 1);
    zcode_release(code);
    machine_close(&m);
}

static void test_sites_beyond_the_last_cache_do_without(void **state)
{
    (void)state;
    struct machine m;
    machine_open(&m);
    struct zstrbuf text;
    zstrbuf_init(&text);
    zstrbuf_add_text(&text, "data P { x }\nlet p = P(0)\n");
    // In several functions: one function has a limit of its own.
    for (uint32_t f = 0; f < 70; f++) {
        zstrbuf_add_format(&text, "action f%u(o) {\n", f);
        for (uint32_t i = 0; i < 1000; i++) {
            zstrbuf_add_text(&text, "o.x = 1\n");
        }
        zstrbuf_add_format(&text, "o.x = o.x + %u\n}\nf%u(p)\n", f, f);
    }
    zstrbuf_add_text(&text, "print(p)");
    struct zcode *code = machine_compile(&m, zstrbuf_text(&text));
    assert_int_equal(code->cache_count, ZCACHE_MAX + 1);
    for (int round = 0; round < 2; round++) {
        assert_int_equal(machine_run(&m, code).status, ZVM_OK);
        assert_string_equal(zstrbuf_text(&m.printed), "P(x=70)\n");
        (void)filled_caches(code);
    }
    zcode_release(code);
    zstrbuf_deinit(&text);
    machine_close(&m);
}

static void test_disassembly_names_declarations_and_caches(void **state)
{
    (void)state;
    struct machine m;
    machine_open(&m);
    struct zcode *code = machine_compile(&m, "data P { x = [] \n method m() { return this.x } }\n"
                                             "let p = P(x=1)\n"
                                             "p.x = match p.m() { P(y) => y, _ => 2 }");
    struct zstrbuf text;
    zstrbuf_init(&text);
    zcode_disassemble(code, NULL, 0, &text);
    const char *const parts[] = {
        "NEWDATA    r0 P",       "GETTHIS    r0", "GETF       r1 r0 \"x\" cache",
        "CALLN      r0 count=1", "CHECKDATA  r",  "JNDATA     r",
        "GETSLOT    r",          "CALLM      r",  "\"m\" cache",
        "SETF       r"};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        if (strstr(zstrbuf_text(&text), parts[i]) == NULL)
            fail_msg("no %s in\n%s", parts[i], zstrbuf_text(&text));
    }
    zstrbuf_deinit(&text);
    zcode_release(code);
    machine_close(&m);
}

// A program may have records and no cache at all: its sites look at the one that is always empty.
static void test_sites_without_any_cache_work(void **state)
{
    (void)state;
    struct machine m;
    machine_open(&m);
    struct zcode *code = machine_compile(&m, "data P { x\n method m() { return 2 } }\n"
                                             "let p = P(0)\np.x = p.m() + p.x\nprint(p)");
    for (uint32_t i = 0; i < code->proto_count; i++) {
        uint32_t *words = (uint32_t *)(uintptr_t)code->protos[i].words;
        for (uint32_t pc = 0; pc < code->protos[i].word_count; pc++) {
            uint8_t aux = zopcode_table[ZINSN_OP(words[pc])].aux;
            if (aux == ZAUX_NONE) continue;
            pc++;
            if (aux == ZAUX_FIELD) words[pc] &= 0xffff;
        }
    }
    for (int round = 0; round < 2; round++) {
        assert_int_equal(machine_run(&m, code).status, ZVM_OK);
        assert_string_equal(zstrbuf_text(&m.printed), "P(x=2)\n");
        assert_int_equal(filled_caches(code), 0);
    }
    zcode_release(code);
    code = machine_compile(&m, "print(1)");
    assert_int_equal(code->cache_count, 1);
    assert_ptr_equal(code->protos[0].caches, code->caches);
    zcode_release(code);
    machine_close(&m);
}

// ---- Bounds ------------------------------------------------------------------------------

static struct zstrbuf repeat(const char *before, const char *format, uint32_t count,
                             const char *after)
{
    struct zstrbuf text;
    zstrbuf_init(&text);
    zstrbuf_add_text(&text, before);
    for (uint32_t i = 0; i < count; i++) {
        char part[100];
        (void)snprintf(part, sizeof part, format, i);
        zstrbuf_add_text(&text, part);
    }
    zstrbuf_add_text(&text, after);
    return text;
}

// expected: what is printed, or with a leading '!' a part of what the compiler says.
static void expect_repeated(struct machine *m, const char *before, const char *format,
                            uint32_t count, const char *after, const char *expected)
{
    struct zstrbuf text = repeat(before, format, count, after);
    struct zcode *code = NULL;
    zvm_status status = machine_try_compile(m, zstrbuf_text(&text), &code);
    if (expected[0] == '!') {
        assert_int_equal(status, ZVM_E_SYNTAX);
        if (strstr(zstrbuf_text(&m->found), expected + 1) == NULL)
            fail_msg("%s", zstrbuf_text(&m->found));
    } else {
        if (status != ZVM_OK) fail_msg("%s", zstrbuf_text(&m->found));
        struct ending ending = machine_run(m, code);
        if (ending.status != ZVM_OK) fail_msg("%s: %s", ending.kind, ending.message);
        assert_string_equal(zstrbuf_text(&m->printed), expected);
        zcode_release(code);
    }
    zstrbuf_deinit(&text);
}

static void test_declarations_at_their_bounds(void **state)
{
    (void)state;
    struct machine m;
    machine_open(&m);
    const char *const fields = "}\nlet p = P(f199=7)\np.f198 = 8\nprint(p.f198 + p.f199, p.f0)";
    expect_repeated(&m, "data P {\n", "f%u = 1\n", 200, fields, "15 1\n");
    expect_repeated(&m, "data P {\n", "f%u = 1\n", 201, "}",
                    "!1:6: error: a data declaration has too many fields (limit 200)");
    expect_repeated(&m, "data P {\n", "method m%u() { return 199 }\n", 200, "}\nprint(P().m199())",
                    "199\n");
    expect_repeated(&m, "data P {\n", "method m%u() { }\n", 201, "}",
                    "!a data declaration has too many methods (limit 200)");
    expect_repeated(&m, "data P {\nx = []\n", "method m%u() { }\n", 199, "}\nprint(P())",
                    "P(x=[])\n");
    expect_repeated(&m, "data P {\nx = []\n", "method m%u() { }\n", 200, "}",
                    "!a data declaration has too many methods and defaults (limit 200)");
    expect_repeated(&m, "", "{ data D%u { } }\n", 65536, "print(1)", "1\n");
    expect_repeated(&m, "", "{ data D%u { } }\n", 65537, "",
                    "!65537:8: error: a program has too many data declarations (limit 65536)");
    const char *const names = ") } catch (e) { print(e.message) }";
    expect_repeated(&m, "data P { x }\ntry { P(x=1", ", a%u=1", 123, names,
                    "P has no field 'a0'\n");
    expect_repeated(&m, "data P { x }\ntry { P(x=1", ", a%u=1", 124, names,
                    "!a function needs too many variables and temporary values at once");
    const char *const match = "data P { x }\ntry { match 1 { P(";
    const char *const caught = "_) => 1 } } catch (e) { print(e.message) }";
    expect_repeated(&m, match, "_, ", 249, caught, "pattern P expects 1 fields, got 250\n");
    expect_repeated(&m, match, "_, ", 250, caught, "!a pattern has too many parts (limit 250)");
    machine_close(&m);
}

static void expect_limit(struct machine *m, const char *text, const char *message)
{
    struct ending ending = machine_run_text(m, text);
    assert_int_equal(ending.status, ZVM_E_ERROR);
    assert_string_equal(ending.kind, "LimitError");
    assert_string_equal(ending.message, message);
}

// Two types a level, each extended both ways.
static const char *const MANY_TYPES =
    "action left(p, n) {\n"
    "  data L extends p { method d() { return n }\n method l() { return 1 } }\n return L }\n"
    "action right(p, n) { data R extends p {\n method r() { return 0 }\n method d() { return n * 2 "
    "} }\n return R }\n"
    "let made = []\n"
    "action grow(p, n) {\n"
    "  if n == 0 { return null }\n"
    "  let l = left(p, n)\n let r = right(p, n)\n"
    "  made.push(l)\n made.push(r)\n grow(l, n - 1)\n grow(r, n - 1)\n"
    "}\n"
    "data T { t = 5 }\n";

// 1022 types, where the table has room for 512: all of them work, and for an isolate that comes later, when
// nothing is left in the table, its declarations do.
static void test_types_beyond_the_table_are_the_isolates_own(void **state)
{
    (void)state;
    struct machine m;
    machine_open(&m);
    struct zstrbuf text;
    zstrbuf_init(&text);
    zstrbuf_add_text(&text, MANY_TYPES);
    zstrbuf_add_text(
        &text, "grow(T, 9)\nlet sum = 0\n"
               "for each round in range(2) { for each c in made { sum += c().d() + c().t } }\n"
               "data Late { late = 1 }\nprint(made.length(), sum, Late().late)");
    struct zcode *code = machine_compile(&m, zstrbuf_text(&text));
    struct ending first = machine_run(&m, code);
    assert_int_equal(first.status, ZVM_OK);
    assert_string_equal(zstrbuf_text(&m.printed), "1022 16298 1\n");
    struct ending second = machine_run(&m, code);
    assert_int_equal(second.status, ZVM_OK);
    assert_string_equal(zstrbuf_text(&m.printed), "1022 16298 1\n");
    assert_int_equal(first.fuel, second.fuel);
    zcode_release(code);
    zstrbuf_deinit(&text);
    machine_close(&m);
}

static void test_types_without_end_meet_the_heap_limit(void **state)
{
    (void)state;
    struct machine m;
    machine_open(&m);
    struct zstrbuf text;
    zstrbuf_init(&text);
    zstrbuf_add_text(&text, MANY_TYPES);
    zstrbuf_add_text(&text, "try { grow(T, 20) } catch (e) { made = null\n print(e.kind) }");
    struct zcode *code = machine_compile(&m, zstrbuf_text(&text));
    struct zisolate_options options = {.heap_limit_bytes = 384u << 10};
    struct ending ending = machine_run_with(&m, code, options, 32768);
    assert_int_equal(ending.status, ZVM_OK);
    assert_string_equal(zstrbuf_text(&m.printed), "HeapLimitError\n");
    zcode_release(code);
    zstrbuf_deinit(&text);
    machine_close(&m);
}

static void test_inheritance_at_its_bounds_is_a_limit_error(void **state)
{
    (void)state;
    struct machine m;
    machine_open(&m);
    machine_expect_output(
        &m,
        "action child(p) { data C extends p { method d() { return 1 } }\n return C }\n"
        "data R { }\nlet c = R\nfor each i in range(100) { c = child(c) }\n"
        "print(c().d())\ntry { child(c) } catch (e) { print(e.kind, e.message) }",
        "1\nLimitError data type C has too many ancestors\n");
    struct zstrbuf text = repeat("data P {\n", "f%u = 1\n", 150, "}\ndata Q extends P {\n");
    struct zstrbuf rest = repeat(zstrbuf_text(&text), "g%u = 1\n", 51, "}");
    expect_limit(&m, zstrbuf_text(&rest),
                 "data type Q has too many fields with the inherited ones");
    zstrbuf_deinit(&rest);
    rest = repeat(zstrbuf_text(&text), "g%u = 1\n", 50, "}\nprint(Q(g49=2).g49)");
    machine_expect_output(&m, zstrbuf_text(&rest), "2\n");
    zstrbuf_deinit(&rest);
    zstrbuf_deinit(&text);
    machine_close(&m);
}

// Every record on the heap is found by the limit, and the program can go on.
static void test_records_beyond_the_heap_limit_are_an_error(void **state)
{
    (void)state;
    struct machine m;
    machine_open(&m);
    struct zcode *code = machine_compile(
        &m,
        "data P { x, y = [1], z = null\n method next() { return P(x=this, z=this.next) } }\n"
        "let p = P(0)\ntry { while true { p = p.next() } } catch (e) { p = null\n print(e.kind) }\n"
        "print(P(1).next().z())");
    struct zisolate_options options = {.heap_limit_bytes = 256u << 10};
    struct ending ending = machine_run_with(&m, code, options, 1000);
    assert_int_equal(ending.status, ZVM_OK);
    assert_memory_equal(zstrbuf_text(&m.printed), "HeapLimitError\nP(x=P(x=1", 24);
    zcode_release(code);
    machine_close(&m);
}

// ---- Tables of declarations --------------------------------------------------------------

static void expect_wrong(const struct zcode *code, const char *expected)
{
    char why[160] = "";
    assert_int_equal(zcode_verify(code, why, sizeof why), ZVM_E_BYTECODE);
    assert_string_equal(why, expected);
}

static void test_wrong_tables_of_declarations_are_refused(void **state)
{
    (void)state;
    struct machine m;
    machine_open(&m);
    struct zcode *code = machine_compile(&m, "data P { a: int = 1, b = [], c\n method m() { } }");
    struct zdata *data = &code->datas[0], right = *data;
    struct zdata_field *field = &data->fields[0], right_field = *field;
    const struct zstring *method = data->methods[0];
    data->name = NULL;
    expect_wrong(code, "a data declaration has no name");
    *data = right;
    data->index = 1;
    expect_wrong(code, "a data declaration has a wrong number");
    *data = right;
    data->field_count = ZDATA_FIELDS_MAX + 1;
    expect_wrong(code, "a data declaration has too many fields");
    *data = right;
    data->method_count = ZDATA_FUNCTIONS_MAX + 1;
    expect_wrong(code, "a data declaration has too many methods");
    *data = right;
    data->function_count = 1;
    expect_wrong(code, "a data declaration miscounts its functions");
    *data = right;
    data->methods[0] = NULL;
    expect_wrong(code, "a method has no name");
    data->methods[0] = method;
    field->check.name = NULL;
    expect_wrong(code, "a field has no name");
    *field = right_field;
    field->check.type_name = NULL;
    expect_wrong(code, "a field has a type check without a name");
    *field = right_field;
    field->check.context = ZCHECK_RESULT;
    expect_wrong(code, "a field's type check is not one of a field");
    *field = right_field;
    field->default_kind = ZFIELD_FUNCTION + 1;
    expect_wrong(code, "a field has a default of a bad kind");
    *field = right_field;
    field->value = zvalue_unset();
    expect_wrong(code, "a field has a default of a bad type");
    *field = right_field;
    code->cache_count = ZCACHE_MAX + 2;
    expect_wrong(code, "too many inline caches");
    code->cache_count = 0;
    char why[160];
    assert_int_equal(zcode_verify(code, why, sizeof why), ZVM_OK);
    zcode_release(code);
    machine_close(&m);
}

// Code from elsewhere may have anything in its registers: what is not what an instruction needs ends the
// isolate.
static void test_instructions_on_wrong_values_end_the_isolate(void **state)
{
    (void)state;
    struct machine m;
    machine_open(&m);
    struct zcode *code =
        machine_compile(&m, "data P { a = [] }\ndata Q extends P { }\nlet a = 1\nlet b = 2");
    struct zproto *proto = &code->protos[0];
    const uint32_t end = OP_ABC(RETNULL, 0, 0, 0);
    const struct {
        uint32_t words[6];
    } cases[] = {
        {{OP_AD(NEWDATA, 0, 0), end}},
        {{OP_AD(NEWDATA, 0, 1), end}},
        {{OP_ABC(GETSLOT, 0, 1, 0), end}},
        {{OP_ABC(LOADNULL, 0, 0, 0), OP_ABC(JNDATA, 0, 0, 0), 0, end}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        code_set_words(proto, 4, cases[i].words, 6);
        while (proto->words[proto->word_count - 1] == 0)
            proto->word_count--;
        char why[160];
        assert_int_equal(zcode_verify(code, why, sizeof why), ZVM_OK);
        assert_int_equal(machine_run(&m, code).status, ZVM_E_BYTECODE);
        proto->word_count = 6;
    }
    zcode_release(code);
    machine_close(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cold_and_warm_caches_give_the_same_for_the_same_fuel),
        cmocka_unit_test(test_stale_words_only_miss),
        cmocka_unit_test(test_site_remembers_the_last_two_shapes),
        cmocka_unit_test(test_sites_beyond_the_last_cache_do_without),
        cmocka_unit_test(test_sites_without_any_cache_work),
        cmocka_unit_test(test_disassembly_names_declarations_and_caches),
        cmocka_unit_test(test_declarations_at_their_bounds),
        cmocka_unit_test(test_types_beyond_the_table_are_the_isolates_own),
        cmocka_unit_test(test_types_without_end_meet_the_heap_limit),
        cmocka_unit_test(test_inheritance_at_its_bounds_is_a_limit_error),
        cmocka_unit_test(test_records_beyond_the_heap_limit_are_an_error),
        cmocka_unit_test(test_wrong_tables_of_declarations_are_refused),
        cmocka_unit_test(test_instructions_on_wrong_values_end_the_isolate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
