// vm/string_counted.c - strings whose bytes other isolates read as well: into a message, and out of one.
//
// Owner-thread. A long string's buffer becomes counted when it is sent first, and stays so; later it is sent by
// a hold. A string without a buffer of its own, or one that shows little of its buffer, is copied at each send:
// what is sent must not keep much alive that it does not show, and its receivers are charged for all of it.
// What is paid: what is copied, or may be (the allocator may move a block); later sends, and receiving, nothing.
#include "vm/string_internal.h"

#include "base/counted.h"
#include "vm/error.h"
#include "vm/fuel.h"

// A string shows all of a buffer but for one part in so many, or does not share it.
#define HIDDEN_SHARE 8

static bool copy(struct zisolate *iso, const struct zstring *string, struct zcounted **out)
{
    size_t length = zstring_length_bytes(string);
    struct zcounted *counted = zcounted_make(&iso->shared->counted, length);
    if (counted == NULL) return zerror_terminate(iso, ZVM_E_NOMEM);
    if (!zfuel_copy(iso, counted->bytes, zstring_bytes(string), length)) {
        zcounted_release(counted);
        return false;
    }
    *out = counted;
    return true;
}

// NULL: there was no room for it.
static struct zcounted *count_buffer(struct zisolate *iso, struct zstrbuf_object *buffer)
{
    struct zcounted *counted = zheap_payload_counted(&buffer->owner);
    if (counted == NULL)
        counted =
            zheap_payload_count(&iso->heap, &buffer->owner, buffer->used, &iso->shared->counted);
    if (counted != NULL) zcounted_hold(counted);
    return counted;
}

bool zstring_count(struct zisolate *iso, const struct zstring *string, struct zcounted **out)
{
    if ((string->header.flags & ZFLAG_LONG) == 0) return copy(iso, string, out);
    struct zstrbuf_object *buffer = ((const struct zstring_long *)(const void *)string)->buffer;
    uint64_t hidden = buffer->used - zstring_length_bytes(string);
    if (hidden > buffer->used / HIDDEN_SHARE) return copy(iso, string, out);
    bool is_new = zheap_payload_counted(&buffer->owner) == NULL;
    if (is_new && !zfuel_touch_whole(iso, buffer->used)) return false;
    struct zcounted *counted = count_buffer(iso, buffer);
    if (counted == NULL) return copy(iso, string, out);
    *out = counted;
    return true;
}

bool zstring_of_counted(struct zisolate *iso, struct zcounted *counted, uint32_t length_bytes,
                        bool ascii, struct zvalue *out)
{
    ZVM_ASSERT(length_bytes <= counted->length_bytes);
    struct zstrbuf_object *buffer = zstring_new_buffer(iso);
    if (buffer == NULL) return zerror_raise_memory(iso);
    struct zvalue root = zvalue_object(buffer, ZTAG_HEAP | ZTYPE_STRBUF);
    struct zscope scope;
    zscope_open(&iso->heap, &scope, &root, 1);
    struct zstring_long *string = NULL;
    if (zheap_payload_share(&iso->heap, &buffer->owner, counted)) {
        buffer->used = counted->length_bytes;
        string = zstring_new_long(iso, buffer, length_bytes, ascii);
    }
    zscope_close(&iso->heap, &scope);
    if (string == NULL) return zerror_raise_memory(iso);
    *out = zvalue_object(string, ZTAG_STRING);
    return true;
}
