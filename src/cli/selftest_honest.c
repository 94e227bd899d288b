// cli/selftest_honest.c - isolates that compute known results while others are attacked.
//
// Owns: the isolates of a crowd, from start to end. Thread: main, but for the callbacks, which come from
// whatever thread runs the isolate.
// How: a program makes the same results round after round and prints them. Every byte is compared with
// what it must be, a constant that was not computed by zvm; so nothing is kept. After each slice, and at
// each round, the time since the last one is noted.
#include "cli/selftest_honest.h"

#include <string.h>

// Enough for the program; of the spoiled one not enough for its first list.
#define HONEST_HEAP_BYTES  (1024u * 1024u)
#define SPOILED_HEAP_BYTES ZVM_HEAP_LIMIT_MIN_BYTES
#define ROUND_NS_MAX       UINT64_C(30000000000)

// A round takes about 32,000 of fuel: as much as a slice.
static const char program[] =
    "function sieve(limit) {\n"
    "    let crossed = []\n"
    "    for each i in range(limit) { crossed.push(false) }\n"
    "    let count = 0\n"
    "    let sum = 0\n"
    "    for each i in range(2, limit) {\n"
    "        if crossed[i] { continue }\n"
    "        count += 1\n"
    "        sum += i\n"
    "        let j = i * i\n"
    "        while j < limit {\n"
    "            crossed[j] = true\n"
    "            j += i\n"
    "        }\n"
    "    }\n"
    "    return \"${count} primes, sum ${sum}\"\n"
    "}\n"
    "function sorted(count) {\n"
    "    let numbers = []\n"
    "    let x = 1\n"
    "    for each i in range(count) {\n"
    "        x = x * 16807 % 2147483647\n"
    "        numbers.push(x)\n"
    "    }\n"
    "    let digest = 0\n"
    "    for each number in sort(numbers) { digest = (digest * 31 + number) % 1000003 }\n"
    "    return \"sorted ${digest}\"\n"
    "}\n"
    "function words(count) {\n"
    "    let seen = {}\n"
    "    for each i in range(count) {\n"
    "        let word = \"word ${i * i % 17}\"\n"
    "        seen[word] = get(seen, word, 0) + 1\n"
    "    }\n"
    "    return seen\n"
    "}\n"
    "function caught(count) {\n"
    "    let sum = 0\n"
    "    for each i in range(count) {\n"
    "        try { sum += 100 / (i % 3) }\n"
    "        catch (e) { sum += len(e.kind) }\n"
    "        finally { sum += 1 }\n"
    "    }\n"
    "    return \"caught ${sum}\"\n"
    "}\n"
    "while goes_on() {\n"
    "    print(sieve(1000))\n"
    "    print(sorted(100))\n"
    "    print(words(40))\n"
    "    print(caught(30))\n"
    "}\n";

// What a round prints.
static const char expected[] =
    "168 primes, sum 76127\n"
    "sorted 823080\n"
    "{word 0: 3, word 1: 5, word 4: 5, word 9: 5, word 16: 5, word 8: 5, word 2: 4, word 15: 4, "
    "word 13: 4}\n"
    "caught 1700\n";

const char *cli_honest_program(void)
{
    return program;
}

// ---- Called by workers ------------------------------------------------------------------------

static void note_slice(struct cli_honest *honest)
{
    struct cli_elapsed wait = cli_elapsed_since(&honest->seen);
    if (honest->has_run && wait.wall_ns > honest->wait.wall_ns) honest->wait.wall_ns = wait.wall_ns;
    if (honest->has_run && wait.had_ns > honest->wait.had_ns) honest->wait.had_ns = wait.had_ns;
    honest->has_run = true;
    honest->seen = cli_moment_now();
}

// A zvm_moment_fn.
static void end_slice(zvm_isolate *isolate, void *user, zvm_moment moment)
{
    (void)isolate;
    if (moment == ZVM_MOMENT_SLICE) note_slice(user);
}

// A zvm_host_fn: goes_on().
static zvm_call_outcome goes_on(zvm_call *call, const zvm_value *arguments, size_t count)
{
    (void)arguments, (void)count;
    struct cli_honest *honest = zvm_isolate_user(zvm_call_isolate(call));
    // relaxed: nothing else is read by way of either; the isolate's end is what main waits for.
    bool is_over = atomic_load_explicit(&honest->crowd->is_over, memory_order_relaxed);
    if (honest->has_run) atomic_fetch_add_explicit(&honest->rounds, 1, memory_order_relaxed);
    note_slice(honest);
    zvm_value value = {.kind = ZVM_VALUE_BOOL, .boolean = !is_over};
    return zvm_call_return(call, &value);
}

