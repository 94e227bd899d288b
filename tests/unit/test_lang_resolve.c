// Goal: each name means the variable or global that LANGUAGE section 4 says, and what the code
// generator is told about variables, captures and globals is true.
// Method: parse programs whose uses are numbered by hand: every NAME in a `print` is compared with
// a text that says which declaration it means.
#include "lang/parser.h"

#include "unit/lang_fixture.h"

#include <stdio.h>

// ---- Helpers -----------------------------------------------------------------------------------

static const struct zast_global *find_global(const struct zast_program *program, const char *name)
{
    const struct zast_global *global = program->globals;
    for (; global != NULL; global = global->next)
        if (global->name.length_bytes == strlen(name) &&
            memcmp(global->name.bytes, name, strlen(name)) == 0)
            return global;
    fail_msg("no global %s", name);
    return NULL;
}

// The number-th variable of that name in the function, from 0.
static const struct zast_variable *find_variable(const struct zast_function *function,
                                                 const char *name, int number)
{
    const struct zast_variable *variable = function->variables;
    for (; variable != NULL; variable = variable->next)
        if (variable->name.length_bytes == strlen(name) &&
            memcmp(variable->name.bytes, name, strlen(name)) == 0 && number-- == 0)
            return variable;
    fail_msg("no variable %s", name);
    return NULL;
}

static const struct zast_node *statement(const struct zast_node *block, int number)
{
    const struct zast_node *node = block->block.statements;
    for (; number > 0; number--)
        node = node->next;
    assert_non_null(node);
    return node;
}

// A top-level `action`.
static const struct zast_function *function_at(const struct zast_program *program, int number)
{
    const struct zast_node *node = statement(program->main->body, number);
    assert_int_equal(node->kind, ZAST_FDECL);
    return node->fdecl.function;
}

// What the first argument of a `print` statement means.
static const struct zast_variable *printed(const struct zast_node *block, int number)
{
    const struct zast_node *node = statement(block, number);
    assert_int_equal(node->kind, ZAST_PRINT);
    assert_int_equal(node->list.first->kind, ZAST_NAME);
    return node->list.first->name.variable;
}

// "name:R2 name:C0": the captures, from the parent's register or the parent's capture of that
// index.
static void check_captures(const struct zast_function *function, const char *expected)
{
    struct zstrbuf out;
    zstrbuf_init(&out);
    uint32_t count = 0;
    const struct zast_capture *capture = function->captures;
    for (; capture != NULL; capture = capture->next, count++) {
        if (count > 0) zstrbuf_add_text(&out, " ");
        zstrbuf_add(&out, capture->variable->name.bytes, capture->variable->name.length_bytes);
        assert_true(capture->variable->is_captured);
        assert_int_equal(capture->from_parent_register,
                         capture->variable->function == function->parent);
        if (capture->from_parent_register)
            zstrbuf_add_text(&out, ":R");
        else
            zstrbuf_add_format(&out, ":C%u", capture->parent_index);
    }
    assert_int_equal(count, function->capture_count);
    assert_string_equal(zstrbuf_text(&out), expected);
    zstrbuf_deinit(&out);
}

// ---- Scopes ------------------------------------------------------------------------------------

static void test_top_level_names_are_globals(void **state)
{
    (void)state;
    struct zast_program program;
    lang_parse("let a = b\nprint a\naction f() { print c; a = 1 }\nconst [c] = a\ndata D {}\n"
               "for each x in a { print x }",
               &program);
    const struct zast_node *main_body = program.main->body;
    assert_null(statement(main_body, 0)->let.variable);
    assert_true(statement(main_body, 0)->let.is_first);
    assert_null(printed(main_body, 1));
    assert_null(printed(function_at(&program, 2)->body, 0));
    assert_non_null(printed(statement(main_body, 5)->foreach.body, 0));
    assert_int_equal(program.global_count, 5);
    assert_memory_equal(program.globals->name.bytes, "b", 1);
    assert_int_equal(program.globals->position.column, 9);
    assert_int_equal(find_global(&program, "b")->declaration_count, 0);
    assert_int_equal(find_global(&program, "a")->declaration_count, 1);
    assert_true(find_global(&program, "a")->is_assigned);
    assert_true(find_global(&program, "c")->is_const);
    assert_false(find_global(&program, "c")->is_assigned);
    assert_false(find_global(&program, "a")->is_const);
    assert_int_equal(find_global(&program, "D")->declaration_count, 1);
    zlang_free_program(&program);
}

