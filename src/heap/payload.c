// heap/payload.c - what objects own beyond their cell: a BUFFER cell, or memory outside the spans.
//
// Owns: the external payloads, through the owner list of the heap; of a counted one, a hold. Thread: owner.
// Invariants:  1. an owner with ZFLAG_EXTERNAL is in the list, once, and has ZFLAG_LISTED.
//              2. external_bytes is the sum of payload_bytes over those owners.
//              3. a COUNTED owner is a STRBUF, EXTERNAL, and all of its payload is used.
// How: up to PAYLOAD_CELL_MAX bytes a payload is a BUFFER cell and dies with its owner like any
// object. Above, it comes from the allocation seam, and the walk over the list that ends each
// collection frees what unmarked owners had. An owner whose payload came back inside stays listed
// until that walk. A counted payload may be small, and is external: what other isolates read is in no cell.
#define ZVM_HEAP_INTERNAL
#include "heap/heap_internal.h"
#include "heap/profile.h"

#include "base/alloc.h"
#include "base/counted.h"

#define PAYLOAD_CELL_MAX (ZCELL_BYTES_MAX - sizeof(struct zbuffer))

enum { OWNERS_FIRST = ZHEAP_TINY ? 1 : 8 };

static bool is_external(const struct zowner *owner)
{
    return (owner->header.flags & ZFLAG_EXTERNAL) != 0;
}

static struct zbuffer *buffer_of(const struct zowner *owner)
{
    return (struct zbuffer *)(void *)((char *)owner->payload - offsetof(struct zbuffer, data));
}

static bool is_counted(const struct zowner *owner)
{
    return (owner->header.flags & ZFLAG_COUNTED) != 0;
}

// Lists and maps may hold values: behind their payload there is the log's byte for each card of it.
// These bytes are charged as the heap's own tables are.
static size_t cards_for(const struct zowner *owner, size_t payload_bytes)
{
    bool has_values = owner->header.kind == ZTYPE_LIST || owner->header.kind == ZTYPE_MAP;
    return has_values ? zcards_count(payload_bytes) : 0;
}

// ---- The owner list ---------------------------------------------------------------------------

// Room for owner in the list.
static enum zheap_outcome reserve_owner(struct zheap *heap, const struct zowner *owner)
{
    if (owner->header.flags & ZFLAG_LISTED) return ZHEAP_GOT;
    enum zheap_outcome outcome = zheap_grow_more(heap);
    if (outcome != ZHEAP_GOT) return outcome;
    struct zheap_more *more = zheap_more(heap);
    if (more->owner_count < more->owner_capacity) return ZHEAP_GOT;
    if (more->owner_capacity > UINT32_MAX / 2) return ZHEAP_NO_MEMORY;

    struct zheap_private *private = zheap_private(heap);
    uint32_t capacity = more->owner_capacity == 0 ? OWNERS_FIRST : more->owner_capacity * 2;
    size_t old_bytes = more->owner_capacity * sizeof(struct zowner *);
    size_t new_bytes = capacity * sizeof(struct zowner *);
    if (!zheap_fits(private, new_bytes - old_bytes)) return ZHEAP_OVER_LIMIT;
    struct zowner **owners = z_resize(more->owners, old_bytes, new_bytes);
    if (owners == NULL) return ZHEAP_NO_MEMORY;
    more->owners = owners;
    more->owner_capacity = capacity;
    private->charged_bytes += new_bytes - old_bytes;
    zheap_note_commit(private);
    return ZHEAP_GOT;
}

static void list_owner(struct zheap *heap, struct zowner *owner)
{
    if (owner->header.flags & ZFLAG_LISTED) return;
    struct zheap_more *more = zheap_more(heap);
    ZVM_ASSERT(more->owner_count < more->owner_capacity);
    more->owners[more->owner_count++] = owner;
    owner->header.flags |= ZFLAG_LISTED;
}

// What a counted payload takes beside its bytes.
static size_t count_bytes(uint64_t payload_bytes)
{
    return zcounted_block_bytes(payload_bytes) - payload_bytes;
}

static ZVM_COLD void release_counted(struct zheap_private *private, struct zowner *owner)
{
    struct zcounted *counted = zcounted_of(owner->payload, owner->payload_bytes);
    size_t block_bytes = zcounted_block_bytes(owner->payload_bytes);
    z_fetch_sub_relaxed(&counted->sum->charged_bytes, block_bytes); // relaxed: a gauge
    private->charged_bytes -= count_bytes(owner->payload_bytes);
    owner->header.flags &= (uint8_t)~ZFLAG_COUNTED;
    zcounted_release(counted);
}

