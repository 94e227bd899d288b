// vm/mailbox.c - sending, receiving and ending, under the lock of one mailbox.
//
// Owns: mailboxes. Thread: as declared.
// Invariants:  1. count and bytes are those of the list, and within the limits, but for exit messages, whose
//                 memory the watcher has paid for when it began to watch.
//              2. the line of senders is empty unless the list is not, or has just been taken from: so
//                 somebody who waits for room is let in by a later take. An empty list with a line, which
//                 the group has no memory for, keeps nobody from trying, and its owner from waiting.
//              3. waiter is not NOBODY only while the list is empty.
//              4. once is_open is false nothing is added, and the lists only get shorter; who is in none of them
//                 does not look into its life, so that may go when they are empty.
#include "vm/mailbox.h"

#include "base/alloc.h"
#include "base/shelf.h"
#include "vm/parcel.h"
#include "vm/quota.h"

// ---- Coming and going ---------------------------------------------------------------------------

// Both are set as a whole: calloc of glibc does not look where malloc finds small blocks that were just freed.
static struct zlife *new_life(struct zlives *lives)
{
    struct zlife *life = lives == NULL ? NULL : lives->first;
    if (life != NULL) {
        lives->first = life->next;
        lives->count--;
    } else {
        life = z_alloc(sizeof *life);
    }
    if (life != NULL) *life = (struct zlife){.limit_count = ZVM_MAILBOX_COUNT_DEFAULT};
    return life;
}

static struct zmailbox *new_mailbox(struct zshared *shared, struct zlives *lives)
{
    struct zlife *life = new_life(lives);
    struct zmailbox *mailbox = life == NULL ? NULL : z_alloc(sizeof *mailbox);
    if (mailbox == NULL) {
        z_free(life, sizeof *life);
        return NULL;
    }
    *mailbox = (struct zmailbox){
        .shared = shared,
        // relaxed: a number, nothing is read through it
        .number = z_fetch_add_relaxed(&shared->mailbox_numbers, 1) + 1,
        .limit_bytes = ZVM_MAILBOX_BYTES_DEFAULT,
        .life = life,
    };
    atomic_init(&mailbox->holds, 1);
    return mailbox;
}

struct zmailbox *zmailbox_new(struct zshared *shared)
{
    return new_mailbox(shared, NULL);
}

static struct zmailbox *new_alike(const struct zmailbox *other, struct zlives *lives)
{
    struct zmailbox *mailbox = new_mailbox(other->shared, lives);
    if (mailbox == NULL) return NULL;
    mailbox->life->limit_count = other->life->limit_count;
    mailbox->limit_bytes = other->limit_bytes;
    mailbox->life->may_spawn = other->life->may_spawn;
    mailbox->life->on_spawned = other->life->on_spawned;
    mailbox->on_unwatched = other->on_unwatched;
    return mailbox;
}

struct zmailbox *zmailbox_new_alike(const struct zmailbox *other)
{
    return new_alike(other, NULL);
}

struct zmailbox *zmailbox_new_spawned(const struct zmailbox *parent, struct zlives *lives,
                                      struct zparcel *start)
{
    struct zmailbox *mailbox = new_alike(parent, lives);
    if (mailbox == NULL) return NULL;
    mailbox->user = parent->life->isolate->user;
    mailbox->is_spawned = true;
    mailbox->life->start = start;
    return mailbox;
}

struct zmailbox *zmailbox_new_hosted(struct zshared *shared, uint32_t limit_count,
                                     uint64_t limit_bytes, zvm_message_fn on_message, void *user)
{
    struct zmailbox *mailbox = zmailbox_new(shared);
    if (mailbox == NULL) return NULL;
    if (limit_count != 0) mailbox->life->limit_count = limit_count;
    if (limit_bytes != 0) mailbox->limit_bytes = limit_bytes;
    mailbox->life->on_message = on_message;
    mailbox->is_hosted = true;
    mailbox->user = user;
    z_store_relaxed(&mailbox->is_open, 1); // relaxed: nobody else knows it yet
    return mailbox;
}

void zmailbox_open(struct zmailbox *mailbox, struct zisolate *iso)
{
    mailbox->life->isolate = iso;          // PAIR lock: nobody else knows it yet
    z_store_relaxed(&mailbox->is_open, 1); // relaxed: the same
}

