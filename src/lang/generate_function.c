// lang/generate_function.c - one function: prologue, body, end; and its proto. Thread: owner.
#include "lang/generate_internal.h"

#include "base/alloc.h"
#include "base/strbuf.h"

#include <string.h>

// Parameters stand in the first registers; their types are checked before any is moved into a cell. A
// call of an async function comes as far as that; awaiting its task goes on behind.
static void parameters(struct zgen *gen, const struct zast_function *function)
{
    for (const struct zast_param *param = function->params; param != NULL; param = param->next) {
        zgen_declare(gen, param->variable, param->position);
        uint32_t check = zgen_check(gen, &param->type, ZCHECK_PARAMETER, param->name);
        if (check != 0) zgen_ad(gen, ZOP_CHECK, param->variable->reg, check - 1);
    }
    if (function->is_async) {
        zgen_abc(gen, ZOP_TASK, 0, 0, 0);
        gen->function->async_start = zgen_pc(gen);
    }
    for (const struct zast_param *param = function->params; param != NULL; param = param->next) {
        uint32_t reg = param->variable->reg;
        if (zgen_is_cell(param->variable)) zgen_abc(gen, ZOP_NEWCELL, reg, reg, 0);
    }
}

// A method's receiver stands below its registers: it gets one of its own, so that it is an operand like
// any variable, and inner functions can capture it.
static void receiver(struct zgen *gen, const struct zast_function *function)
{
    if (!function->is_method || !function->uses_this) return;
    gen->function->this_register = zgen_registers(gen, 1, function->position);
    zgen_abc(gen, ZOP_GETTHIS, gen->function->this_register, 0, 0);
}

// Functions inside a method capture its `this` behind their other captures.
static bool captures_this(const struct zast_function *function)
{
    return function->uses_this && !function->is_method;
}

static uint32_t capture_count(const struct zast_function *function)
{
    return function->capture_count + captures_this(function);
}

void zgen_load_this(struct zgen *gen, uint32_t target)
{
    const struct zast_function *function = gen->function->ast;
    if (!function->is_method) {
        zgen_abc(gen, ZOP_GETUP, target, function->capture_count, 0);
    } else if (target != gen->function->this_register) {
        zgen_abc(gen, ZOP_MOVE, target, gen->function->this_register, 0);
    }
}

static void body(struct zgen *gen, const struct zast_function *function)
{
    parameters(gen, function);
    receiver(gen, function);
    if (function->is_expression) {
        zgen_leave(gen, ZGEN_EXIT_RETURN, zgen_operand(gen, function->body), function->position);
        return;
    }
    const struct zlang_session *session = gen->program->session;
    if (function->parent == NULL && session != NULL && session->is_shown) {
        zgen_shown_statements(gen, function->body->block.statements);
    } else {
        zgen_statements(gen, function->body->block.statements);
    }
    if (function->result.name.length_bytes == 0) {
        zgen_abc(gen, ZOP_RETNULL, 0, 0, 0);
        return;
    }
    uint32_t null_register = zgen_registers(gen, 1, function->position);
    zgen_abc(gen, ZOP_LOADNULL, null_register, 0, 0);
    zgen_leave(gen, ZGEN_EXIT_RETURN, null_register, function->position);
}

static struct zcapture *make_captures(struct zgen *gen, const struct zast_function *function)
{
    uint32_t count = capture_count(function);
    if (count == 0 || gen->status != ZVM_OK) return NULL;
    struct zcapture *captures = z_alloc(count * sizeof *captures);
    if (captures == NULL) {
        zgen_fail(gen, ZVM_E_NOMEM);
        return NULL;
    }
    uint32_t i = 0;
    for (const struct zast_capture *capture = function->captures; capture != NULL;
         capture = capture->next, i++) {
        captures[i].from_register = capture->from_parent_register;
        captures[i].index =
            capture->from_parent_register ? capture->variable->reg : capture->parent_index;
    }
    if (captures_this(function)) {
        const struct zgen_function *outer = gen->function->outer;
        captures[i].from_register = outer->ast->is_method;
        captures[i].index =
            (uint16_t)(outer->ast->is_method ? outer->this_register : outer->ast->capture_count);
    }
    return captures;
}

static void release_symbols(struct zgen *gen, struct zgen_function *function)
{
    const struct zvalue *constants = function->constants.data;
    for (uint32_t i = 0; i < function->constants.count; i++) {
        if (constants[i].tag == ZTAG_SYMBOL) zintern_release(gen->intern, constants[i].p);
    }
    const struct zcheck *checks = function->checks.data;
    for (uint32_t i = 0; i < function->checks.count; i++) {
        if (checks[i].type_name != NULL) zintern_release(gen->intern, checks[i].type_name);
        if (checks[i].name != NULL) zintern_release(gen->intern, checks[i].name);
    }
}

static void free_function(struct zgen *gen, struct zgen_function *function)
{
    release_symbols(gen, function);
    zgen_array_free(&function->words, sizeof(uint32_t));
    zgen_array_free(&function->constants, sizeof(struct zvalue));
    zgen_array_free(&function->handlers, sizeof(struct zhandler));
    zgen_array_free(&function->checks, sizeof(struct zcheck));
    zgen_array_free(&function->lines, 1);
}

