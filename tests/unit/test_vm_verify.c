// Goal: the verifier accepts what the compiler makes, refuses each thing that is wrong with a code
// object and says which, and what it accepts is memory-safe whatever it does.
// Method: code objects made by hand, one fault each; then mutants of compiled programs, each of
// which is refused or runs to an end under limits. Run it under AddressSanitizer: there it looks
// hardest.
#include "code_fixture.h"

#include "vm/interp.h"

// ---- One fault each ----------------------------------------------------------------------

struct fault {
    const char *reason; // "pc N: reason"
    uint32_t words[6];
    uint32_t count;
};

#define WORDS(...) {__VA_ARGS__}, sizeof((uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t)
#define END        OP_ABC(RETNULL, 0, 0, 0)

// The function under test has 4 registers, 2 constants (an integer, then a name), 1 capture, 1
// check; the code object 2 globals and 3 functions.
static const struct fault FAULTS[] = {
    {"pc 0: unknown instruction", WORDS(ZOP_COUNT)},
    {"pc 1: unknown instruction", WORDS(OP_ABC(LOADNULL, 0, 0, 0), 255)},
    {"pc 0: instruction is cut off", WORDS(OP_ABC(JT, 0, 0, 0))},
    {"pc 1: runs off its end", WORDS(OP_ABC(LOADNULL, 0, 0, 0))},
    {"pc 2: runs off its end", WORDS(OP_ABC(CALLB, 0, 0, 0), 0)},
    {"pc 0: register out of range", WORDS(OP_ABC(LOADNULL, 4, 0, 0), END)},
    {"pc 0: register out of range", WORDS(OP_ABC(MOVE, 0, 4, 0), END)},
    {"pc 0: register out of range", WORDS(OP_ABC(MOVE, 4, 0, 0), END)},
    {"pc 0: register out of range", WORDS(OP_ABC(ADD, 0, 0, 4), END)},
    {"pc 0: register out of range", WORDS(OP_ABC(ADD, 0, 255, 0), END)},
    {"pc 0: register out of range", WORDS(OP_ABC(ADDI, 0, 4, 0), END)},
    {"pc 0: register out of range", WORDS(OP_ABC(ADDK, 0, 4, 0), END)},
    {"pc 0: register out of range", WORDS(OP_AD(LOADK, 4, 0), END)},
    {"pc 0: register out of range", WORDS(OP_AD(LOADI, 4, 0), END)},
    {"pc 0: register out of range", WORDS(OP_ABC(SETIDX, 0, 0, 4), END)},
    {"pc 0: register out of range", WORDS(OP_ABC(RET, 4, 0, 0))},
    {"pc 0: register out of range", WORDS(OP_ABC(RETADD, 4, 0, 0))},
    {"pc 0: register out of range", WORDS(OP_ABC(RETSUB, 0, 4, 0))},
    {"pc 0: register out of range", WORDS(OP_ABC(RETMUL, 0, 255, 0))},
    {"pc 0: registers out of range", WORDS(OP_ABC(MOVE2, 3, 0, 0), END)},
    {"pc 0: register out of range", WORDS(OP_ABC(MOVE2, 2, 4, 0), END)},
    {"pc 0: register out of range", WORDS(OP_ABC(MOVE2, 2, 0, 4), END)},
    {"pc 0: registers out of range", WORDS(OP_ABC(MOVEI, 3, 0, 0), END)},
    {"pc 0: register out of range", WORDS(OP_ABC(MOVEI, 2, 4, 255), END)},
    {"pc 0: register out of range", WORDS(OP_ABC(JLT, 0, 4, 0), 0, END)},
    {"pc 0: register out of range", WORDS(OP_AD(SETG, 4, 0), END)},
    {"pc 0: register out of range", WORDS(OP_ABC(NEWLIST, 4, 0, 0), END)},
    {"pc 0: register out of range", WORDS(OP_ABC(UNPACK, 0, 4, 1), END)},
    {"pc 0: register out of range", WORDS(OP_AD(CLOSURE, 4, 2), END)},
    {"pc 0: registers out of range", WORDS(OP_ABC(NEWLIST, 0, 1, 4), END)},
    {"pc 0: registers out of range", WORDS(OP_ABC(NEWLIST, 0, 255, 255), END)},
    {"pc 0: registers out of range", WORDS(OP_ABC(CONCAT, 0, 2, 3), END)},
    {"pc 0: registers out of range", WORDS(OP_ABC(CALL, 1, 3, 0), END)},
    {"pc 0: registers out of range", WORDS(OP_ABC(CALL, 4, 0, 0), END)},
    {"pc 0: registers out of range", WORDS(OP_ABC(CALLM, 2, 2, 255), 1, END)},
    {"pc 0: registers out of range", WORDS(OP_ABC(PRINT, 3, 2, 0), END)},
    {"pc 0: registers out of range", WORDS(OP_ABC(UNPACK, 3, 0, 2), END)},
    {"pc 0: registers out of range", WORDS(OP_ABC(UNPACK, 3, 0, 129), END)},
    {"pc 0: registers out of range", WORDS(OP_ABC(ITERPREP, 1, 1, 0), END)},
    {"pc 0: registers out of range", WORDS(OP_ABC(ITERPREP, 0, 2, 0), END)},
    {"pc 0: registers out of range", WORDS(OP_ABC(RETHROW, 3, 0, 0))},
    {"pc 0: registers out of range", WORDS(OP_ABC(AWAIT, 3, 0, 0), END)},
    {"pc 0: makes a task in its body", WORDS(OP_ABC(TASK, 0, 0, 0), END)},
    {"pc 0: walks with one or two names only", WORDS(OP_ABC(ITERPREP, 0, 0, 0), END)},
    {"pc 0: walks with one or two names only", WORDS(OP_ABC(ITERPREP, 0, 3, 0), END)},
    {"pc 0: registers out of range", WORDS(OP_ABC(RANGEPREP, 1, 1, 0), END)},
    {"pc 0: a range has one to three arguments", WORDS(OP_ABC(RANGEPREP, 0, 0, 0), END)},
    {"pc 0: a range has one to three arguments", WORDS(OP_ABC(RANGEPREP, 0, 4, 0), END)},
    {"pc 0: only paying instructions jump backwards", WORDS(OP_ABC(RANGENEXT, 0, 1, 0), 0, END)},
    {"pc 0: registers out of range", WORDS(OP_ABC(RANGEUP, 1, 1, 0), -2u, END)},
    {"pc 0: only paying instructions jump backwards", WORDS(OP_ABC(RANGEUP, 0, 1, 0), 0, END)},
    {"pc 0: constant out of range", WORDS(OP_AD(LOADK, 0, 2), END)},
    {"pc 0: constant out of range", WORDS(OP_ABC(MULK, 0, 0, 2), END)},
    {"pc 0: constant out of range", WORDS(OP_AD(JEQK, 0, 2), 0, END)},
    {"pc 0: constant out of range", WORDS(OP_ABC(GETF, 0, 0, 0), 2, END)},
    {"pc 0: constant is not a name", WORDS(OP_ABC(GETF, 0, 0, 0), 0, END)},
    {"pc 0: constant is not a name", WORDS(OP_ABC(SETF, 0, 0, 0), 0, END)},
    {"pc 0: constant is not a name", WORDS(OP_ABC(MAPGET, 0, 0, 0), 0, END)},
    {"pc 0: constant is not a name", WORDS(OP_ABC(CALLM, 0, 0, 255), 0, END)},
    {"pc 0: constant is not a name", WORDS(OP_AD(ERRCONST, 0, 0), END)},
    {"pc 0: global out of range", WORDS(OP_AD(GETG, 0, 2), END)},
    {"pc 0: global out of range", WORDS(OP_AD(DEFG, 0, 65535), END)},
    {"pc 0: global out of range", WORDS(OP_ABC(CALLG, 0, 0, 0), 2, END)},
    {"pc 0: capture out of range", WORDS(OP_ABC(GETUP, 0, 1, 0), END)},
    {"pc 0: capture out of range", WORDS(OP_ABC(GETUPCELL, 0, 255, 0), END)},
    {"pc 0: capture out of range", WORDS(OP_ABC(SETUPCELL, 1, 0, 0), END)},
    {"pc 0: function out of range", WORDS(OP_AD(CLOSURE, 0, 3), END)},
    {"pc 0: check out of range", WORDS(OP_AD(CHECK, 0, 1), END)},
    {"pc 0: builtin out of range", WORDS(OP_ABC(CALLB, 0, 0, 0), 0xfffe, END)},
    {"pc 0: builtin out of range", WORDS(OP_ABC(CALLM, 0, 0, 254), 1, END)},
    {"pc 0: builtin out of range", WORDS(OP_ABC(CALLMN, 0, 0, 254), 1, END)},
    {"pc 0: registers out of range", WORDS(OP_ABC(CALLN, 1, 2, 0), END)},
    {"pc 0: registers out of range", WORDS(OP_ABC(CALLMN, 1, 2, 255), 1, END)},
    {"pc 0: constant is not a name", WORDS(OP_ABC(CALLMN, 0, 0, 255), 0, END)},
    {"pc 0: inline cache out of range", WORDS(OP_ABC(GETF, 0, 0, 0), 1 | 3u << 16, END)},
    {"pc 0: inline cache out of range", WORDS(OP_ABC(SETF, 0, 0, 0), 1 | 0xffffu << 16, END)},
    {"pc 2: inline cache has two users",
     WORDS(OP_ABC(GETF, 0, 0, 0), 1 | 1u << 16, OP_ABC(SETF, 0, 0, 0), 1 | 1u << 16, END)},
    {"pc 2: inline cache has two users",
     WORDS(OP_ABC(CALLM, 0, 0, 255), 1 | 2u << 16, OP_ABC(CALLM, 0, 0, 255), 1 | 2u << 16, END)},
    {"pc 0: register out of range", WORDS(OP_ABC(GETTHIS, 4, 0, 0), END)},
    {"pc 0: register out of range", WORDS(OP_ABC(GETSLOT, 0, 4, 0), END)},
    {"pc 0: register out of range", WORDS(OP_ABC(JNDATA, 0, 4, 0), 0, END)},
    {"pc 0: register out of range", WORDS(OP_ABC(ERRMATCH, 4, 0, 0), END)},
    {"pc 0: register out of range", WORDS(OP_AD(CHECKDATA, 4, 1), END)},
    {"pc 0: constant is not a name", WORDS(OP_AD(CHECKDATA, 0, 0), END)},
    {"pc 0: only paying instructions jump backwards", WORDS(OP_ABC(JNDATA, 0, 0, 0), -2u, END)},
    {"pc 0: data declaration out of range", WORDS(OP_AD(NEWDATA, 0, 1), END)},
    {"pc 0: registers out of range", WORDS(OP_AD(NEWDATA, 2, 0), END)},
    {"pc 0: jump out of the function", WORDS(OP_J(JMP, 1), END)},
    {"pc 0: jump out of the function", WORDS(OP_J(JMP, 0x7fffff), END)},
    {"pc 1: jump out of the function", WORDS(OP_ABC(LOADNULL, 0, 0, 0), OP_J(LOOP, -3))},
    {"pc 0: jump out of the function", WORDS(OP_ABC(JT, 0, 0, 0), 1, END)},
    {"pc 0: jump out of the function", WORDS(OP_ABC(JT, 0, 0, 0), 0x7fffffff, END)},
    {"pc 0: jump out of the function", WORDS(OP_ABC(LJT, 0, 0, 0), 0x80000000u, END)},
    {"pc 0: jump into an instruction", WORDS(OP_J(JMP, 1), OP_ABC(JT, 0, 0, 0), 0, END)},
    {"pc 2: jump into an instruction", WORDS(OP_ABC(JT, 0, 0, 0), 0, OP_J(LOOP, -2))},
    {"pc 0: only paying instructions jump backwards", WORDS(OP_J(JMP, -1), END)},
    {"pc 1: only paying instructions jump backwards",
     WORDS(OP_ABC(LOADNULL, 0, 0, 0), OP_J(LOOP, 0), END)},
    {"pc 0: only paying instructions jump backwards", WORDS(OP_ABC(JT, 0, 0, 0), -2u, END)},
    {"pc 0: only paying instructions jump backwards", WORDS(OP_ABC(LJT, 0, 0, 0), 0, END)},
    {"pc 0: only paying instructions jump backwards", WORDS(OP_ABC(ITERNEXT, 0, 1, 0), 0, END)},
};

