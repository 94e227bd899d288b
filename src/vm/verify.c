// vm/verify.c - accepts a code object as memory-safe to run, or says why not.
//
// Two linear passes over each function: the first marks where instructions start, the second checks
// every operand against what it indexes. What a register holds is checked when it is used (every
// register always holds a valid value), so no data flow is needed: jumps land on instructions, only
// paying instructions jump backwards, and nothing falls off the end.
// Thread: any; reads only.
#include "vm/code.h"

#include "base/alloc.h"
#include "base/varint.h"
#include "vm/builtin.h"

#include <stdio.h>
#include <string.h>

struct verifier {
    const struct zcode *code;
    const struct zproto *proto;
    uint8_t *is_start;      // [word_count]
    uint8_t *is_cache_used; // [cache_count]
    uint32_t pc;
    const char *reason; // NULL: fine so far
};

static bool refuse(struct verifier *v, const char *reason)
{
    v->reason = reason;
    return false;
}

static bool check_register(struct verifier *v, uint32_t index)
{
    return index < v->proto->register_count || refuse(v, "register out of range");
}

static bool check_registers(struct verifier *v, uint32_t first, uint32_t count)
{
    return first + count <= v->proto->register_count || refuse(v, "registers out of range");
}

static bool check_constant(struct verifier *v, uint32_t index)
{
    return index < v->proto->constant_count || refuse(v, "constant out of range");
}

static bool check_name(struct verifier *v, uint32_t index)
{
    if (!check_constant(v, index)) return false;
    return v->proto->constants[index].tag == ZTAG_SYMBOL || refuse(v, "constant is not a name");
}

static bool check_global(struct verifier *v, uint32_t slot)
{
    return slot < v->code->global_count || refuse(v, "global out of range");
}

static bool check_capture(struct verifier *v, uint32_t index)
{
    return index < v->proto->capture_count || refuse(v, "capture out of range");
}

static bool check_target(struct verifier *v, int64_t target)
{
    if (target < 0 || target >= v->proto->word_count) return refuse(v, "jump out of the function");
    return v->is_start[target] || refuse(v, "jump into an instruction");
}

// What a closure captures must exist in the function that makes it.
static bool check_closure(struct verifier *v, uint32_t index)
{
    if (index >= v->code->proto_count) return refuse(v, "function out of range");
    const struct zproto *inner = &v->code->protos[index];
    for (uint32_t i = 0; i < inner->capture_count; i++) {
        const struct zcapture *capture = &inner->captures[i];
        uint32_t limit =
            capture->from_register ? v->proto->register_count : v->proto->capture_count;
        if (capture->index >= limit) return refuse(v, "captured variable out of range");
    }
    return zfunc_bytes(inner->capture_count) <= ZCELL_BYTES_MAX || refuse(v, "too many captures");
}

// What a type is made of stands behind the register of its parent.
static bool check_data(struct verifier *v, uint32_t first, uint32_t index)
{
    if (index >= v->code->data_count) return refuse(v, "data declaration out of range");
    return check_registers(v, first, 1 + v->code->datas[index].function_count);
}

// What a site leaves in its cache only the same site may read: the words do not say what they mean.
static bool check_cache(struct verifier *v, uint32_t index)
{
    if (index == ZCACHE_NONE) return true;
    if (index >= v->code->cache_count) return refuse(v, "inline cache out of range");
    if (v->is_cache_used[index]) return refuse(v, "inline cache has two users");
    v->is_cache_used[index] = 1;
    return true;
}

static bool check_method(struct verifier *v, uint32_t builtin)
{
    return builtin == ZBUILTIN_METHOD_NONE || builtin < zbuiltin_count ||
           refuse(v, "builtin out of range");
}

static bool check_three(struct verifier *v, uint32_t word)
{
    return check_register(v, ZINSN_A(word)) && check_register(v, ZINSN_B(word)) &&
           check_register(v, ZINSN_C(word));
}

