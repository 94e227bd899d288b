// vm/hostobject.h - objects of the host that programs hold: a pointer of the host's with a kind, and what is
// to be done when no program reaches it any more.
//
// owner-thread. The object in the heap is a number; pointer, kind and finalizer stand in a table beside it,
// because they outlive it: a collection finds that the object is dead, and the finalizer is called after it.
#ifndef ZVM_VM_HOSTOBJECT_H
#define ZVM_VM_HOSTOBJECT_H

#include "vm/isolate.h"

// In the heap. aux = its entry.
struct zhost_object {
    struct zobject header;
    uint64_t reserved;
};

// What the host hands over, checked (zexchange_check): a new object, whose finalizer is called once from
// now on; or one that it was given before. false: pending is set, and the host keeps what is new. May
// collect.
bool zhost_object_in(struct zisolate *iso, const zvm_value *value, struct zvalue *out);
// The host's view of one.
zvm_value zhost_object_out(const struct zisolate *iso, const struct zhost_object *object);
const char *zhost_object_kind(const struct zisolate *iso, const struct zhost_object *object);

// The same for an object of ours that has something outside to let go of: first room for it, and `bytes` charged;
// then the object, whose header's aux becomes its entry. false: pending is set. May collect.
bool zhost_object_prepare(struct zisolate *iso, uint64_t bytes);
void zhost_object_attach(struct zisolate *iso, struct zobject *object, const zvm_host_kind *kind,
                         void *pointer, uint64_t bytes);

// Of a value that the host has handed over and that no isolate has taken. thread: any.
void zhost_object_drop(const zvm_value *value);

// ---- For the collector ----
// As zheap_weak_fn: dead ones are to be finalized.
bool zhost_objects_prune(struct zisolate *iso, struct zwork *work);
// Calls the finalizers that are due. The heap is not being worked on.
void zhost_objects_finish(struct zisolate *iso);
// Calls all that are left, and frees the table. No object is used again.
void zhost_objects_free(struct zisolate *iso);

#endif // ZVM_VM_HOSTOBJECT_H