// data D { a = (called), b: int = 1; method m() }
static void add_data(struct machine *m, struct zcode *code)
{
    struct zdata data = {.field_count = 2, .method_count = 1, .function_count = 2};
    struct zdata_field fields[2] = {
        {.check = {.context = ZCHECK_FIELD}, .default_kind = ZFIELD_FUNCTION},
        {.check = {.type = ZCHECK_INT, .context = ZCHECK_FIELD},
         .value = zvalue_int(1),
         .default_kind = ZFIELD_CONSTANT},
    };
    fields[0].check.name = code_name(m, "a").p;
    fields[1].check.name = code_name(m, "b").p;
    fields[1].check.type_name = code_name(m, "int").p;
    const struct zstring *method = code_name(m, "m").p;
    data.name = code_name(m, "D").p;
    data.fields = (void *)(uintptr_t)code_copy(fields, sizeof fields);
    data.methods = (void *)(uintptr_t)code_copy(&method, sizeof method);
    code->datas = (void *)(uintptr_t)code_copy(&data, sizeof data);
    code->data_count = 1;
}

static struct zcode *make_sound(struct machine *m)
{
    struct zcode *code = code_make(m, 3, 2);
    CODE_WORDS(&code->protos[0], 4, OP_AD(CLOSURE, 0, 1), END);
    CODE_WORDS(&code->protos[1], 4, END);
    CODE_WORDS(&code->protos[2], 4, END);
    struct zproto *proto = &code->protos[1];
    code_set_constants(proto, (struct zvalue[]){zvalue_int(7), code_name(m, "k")}, 2);
    proto->captures =
        code_copy(&(struct zcapture){.from_register = 1, .index = 3}, sizeof(struct zcapture));
    proto->capture_count = 1;
    struct zcheck check = {.type = ZCHECK_INT, .context = ZCHECK_VARIABLE};
    check.type_name = code_name(m, "int").p;
    check.name = code_name(m, "v").p;
    proto->checks = code_copy(&check, sizeof check);
    proto->check_count = 1;
    proto->name = code_name(m, "f").p;
    code->cache_count = 3;
    add_data(m, code);
    return code;
}