static bool check_two(struct verifier *v, uint32_t word)
{
    return check_register(v, ZINSN_A(word)) && check_register(v, ZINSN_B(word));
}

static bool check_unpack(struct verifier *v, uint32_t word)
{
    uint32_t count = (ZINSN_C(word) & 127) + (ZINSN_C(word) >> 7);
    return check_registers(v, ZINSN_A(word), count) && check_register(v, ZINSN_B(word));
}

static bool check_iteration(struct verifier *v, uint32_t word)
{
    uint32_t names = ZINSN_B(word);
    if (names != 1 && names != 2) return refuse(v, "walks with one or two names only");
    return check_registers(v, ZINSN_A(word), 3 + names);
}

static bool check_range(struct verifier *v, uint32_t word)
{
    uint32_t count = ZINSN_B(word);
    if (count < 1 || count > 3) return refuse(v, "a range has one to three arguments");
    return check_registers(v, ZINSN_A(word), 4);
}

static bool check_jump_word(struct verifier *v, uint32_t word, uint32_t op)
{
    int64_t target = (int64_t)v->pc + 1 + ZINSN_J(word);
    bool is_forward = ZINSN_J(word) >= 0;
    if (is_forward != (op == ZOP_JMP)) return refuse(v, "only paying instructions jump backwards");
    return check_target(v, target);
}

static bool check_operands(struct verifier *v, uint32_t word, const struct zopcode_info *info)
{
    uint32_t a = ZINSN_A(word), b = ZINSN_B(word), c = ZINSN_C(word), d = ZINSN_D(word);
    switch (info->form) {
    case ZFORM_NOTHING:
        return true;
    case ZFORM_W:
    case ZFORM_R:
    case ZFORM_W_S:
    case ZFORM_R_S:
    case ZFORM_W_I:
        return check_register(v, a);
    case ZFORM_W_R_0:
    case ZFORM_R_R_0:
    case ZFORM_R_R_I:
    case ZFORM_W_R_I:
        return check_two(v, word);
    case ZFORM_W_R_R:
    case ZFORM_R_R_R:
        return check_three(v, word);
    case ZFORM_W2_R_R:
        return check_registers(v, a, 2) && check_register(v, b) && check_register(v, c);
    case ZFORM_W2_R_I:
        return check_registers(v, a, 2) && check_register(v, b);
    case ZFORM_W_R_K:
        return check_two(v, word) && check_constant(v, c);
    case ZFORM_W_K_R:
        return check_register(v, a) && check_constant(v, b) && check_register(v, c);
    case ZFORM_W_R_N:
    case ZFORM_R_R_N:
        return check_register(v, a) && check_registers(v, b, c);
    case ZFORM_W_K:
    case ZFORM_R_K:
        return check_register(v, a) && check_constant(v, d);
    case ZFORM_N_K:
        return check_name(v, d);
    case ZFORM_R_N:
        return check_register(v, a) && check_name(v, d);
    case ZFORM_W_G:
    case ZFORM_R_G:
        return check_register(v, a) && check_global(v, d);
    case ZFORM_W_U_0:
        return check_register(v, a) && check_capture(v, b);
    case ZFORM_U_R_0:
        return check_capture(v, a) && check_register(v, b);
    case ZFORM_W_P:
        return check_register(v, a) && check_closure(v, d);
    case ZFORM_R_T:
        return check_register(v, a) &&
               (d < v->proto->check_count || refuse(v, "check out of range"));
    case ZFORM_J:
        return check_jump_word(v, word, ZINSN_OP(word));
    case ZFORM_CALL:
        return check_registers(v, a, b + 1);
    case ZFORM_METHOD:
        return check_registers(v, a, b + 1) && check_method(v, c);
    case ZFORM_NAMED:
        return check_registers(v, a, 2 * b + 1);
    case ZFORM_NAMEDM:
        return check_registers(v, a, 2 * b + 1) && check_method(v, c);
    case ZFORM_DATA:
        return check_data(v, a, d);
    case ZFORM_PRINT:
        return check_registers(v, a, b);
    case ZFORM_UNPACK:
        return check_unpack(v, word);
    case ZFORM_ITER:
        return check_iteration(v, word);
    case ZFORM_RANGE:
        return check_range(v, word);
    case ZFORM_AWAIT:
    case ZFORM_RETHROW:
        return check_registers(v, a, 2);
    default:
        return refuse(v, "unknown form");
    }
}

