// vm/mailbox.c - sending, receiving and ending, under the lock of one mailbox.
//
// Owns: mailboxes. Thread: as declared.
// Invariants:  1. count and bytes are those of the list, and within the limits, but for exit messages, whose
//                 memory the watcher has paid for when it began to watch.
//              2. the line of senders is empty unless the list is not, or has just been taken from: so
//                 somebody who waits for room is let in by a later take. An empty list with a line, which
//                 the group has no memory for, keeps nobody from trying, and its owner from waiting.
//              3. waiter is not NOBODY only while the list is empty.
//              4. once isolate is NULL nothing is added, and the lists only get shorter.
#include "vm/mailbox.h"

#include "base/alloc.h"
#include "vm/parcel.h"
#include "vm/quota.h"

// ---- Coming and going ---------------------------------------------------------------------------

struct zmailbox *zmailbox_new(struct zshared *shared)
{
    struct zmailbox *mailbox = z_alloc_zeroed(sizeof *mailbox);
    if (mailbox == NULL) return NULL;
    atomic_init(&mailbox->holds, 1);
    mailbox->shared = shared;
    // relaxed: a number, nothing is read through it
    mailbox->number = z_fetch_add_relaxed(&shared->mailbox_numbers, 1) + 1;
    mailbox->limit_count = ZVM_MAILBOX_COUNT_DEFAULT;
    mailbox->limit_bytes = ZVM_MAILBOX_BYTES_DEFAULT;
    return mailbox;
}

struct zmailbox *zmailbox_new_alike(const struct zmailbox *other)
{
    struct zmailbox *mailbox = zmailbox_new(other->shared);
    if (mailbox == NULL) return NULL;
    mailbox->limit_count = other->limit_count;
    mailbox->limit_bytes = other->limit_bytes;
    mailbox->may_spawn = other->may_spawn;
    mailbox->on_spawned = other->on_spawned;
    mailbox->on_unwatched = other->on_unwatched;
    return mailbox;
}

struct zmailbox *zmailbox_new_spawned(const struct zmailbox *parent, struct zparcel *start)
{
    struct zmailbox *mailbox = zmailbox_new_alike(parent);
    if (mailbox == NULL) return NULL;
    mailbox->user = parent->isolate->user;
    mailbox->is_spawned = true;
    mailbox->start = start;
    return mailbox;
}

struct zmailbox *zmailbox_new_hosted(struct zshared *shared, uint32_t limit_count,
                                     uint64_t limit_bytes, zvm_message_fn on_message, void *user)
{
    struct zmailbox *mailbox = zmailbox_new(shared);
    if (mailbox == NULL) return NULL;
    if (limit_count != 0) mailbox->limit_count = limit_count;
    if (limit_bytes != 0) mailbox->limit_bytes = limit_bytes;
    mailbox->on_message = on_message;
    mailbox->is_hosted = true;
    mailbox->user = user;
    mailbox->is_open = true;
    return mailbox;
}

zvm_status zmailbox_ensure(struct zisolate *iso)
{
    if (iso->mailbox != NULL) return ZVM_OK;
    if (!zheap_charge(&iso->heap, sizeof *iso->mailbox)) return ZVM_E_HEAP_LIMIT;
    struct zmailbox *mailbox = zmailbox_new(iso->shared);
    if (mailbox == NULL) {
        zheap_uncharge(&iso->heap, sizeof *iso->mailbox);
        zheap_note_nomem(&iso->heap, sizeof *mailbox);
        return ZVM_E_NOMEM;
    }
    mailbox->isolate = iso;
    mailbox->is_open = true;
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
    mailbox->paid_bytes = bytes;
    return true;
}

static void pay_back(struct zmailbox *mailbox)
{
    struct zgroup *group = mailbox->payer;
    if (group == NULL) return;
    mailbox->payer = NULL;
    zsum_give(&group->heap_bytes, mailbox->paid_bytes);
    zgroup_release(group);
}

void zmailbox_free_start(struct zmailbox *mailbox)
{
    if (mailbox->start == NULL) return;
    zparcel_free(mailbox->start);
    mailbox->start = NULL;
    pay_back(mailbox);
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
        struct zparcel *result = mailbox->result;
        unlist_result(mailbox);
        mailbox->result = NULL;
        zparcel_free(result); // with the last that holds it the mailbox goes as well
    }
}

