// lang/resolve.c - walks the tree and says for each name which variable it means.
//
// Owns: nothing but the resolver on its stack (see resolve_names.c). Thread: any; one call works on
// one program.
// Rules (LANGUAGE, "Names and scope"): what the top level declares is a global; any other
// declaration makes a variable of the innermost scope, visible from its end on, the own name of a
// function or data declaration also inside it. A function's parameters and body are one scope;
// loop, catch and match variables have a scope of their own around the block or value that sees
// them. How: recursion follows the nesting, which the parser has bounded. Chains that lean left
// have no bound: walk_expression goes down them by a loop, turning each left link round to point
// up, and puts the links right again on the way back. That needs no memory and keeps the order of
// the source.
#define ZVM_LANG_RESOLVE_PRIVATE

#include "lang/resolve.h"

#include "base/assert.h"
#include "lang/resolve_internal.h"
#include "vm/code.h"

static bool walk_expression(struct zresolver *resolver, struct zast_node *node);
static bool walk_statements(struct zresolver *resolver, struct zast_node *first);

// ---- Functions ---------------------------------------------------------------------------------

static bool declare_params(struct zresolver *resolver, struct zast_function *function)
{
    for (struct zast_param *param = function->params; param != NULL; param = param->next) {
        struct zresolver_declared declared;
        if (!zresolver_declare_plain(resolver, param->name, &declared)) return false;
        if (!declared.is_first)
            return zresolver_fail(resolver, param->position, param->name,
                                  "is already a parameter of this function");
        param->variable = declared.variable;
    }
    return true;
}

static bool walk_function(struct zresolver *resolver, struct zast_function *function)
{
    struct zresolver_frame frame;
    struct zresolver_scope scope;
    zresolver_push_frame(resolver, &frame, function);
    zresolver_push_scope(resolver, &scope);
    bool is_good = declare_params(resolver, function);
    if (is_good && function->is_expression)
        is_good = walk_expression(resolver, function->body);
    else if (is_good)
        is_good = walk_statements(resolver, function->body->block.statements);
    zresolver_pop_scope(resolver);
    zresolver_pop_frame(resolver);
    return is_good;
}

// `this` belongs to the method around; the functions in between hand it on.
static void use_this(struct zresolver *resolver)
{
    struct zast_function *function = resolver->frame->function;
    while (!function->is_method) {
        function->uses_this = true;
        function = function->parent;
        ZVM_CHECK(function != NULL);
    }
    function->uses_this = true;
}

// ---- Expressions -------------------------------------------------------------------------------

static bool walk_name(struct zresolver *resolver, struct zast_node *node)
{
    struct zresolver_found found;
    if (!zresolver_find(resolver, node->name.text, node->position, &found)) return false;
    node->name.variable = found.variable;
    node->name.is_const = found.is_const;
    return true;
}

static bool walk_list(struct zresolver *resolver, struct zast_node *first)
{
    for (struct zast_node *node = first; node != NULL; node = node->next)
        if (!walk_expression(resolver, node)) return false;
    return true;
}

static bool walk_pattern(struct zresolver *resolver, struct zast_node *pattern)
{
    struct zresolver_declared declared;
    switch (pattern->kind) {
    case ZAST_PATTERN_NAME:
        if (!zresolver_declare_plain(resolver, pattern->let.name, &declared)) return false;
        pattern->let.variable = declared.variable;
        pattern->let.is_first = declared.is_first;
        return true;
    case ZAST_PATTERN_DATA:
        if (!walk_name(resolver, pattern->call.callee)) return false;
        for (struct zast_node *item = pattern->call.arguments; item != NULL; item = item->next)
            if (!walk_pattern(resolver, item)) return false;
        return true;
    default:
        return true;
    }
}

static bool walk_match(struct zresolver *resolver, struct zast_node *node)
{
    if (!walk_expression(resolver, node->match.subject)) return false;
    for (struct zast_node *arm = node->match.arms; arm != NULL; arm = arm->next) {
        struct zresolver_scope scope;
        zresolver_push_scope(resolver, &scope);
        bool is_good = walk_pattern(resolver, arm->conditional.condition) &&
                       walk_expression(resolver, arm->conditional.yes);
        zresolver_pop_scope(resolver);
        if (!is_good) return false;
    }
    return true;
}

