// vm/shared.c - the symbols that every isolate of a runtime uses: names of types and of error
// kinds, the empty string, the one-character strings and the texts of small integers.
//
// Frozen after zshared_create, but for what is marked; any thread reads it. It owns one reference to each of its
// symbols, and what results of isolates have left that hold each other.
#include "vm/isolate.h"

#include <string.h>

#include "base/alloc.h"
#include "vm/error.h"
#include "vm/mailbox.h"
#include "vm/number.h"

// By type: what typeof() and type() answer.
static const char *const type_texts[32][2] = {
    [ZTAG_INT] = {"integer", "Integer"},      [ZTAG_FLOAT] = {"float", "Float"},
    [ZTAG_NULL] = {"null", "Null"},           [ZTAG_FALSE] = {"boolean", "Boolean"},
    [ZTAG_TRUE] = {"boolean", "Boolean"},     [ZTYPE_STRING] = {"string", "String"},
    [ZTYPE_LIST] = {"list", "List"},          [ZTYPE_MAP] = {"map", "Map"},
    [ZTYPE_FUNC] = {"function", "Function"},  [ZTYPE_CLASS] = {"function", "Function"},
    [ZTYPE_BOUND] = {"function", "Function"}, [ZTYPE_RECORD] = {"data", "Data"},
    [ZTYPE_ERROR] = {"error", "Error"},       [ZTYPE_TASK] = {"task", "Task"},
    [ZTYPE_HOST] = {"host object", "Host"},
    [ZTYPE_ISOLATE] = {"isolate", "Isolate"},
};

static const char *const hidden_texts[2] = {"internal value", "Internal"};

_Static_assert(ZERROR_KIND_COUNT <= 32, "zshared.kinds has 32 places");

static zvm_status acquire_text(struct zintern *intern, const char *text, const struct zstring **out)
{
    return zintern_acquire(intern, text, strlen(text), out);
}

static zvm_status fill_names(struct zshared *shared)
{
    zvm_status status = ZVM_OK;
    for (int i = 0; i < ZERROR_KIND_COUNT && status == ZVM_OK; i++)
        status =
            acquire_text(shared->intern, zerror_kind_name((enum zerror_kind)i), &shared->kinds[i]);
    for (int i = 0; i < 32 && status == ZVM_OK; i++) {
        // Code of another origin can show a program what no source can: a captured variable's cell.
        const char *const *texts = type_texts[i][0] != NULL ? type_texts[i] : hidden_texts;
        status = acquire_text(shared->intern, texts[0], &shared->types[i]);
        if (status == ZVM_OK)
            status = acquire_text(shared->intern, texts[1], &shared->type_names[i]);
    }
    return status;
}

static zvm_status fill_characters(struct zshared *shared)
{
    zvm_status status = zintern_acquire(shared->intern, "", 0, &shared->empty);
    for (int i = 0; i < 128 && status == ZVM_OK; i++) {
        char character = (char)i;
        status = zintern_acquire(shared->intern, &character, 1, &shared->characters[i]);
    }
    return status;
}

static zvm_status fill_integers(struct zshared *shared)
{
    zvm_status status = ZVM_OK;
    for (int i = 0; i < ZPOOL_SMALL_COUNT && status == ZVM_OK; i++) {
        char text[ZNUMBER_TEXT_MAX];
        size_t length = znumber_format_int(ZPOOL_SMALL_MIN + i, text);
        status = zintern_acquire(shared->intern, text, length, &shared->integers[i]);
    }
    return status;
}

zvm_status zshared_create(struct zintern *intern, struct zshared **out)
{
    struct zshared *shared = z_alloc_zeroed(sizeof *shared);
    if (shared == NULL) return ZVM_E_NOMEM;
    shared->intern = intern;
    zvm_status status = fill_names(shared);
    if (status == ZVM_OK) status = fill_characters(shared);
    if (status == ZVM_OK) status = fill_integers(shared);
    if (status != ZVM_OK) {
        zshared_destroy(shared);
        return status;
    }
    *out = shared;
    return ZVM_OK;
}

static void release_all(struct zintern *intern, const struct zstring *const *symbols, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (symbols[i] != NULL) zintern_release(intern, symbols[i]);
    }
}

void zshared_destroy(struct zshared *shared)
{
    if (shared == NULL) return;
    zmailbox_free_results(shared);
    release_all(shared->intern, shared->kinds, 32);
    release_all(shared->intern, shared->types, 32);
    release_all(shared->intern, shared->type_names, 32);
    release_all(shared->intern, shared->characters, 128);
    release_all(shared->intern, &shared->empty, 1);
    release_all(shared->intern, shared->integers, ZPOOL_SMALL_COUNT);
    z_free(shared, sizeof *shared);
}
