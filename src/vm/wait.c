// vm/wait.c - an isolate that waits for something from outside, and the answer that it gets.
//
// Owns: the copies that an answer carries. Thread: the isolate's owner; answers are made by anybody.
// The token stands in the extra part, which isolates that never wait may not have.
// Invariant: extra->wait_token is 0, or names a slot of the scheduler that names this isolate.
#include "vm/wait.h"

#include "base/alloc.h"
#include "vm/hostobject.h"

#include <string.h>

// ---- Answers ------------------------------------------------------------------------------------

zvm_status zanswer_of_value(const zvm_value *value, struct zanswer *out)
{
    struct zanswer answer = {.kind = ZANSWER_VALUE};
    if (value != NULL) answer.value = *value;
    if (answer.value.kind == ZVM_VALUE_STRING && answer.value.length_bytes > 0) {
        answer.text_bytes = answer.value.length_bytes;
        answer.text = z_alloc(answer.text_bytes);
        if (answer.text == NULL) return ZVM_E_NOMEM;
        memcpy(answer.text, value->text, answer.text_bytes);
        answer.value.text = answer.text;
    }
    *out = answer;
    return ZVM_OK;
}

zvm_status zanswer_of_error(const char *kind, const char *message, struct zanswer *out)
{
    struct zanswer answer = {.kind = ZANSWER_ERROR, .message_at = strlen(kind) + 1};
    size_t message_bytes = strlen(message) + 1;
    if (message_bytes > SIZE_MAX - answer.message_at) return ZVM_E_LIMIT;
    answer.text_bytes = answer.message_at + message_bytes;
    answer.text = z_alloc(answer.text_bytes);
    if (answer.text == NULL) return ZVM_E_NOMEM;
    memcpy(answer.text, kind, answer.message_at);
    memcpy(answer.text + answer.message_at, message, message_bytes);
    *out = answer;
    return ZVM_OK;
}

void zanswer_give_back(struct zanswer *answer)
{
    if (answer->text != NULL) z_free(answer->text, answer->text_bytes);
    *answer = (struct zanswer){.kind = ZANSWER_VALUE};
}

void zanswer_free(struct zanswer *answer)
{
    if (answer->kind == ZANSWER_VALUE) zhost_object_drop(&answer->value);
    zanswer_give_back(answer);
}

// ---- Waiting ------------------------------------------------------------------------------------

uint64_t zwait_token(const struct zisolate *iso)
{
    return iso->extra == NULL ? 0 : iso->extra->wait_token;
}

void zwait_forget(struct zisolate *iso)
{
    if (iso->extra == NULL) return;
    iso->extra->wait_token = 0;
    iso->extra->wake_ns = 0;
}

zvm_status zwait_open(struct zisolate *iso, uint64_t *token)
{
    if (!zisolate_ensure_extra(iso)) return ZVM_E_NOMEM;
    struct zisolate_extra *extra = iso->extra;
    const struct zshared *shared = iso->shared;
    if (extra->wait_token == 0) {
        zvm_status status = shared->waits->open(shared->waits_context, iso, &extra->wait_token);
        if (status != ZVM_OK) return status;
    }
    *token = extra->wait_token;
    return ZVM_OK;
}

bool zwait_take(struct zisolate *iso, struct zanswer *out)
{
    ZVM_ASSERT(zwait_token(iso) != 0);

    const struct zshared *shared = iso->shared;
    if (!shared->waits->take(shared->waits_context, iso, iso->extra->wait_token, out)) return false;
    zwait_forget(iso);
    return true;
}

bool zwait_drop(struct zisolate *iso)
{
    const struct zshared *shared = iso->shared;
    if (zwait_token(iso) == 0) return true;
    if (!shared->waits->drop(shared->waits_context, iso, iso->extra->wait_token)) return false;
    zwait_forget(iso);
    return true;
}

void zwait_until(struct zisolate *iso, uint64_t wake_ns)
{
    iso->extra->wake_ns = wake_ns;
}

uint64_t zwait_wake_ns(const struct zisolate *iso)
{
    uint64_t wake_ns = iso->extra == NULL ? 0 : iso->extra->wake_ns;
    if (wake_ns == 0 || iso->deadline_ns == 0) return wake_ns == 0 ? iso->deadline_ns : wake_ns;
    return wake_ns < iso->deadline_ns ? wake_ns : iso->deadline_ns;
}