// Hands what was generated over to the proto, part by part; what memory refuses stays behind.
static void seal(struct zgen *gen, struct zgen_function *function, struct zproto *proto)
{
    proto->register_count = (uint16_t)function->register_count;
    proto->param_count = (uint8_t)function->ast->param_count;
    proto->is_method = function->ast->is_method;
    proto->word_count = function->words.count;
    proto->fuel = function->words.count;
    proto->async_start = function->async_start;
    proto->words = zgen_array_take(gen, &function->words, sizeof(uint32_t));
    proto->constant_count = function->constants.count;
    proto->constants = zgen_array_take(gen, &function->constants, sizeof(struct zvalue));
    if (proto->constants == NULL) proto->constant_count = 0;
    proto->handler_count = function->handlers.count;
    proto->handlers = zgen_array_take(gen, &function->handlers, sizeof(struct zhandler));
    proto->check_count = function->checks.count;
    proto->checks = zgen_array_take(gen, &function->checks, sizeof(struct zcheck));
    if (proto->checks == NULL) proto->check_count = 0;
    proto->line_bytes = function->lines.count;
    proto->lines = zgen_array_take(gen, &function->lines, 1);
}

static void name_proto(struct zgen *gen, const struct zast_function *ast, uint32_t index)
{
    struct zast_text text = ast->name;
    if (ast->parent == NULL)
        text =
            gen->unit != NULL ? (struct zast_text){"<module>", 8} : (struct zast_text){"<main>", 6};
    if (text.length_bytes == 0) return;
    ((struct zproto *)gen->protos.data)[index].name = zgen_symbol(gen, text, ast->position);
}

#define SIGNATURE_BYTES_MAX 160u

// "(a, b: int)", for hints; cut when it is long.
static void sign_proto(struct zgen *gen, const struct zast_function *ast, uint32_t index)
{
    if (ast->params == NULL || gen->status != ZVM_OK) return;
    struct zstrbuf text;
    zstrbuf_init(&text);
    const char *before = "(";
    for (const struct zast_param *param = ast->params; param != NULL; param = param->next) {
        bool is_long = text.length + param->name.length_bytes + param->type.name.length_bytes >
                       SIGNATURE_BYTES_MAX;
        zstrbuf_add_text(&text, before);
        before = ", ";
        if (is_long) {
            zstrbuf_add_text(&text, "...");
            break;
        }
        zstrbuf_add(&text, param->name.bytes, param->name.length_bytes);
        if (param->type.name.length_bytes == 0) continue;
        zstrbuf_add_text(&text, ": ");
        zstrbuf_add(&text, param->type.name.bytes, param->type.name.length_bytes);
    }
    zstrbuf_add_text(&text, ")");
    struct zproto *proto = &((struct zproto *)gen->protos.data)[index];
    if (!text.failed) proto->signature = z_alloc_text(zstrbuf_text(&text), text.length);
    if (proto->signature == NULL)
        zgen_fail(gen, ZVM_E_NOMEM);
    else
        proto->signature_bytes = (uint32_t)text.length + 1;
    zstrbuf_deinit(&text);
}

// Generates a function as the next proto; its index. After a failure the code object owns what was
// handed over, and is released by the driver.
static uint32_t generate(struct zgen *gen, const struct zast_function *ast)
{
    struct zgen_function function = {
        .outer = gen->function,
        .ast = ast,
        .proto_index = gen->protos.count,
    };
    if (gen->protos.count >= 0xffff) {
        zgen_error(gen, ast->position, "a program has too many functions (limit 65535)");
        return 0;
    }
    struct zproto *slot = zgen_array_add(gen, &gen->protos, sizeof *slot);
    if (slot == NULL) return 0;
    *slot = (struct zproto){.code = gen->code, .index = function.proto_index};
    name_proto(gen, ast, function.proto_index);
    sign_proto(gen, ast, function.proto_index);

    gen->function = &function;
    if (ast->parent == NULL && gen->modules != NULL) {
        zgen_link(gen);
        zgen_guards(gen);
    }
    body(gen, ast);
    struct zproto *proto = &((struct zproto *)gen->protos.data)[function.proto_index];
    proto->captures = make_captures(gen, ast);
    if (proto->captures != NULL) proto->capture_count = capture_count(ast);
    if (gen->status == ZVM_OK) seal(gen, &function, proto);
    free_function(gen, &function);
    gen->function = function.outer;
    return function.proto_index;
}

void zgen_closure(struct zgen *gen, const struct zast_function *function, uint32_t target,
                  struct zast_position position)
{
    if (function->is_async && function->param_count > ZTASK_PARAMETERS_MAX) {
        zgen_error(gen, position, "an async function has too many parameters (limit %u)",
                   ZTASK_PARAMETERS_MAX);
        return;
    }
    if (capture_count(function) > 200) {
        zgen_error(gen, position, "a function uses too many outer variables (limit 200)");
        return;
    }
    uint32_t index = generate(gen, function);
    zgen_at(gen, position);
    zgen_ad(gen, ZOP_CLOSURE, target, index);
}

void zgen_main(struct zgen *gen)
{
    (void)generate(gen, gen->program->main);
}
