// sched/talk.c - isolates that programs spawn, and waking those that wait for messages.
//
// Owns: nothing. Thread: as declared.
// Invariants:  1. an isolate that waits for a message alone has the bit TOKEN in its state word and stands in its
//                 mailbox as the one to wake; who takes it out of there makes the step that clears the bit. So
//                 its block stays until then, as with a token (wait.c), and it needs no slot.
//              2. a spawned isolate is in the admission from before it is seen to after it is destroyed: a drain
//                 waits for it.
// A spawned isolate has what its parent has: limits, priority, group, output. It begins in its parent's worker.
#include "sched/sched_internal.h"

#include "vm/quota.h"
#include "vm/talk.h"
#include "vm/wait.h"

// ---- Spawning -------------------------------------------------------------------------------------

static struct zisolate_options options_for(const struct zisolate *iso, struct zmailbox *mailbox)
{
    struct zheap_options heap = zheap_options_of(&iso->heap);
    const struct zquota *quota = iso->quota;
    struct zgroup *group = zquota_group(iso);
    struct zisolate_options options = {
        .id = iso->id,
        .heap_limit_bytes = group == NULL ? heap.limit_bytes : quota->heap_limit_bytes,
        .fuel_limit = iso->fuel_limit,
        .timeout_ns = iso->timeout_ns,
        .gc_threshold_count = heap.threshold_count,
        .max_depth = iso->depth_limit,
        .gc_growth_percent = heap.growth_percent,
        .gc_mode = heap.mode,
        .symbol_limit_count = zquota_symbol_limit_count(iso),
        .symbol_limit_bytes = zquota_symbol_limit_bytes(iso),
        .priority = iso->priority,
        .output = iso->output,
        .output_context = iso->output_context,
        .on_finish = mailbox->life->on_spawned,
        .user = iso->user,
        .cpu_limit_ns = quota == NULL ? 0 : quota->cpu_limit_ns,
        .output_limit_bytes = quota == NULL ? 0 : quota->output_limit_bytes,
        .group = group,
        .mailbox = mailbox,
    };
    for (uint32_t kind = 0; kind < ZPOOL_KIND_COUNT; kind++)
        options.pool_limits[kind] = iso->pool_limits[kind];
    return options;
}

// The lane of a worker that is in a slice of its parent may be used: nothing of the heap is under way.
static zvm_status create(struct zsched *sched, const struct zisolate *iso,
                         const struct zisolate_options *options, struct zisolate **out)
{
    struct zworker *worker = zworker_current(sched);
    struct zcode *code = (struct zcode *)(uintptr_t)iso->code;
    if (worker != NULL && iso->runner == &worker->lane.runner)
        return zsched_isolate_create_on(sched, &worker->lane, iso->shared, code, options, out);
    return zsched_isolate_create(sched, iso->shared, code, options, out);
}

// When everything of the parent's is being cancelled, it is not the spawn that fails.
static zvm_status refusal(const struct zsched *sched, const struct zisolate *iso, zvm_status status)
{
    const struct zgroup *group = zquota_group(iso);
    bool is_cancelled = zadmission_is_cancelling(&sched->admission) ||
                        (group != NULL && zgroup_is_cancelled(group));
    return status == ZVM_E_CLOSED && is_cancelled ? ZVM_E_CANCELLED : status;
}

static zvm_status spawn(void *context, struct zisolate *iso, struct zmailbox *mailbox)
{
    struct zsched *sched = context;
    struct zisolate_options options = options_for(iso, mailbox);
    struct zisolate *child;
    zvm_status status = create(sched, iso, &options, &child);
    mailbox->status = ZVM_E_CANCELLED; // what it has come to if this fails
    if (status != ZVM_OK) return refusal(sched, iso, status);
    child->deadline_ns = iso->deadline_ns; // it has no more time than its parent
    zmailbox_open(mailbox, child);
    status = zsched_submit(sched, child);
    if (status == ZVM_OK) return ZVM_OK;
    uint64_t dropped;
    ztalk_end(child, &dropped);
    zvm_status destroyed = zsched_isolate_destroy(sched, child);
    ZVM_CHECK(destroyed == ZVM_OK);
    return refusal(sched, iso, status);
}

// ---- Waking ---------------------------------------------------------------------------------------

static void wake(void *context, const struct zwake *whom)
{
    static const struct zanswer answer = {.kind = ZANSWER_TIME};
    struct zsched *sched = context;
    if (whom->host != NULL)
        whom->host->life->on_message((zvm_mailbox *)whom->host, whom->host->user);
    else if (whom->isolate != NULL)
        zwaiting_wake(sched, whom->isolate);
    else
        (void)zwaiting_bring(sched, whom->token, &answer); // it may have gone on, or ended
}

// relaxed, all: counts, which reports read
static void count(void *context, struct zmessage_counts counts)
{
    struct zsched *sched = context;
    z_fetch_add_relaxed(&sched->host_sent, counts.sent);
    z_fetch_add_relaxed(&sched->host_received, counts.received);
    z_fetch_add_relaxed(&sched->host_dropped, counts.dropped);
}

static void hold(struct zisolate *iso)
{
    zstate_hold_token(&iso->state);
}

static bool is_held(const struct zisolate *iso)
{
    return zstate_has_token(&iso->state); // PAIR state
}

static void let_go(struct zisolate *iso)
{
    zstate_let_go_of_token(&iso->state);
}

static const struct ztalk_hooks hooks = {
    .spawn = spawn,
    .wake = wake,
    .count = count,
    .hold = hold,
    .is_held = is_held,
    .let_go = let_go,
};

const struct ztalk_hooks *zsched_talk_hooks(void)
{
    return &hooks;
}

// ---- The end ----------------------------------------------------------------------------------------

static void count_dropped(struct zsched *sched, uint64_t count)
{
    struct zworker *worker = zworker_current(sched);
    if (worker != NULL && !worker->is_in_slice) {
        zfold_event(worker, ZREPORT_messages_dropped, count);
        return;
    }
    struct zlane *lane = zlane_acquire_sure(sched);
    struct zreport_block *block = zfold_begin(sched, lane);
    zreport_add(block, ZREPORT_messages_dropped, count);
    zfold_end(sched, lane, block, zsched_now_ns(sched));
    zlane_release(sched, lane);
}

void zsched_end_talk(struct zsched *sched, struct zisolate *iso)
{
    uint64_t dropped = 0;
    ztalk_end(iso, &dropped);
    if (dropped > 0) count_dropped(sched, dropped);
}
