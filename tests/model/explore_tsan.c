// tests/model/explore_tsan.c - every plain access of a source under test goes to the explorer.
//
// Sources of the project are compiled with -fsanitize=thread and linked without its library: the
// compiler puts a call of these functions before each plain read and write of memory, and here they
// are the explorer's. So real code is checked for data races without a word changed. Not seen:
// accesses through memcpy and memset (gcc calls the library's, clang those at the end of this
// file). A variable is known by the address of its access: an access of half of one that another
// thread writes whole is not recognised as the same.
#include "explore.h"

#include <string.h>

#define READ_AND_WRITE(SIZE)                \
    void __tsan_read##SIZE(void *address);  \
    void __tsan_read##SIZE(void *address)   \
    {                                       \
        zx_plain_of_source(address, false); \
    }                                       \
    void __tsan_write##SIZE(void *address); \
    void __tsan_write##SIZE(void *address)  \
    {                                       \
        zx_plain_of_source(address, true);  \
    }

// Stacks and local variables are a thread's own, and new ones lie where old ones lay.
static void zx_plain_of_source(const volatile void *address, bool is_write)
{
    if (!zx.has_threads || zx_is_stack(address) || zcoroutine_is_local(address)) return;
    zx_plain(address, is_write);
}

READ_AND_WRITE(1)
READ_AND_WRITE(2)
READ_AND_WRITE(4)
READ_AND_WRITE(8)
READ_AND_WRITE(16)

#define UNALIGNED(SIZE)                               \
    void __tsan_unaligned_read##SIZE(void *address);  \
    void __tsan_unaligned_read##SIZE(void *address)   \
    {                                                 \
        zx_plain_of_source(address, false);           \
    }                                                 \
    void __tsan_unaligned_write##SIZE(void *address); \
    void __tsan_unaligned_write##SIZE(void *address)  \
    {                                                 \
        zx_plain_of_source(address, true);            \
    }

UNALIGNED(2)
UNALIGNED(4)
UNALIGNED(8)
UNALIGNED(16)

void __tsan_read_range(void *address, size_t bytes);
void __tsan_read_range(void *address, size_t bytes)
{
    (void)bytes;
    zx_plain_of_source(address, false);
}

void __tsan_write_range(void *address, size_t bytes);
void __tsan_write_range(void *address, size_t bytes)
{
    (void)bytes;
    zx_plain_of_source(address, true);
}

void __tsan_init(void);
void __tsan_init(void) {}

void __tsan_func_entry(void *caller);
void __tsan_func_entry(void *caller)
{
    (void)caller;
}

void __tsan_func_exit(void);
void __tsan_func_exit(void) {}

void *__tsan_memcpy(void *to, const void *from, size_t bytes);
void *__tsan_memcpy(void *to, const void *from, size_t bytes)
{
    return memcpy(to, from, bytes);
}

void *__tsan_memmove(void *to, const void *from, size_t bytes);
void *__tsan_memmove(void *to, const void *from, size_t bytes)
{
    return memmove(to, from, bytes);
}

void *__tsan_memset(void *to, int value, size_t bytes);
void *__tsan_memset(void *to, int value, size_t bytes)
{
    return memset(to, value, bytes);
}