// The operand that a chain leans on; NULL for a node that is no link of a chain.
static struct zast_node **left_link(struct zast_node *node)
{
    switch (node->kind) {
    case ZAST_BINARY:
    case ZAST_AND:
    case ZAST_OR:
    case ZAST_COALESCE:
    case ZAST_INDEX:
        return &node->left;
    case ZAST_CALL:
        return &node->call.callee;
    case ZAST_MEMBER:
        return &node->member.object;
    default:
        return NULL;
    }
}

// What a link has besides its left operand.
static bool walk_right(struct zresolver *resolver, struct zast_node *node)
{
    switch (node->kind) {
    case ZAST_CALL:
        return walk_list(resolver, node->call.arguments);
    case ZAST_MEMBER:
        return true;
    default:
        return walk_expression(resolver, node->right);
    }
}

static bool walk_end_of_chain(struct zresolver *resolver, struct zast_node *node)
{
    switch (node->kind) {
    case ZAST_NAME:
        return walk_name(resolver, node);
    case ZAST_THIS:
        use_this(resolver);
        return true;
    case ZAST_INTERPOLATE:
    case ZAST_LIST:
    case ZAST_MAP:
        return walk_list(resolver, node->list.first);
    case ZAST_UNARY:
    case ZAST_AWAIT:
        return walk_expression(resolver, node->left);
    case ZAST_CONDITIONAL:
        return walk_expression(resolver, node->conditional.condition) &&
               walk_expression(resolver, node->conditional.yes) &&
               walk_expression(resolver, node->conditional.no);
    case ZAST_FUNCTION:
        return walk_function(resolver, node->function);
    case ZAST_MATCH:
        return walk_match(resolver, node);
    default:
        return true; // literals
    }
}

static bool walk_expression(struct zresolver *resolver, struct zast_node *node)
{
    struct zast_node *above = NULL;
    struct zast_node **link;
    while ((link = left_link(node)) != NULL) {
        struct zast_node *left = *link;
        *link = above;
        above = node;
        node = left;
    }
    bool is_good;
    if (above != NULL && above->kind == ZAST_MEMBER && zresolver_is_namespace(resolver, node)) {
        struct zast_node *member = above;
        above = member->member.object; // turned round
        member->member.object = node;
        is_good = zresolver_walk_export(resolver, member);
        node = member;
    } else {
        is_good = walk_end_of_chain(resolver, node);
    }
    while (above != NULL) {
        struct zast_node *parent = above;
        link = left_link(parent);
        above = *link;
        *link = node;
        node = parent;
        is_good = is_good && walk_right(resolver, parent);
    }
    return is_good;
}

// ---- Declarations ------------------------------------------------------------------------------

static void note_export(const struct zast_node *node, const struct zresolver_declared *declared)
{
    bool is_exported = (node->flags & ZAST_FLAG_EXPORT) != 0;
    if (is_exported && declared->global != NULL) declared->global->is_exported = true;
}

static bool walk_let(struct zresolver *resolver, struct zast_node *node)
{
    struct zresolver_declared declared;
    if (node->let.value != NULL && !walk_expression(resolver, node->let.value)) return false;
    if (!zresolver_declare(resolver, node->let.name, node->let.name_position,
                           (node->flags & ZAST_FLAG_CONST) != 0, &declared))
        return false;
    node->let.variable = declared.variable;
    node->let.is_first = declared.is_first;
    note_export(node, &declared);
    return true;
}

static bool walk_unpack(struct zresolver *resolver, struct zast_node *node)
{
    if (!walk_expression(resolver, node->unpack.value)) return false;
    bool is_const = (node->flags & ZAST_FLAG_CONST) != 0;
    for (struct zast_target *target = node->unpack.targets; target != NULL; target = target->next) {
        struct zresolver_declared declared;
        if (!zresolver_declare(resolver, target->name, target->position, is_const, &declared))
            return false;
        target->variable = declared.variable;
        target->is_first = declared.is_first;
        note_export(node, &declared);
    }
    return true;
}

