// vm/builtin_math.c - numbers: abs, min, max, rounding, sqrt, pow, range. Owner-thread.
#include "vm/builtin_internal.h"

#include <math.h>

#include "vm/number.h"
#include "vm/text.h"

bool zbuiltin_abs(struct zisolate *iso, struct zvalue *args, uint32_t count, struct zvalue *result)
{
    (void)count;
    if (!zbuiltin_need_number(iso, "abs", 1, args[0])) return false;
    if (args[0].tag == ZTAG_FLOAT) {
        *result = zvalue_float(fabs(args[0].d));
        return true;
    }
    if (args[0].i == INT64_MIN)
        return zerror_raise(iso, ZERROR_OVERFLOW, "integer overflow in abs");
    *result = zvalue_int(args[0].i < 0 ? -args[0].i : args[0].i);
    return true;
}

// ---- min and max --------------------------------------------------------------------------------

// Whichever of the two the order prefers; the first, unless the second is strictly before it.
static bool prefer(struct zisolate *iso, enum zorder order, struct zvalue candidate,
                   struct zvalue *best)
{
    bool is_better;
    if (!zorder_values(iso, order, candidate, *best, &is_better)) return false;
    if (is_better) *best = candidate;
    return true;
}

static bool check_first(struct zisolate *iso, const char *name, struct zvalue first)
{
    if (first.tag <= ZTAG_FLOAT || zvalue_is_string(first)) return true;
    return zerror_raise(iso, ZERROR_TYPE, "%s(): cannot order %s", name, zerror_type_text(first));
}

static bool extreme_of_list(struct zisolate *iso, const char *name, enum zorder order,
                            const struct zlist *list, struct zvalue *result)
{
    uint32_t length = zlist_length(list);
    if (length == 0) return zerror_raise(iso, ZERROR_VALUE, "%s() of an empty list", name);
    struct zvalue best = zlist_get(list, 0);
    if (!check_first(iso, name, best)) return false;
    struct zfuel_meter meter = {0};
    for (uint32_t i = 1; i < length; i++) {
        if (!zfuel_meter_add(iso, &meter, sizeof(uint64_t))) return false;
        if (!prefer(iso, order, zlist_get(list, i), &best)) return false;
    }
    *result = best;
    return true;
}

static bool extreme(struct zisolate *iso, const char *name, enum zorder order, struct zvalue *args,
                    uint32_t count, struct zvalue *result)
{
    if (count == 1 && args[0].tag == ZTAG_LIST)
        return extreme_of_list(iso, name, order, args[0].p, result);
    struct zvalue best = args[0];
    if (!check_first(iso, name, best)) return false;
    for (uint32_t i = 1; i < count; i++) {
        if (!prefer(iso, order, args[i], &best)) return false;
    }
    *result = best;
    return true;
}

bool zbuiltin_min(struct zisolate *iso, struct zvalue *args, uint32_t count, struct zvalue *result)
{
    return extreme(iso, "min", ZORDER_LT, args, count, result);
}

bool zbuiltin_max(struct zisolate *iso, struct zvalue *args, uint32_t count, struct zvalue *result)
{
    return extreme(iso, "max", ZORDER_GT, args, count, result);
}

// ---- Rounding -----------------------------------------------------------------------------------

static bool to_whole(struct zisolate *iso, const char *name, double (*rounding)(double),
                     struct zvalue value, struct zvalue *result)
{
    if (!zbuiltin_need_number(iso, name, 1, value)) return false;
    if (value.tag == ZTAG_INT) {
        *result = value;
        return true;
    }
    if (!isfinite(value.d)) {
        char text[ZNUMBER_TEXT_MAX];
        znumber_format_float(value.d, text);
        return zerror_raise(iso, ZERROR_VALUE, "cannot convert %s to integer", text);
    }
    double whole = rounding(value.d);
    if (whole < -0x1p63 || whole >= 0x1p63)
        return zerror_raise(iso, ZERROR_OVERFLOW, "integer overflow in %s", name);
    *result = zvalue_int((int64_t)whole);
    return true;
}