// Live goes down: the caller has noted the peak.
static void free_external(struct zheap_private *private, struct zowner *owner)
{
    ZVM_ASSERT(is_external(owner));
    size_t cards = cards_for(owner, owner->payload_bytes);
    if (is_counted(owner))
        release_counted(private, owner);
    else
        z_free(owner->payload, owner->payload_bytes + cards);
    private->charged_bytes -= cards;
    private->external_bytes -= owner->payload_bytes;
    private->freed_bytes += owner->payload_bytes;
    owner->header.flags &= (uint8_t)~ZFLAG_EXTERNAL;
    owner->payload = NULL;
    owner->payload_bytes = 0;
}

// A list that one burst made long is cut down; a refusal only leaves it as it is.
static void shrink_owners(struct zheap *heap)
{
    struct zheap_more *more = zheap_more(heap);
    uint32_t capacity = more->owner_capacity / 2;
    if (capacity < OWNERS_FIRST || more->owner_count > capacity / 2) return;
    size_t old_bytes = more->owner_capacity * sizeof(struct zowner *);
    size_t new_bytes = capacity * sizeof(struct zowner *);
    struct zowner **owners = z_resize(more->owners, old_bytes, new_bytes);
    if (owners == NULL) return;
    more->owners = owners;
    more->owner_capacity = capacity;
    zheap_private(heap)->charged_bytes -= old_bytes - new_bytes;
}

bool zheap_prune_owners(struct zheap *heap, struct zwork *work)
{
    struct zheap_more *more = zheap_more(heap);
    zheap_note_peak(heap);
    // The last one takes the place of one that goes. What comes meanwhile is last, and not dead.
    while (more->cycle.owner_at < more->owner_count) {
        if (!zwork_is_left(work)) return false;
        work->words++;
        struct zowner *owner = more->owners[more->cycle.owner_at];
        if (is_external(owner) && !zheap_is_dead(heap, &owner->header)) {
            more->cycle.owner_at++;
            continue;
        }
        owner->header.flags &= (uint8_t)~ZFLAG_LISTED;
        if (is_external(owner)) free_external(zheap_private(heap), owner);
        more->owners[more->cycle.owner_at] = more->owners[--more->owner_count];
    }
    shrink_owners(heap);
    return true;
}

void zheap_free_owners(struct zheap *heap)
{
    struct zheap_more *more = zheap_more(heap);
    for (uint32_t i = 0; i < more->owner_count; i++) {
        if (is_external(more->owners[i])) free_external(zheap_private(heap), more->owners[i]);
    }
    z_free(more->owners, more->owner_capacity * sizeof(struct zowner *));
    more->owners = NULL;
    more->owner_count = 0;
    more->owner_capacity = 0;
}

// ---- Resizing ---------------------------------------------------------------------------------

static void use_buffer(struct zheap *heap, struct zowner *owner, struct zbuffer *buffer,
                       size_t new_bytes)
{
    uint64_t copied = owner->payload_bytes < new_bytes ? owner->payload_bytes : new_bytes;
    if (copied > 0) memcpy(buffer->data, owner->payload, copied);
    if (is_external(owner)) {
        zheap_note_peak(heap);
        free_external(zheap_private(heap), owner);
    }
    owner->payload = buffer->data;
    owner->payload_bytes = new_bytes;
    zheap_log(heap, &owner->header);
}

// The BUFFER cell that owner has is used again when new_bytes fit and fill at least half of it.
static bool reuse_buffer(struct zheap *heap, struct zowner *owner, size_t new_bytes)
{
    if (owner->payload == NULL || is_external(owner)) return false;
    struct zbuffer *buffer = buffer_of(owner);
    size_t room = zheap_cell_bytes(heap, buffer) - sizeof(struct zbuffer);
    if (new_bytes > room) return false;
    if (new_bytes < owner->payload_bytes && new_bytes < room / 2) return false;
    buffer->header.aux = (uint32_t)new_bytes;
    owner->payload_bytes = new_bytes;
    return true;
}

static bool resize_inside(struct zheap *heap, struct zowner *owner, size_t new_bytes)
{
    if (!ZHEAP_STRESS && reuse_buffer(heap, owner, new_bytes)) return true;
    struct zbuffer *buffer =
        zheap_new(heap, ZTYPE_BUFFER, sizeof(struct zbuffer) + new_bytes, (uint32_t)new_bytes);
    if (buffer == NULL) return false;
    use_buffer(heap, owner, buffer, new_bytes);
    return true;
}

