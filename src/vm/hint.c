// vm/hint.c - notes in errors, and the hints that become of them.
//
// Owns: nothing. Thread: owner. Texts are made once, when the isolate has ended, from what is frozen:
// the heap may be full and the frames gone.
#include "vm/hint.h"

#include "vm/builtin.h"
#include "vm/error.h"
#include "vm/shape.h"
#include "vm/string.h"

#include "base/nearest.h"

#include <string.h>

#define FIELDS_BYTES_MAX 160u // then the list of fields is cut

bool zhint_add(struct zisolate *iso, enum zhint_kind kind, uint32_t type, const void *subject,
               uint32_t number)
{
    bool is_raised = iso->pending == ZPENDING_ERROR || iso->pending == ZPENDING_ERROR_CALLER;
    if (!is_raised || iso->error.tag != ZTAG_ERROR) return false;
    struct zerror *error = iso->error.p;
    error->hint = (uint8_t)kind;
    error->hint_type = (uint8_t)type;
    error->hint_number = number;
    error->hint_subject = subject;
    return false;
}

bool zhint_add_name(struct zisolate *iso, enum zhint_kind kind, uint32_t type, const void *subject,
                    const struct zstring *name)
{
    (void)zhint_add(iso, kind, type, subject, 0);
    if (iso->error.tag == ZTAG_ERROR) ((struct zerror *)iso->error.p)->hint_name = name;
    return false;
}

bool zhint_raise_index(struct zisolate *iso, int64_t index, uint64_t length)
{
    (void)zerror_raise(iso, ZERROR_INDEX, "index %lld out of range for length %llu",
                       (long long)index, (unsigned long long)length);
    return zhint_add(iso, ZHINT_INDEX, index < 0, NULL, (uint32_t)length);
}

// ---- Names -------------------------------------------------------------------------------------

static void write_name(const struct zerror *error, struct zstrbuf *out)
{
    const struct zcode *code = error->hint_subject;
    for (uint32_t i = 0; i < code->hint_count; i++)
        if (code->hints[i].slot == error->hint_number) zstrbuf_add_text(out, code->hints[i].text);
}

static uint8_t method_mask(uint32_t type)
{
    switch (type) {
    case ZTYPE_LIST:
        return ZMETHOD_LIST;
    case ZTYPE_MAP:
        return ZMETHOD_MAP;
    case ZTYPE_STRING:
        return ZMETHOD_STRING;
    case ZTYPE_RECORD:
        return ZMETHOD_DATA;
    default:
        return 0;
    }
}

static void offer_methods(struct znearest *nearest, uint32_t type)
{
    bool is_function;
    uint8_t methods;
    const char *name;
    for (uint32_t i = 0; (name = zbuiltin_name_at(i, &is_function, &methods)) != NULL; i++)
        if ((methods & method_mask(type)) != 0) znearest_offer(nearest, name, strlen(name));
}

static void offer_fields(struct znearest *nearest, uint32_t type)
{
    static const char *const fields_of_error[] = {"message", "kind", "line", "column"};
    if (type != ZTYPE_ERROR) return;
    for (size_t i = 0; i < sizeof fields_of_error / sizeof *fields_of_error; i++)
        znearest_offer(nearest, fields_of_error[i], strlen(fields_of_error[i]));
}

static void write_method(const struct zerror *error, struct zstrbuf *out)
{
    const struct zstring *name = error->hint_name;
    const char *text = zstring_bytes(name);
    size_t bytes = zstring_length_bytes(name);
    struct znearest nearest;
    znearest_init(&nearest, text, bytes);
    offer_methods(&nearest, error->hint_type);
    if (nearest.best != NULL)
        zstrbuf_add_format(out, "did you mean '%s'?", nearest.best);
    else if (zbuiltin_find(text, bytes) != ZBUILTIN_NONE)
        zstrbuf_add_format(out, "'%s' is a function: write %s(...)", text, text);
}

static void write_property(const struct zerror *error, struct zstrbuf *out)
{
    const struct zstring *name = error->hint_name;
    const char *text = zstring_bytes(name);
    size_t bytes = zstring_length_bytes(name);
    struct znearest nearest;
    znearest_init(&nearest, text, bytes);
    offer_fields(&nearest, error->hint_type);
    uint32_t method = zbuiltin_find_method(text, bytes);
    bool is_method = method != ZBUILTIN_NONE &&
                     (zbuiltin_table[method].methods & method_mask(error->hint_type)) != 0;
    if (is_method)
        zstrbuf_add_format(out, "'%s' is a method: write .%s(...)", text, text);
    else if (nearest.best != NULL)
        zstrbuf_add_format(out, "did you mean '%s'?", nearest.best);
}

// ---- Records -----------------------------------------------------------------------------------

