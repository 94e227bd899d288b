// api/host.c - the bodies of zvm.h's functions of the host: arguments are checked, then src/vm is
// called.
//
// Owns: nothing; zvm_call is struct zvm_call of vm/hostcall.h. Thread: as each declaration says.
#include "api/api_internal.h"

#include "base/utf8.h"
#include "lang/lexer.h"
#include "sched/sched.h"
#include "vm/exchange.h"
#include "vm/hostcall.h"
#include "vm/wait.h"

#include <string.h>

// ---- Adding -------------------------------------------------------------------------------------

// What a program can call: one name, no word of the language, none that stands for something else.
static bool is_callable_name(const char *name)
{
    size_t length_bytes = strlen(name);
    if (length_bytes > ZVM_HOST_NAME_BYTES_MAX) return false;
    if (!zutf8_is_valid(name, length_bytes, NULL)) return false;
    if (strcmp(name, "args") == 0) return false;
    struct zlexer lexer;
    struct ztoken token;
    zlexer_init(&lexer, name, length_bytes);
    zlexer_next(&lexer, &token);
    return token.kind == ZTOKEN_NAME && token.offset == 0 && token.length_bytes == length_bytes;
}

zvm_status zvm_runtime_add_function(zvm_runtime *runtime, const zvm_host_function *function)
{
    zvm_host_function own = ZVM_HOST_FUNCTION_INIT;
    if (runtime == NULL || function == NULL) return ZVM_E_ARGUMENT;
    if (zapi_is_dead(runtime)) return ZVM_E_FORKED;
    if (!zapi_read_options(&own, sizeof own, function, function->size)) return ZVM_E_ARGUMENT;
    if (own.name == NULL || own.call == NULL) return ZVM_E_ARGUMENT;
    if (own.minimum > own.maximum || own.maximum > ZVM_HOST_ARGUMENTS_MAX) return ZVM_E_ARGUMENT;
    if (own.takes_any > 1 || (own.takes_any != 0 && own.is_blocking != 0)) return ZVM_E_ARGUMENT;
    if (!is_callable_name(own.name)) return ZVM_E_ARGUMENT;
    return zhosts_add(runtime->hosts, &own);
}

// ---- Calls --------------------------------------------------------------------------------------

zvm_call_outcome zvm_call_return(zvm_call *call, const zvm_value *value)
{
    return call == NULL ? ZVM_CALL_FAILED : zhost_return(call, value);
}

zvm_call_outcome zvm_call_fail(zvm_call *call, const char *kind, const char *message)
{
    return call == NULL ? ZVM_CALL_FAILED : zhost_fail(call, kind, message);
}

zvm_status zvm_call_token(zvm_call *call, zvm_token *token)
{
    if (call == NULL || token == NULL) return ZVM_E_ARGUMENT;
    return zhost_suspend(call, token);
}

void *zvm_call_user(const zvm_call *call)
{
    return call == NULL ? NULL : call->function->user;
}

zvm_isolate *zvm_call_isolate(const zvm_call *call)
{
    return call == NULL ? NULL : (zvm_isolate *)call->iso;
}

// ---- Completing ---------------------------------------------------------------------------------

// The copy is the isolate's, or freed.
static zvm_status answer_with(zvm_runtime *runtime, zvm_token token, struct zanswer *answer)
{
    zvm_status status = zsched_answer(runtime->sched, token, answer);
    if (status != ZVM_OK) zanswer_give_back(answer);
    return status;
}

zvm_status zvm_complete(zvm_runtime *runtime, zvm_token token, const zvm_value *value)
{
    if (runtime == NULL) return ZVM_E_ARGUMENT;
    if (zapi_is_dead(runtime)) return ZVM_E_FORKED;
    zvm_status status = value == NULL ? ZVM_OK : zexchange_check(value);
    if (status != ZVM_OK) return status;
    if (!zsched_is_awaited(runtime->sched, token)) return ZVM_E_STALE;
    struct zanswer answer;
    status = zanswer_of_value(value, &answer);
    return status == ZVM_OK ? answer_with(runtime, token, &answer) : status;
}

zvm_status zvm_complete_error(zvm_runtime *runtime, zvm_token token, const char *kind,
                              const char *message)
{
    if (runtime == NULL) return ZVM_E_ARGUMENT;
    if (zapi_is_dead(runtime)) return ZVM_E_FORKED;
    if (kind == NULL) kind = "Error";
    if (message == NULL) message = "the host gave no message";
    if (!zutf8_is_valid(kind, strlen(kind), NULL)) return ZVM_E_UTF8;
    if (!zutf8_is_valid(message, strlen(message), NULL)) return ZVM_E_UTF8;
    if (!zsched_is_awaited(runtime->sched, token)) return ZVM_E_STALE;
    struct zanswer answer;
    zvm_status status = zanswer_of_error(kind, message, &answer);
    return status == ZVM_OK ? answer_with(runtime, token, &answer) : status;
}