static bool walk_function_declaration(struct zresolver *resolver, struct zast_node *node)
{
    struct zast_function *function = node->fdecl.function;
    struct zresolver_declared declared;
    if (!zresolver_declare(resolver, function->name, node->fdecl.name_position,
                           false /* is_const */, &declared))
        return false;
    node->fdecl.variable = declared.variable;
    node->fdecl.is_first = declared.is_first;
    note_export(node, &declared);
    if (declared.global != NULL) declared.global->only_function = function;
    if (declared.binding != NULL) declared.binding->is_incomplete = true;
    bool is_good = walk_function(resolver, function);
    if (declared.binding != NULL) declared.binding->is_incomplete = false;
    return is_good;
}

static bool check_members(struct zresolver *resolver, const struct zast_node *node)
{
    uint32_t number = ++resolver->data_count;
    for (struct zast_member_declaration *member = node->data.members; member != NULL;
         member = member->next) {
        struct zresolver_name *name = zresolver_name(resolver, member->name);
        if (name == NULL) return false;
        if (name->member_of == number)
            return zresolver_fail(resolver, member->position, member->name,
                                  "is already a member of this data declaration");
        name->member_of = number;
    }
    return true;
}

static bool walk_data(struct zresolver *resolver, struct zast_node *node)
{
    struct zresolver_found found = {0};
    struct zresolver_declared declared;
    // The parent stands before the end of the declaration and outside its body: it cannot mean
    // itself.
    if (node->data.parent.length_bytes > 0 &&
        !zresolver_find(resolver, node->data.parent, node->data.parent_position, &found))
        return false;
    node->data.parent_variable = found.variable;
    if (!zresolver_declare(resolver, node->data.name, node->position, false /* is_const */,
                           &declared))
        return false;
    node->data.variable = declared.variable;
    node->data.is_first = declared.is_first;
    note_export(node, &declared);
    if (!check_members(resolver, node)) return false;

    bool is_good = true;
    if (declared.binding != NULL) declared.binding->is_incomplete = true;
    for (struct zast_member_declaration *member = node->data.members; member != NULL && is_good;
         member = member->next)
        if (member->function != NULL) is_good = walk_function(resolver, member->function);
    if (declared.binding != NULL) declared.binding->is_incomplete = false;
    return is_good;
}

// ---- Statements --------------------------------------------------------------------------------

static bool walk_block(struct zresolver *resolver, struct zast_node *block)
{
    struct zresolver_scope scope;
    zresolver_push_scope(resolver, &scope);
    bool is_good = walk_statements(resolver, block->block.statements);
    zresolver_pop_scope(resolver);
    return is_good;
}

static bool walk_branch(struct zresolver *resolver, struct zast_node *node)
{
    for (struct zast_node *arm = node->branch.arms; arm != NULL; arm = arm->next)
        if (!walk_expression(resolver, arm->conditional.condition) ||
            !walk_block(resolver, arm->conditional.yes))
            return false;
    return node->branch.otherwise == NULL || walk_block(resolver, node->branch.otherwise);
}

static bool walk_for_each(struct zresolver *resolver, struct zast_node *node)
{
    struct zresolver_scope scope;
    if (!walk_expression(resolver, node->foreach.iterable)) return false;
    zresolver_push_scope(resolver, &scope);
    bool is_good = true;
    for (struct zast_target *name = node->foreach.names; name != NULL && is_good;
         name = name->next) {
        struct zresolver_declared declared;
        is_good = zresolver_declare_plain(resolver, name->name, &declared);
        if (!is_good) break;
        if (!declared.is_first)
            is_good = zresolver_fail(resolver, name->position, name->name,
                                     "is already the other variable of this loop");
        name->variable = declared.variable;
        name->is_first = declared.is_first;
    }
    is_good = is_good && walk_block(resolver, node->foreach.body);
    zresolver_pop_scope(resolver);
    return is_good;
}

