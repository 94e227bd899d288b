// The programs of stress_runtime and what each must come to. A program is given `n` and `cookie` by
// the host (and the text `greeting`), so that a run which was lost, doubled or mixed up with another
// one gives a wrong answer. Fuel is a function of program, n and cookie: that is checked as well.
#ifndef STRESS_RUNTIME_PROGRAMS_H
#define STRESS_RUNTIME_PROGRAMS_H

#include "zvm.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum program {
    PROGRAM_SUM,
    PROGRAM_CHURN,
    PROGRAM_SHARED_KEYS,
    PROGRAM_OWN_KEYS,
    PROGRAM_CAUGHT,
    PROGRAM_FUNCTIONS,
    PROGRAM_RECORDS,
    PROGRAM_TEXT,
    PROGRAM_ARGUMENTS,
    PROGRAM_PRINT,
    PROGRAM_DEEP,
    PROGRAM_HEAP_CAUGHT,
    PROGRAM_HEAP,
    PROGRAM_THROW,
    PROGRAM_INDEX,
    PROGRAM_SPIN,
    PROGRAM_COUNT
};

#define OWN_KEYS_MAX        120
#define HEAP_CAUGHT_BYTES   (256 * 1024)
#define SHARED_KEY_COUNT    50
#define DEEP_MAX_DEPTH      60
#define SPIN_TIMEOUT_MAX_NS UINT64_C(2000000)

// How a program is given and what it ends with when nobody interferes.
struct program_info {
    const char *name, *source;
    uint32_t n_max; // n is 0 to this
    zvm_status ending;
    const char *kind; // of the error it ends with
    uint32_t line;    // where; 0: not looked at
};

