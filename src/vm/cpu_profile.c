// vm/cpu_profile.c - a table of call stacks and the fuel that was used in each.
//
// Owns: the table, and a reference to each code object that a stack names: functions are shown by name
// when their isolates may be gone. Thread: a table is under its lock, which is held for one look at
// the table, so a thread that samples hardly ever waits; only who writes the profile comes by.
// Invariants:  1. the fuel of all stacks, and of what found no place, is the fuel of all samples.
//              2. stacks [0, stack_count) name functions of codes [0, code_count) and builtins only.
// How: a stack is a run of words in `frames`, found by its hash in an open-addressed index. A full table,
// or one that gets no memory, stays as it is: samples of other stacks go to `other_fuel`.
// Fuel is noted where an isolate stops to look at it: at loops and calls. So a sample is at a call or at
// the end of a loop's round, and stands for the fuel since the sample before.
#include "vm/cpu_profile.h"

#include "base/alloc.h"
#include "base/strbuf.h"
#include "vm/builtin.h"
#include "vm/roots.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

// A word of a stack: a struct zproto, or a struct zbuiltin with this bit, or 0 for calls left out.
#define FRAME_BUILTIN ((uintptr_t)1)
#define FRAME_OMITTED ((uintptr_t)0)

struct stack {
    uint64_t hash, fuel;
    uint32_t first, count; // frames[first, first + count), outermost first
};

struct zcpu_profile {
    uint64_t mean_fuel; // frozen
    pthread_mutex_t lock;
    // under lock
    uintptr_t *frames; // [frame_count]
    struct stack *stacks;
    uint32_t *index; // [index_capacity], 1 + the number of a stack; 0 = free
    const struct zcode **codes;
    uint32_t frame_count, frame_capacity;
    uint32_t stack_count, stack_capacity;
    uint32_t index_capacity; // a power of two, or 0
    uint32_t code_count, code_capacity;
    uint32_t stacks_max, frames_max, codes_max;
    uint64_t other_fuel; // of samples that found no place
};

// One stack on its way into a table.
struct call_stack {
    uintptr_t frames[ZCPU_FRAMES_MAX];
    uint32_t count;
};

zvm_status zcpu_profile_create(uint64_t mean_fuel, struct zcpu_profile **out)
{
    ZVM_ASSERT(mean_fuel >= ZVM_PROFILE_FUEL_MIN);
    ZVM_ASSERT(mean_fuel <= ZVM_PROFILE_FUEL_MAX);
    struct zcpu_profile *profile = z_alloc_zeroed(sizeof *profile);
    if (profile == NULL) return ZVM_E_NOMEM;
    if (pthread_mutex_init(&profile->lock, NULL) != 0) {
        z_free(profile, sizeof *profile);
        return ZVM_E_NOMEM;
    }
    profile->mean_fuel = mean_fuel;
    profile->stacks_max = ZCPU_STACKS_MAX;
    profile->frames_max = ZCPU_ALL_FRAMES_MAX;
    profile->codes_max = ZCPU_CODES_MAX;
    *out = profile;
    return ZVM_OK;
}

void zcpu_profile_destroy(struct zcpu_profile *profile)
{
    if (profile == NULL) return;
    for (uint32_t i = 0; i < profile->code_count; i++)
        zcode_release((struct zcode *)(uintptr_t)profile->codes[i]);
    z_free(profile->codes, profile->code_capacity * sizeof *profile->codes);
    z_free(profile->index, profile->index_capacity * sizeof *profile->index);
    z_free(profile->stacks, profile->stack_capacity * sizeof *profile->stacks);
    z_free(profile->frames, profile->frame_capacity * sizeof *profile->frames);
    pthread_mutex_destroy(&profile->lock);
    z_free(profile, sizeof *profile);
}

// ---- The table ----------------------------------------------------------------------------------