static void test_blocks_shadow_until_their_end(void **state)
{
    (void)state;
    struct zast_program program;
    lang_parse("action f(a) {\n print a\n { let a = a; print a; { let a; print a }; print a }\n"
               " print a\n { print a; let a = 1 }\n}",
               &program);
    const struct zast_function *f = function_at(&program, 0);
    const struct zast_variable *outer = find_variable(f, "a", 0);
    const struct zast_variable *middle = find_variable(f, "a", 1);
    const struct zast_node *block = statement(f->body, 1);
    assert_ptr_equal(f->params->variable, outer);
    assert_ptr_equal(printed(f->body, 0), outer);
    assert_ptr_equal(statement(block, 0)->let.value->name.variable, outer);
    assert_ptr_equal(statement(block, 0)->let.variable, middle);
    assert_ptr_equal(printed(block, 1), middle);
    assert_ptr_equal(printed(statement(block, 2), 1), find_variable(f, "a", 2));
    assert_ptr_equal(printed(block, 3), middle);
    assert_ptr_equal(printed(f->body, 2), outer);
    assert_ptr_equal(printed(statement(f->body, 3), 0), outer);
    assert_int_equal(program.global_count, 1);
    zlang_free_program(&program);
}

static void test_declaring_again_in_one_scope_reuses_the_variable(void **state)
{
    (void)state;
    struct zast_program program;
    lang_parse("action f(a) { let a = 1; let b; let [b, c] = a; action c() {} }", &program);
    const struct zast_function *f = function_at(&program, 0);
    const struct zast_variable *b = find_variable(f, "b", 0);
    assert_ptr_equal(statement(f->body, 0)->let.variable, f->params->variable);
    assert_false(statement(f->body, 0)->let.is_first);
    assert_true(statement(f->body, 1)->let.is_first);
    const struct zast_target *target = statement(f->body, 2)->unpack.targets;
    assert_ptr_equal(target->variable, b);
    assert_false(target->is_first);
    assert_true(target->next->is_first);
    assert_false(statement(f->body, 3)->fdecl.is_first);
    assert_true(b->is_reassigned);
    assert_true(f->params->variable->is_reassigned);
    zlang_free_program(&program);
}

static void test_loop_catch_and_match_variables_have_scopes_of_their_own(void **state)
{
    (void)state;
    struct zast_program program;
    lang_parse("action f() {\n"
               " for each k, v in k { let v = 1; print v; print k }\n"
               " try { let e } catch e { print e; let e = 1; print e } finally { print e }\n"
               " let m = match e { P(e, _) => e, q => e }\n}",
               &program);
    const struct zast_function *f = function_at(&program, 0);
    const struct zast_node *loop = statement(f->body, 0);
    assert_null(loop->foreach.iterable->name.variable);
    assert_ptr_equal(loop->foreach.names->next->variable, find_variable(f, "v", 0));
    assert_ptr_equal(printed(loop->foreach.body, 1), find_variable(f, "v", 1));
    assert_ptr_equal(printed(loop->foreach.body, 2), find_variable(f, "k", 0));
    const struct zast_node *attempt = statement(f->body, 1);
    assert_ptr_equal(attempt->attempt.variable, find_variable(f, "e", 1));
    assert_ptr_equal(printed(attempt->attempt.handler, 0), attempt->attempt.variable);
    assert_ptr_equal(printed(attempt->attempt.handler, 2), find_variable(f, "e", 2));
    assert_null(printed(attempt->attempt.finalizer, 0));
    const struct zast_node *arm = statement(f->body, 2)->let.value->match.arms;
    const struct zast_node *pattern = arm->conditional.condition;
    assert_null(pattern->call.callee->name.variable);
    assert_ptr_equal(pattern->call.arguments->let.variable, find_variable(f, "e", 3));
    assert_ptr_equal(arm->conditional.yes->name.variable, find_variable(f, "e", 3));
    assert_null(arm->next->conditional.yes->name.variable);
    zlang_free_program(&program);
}

static void test_const_is_known_at_each_assignment(void **state)
{
    (void)state;
    struct zast_program program;
    lang_parse("action f() { K = 1; { const c = 1; c = 2 }; let c; c = 3 }\nconst K = 1", &program);
    const struct zast_function *f = function_at(&program, 0);
    assert_true(statement(f->body, 0)->left->name.is_const);
    assert_true(statement(statement(f->body, 1), 1)->left->name.is_const);
    assert_false(statement(f->body, 3)->left->name.is_const);
    assert_true(find_variable(f, "c", 0)->is_const);
    assert_false(find_variable(f, "c", 1)->is_const);
    assert_true(find_global(&program, "K")->is_const);
    zlang_free_program(&program);
}

// ---- Captures ----------------------------------------------------------------------------------

