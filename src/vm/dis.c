// vm/dis.c - a code object as text, one instruction a line, each under the line of the source that it
// comes from, when the source is at hand. Thread: any; reads only.
#include "vm/code.h"

#include "base/alloc.h"
#include "base/strbuf.h"
#include "vm/builtin.h"
#include "vm/number.h"

#include <stdio.h>

#define TEXT_SHOWN_BYTES 40

#define LINE_SHOWN_BYTES 100

// ---- The source -------------------------------------------------------------------------------

// Where the lines of the source begin. Without a source there are none.
struct lines {
    const char *text; // [length]
    size_t length;
    size_t *starts; // [count + 1]; the last is the length
    size_t count;
};

static void find_lines(struct lines *lines, struct zstrbuf *out)
{
    if (lines->length == 0) return;
    size_t count = 1;
    for (size_t i = 0; i < lines->length; i++) {
        count += lines->text[i] == '\n';
    }
    lines->starts = z_alloc((count + 1) * sizeof *lines->starts);
    if (lines->starts == NULL) {
        out->failed = true;
        return;
    }
    lines->starts[lines->count++] = 0;
    for (size_t i = 0; i < lines->length; i++) {
        if (lines->text[i] == '\n') lines->starts[lines->count++] = i + 1;
    }
    lines->starts[lines->count] = lines->length;
}

static void free_lines(struct lines *lines)
{
    if (lines->starts != NULL) z_free(lines->starts, (lines->count + 1) * sizeof *lines->starts);
}

// The line as a comment would stand; what could move a terminal's cursor is left out.
static void add_line(struct zstrbuf *out, const struct lines *lines, uint32_t line)
{
    if (line == 0 || line > lines->count) return;
    const char *text = lines->text + lines->starts[line - 1];
    size_t length = lines->starts[line] - lines->starts[line - 1];
    size_t shown = length < LINE_SHOWN_BYTES ? length : LINE_SHOWN_BYTES;
    while (shown < length && shown > 0 && ((unsigned char)text[shown] & 0xc0) == 0x80) {
        shown--; // not inside a character
    }
    zstrbuf_add_format(out, "  %u | ", line);
    for (size_t i = 0; i < shown; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c == '\t') {
            zstrbuf_add_text(out, "    ");
        } else if (c >= 32 && c != 127) {
            zstrbuf_add_char(out, (char)c);
        }
    }
    zstrbuf_add_text(out, shown < length ? "…\n" : "\n");
}

// ---- Instructions -----------------------------------------------------------------------------

static void add_quoted(struct zstrbuf *out, const struct zstring *string)
{
    uint32_t length = string->header.aux;
    uint32_t shown = length < TEXT_SHOWN_BYTES ? length : TEXT_SHOWN_BYTES;
    zstrbuf_add_char(out, '"');
    for (uint32_t i = 0; i < shown; i++) {
        unsigned char c = (unsigned char)string->bytes[i];
        if (c < 32 || c >= 127 || c == '"' || c == '\\') {
            zstrbuf_add_format(out, "\\x%02x", c);
        } else {
            zstrbuf_add_char(out, (char)c);
        }
    }
    zstrbuf_add_text(out, shown < length ? "\"…" : "\"");
}

static void add_constant(struct zstrbuf *out, const struct zproto *proto, uint32_t index)
{
    if (index >= proto->constant_count) {
        zstrbuf_add_format(out, "k%u?", index);
        return;
    }
    struct zvalue value = proto->constants[index];
    char text[ZNUMBER_TEXT_MAX];
    switch (value.tag) {
    case ZTAG_INT:
        zstrbuf_add_int(out, value.i);
        break;
    case ZTAG_FLOAT:
        zstrbuf_add(out, text, znumber_format_float(value.d, text));
        break;
    case ZTAG_NULL:
        zstrbuf_add_text(out, "null");
        break;
    case ZTAG_TRUE:
        zstrbuf_add_text(out, "true");
        break;
    case ZTAG_FALSE:
        zstrbuf_add_text(out, "false");
        break;
    case ZTAG_SYMBOL:
        add_quoted(out, value.p);
        break;
    case ZTAG_BUILTIN:
        zstrbuf_add_format(out, "<builtin %s>", ((const struct zbuiltin *)value.p)->name);
        break;
    default:
        zstrbuf_add_text(out, "?");
        break;
    }
}

