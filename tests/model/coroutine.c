// tests/model/coroutine.c - several stacks on one thread of the system, and their local variables.
//
// Owns: copies of the program's thread-local block. How: on x86-64 a switch saves the six registers
// that a call keeps and swaps the stack pointer, some two nanoseconds; elsewhere ucontext does it
// with a system call.
#include "coroutine.h"

#include <link.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(__x86_64__)

void zcoroutine_swap(void **save, void *load);

__asm__(".text\n"
        ".globl zcoroutine_swap\n"
        ".type zcoroutine_swap, @function\n"
        "zcoroutine_swap:\n"
        "    pushq %rbp\n"
        "    pushq %rbx\n"
        "    pushq %r12\n"
        "    pushq %r13\n"
        "    pushq %r14\n"
        "    pushq %r15\n"
        "    movq %rsp, (%rdi)\n"
        "    movq %rsi, %rsp\n"
        "    popq %r15\n"
        "    popq %r14\n"
        "    popq %r13\n"
        "    popq %r12\n"
        "    popq %rbx\n"
        "    popq %rbp\n"
        "    ret\n"
        ".size zcoroutine_swap, .-zcoroutine_swap\n");

#    define SAVED_REGISTERS 6

void zcoroutine_make(struct zcoroutine *coroutine, void *stack, void (*entry)(void))
{
    // From the top: a return address that nobody uses, so that the entry finds the stack as a call
    // leaves it; the entry; the registers.
    uintptr_t *top = (uintptr_t *)((char *)stack + ZCOROUTINE_STACK_BYTES);
    *--top = 0;
    *--top = (uintptr_t)entry;
    for (int i = 0; i < SAVED_REGISTERS; i++)
        *--top = 0;
    coroutine->stack_pointer = top;
}

void zcoroutine_switch(struct zcoroutine *from, struct zcoroutine *to)
{
    zcoroutine_swap(&from->stack_pointer, to->stack_pointer);
}

#else

void zcoroutine_make(struct zcoroutine *coroutine, void *stack, void (*entry)(void))
{
    getcontext(&coroutine->context);
    coroutine->context.uc_stack.ss_sp = stack;
    coroutine->context.uc_stack.ss_size = ZCOROUTINE_STACK_BYTES;
    coroutine->context.uc_link = NULL;
    makecontext(&coroutine->context, entry, 0);
}

void zcoroutine_switch(struct zcoroutine *from, struct zcoroutine *to)
{
    swapcontext(&from->context, &to->context);
}

#endif

// ---- Local variables ----------------------------------------------------------------------------

#define LOCALS_MAX       8
#define LOCALS_BYTES_MAX 512

static struct {
    void *block; // the running coroutine's, where the program looks
    size_t bytes;
    bool is_known;
    char first[LOCALS_BYTES_MAX]; // as the program started
    char saved[LOCALS_MAX][LOCALS_BYTES_MAX];
} locals;

// The first object listed is the program itself.
static int find_block(struct dl_phdr_info *info, size_t bytes, void *context)
{
    (void)bytes;
    (void)context;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        if (info->dlpi_phdr[i].p_type != PT_TLS) continue;
        locals.block = info->dlpi_tls_data;
        locals.bytes = info->dlpi_phdr[i].p_memsz;
    }
    return 1;
}

static void know_block(void)
{
    if (locals.is_known) return;
    locals.is_known = true;
    dl_iterate_phdr(find_block, NULL);
    if (locals.block == NULL) locals.bytes = 0;
    if (locals.bytes > LOCALS_BYTES_MAX) {
        fprintf(stderr, "coroutine: %zu bytes of thread-local variables are too many\n",
                locals.bytes);
        abort();
    }
    if (locals.bytes > 0) memcpy(locals.first, locals.block, locals.bytes);
}

void zcoroutine_locals_begin(unsigned count)
{
    know_block();
    if (locals.bytes == 0) return;
    memcpy(locals.block, locals.first, locals.bytes);
    for (unsigned i = 0; i < count; i++)
        memcpy(locals.saved[i], locals.first, locals.bytes);
}

void zcoroutine_locals_switch(unsigned from, unsigned to)
{
    if (locals.bytes == 0 || from == to) return;
    memcpy(locals.saved[from], locals.block, locals.bytes);
    memcpy(locals.block, locals.saved[to], locals.bytes);
}

bool zcoroutine_is_local(const volatile void *address)
{
    return (uintptr_t)address - (uintptr_t)locals.block < locals.bytes;
}
