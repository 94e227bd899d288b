// tests/model/explore_plain.c - plain memory: data races, and pieces that live for one execution.
//
// Owns: what is known of each plain variable, by its address, and the pieces that zx_alloc gives
// out. Reads and writes of plain memory are no steps: when nothing orders two of them, this file
// sees it in whatever order they come. Freed memory is not given out again in the same execution,
// so a late use is always recognised.
#include "explore.h"

#include <string.h>

#define VARIABLES_MAX 4096
#define SLOTS_COUNT   (2 * VARIABLES_MAX)
#define PIECES_MAX    4096
#define PIECES_BYTES  (1u << 20)
#define PIECE_ALIGN   64u // a cache line: what such memory is mostly asked for

// ---- Pieces -------------------------------------------------------------------------------------

struct piece {
    size_t bytes;
    uint32_t thread, step; // who asked for it, when
    bool is_freed;
};

static _Alignas(PIECE_ALIGN) char memory[PIECES_BYTES];
static struct piece pieces[PIECES_MAX];
static uint16_t piece_at[PIECES_BYTES / PIECE_ALIGN];
static uint32_t piece_count;
static size_t memory_used;
static uint32_t live_count;

// NULL: not one of our pieces.
static struct piece *piece_of(const volatile void *address)
{
    size_t offset = (uintptr_t)address - (uintptr_t)memory;
    if (offset >= memory_used) return NULL;
    return &pieces[piece_at[offset / PIECE_ALIGN]];
}

void zx_check_live(const volatile void *address)
{
    const struct piece *piece = piece_of(address);
    if (piece != NULL && piece->is_freed) zx_fail("%s is used after its free", zx_name_of(address));
}

void zx_origin_of(const volatile void *address, uint32_t *thread, uint32_t *step)
{
    const struct piece *piece = piece_of(address);
    if (piece == NULL) return;
    *thread = piece->thread;
    *step = piece->step;
}

void *zx_alloc(size_t bytes)
{
    size_t first = memory_used / PIECE_ALIGN;
    size_t count = bytes / PIECE_ALIGN + 1; // never empty
    if (bytes > PIECES_BYTES || memory_used + count * PIECE_ALIGN > PIECES_BYTES)
        zx_fail("more than %u bytes of memory", PIECES_BYTES);
    if (piece_count == PIECES_MAX) zx_fail("more than %u pieces of memory", PIECES_MAX);
    uint32_t step = ++zx_self()->clock.of[zx.current];
    pieces[piece_count] = (struct piece){.bytes = bytes, .thread = zx.current, .step = step};
    for (size_t i = 0; i < count; i++)
        piece_at[first + i] = (uint16_t)piece_count;
    piece_count++;
    live_count++;
    memory_used += count * PIECE_ALIGN;
    memset(&memory[first * PIECE_ALIGN], 0, count * PIECE_ALIGN);
    return &memory[first * PIECE_ALIGN];
}

uint32_t zx_live_count(void)
{
    return live_count;
}

// ---- Variables ----------------------------------------------------------------------------------

struct variable {
    const volatile void *address;
    uint32_t writer, write_step; // the last write; step 0: none
    struct zx_clock reads;       // of each thread, its last one
};

static struct variable variables[VARIABLES_MAX];
static uint32_t variable_count;
static struct {
    uint32_t execution, index;
} slots[SLOTS_COUNT];

void zx_plain_begin(void)
{
    variable_count = 0;
    piece_count = 0;
    memory_used = 0;
    live_count = 0;
}

static struct variable *find_variable(const volatile void *address)
{
    uint32_t at = (uint32_t)((uint64_t)(uintptr_t)address * UINT64_C(0x9E3779B97F4A7C15) >> 40);
    for (;; at++) {
        at %= SLOTS_COUNT;
        if (slots[at].execution != zx.number) break;
        if (variables[slots[at].index].address == address) return &variables[slots[at].index];
    }
    if (variable_count == VARIABLES_MAX) zx_fail("more than %u plain variables", VARIABLES_MAX);
    slots[at].execution = zx.number;
    slots[at].index = variable_count;
    struct variable *variable = &variables[variable_count++];
    *variable = (struct variable){.address = address};
    return variable;
}

// verb: "is read", "is written", "is freed".
static void check_ordered(const struct variable *variable, bool is_write, const char *verb)
{
    const struct zx_clock *clock = &zx_self()->clock;
    if (variable->write_step > clock->of[variable->writer])
        zx_fail("data race: %s %s, and nothing orders T%u's write before that",
                zx_name_of(variable->address), verb, variable->writer - 1);
    if (is_write && !zx_clock_has_all(clock, &variable->reads))
        zx_fail("data race: %s %s, and nothing orders a read before that",
                zx_name_of(variable->address), verb);
}

void zx_plain(const volatile void *address, bool is_write)
{
    zx_check_live(address);
    struct variable *variable = find_variable(address);
    uint32_t now = ++zx_self()->clock.of[zx.current];
    check_ordered(variable, is_write, is_write ? "is written" : "is read");
    zx_trace("plain %s %s", is_write ? "write" : "read", zx_name_of(address));
    if (is_write) {
        variable->writer = zx.current;
        variable->write_step = now;
    } else {
        variable->reads.of[zx.current] = now;
    }
}

void zx_free(void *address, size_t bytes)
{
    struct piece *piece = piece_of(address);
    if (piece == NULL) zx_fail("freed what was never asked for");
    if (piece->is_freed) zx_fail("%s is freed twice", zx_name_of(address));
    if (piece->bytes != bytes)
        zx_fail("freed %zu bytes, of a piece of %zu bytes", bytes, piece->bytes);
    zx_trace("free %s", zx_name_of(address));
    for (uint32_t i = 0; i < variable_count; i++) {
        const struct variable *variable = &variables[i];
        if ((uintptr_t)variable->address - (uintptr_t)address < bytes)
            check_ordered(variable, true, "is freed");
    }
    zx_memory_free(address, bytes);
    piece->is_freed = true;
    live_count--;
}