static void add_operands(struct zstrbuf *out, const struct zproto *proto, uint32_t pc)
{
    uint32_t word = proto->words[pc];
    uint32_t a = ZINSN_A(word), b = ZINSN_B(word), c = ZINSN_C(word), d = ZINSN_D(word);
    switch (zopcode_table[ZINSN_OP(word)].form) {
    case ZFORM_NOTHING:
        break;
    case ZFORM_W:
    case ZFORM_R:
        zstrbuf_add_format(out, "r%u", a);
        break;
    case ZFORM_W_R_0:
    case ZFORM_R_R_0:
        zstrbuf_add_format(out, "r%u r%u", a, b);
        break;
    case ZFORM_W_R_R:
    case ZFORM_R_R_R:
    case ZFORM_W2_R_R:
        zstrbuf_add_format(out, "r%u r%u r%u", a, b, c);
        break;
    case ZFORM_W_R_K:
        zstrbuf_add_format(out, "r%u r%u ", a, b);
        add_constant(out, proto, c);
        break;
    case ZFORM_W_K_R:
        zstrbuf_add_format(out, "r%u ", a);
        add_constant(out, proto, b);
        zstrbuf_add_format(out, " r%u", c);
        break;
    case ZFORM_W_R_I:
    case ZFORM_R_R_I:
    case ZFORM_W2_R_I:
        zstrbuf_add_format(out, "r%u r%u %u", a, b, c);
        break;
    case ZFORM_W_R_N:
    case ZFORM_R_R_N:
        zstrbuf_add_format(out, "r%u r%u count=%u", a, b, c);
        break;
    case ZFORM_W_S:
    case ZFORM_R_S:
        zstrbuf_add_format(out, "r%u %d", a, ZINSN_SD(word));
        break;
    case ZFORM_W_K:
    case ZFORM_R_K:
    case ZFORM_R_N:
        zstrbuf_add_format(out, "r%u ", a);
        add_constant(out, proto, d);
        break;
    case ZFORM_N_K:
        add_constant(out, proto, d);
        break;
    case ZFORM_W_G:
    case ZFORM_R_G:
        zstrbuf_add_format(out, "r%u %s", a, proto->code->globals[d]->bytes);
        break;
    case ZFORM_W_U_0:
        zstrbuf_add_format(out, "r%u capture%u", a, b);
        break;
    case ZFORM_U_R_0:
        zstrbuf_add_format(out, "capture%u r%u", a, b);
        break;
    case ZFORM_W_P:
        zstrbuf_add_format(out, "r%u function%u", a, d);
        break;
    case ZFORM_W_I:
        zstrbuf_add_format(out, "r%u %u", a, d);
        break;
    case ZFORM_R_T:
        zstrbuf_add_format(out, "r%u %s", a, proto->checks[d].type_name->bytes);
        break;
    case ZFORM_DATA:
        zstrbuf_add_format(out, "r%u %s", a, proto->code->datas[d].name->bytes);
        break;
    case ZFORM_J:
        zstrbuf_add_format(out, "-> %u", (uint32_t)((int32_t)pc + 1 + ZINSN_J(word)));
        break;
    case ZFORM_AWAIT:
        zstrbuf_add_format(out, "r%u", a);
        break;
    case ZFORM_UNPACK:
        zstrbuf_add_format(out, "r%u r%u count=%u%s", a, b, c & 127, c >= 128 ? " rest" : "");
        break;
    default:
        zstrbuf_add_format(out, "r%u count=%u", a, b);
        break;
    }
}

static void add_aux(struct zstrbuf *out, const struct zproto *proto, uint32_t pc)
{
    uint32_t aux = proto->words[pc + 1];
    switch (zopcode_table[ZINSN_OP(proto->words[pc])].aux) {
    case ZAUX_JUMP:
    case ZAUX_LOOP:
        zstrbuf_add_format(out, " -> %u", (uint32_t)((int32_t)pc + 2 + (int32_t)aux));
        break;
    case ZAUX_GLOBAL:
        zstrbuf_add_format(out, " %s", proto->code->globals[aux]->bytes);
        break;
    case ZAUX_BUILTIN:
        zstrbuf_add_format(out, " %s", zbuiltin_table[aux].name);
        break;
    default:
        zstrbuf_add_char(out, ' ');
        add_constant(out, proto, aux & 0xffff);
        if (aux >> 16 != ZCACHE_NONE) zstrbuf_add_format(out, " cache%u", aux >> 16);
        break;
    }
}

static void add_place(struct zstrbuf *out, uint32_t line, uint32_t column)
{
    char place[24] = "";
    if (line != 0) (void)snprintf(place, sizeof place, "%u:%u", line, column);
    zstrbuf_add_format(out, "%-8s", place);
}