static void offer_members(struct znearest *nearest, const struct zshape *shape, bool with_methods)
{
    for (uint32_t i = 0; i <= shape->member_mask; i++) {
        const struct zshape_member *member = &shape->members[i];
        bool is_offered =
            member->kind == ZSHAPE_FIELD || (with_methods && member->kind == ZSHAPE_METHOD);
        if (is_offered)
            znearest_offer(nearest, zstring_bytes(member->name),
                           zstring_length_bytes(member->name));
    }
}

// The fields as a construction gives them; those with a default may be left out.
static void write_fields(const struct zshape *shape, struct zstrbuf *out)
{
    zstrbuf_add_format(out, "%s has ", zstring_bytes(shape->data->name));
    if (shape->field_count == 0) zstrbuf_add_text(out, "no fields");
    for (uint32_t i = 0; i < shape->field_count; i++) {
        const struct zdata_field *field = shape->fields[i].declared;
        if (out->length > FIELDS_BYTES_MAX) {
            zstrbuf_add_text(out, ", ...");
            break;
        }
        zstrbuf_add_text(out, i == 0 ? "" : ", ");
        zstrbuf_add_text(out, zstring_bytes(field->check.name));
        if (field->default_kind != ZFIELD_REQUIRED) zstrbuf_add_text(out, " (has a default)");
    }
}

static void write_member(const struct zerror *error, struct zstrbuf *out)
{
    const struct zshape *shape = error->hint_subject;
    const struct zstring *name = error->hint_name;
    bool with_methods = error->hint == ZHINT_MEMBER;
    struct znearest nearest;
    znearest_init(&nearest, zstring_bytes(name), zstring_length_bytes(name));
    offer_members(&nearest, shape, with_methods);
    if (with_methods) offer_methods(&nearest, ZTYPE_RECORD);
    if (nearest.best != NULL)
        zstrbuf_add_format(out, "did you mean '%.*s'?", (int)nearest.best_bytes, nearest.best);
    else
        write_fields(shape, out);
}

// ---- Calls -------------------------------------------------------------------------------------

static void write_parameters(const struct zerror *error, struct zstrbuf *out)
{
    const struct zproto *proto = error->hint_subject;
    if (proto->signature == NULL && proto->param_count > 0) return;
    if (proto->name == NULL)
        zstrbuf_add_text(out, "the function");
    else
        zstrbuf_add_format(out, "'%s'", zstring_bytes(proto->name));
    if (proto->param_count == 0)
        zstrbuf_add_text(out, " takes no arguments");
    else
        zstrbuf_add_format(out, " takes %s", proto->signature);
}

static void write_builtin(const struct zerror *error, struct zstrbuf *out)
{
    const struct zbuiltin *builtin = error->hint_subject;
    const char *parameters = zbuiltin_parameters(builtin);
    if (parameters == NULL) return;
    if (error->hint_number == 0) {
        zstrbuf_add_format(out, "it is %s(%s)", builtin->name, parameters);
        return;
    }
    // The receiver is the first word of the parameters.
    size_t receiver = strcspn(parameters, ",[");
    const char *rest = parameters + receiver;
    const char *bracket = *rest == '[' ? "[" : "";
    if (*rest == '[') rest++;
    if (*rest == ',') rest += strlen(", ");
    zstrbuf_add_format(out, "it is %.*s.%s(%s%s)", (int)receiver, parameters, builtin->name,
                       bracket, rest);
}

static void write_index(const struct zerror *error, struct zstrbuf *out)
{
    uint32_t length = error->hint_number;
    if (length == 0)
        zstrbuf_add_text(out, "it is empty: the length is 0");
    else if (length == 1)
        zstrbuf_add_text(out, "the length is 1: the only index is 0");
    else
        zstrbuf_add_format(out, "the length is %u: an index is from 0 to %u%s", length, length - 1,
                           error->hint_type != 0 ? "; none counts from the end" : "");
}

void zhint_write(const struct zerror *error, struct zstrbuf *out)
{
    switch ((enum zhint_kind)error->hint) {
    case ZHINT_NONE:
        return;
    case ZHINT_NAME:
        write_name(error, out);
        return;
    case ZHINT_METHOD:
        write_method(error, out);
        return;
    case ZHINT_PROPERTY:
        write_property(error, out);
        return;
    case ZHINT_MEMBER:
    case ZHINT_FIELD:
        write_member(error, out);
        return;
    case ZHINT_FIELDS:
        write_fields(error->hint_subject, out);
        return;
    case ZHINT_PARAMETERS:
        write_parameters(error, out);
        return;
    case ZHINT_BUILTIN:
        write_builtin(error, out);
        return;
    case ZHINT_INDEX:
        write_index(error, out);
        return;
    case ZHINT_JOIN:
        zstrbuf_add_text(out, "only strings are joined: write string(x), or \"${x}\"");
        return;
    }
}