zvm_status zmailbox_ensure(struct zisolate *iso)
{
    if (iso->mailbox != NULL) return ZVM_OK;
    if (!zheap_charge(&iso->heap, ZMAILBOX_CHARGE_BYTES)) return ZVM_E_HEAP_LIMIT;
    struct zmailbox *mailbox = zmailbox_new(iso->shared);
    if (mailbox == NULL) {
        zheap_uncharge(&iso->heap, ZMAILBOX_CHARGE_BYTES);
        zheap_note_nomem(&iso->heap, ZMAILBOX_CHARGE_BYTES);
        return ZVM_E_NOMEM;
    }
    zmailbox_open(mailbox, iso);
    mailbox->is_charged = true;
    iso->mailbox = mailbox;
    return ZVM_OK;
}

// ---- What it keeps ------------------------------------------------------------------------------

bool zmailbox_pay(struct zmailbox *mailbox, struct zgroup *group, const struct zparcel *parcel)
{
    ZVM_ASSERT(mailbox->payer == NULL);

    uint64_t bytes = parcel->message.bytes;
    if (group == NULL || bytes <= ZMAILBOX_UNPAID_BYTES) return true;
    if (zsum_take(&group->heap_bytes, bytes, bytes) != bytes) return false;
    zgroup_hold(group); // the mailbox may outlive all its isolates
    mailbox->payer = group;
    return true;
}

// parcel: what it has paid for, its start or its result.
static void pay_back(struct zmailbox *mailbox, const struct zparcel *parcel)
{
    struct zgroup *group = mailbox->payer;
    if (group == NULL) return;
    mailbox->payer = NULL;
    zsum_give(&group->heap_bytes, parcel->message.bytes);
    zgroup_release(group);
}

void zmailbox_free_start(struct zmailbox *mailbox)
{
    struct zparcel *start = mailbox->life->start;
    if (start == NULL) return;
    mailbox->life->start = NULL;
    pay_back(mailbox, start);
    zparcel_free(start);
}

static struct zlife *take_life(struct zmailbox *mailbox)
{
    struct zlife *life = mailbox->life;
    ZVM_ASSERT(life->first == NULL || mailbox->is_hosted);
    ZVM_ASSERT(life->monitors == NULL && life->senders.first == NULL);
    ZVM_ASSERT(life->awaiters.first == NULL && life->watches == NULL);
    zmailbox_free_start(mailbox);
    mailbox->life = NULL;
    return life;
}

// As many as a slice spawns. None where uses of what was freed are looked for.
static const uint32_t lives_max = ZSHELF_PLACES == 0 ? 0 : 128;

void zmailbox_end_life(struct zmailbox *mailbox, struct zlives *lives)
{
    ZVM_ASSERT(!zmailbox_is_open(mailbox));
    struct zlife *life = take_life(mailbox);
    if (lives == NULL || lives->count >= lives_max) {
        z_free(life, sizeof *life);
        return;
    }
    life->next = lives->first;
    lives->first = life;
    lives->count++;
}

void zmailbox_free_lives(struct zlives *lives)
{
    while (lives->first != NULL) {
        struct zlife *life = lives->first;
        lives->first = life->next;
        z_free(life, sizeof *life);
    }
}

static void free_result(struct zmailbox *mailbox)
{
    struct zparcel *result = mailbox->result;
    if (result == NULL) return;
    mailbox->result = NULL;
    pay_back(mailbox, result);
    zparcel_free(result); // it may be what had the last hold of the mailbox
}

void zmailbox_list_result(struct zmailbox *mailbox)
{
    struct zshared *shared = mailbox->shared;
    mailbox->is_result_listed = true;
    mailbox->result_previous = NULL;
    zlock_take(&shared->results_lock);
    mailbox->result_next = shared->results;
    if (shared->results != NULL) shared->results->result_previous = mailbox;
    shared->results = mailbox;
    zlock_give(&shared->results_lock);
}

static void unlist_result(struct zmailbox *mailbox)
{
    struct zshared *shared = mailbox->shared;
    zlock_take(&shared->results_lock);
    if (mailbox->result_previous != NULL)
        mailbox->result_previous->result_next = mailbox->result_next;
    else
        shared->results = mailbox->result_next;
    if (mailbox->result_next != NULL)
        mailbox->result_next->result_previous = mailbox->result_previous;
    zlock_give(&shared->results_lock);
    mailbox->is_result_listed = false;
}