static uint64_t hash_of(const uintptr_t *frames, uint32_t count)
{
    uint64_t hash = count;
    for (uint32_t i = 0; i < count; i++) {
        hash = (hash ^ frames[i]) * UINT64_C(0x9E3779B97F4A7C15);
        hash ^= hash >> 29;
    }
    return hash;
}

// The place in the index where a stack is, or belongs.
static uint32_t *find_place(const struct zcpu_profile *profile, const uintptr_t *frames,
                            uint32_t count, uint64_t hash)
{
    uint32_t mask = profile->index_capacity - 1;
    for (uint32_t at = (uint32_t)hash & mask;; at = (at + 1) & mask) {
        uint32_t *place = &profile->index[at];
        if (*place == 0) return place;
        const struct stack *stack = &profile->stacks[*place - 1];
        if (stack->hash == hash && stack->count == count &&
            memcmp(profile->frames + stack->first, frames, count * sizeof *frames) == 0)
            return place;
    }
}

// Room for `more` elements behind `used`, at most `most` of them. *array: of *capacity elements.
static bool make_room(void *array_pointer, uint32_t *capacity, uint32_t used, uint32_t more,
                      uint32_t most, size_t element_bytes)
{
    if (more > most - used) return false;
    if (used + more <= *capacity) return true;
    uint32_t wanted = *capacity == 0 ? 64 : *capacity;
    while (wanted < used + more)
        wanted *= 2; // most is far below 2^31
    void **array = array_pointer;
    void *grown = z_resize(*array, *capacity * element_bytes, wanted * element_bytes);
    if (grown == NULL) return false;
    *array = grown;
    *capacity = wanted;
    return true;
}

// The index is at most half full.
static bool make_index_room(struct zcpu_profile *profile)
{
    if ((profile->stack_count + 1) * 2 <= profile->index_capacity) return true;
    uint32_t capacity = profile->index_capacity == 0 ? 128 : profile->index_capacity * 2;
    uint32_t *index = z_alloc_zeroed(capacity * sizeof *index);
    if (index == NULL) return false;
    z_free(profile->index, profile->index_capacity * sizeof *index);
    profile->index = index;
    profile->index_capacity = capacity;
    for (uint32_t i = 0; i < profile->stack_count; i++) {
        const struct stack *stack = &profile->stacks[i];
        *find_place(profile, profile->frames + stack->first, stack->count, stack->hash) = i + 1;
    }
    return true;
}

static bool is_kept(const struct zcpu_profile *profile, const struct zcode *code)
{
    for (uint32_t i = profile->code_count; i > 0; i--)
        if (profile->codes[i - 1] == code) return true;
    return false;
}

// A stack that is left out afterwards may leave a code here: it is let go of with the others.
static bool keep_codes(struct zcpu_profile *profile, const uintptr_t *frames, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (frames[i] == FRAME_OMITTED || (frames[i] & FRAME_BUILTIN) != 0) continue;
        const struct zcode *code = ((const struct zproto *)frames[i])->code;
        if (is_kept(profile, code)) continue;
        if (!make_room(&profile->codes, &profile->code_capacity, profile->code_count, 1,
                       profile->codes_max, sizeof(struct zcode *)))
            return false;
        zcode_retain((struct zcode *)(uintptr_t)code);
        profile->codes[profile->code_count++] = code;
    }
    return true;
}

static bool add_new(struct zcpu_profile *profile, const uintptr_t *frames, uint32_t count,
                    uint64_t hash, uint64_t fuel)
{
    if (!make_room(&profile->stacks, &profile->stack_capacity, profile->stack_count, 1,
                   profile->stacks_max, sizeof(struct stack)) ||
        !make_room(&profile->frames, &profile->frame_capacity, profile->frame_count, count,
                   profile->frames_max, sizeof(uintptr_t)) ||
        !make_index_room(profile) || !keep_codes(profile, frames, count))
        return false;
    *find_place(profile, frames, count, hash) = profile->stack_count + 1;
    profile->stacks[profile->stack_count++] =
        (struct stack){hash, fuel, profile->frame_count, count};
    memcpy(profile->frames + profile->frame_count, frames, count * sizeof *frames);
    profile->frame_count += count;
    return true;
}