static const struct program_info programs[PROGRAM_COUNT] = {
    [PROGRAM_SUM] = {"sum.zx",
                     "let answer = 0\nlet i = 0\n"
                     "while i < n { i += 1\n answer += i * cookie }\n",
                     2000, ZVM_OK, "", 0},
    [PROGRAM_CHURN] = {"churn.zx",
                       "let answer = 0\nlet i = 0\nlet recent = []\n"
                       "while i < n { i += 1\n"
                       " let words = [\"item-\" + string(i), string(cookie) + \"-\" + string(i)]\n"
                       " let box = {number: i, words: words, next: [i, i, i, i, i, i]}\n"
                       " recent.push(box)\n"
                       " if len(recent) > 40 { recent = [box] }\n"
                       " answer += len(box.words[1]) + recent[0].number - recent[0].next[3] }\n",
                       1200, ZVM_OK, "", 0},
    [PROGRAM_SHARED_KEYS] = {"shared_keys.zx",
                             "let m = {}\nlet i = 0\n"
                             "while i < n { i += 1\n"
                             " let key = \"shared-\" + string(i % 50)\n"
                             " m[key] = m.get(key, 0) + cookie }\n"
                             "let answer = 0\n"
                             "for each key, value in m { answer += value }\n",
                             600, ZVM_OK, "", 0},
    [PROGRAM_OWN_KEYS] =
        {"own_keys.zx",
         "let m = {}\nlet i = 0\nlet own = \"own-\" + string(isolate_id()) + \"-\"\n"
         "while i < n { i += 1\n"
         " m[own + string(i)] = i + cookie\n"
         " if i % 3 == 0 { m.remove(own + string(i - 1)) } }\n"
         "let answer = 0\n"
         "for each key, value in m { answer += value - cookie }\n",
         OWN_KEYS_MAX, ZVM_OK, "", 0},
    [PROGRAM_CAUGHT] = {"caught.zx",
                        "action fail(depth) {\n"
                        " if depth == 0 { throw error(\"e\" + string(cookie), \"StressError\") }\n"
                        " return fail(depth - 1) }\n"
                        "let answer = 0\nlet i = 0\n"
                        "while i < n { i += 1\n"
                        " try { if i % 2 == 0 { fail(i % 20) } else { let x = [1, 2][i + 5] } }\n"
                        " catch (e) { if e.kind == \"StressError\" { answer += cookie }\n"
                        "  else { answer += e.line } }\n"
                        " finally { answer += 2 } }\n",
                        300, ZVM_OK, "", 0},
    [PROGRAM_FUNCTIONS] =
        {"functions.zx",
         "let list = range(n).map(x => x * 7919 % 1009)\n"
         "let sorted = sort(list, (a, b) => b - a)\n"
         "let answer = sorted.filter(x => x % 2 == 0).reduce((a, b) => a + b, 0)\n"
         "let i = 1\n"
         "while i < n { if sorted[i] > sorted[i - 1] { answer = -1 }\n i += 1 }\n",
         300, ZVM_OK, "", 0},
    // All isolates make the same few shapes, most of them at the same time, and share the caches.
    [PROGRAM_RECORDS] = {"records.zx",
                         "data Base { sum = 0, list = []\n"
                         " method add(v) { this.sum += v\n return this } }\n"
                         "let answer = 0\nlet i = 0\n"
                         "while i < n { i += 1\n"
                         " data Twice extends Base { factor = 2\n"
                         "  method add(v) { this.sum += v * this.factor\n return this } }\n"
                         " for each o in [Base(), Twice(), Twice(factor=cookie)] {\n"
                         "  answer += match o.add(i) { Base(sum, _) => sum, _ => -1 } } }\n",
                         150, ZVM_OK, "", 0},
    [PROGRAM_TEXT] = {"text.zx",
                      "let reply = \"${greeting}/${cookie}\"\n"
                      "let answer = len(reply.split(\"/\"))\n"
                      "let long = greeting * n\n"
                      "if n > 0 { answer += long.replace(\"/\", \"\").index_of(\"hello\") }\n",
                      50, ZVM_OK, "", 0},
    [PROGRAM_ARGUMENTS] = {"arguments.zx",
                           "let answer = len(args) * 1000 + int(args[1]) + n - n\n"
                           "if args[0] != \"stress\" or int(args[1]) != cookie { answer = -1 }\n",
                           5, ZVM_OK, "", 0},
    [PROGRAM_PRINT] = {"print.zx",
                       "let answer = 0\n"
                       "while answer < n { answer += 1\n print \"line\", cookie, answer }\n",
                       150, ZVM_OK, "", 0},
    [PROGRAM_DEEP] = {"deep.zx",
                      "action down(depth) { return down(depth + 1) + 1 }\n"
                      "let answer = 0\nlet i = 0\n"
                      "while i <= n % 4 { i += 1\n"
                      " try { down(0) } catch (e) {\n"
                      "  if e.kind == \"StackOverflowError\" { answer += cookie } } }\n",
                      20, ZVM_OK, "", 0},
    [PROGRAM_HEAP_CAUGHT] = {"heap_caught.zx",
                             "action fill() { let items = []\n"
                             " while true { items.push(\"text \" + string(len(items))) } }\n"
                             "let answer = 0\nlet i = 0\n"
                             "while i < 3 { i += 1\n"
                             " try { fill() } catch (e) {\n"
                             "  if e.kind == \"HeapLimitError\" { answer += cookie + n - n } } }\n",
                             5, ZVM_OK, "", 0},
    [PROGRAM_HEAP] = {"heap.zx",
                      "let answer = n + cookie\nlet items = []\n"
                      "while true { items.push(\"text \" + string(len(items))) }\n",
                      5, ZVM_E_HEAP_LIMIT, "HeapLimitError", 0},
    [PROGRAM_THROW] = {"throw.zx",
                       "let answer = 0\n"
                       "while answer < n { answer += 1 }\n"
                       "throw error(\"uncaught \" + string(cookie), \"StressError\")\n",
                       400, ZVM_E_ERROR, "StressError", 3},
    [PROGRAM_INDEX] = {"index.zx",
                       "action get(list, i) {\n"
                       " return list[i] }\n"
                       "let answer = get([1, 2, n], 3 + cookie)\n",
                       5, ZVM_E_ERROR, "IndexError", 2},
    [PROGRAM_SPIN] = {"spin.zx", "let answer = n + cookie\nwhile true { answer += 1 }\n", 5,
                      ZVM_E_TIMEOUT, NULL, 0},
};