static bool check_branch(struct verifier *v, uint32_t aux, bool is_forward)
{
    int32_t distance = (int32_t)aux;
    if ((distance >= 0) != is_forward) return refuse(v, "only paying instructions jump backwards");
    return check_target(v, (int64_t)v->pc + 2 + distance);
}

static bool check_aux(struct verifier *v, uint32_t aux, const struct zopcode_info *info)
{
    switch (info->aux) {
    case ZAUX_JUMP:
        return check_branch(v, aux, true);
    case ZAUX_LOOP:
        return check_branch(v, aux, false);
    case ZAUX_GLOBAL:
        return check_global(v, aux);
    case ZAUX_BUILTIN:
        return aux < zbuiltin_count || refuse(v, "builtin out of range");
    case ZAUX_FIELD:
        return check_name(v, aux & 0xffff) && check_cache(v, aux >> 16);
    default:
        return true;
    }
}

static bool ends_flow(uint32_t op)
{
    switch (op) {
    case ZOP_RET:
    case ZOP_RETNULL:
    case ZOP_RETADD:
    case ZOP_RETSUB:
    case ZOP_RETMUL:
    case ZOP_JMP:
    case ZOP_LOOP:
    case ZOP_THROW:
    case ZOP_RETHROW:
        return true;
    default:
        return false;
    }
}

static bool mark_starts(struct verifier *v)
{
    const struct zproto *proto = v->proto;
    uint32_t op = ZOP_COUNT;
    for (v->pc = 0; v->pc < proto->word_count;) {
        op = ZINSN_OP(proto->words[v->pc]);
        if (op >= ZOP_COUNT) return refuse(v, "unknown instruction");
        v->is_start[v->pc] = 1;
        uint32_t length = zopcode_table[op].aux == ZAUX_NONE ? 1 : 2;
        if (length > proto->word_count - v->pc) return refuse(v, "instruction is cut off");
        v->pc += length;
    }
    return ends_flow(op) || refuse(v, "runs off its end");
}

static bool check_instructions(struct verifier *v)
{
    const struct zproto *proto = v->proto;
    for (v->pc = 0; v->pc < proto->word_count;) {
        uint32_t word = proto->words[v->pc];
        const struct zopcode_info *info = &zopcode_table[ZINSN_OP(word)];
        if (ZINSN_OP(word) == ZOP_TASK && v->pc + 1 != proto->async_start) {
            return refuse(v, "makes a task in its body");
        }
        if (!check_operands(v, word, info)) return false;
        if (info->aux == ZAUX_NONE) {
            v->pc++;
            continue;
        }
        if (!check_aux(v, proto->words[v->pc + 1], info)) return false;
        v->pc += 2;
    }
    return true;
}

// Compared as numbers: the pointer may be no one's.
static bool is_builtin(const void *pointer)
{
    uintptr_t offset = (uintptr_t)pointer - (uintptr_t)zbuiltin_table;
    return offset < zbuiltin_count * sizeof zbuiltin_table[0] &&
           offset % sizeof zbuiltin_table[0] == 0;
}

static bool is_constant(struct zvalue value)
{
    switch (value.tag) {
    case ZTAG_INT:
    case ZTAG_FLOAT:
    case ZTAG_NULL:
    case ZTAG_FALSE:
    case ZTAG_TRUE:
        return true;
    case ZTAG_SYMBOL:
        return value.p != NULL;
    case ZTAG_BUILTIN:
        return is_builtin(value.p);
    default:
        return false;
    }
}