static bool walk_handler(struct zresolver *resolver, struct zast_node *node)
{
    struct zresolver_scope scope;
    struct zresolver_declared declared = {0};
    zresolver_push_scope(resolver, &scope);
    bool is_good = node->attempt.name.length_bytes == 0 ||
                   zresolver_declare_plain(resolver, node->attempt.name, &declared);
    node->attempt.variable = declared.variable;
    is_good = is_good && walk_block(resolver, node->attempt.handler);
    zresolver_pop_scope(resolver);
    return is_good;
}

static bool walk_attempt(struct zresolver *resolver, struct zast_node *node)
{
    if (!walk_block(resolver, node->attempt.body)) return false;
    if (node->attempt.handler != NULL && !walk_handler(resolver, node)) return false;
    return node->attempt.finalizer == NULL || walk_block(resolver, node->attempt.finalizer);
}

static bool walk_assignment(struct zresolver *resolver, struct zast_node *node)
{
    struct zast_node *target = node->left;
    if (target->kind != ZAST_NAME) {
        if (!walk_expression(resolver, target)) return false;
        if (target->kind == ZAST_NAME) return zresolver_fail_assignment(resolver, target);
        return walk_expression(resolver, node->right);
    }
    struct zresolver_found found;
    if (!zresolver_find(resolver, target->name.text, target->position, &found)) return false;
    target->name.variable = found.variable;
    target->name.is_const = found.is_const;
    if (found.global != NULL && found.global->use != NULL)
        return zresolver_fail_assignment(resolver, target);
    if (found.variable != NULL)
        found.variable->is_reassigned = true;
    else
        found.global->is_assigned = true;
    return walk_expression(resolver, node->right);
}

static bool walk_statement(struct zresolver *resolver, struct zast_node *node)
{
    switch (node->kind) {
    case ZAST_BLOCK:
        return walk_block(resolver, node);
    case ZAST_LET:
        return walk_let(resolver, node);
    case ZAST_UNPACK:
        return walk_unpack(resolver, node);
    case ZAST_FDECL:
        return walk_function_declaration(resolver, node);
    case ZAST_DATA:
        return walk_data(resolver, node);
    case ZAST_IF:
        return walk_branch(resolver, node);
    case ZAST_WHILE:
        return walk_expression(resolver, node->loop.condition) &&
               walk_block(resolver, node->loop.body);
    case ZAST_FOREACH:
        return walk_for_each(resolver, node);
    case ZAST_TRY:
        return walk_attempt(resolver, node);
    case ZAST_RETURN:
    case ZAST_THROW:
    case ZAST_EXPRESSION:
        return node->left == NULL || walk_expression(resolver, node->left);
    case ZAST_PRINT:
        return walk_list(resolver, node->list.first);
    case ZAST_ASSIGN:
        return walk_assignment(resolver, node);
    case ZAST_USE:
        return zresolver_walk_use(resolver, node);
    default:
        return true; // break, continue
    }
}

// After a finding the statements behind are looked at, too: nothing in them depends on it.
static bool may_go_on(const struct zresolver *resolver)
{
    return resolver->status == ZVM_E_SYNTAX && !zdiagnostics_are_full(resolver->diagnostics);
}

static bool walk_statements(struct zresolver *resolver, struct zast_node *first)
{
    for (struct zast_node *node = first; node != NULL; node = node->next)
        if (!walk_statement(resolver, node) && !may_go_on(resolver)) return false;
    return true;
}

// ---- The program -------------------------------------------------------------------------------

// Functions may assign to globals declared const further down: all are noted before the walk.
static bool note_const_globals(struct zresolver *resolver)
{
    for (struct zast_node *node = resolver->program->main->body->block.statements; node != NULL;
         node = node->next) {
        if ((node->flags & ZAST_FLAG_CONST) == 0) continue;
        if (node->kind == ZAST_LET) {
            struct zresolver_name *name = zresolver_name(resolver, node->let.name);
            if (name == NULL) return false;
            name->is_const_global = true;
            continue;
        }
        ZVM_ASSERT(node->kind == ZAST_UNPACK);
        for (struct zast_target *target = node->unpack.targets; target != NULL;
             target = target->next) {
            struct zresolver_name *name = zresolver_name(resolver, target->name);
            if (name == NULL) return false;
            name->is_const_global = true;
        }
    }
    return true;
}

