// vm/needs.c - which globals a function uses.
//
// Owns: the list of a code object. Thread: any. Two threads may find the same at once: both lists are right,
// and both stay. shared: code->needs. PAIR needs: release when one is put in, acquire by who looks.
// How: the functions to look at are a list of which each is in once; closures inside add theirs.
#include "vm/needs.h"

#include "base/alloc.h"
#include "vm/builtin.h"

#include <string.h>

struct finder {
    const struct zcode *code;
    uint32_t *globals; // [code->global_count]
    uint32_t global_count;
    uint8_t *is_global; // [code->global_count]
    uint32_t *protos;   // [code->proto_count]
    uint32_t proto_count;
    uint8_t *is_proto; // [code->proto_count]
};

static void add_global(struct finder *finder, uint32_t slot)
{
    if (finder->is_global[slot]) return;
    finder->is_global[slot] = 1;
    finder->globals[finder->global_count++] = slot;
}

static void add_proto(struct finder *finder, uint32_t index)
{
    if (finder->is_proto[index]) return;
    finder->is_proto[index] = 1;
    finder->protos[finder->proto_count++] = index;
}

static void look_at(struct finder *finder, const struct zproto *proto)
{
    for (uint32_t pc = 0; pc < proto->word_count; pc++) {
        uint32_t word = proto->words[pc];
        const struct zopcode_info *info = &zopcode_table[ZINSN_OP(word)];
        if (info->form == ZFORM_W_G || info->form == ZFORM_R_G) add_global(finder, ZINSN_D(word));
        if (info->form == ZFORM_W_P) add_proto(finder, ZINSN_D(word));
        if (info->aux == ZAUX_NONE) continue;
        pc++;
        if (info->aux == ZAUX_GLOBAL) add_global(finder, proto->words[pc]);
    }
}

static struct zneeds *make(const struct finder *finder, uint32_t proto)
{
    size_t bytes = finder->global_count * sizeof *finder->globals;
    struct zneeds *needs = z_alloc(sizeof *needs + bytes);
    if (needs == NULL) return NULL;
    needs->proto = proto;
    needs->count = finder->global_count;
    if (bytes > 0) memcpy(needs->globals, finder->globals, bytes);
    return needs;
}

static struct zneeds *find(const struct zproto *proto)
{
    const struct zcode *code = proto->code;
    size_t globals = code->global_count, protos = code->proto_count;
    size_t bytes = (globals + protos) * (sizeof(uint32_t) + 1);
    char *memory = z_alloc_zeroed(bytes);
    if (memory == NULL) return NULL;
    struct finder finder = {.code = code, .globals = (uint32_t *)(void *)memory};
    finder.protos = finder.globals + globals;
    finder.is_global = (uint8_t *)(finder.protos + protos);
    finder.is_proto = finder.is_global + globals;
    add_proto(&finder, proto->index);
    for (uint32_t i = 0; i < finder.proto_count; i++)
        look_at(&finder, &code->protos[finder.protos[i]]);
    struct zneeds *needs = make(&finder, proto->index);
    z_free(memory, bytes);
    return needs;
}

const struct zneeds *zneeds_of(const struct zproto *proto)
{
    struct zcode *code = (struct zcode *)(uintptr_t)proto->code;
    struct zneeds *first = z_load_acquire(&code->needs); // PAIR needs
    for (struct zneeds *needs = first; needs != NULL; needs = needs->next)
        if (needs->proto == proto->index) return needs;
    struct zneeds *made = find(proto);
    if (made == NULL) return NULL;
    do {
        made->next = first;
    } while (!z_cas_weak_release(&code->needs, &first, made)); // PAIR needs
    return made;
}

static bool has_spawn(const struct zproto *proto, uint32_t spawn)
{
    for (uint32_t pc = 0; pc < proto->word_count; pc++) {
        uint8_t aux = zopcode_table[ZINSN_OP(proto->words[pc])].aux;
        if (aux == ZAUX_NONE) continue;
        pc++;
        if (aux == ZAUX_BUILTIN && proto->words[pc] == spawn) return true;
    }
    return false;
}

bool zneeds_has_spawn(const struct zcode *code)
{
    static const char name[] = "spawn";
    uint32_t spawn = zbuiltin_find(name, sizeof name - 1);
    for (uint32_t i = 0; i < code->proto_count; i++)
        if (has_spawn(&code->protos[i], spawn)) return true;
    return false;
}

void zneeds_free_all(struct zcode *code)
{
    struct zneeds *needs = z_load_relaxed(&code->needs); // relaxed: nobody else has the code
    while (needs != NULL) {
        struct zneeds *next = needs->next;
        z_free(needs, sizeof *needs + needs->count * sizeof needs->globals[0]);
        needs = next;
    }
}
