// lang/generate_emit.c - instructions, constants, jumps, places and registers of one function.
// Thread: owner.
#include "lang/generate_internal.h"

#include "base/alloc.h"
#include "base/varint.h"

#include <string.h>
#include <strings.h>

// A jump's distance must fit the 24 signed bits of JMP and LOOP.
#define WORDS_MAX (1u << 22)

static uint32_t next_pc(const struct zgen *gen)
{
    return gen->function->words.count;
}

uint32_t zgen_pc(struct zgen *gen)
{
    gen->function->label_pc = next_pc(gen);
    return next_pc(gen);
}

// Where a limit of the whole function was passed.
static struct zast_position place_now(const struct zgen *gen)
{
    const struct zgen_function *function = gen->function;
    if (function->line == 0) return function->ast->position;
    return (struct zast_position){function->line, function->column};
}

void zgen_word(struct zgen *gen, uint32_t word)
{
    if (next_pc(gen) >= WORDS_MAX) {
        zgen_error(gen, place_now(gen),
                   "a function is too long (limit %u instruction words): split it", WORDS_MAX);
        return;
    }
    uint32_t *slot = zgen_array_add(gen, &gen->function->words, sizeof word);
    if (slot != NULL) *slot = word;
}

// ---- Two instructions as one ------------------------------------------------------------------

// The last instruction, if nothing can begin behind it and it has no AUX word; else NULL.
static uint32_t *last_instruction(const struct zgen *gen)
{
    const struct zgen_function *function = gen->function;
    uint32_t count = function->words.count;
    if (count == 0 || function->last_pc + 1 != count || function->label_pc == count) return NULL;
    return (uint32_t *)function->words.data + function->last_pc;
}

static uint32_t word_of(enum zopcode op, uint32_t a, uint32_t b, uint32_t c)
{
    return (uint32_t)op | a << 8 | b << 16 | c << 24;
}

// What returns the result of an operation on two registers, else NOTHING_ELSE.
#define NOTHING_ELSE ZOP_COUNT
static enum zopcode return_of(uint32_t op)
{
    switch (op) {
    case ZOP_ADD:
        return ZOP_RETADD;
    case ZOP_SUB:
        return ZOP_RETSUB;
    case ZOP_MUL:
        return ZOP_RETMUL;
    default:
        return NOTHING_ELSE;
    }
}

// The last instruction with `word` behind it, as one instruction that does the same and raises the same
// errors at the same place; 0: there is none.
static uint32_t joined(uint32_t last, uint32_t word)
{
    uint32_t a = ZINSN_A(last), b = ZINSN_B(last), c = ZINSN_C(last);
    bool is_move = ZINSN_OP(last) == ZOP_MOVE && ZINSN_A(word) == a + 1;
    switch (ZINSN_OP(word)) {
    case ZOP_MOVE: // arguments of a call, most often
        return is_move ? word_of(ZOP_MOVE2, a, b, ZINSN_B(word)) : 0;
    case ZOP_LOADI:
        return is_move && ZINSN_D(word) <= 0xff ? word_of(ZOP_MOVEI, a, b, ZINSN_D(word)) : 0;
    case ZOP_RET: {
        enum zopcode op = return_of(ZINSN_OP(last));
        return op != NOTHING_ELSE && ZINSN_A(word) == a ? word_of(op, b, c, 0) : 0;
    }
    default:
        return 0;
    }
}

static void emit(struct zgen *gen, uint32_t word)
{
    uint32_t *last = last_instruction(gen);
    uint32_t both = last == NULL ? 0 : joined(*last, word);
    if (both != 0) {
        *last = both;
        return;
    }
    gen->function->last_pc = next_pc(gen);
    zgen_word(gen, word);
}

void zgen_abc(struct zgen *gen, enum zopcode op, uint32_t a, uint32_t b, uint32_t c)
{
    emit(gen, word_of(op, a, b, c));
}

void zgen_ad(struct zgen *gen, enum zopcode op, uint32_t a, uint32_t d)
{
    emit(gen, (uint32_t)op | a << 8 | d << 16);
}

// ---- Places -----------------------------------------------------------------------------------

static void add_line_field(struct zgen *gen, uint64_t field)
{
    uint8_t bytes[ZVARINT_BYTES_MAX];
    size_t count = zvarint_write(bytes, field);
    for (size_t i = 0; i < count; i++) {
        uint8_t *slot = zgen_array_add(gen, &gen->function->lines, 1);
        if (slot != NULL) *slot = bytes[i];
    }
}