static void test_captures_pass_through_every_function_in_between(void **state)
{
    (void)state;
    struct zast_program program;
    lang_parse("action f(a, b) {\n"
               " let g = () => () => [b, a, b]\n"
               " let h = () => { print a; return () => [b, a] }\n}",
               &program);
    const struct zast_function *f = function_at(&program, 0);
    const struct zast_function *g = statement(f->body, 0)->let.value->function;
    const struct zast_function *h = statement(f->body, 1)->let.value->function;
    assert_ptr_equal(f->parent, program.main);
    assert_ptr_equal(g->parent, f);
    assert_ptr_equal(g->body->function->parent, g);
    check_captures(f, "");
    check_captures(g, "b:R a:R");
    check_captures(g->body->function, "b:C0 a:C1");
    check_captures(h, "a:R b:R");
    check_captures(statement(h->body, 1)->left->function, "b:C1 a:C0");
    assert_false(find_variable(f, "a", 0)->is_reassigned);
    zlang_free_program(&program);
}

static void test_variables_of_top_level_blocks_belong_to_the_main_program(void **state)
{
    (void)state;
    struct zast_program program;
    lang_parse("{ let a = 1; let f = () => a; a = 2 }", &program);
    const struct zast_variable *a = find_variable(program.main, "a", 0);
    assert_ptr_equal(a->function, program.main);
    assert_true(a->is_captured);
    assert_true(a->is_reassigned);
    assert_false(find_variable(program.main, "f", 0)->is_captured);
    zlang_free_program(&program);
}

// A closure that is made before the variable has its value must not copy it.
static void test_own_name_inside_a_function_counts_as_reassigned(void **state)
{
    (void)state;
    struct zast_program program;
    lang_parse("action f() {\n"
               " action g() { return g }\n action h() {}\n let i = () => h\n"
               " data D { x = D; method m() {} }\n data E extends D {}\n}",
               &program);
    const struct zast_function *f = function_at(&program, 0);
    assert_true(find_variable(f, "g", 0)->is_reassigned);
    assert_true(find_variable(f, "g", 0)->is_captured);
    assert_true(find_variable(f, "h", 0)->is_captured);
    assert_false(find_variable(f, "h", 0)->is_reassigned);
    assert_true(find_variable(f, "D", 0)->is_reassigned);
    assert_false(find_variable(f, "E", 0)->is_reassigned);
    assert_ptr_equal(statement(f->body, 4)->data.parent_variable, find_variable(f, "D", 0));
    const struct zast_member_declaration *field = statement(f->body, 3)->data.members;
    check_captures(field->function, "D:R");
    zlang_free_program(&program);
}

static void test_assignment_in_an_inner_function_counts_as_reassigned(void **state)
{
    (void)state;
    struct zast_program program;
    lang_parse("action f(a, b) { let g = () => { a += 1 }; b.c = 1; b[0] = 2 }", &program);
    const struct zast_function *f = function_at(&program, 0);
    assert_true(f->params->variable->is_reassigned);
    assert_true(f->params->variable->is_captured);
    assert_false(f->params->next->variable->is_reassigned);
    zlang_free_program(&program);
}

static void test_this_marks_every_function_up_to_the_method(void **state)
{
    (void)state;
    struct zast_program program;
    lang_parse("data A { method m() { let f = () => () => this; let g = () => 1 } method n() {} }",
               &program);
    const struct zast_member_declaration *member = statement(program.main->body, 0)->data.members;
    const struct zast_function *m = member->function;
    const struct zast_function *f = statement(m->body, 0)->let.value->function;
    assert_true(m->is_method);
    assert_true(m->uses_this);
    assert_true(f->uses_this);
    assert_true(f->body->function->uses_this);
    assert_false(statement(m->body, 1)->let.value->function->uses_this);
    assert_false(member->next->function->uses_this);
    assert_false(program.main->uses_this);
    zlang_free_program(&program);
}

// ---- Globals -----------------------------------------------------------------------------------

static void test_only_function_is_one_declared_once_and_never_assigned(void **state)
{
    (void)state;
    struct zast_program program;
    lang_parse("action a() {}\naction b() {}\naction b() {}\naction c() {}\naction d() { c = 1 }\n"
               "let e = 1\n{ action g() {} }",
               &program);
    assert_ptr_equal(find_global(&program, "a")->only_function, function_at(&program, 0));
    assert_ptr_equal(find_global(&program, "d")->only_function, function_at(&program, 4));
    assert_null(find_global(&program, "b")->only_function);
    assert_int_equal(find_global(&program, "b")->declaration_count, 2);
    assert_null(find_global(&program, "c")->only_function);
    assert_null(find_global(&program, "e")->only_function);
    assert_int_equal(program.global_count, 5);
    zlang_free_program(&program);
}

