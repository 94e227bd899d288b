// tests/model/sched_isolates.h - isolates for models of the scheduler: blocks that are never run.
//
// Included by one file of a model, which supplies zisolate_run, zisolate_end, zisolate_deinit and
// zheap_stats; with ZMODEL_TALKS, zisolate_create and zisolate_free as well.
#ifndef ZVM_TESTS_MODEL_SCHED_ISOLATES_H
#define ZVM_TESTS_MODEL_SCHED_ISOLATES_H

#include "base/alloc.h"
#include "base/clock.h"
#include "model.h"
#include "report/roster.h"
#include "sched/hooks.h"
#include "sched/sched.h"
#include "vm/isolate.h"
#include "vm/quota.h"
#include "vm/talk.h"
#include "vm/wait.h"

// No host listens here (sched/hooks.h), and none has an isolate in hand (sched/lend.h).
void zhooks_created(const struct zhooks *hooks, struct zisolate *iso)
{
    (void)hooks;
    (void)iso;
}

void zhooks_destroyed(const struct zhooks *hooks, struct zisolate *iso)
{
    (void)hooks;
    (void)iso;
}

void zhooks_slice_slow(const struct zhooks *hooks, struct zisolate *iso, struct zlane *lane,
                       bool has_finished)
{
    (void)hooks;
    (void)iso;
    (void)lane;
    (void)has_finished;
}

void zhooks_log(const struct zhooks *hooks, zvm_log_level level, const char *format, ...)
{
    (void)hooks;
    (void)level;
    (void)format;
}

void zsched_let_go(struct zsched *sched, struct zisolate *iso)
{
    (void)sched;
    (void)iso;
}

zvm_status zrunner_init(struct zrunner *runner, struct zspan_pool *pool)
{
    (void)pool;
    runner->env = NULL;
    return ZVM_OK;
}

void zrunner_deinit(struct zrunner *runner)
{
    (void)runner;
}

#ifndef ZMODEL_TALKS
zvm_status zisolate_create(struct zshared *shared, struct zcode *code, struct zheap_env *env,
                           const struct zisolate_options *options, struct zisolate **out)
{
    (void)shared;
    (void)code;
    (void)env;
    struct zisolate *iso = z_alloc_zeroed(sizeof *iso);
    if (iso == NULL) return ZVM_E_NOMEM;
    atomic_init(&iso->state, ZSTATE_IDLE);
    iso->id = options->id;
    iso->on_finish = options->on_finish;
    iso->priority = (uint8_t)options->priority;
    *out = iso;
    return ZVM_OK;
}

void zisolate_free(struct zisolate *iso, struct zheap_env *env)
{
    (void)env;
    z_free(iso, sizeof *iso);
}
#endif

// Nobody is reset here; model_reset is about that.
zvm_status zisolate_prepare_reset(const struct zisolate *iso, struct zvalue **stack)
{
    (void)iso;
    *stack = NULL;
    return ZVM_OK;
}

void zisolate_forget_reset(const struct zisolate *iso, struct zvalue *stack)
{
    (void)iso;
    (void)stack;
}

void zisolate_reset(struct zisolate *iso, struct zheap_env *env, struct zvalue *stack,
                    struct zmailbox *mailbox)
{
    (void)iso;
    (void)env;
    (void)stack;
    (void)mailbox;
}

// Nobody is in a group with limits here; model_group is about that.
void zquota_return_heap(struct zisolate *iso, bool is_over)
{
    (void)iso;
    (void)is_over;
}

// Nobody waits for an answer here; model_answer is about that.
uint64_t zwait_token(const struct zisolate *iso)
{
    (void)iso;
    return 0;
}

void zwait_forget(struct zisolate *iso)
{
    (void)iso;
}

uint64_t zwait_wake_ns(const struct zisolate *iso)
{
    (void)iso;
    return 0;
}

void zanswer_free(struct zanswer *answer)
{
    (void)answer;
}

#ifndef ZMODEL_TALKS
// Nobody talks here; model_spawn is about that.
struct zsched;
void zsched_end_talk(struct zsched *sched, struct zisolate *iso);
void zsched_end_talk(struct zsched *sched, struct zisolate *iso)
{
    (void)sched;
    (void)iso;
}

bool ztalk_withdraw(struct zisolate *iso)
{
    (void)iso;
    return true;
}

zvm_status ztalk_prepare_again(const struct zisolate *iso, struct zmailbox **out)
{
    (void)iso;
    *out = NULL;
    return ZVM_OK;
}

void zmailbox_release(struct zmailbox *mailbox)
{
    (void)mailbox;
}

void zmailbox_end_life(struct zmailbox *mailbox, struct zlives *lives)
{
    (void)mailbox;
    (void)lives;
}
#endif

_Atomic uint64_t *zclock_use(_Atomic uint64_t *ns)
{
    return ns; // no scheduler here has a seed
}

uint64_t zclock_thread_cpu_ns(void)
{
    return 1;
}

uint64_t zisolate_fuel_used(const struct zisolate *iso)
{
    return iso->slices;
}

void zpools_fold(struct zpools *pools, struct zheap *heap, struct zreport_block *block)
{
    (void)pools;
    (void)heap;
    (void)block;
}

void zpools_fold_end(struct zpools *pools, struct zheap *heap, struct zreport_block *block)
{
    (void)pools;
    (void)heap;
    (void)block;
}

uint32_t zheap_env_take_pauses(struct zheap_env *env, uint64_t *pauses_ns, uint32_t max)
{
    (void)env;
    (void)pauses_ns;
    (void)max;
    return 0;
}

bool zheap_env_take_collected(struct zheap_env *env, struct zheap_collected *out)
{
    (void)env;
    (void)out;
    return false;
}

// Nobody profiles or traces here.
struct zsched;
struct zworker;
struct ztrace;
struct ztrace_event;
void zprofiles_attach(const struct zsched *sched, struct zrunner *runner,
                      const struct zworker *worker);
void ztrace_add(struct ztrace *trace, const struct ztrace_event *event);

void zprofiles_attach(const struct zsched *sched, struct zrunner *runner,
                      const struct zworker *worker)
{
    (void)sched;
    (void)runner;
    (void)worker;
}

void ztrace_add(struct ztrace *trace, const struct ztrace_event *event)
{
    (void)trace;
    (void)event;
}

// One row for all, which nobody writes: model_roster has the real ones.
static struct zroster_row row_of_all;

struct zroster_row *zroster_take_locked(struct zroster *roster)
{
    (void)roster;
    return &row_of_all;
}

void zroster_give_locked(struct zroster *roster, struct zroster_row *row)
{
    (void)roster;
    (void)row;
}

struct zroster_row *zroster_chunk_create(uint64_t capacity)
{
    (void)capacity;
    return NULL;
}

void zroster_chunk_destroy(struct zroster_row *chunk, uint64_t capacity)
{
    (void)chunk;
    (void)capacity;
}

bool zroster_add_locked(struct zroster *roster, struct zroster_row *chunk, uint64_t capacity)
{
    (void)roster;
    (void)chunk;
    (void)capacity;
    return false;
}

void zroster_publish(struct zroster_row *row, const uint64_t words[ZROSTER_WORDS])
{
    (void)row;
    (void)words;
}

uint64_t zroster_top(const struct zroster *roster, uint64_t now_ns, struct ztop *tops,
                     uint32_t top_count)
{
    (void)roster;
    (void)now_ns;
    (void)tops;
    (void)top_count;
    return 0;
}

void zroster_deinit(struct zroster *roster)
{
    (void)roster;
}

#endif // ZVM_TESTS_MODEL_SCHED_ISOLATES_H
