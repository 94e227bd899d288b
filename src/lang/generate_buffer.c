// lang/generate_buffer.c - growing arrays of the code generator, its failures and its symbols.
// Thread: owner.
#include "lang/generate_internal.h"

#include "base/alloc.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void zgen_fail(struct zgen *gen, zvm_status status)
{
    if (gen->status == ZVM_OK) gen->status = status;
}

void zgen_error(struct zgen *gen, struct zast_position position, const char *format, ...)
{
    if (gen->status != ZVM_OK) return;
    char text[256];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    zdiagnostics_error(gen->diagnostics, position, 1, "%s", text);
    zgen_fail(gen, ZVM_E_SYNTAX);
}

void *zgen_array_add(struct zgen *gen, struct zgen_array *array, size_t bytes)
{
    if (array->count == array->capacity) {
        uint32_t capacity = array->capacity == 0 ? 8 : array->capacity * 2;
        if (capacity > UINT32_MAX / 64) { // no function comes near; keeps every size in range
            zgen_fail(gen, ZVM_E_LIMIT);
            return NULL;
        }
        void *data = z_resize(array->data, array->capacity * bytes, capacity * bytes);
        if (data == NULL) {
            zgen_fail(gen, ZVM_E_NOMEM);
            return NULL;
        }
        array->data = data;
        array->capacity = capacity;
    }
    return (char *)array->data + bytes * array->count++;
}

void zgen_array_free(struct zgen_array *array, size_t bytes)
{
    z_free(array->data, array->capacity * bytes);
    *array = (struct zgen_array){0};
}

void *zgen_array_take(struct zgen *gen, struct zgen_array *array, size_t bytes)
{
    if (gen->status != ZVM_OK || array->count == 0) return NULL;
    void *data = z_resize(array->data, array->capacity * bytes, array->count * bytes);
    if (data == NULL) {
        zgen_fail(gen, ZVM_E_NOMEM);
        return NULL;
    }
    *array = (struct zgen_array){0};
    return data;
}

const struct zstring *zgen_symbol(struct zgen *gen, struct zast_text text,
                                  struct zast_position position)
{
    if (gen->status != ZVM_OK) return NULL;
    const struct zstring *symbol = NULL;
    zvm_status status = zintern_acquire(gen->intern, text.bytes, text.length_bytes, &symbol);
    if (status == ZVM_E_LIMIT) {
        zgen_error(gen, position, "a name of %u bytes is too long (limit %u)", text.length_bytes,
                   (unsigned)ZINTERN_MAX_BYTES);
    } else if (status != ZVM_OK) {
        zgen_fail(gen, status);
    }
    return symbol;
}