static void add(struct zcpu_profile *profile, const uintptr_t *frames, uint32_t count,
                uint64_t fuel)
{
    uint64_t hash = hash_of(frames, count);
    if (profile->index_capacity > 0) {
        uint32_t number = *find_place(profile, frames, count, hash);
        if (number != 0) {
            profile->stacks[number - 1].fuel += fuel;
            return;
        }
    }
    if (!add_new(profile, frames, count, hash, fuel)) profile->other_fuel += fuel;
}

// ---- Sampling -----------------------------------------------------------------------------------

static uintptr_t word_of(const struct zframe *frame)
{
    if (frame->flags & ZFRAME_NATIVE) return (uintptr_t)frame->native | FRAME_BUILTIN;
    return (uintptr_t)frame->func->proto;
}

// The outermost call, and as many of the innermost as there is room for.
static void capture(const struct zisolate *iso, bool is_over, struct call_stack *out)
{
    out->count = 0;
    if (is_over || iso->frame == NULL) {
        out->frames[out->count++] = (uintptr_t)&iso->code->protos[0];
        return;
    }
    size_t depth = (size_t)(iso->frame - iso->frames) + 1;
    const struct zframe *next = iso->frames;
    if (depth > ZCPU_FRAMES_MAX) {
        out->frames[out->count++] = word_of(next);
        out->frames[out->count++] = FRAME_OMITTED;
        next = iso->frame - (ZCPU_FRAMES_MAX - 3);
    }
    for (; next <= iso->frame; next++)
        out->frames[out->count++] = word_of(next);
}

_Static_assert(_Alignof(struct zproto) > 1, "the lowest bit of a frame's word is free");
_Static_assert(_Alignof(struct zbuiltin) > 1, "the lowest bit of a frame's word is free");

static uint64_t next_random(uint64_t *state) // xorshift64
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

// Random, so that no loop of a program can keep step with the samples.
static void set_next(struct zcpu_sampler *sampler)
{
    uint64_t mean = sampler->profile->mean_fuel;
    sampler->next_fuel = mean / 2 + next_random(&sampler->random) % mean;
}

void zcpu_sampler_init(struct zcpu_sampler *sampler, struct zcpu_profile *profile, uint64_t seed)
{
    *sampler = (struct zcpu_sampler){.profile = profile};
    if (profile == NULL) return;
    sampler->random = (seed + 1) * UINT64_C(0x9E3779B97F4A7C15) | 1;
    set_next(sampler);
}

void zcpu_sampler_add(struct zcpu_sampler *sampler, const struct zisolate *iso, uint64_t fuel,
                      bool is_over)
{
    sampler->pending_fuel += fuel;
    // As when the grant is below zero: so it is the same place whether or not collections end grants earlier.
    if (sampler->pending_fuel <= sampler->next_fuel) return;
    struct call_stack stack;
    capture(iso, is_over, &stack);
    pthread_mutex_lock(&sampler->profile->lock);
    add(sampler->profile, stack.frames, stack.count, sampler->pending_fuel);
    pthread_mutex_unlock(&sampler->profile->lock);
    sampler->pending_fuel = 0;
    set_next(sampler);
}

// ---- Writing ------------------------------------------------------------------------------------

static zvm_status add_all(struct zcpu_profile *sum, struct zcpu_profile *from)
{
    pthread_mutex_lock(&from->lock);
    uint64_t other = from->other_fuel, before = sum->other_fuel;
    for (uint32_t i = 0; i < from->stack_count; i++) {
        const struct stack *stack = &from->stacks[i];
        add(sum, from->frames + stack->first, stack->count, stack->fuel);
    }
    pthread_mutex_unlock(&from->lock);
    bool is_whole = sum->other_fuel == before; // it has room for all that the others have
    sum->other_fuel += other;
    return is_whole ? ZVM_OK : ZVM_E_NOMEM;
}