static void expect_refusal(const struct zcode *code, const char *expected)
{
    char why[160] = "";
    assert_int_equal(zcode_verify(code, why, sizeof why), ZVM_E_BYTECODE);
    assert_string_equal(why, expected);
}

static void expect_sound(const struct zcode *code)
{
    char why[160] = "";
    if (zcode_verify(code, why, sizeof why) != ZVM_OK) fail_msg("%s", why);
}

static void test_verify_wrong_instruction_is_refused_with_its_reason(void **state)
{
    (void)state;
    struct machine m;
    machine_open(&m);
    struct zcode *code = make_sound(&m);
    expect_sound(code);
    for (size_t i = 0; i < sizeof FAULTS / sizeof FAULTS[0]; i++) {
        code_set_words(&code->protos[1], 4, FAULTS[i].words, FAULTS[i].count);
        char expected[160];
        (void)snprintf(expected, sizeof expected, "function f: %s", FAULTS[i].reason);
        expect_refusal(code, expected);
    }
    zcode_release(code);
    machine_close(&m);
}

// An operand that leads out of its table stands in every refusal of one of these kinds.
static bool is_seen_when_it_runs(const char *reason)
{
    return strstr(reason, "out of range") != NULL || strstr(reason, "is not a name") != NULL ||
           strstr(reason, "unknown instruction") != NULL || strstr(reason, "is cut off") != NULL;
}

// Were one of these accepted, builds that check each instruction before it runs would stop there.
static void test_verify_wrong_operand_is_also_seen_by_the_check_before_running(void **state)
{
    (void)state;
    struct machine m;
    machine_open(&m);
    struct zcode *code = make_sound(&m);
    struct zproto *f = &code->protos[1];
    struct zvalue stack[8];
    static struct zisolate iso;
    iso.code = code;
    iso.stack = stack;
    iso.stack_end = stack + 8;
    struct zfunc func = {.proto = f};
    struct zframe frame = {.func = &func, .base = 4};
    uint32_t seen = 0;
    for (size_t i = 0; i < sizeof FAULTS / sizeof FAULTS[0]; i++) {
        if (!is_seen_when_it_runs(FAULTS[i].reason)) continue;
        code_set_words(f, 4, FAULTS[i].words, FAULTS[i].count);
        unsigned at = 0;
        assert_int_equal(sscanf(FAULTS[i].reason, "pc %u:", &at), 1);
        if (zinterp_may_run(&iso, &frame, f->words + at)) fail_msg("%s", FAULTS[i].reason);
        seen++;
    }
    assert_true(seen > 40);
    CODE_WORDS(f, 4, OP_ABC(ADD, 3, 3, 3), OP_ABC(CALLG, 0, 3, 0), 1, END);
    assert_true(zinterp_may_run(&iso, &frame, f->words));
    assert_true(zinterp_may_run(&iso, &frame, f->words + 1));
    assert_true(zinterp_may_run(&iso, &frame, f->words + 3));
    assert_false(zinterp_may_run(&iso, &frame, f->words + 4));
    iso.stack_end--;
    assert_false(zinterp_may_run(&iso, &frame, f->words));
    zcode_release(code);
    machine_close(&m);
}