static inline int64_t digits_of(int64_t number)
{
    int64_t digits = 1;
    for (; number >= 10; number /= 10)
        digits++;
    return digits;
}

static inline int64_t churn_answer(int64_t n, int64_t cookie)
{
    int64_t answer = 0;
    for (int64_t i = 1; i <= n; i++)
        answer += digits_of(cookie) + 1 + digits_of(i);
    return answer;
}

static inline int64_t own_keys_answer(int64_t n)
{
    int64_t answer = 0;
    for (int64_t i = 1; i <= n; i++)
        answer += i % 3 == 0 ? i - (i - 1) : i;
    return answer;
}

static inline int64_t functions_answer(int64_t n)
{
    int64_t answer = 0;
    for (int64_t i = 0; i < n; i++)
        answer += i * 7919 % 1009 % 2 == 0 ? i * 7919 % 1009 : 0;
    return answer;
}

// Half of the runs of caught.zx fail by index, in line 7.
static inline int64_t caught_answer(int64_t n, int64_t cookie)
{
    return n / 2 * cookie + (n - n / 2) * 7 + 2 * n;
}

// What `answer` is when the program has come to its own end without an error.
static inline int64_t program_answer(enum program program, int64_t n, int64_t cookie)
{
    switch (program) {
    case PROGRAM_SUM:
        return cookie * (n * (n + 1) / 2);
    case PROGRAM_CHURN:
        return churn_answer(n, cookie);
    case PROGRAM_SHARED_KEYS:
        return n * cookie;
    case PROGRAM_OWN_KEYS:
        return own_keys_answer(n);
    case PROGRAM_CAUGHT:
        return caught_answer(n, cookie);
    case PROGRAM_FUNCTIONS:
        return functions_answer(n);
    case PROGRAM_RECORDS:
        return (3 + cookie) * n * (n + 1) / 2;
    case PROGRAM_TEXT:
        return 3; // "hello/COOKIE/COOKIE"; the long text begins with "hello"
    case PROGRAM_ARGUMENTS:
        return 2000 + cookie;
    case PROGRAM_PRINT:
        return n;
    case PROGRAM_DEEP:
        return (n % 4 + 1) * cookie;
    case PROGRAM_HEAP_CAUGHT:
        return 3 * cookie;
    default:
        return 0;
    }
}

// ---- Programs that nobody else has --------------------------------------------------------------

// A source whose names, keys and constants belong to `id` alone, so that loading and unloading it
// puts symbols into the table and takes them out. It answers like own_keys.zx with n = 20.
#define PRIVATE_N          20
#define PRIVATE_SOURCE_MAX 1024

static inline size_t write_private_source(char out[PRIVATE_SOURCE_MAX], int64_t id)
{
    int length = snprintf(out, PRIVATE_SOURCE_MAX,
                          "let m = {private_a_%" PRId64 ": %d, private_b_%" PRId64 ": cookie}\n"
                          "action private_f_%" PRId64 "(x) { return x + m.private_a_%" PRId64 " }\n"
                          "let answer = 0\nlet i = 0\n"
                          "while i < n { i += 1\n"
                          " m[\"private-%" PRId64 "-\" + string(i %% 7)] = i\n"
                          " answer = private_f_%" PRId64 "(answer) }\n"
                          "if m.private_b_%" PRId64 " != cookie or m[\"private-%" PRId64
                          "-1\"] != 15 { answer = -1 }\n",
                          id, PRIVATE_N, id, id, id, id, id, id, id);
    return (size_t)length;
}

#endif // STRESS_RUNTIME_PROGRAMS_H
