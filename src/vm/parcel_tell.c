// vm/parcel_tell.c - what an isolate has thrown, for people, when all that is left of it is the parcel.
//
// Owns: nothing. Thread: any. Texts that are longer than the room for them are cut at a character.
#include "vm/parcel_internal.h"

#include "base/status.h"
#include "base/utf8.h"
#include "vm/error.h"

#include <stdio.h>
#include <string.h>

#define KIND_BYTES    64
#define MESSAGE_BYTES 512

static const struct zparcel_object *object_at(const struct zparcel *parcel, uint64_t number)
{
    const struct zparcel_object *object = zparcel_first(parcel);
    for (uint64_t i = 0; i < number; i++)
        object = zparcel_next(object);
    return object;
}

static void copy_text(const struct zparcel *parcel, uint64_t bits, uint8_t tag, char *text,
                      size_t text_bytes)
{
    text[0] = '\0';
    if (tag != ZTAG_STRING) return;
    const struct zparcel_object *string = object_at(parcel, bits);
    const char *from = zparcel_text(string);
    size_t length = 0;
    while (length < string->count) {
        size_t step = zutf8_step(from + length, string->count - length);
        if (length + step >= text_bytes) break;
        length += step;
    }
    memcpy(text, from, length);
    text[length] = '\0';
}

static void describe_value(struct zparcel_slot slot, const struct zparcel *parcel, char *text,
                           size_t text_bytes)
{
    switch (slot.tag) {
    case ZTAG_INT:
        snprintf(text, text_bytes, "%lld", (long long)(int64_t)slot.bits);
        return;
    case ZTAG_STRING:
        copy_text(parcel, slot.bits, ZTAG_STRING, text, text_bytes);
        return;
    default:
        snprintf(text, text_bytes, "a value of type %s was thrown",
                 zerror_type_text((struct zvalue){.tag = slot.tag}));
    }
}

void zparcel_tell_error(const struct zparcel *parcel, zvm_status status, zvm_unwatched_fn tell,
                        void *user)
{
    char kind[KIND_BYTES] = "Error", message[MESSAGE_BYTES];
    zvm_result result = {.size = sizeof result,
                         .status = status,
                         .kind = kind,
                         .message = message,
                         .file = ""};
    struct zparcel_slot slot = {0};
    if (parcel != NULL) slot = parcel->slots[0];
    if (parcel == NULL) {
        snprintf(kind, sizeof kind, "Termination");
        snprintf(message, sizeof message, "%s", zstatus_text(status));
    } else if (slot.tag == ZTAG_ERROR) {
        const struct zparcel_object *error = object_at(parcel, slot.bits);
        const uint64_t *payloads = zparcel_body(error);
        const uint8_t *tags = (const uint8_t *)(payloads + 2);
        copy_text(parcel, payloads[0], tags[0], kind, sizeof kind);
        copy_text(parcel, payloads[1], tags[1], message, sizeof message);
        result.line = (uint32_t)(error->number >> 32);
        result.column = (uint32_t)error->number;
        result.file = zcode_file_name(parcel->code, error->file);
    } else {
        describe_value(slot, parcel, message, sizeof message);
    }
    tell(&result, user);
}