// A zvm_write_fn.
static bool compare_output(void *context, const char *text, size_t length_bytes)
{
    struct cli_honest *honest = context;
    for (size_t i = 0; i < length_bytes; i++) {
        if (text[i] != expected[honest->at]) honest->is_wrong = true;
        honest->at = (honest->at + 1) % (uint32_t)(sizeof expected - 1);
    }
    return true;
}

// ---- Main's -----------------------------------------------------------------------------------

zvm_status cli_honest_prepare(zvm_runtime *runtime, struct cli_honest_crowd *crowd)
{
    memset(crowd, 0, sizeof *crowd);
    zvm_host_function function = ZVM_HOST_FUNCTION_INIT;
    function.name = "goes_on";
    function.call = goes_on;
    return zvm_runtime_add_function(runtime, &function);
}

static zvm_status start_one(zvm_runtime *runtime, zvm_code *code, struct cli_honest *honest,
                            size_t heap_bytes)
{
    zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
    options.heap_limit_bytes = heap_bytes;
    options.output = compare_output;
    options.output_context = honest;
    options.user = honest;
    options.on_moment = end_slice;
    zvm_status status = zvm_isolate_create(runtime, code, &options, &honest->isolate);
    return status != ZVM_OK ? status : zvm_isolate_submit(honest->isolate);
}

zvm_status cli_honest_start(zvm_runtime *runtime, struct cli_honest_crowd *crowd, bool spoiled)
{
    zvm_code *code;
    zvm_status status =
        zvm_code_from_source(runtime, "honest", program, strlen(program), NULL, NULL, &code);
    if (status != ZVM_OK) return status;
    for (uint32_t i = 0; i < CLI_HONEST_COUNT && status == ZVM_OK; i++) {
        struct cli_honest *honest = &crowd->honest[i];
        honest->crowd = crowd;
        bool is_spoiled = spoiled && i == CLI_HONEST_COUNT / 2;
        status =
            start_one(runtime, code, honest, is_spoiled ? SPOILED_HEAP_BYTES : HONEST_HEAP_BYTES);
        crowd->made = i + 1;
    }
    zvm_code_release(code);
    return status;
}

static uint64_t rounds_of(const struct cli_honest *honest)
{
    return atomic_load_explicit(&honest->rounds, memory_order_relaxed) - honest->rounds_before;
}

void cli_honest_mark(struct cli_honest_crowd *crowd)
{
    for (uint32_t i = 0; i < crowd->made; i++)
        crowd->honest[i].rounds_before += rounds_of(&crowd->honest[i]);
}

uint64_t cli_honest_rounds(const struct cli_honest_crowd *crowd)
{
    uint64_t least = crowd->made == 0 ? 0 : UINT64_MAX;
    for (uint32_t i = 0; i < crowd->made; i++) {
        uint64_t rounds = rounds_of(&crowd->honest[i]);
        if (rounds < least) least = rounds;
    }
    return least;
}

bool cli_honest_have_made(const struct cli_honest_crowd *crowd, uint64_t rounds)
{
    for (uint32_t i = 0; i < crowd->made; i++) {
        const struct cli_honest *honest = &crowd->honest[i];
        if (rounds_of(honest) >= rounds) continue;
        if (zvm_isolate_wait(honest->isolate, 0) == ZVM_E_TIMEOUT) return false;
    }
    return true;
}

// One that does not come to the end of its round is ended, and wrong.
static bool has_ended_well(zvm_isolate *isolate)
{
    zvm_result result = ZVM_RESULT_INIT;
    if (zvm_isolate_wait(isolate, ROUND_NS_MAX) == ZVM_E_TIMEOUT) {
        zvm_isolate_cancel(isolate);
        (void)zvm_isolate_wait(isolate, UINT64_MAX);
    }
    return zvm_isolate_result(isolate, &result) == ZVM_OK && result.status == ZVM_OK;
}

static void end_one(struct cli_honest *honest)
{
    if (honest->isolate == NULL) return;
    if (!has_ended_well(honest->isolate) || honest->at != 0) honest->is_wrong = true;
    zvm_isolate_destroy(honest->isolate);
    honest->isolate = NULL;
}

void cli_honest_end(struct cli_honest_crowd *crowd)
{
    atomic_store_explicit(&crowd->is_over, true, memory_order_relaxed);
    for (uint32_t i = 0; i < crowd->made; i++)
        end_one(&crowd->honest[i]);
}

uint32_t cli_honest_right(const struct cli_honest_crowd *crowd)
{
    uint32_t right = 0;
    for (uint32_t i = 0; i < crowd->made; i++) {
        const struct cli_honest *honest = &crowd->honest[i];
        if (!honest->is_wrong && rounds_of(honest) > 0) right++;
    }
    return right;
}