static int compare(const void *left, const void *right)
{
    const struct stack *a = left, *b = right;
    if (a->fuel != b->fuel) return a->fuel < b->fuel ? 1 : -1;
    return a->first < b->first ? -1 : a->first > b->first;
}

// A semicolon would end the name, and a space belongs to the number.
static void add_name(struct zstrbuf *line, const char *name)
{
    for (; *name != '\0'; name++)
        zstrbuf_add_char(line, *name == ';' || *name == ' ' || *name == '\n' ? '_' : *name);
}

// Where its first instruction with a place is: what tells functions without a name apart.
static void add_place(struct zstrbuf *line, const struct zproto *proto)
{
    struct zcode_walk walk;
    zcode_walk_begin(&walk, proto);
    uint32_t number = 0, column;
    for (uint32_t pc = 0; number == 0 && pc < proto->word_count; pc++)
        zcode_walk_to(&walk, pc, &number, &column);
    zstrbuf_add_char(line, '@');
    add_name(line, zcode_file_name(proto->code, proto->file));
    zstrbuf_add_format(line, ":%u", (unsigned)number);
}

static void add_frame(struct zstrbuf *line, uintptr_t frame)
{
    if (frame == FRAME_OMITTED) {
        zstrbuf_add_text(line, "(calls_left_out)");
    } else if ((frame & FRAME_BUILTIN) != 0) {
        add_name(line, ((const struct zbuiltin *)(frame - FRAME_BUILTIN))->name);
    } else {
        const struct zproto *proto = (const struct zproto *)frame;
        add_name(line, zproto_text(proto));
        if (proto->name == NULL) add_place(line, proto);
    }
}

static bool write_line(struct zstrbuf *line, uint64_t fuel, zvm_write_fn write, void *context)
{
    zstrbuf_add_format(line, " %llu\n", (unsigned long long)fuel);
    return !line->failed && write(context, line->data, line->length);
}

static zvm_status write_sum(struct zcpu_profile *sum, zvm_write_fn write, void *context)
{
    if (sum->stack_count > 0) qsort(sum->stacks, sum->stack_count, sizeof *sum->stacks, compare);
    struct zstrbuf line;
    zstrbuf_init(&line);
    bool ok = true;
    for (uint32_t i = 0; i < sum->stack_count && ok; i++) {
        const struct stack *stack = &sum->stacks[i];
        zstrbuf_clear(&line);
        for (uint32_t j = 0; j < stack->count; j++) {
            if (j > 0) zstrbuf_add_char(&line, ';');
            add_frame(&line, sum->frames[stack->first + j]);
        }
        ok = write_line(&line, stack->fuel, write, context);
    }
    if (ok && sum->other_fuel > 0) {
        zstrbuf_clear(&line);
        zstrbuf_add_text(&line, "(other_stacks)");
        ok = write_line(&line, sum->other_fuel, write, context);
    }
    zvm_status status = ok ? ZVM_OK : line.failed ? ZVM_E_NOMEM : ZVM_E_OUTPUT;
    zstrbuf_deinit(&line);
    return status;
}

zvm_status zcpu_profile_write(struct zcpu_profile *const *profiles, uint32_t count,
                              zvm_write_fn write, void *context)
{
    struct zcpu_profile *sum;
    zvm_status status = zcpu_profile_create(ZVM_PROFILE_FUEL, &sum);
    if (status != ZVM_OK) return status;
    sum->stacks_max = sum->frames_max = sum->codes_max =
        UINT32_MAX / 4; // what its sources hold is bounded
    for (uint32_t i = 0; i < count && status == ZVM_OK; i++)
        status = add_all(sum, profiles[i]);
    if (status == ZVM_OK) status = write_sum(sum, write, context);
    zcpu_profile_destroy(sum);
    return status;
}