struct zbuffer *zheap_payload_buffer(const struct zowner *owner)
{
    return owner->payload == NULL || is_external(owner) ? NULL : buffer_of(owner);
}

void zheap_payload_move(struct zheap *heap, struct zowner *owner, struct zbuffer *buffer,
                        size_t new_bytes)
{
    ZVM_ASSERT(new_bytes <= PAYLOAD_CELL_MAX);
    ZVM_ASSERT(sizeof(struct zbuffer) + new_bytes <= zheap_cell_bytes(heap, buffer));
    if (ZHEAP_STRESS) { // where an allocation would have been, there is its collection
        struct zvalue rooted[2] = {zvalue_object(owner, ZTAG_HEAP | owner->header.kind),
                                   zvalue_object(buffer, ZTAG_HEAP | ZTYPE_BUFFER)};
        struct zscope scope;
        zscope_open(heap, &scope, rooted, 2);
        zheap_collect_due(heap, 0);
        zscope_close(heap, &scope);
    }
    buffer->header.aux = (uint32_t)new_bytes;
    use_buffer(heap, owner, buffer, new_bytes);
}

struct outside_request {
    struct zowner *owner;
    size_t new_bytes;
};

static void use_external(struct zheap *heap, struct zowner *owner, void *payload, size_t new_bytes)
{
    struct zheap_private *private = zheap_private(heap);
    uint64_t old_bytes = is_external(owner) ? owner->payload_bytes : 0;
    size_t cards = cards_for(owner, new_bytes);
    private->charged_bytes += cards;
    private->charged_bytes -= cards_for(owner, old_bytes);
    if (cards > 0) memset((char *)payload + new_bytes, 0, cards);
    if (new_bytes < old_bytes) {
        zheap_note_peak(heap);
        private->freed_bytes += old_bytes - new_bytes;
    } else {
        private->acquired_bytes += new_bytes - old_bytes;
    }
    private->external_bytes += new_bytes - old_bytes;
    owner->header.flags |= ZFLAG_EXTERNAL;
    owner->payload = payload;
    owner->payload_bytes = new_bytes;
    zheap_log(heap, &owner->header); // the cards have forgotten what was dirty
    zheap_note_commit(private);
    if (ZVM_UNLIKELY(new_bytes > old_bytes && zheap_profile(heap) != NULL)) {
        zprofile_note_payload(heap, &owner->header, new_bytes - old_bytes);
    }
}

static enum zheap_outcome attempt_outside(struct zheap *heap, void *request)
{
    const struct outside_request *outside = request;
    struct zowner *owner = outside->owner;
    size_t new_bytes = outside->new_bytes;
    enum zheap_outcome outcome = reserve_owner(heap, owner);
    if (outcome != ZHEAP_GOT) return outcome;
    size_t old_external = is_external(owner) ? owner->payload_bytes : 0;
    size_t old_block = old_external + cards_for(owner, old_external), new_block;
    if (!z_size_add(new_bytes, cards_for(owner, new_bytes), &new_block)) return ZHEAP_OVER_LIMIT;
    if (new_block > old_block && !zheap_fits(zheap_private(heap), new_block - old_block)) {
        return ZHEAP_OVER_LIMIT;
    }

    void *payload = z_resize(is_external(owner) ? owner->payload : NULL, old_block, new_block);
    if (payload == NULL) return ZHEAP_NO_MEMORY;
    if (!is_external(owner) && owner->payload_bytes > 0) {
        memcpy(payload, owner->payload, owner->payload_bytes);
    }
    list_owner(heap, owner);
    use_external(heap, owner, payload, new_bytes);
    return ZHEAP_GOT;
}

static bool resize_outside(struct zheap *heap, struct zowner *owner, size_t new_bytes)
{
    uint64_t old_external = is_external(owner) ? owner->payload_bytes : 0;
    zheap_poll(heap, new_bytes > old_external ? new_bytes - old_external : 0);
    struct outside_request outside = {.owner = owner, .new_bytes = new_bytes};
    return zheap_attempt(heap, attempt_outside, &outside, new_bytes);
}

static void drop_payload(struct zheap *heap, struct zowner *owner)
{
    if (is_external(owner)) {
        zheap_note_peak(heap);
        free_external(zheap_private(heap), owner);
    }
    owner->payload = NULL;
    owner->payload_bytes = 0;
}