bool zbuiltin_floor(struct zisolate *iso, struct zvalue *args, uint32_t count,
                    struct zvalue *result)
{
    (void)count;
    return to_whole(iso, "floor", floor, args[0], result);
}

bool zbuiltin_ceil(struct zisolate *iso, struct zvalue *args, uint32_t count, struct zvalue *result)
{
    (void)count;
    return to_whole(iso, "ceil", ceil, args[0], result);
}

bool zbuiltin_round(struct zisolate *iso, struct zvalue *args, uint32_t count,
                    struct zvalue *result)
{
    (void)count;
    return to_whole(iso, "round", round, args[0], result); // half away from zero, as C's
}

// ---- Powers -------------------------------------------------------------------------------------

bool zbuiltin_sqrt(struct zisolate *iso, struct zvalue *args, uint32_t count, struct zvalue *result)
{
    (void)count;
    if (!zbuiltin_need_number(iso, "sqrt", 1, args[0])) return false;
    double value = args[0].tag == ZTAG_INT ? (double)args[0].i : args[0].d;
    if (value < 0) return zerror_raise(iso, ZERROR_VALUE, "sqrt() of a negative number");
    *result = zvalue_float(sqrt(value));
    return true;
}

bool zbuiltin_pow(struct zisolate *iso, struct zvalue *args, uint32_t count, struct zvalue *result)
{
    (void)count;
    if (!zbuiltin_need_number(iso, "pow", 1, args[0])) return false;
    if (!zbuiltin_need_number(iso, "pow", 2, args[1])) return false;
    return zarith_apply(iso, ZARITH_POW, args[0], args[1], result);
}

// ---- range --------------------------------------------------------------------------------------

// Integers from start on, in steps, before end. The distance of two integers may need 64 bits
// unsigned.
static uint64_t range_count(int64_t start, int64_t end, int64_t step)
{
    if (step > 0 ? start >= end : start <= end) return 0;
    uint64_t distance =
        step > 0 ? (uint64_t)end - (uint64_t)start : (uint64_t)start - (uint64_t)end;
    uint64_t stride = step > 0 ? (uint64_t)step : 0 - (uint64_t)step;
    return (distance - 1) / stride + 1;
}

static bool fill_range(struct zisolate *iso, struct zlist *list, int64_t start, int64_t step,
                       uint32_t count)
{
    uint64_t *payload = zlist_payload(list);
    struct zfuel_meter meter = {0};
    uint64_t value = (uint64_t)start; // unsigned: the step behind the last may leave the range
    for (uint32_t i = 0; i < count; i++) {
        if (!zfuel_meter_add(iso, &meter, sizeof *payload)) return false;
        payload[i] = value;
        value += (uint64_t)step;
    }
    list->owner.header.aux = count; // as ZLIST_INT, which every fresh list is
    return true;
}

bool zbuiltin_range_of(struct zisolate *iso, const struct zvalue *args, uint32_t count,
                       struct zrange *out)
{
    for (uint32_t i = 0; i < count; i++) {
        if (!zbuiltin_need_int(iso, "range", i + 1, args[i])) return false;
    }
    int64_t start = count > 1 ? args[0].i : 0;
    int64_t end = count > 1 ? args[1].i : args[0].i;
    int64_t step = count > 2 ? args[2].i : 1;
    if (step == 0) return zerror_raise(iso, ZERROR_VALUE, "range() step must not be zero");
    uint64_t length = range_count(start, end, step);
    if (length > ZLIST_LENGTH_MAX) return zlist_raise_too_long(iso);
    *out = (struct zrange){.start = start, .step = step, .count = length};
    return true;
}

bool zbuiltin_range(struct zisolate *iso, struct zvalue *args, uint32_t count,
                    struct zvalue *result)
{
    struct zrange range;
    if (!zbuiltin_range_of(iso, args, count, &range)) return false;
    struct zvalue list;
    if (!zlist_new(iso, range.count, &list)) return false;
    if (!fill_range(iso, list.p, range.start, range.step, (uint32_t)range.count)) return false;
    *result = list;
    return true;
}