void zmailbox_free_results(struct zshared *shared)
{
    while (shared->results != NULL) {
        struct zmailbox *mailbox = shared->results;
        unlist_result(mailbox);
        free_result(mailbox); // with the last that holds it the mailbox goes as well
    }
}

// ---- Going --------------------------------------------------------------------------------------

// What a result holds may be the last to hold another mailbox, and so on: a list, not a recursion.
static _Thread_local struct zmailbox *dying; // linked by result_next
static _Thread_local bool is_freeing;

// It has failed, and nobody will ever know otherwise. Its end, and a group's, are known to who made them.
static void tell_unwatched(const struct zmailbox *mailbox)
{
    int32_t status = mailbox->status;
    bool is_failure = status != ZVM_OK && status != ZVM_E_CANCELLED && status != ZVM_E_GROUP_LIMIT;
    // relaxed: who set it has had a hold, and has let go of it
    bool is_told = is_failure && mailbox->is_spawned && z_load_relaxed(&mailbox->is_watched) == 0;
    if (is_told && mailbox->on_unwatched != NULL)
        zparcel_tell_error(mailbox->result, (zvm_status)status, mailbox->on_unwatched,
                           mailbox->user);
}

static void free_dying(void)
{
    is_freeing = true;
    while (dying != NULL) {
        struct zmailbox *mailbox = dying;
        dying = mailbox->result_next;
        tell_unwatched(mailbox);
        if (mailbox->life != NULL) z_free(take_life(mailbox), sizeof *mailbox->life);
        free_result(mailbox);
        z_free(mailbox, sizeof *mailbox);
    }
    is_freeing = false;
}

void zmailbox_release(struct zmailbox *mailbox)
{
    if (z_fetch_sub_acq_rel(&mailbox->holds, 1) != 1) return; // PAIR mailbox-holds
    if (mailbox->is_result_listed) unlist_result(mailbox);
    mailbox->result_next = dying;
    dying = mailbox;
    if (!is_freeing) free_dying();
}

// ---- Lines --------------------------------------------------------------------------------------

static void link_line(struct zline_list *list, struct zline *line)
{
    line->next = NULL;
    line->previous = list->last;
    if (list->last != NULL)
        list->last->next = line;
    else
        list->first = line;
    list->last = line;
    line->is_linked = true;
}

static void unlink_line(struct zline_list *list, struct zline *line)
{
    if (line->previous != NULL)
        line->previous->next = line->next;
    else
        list->first = line->next;
    if (line->next != NULL)
        line->next->previous = line->previous;
    else
        list->last = line->previous;
    line->is_linked = false;
}

// ---- Room ---------------------------------------------------------------------------------------

static struct zsum *group_sum(const struct zmailbox *mailbox)
{
    struct zgroup *group =
        mailbox->life->isolate == NULL ? NULL : zquota_group(mailbox->life->isolate);
    return group == NULL ? NULL : &group->heap_bytes;
}

static bool has_room(const struct zmailbox *mailbox, uint64_t bytes)
{
    return mailbox->life->count < mailbox->life->limit_count &&
           bytes <= mailbox->limit_bytes - mailbox->life->bytes;
}

// What the group of the receiver has to have for it.
static bool pay(const struct zmailbox *mailbox, uint64_t bytes)
{
    struct zsum *sum = group_sum(mailbox);
    return sum == NULL || zsum_take(sum, bytes, bytes) == bytes;
}

static void append(struct zmailbox *mailbox, struct zmessage *message)
{
    message->next = NULL;
    if (mailbox->life->last != NULL)
        mailbox->life->last->next = message;
    else
        mailbox->life->first = message;
    mailbox->life->last = message;
}

static void add(struct zmailbox *mailbox, struct zmessage *message)
{
    append(mailbox, message);
    mailbox->life->count++;
    mailbox->life->bytes += message->bytes;
}

// Whoever waits for a message is to be woken.
static struct zwake take_waiter(struct zmailbox *mailbox)
{
    uint64_t waiter = mailbox->life->waiter;
    if (ZVM_UNLIKELY(mailbox->is_hosted)) {
        bool is_told =
            mailbox->life->on_message != NULL && mailbox->life->first == mailbox->life->last;
        return (struct zwake){.host = is_told ? mailbox : NULL};
    }
    mailbox->life->waiter = ZMAILBOX_NOBODY;
    if (waiter == ZMAILBOX_ISOLATE) return (struct zwake){.isolate = mailbox->life->isolate};
    return (struct zwake){.token = waiter};
}

