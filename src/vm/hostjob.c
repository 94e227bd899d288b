// vm/hostjob.c - calls of functions of the host that block.
//
// Owns: the job until it has run. Thread: made by the isolate's owner; run by a thread of the pool, which
// knows nothing of the isolate but its token.
// The arguments are copies, and the result is an answer as any other: so the isolate can be cancelled,
// reach its deadline and be destroyed while the function still runs; what that then gives nobody takes.
#include "vm/hostcall.h"

#include "base/alloc.h"
#include "vm/exchange.h"
#include "vm/wait.h"

#include <string.h>

struct zhost_job {
    struct zwait_job job; // first
    const struct zshared *shared;
    const struct zhost_function *function;
    uint64_t token;
    size_t bytes; // of this, with the texts
    uint32_t count;
    zvm_value arguments[ZHOST_ARGUMENTS_MAX];
    char texts[];
};

static size_t texts_bytes(const zvm_value *arguments, uint32_t count)
{
    size_t bytes = 0;
    for (uint32_t i = 0; i < count; i++)
        if (arguments[i].kind == ZVM_VALUE_STRING) bytes += arguments[i].length_bytes;
    return bytes; // together they are in one heap: no overflow
}

static void copy_arguments(struct zhost_job *job, const zvm_value *arguments)
{
    char *text = job->texts;
    for (uint32_t i = 0; i < job->count; i++) {
        job->arguments[i] = arguments[i];
        if (arguments[i].kind != ZVM_VALUE_STRING) continue;
        memcpy(text, arguments[i].text, arguments[i].length_bytes);
        job->arguments[i].text = text;
        text += arguments[i].length_bytes;
    }
}

static void free_job(struct zhost_job *job)
{
    z_free(job, job->bytes);
}

// ---- On the pool's thread -----------------------------------------------------------------------

static void answer(struct zhost_job *job, struct zanswer *made)
{
    const struct zshared *shared = job->shared;
    if (!shared->waits->answer(shared->waits_context, job->token, made)) zanswer_free(made);
}

static void run(struct zwait_job *base)
{
    struct zhost_job *job = (struct zhost_job *)(void *)base;
    const struct zshared *shared = job->shared;
    if (shared->waits->is_awaited(shared->waits_context, job->token)) {
        struct zanswer made = {.kind = ZANSWER_VALUE}; // null
        struct zvm_call call = {.function = job->function, .answer = &made};
        zvm_call_outcome outcome = job->function->call(&call, job->arguments, job->count);
        if (outcome != ZVM_CALL_RETURNED && made.kind == ZANSWER_VALUE) zhost_answer_nowhere(&call);
        answer(job, &made);
    }
    free_job(job);
}

// ---- On the isolate's ---------------------------------------------------------------------------

zvm_status zhost_start_job(struct zisolate *iso, const struct zhost_function *function,
                           const zvm_value *arguments, uint32_t count)
{
    const struct zshared *shared = iso->shared;
    size_t bytes = sizeof(struct zhost_job) + texts_bytes(arguments, count);
    struct zhost_job *job = z_alloc(bytes);
    if (job == NULL) return ZVM_E_NOMEM;
    *job = (struct zhost_job){
        .job.run = run, .shared = shared, .function = function, .bytes = bytes, .count = count};
    copy_arguments(job, arguments);
    zvm_status status = zwait_open(iso, &job->token);
    if (status == ZVM_OK) status = shared->waits->start(shared->waits_context, &job->job);
    if (status == ZVM_OK) return ZVM_OK;
    (void)zwait_drop(iso); // nobody knows the token
    free_job(job);
    return status;
}