static bool check_tables(struct verifier *v)
{
    const struct zproto *proto = v->proto;
    v->pc = 0;
    if (proto->word_count == 0) return refuse(v, "is empty");
    if (proto->register_count > ZCODE_REGISTERS_MAX) return refuse(v, "has too many registers");
    if (proto->param_count > proto->register_count) return refuse(v, "has too many parameters");
    if (proto->code != v->code) return refuse(v, "belongs to other code");
    if (proto->fuel < proto->word_count) return refuse(v, "costs less than its length");
    // Each ends before its own target, so more than that many could never be told apart.
    if (proto->handler_count > proto->word_count) return refuse(v, "has too many handlers");
    if (proto->file > v->code->file_count) return refuse(v, "stands in no file");
    for (uint32_t i = 0; i < proto->constant_count; i++) {
        if (!is_constant(proto->constants[i])) return refuse(v, "has a constant of a bad type");
    }
    for (uint32_t i = 0; i < proto->check_count; i++) {
        if (proto->checks[i].name == NULL || proto->checks[i].type_name == NULL) {
            return refuse(v, "has a type check without a name");
        }
    }
    return true;
}

// The table of places: whole entries, one an instruction at most, none beyond the code. Else looking
// for the place of an error could take longer than the code's length, which is what a call of it pays.
static bool check_lines(struct verifier *v)
{
    const struct zproto *proto = v->proto;
    const uint8_t *in = proto->lines;
    size_t left = proto->line_bytes;
    uint64_t at = 0, line = 0;
    v->pc = 0;
    for (bool is_first = true; left > 0; is_first = false) {
        uint64_t fields[3]; // pc delta, line delta (zigzag), column
        for (int i = 0; i < 3; i++) {
            size_t step = zvarint_read(in, left, &fields[i]);
            if (step == 0) return refuse(v, "the table of places is cut off");
            in += step;
            left -= step;
        }
        if (fields[0] == 0 && !is_first) return refuse(v, "an instruction has two places");
        if (fields[0] >= proto->word_count - at) return refuse(v, "a place beyond the code");
        at += fields[0];
        v->pc = (uint32_t)at;
        line += (uint64_t)zvarint_unzigzag(fields[1]);
        if (line > INT32_MAX) return refuse(v, "a line out of range");
        if (fields[2] > UINT32_MAX) return refuse(v, "a column out of range");
    }
    return true;
}

// The frame that makes a task may stand above the depth limit: before the TASK nothing may call, and no
// handler may keep the frame. Elsewhere no task is made.
static bool check_async(struct verifier *v)
{
    const struct zproto *proto = v->proto;
    uint32_t start = proto->async_start;
    v->pc = 0;
    if (start == 0) return true;
    if (start >= proto->word_count) return refuse(v, "the body of a task is out of the function");
    if (proto->param_count > ZTASK_PARAMETERS_MAX)
        return refuse(v, "a task has too many parameters");
    for (; v->pc + 1 < start; v->pc++) {
        if (ZINSN_OP(proto->words[v->pc]) != ZOP_CHECK) {
            return refuse(v, "more than checks before a task is made");
        }
    }
    if (ZINSN_OP(proto->words[v->pc]) != ZOP_TASK) return refuse(v, "makes no task");
    for (uint32_t i = 0; i < proto->handler_count; i++) {
        if (proto->handlers[i].start < start) return refuse(v, "handles errors before its body");
    }
    return true;
}

static bool check_handlers(struct verifier *v)
{
    const struct zproto *proto = v->proto;
    for (uint32_t i = 0; i < proto->handler_count; i++) {
        const struct zhandler *handler = &proto->handlers[i];
        v->pc = handler->start;
        if (handler->start >= handler->end || handler->end > proto->word_count) {
            return refuse(v, "handler range out of the function");
        }
        if (!check_registers(v, handler->value_register, handler->is_finally ? 2 : 1)) return false;
        if (!check_target(v, handler->target)) return false;
        // Else an error that is caught would be a way backwards that pays nothing.
        if (handler->target < handler->end) return refuse(v, "handler does not follow its range");
    }
    return true;
}