void zgen_at(struct zgen *gen, struct zast_position position)
{
    struct zgen_function *function = gen->function;
    if (position.line == function->line && position.column == function->column) return;
    if (function->lines.count > 0 && function->line_pc == next_pc(gen)) {
        // Nothing was emitted there: the new place takes the old one's place.
        function->lines.count = function->line_start;
        function->line_pc = function->line_pc_before;
        function->line = function->line_before;
    }
    function->line_start = function->lines.count;
    function->line_pc_before = function->line_pc;
    function->line_before = function->line;
    add_line_field(gen, next_pc(gen) - function->line_pc);
    add_line_field(gen, zvarint_zigzag((int64_t)position.line - (int64_t)function->line));
    add_line_field(gen, position.column);
    function->line_pc = next_pc(gen);
    function->line = position.line;
    function->column = position.column;
}

// ---- Constants --------------------------------------------------------------------------------

static uint64_t constant_hash(struct zvalue value)
{
    uint64_t mixed = (value.bits ^ value.tag) * 0x9e3779b97f4a7c15u;
    return mixed ^ mixed >> 32;
}

// The place of a constant in the index, or where it would go.
static uint32_t *index_place(struct zgen_function *function, struct zvalue value)
{
    const struct zvalue *constants = function->constants.data;
    uint32_t mask = function->constant_index_size - 1;
    uint32_t i = (uint32_t)constant_hash(value) & mask;
    while (function->constant_index[i] != 0) {
        const struct zvalue *other = &constants[function->constant_index[i] - 1];
        if (other->bits == value.bits && other->tag == value.tag) break;
        i = (i + 1) & mask;
    }
    return &function->constant_index[i];
}

static bool grow_index(struct zgen *gen)
{
    struct zgen_function *function = gen->function;
    uint32_t size = function->constant_index_size == 0 ? 16 : function->constant_index_size * 2;
    function->constant_index = zarena_alloc(gen->program->arena, size * sizeof(uint32_t));
    if (function->constant_index == NULL) {
        function->constant_index_size = 0;
        zgen_fail(gen, ZVM_E_NOMEM);
        return false;
    }
    function->constant_index_size = size;
    const struct zvalue *constants = function->constants.data;
    for (uint32_t i = 0; i < function->constants.count; i++) {
        *index_place(function, constants[i]) = i + 1;
    }
    return true;
}

// A constant that the function does not take gives its pin back.
static uint32_t refuse_constant(struct zgen *gen, struct zvalue value)
{
    if (value.tag == ZTAG_SYMBOL) zintern_release(gen->intern, value.p);
    return 0;
}

uint32_t zgen_constant(struct zgen *gen, struct zvalue value)
{
    struct zgen_function *function = gen->function;
    if (gen->status != ZVM_OK) return refuse_constant(gen, value);
    if (function->constants.count * 2 >= function->constant_index_size && !grow_index(gen))
        return refuse_constant(gen, value);
    uint32_t *place = index_place(function, value);
    if (*place != 0) {
        (void)refuse_constant(gen, value); // one pin a constant is enough
        return *place - 1;
    }
    if (function->constants.count > 0xffff) {
        zgen_error(gen, place_now(gen),
                   "a function has too many constants and names (limit 65536): split it");
        return refuse_constant(gen, value);
    }
    struct zvalue *slot = zgen_array_add(gen, &function->constants, sizeof *slot);
    if (slot == NULL) return refuse_constant(gen, value);
    *slot = value;
    *place = function->constants.count;
    return function->constants.count - 1;
}

uint32_t zgen_constant_text(struct zgen *gen, struct zast_text text, struct zast_position position)
{
    const struct zstring *symbol = zgen_symbol(gen, text, position);
    if (symbol == NULL) return 0;
    return zgen_constant(gen, zvalue_object(symbol, ZTAG_SYMBOL));
}

// ---- Jumps ------------------------------------------------------------------------------------

static void wait_at(struct zgen *gen, struct zgen_jumps *jumps)
{
    uint32_t *site = zgen_array_add(gen, &jumps->sites, sizeof *site);
    if (site != NULL) *site = next_pc(gen);
}

void zgen_jump(struct zgen *gen, struct zgen_jumps *jumps)
{
    wait_at(gen, jumps);
    zgen_word(gen, ZOP_JMP);
}

void zgen_jump_aux(struct zgen *gen, struct zgen_jumps *jumps)
{
    wait_at(gen, jumps);
    zgen_word(gen, 0);
}

