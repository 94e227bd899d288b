// lang/resolve_hint.c - what may be meant by a name that has no value when it is used.
//
// Owns: nothing; texts lie in the program's arena. Thread: the resolver's.
// A name that no scope declares means a global, looked up when the program runs (LANGUAGE, "Names and
// scope"), so it is no error here. But only here the names around it are known: for names that look
// wrong a text is made beforehand, for the error that may come. Bounded: the first UNKNOWN_MAX such
// names, so that a program of many functions that use each other costs nothing to speak of.
#define ZVM_LANG_RESOLVE_PRIVATE

#include "lang/resolve.h"

#include "lang/resolve_internal.h"
#include "vm/builtin.h"

#include <stdio.h>
#include <string.h>

#define UNKNOWN_MAX    32u
#define HINT_BYTES_MAX 180u

// Words of other languages, and what to write instead.
static const struct {
    const char *word;
    const char *instead;
} foreign_words[] = {
    {"True", "true"},    {"False", "false"},       {"None", "null"},
    {"nil", "null"},     {"NULL", "null"},         {"undefined", "null"},
    {"self", "this"},    {"printf", "print"},      {"println", "print"},
    {"puts", "print"},   {"echo", "print"},        {"console", "print"},
    {"parseInt", "int"}, {"parseFloat", "float"},  {"toString", "string"},
    {"strlen", "len"},   {"toUpperCase", "upper"}, {"toLowerCase", "lower"},
    {"dict", "{}"},      {"tuple", "[]"},
};

static bool is_known(struct zast_text text)
{
    bool is_arguments = text.length_bytes == 4 && memcmp(text.bytes, "args", 4) == 0;
    return is_arguments || zbuiltin_find(text.bytes, text.length_bytes) != ZBUILTIN_NONE;
}

bool zresolver_note_unknown(struct zresolver *resolver, struct zresolver_name *name)
{
    if (name->is_declared || resolver->unknown_count == UNKNOWN_MAX || is_known(name->text))
        return true;
    struct zresolver_unknown *unknown = zresolver_alloc(resolver, sizeof *unknown);
    if (unknown == NULL) return false;
    unknown->name = name;
    znearest_init(&unknown->nearest, name->text.bytes, name->text.length_bytes);
    // Variables are seen from here only; globals from everywhere, once all are known.
    for (uint32_t i = 0; resolver->scope != NULL && i < resolver->name_capacity; i++) {
        const struct zresolver_name *other = resolver->names[i];
        if (other != NULL && other->visible != NULL)
            znearest_offer(&unknown->nearest, other->text.bytes, other->text.length_bytes);
    }
    unknown->next = resolver->unknowns;
    resolver->unknowns = unknown;
    resolver->unknown_count++;
    return true;
}

// A global of an earlier piece stands nowhere in this text.
static bool is_of_session(const struct zresolver_name *name)
{
    return name->global != NULL && name->global->position.line == 0;
}

static void offer_globals(const struct zresolver *resolver, struct znearest *nearest)
{
    for (uint32_t i = 0; i < resolver->name_capacity; i++) {
        const struct zresolver_name *name = resolver->names[i];
        if (name != NULL && (name->is_declared || is_of_session(name)))
            znearest_offer(nearest, name->text.bytes, name->text.length_bytes);
    }
    bool is_function;
    uint8_t methods;
    const char *name;
    for (uint32_t i = 0; (name = zbuiltin_name_at(i, &is_function, &methods)) != NULL; i++)
        if (is_function) znearest_offer(nearest, name, strlen(name));
    znearest_offer(nearest, "args", strlen("args"));
}

static const char *foreign_word(struct zast_text text)
{
    for (size_t i = 0; i < sizeof foreign_words / sizeof foreign_words[0]; i++) {
        const char *word = foreign_words[i].word;
        if (strlen(word) == text.length_bytes && memcmp(word, text.bytes, text.length_bytes) == 0)
            return foreign_words[i].instead;
    }
    return NULL;
}

static void hint_unknown(struct zresolver *resolver, struct zresolver_unknown *unknown)
{
    struct zresolver_name *name = unknown->name;
    const char *instead = foreign_word(name->text);
    struct znearest *nearest = &unknown->nearest;
    if (!name->is_declared && instead == NULL) offer_globals(resolver, nearest);
    if (!name->is_declared && instead == NULL && nearest->best == NULL) return;
    char *text = zresolver_alloc(resolver, HINT_BYTES_MAX);
    if (text == NULL) return;
    if (name->is_declared)
        snprintf(text, HINT_BYTES_MAX,
                 "it gets its value at line %u, which has not been run before this",
                 name->declared_line);
    else if (instead != NULL)
        snprintf(text, HINT_BYTES_MAX, "did you mean '%s'?", instead);
    else
        snprintf(text, HINT_BYTES_MAX, "did you mean '%.*s'?", (int)nearest->best_bytes,
                 nearest->best);
    name->global->hint = text;
}

void zresolver_hint_unknowns(struct zresolver *resolver)
{
    for (struct zresolver_unknown *unknown = resolver->unknowns; unknown != NULL;
         unknown = unknown->next)
        hint_unknown(resolver, unknown);
}