static bool check_proto(struct verifier *v)
{
    return check_tables(v) && mark_starts(v) && check_instructions(v) && check_handlers(v) &&
           check_lines(v) && check_async(v);
}

// ---- The whole --------------------------------------------------------------------------------

static const char *wrong_field(const struct zdata_field *field, uint32_t *functions)
{
    if (field->check.name == NULL) return "a field has no name";
    if (field->check.context != ZCHECK_FIELD) return "a field's type check is not one of a field";
    if (field->check.type != ZCHECK_ANY && field->check.type_name == NULL)
        return "a field has a type check without a name";
    if (field->default_kind > ZFIELD_FUNCTION) return "a field has a default of a bad kind";
    if (field->default_kind == ZFIELD_CONSTANT && !is_constant(field->value))
        return "a field has a default of a bad type";
    *functions += field->default_kind == ZFIELD_FUNCTION;
    return NULL;
}

static const char *wrong_data(const struct zcode *code, uint32_t index)
{
    const struct zdata *data = &code->datas[index];
    if (data->name == NULL) return "a data declaration has no name";
    if (data->index != index) return "a data declaration has a wrong number";
    if (data->field_count > ZDATA_FIELDS_MAX) return "a data declaration has too many fields";
    uint32_t functions = data->method_count;
    if (functions > ZDATA_FUNCTIONS_MAX) return "a data declaration has too many methods";
    for (uint32_t i = 0; i < data->field_count; i++) {
        const char *wrong = wrong_field(&data->fields[i], &functions);
        if (wrong != NULL) return wrong;
    }
    for (uint32_t i = 0; i < data->method_count; i++) {
        if (data->methods[i] == NULL) return "a method has no name";
    }
    if (functions > ZDATA_FUNCTIONS_MAX) return "a data declaration has too many functions";
    return functions == data->function_count ? NULL : "a data declaration miscounts its functions";
}

static const char *wrong_whole(const struct zcode *code)
{
    if (code->proto_count == 0 || code->protos[0].capture_count != 0 ||
        code->protos[0].param_count != 0 || code->protos[0].async_start != 0)
        return "no main program";
    for (uint32_t i = 0; i < code->global_count; i++) {
        if (code->globals[i] == NULL) return "a global has no name";
    }
    for (uint32_t i = 0; i < code->data_count; i++) {
        const char *wrong = wrong_data(code, i);
        if (wrong != NULL) return wrong;
    }
    return code->cache_count > ZCACHE_MAX + 1 ? "too many inline caches" : NULL;
}

static zvm_status verify_protos(struct verifier *v, char *why, size_t why_bytes)
{
    for (uint32_t i = 0; i < v->code->proto_count; i++) {
        v->proto = &v->code->protos[i];
        size_t bytes = (size_t)v->proto->word_count + 1;
        v->is_start = z_alloc_zeroed(bytes);
        if (v->is_start == NULL) return ZVM_E_NOMEM;
        bool ok = check_proto(v);
        z_free(v->is_start, bytes);
        if (ok) continue;
        (void)snprintf(why, why_bytes, "function %s: pc %u: %s",
                       v->proto->name == NULL ? "anonymous" : v->proto->name->bytes, v->pc,
                       v->reason);
        return ZVM_E_BYTECODE;
    }
    return ZVM_OK;
}

zvm_status zcode_verify(const struct zcode *code, char *why, size_t why_bytes)
{
    const char *wrong = wrong_whole(code);
    if (wrong != NULL) {
        (void)snprintf(why, why_bytes, "%s", wrong);
        return ZVM_E_BYTECODE;
    }
    struct verifier v = {.code = code};
    size_t bytes = (size_t)code->cache_count + 1;
    v.is_cache_used = z_alloc_zeroed(bytes);
    if (v.is_cache_used == NULL) return ZVM_E_NOMEM;
    zvm_status status = verify_protos(&v, why, why_bytes);
    z_free(v.is_cache_used, bytes);
    return status;
}