void zgen_bind(struct zgen *gen, struct zgen_jumps *jumps)
{
    uint32_t *words = gen->function->words.data;
    const uint32_t *sites = jumps->sites.data;
    uint32_t target = zgen_pc(gen);
    if (gen->status == ZVM_OK) {
        for (uint32_t i = 0; i < jumps->sites.count; i++) {
            uint32_t distance = target - (sites[i] + 1);
            bool is_jmp = words[sites[i]] == ZOP_JMP;
            words[sites[i]] = is_jmp ? ZOP_JMP | distance << 8 : distance;
        }
    }
    zgen_array_free(&jumps->sites, sizeof(uint32_t));
}

void zgen_loop(struct zgen *gen, uint32_t target)
{
    uint32_t distance = target - (next_pc(gen) + 1);
    zgen_word(gen, ZOP_LOOP | distance << 8);
}

void zgen_loop_aux(struct zgen *gen, uint32_t target)
{
    zgen_word(gen, target - (next_pc(gen) + 1));
}

// ---- Sites, registers and checks ---------------------------------------------------------------------

// Sites beyond the limit do without a cache.
uint32_t zgen_site(struct zgen *gen, struct zast_text name, struct zast_position position)
{
    uint32_t constant = zgen_constant_text(gen, name, position);
    uint32_t cache = ZCACHE_NONE;
    if (gen->code->cache_count == ZCACHE_NONE) gen->code->cache_count++; // no site's own
    if (gen->code->cache_count <= ZCACHE_MAX) cache = gen->code->cache_count++;
    return constant | cache << 16;
}

uint32_t zgen_registers(struct zgen *gen, uint32_t count, struct zast_position position)
{
    struct zgen_function *function = gen->function;
    uint32_t first = function->next;
    if (first + count > ZCODE_REGISTERS_MAX) {
        zgen_error(gen, position,
                   "a function needs too many variables and temporary values at once (limit %d): "
                   "split it",
                   ZCODE_REGISTERS_MAX);
        return 0;
    }
    function->next = first + count;
    if (function->next > function->register_count) function->register_count = function->next;
    return first;
}

struct type_name {
    const char *text;
    enum zcheck_type type;
};

static const struct type_name TYPE_NAMES[] = {
    {"any", ZCHECK_ANY},         {"int", ZCHECK_INT},       {"integer", ZCHECK_INT},
    {"float", ZCHECK_FLOAT},     {"number", ZCHECK_NUMBER}, {"num", ZCHECK_NUMBER},
    {"string", ZCHECK_STRING},   {"str", ZCHECK_STRING},    {"bool", ZCHECK_BOOL},
    {"boolean", ZCHECK_BOOL},    {"list", ZCHECK_LIST},     {"array", ZCHECK_LIST},
    {"map", ZCHECK_MAP},         {"dict", ZCHECK_MAP},      {"function", ZCHECK_FUNCTION},
    {"action", ZCHECK_FUNCTION}, {"null", ZCHECK_NULL},
};

static enum zcheck_type check_type(struct zast_text name)
{
    for (size_t i = 0; i < sizeof TYPE_NAMES / sizeof TYPE_NAMES[0]; i++) {
        const char *text = TYPE_NAMES[i].text;
        if (strlen(text) != name.length_bytes) continue;
        if (strncasecmp(text, name.bytes, name.length_bytes) == 0) return TYPE_NAMES[i].type;
    }
    return ZCHECK_DATA;
}

void zgen_fill_check(struct zgen *gen, const struct zast_type *type, enum zcheck_context context,
                     struct zast_text name, struct zcheck *check)
{
    bool is_any = type->name.length_bytes == 0 || check_type(type->name) == ZCHECK_ANY;
    *check = (struct zcheck){.type = ZCHECK_ANY, .context = (uint8_t)context};
    if (!is_any) {
        check->type = (uint8_t)check_type(type->name);
        check->type_name = zgen_symbol(gen, type->name, type->position);
    }
    check->name = zgen_symbol(gen, name, type->position);
}

uint32_t zgen_check(struct zgen *gen, const struct zast_type *type, enum zcheck_context context,
                    struct zast_text name)
{
    if (type->name.length_bytes == 0 || check_type(type->name) == ZCHECK_ANY) return 0;
    struct zgen_function *function = gen->function;
    if (function->checks.count >= 0xffff) {
        zgen_error(gen, type->position, "a function has too many type annotations (limit 65535)");
        return 0;
    }
    struct zcheck *check = zgen_array_add(gen, &function->checks, sizeof *check);
    if (check == NULL) return 0;
    zgen_fill_check(gen, type, context, name, check);
    return function->checks.count;
}
