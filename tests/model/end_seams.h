// tests/model/end_seams.h - what vm/talk.c calls for programs that run, for models that have none: nobody comes here.
//
// Included by one file of a model, after talk_seams.h.
#ifndef ZVM_TESTS_MODEL_END_SEAMS_H
#define ZVM_TESTS_MODEL_END_SEAMS_H

#include "vm/error.h"
#include "vm/hostobject.h"
#include "vm/interp.h"
#include "vm/talk.h"
#include "vm/wait.h"

const uint8_t zheap_class_table[ZCELL_BYTES_MAX / ZGRANULE_BYTES + 1];

void *zheap_new_slow(struct zheap *heap, uint32_t kind_flags, size_t bytes, uint32_t aux)
{
    (void)heap;
    (void)kind_flags;
    (void)bytes;
    (void)aux;
    return NULL;
}

bool zhost_object_prepare(struct zisolate *iso, uint64_t bytes)
{
    (void)iso;
    (void)bytes;
    return false;
}

void zhost_object_attach(struct zisolate *iso, struct zobject *object, const zvm_host_kind *kind,
                         void *pointer, uint64_t bytes)
{
    (void)iso;
    (void)object;
    (void)kind;
    (void)pointer;
    (void)bytes;
}

bool zerror_raise(struct zisolate *iso, enum zerror_kind kind, const char *format, ...)
{
    (void)iso;
    (void)kind;
    (void)format;
    return false;
}

bool zerror_raise_memory(struct zisolate *iso)
{
    (void)iso;
    return false;
}

bool zcall_begin(struct zisolate *iso, struct zfunc *main_function)
{
    (void)iso;
    (void)main_function;
    return false;
}

bool zparcel_pack(struct zisolate *iso, const struct zparcel_rules *rules,
                  const struct zvalue *values, uint32_t count, struct zparcel **out)
{
    (void)iso;
    (void)rules;
    (void)values;
    (void)count;
    (void)out;
    return false;
}

bool zparcel_unpack(struct zisolate *iso, const struct zparcel *parcel, struct zvalue *out)
{
    (void)iso;
    (void)parcel;
    (void)out;
    return false;
}

#endif // ZVM_TESTS_MODEL_END_SEAMS_H