// ---- Going --------------------------------------------------------------------------------------

// What a result holds may be the last to hold another mailbox, and so on: a list, not a recursion.
static _Thread_local struct zmailbox *dying; // linked by `at`
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
        dying = mailbox->at;
        ZVM_ASSERT(mailbox->first == NULL || mailbox->is_hosted);
        ZVM_ASSERT(mailbox->monitors == NULL);
        tell_unwatched(mailbox);
        if (mailbox->is_result_listed) unlist_result(mailbox);
        if (mailbox->result != NULL) zparcel_free(mailbox->result);
        zmailbox_free_start(mailbox);
        pay_back(mailbox);
        z_free(mailbox, sizeof *mailbox);
    }
    is_freeing = false;
}

void zmailbox_release(struct zmailbox *mailbox)
{
    if (z_fetch_sub_acq_rel(&mailbox->holds, 1) != 1) return; // PAIR mailbox-holds
    mailbox->at = dying;
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
    struct zgroup *group = mailbox->isolate == NULL ? NULL : zquota_group(mailbox->isolate);
    return group == NULL ? NULL : &group->heap_bytes;
}

static bool has_room(const struct zmailbox *mailbox, uint64_t bytes)
{
    return mailbox->count < mailbox->limit_count && bytes <= mailbox->limit_bytes - mailbox->bytes;
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
    if (mailbox->last != NULL)
        mailbox->last->next = message;
    else
        mailbox->first = message;
    mailbox->last = message;
}

static void add(struct zmailbox *mailbox, struct zmessage *message)
{
    append(mailbox, message);
    mailbox->count++;
    mailbox->bytes += message->bytes;
}

// Whoever waits for a message is to be woken.
static struct zwake take_waiter(struct zmailbox *mailbox)
{
    uint64_t waiter = mailbox->waiter;
    if (ZVM_UNLIKELY(mailbox->is_hosted)) {
        bool is_told = mailbox->on_message != NULL && mailbox->first == mailbox->last;
        return (struct zwake){.host = is_told ? mailbox : NULL};
    }
    mailbox->waiter = ZMAILBOX_NOBODY;
    if (waiter == ZMAILBOX_ISOLATE) return (struct zwake){.isolate = mailbox->isolate};
    return (struct zwake){.token = waiter};
}

// ---- Sending ------------------------------------------------------------------------------------