// The same instructions, right at the limits.
static void test_verify_operands_at_their_limits_are_accepted(void **state)
{
    (void)state;
    struct machine m;
    machine_open(&m);
    struct zcode *code = make_sound(&m);
    struct zproto *f = &code->protos[1];
    CODE_WORDS(f, 4, OP_ABC(ADD, 3, 3, 3), OP_ABC(NEWLIST, 3, 0, 4), OP_ABC(CALL, 0, 3, 0), END);
    expect_sound(code);
    CODE_WORDS(f, 4, OP_ABC(UNPACK, 1, 3, 130), OP_ABC(ITERPREP, 0, 1, 0), OP_AD(CHECK, 3, 0), END);
    expect_sound(code);
    CODE_WORDS(f, 5, OP_ABC(ITERPREP, 0, 2, 0), OP_ABC(ITERNEXT, 0, 2, 0), -3u, END);
    expect_sound(code);
    CODE_WORDS(f, 4, OP_J(JMP, 0), OP_J(LOOP, -2));
    expect_sound(code);
    CODE_WORDS(f, 4, OP_AD(GETG, 3, 1), OP_AD(LOADK, 3, 1), OP_AD(CLOSURE, 3, 2),
               OP_ABC(RET, 3, 0, 0));
    expect_sound(code);
    CODE_WORDS(f, 4, OP_ABC(AWAIT, 2, 0, 0), END);
    expect_sound(code);
    CODE_WORDS(f, ZCODE_REGISTERS_MAX, OP_ABC(RET, 249, 0, 0));
    expect_sound(code);
    zcode_release(code);
    machine_close(&m);
}

// ---- Tables ------------------------------------------------------------------------------

static void set_handler(struct zproto *proto, struct zhandler handler)
{
    z_free((void *)(uintptr_t)proto->handlers, proto->handler_count * sizeof handler);
    proto->handlers = code_copy(&handler, sizeof handler);
    proto->handler_count = 1;
}

static void test_verify_wrong_handler_is_refused(void **state)
{
    (void)state;
    struct machine m;
    machine_open(&m);
    struct zcode *code = make_sound(&m);
    struct zproto *f = &code->protos[1];
    CODE_WORDS(f, 4, OP_ABC(CALLB, 0, 0, 0), 0, OP_ABC(CALLB, 0, 0, 0), 0, END);
    set_handler(f, (struct zhandler){.start = 0, .end = 2, .target = 2, .value_register = 3});
    expect_sound(code);
    set_handler(f, (struct zhandler){.start = 2, .end = 2, .target = 4});
    expect_refusal(code, "function f: pc 2: handler range out of the function");
    set_handler(f, (struct zhandler){.start = 3, .end = 6, .target = 4});
    expect_refusal(code, "function f: pc 3: handler range out of the function");
    set_handler(f, (struct zhandler){.start = 0, .end = 2, .target = 5});
    expect_refusal(code, "function f: pc 0: jump out of the function");
    set_handler(f, (struct zhandler){.start = 0, .end = 2, .target = 3});
    expect_refusal(code, "function f: pc 0: jump into an instruction");
    set_handler(f, (struct zhandler){.start = 0, .end = 2, .target = 2, .value_register = 4});
    expect_refusal(code, "function f: pc 0: registers out of range");
    set_handler(f, (struct zhandler){
                       .start = 0, .end = 2, .target = 2, .value_register = 3, .is_finally = 1});
    expect_refusal(code, "function f: pc 0: registers out of range");
    // An error thrown in a handler's range and caught before it would go round for ever, unpaid.
    set_handler(f, (struct zhandler){.start = 2, .end = 4, .target = 0});
    expect_refusal(code, "function f: pc 2: handler does not follow its range");
    zcode_release(code);
    machine_close(&m);
}

static void test_verify_wrong_function_table_is_refused(void **state)
{
    (void)state;
    struct machine m;
    machine_open(&m);
    struct zcode *code = make_sound(&m);
    struct zproto *f = &code->protos[1], right = *f;
    f->register_count = ZCODE_REGISTERS_MAX + 1;
    expect_refusal(code, "function f: pc 0: has too many registers");
    *f = right;
    f->param_count = 5;
    expect_refusal(code, "function f: pc 0: has too many parameters");
    *f = right;
    f->word_count = 0;
    expect_refusal(code, "function f: pc 0: is empty");
    *f = right;
    f->fuel = right.word_count - 1;
    expect_refusal(code, "function f: pc 0: costs less than its length");
    *f = right;
    f->code = NULL;
    expect_refusal(code, "function f: pc 0: belongs to other code");
    *f = right;
    const struct zstring *name = code->globals[1];
    code->globals[1] = NULL;
    expect_refusal(code, "a global has no name");
    code->globals[1] = name;
    struct zcheck *check = (struct zcheck *)(uintptr_t)f->checks;
    name = check->name;
    check->name = NULL;
    expect_refusal(code, "function f: pc 0: has a type check without a name");
    check->name = name;
    expect_sound(code);
    zcode_release(code);
    machine_close(&m);
}

// The frame that makes a task may be one more than the call depth allows, so it must be gone before
// anything is called.
static void test_verify_async_function_makes_its_task_first(void **state)
{
    (void)state;
    struct machine m;
    machine_open(&m);
    struct zcode *code = make_sound(&m);
    struct zproto *f = &code->protos[1];
    uint32_t check = OP_AD(CHECK, 0, 0), task = OP_ABC(TASK, 0, 0, 0);
    uint32_t null = OP_ABC(LOADNULL, 0, 0, 0), call = OP_ABC(CALL, 0, 0, 0);
    f->async_start = 1;
    CODE_WORDS(f, 4, task, call, END);
    expect_sound(code);
    f->async_start = 3;
    CODE_WORDS(f, 4, check, check, task, call, END);
    expect_sound(code);
    CODE_WORDS(f, 4, check, call, task, null, END);
    expect_refusal(code, "function f: pc 1: more than checks before a task is made");
    CODE_WORDS(f, 4, check, task, task, null, END);
    expect_refusal(code, "function f: pc 1: makes a task in its body");
    CODE_WORDS(f, 4, check, check, null, END);
    expect_refusal(code, "function f: pc 2: makes no task");
    CODE_WORDS(f, 4, check, END);
    expect_refusal(code, "function f: pc 0: the body of a task is out of the function");
    CODE_WORDS(f, 4, check, check, task, call, END);
    set_handler(f, (struct zhandler){.start = 3, .end = 4, .target = 4});
    expect_sound(code);
    set_handler(f, (struct zhandler){.start = 2, .end = 4, .target = 4});
    expect_refusal(code, "function f: pc 2: handles errors before its body");
    set_handler(f, (struct zhandler){.start = 3, .end = 4, .target = 4});
    f->register_count = 240;
    f->param_count = ZTASK_PARAMETERS_MAX;
    expect_sound(code);
    f->param_count = ZTASK_PARAMETERS_MAX + 1;
    expect_refusal(code, "function f: pc 0: a task has too many parameters");
    f->param_count = 0;
    code->protos[0].async_start = 1;
    CODE_WORDS(&code->protos[0], 4, task, END);
    expect_refusal(code, "no main program");
    zcode_release(code);
    machine_close(&m);
}