static void add_instructions(struct zstrbuf *out, const struct zproto *proto, struct lines *lines)
{
    uint32_t shown = 0;
    struct zcode_walk walk;
    zcode_walk_begin(&walk, proto);
    for (uint32_t pc = 0; pc < proto->word_count;) {
        const struct zopcode_info *info = &zopcode_table[ZINSN_OP(proto->words[pc])];
        uint32_t line, column;
        zcode_walk_to(&walk, pc, &line, &column);
        if (line != shown) add_line(out, lines, line);
        shown = line;
        zstrbuf_add_format(out, "  %5u  ", pc);
        add_place(out, line, column);
        zstrbuf_add_format(out, "  %-9s  ", info->name);
        add_operands(out, proto, pc);
        if (info->aux != ZAUX_NONE) add_aux(out, proto, pc);
        zstrbuf_add_char(out, '\n');
        pc += info->aux == ZAUX_NONE ? 1 : 2;
    }
}

// ---- Tables -----------------------------------------------------------------------------------

static void add_constants(struct zstrbuf *out, const struct zproto *proto)
{
    for (uint32_t i = 0; i < proto->constant_count; i++) {
        zstrbuf_add_format(out, "  constant %u: ", i);
        add_constant(out, proto, i);
        zstrbuf_add_char(out, '\n');
    }
}

static void add_captures(struct zstrbuf *out, const struct zproto *proto)
{
    for (uint32_t i = 0; i < proto->capture_count; i++) {
        const struct zcapture *capture = &proto->captures[i];
        zstrbuf_add_format(out, "  capture %u: %s%u of the function around\n", i,
                           capture->from_register ? "r" : "capture", (unsigned)capture->index);
    }
}

static void add_handlers(struct zstrbuf *out, const struct zproto *proto)
{
    for (uint32_t i = 0; i < proto->handler_count; i++) {
        const struct zhandler *handler = &proto->handlers[i];
        zstrbuf_add_format(out, "  %s %u..%u -> %u, value in r%u\n",
                           handler->is_finally ? "finally" : "catch", handler->start, handler->end,
                           handler->target, (unsigned)handler->value_register);
    }
}

static void add_function(struct zstrbuf *out, const struct zproto *proto, struct lines *lines)
{
    zstrbuf_add_format(
        out, "\n%sfunction%u %s: %u parameters, %u registers, %u captures, %u constants",
        proto->async_start != 0 ? "async " : "", proto->index,
        proto->name == NULL ? "anonymous" : proto->name->bytes, (unsigned)proto->param_count,
        (unsigned)proto->register_count, proto->capture_count, proto->constant_count);
    if (proto->file > 0)
        zstrbuf_add_format(out, ", in %s", zcode_file_name(proto->code, proto->file));
    zstrbuf_add_char(out, '\n');
    struct lines none = {0}; // the source at hand is that of the main program
    if (proto->file > 0) lines = &none;
    add_constants(out, proto);
    add_captures(out, proto);
    add_instructions(out, proto, lines);
    add_handlers(out, proto);
}

static void add_globals(struct zstrbuf *out, const struct zcode *code)
{
    for (uint32_t i = 0; i < code->global_count; i++) {
        zstrbuf_add_format(out, "  global %u: %s\n", i, code->globals[i]->bytes);
    }
}

static void add_datas(struct zstrbuf *out, const struct zcode *code)
{
    for (uint32_t i = 0; i < code->data_count; i++) {
        const struct zdata *data = &code->datas[i];
        zstrbuf_add_format(out, "  data %u: %s:", i, data->name->bytes);
        for (uint32_t f = 0; f < data->field_count; f++) {
            zstrbuf_add_format(out, " %s", data->fields[f].check.name->bytes);
        }
        for (uint32_t m = 0; m < data->method_count; m++) {
            zstrbuf_add_format(out, " %s()", data->methods[m]->bytes);
        }
        zstrbuf_add_char(out, '\n');
    }
}

void zcode_disassemble(const struct zcode *code, const char *source, size_t length_bytes,
                       struct zstrbuf *out)
{
    struct lines lines = {.text = source, .length = source == NULL ? 0 : length_bytes};
    find_lines(&lines, out);
    zstrbuf_add_format(out, "%s: %u functions, %u globals, %u inline caches, %llu bytes\n",
                       code->file_name, code->proto_count, code->global_count, code->cache_count,
                       (unsigned long long)code->bytes);
    add_globals(out, code);
    add_datas(out, code);
    for (uint32_t i = 0; i < code->proto_count; i++) {
        add_function(out, &code->protos[i], &lines);
    }
    free_lines(&lines);
}
