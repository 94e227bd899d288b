// lang/generate_data.c - data declarations: what is fixed goes into the code object, the rest is made
// when the declaration runs. Thread: owner.
//
// A default that is a literal is part of the declaration; any other is a function without parameters,
// made anew with the type, like the methods.
#include "lang/generate_internal.h"

#include "base/alloc.h"

static bool is_field(const struct zast_member_declaration *member)
{
    return !member->is_method;
}

// The value of a default that needs no function.
static bool constant_default(struct zgen *gen, const struct zast_function *function,
                             struct zvalue *value)
{
    return zgen_literal_value(gen, function->body, value);
}

static void fill_field(struct zgen *gen, struct zdata *data, struct zdata_field *out,
                       const struct zast_member_declaration *member)
{
    struct zdata_field field = {.value = zvalue_null(), .default_kind = ZFIELD_REQUIRED};
    zgen_fill_check(gen, &member->type, ZCHECK_FIELD, member->name, &field.check);
    if (member->function != NULL) {
        bool is_constant = constant_default(gen, member->function, &field.value);
        field.default_kind = is_constant ? ZFIELD_CONSTANT : ZFIELD_FUNCTION;
        if (!is_constant) data->function_count++;
    }
    *out = field;
}

static bool count_members(struct zgen *gen, const struct zast_node *node, uint32_t *fields,
                          uint32_t *methods)
{
    for (const struct zast_member_declaration *member = node->data.members; member != NULL;
         member = member->next) {
        *(is_field(member) ? fields : methods) += 1;
    }
    if (*fields > ZDATA_FIELDS_MAX) {
        zgen_error(gen, node->position, "a data declaration has too many fields (limit %d)",
                   ZDATA_FIELDS_MAX);
    }
    if (*methods > ZDATA_FUNCTIONS_MAX) {
        zgen_error(gen, node->position, "a data declaration has too many methods (limit %d)",
                   ZDATA_FUNCTIONS_MAX);
    }
    return gen->status == ZVM_OK;
}

static bool make_room(struct zgen *gen, struct zdata *data, uint32_t fields, uint32_t methods)
{
    if (fields > 0) {
        data->fields = z_alloc_zeroed(fields * sizeof *data->fields);
        if (data->fields == NULL) zgen_fail(gen, ZVM_E_NOMEM);
        data->field_count = data->fields == NULL ? 0 : fields;
    }
    if (methods > 0) {
        data->methods = z_alloc_zeroed(methods * sizeof *data->methods);
        if (data->methods == NULL) zgen_fail(gen, ZVM_E_NOMEM);
        data->method_count = data->methods == NULL ? 0 : methods;
    }
    return gen->status == ZVM_OK;
}

static void fill_members(struct zgen *gen, struct zdata *data, const struct zast_node *node)
{
    uint32_t field = 0, method = 0;
    for (const struct zast_member_declaration *member = node->data.members; member != NULL;
         member = member->next) {
        if (is_field(member)) {
            fill_field(gen, data, &data->fields[field++], member);
        } else {
            data->methods[method++] = zgen_symbol(gen, member->name, member->position);
        }
    }
}

// The fixed part, as entry *index of the code object. What is half filled when something fails is
// released with it.
static bool add_data(struct zgen *gen, const struct zast_node *node, uint32_t *index)
{
    uint32_t fields = 0, methods = 0;
    if (!count_members(gen, node, &fields, &methods)) return false;
    if (gen->datas.count > 0xffff) {
        zgen_error(gen, node->position, "a program has too many data declarations (limit 65536)");
        return false;
    }
    struct zdata *data = zgen_array_add(gen, &gen->datas, sizeof *data);
    if (data == NULL) return false;
    *data = (struct zdata){.index = gen->datas.count - 1};
    *index = data->index;
    data->has_parent = node->data.parent.length_bytes > 0;
    data->name = zgen_symbol(gen, node->data.name, node->position);
    if (!make_room(gen, data, fields, methods)) return false;
    fill_members(gen, data, node);
    data->function_count += methods;
    if (data->function_count > ZDATA_FUNCTIONS_MAX) {
        zgen_error(gen, node->position,
                   "a data declaration has too many methods and defaults (limit %d)",
                   ZDATA_FUNCTIONS_MAX);
    }
    return gen->status == ZVM_OK;
}

static void closure(struct zgen *gen, const struct zast_member_declaration *member)
{
    uint32_t reg = zgen_registers(gen, 1, member->position);
    zgen_closure(gen, member->function, reg, member->position);
}

// Defaults, then methods, in the registers behind the parent's.
static void functions(struct zgen *gen, const struct zast_node *node, uint32_t index)
{
    uint32_t field = 0;
    for (const struct zast_member_declaration *member = node->data.members;
         member != NULL && gen->status == ZVM_OK; member = member->next) {
        if (!is_field(member)) continue;
        const struct zdata *data = &((const struct zdata *)gen->datas.data)[index];
        if (data->fields[field++].default_kind == ZFIELD_FUNCTION) closure(gen, member);
    }
    for (const struct zast_member_declaration *member = node->data.members;
         member != NULL && gen->status == ZVM_OK; member = member->next) {
        if (member->is_method) closure(gen, member);
    }
}

static void parent(struct zgen *gen, const struct zast_node *node, uint32_t reg)
{
    if (node->data.parent.length_bytes == 0) {
        zgen_abc(gen, ZOP_LOADNULL, reg, 0, 0);
        return;
    }
    struct zast_position position = node->data.parent_position;
    struct zast_name name = {.text = node->data.parent, .variable = node->data.parent_variable};
    zgen_load_name(gen, &name, position, reg);
    zgen_at(gen, position);
    zgen_ad(gen, ZOP_CHECKDATA, reg, zgen_constant_text(gen, node->data.parent, position));
}

void zgen_data(struct zgen *gen, const struct zast_node *node)
{
    struct zast_variable *variable = node->data.variable;
    bool is_first = variable != NULL && node->data.is_first;
    if (is_first) {
        zgen_declare(gen, variable, node->position);
        if (zgen_is_cell(variable)) { // its functions may capture the name: the cell comes first
            zgen_abc(gen, ZOP_LOADNULL, variable->reg, 0, 0);
            zgen_abc(gen, ZOP_NEWCELL, variable->reg, variable->reg, 0);
            is_first = false;
        }
    }
    uint32_t saved = gen->function->next;
    uint32_t index = 0;
    if (!add_data(gen, node, &index)) return;
    uint32_t window = zgen_registers(gen, 1, node->position);
    parent(gen, node, window);
    // The functions run only when there are instances, and so the type.
    if (variable == NULL) zgen_mark_set(gen, node->data.name);
    uint32_t first = gen->protos.count;
    functions(gen, node, index);
    if (variable == NULL) zgen_note_functions(gen, node->data.name, first);
    zgen_at(gen, node->position);
    zgen_ad(gen, ZOP_NEWDATA, window, index);
    zgen_declare_value(gen, node->data.name, variable, is_first, node->position, window);
    gen->function->next = saved;
}