bool zheap_payload_resize(struct zheap *heap, struct zowner *owner, size_t new_bytes)
{
    ZVM_ASSERT(heap->env != NULL);
    ZVM_CHECK(!is_counted(owner) || new_bytes == 0); // others read it
    if (new_bytes == 0) {
        drop_payload(heap, owner);
        return true;
    }
    // The owner may be fresh, and known to no root yet.
    struct zvalue rooted = zvalue_object(owner, ZTAG_HEAP | owner->header.kind);
    struct zscope scope;
    zscope_open(heap, &scope, &rooted, 1);
    bool done = new_bytes <= PAYLOAD_CELL_MAX ? resize_inside(heap, owner, new_bytes)
                                              : resize_outside(heap, owner, new_bytes);
    zscope_close(heap, &scope);
    return done;
}

// ---- What others may hold as well -------------------------------------------------------------

struct zcounted *zheap_payload_counted(const struct zowner *owner)
{
    return is_counted(owner) ? zcounted_of(owner->payload, owner->payload_bytes) : NULL;
}

// One hold of counted is the owner's from now on.
static void use_counted(struct zheap *heap, struct zowner *owner, struct zcounted *counted)
{
    ZVM_ASSERT(owner->header.kind == ZTYPE_STRBUF);
    ZVM_ASSERT(!is_counted(owner));
    size_t block_bytes = zcounted_block_bytes(counted->length_bytes);
    z_fetch_add_relaxed(&counted->sum->charged_bytes, block_bytes); // relaxed: a gauge
    zheap_private(heap)->charged_bytes += count_bytes(counted->length_bytes);
    use_external(heap, owner, counted->bytes, counted->length_bytes);
    owner->header.flags |= ZFLAG_COUNTED;
}

static struct zcounted *copy_counted(const struct zowner *owner, size_t length_bytes,
                                     struct zcounted_sum *sum)
{
    struct zcounted *counted = zcounted_make(sum, length_bytes);
    if (counted != NULL) memcpy(counted->bytes, owner->payload, length_bytes);
    return counted;
}

struct zcounted *zheap_payload_count(struct zheap *heap, struct zowner *owner, size_t length_bytes,
                                     struct zcounted_sum *sum)
{
    ZVM_ASSERT(length_bytes > 0);
    ZVM_ASSERT(length_bytes <= owner->payload_bytes);
    size_t old_bytes = is_external(owner) ? owner->payload_bytes : 0;
    size_t block_bytes = zcounted_block_bytes(length_bytes);
    if (reserve_owner(heap, owner) != ZHEAP_GOT) return NULL;
    if (block_bytes > old_bytes && !zheap_make_room(heap, block_bytes - old_bytes)) return NULL;
    struct zcounted *counted =
        is_external(owner) ? zcounted_adopt(sum, owner->payload, old_bytes, length_bytes)
                           : copy_counted(owner, length_bytes, sum);
    if (counted == NULL) return NULL;
    list_owner(heap, owner);
    use_counted(heap, owner, counted);
    return counted;
}

struct share_request {
    struct zowner *owner;
    struct zcounted *counted;
};

static enum zheap_outcome attempt_share(struct zheap *heap, void *request)
{
    const struct share_request *share = request;
    enum zheap_outcome outcome = reserve_owner(heap, share->owner);
    if (outcome != ZHEAP_GOT) return outcome;
    if (!zheap_fits(zheap_private(heap), zcounted_block_bytes(share->counted->length_bytes)))
        return ZHEAP_OVER_LIMIT;
    list_owner(heap, share->owner);
    zcounted_hold(share->counted);
    use_counted(heap, share->owner, share->counted);
    return ZHEAP_GOT;
}

bool zheap_payload_share(struct zheap *heap, struct zowner *owner, struct zcounted *counted)
{
    ZVM_ASSERT(heap->env != NULL);
    ZVM_ASSERT(owner->payload == NULL);
    size_t block_bytes = zcounted_block_bytes(counted->length_bytes);
    struct share_request share = {.owner = owner, .counted = counted};
    struct zvalue rooted = zvalue_object(owner, ZTAG_HEAP | owner->header.kind);
    struct zscope scope;
    zscope_open(heap, &scope, &rooted, 1);
    zheap_poll(heap, block_bytes);
    bool is_done = zheap_attempt(heap, attempt_share, &share, block_bytes);
    zscope_close(heap, &scope);
    return is_done;
}
