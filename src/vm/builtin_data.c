// vm/builtin_data.c - methods that every data instance has, unless it declares its own.
//
// Owner-thread. They have no other form, but code that was not compiled here may call them as functions.
#include "vm/builtin_internal.h"

#include "vm/record.h"
#include "vm/text.h"

bool zbuiltin_to_string(struct zisolate *iso, struct zvalue *args, uint32_t count,
                        struct zvalue *result)
{
    (void)count;
    return ztext_string(iso, args[0], result);
}

bool zbuiltin_equals(struct zisolate *iso, struct zvalue *args, uint32_t count,
                     struct zvalue *result)
{
    (void)count;
    bool equal;
    if (!zequal_values(iso, args[0], args[1], &equal)) return false;
    *result = zvalue_bool(equal);
    return true;
}

bool zbuiltin_clone(struct zisolate *iso, struct zvalue *args, uint32_t count,
                    struct zvalue *result)
{
    (void)count;
    if (args[0].tag != ZTAG_RECORD) return zbuiltin_type_error(iso, "clone", 1, "data", args[0]);
    return zrecord_clone(iso, args[0], result);
}