// Turning the links of a chain round must leave the tree as it was, and names in their order.
static void test_chains_come_out_as_they_went_in(void **state)
{
    (void)state;
    struct zast_program program;
    struct zstrbuf out;
    zstrbuf_init(&out);
    lang_parse("a.b(c)[d] + e && f(g)(h).i ?? j", &program);
    lang_show_list(&out, program.main->body->block.statements);
    assert_string_equal(zstrbuf_text(&out),
                        " (do (?? (&& (+ (at (call (. a)b c) d) e) (. (call (call f g) h))i) j))");
    zstrbuf_clear(&out);
    for (const struct zast_global *global = program.globals; global != NULL; global = global->next)
        zstrbuf_add(&out, global->name.bytes, global->name.length_bytes);
    assert_string_equal(zstrbuf_text(&out), "acdefghj");
    zlang_free_program(&program);
    zstrbuf_deinit(&out);
}

// ---- Size --------------------------------------------------------------------------------------

// Appends "PREFIXn SUFFIX" for n = 0 to count - 1.
static void add_numbered(struct zstrbuf *out, const char *prefix, int count, const char *suffix)
{
    for (int i = 0; i < count; i++)
        zstrbuf_add_format(out, "%s%d%s", prefix, i, suffix);
}

static void test_many_names_are_resolved_in_linear_time(void **state)
{
    (void)state;
    struct zstrbuf text;
    struct zast_program program;
    zstrbuf_init(&text);
    add_numbered(&text, "let g", 50000, " = 1\n");
    zstrbuf_add_text(&text, "action f(");
    add_numbered(&text, "p", 20000, ", ");
    zstrbuf_add_text(&text, ") {\n");
    add_numbered(&text, "let l", 50000, " = 1\n");
    zstrbuf_add_text(&text, "let h = () => () => [");
    add_numbered(&text, "l", 50000, ", ");
    add_numbered(&text, "l", 50000, ", ");
    zstrbuf_add_text(&text, "]\n}\ndata D {");
    add_numbered(&text, "m", 50000, ", ");
    zstrbuf_add_text(&text, "}");
    lang_parse(zstrbuf_text(&text), &program);
    const struct zast_function *f = function_at(&program, 50000);
    assert_int_equal(f->param_count, 20000);
    const struct zast_function *h = statement(f->body, 50000)->let.value->function;
    assert_int_equal(h->capture_count, 50000);
    assert_int_equal(h->body->function->capture_count, 50000);
    assert_int_equal(program.global_count, 50002);
    zlang_free_program(&program);
    zstrbuf_deinit(&text);
}

static void test_captures_over_their_limit_are_refused(void **state)
{
    (void)state;
    for (int extra = 0; extra <= 1; extra++) {
        struct zstrbuf text;
        zstrbuf_init(&text);
        zstrbuf_add_text(&text, "action f() {\n");
        add_numbered(&text, "let l", 65535 + extra, "\n");
        zstrbuf_add_text(&text, "let h = () => [");
        add_numbered(&text, "l", 65535 + extra, ", ");
        zstrbuf_add_text(&text, "] }");
        struct zdiagnostics diagnostics = {.text = zstrbuf_text(&text),
                                           .length_bytes = text.length};
        struct zast_program program = {0};
        zvm_status status = zlang_parse(&diagnostics, &program);
        assert_int_equal(status, extra ? ZVM_E_SYNTAX : ZVM_OK);
        assert_int_equal(diagnostics.count, extra);
        zlang_free_program(&program);
        zstrbuf_deinit(&text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_top_level_names_are_globals),
        cmocka_unit_test(test_blocks_shadow_until_their_end),
        cmocka_unit_test(test_declaring_again_in_one_scope_reuses_the_variable),
        cmocka_unit_test(test_loop_catch_and_match_variables_have_scopes_of_their_own),
        cmocka_unit_test(test_const_is_known_at_each_assignment),
        cmocka_unit_test(test_captures_pass_through_every_function_in_between),
        cmocka_unit_test(test_variables_of_top_level_blocks_belong_to_the_main_program),
        cmocka_unit_test(test_own_name_inside_a_function_counts_as_reassigned),
        cmocka_unit_test(test_assignment_in_an_inner_function_counts_as_reassigned),
        cmocka_unit_test(test_this_marks_every_function_up_to_the_method),
        cmocka_unit_test(test_only_function_is_one_declared_once_and_never_assigned),
        cmocka_unit_test(test_chains_come_out_as_they_went_in),
        cmocka_unit_test(test_many_names_are_resolved_in_linear_time),
        cmocka_unit_test(test_captures_over_their_limit_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
