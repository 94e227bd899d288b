// vm/parts_tell.c - a value with all that is in it, told as a row of parts.
//
// Owns: the stack of levels, for the length of one call. Thread: the isolate's owner.
// Nothing of the program can change meanwhile: it does not run, and its isolate refuses every call (sched/lend.c). So
// the levels are addresses and numbers, and nothing is looked up twice. No recursion; a value that holds itself ends
// at the depth that the caller has given.
#include "vm/parts.h"

#include "vm/exchange.h"
#include "vm/list.h"
#include "vm/map.h"
#include "vm/parts_levels.h"
#include "vm/record.h"
#include "vm/string.h"

struct teller {
    struct zisolate *iso;
    zvm_tell_part_fn tell;
    void *context;
    uint32_t depth_max;
    struct zparts_levels levels;
    zvm_part part;
};

// As zexchange_out, but what the kind does not speak of stays as it was: a part is told in a few nanoseconds.
static inline void show(const struct zisolate *iso, struct zvalue value, zvm_value *out)
{
    if (zvalue_is_string(value)) {
        out->kind = ZVM_VALUE_STRING;
        out->text = zstring_bytes(value.p);
        out->length_bytes = zstring_length_bytes(value.p);
    } else if (value.tag == ZTAG_INT) {
        out->kind = ZVM_VALUE_INT;
        out->integer = value.i;
    } else if (value.tag == ZTAG_FLOAT) {
        out->kind = ZVM_VALUE_FLOAT;
        out->number = value.d;
    } else {
        *out = zexchange_out(iso, value);
    }
}

static zvm_status tell(struct teller *teller, zvm_part_kind kind, size_t count)
{
    teller->part.kind = kind;
    teller->part.count = count;
    return teller->tell(teller->context, &teller->part) ? ZVM_OK : ZVM_E_OUTPUT;
}

static zvm_status begin(struct teller *teller, struct zvalue value)
{
    zvm_part_kind kind = ZVM_PART_LIST;
    size_t count = ((const struct zobject *)value.p)->aux; // of all three
    if (value.tag != ZTAG_LIST) kind = value.tag == ZTAG_MAP ? ZVM_PART_MAP : ZVM_PART_DATA;
    if (teller->levels.count == teller->depth_max) return ZVM_E_LIMIT;
    if (!zparts_push(&teller->levels, value)) return ZVM_E_NOMEM;
    return tell(teller, kind, count);
}

// The part's key, if it has one, has been set.
static zvm_status tell_value(struct teller *teller, struct zvalue value)
{
    bool has_parts = value.tag == ZTAG_LIST || value.tag == ZTAG_MAP || value.tag == ZTAG_RECORD;
    if (has_parts) return begin(teller, value);
    show(teller->iso, value, &teller->part.value);
    return tell(teller, ZVM_PART_VALUE, 0);
}

static zvm_status end(struct teller *teller)
{
    teller->levels.count--;
    return tell(teller, ZVM_PART_END, 0);
}

static zvm_status tell_element(struct teller *teller, struct zparts_level *level)
{
    const struct zlist *list = level->value.p;
    if (level->next == zlist_length(list)) return end(teller);
    return tell_value(teller, zlist_get(list, level->next++));
}

static zvm_status tell_entry(struct teller *teller, struct zparts_level *level)
{
    const struct zmap *map = level->value.p;
    const struct zmap_entry *entries = zmap_entries(map);
    while (level->next < map->used && entries[level->next].key_tag == ZTAG_DEAD)
        level->next++;
    if (level->next == map->used) return end(teller);
    const struct zmap_entry *entry = &entries[level->next++];
    show(teller->iso, zvalue_slot(entry->key, entry->key_tag), &teller->part.key);
    return tell_value(teller, zvalue_slot(entry->value, entry->value_tag));
}

static zvm_status tell_field(struct teller *teller, struct zparts_level *level)
{
    const struct zrecord *record = level->value.p;
    if (level->next == record->header.aux) return end(teller);
    uint32_t index = level->next++;
    const struct zstring *name = zrecord_shape(record)->fields[index].declared->check.name;
    teller->part.key.kind = ZVM_VALUE_STRING;
    teller->part.key.text = name->bytes;
    teller->part.key.length_bytes = name->header.aux;
    return tell_value(teller, zvalue_slot(record->fields[index], zrecord_tags(record)[index]));
}

static zvm_status tell_next(struct teller *teller)
{
    struct zparts_level *level = zparts_innermost(&teller->levels);
    if (level->value.tag == ZTAG_LIST) return tell_element(teller, level);
    return level->value.tag == ZTAG_MAP ? tell_entry(teller, level) : tell_field(teller, level);
}

zvm_status zparts_tell(struct zisolate *iso, struct zvalue value, uint32_t depth_max,
                       zvm_tell_part_fn tell_part, void *context)
{
    struct teller teller;
    teller.iso = iso;
    teller.tell = tell_part;
    teller.context = context;
    teller.depth_max = depth_max;
    teller.part = (zvm_part){.kind = ZVM_PART_VALUE};
    zparts_levels_init(&teller.levels);
    zvm_status status = tell_value(&teller, value);
    while (status == ZVM_OK && teller.levels.count > 0)
        status = tell_next(&teller);
    zparts_levels_deinit(&teller.levels);
    return status;
}