static void test_verify_wrong_constant_is_refused(void **state)
{
    (void)state;
    struct machine m;
    machine_open(&m);
    struct zcode *code = make_sound(&m);
    struct zvalue *constant = (struct zvalue *)(uintptr_t)code->protos[1].constants;
    const struct zvalue wrong[] = {
        zvalue_unset(),
        {.tag = ZTAG_DEAD},
        {.tag = ZTAG_STRING},
        {.tag = ZTAG_LIST},
        {.tag = ZTAG_CELL},
        {.tag = ZTAG_FUNC},
        zvalue_object(NULL, ZTAG_SYMBOL),
        zvalue_object(NULL, ZTAG_BUILTIN),
        zvalue_object((const char *)&zbuiltin_table[0] + 1, ZTAG_BUILTIN),
        zvalue_object(&zbuiltin_table[zbuiltin_count], ZTAG_BUILTIN),
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        *constant = wrong[i];
        expect_refusal(code, "function f: pc 0: has a constant of a bad type");
    }
    const struct zvalue right[] = {zvalue_float(0.5), zvalue_null(), zvalue_bool(true),
                                   zvalue_bool(false), zbuiltin_value(zbuiltin_count - 1)};
    for (size_t i = 0; i < sizeof right / sizeof right[0]; i++) {
        *constant = right[i];
        expect_sound(code);
    }
    *constant = zvalue_int(7);
    zcode_release(code);
    machine_close(&m);
}

static void test_verify_closure_of_what_its_maker_has_not_is_refused(void **state)
{
    (void)state;
    struct machine m;
    machine_open(&m);
    struct zcode *code = make_sound(&m);
    struct zcapture *capture = (struct zcapture *)(uintptr_t)code->protos[1].captures;
    capture->index = 4;
    expect_refusal(code, "function anonymous: pc 0: captured variable out of range");
    *capture =
        (struct zcapture){.from_register = 0, .index = 0}; // the main program has no captures
    expect_refusal(code, "function anonymous: pc 0: captured variable out of range");
    capture->from_register = 1;
    expect_sound(code);
    zcode_release(code);

    code = make_sound(&m);
    struct zproto *f = &code->protos[1];
    z_free((void *)(uintptr_t)f->captures, sizeof(struct zcapture));
    f->capture_count = 0;
    enum { MANY = 300 }; // their tags and payloads would not fit a cell
    struct zcapture *many = z_alloc_zeroed(MANY * sizeof *many);
    for (int i = 0; i < MANY; i++)
        many[i].from_register = 1;
    f->captures = many;
    f->capture_count = MANY;
    expect_refusal(code, "function anonymous: pc 0: too many captures");
    zcode_release(code);
    machine_close(&m);
}

static void test_verify_code_without_a_main_program_is_refused(void **state)
{
    (void)state;
    struct machine m;
    machine_open(&m);
    struct zcode *code = make_sound(&m);
    code->protos[0].param_count = 1;
    expect_refusal(code, "no main program");
    code->protos[0].param_count = 0;
    code->protos[0].capture_count = 1;
    expect_refusal(code, "no main program");
    code->protos[0].capture_count = 0;
    uint32_t count = code->proto_count;
    code->proto_count = 0;
    expect_refusal(code, "no main program");
    code->proto_count = count;
    zcode_release(code);
    machine_close(&m);
}

static void test_verify_without_memory_says_so(void **state)
{
    (void)state;
    struct machine m;
    machine_open(&m);
    struct zcode *code = make_sound(&m);
    char why[160] = "";
    zalloc_fail_at(1, true);
    assert_int_equal(zcode_verify(code, why, sizeof why), ZVM_E_NOMEM);
    zalloc_fail_at(0, false);
    expect_sound(code);
    zcode_release(code);
    machine_close(&m);
}

// ---- Sound, but not what a compiler makes ------------------------------------------------

static struct ending end_of_words(struct machine *m, const uint32_t *words, uint32_t count)
{
    struct zcode *code = code_make(m, 1, 1);
    code_set_words(&code->protos[0], 8, words, count);
    code_set_constants(&code->protos[0], (struct zvalue[]){code_name(m, "ab\xc3\xa9z")}, 1);
    expect_sound(code);
    assert_int_equal(zcode_seal(code), ZVM_OK);
    struct zisolate_options options = {.fuel_limit = 1000};
    struct ending ending = machine_run_with(m, code, options, 100);
    zcode_release(code);
    return ending;
}

static zvm_status run_words(struct machine *m, const uint32_t *words, uint32_t count)
{
    return end_of_words(m, words, count).status;
}

