// base/assert.h - three tiers of checks. Failure prints file, line, text and thread, then aborts.
//
// ZVM_CHECK        always built in: cheap, and continuing would corrupt memory.
// ZVM_ASSERT       ZVM_DEBUG >= 1: pre- and postconditions, one fact each.
// ZVM_ASSERT_SLOW  ZVM_DEBUG >= 2: walks a structure.
#ifndef ZVM_BASE_ASSERT_H
#define ZVM_BASE_ASSERT_H

#ifndef ZVM_DEBUG
#    define ZVM_DEBUG 0
#endif

_Noreturn void zassert_failed(const char *file, int line, const char *text);

#define ZVM_LIKELY(c)   (__builtin_expect(!!(c), 1))
#define ZVM_UNLIKELY(c) (__builtin_expect(!!(c), 0))

#define ZVM_CHECK(c) (ZVM_LIKELY(c) ? (void)0 : zassert_failed(__FILE__, __LINE__, #c))

#if ZVM_DEBUG >= 1
#    define ZVM_ASSERT(c) ZVM_CHECK(c)
#else
#    define ZVM_ASSERT(c) ((void)sizeof(c))
#endif

#if ZVM_DEBUG >= 2
#    define ZVM_ASSERT_SLOW(c) ZVM_CHECK(c)
#else
#    define ZVM_ASSERT_SLOW(c) ((void)sizeof(c))
#endif

// A place that cannot be reached.
#define ZVM_UNREACHABLE() zassert_failed(__FILE__, __LINE__, "unreachable")

// For slow paths: out of line, and laid out away from the fast code.
#define ZVM_COLD __attribute__((noinline, cold))

#endif // ZVM_BASE_ASSERT_H
