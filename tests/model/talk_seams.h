// tests/model/talk_seams.h - what mailboxes call below themselves, for models: no heaps, parcels that are empty.
//
// Included by one file of a model, after model.h.
#ifndef ZVM_TESTS_MODEL_TALK_SEAMS_H
#define ZVM_TESTS_MODEL_TALK_SEAMS_H

#include "base/alloc.h"
#include "model.h"
#include "vm/mailbox.h"
#include "vm/parcel.h"

static struct zshared shared;

static inline void shared_setup(void)
{
    atomic_init(&shared.mailbox_numbers, 0);
}

static inline struct zmailbox *make_mailbox(struct zisolate *iso)
{
    struct zmailbox *mailbox = zmailbox_new(&shared);
    zx_assert(mailbox != NULL);
    zmailbox_open(mailbox, iso);
    zx_name(&mailbox->lock, "mailbox lock");
    zx_name(&mailbox->holds, "mailbox holds");
    return mailbox;
}

// A message whose number stands in root_count.
static inline struct zparcel *make_parcel(uint32_t number)
{
    struct zparcel *parcel = z_alloc_zeroed(sizeof *parcel);
    zx_assert(parcel != NULL);
    parcel->message.kind = ZMESSAGE_VALUE;
    parcel->message.bytes = sizeof *parcel;
    parcel->root_count = number;
    return parcel;
}

static inline uint32_t number_of(const struct zmessage *message)
{
    return zx_plain_read(&((const struct zparcel *)(const void *)message)->root_count);
}

void zparcel_free(struct zparcel *parcel)
{
    z_free(parcel, sizeof *parcel);
}

void zparcel_tell_error(const struct zparcel *parcel, zvm_status status, zvm_unwatched_fn told,
                        void *user)
{
    (void)parcel;
    (void)status;
    (void)told;
    (void)user;
}

bool zheap_charge(struct zheap *heap, size_t bytes)
{
    (void)heap;
    (void)bytes;
    return true;
}

void zheap_uncharge(struct zheap *heap, size_t bytes)
{
    (void)heap;
    (void)bytes;
}

void zheap_note_nomem(struct zheap *heap, size_t bytes)
{
    (void)heap;
    (void)bytes;
}

#endif // ZVM_TESTS_MODEL_TALK_SEAMS_H