#define RUN(m, ...) \
    run_words((m), (uint32_t[]){__VA_ARGS__}, sizeof((uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t))

static void test_run_cell_instructions_on_other_values_end_the_isolate(void **state)
{
    (void)state;
    struct machine m;
    machine_open(&m);
    assert_int_equal(RUN(&m, OP_ABC(GETCELL, 0, 1, 0), END), ZVM_E_BYTECODE);
    assert_int_equal(RUN(&m, OP_ABC(SETCELL, 1, 0, 0), END), ZVM_E_BYTECODE);
    assert_int_equal(RUN(&m, OP_ABC(MAPGET, 0, 1, 0), 0, END), ZVM_E_BYTECODE);
    assert_int_equal(RUN(&m, OP_ABC(LISTADD, 0, 1, 1), END), ZVM_E_BYTECODE);
    assert_int_equal(RUN(&m, OP_ABC(CONCAT, 0, 1, 2), END), ZVM_E_BYTECODE);
    for (uint32_t a = 0; a < 3; a++)
        assert_int_equal(RUN(&m, OP_ABC(NEWCELL, a, 3, 0), OP_ABC(RANGENEXT, 0, 1, 0), -2u, END),
                         ZVM_E_BYTECODE);
    for (uint32_t a = 0; a < 2; a++)
        assert_int_equal(RUN(&m, OP_ABC(NEWCELL, a, 3, 0), OP_ABC(RANGEUP, 0, 1, 0), -2u, END),
                         ZVM_E_BYTECODE);
    assert_int_equal(RUN(&m, OP_ABC(NEWCELL, 0, 1, 0), OP_ABC(ITERNEXT, 0, 1, 0), -2u, END),
                     ZVM_E_BYTECODE);
    machine_close(&m);
}

// A cell is no value of the language, but code may hand one to any operation.
static void test_run_cell_as_an_operand_is_a_type_error_or_harmless(void **state)
{
    (void)state;
    struct machine m;
    machine_open(&m);
    uint32_t cell = OP_ABC(NEWCELL, 1, 0, 0);
    assert_int_equal(RUN(&m, cell, OP_ABC(ADD, 0, 1, 1), END), ZVM_E_ERROR);
    assert_int_equal(RUN(&m, cell, OP_ABC(NEG, 0, 1, 0), END), ZVM_E_ERROR);
    assert_int_equal(RUN(&m, cell, OP_ABC(LT, 0, 1, 1), END), ZVM_E_ERROR);
    assert_int_equal(RUN(&m, cell, OP_ABC(CALL, 1, 0, 0), END), ZVM_E_ERROR);
    assert_int_equal(RUN(&m, cell, OP_ABC(GETIDX, 0, 1, 2), END), ZVM_E_ERROR);
    assert_int_equal(RUN(&m, cell, OP_ABC(THROW, 1, 0, 0)), ZVM_E_ERROR);
    assert_int_equal(RUN(&m, cell, OP_AD(NEWMAP, 2, 0), OP_ABC(SETIDX, 2, 1, 1), END), ZVM_E_ERROR);
    assert_int_equal(RUN(&m, cell, OP_ABC(EQ, 0, 1, 1), END), ZVM_OK);
    assert_int_equal(RUN(&m, cell, OP_ABC(NEWLIST, 2, 1, 1), OP_ABC(EQ, 0, 2, 2), END), ZVM_OK);
    assert_int_equal(RUN(&m, cell, OP_AD(DEFG, 1, 0), OP_AD(GETG, 0, 0), END), ZVM_OK);
    assert_int_equal(RUN(&m, cell, OP_ABC(PRINT, 1, 1, 0), END), ZVM_OK);
    assert_string_equal(zstrbuf_text(&m.printed), "<internal value>\n");
    machine_close(&m);
}

static void test_run_forged_walk_of_a_string_never_cuts_a_character(void **state)
{
    (void)state;
    struct machine m;
    machine_open(&m);
    // "abéz": byte 3 is inside é.
    assert_int_equal(RUN(&m, OP_AD(LOADK, 0, 0), OP_AD(LOADI, 1, 0), OP_AD(LOADI, 2, 3),
                         OP_ABC(ITERNEXT, 0, 1, 0), -2u, END),
                     ZVM_E_BYTECODE);
    assert_int_equal(RUN(&m, OP_AD(LOADK, 0, 0), OP_AD(LOADI, 1, 0), OP_AD(LOADI, 2, -1),
                         OP_ABC(ITERNEXT, 0, 1, 0), -2u, END),
                     ZVM_OK);
    machine_close(&m);
}

static void test_run_main_that_returns_and_throws_at_will_ends(void **state)
{
    (void)state;
    struct machine m;
    machine_open(&m);
    assert_int_equal(RUN(&m, OP_ABC(RET, 7, 0, 0)), ZVM_OK);
    assert_int_equal(RUN(&m, OP_AD(LOADI, 1, 5), OP_ABC(RETHROW, 0, 0, 0)), ZVM_E_ERROR);
    assert_int_equal(RUN(&m, OP_ABC(NEWCELL, 1, 0, 0), OP_ABC(RETHROW, 0, 0, 0)), ZVM_E_ERROR);
    assert_int_equal(RUN(&m, OP_AD(CLOSURE, 0, 0), OP_ABC(CALL, 0, 0, 0), END), ZVM_E_FUEL);
    assert_int_equal(RUN(&m, OP_AD(LOADI, 0, 1), OP_J(LOOP, -1)), ZVM_E_FUEL);
    machine_close(&m);
}

// The unwinder leaves the place of an error as an integer for RETHROW. Forged code put an object there, and half of
// its address became the line of the error: other in each run, and for everybody to see.
static void test_run_forged_place_of_an_error_is_not_read(void **state)
{
    (void)state;
    struct machine m;
    machine_open(&m);
    const uint32_t object[] = {OP_ABC(NEWLIST, 1, 0, 0), OP_ABC(RETHROW, 0, 0, 0)};
    const uint32_t positive[] = {OP_AD(LOADI, 1, 5), OP_ABC(RETHROW, 0, 0, 0)};
    const uint32_t place[] = {OP_AD(LOADI, 1, -8), OP_ABC(RETHROW, 0, 0, 0)}; // line 0, column 7
    struct ending ending = end_of_words(&m, object, 2);
    assert_int_equal(ending.status, ZVM_E_ERROR);
    assert_int_equal(ending.line, 0); // this code has no lines
    assert_int_equal(ending.column, 0);
    ending = end_of_words(&m, positive, 2);
    assert_int_equal(ending.line, 0);
    assert_int_equal(ending.column, 0);
    ending = end_of_words(&m, place, 2);
    assert_int_equal(ending.column, 7);
    machine_close(&m);
}

// ---- Mutants -----------------------------------------------------------------------------

#define MUTANTS 1000000

static const char *const PROGRAMS[] = {
    // Arithmetic, conditions and loops.
    "let a = 1\nlet b = 2.5\nwhile a < 40 { a = a * 2 + 1\n if a % 3 == 0 && a != 9 || b > 9 { b "
    "+= a }\n"
    " else { b = -b / 2 - (a ?? 3) ** 2 } }\nprint(a, b, a > 3 ? [a] : {k: b})",
    // Functions, captures, cells.
    "action make(n) { let c = n\n let k = n + 1\n return [() => { c += k\n return c }, x => x + c] "
    "}\n"
    "let f = make(3)\nprint(f[0](), f[1](4), f[0]())\n"
    "action fib(n) { return n < 2 ? n : fib(n - 1) + fib(n - 2) }\nprint(fib(7))",
    // Errors.
    "action g(n: int) -> string { try { if n == 0 { throw error(\"zero\", \"Z\") }\n if n == 1 { "
    "return \"one\" }\n"
    " return n } catch (e) { return e.kind + \"${e.line}\" } finally { print(\"f\", n) } }\n"
    "for each n in [0, 1, 2, \"x\"] { try { print(g(n)) } catch e { print(e.message) } finally { "
    "if n == 1 { continue } } }",
    // Collections and walks.
    "let l = [3, \"b\", null, 1.5]\nlet m = {a: 1, \"b c\": l, 7: {}}\nlet [p, q, ...r] = l\nlet "
    "{a, k: z} = m\n"
    "for each i, v in l { l[i] = [v, i] }\nfor each k, v in m { m[k] = \"${k}=${v}\" }\n"
    "for each c in \"h\xc3\xa9llo\" { print(c) }\nm.n = p\nm.n += 1\nprint(l, m, q, r, a, z)",
    // Tasks.
    "let held = null\nasync action t(n: int, f) -> int { let g = () => n\n n = n + 1\n"
    " try { return n > 3 ? await f(g) : await t(n, f) } finally { print(\"f\", g()) } }\n"
    "held = t(1, async action(g) { return g() / 2 })\nlet l = [t(4, x => await held), held]\n"
    "for each x in l { try { print(await x, await x) } catch (e) { print(e.kind) } }\n"
    "try { print(await t(3, x => null)) } catch (e) { print(e.message) }",
    // Builtins that call back.
    "let n = 3\nlet l = range(12)\nprint(l.map(x => x * n).filter(x => x % 2 == 0).reduce((a, x) "
    "=> a + x, 0))\n"
    "print(l.sort((a, b) => b - a), [\"b\", \"a\"].sort(), sort([{k: 2}, {k: 1}], \"k\"))\n"
    "try { l.map(x => x / (x - 2)) } catch e { print(e) }\nn += "
    "1\nprint(\"a,b\".split(\",\").join(\"-\").upper(), slice(l, -3))",
    // Data, methods and match.
    "data P { x: int, y = [1], z = \"z\"\n method add(n) { this.x += n\n return this }\n"
    " method f() { return k => this.y.map(v => v + k + this.x) } }\n"
    "data Q extends P { w = P(3)\n method add(n) { return this.clone() } }\n"
    "let l = [P(1), Q(x=2, z=null), P(3, [4], 5)]\n"
    "for each o in l { try { print(o.add(1).x, o.f()(2), o.w.y) } catch (e) { print(e) } }\n"
    "print(l.map(o => match o { P(2, _, z) => z, Q(a, 1, _, w) => 1, Q(a, b, c, P(d, _, _)) => d, "
    "P(a, b, c) => () => a }))\n"
    "l[0].y = l\nprint(l.sort(\"x\"), l[0] == l[1], match 1 { 2 => 3, n => n })",
};

static uint64_t random_next(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static uint32_t random_below(uint64_t *state, uint32_t limit)
{
    return (uint32_t)(random_next(state) >> 33) % limit;
}

// Another word for the place of an old one: nearly right more often than not.
static uint32_t mutate(uint64_t *random, const struct zproto *proto, uint32_t word)
{
    uint32_t registers = proto->register_count + 1u;
    switch (random_below(random, 8)) {
    case 0:
        return (uint32_t)random_next(random);
    case 1:
        return word ^ 1u << random_below(random, 32);
    case 2:
        return (word & ~0xffu) | random_below(random, ZOP_COUNT);
    case 3:
        return (word & ~0xff00u) | random_below(random, registers) << 8;
    case 4:
        return (word & ~0xff0000u) | random_below(random, registers) << 16;
    case 5:
        return (word & 0xffffffu) | random_below(random, registers) << 24;
    case 6:
        return proto->words[random_below(random, proto->word_count)];
    default:
        return random_below(random, ZOP_COUNT) | random_below(random, registers) << 8 |
               random_below(random, registers) << 16 | random_below(random, 4) << 24;
    }
}

struct change {
    uint32_t *word, old;
};

static void mutate_tables(uint64_t *random, struct zproto *proto)
{
    if (proto->handler_count > 0) {
        struct zhandler *handler = (struct zhandler *)(uintptr_t)&proto
                                       ->handlers[random_below(random, proto->handler_count)];
        switch (random_below(random, 5)) {
        case 0:
            handler->start = random_below(random, proto->word_count);
            break;
        case 1:
            handler->end = random_below(random, proto->word_count + 1);
            break;
        case 2:
            handler->target = random_below(random, proto->word_count);
            break;
        case 3:
            handler->value_register = (uint8_t)random_below(random, 16);
            break;
        default:
            handler->is_finally ^= 1;
            break;
        }
    }
    if (proto->capture_count > 0) {
        struct zcapture *capture = (struct zcapture *)(uintptr_t)&proto
                                       ->captures[random_below(random, proto->capture_count)];
        capture->index = (uint16_t)random_below(random, 8);
        capture->from_register = (uint8_t)random_below(random, 2);
    }
    if (proto->check_count > 0) {
        struct zcheck *check =
            (struct zcheck *)(uintptr_t)&proto->checks[random_below(random, proto->check_count)];
        check->type = (uint8_t)random_next(random);
        check->context = (uint8_t)random_below(random, 5);
    }
    if (proto->async_start > 0 && random_below(random, 8) == 0)
        proto->async_start = random_below(random, proto->word_count);
    if (random_below(random, 8) == 0) proto->param_count = (uint8_t)random_below(random, 5);
    if (random_below(random, 8) == 0) proto->register_count = (uint16_t)random_below(random, 12);
}

// What a shape was made of may not change any more: for code that has not run yet.
static void mutate_data(uint64_t *random, struct zcode *code)
{
    if (code->data_count == 0) return;
    struct zdata *data = &code->datas[random_below(random, code->data_count)];
    if (random_below(random, 4) == 0) data->has_parent = random_below(random, 2);
    if (random_below(random, 8) == 0) data->function_count = random_below(random, 6);
    if (data->field_count == 0) return;
    struct zdata_field *field = &data->fields[random_below(random, data->field_count)];
    switch (random_below(random, 4)) {
    case 0:
        field->default_kind = (uint8_t)random_below(random, ZFIELD_FUNCTION + 2);
        break;
    case 1:
        field->check.type = (uint8_t)random_below(random, 256);
        break;
    case 2:
        if (field->value.tag != ZTAG_SYMBOL) field->value = zvalue_unset();
        break;
    default:
        field->check.context = (uint8_t)random_below(random, 6);
        break;
    }
}

struct tally {
    uint32_t refused, ended[3]; // well, by an error, by a termination
};

static void try_mutant(struct machine *m, struct zcode *code, struct tally *tally)
{
    char why[160];
    zvm_status status = zcode_verify(code, why, sizeof why);
    if (status != ZVM_OK) {
        assert_int_equal(status, ZVM_E_BYTECODE);
        tally->refused++;
        return;
    }
    // What the caches remember is true of the code before it was changed, which real code never is.
    for (uint32_t i = 0; i < code->cache_count; i++) {
        z_store_relaxed(&code->caches[i].first, 0);
        z_store_relaxed(&code->caches[i].second, 0);
    }
    struct zisolate_options options = {
        .fuel_limit = 1500, .max_depth = 40, .heap_limit_bytes = 1u << 20};
    struct ending ending = machine_run_with(m, code, options, 700);
    tally->ended[ending.status == ZVM_OK ? 0 : ending.status == ZVM_E_ERROR ? 1 : 2]++;
}

static void mutate_program(struct machine *m, const char *text, uint64_t seed, uint32_t mutants,
                           struct tally *tally)
{
    struct zcode *code = machine_compile(m, text);
    struct change changes[4];
    uint64_t random = seed;
    for (uint32_t i = 0; i < mutants; i++) {
        uint32_t count = 1 + random_below(&random, 6) % 4;
        for (uint32_t k = 0; k < count; k++) {
            struct zproto *proto = &code->protos[random_below(&random, code->proto_count)];
            uint32_t at = random_below(&random, proto->word_count);
            changes[k].word = (uint32_t *)(uintptr_t)&proto->words[at];
            changes[k].old = *changes[k].word;
            *changes[k].word = mutate(&random, proto, *changes[k].word);
        }
        try_mutant(m, code, tally);
        while (count-- > 0)
            *changes[count].word = changes[count].old;
    }
    zcode_release(code);
}

// The tables change for good, a step at a time, until the code is refused too often: then it starts
// anew.
static void mutate_program_tables(struct machine *m, const char *text, uint64_t seed,
                                  uint32_t mutants, struct tally *tally)
{
    uint64_t random = seed;
    for (uint32_t i = 0; i < mutants / 50; i++) {
        struct zcode *code = machine_compile(m, text);
        for (uint32_t n = random_below(&random, 4); n > 0; n--) {
            mutate_data(&random, code);
        }
        for (int step = 0; step < 50; step++) {
            mutate_tables(&random, &code->protos[random_below(&random, code->proto_count)]);
            try_mutant(m, code, tally);
        }
        zcode_release(code);
    }
}

static void test_mutants_of_programs_are_refused_or_end(void **state)
{
    (void)state;
    enum { COUNT = sizeof PROGRAMS / sizeof PROGRAMS[0] };
#ifdef ZVM_GC_STRESS
    uint32_t mutants = MUTANTS / COUNT / 20;
#else
    uint32_t mutants = MUTANTS / COUNT;
#endif
    struct machine m;
    machine_open(&m);
    struct tally tally = {0};
    for (uint32_t i = 0; i < COUNT; i++) {
        mutate_program(&m, PROGRAMS[i], 88172645463325252u + i, mutants / 10 * 9, &tally);
        mutate_program_tables(&m, PROGRAMS[i], 362436069u + i, mutants / 10, &tally);
    }
    uint32_t total = tally.refused + tally.ended[0] + tally.ended[1] + tally.ended[2];
    print_message("mutants: %u refused, %u ended well, %u by an error, %u by a termination\n",
                  tally.refused, tally.ended[0], tally.ended[1], tally.ended[2]);
    assert_true(total >= mutants * COUNT / 100 * 99);
    // A verifier that refuses all of them, or none, tests nothing.
    assert_true(tally.refused > total / 10);
    for (int i = 0; i < 3; i++)
        assert_true(tally.ended[i] > total / 100);
    machine_close(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_verify_wrong_instruction_is_refused_with_its_reason),
        cmocka_unit_test(test_verify_wrong_operand_is_also_seen_by_the_check_before_running),
        cmocka_unit_test(test_verify_operands_at_their_limits_are_accepted),
        cmocka_unit_test(test_verify_wrong_handler_is_refused),
        cmocka_unit_test(test_verify_wrong_function_table_is_refused),
        cmocka_unit_test(test_verify_async_function_makes_its_task_first),
        cmocka_unit_test(test_verify_wrong_constant_is_refused),
        cmocka_unit_test(test_verify_closure_of_what_its_maker_has_not_is_refused),
        cmocka_unit_test(test_verify_code_without_a_main_program_is_refused),
        cmocka_unit_test(test_verify_without_memory_says_so),
        cmocka_unit_test(test_run_cell_instructions_on_other_values_end_the_isolate),
        cmocka_unit_test(test_run_cell_as_an_operand_is_a_type_error_or_harmless),
        cmocka_unit_test(test_run_forged_walk_of_a_string_never_cuts_a_character),
        cmocka_unit_test(test_run_main_that_returns_and_throws_at_will_ends),
        cmocka_unit_test(test_run_forged_place_of_an_error_is_not_read),
        cmocka_unit_test(test_mutants_of_programs_are_refused_or_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