// ---- Sending ------------------------------------------------------------------------------------

static enum zsent send_locked(struct zmailbox *mailbox, struct zmessage *message,
                              struct zline *line, struct zwake *wake)
{
    if (!zmailbox_is_open(mailbox)) return ZSENT_OVER;
    if (message->kind == ZMESSAGE_EXIT) {
        append(mailbox, message);
        *wake = take_waiter(mailbox);
        return ZSENT;
    }
    if (message->bytes > mailbox->limit_bytes) return ZSENT_TOO_BIG;
    bool is_behind = mailbox->life->senders.first != NULL && mailbox->life->first != NULL;
    if (is_behind || !has_room(mailbox, message->bytes)) {
        if (line == NULL) return ZSENT_FULL;
        link_line(&mailbox->life->senders, line);
        return ZSENT_IN_LINE;
    }
    if (!pay(mailbox, message->bytes)) return ZSENT_NO_MEMORY;
    add(mailbox, message);
    *wake = take_waiter(mailbox);
    return ZSENT;
}

enum zsent zmailbox_send(struct zmailbox *mailbox, struct zmessage *message, struct zline *line,
                         struct zwake *wake)
{
    *wake = (struct zwake){0};
    zlock_take(&mailbox->lock);
    enum zsent sent = send_locked(mailbox, message, line, wake);
    zlock_give(&mailbox->lock);
    return sent;
}

bool zmailbox_leave_senders(struct zmailbox *mailbox, struct zline *line)
{
    zlock_take(&mailbox->lock);
    bool was_linked = line->is_linked;
    if (was_linked) unlink_line(&mailbox->life->senders, line);
    zlock_give(&mailbox->lock);
    return was_linked;
}

// ---- Receiving ----------------------------------------------------------------------------------

// Senders in line come in while there is room for the first of them. When the group has none for it, it
// stays, unless nothing else would ever let it in.
static void admit(struct zmailbox *mailbox, struct zreceived *taken)
{
    while (taken->wake_count < ZMAILBOX_WAKES_MAX) {
        struct zline *line = mailbox->life->senders.first;
        if (line == NULL) return;
        struct zmessage *message = zparcel_message(line->parcel);
        if (!has_room(mailbox, message->bytes)) return;
        bool is_paid = pay(mailbox, message->bytes);
        if (!is_paid && mailbox->life->first != NULL) return;
        unlink_line(&mailbox->life->senders, line);
        if (is_paid) {
            add(mailbox, message);
            line->parcel = NULL;
            taken->admitted++;
        }
        taken->wakes[taken->wake_count++] = line->token; // from here on the sender may go
    }
}

static struct zmessage *take_first(struct zmailbox *mailbox)
{
    struct zmessage *message = mailbox->life->first;
    mailbox->life->first = message->next;
    if (mailbox->life->first == NULL) mailbox->life->last = NULL;
    if (message->kind != ZMESSAGE_VALUE) return message;
    mailbox->life->count--;
    mailbox->life->bytes -= message->bytes;
    struct zsum *sum = group_sum(mailbox);
    if (sum != NULL) zsum_give(sum, message->bytes);
    return message;
}

void zmailbox_take(struct zmailbox *mailbox, uint64_t waiter, struct zreceived *out)
{
    out->message = NULL;
    out->admitted = out->wake_count = 0;
    zlock_take(&mailbox->lock);
    if (ZVM_UNLIKELY(mailbox->life->first == NULL && mailbox->life->senders.first != NULL))
        admit(mailbox, out);
    if (mailbox->life->first != NULL) {
        out->message = take_first(mailbox);
        if (ZVM_UNLIKELY(mailbox->life->senders.first != NULL)) admit(mailbox, out);
    }
    out->is_to_repeat = out->message == NULL && mailbox->life->senders.first != NULL;
    if (out->message == NULL && !out->is_to_repeat) mailbox->life->waiter = waiter;
    zlock_give(&mailbox->lock);
}