static enum zsent send_locked(struct zmailbox *mailbox, struct zmessage *message,
                              struct zline *line, struct zwake *wake)
{
    if (!mailbox->is_open) return ZSENT_OVER;
    if (message->kind == ZMESSAGE_EXIT) {
        append(mailbox, message);
        *wake = take_waiter(mailbox);
        return ZSENT;
    }
    if (message->bytes > mailbox->limit_bytes) return ZSENT_TOO_BIG;
    bool is_behind = mailbox->senders.first != NULL && mailbox->first != NULL;
    if (is_behind || !has_room(mailbox, message->bytes)) {
        if (line == NULL) return ZSENT_FULL;
        link_line(&mailbox->senders, line);
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
    if (was_linked) unlink_line(&mailbox->senders, line);
    zlock_give(&mailbox->lock);
    return was_linked;
}

// ---- Receiving ----------------------------------------------------------------------------------

// Senders in line come in while there is room for the first of them. When the group has none for it, it
// stays, unless nothing else would ever let it in.
static void admit(struct zmailbox *mailbox, struct zreceived *taken)
{
    while (taken->wake_count < ZMAILBOX_WAKES_MAX) {
        struct zline *line = mailbox->senders.first;
        if (line == NULL) return;
        struct zmessage *message = zparcel_message(line->parcel);
        if (!has_room(mailbox, message->bytes)) return;
        bool is_paid = pay(mailbox, message->bytes);
        if (!is_paid && mailbox->first != NULL) return;
        unlink_line(&mailbox->senders, line);
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
    struct zmessage *message = mailbox->first;
    mailbox->first = message->next;
    if (mailbox->first == NULL) mailbox->last = NULL;
    if (message->kind != ZMESSAGE_VALUE) return message;
    mailbox->count--;
    mailbox->bytes -= message->bytes;
    struct zsum *sum = group_sum(mailbox);
    if (sum != NULL) zsum_give(sum, message->bytes);
    return message;
}

void zmailbox_take(struct zmailbox *mailbox, uint64_t waiter, struct zreceived *out)
{
    out->message = NULL;
    out->admitted = out->wake_count = 0;
    zlock_take(&mailbox->lock);
    if (ZVM_UNLIKELY(mailbox->first == NULL && mailbox->senders.first != NULL)) admit(mailbox, out);
    if (mailbox->first != NULL) {
        out->message = take_first(mailbox);
        if (ZVM_UNLIKELY(mailbox->senders.first != NULL)) admit(mailbox, out);
    }
    out->is_to_repeat = out->message == NULL && mailbox->senders.first != NULL;
    if (out->message == NULL && !out->is_to_repeat) mailbox->waiter = waiter;
    zlock_give(&mailbox->lock);
}

uint64_t zmailbox_stop_waiting(struct zmailbox *mailbox)
{
    zlock_take(&mailbox->lock);
    uint64_t waiter = mailbox->waiter;
    mailbox->waiter = ZMAILBOX_NOBODY;
    zlock_give(&mailbox->lock);
    return waiter;
}

// ---- Those that wait for its end ----------------------------------------------------------------

bool zmailbox_is_over(struct zmailbox *mailbox)
{
    zlock_take(&mailbox->lock);
    bool is_over = !mailbox->is_open;
    zlock_give(&mailbox->lock);
    return is_over;
}

bool zmailbox_await(struct zmailbox *mailbox, struct zline *line)
{
    zlock_take(&mailbox->lock);
    bool is_alive = mailbox->is_open;
    if (is_alive) link_line(&mailbox->awaiters, line);
    zlock_give(&mailbox->lock);
    return is_alive;
}

void zmailbox_leave_awaiters(struct zmailbox *mailbox, struct zline *line)
{
    zlock_take(&mailbox->lock);
    if (line->is_linked) unlink_line(&mailbox->awaiters, line);
    zlock_give(&mailbox->lock);
}

bool zmailbox_watch(struct zmonitor *monitor)
{
    struct zmailbox *mailbox = monitor->watched;
    zlock_take(&mailbox->lock);
    bool is_alive = mailbox->is_open;
    if (is_alive) {
        monitor->previous = NULL;
        monitor->next = mailbox->monitors;
        if (mailbox->monitors != NULL) mailbox->monitors->previous = monitor;
        mailbox->monitors = monitor;
    }
    zlock_give(&mailbox->lock);
    return is_alive;
}

// Once the watched one is over, who tells of its end has the monitor, or has given it away.
void zmailbox_unwatch(struct zmonitor *monitor)
{
    struct zmailbox *mailbox = monitor->watched;
    zlock_take(&mailbox->lock);
    bool is_linked = mailbox->is_open;
    if (is_linked) {
        if (monitor->previous != NULL)
            monitor->previous->next = monitor->next;
        else
            mailbox->monitors = monitor->next;
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
    if (sum != NULL) zsum_give(sum, mailbox->bytes);
    struct zclosed closed = {mailbox->first, mailbox->count, mailbox->waiter};
    mailbox->first = mailbox->last = NULL;
    mailbox->count = 0;
    mailbox->bytes = 0;
    mailbox->waiter = ZMAILBOX_NOBODY;
    mailbox->isolate = NULL;
    mailbox->is_open = false;
    zlock_give(&mailbox->lock);
    return closed;
}

// The line may be gone when its token is answered: nothing of it is read after the lock.
uint64_t zmailbox_next_waiter(struct zmailbox *mailbox)
{
    zlock_take(&mailbox->lock);
    struct zline_list *list =
        mailbox->awaiters.first != NULL ? &mailbox->awaiters : &mailbox->senders;
    struct zline *line = list->first;
    uint64_t token = line == NULL ? 0 : line->token;
    if (line != NULL) unlink_line(list, line);
    zlock_give(&mailbox->lock);
    return token;
}

struct zmonitor *zmailbox_next_monitor(struct zmailbox *mailbox)
{
    zlock_take(&mailbox->lock);
    struct zmonitor *monitor = mailbox->monitors;
    if (monitor != NULL) mailbox->monitors = monitor->next;
    zlock_give(&mailbox->lock);
    return monitor;
}
