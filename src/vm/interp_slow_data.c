// vm/interp_slow_data.c - slow paths of properties, method calls, data and match. Thread: owner.
#include "vm/interp_slow.h"

#include "vm/builtin.h"
#include "vm/error.h"
#include "vm/record.h"
#include "vm/string.h"

// ---- Sites ------------------------------------------------------------------------------------

static const struct zstring *site_name(const struct zisolate *iso, uint32_t aux)
{
    return iso->frame->func->proto->constants[aux & 0xffff].p;
}

static struct zcache *site_cache(const struct zisolate *iso, uint32_t aux)
{
    if (aux >> 16 == ZCACHE_NONE) return NULL;
    return &iso->frame->func->proto->caches[aux >> 16];
}

static struct zcall_name method_of(const struct zisolate *iso, uint32_t insn, uint32_t aux)
{
    return (struct zcall_name){
        .text = site_name(iso, aux),
        .builtin = ZINSN_C(insn),
        .cache = site_cache(iso, aux),
    };
}

// A method that is a builtin of the receiver's type and gets as many arguments as it takes: all that most
// calls on lists, maps and strings need. NULL: the whole way.
static const struct zbuiltin *quick_method(const struct zvalue *receiver, uint32_t insn)
{
    static const uint8_t types[] = {
        [ZTYPE_LIST] = ZMETHOD_LIST, [ZTYPE_MAP] = ZMETHOD_MAP, [ZTYPE_STRING] = ZMETHOD_STRING};
    uint32_t type = zvalue_type(*receiver), count = ZINSN_B(insn) + 1;
    if (ZINSN_C(insn) >= zbuiltin_count || type > ZTYPE_MAP) return NULL;
    const struct zbuiltin *method = &zbuiltin_table[ZINSN_C(insn)];
    bool fits = count >= method->minimum && count <= method->maximum;
    return fits && (method->methods & types[type]) != 0 && method->call != NULL ? method : NULL;
}

enum zcall_outcome zslow_call_method(struct zisolate *iso, struct zvalue *window, uint32_t insn,
                                     uint32_t aux)
{
    const struct zbuiltin *method = quick_method(window, insn);
    if (ZVM_LIKELY(method != NULL)) {
        return method->call(iso, window, ZINSN_B(insn) + 1, window) ? ZCALL_DONE : ZCALL_FAILED;
    }
    return zcall_method(iso, window, ZINSN_B(insn), method_of(iso, insn, aux));
}

enum zcall_outcome zslow_call_method_named(struct zisolate *iso, struct zvalue *window,
                                           uint32_t insn, uint32_t aux)
{
    return zcall_method_named(iso, window, ZINSN_B(insn), method_of(iso, insn, aux));
}

bool zslow_get_property(struct zisolate *iso, const struct zvalue *object, uint32_t aux,
                        struct zvalue *out)
{
    const struct zstring *name = site_name(iso, aux);
    if (object->tag == ZTAG_RECORD)
        return zrecord_get(iso, *object, name, site_cache(iso, aux), out);
    return zproperty_get(iso, *object, name, out);
}

bool zslow_set_property(struct zisolate *iso, const struct zvalue *object, uint32_t aux,
                        const struct zvalue *value)
{
    const struct zstring *name = site_name(iso, aux);
    if (object->tag == ZTAG_RECORD)
        return zrecord_set(iso, object->p, name, site_cache(iso, aux), *value);
    return zproperty_set(iso, *object, name, *value);
}

// ---- Data and match -----------------------------------------------------------------------------

bool zslow_not_a_data_type(struct zisolate *iso, const struct zvalue *name)
{
    const struct zstring *text = name->p;
    return zerror_raise(iso, ZERROR_TYPE, "'%s' is not a data type", text->bytes);
}

// The value's text may be of any length, so the message is made here.
bool zslow_no_match(struct zisolate *iso, const struct zvalue *value)
{
    struct zvalue parts[2] = {zvalue_null(), zvalue_null()}; // the words, the value's text
    struct zscope scope;
    zscope_open(&iso->heap, &scope, parts, 2);
    static const char words[] = "no pattern matches ";
    bool ok = zstring_new(iso, words, sizeof words - 1, &parts[0]) &&
              ztext_string(iso, *value, &parts[1]) && zstring_concat_many(iso, parts, 2, &parts[0]);
    if (ok) {
        struct zvalue kind = zvalue_object(iso->shared->kinds[ZERROR_MATCH], ZTAG_SYMBOL);
        struct zerror *error = zerror_new(iso, kind, parts[0]);
        if (error != NULL) {
            iso->error = zvalue_object(error, ZTAG_ERROR);
            iso->pending = ZPENDING_ERROR;
        }
    }
    zscope_close(&iso->heap, &scope);
    return false;
}