uint64_t zmailbox_stop_waiting(struct zmailbox *mailbox)
{
    zlock_take(&mailbox->lock);
    uint64_t waiter = mailbox->life->waiter;
    mailbox->life->waiter = ZMAILBOX_NOBODY;
    zlock_give(&mailbox->lock);
    return waiter;
}

// ---- Those that wait for its end ----------------------------------------------------------------

bool zmailbox_await(struct zmailbox *mailbox, struct zline *line)
{
    zlock_take(&mailbox->lock);
    bool is_alive = zmailbox_is_open(mailbox);
    if (is_alive) link_line(&mailbox->life->awaiters, line);
    zlock_give(&mailbox->lock);
    return is_alive;
}

void zmailbox_leave_awaiters(struct zmailbox *mailbox, struct zline *line)
{
    zlock_take(&mailbox->lock);
    if (line->is_linked) unlink_line(&mailbox->life->awaiters, line);
    zlock_give(&mailbox->lock);
}

bool zmailbox_watch(struct zmonitor *monitor)
{
    struct zmailbox *mailbox = monitor->watched;
    zlock_take(&mailbox->lock);
    bool is_alive = zmailbox_is_open(mailbox);
    if (is_alive) {
        monitor->previous = NULL;
        monitor->next = mailbox->life->monitors;
        if (mailbox->life->monitors != NULL) mailbox->life->monitors->previous = monitor;
        mailbox->life->monitors = monitor;
    }
    zlock_give(&mailbox->lock);
    return is_alive;
}

// Once the watched one is over, who tells of its end has the monitor, or has given it away.
void zmailbox_unwatch(struct zmonitor *monitor)
{
    struct zmailbox *mailbox = monitor->watched;
    zlock_take(&mailbox->lock);
    bool is_linked = zmailbox_is_open(mailbox);
    if (is_linked) {
        if (monitor->previous != NULL)
            monitor->previous->next = monitor->next;
        else
            mailbox->life->monitors = monitor->next;
        if (monitor->next != NULL) monitor->next->previous = monitor->previous;
    }
    zlock_give(&mailbox->lock);
    if (is_linked) zmonitor_release(monitor);
}

void zmailbox_note_watched(struct zmailbox *mailbox)
{
    z_store_relaxed(&mailbox->is_watched, 1); // relaxed: a gauge
}

void zmonitor_release(struct zmonitor *monitor)
{
    if (z_fetch_sub_acq_rel(&monitor->references, 1) != 1) return; // PAIR monitor-references
    zmailbox_release(monitor->watched);
    zmailbox_release(monitor->watcher);
    z_free(monitor, sizeof *monitor);
}

// ---- The end ------------------------------------------------------------------------------------

struct zclosed zmailbox_close(struct zmailbox *mailbox)
{
    zlock_take(&mailbox->lock);
    struct zsum *sum = group_sum(mailbox);
    if (sum != NULL) zsum_give(sum, mailbox->life->bytes);
    struct zlife *life = mailbox->life;
    bool is_awaited =
        life->awaiters.first != NULL || life->senders.first != NULL || life->monitors != NULL;
    struct zclosed closed = {life->first, life->count, life->waiter, is_awaited};
    mailbox->life->first = mailbox->life->last = NULL;
    mailbox->life->count = 0;
    mailbox->life->bytes = 0;
    mailbox->life->waiter = ZMAILBOX_NOBODY;
    mailbox->life->isolate = NULL;
    z_store_release(&mailbox->is_open, 0); // PAIR mailbox-over: with it what it has come to
    zlock_give(&mailbox->lock);
    return closed;
}

// The line may be gone when its token is answered: nothing of it is read after the lock.
uint64_t zmailbox_next_waiter(struct zmailbox *mailbox)
{
    zlock_take(&mailbox->lock);
    struct zline_list *list =
        mailbox->life->awaiters.first != NULL ? &mailbox->life->awaiters : &mailbox->life->senders;
    struct zline *line = list->first;
    uint64_t token = line == NULL ? 0 : line->token;
    if (line != NULL) unlink_line(list, line);
    zlock_give(&mailbox->lock);
    return token;
}

struct zmonitor *zmailbox_next_monitor(struct zmailbox *mailbox)
{
    zlock_take(&mailbox->lock);
    struct zmonitor *monitor = mailbox->life->monitors;
    if (monitor != NULL) mailbox->life->monitors = monitor->next;
    zlock_give(&mailbox->lock);
    return monitor;
}