// A function that is sure to be the global's only value, once it has one.
static void settle_only_functions(struct zast_program *program)
{
    for (struct zast_global *global = program->globals; global != NULL; global = global->next)
        if (global->declaration_count != 1 || global->is_assigned) global->only_function = NULL;
}

// ---- Sessions -----------------------------------------------------------------------------------

static bool is_last_shown(const struct zresolver *resolver)
{
    if (!resolver->program->session->is_shown) return false;
    const struct zast_node *node = resolver->program->main->body->block.statements;
    while (node != NULL && node->next != NULL)
        node = node->next;
    return node != NULL && node->kind == ZAST_EXPRESSION;
}

// The globals of the pieces before come first, in their order: so each keeps its slot.
static bool take_session_globals(struct zresolver *resolver)
{
    static const struct zast_text shown = {"_", 1};
    const struct zlang_session *session = resolver->program->session;
    struct zast_position nowhere = {0, 0};
    for (uint32_t i = 0; i < session->global_count; i++) {
        const struct zstring *text = session->globals[i];
        struct zresolver_name *name =
            zresolver_name(resolver, (struct zast_text){text->bytes, text->header.aux});
        if (name == NULL) return false;
        name->is_const_global = (session->global_flags[i] & ZGLOBAL_CONST) != 0;
        if (zresolver_global(resolver, name, nowhere) == NULL) return false;
    }
    if (!is_last_shown(resolver)) return true;
    struct zresolver_name *name = zresolver_name(resolver, shown);
    if (name == NULL) return false;
    name->is_const_global = false;
    return zresolver_global(resolver, name, nowhere) != NULL;
}

// What an earlier piece declared const this one may declare otherwise.
static bool forget_const(struct zresolver *resolver, struct zast_text text)
{
    struct zresolver_name *name = zresolver_name(resolver, text);
    if (name == NULL) return false;
    name->is_const_global = false;
    return true;
}

static bool forget_redeclared(struct zresolver *resolver)
{
    bool is_good = true;
    for (struct zast_node *node = resolver->program->main->body->block.statements;
         node != NULL && is_good; node = node->next) {
        if (node->kind == ZAST_LET) {
            is_good = forget_const(resolver, node->let.name);
        } else if (node->kind == ZAST_FDECL) {
            is_good = forget_const(resolver, node->fdecl.function->name);
        } else if (node->kind == ZAST_DATA) {
            is_good = forget_const(resolver, node->data.name);
        } else if (node->kind == ZAST_UNPACK) {
            for (struct zast_target *target = node->unpack.targets; target != NULL && is_good;
                 target = target->next)
                is_good = forget_const(resolver, target->name);
        }
    }
    return is_good;
}

static bool finish_session(struct zresolver *resolver)
{
    for (struct zast_global *global = resolver->program->globals; global != NULL;
         global = global->next) {
        const struct zresolver_name *name = zresolver_name(resolver, global->name);
        if (name == NULL) return false;
        global->is_const = name->is_const_global;
        global->is_assigned = true; // by a later piece, for all that is known
    }
    return true;
}

// ---- The whole ----------------------------------------------------------------------------------

static bool resolve_all(struct zresolver *resolver)
{
    bool is_piece = resolver->program->session != NULL;
    if (is_piece && !(take_session_globals(resolver) && forget_redeclared(resolver))) return false;
    return zresolver_note_uses(resolver) && note_const_globals(resolver) &&
           walk_statements(resolver, resolver->program->main->body->block.statements) &&
           (!is_piece || finish_session(resolver));
}

zvm_status zresolve_program(struct zdiagnostics *diagnostics, struct zast_program *program)
{
    ZVM_ASSERT(program->main != NULL);
    ZVM_ASSERT(program->globals == NULL);

    struct zresolver resolver = {
        .diagnostics = diagnostics, .program = program, .globals_end = &program->globals};
    struct zresolver_frame frame;
    zresolver_push_frame(&resolver, &frame, program->main);
    if (resolve_all(&resolver)) {
        settle_only_functions(program);
        zresolver_hint_unknowns(&resolver);
    }
    zresolver_free_names(&resolver);
    return resolver.status;
}
