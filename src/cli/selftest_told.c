// cli/selftest_told.c - what the programs of one launch tell of themselves.
//
// Owns: nothing. Thread: any, under the lock of the attack.
#include "cli/selftest_told.h"

uint32_t cli_told_born(struct cli_told *told, const zvm_isolate *isolate)
{
    if (told->born_count < CLI_TOLD_BORN_MAX) told->born[told->born_count++] = isolate;
    return told->born_count;
}

void cli_told_gone(struct cli_told *told, const zvm_isolate *isolate)
{
    for (uint32_t i = 0; i < told->born_count; i++) {
        if (told->born[i] != isolate) continue;
        told->born[i] = told->born[--told->born_count];
        return;
    }
}

struct cli_box cli_told_in_box(struct cli_told *told, int64_t box, int64_t messages, int64_t bytes)
{
    struct cli_box *inside = &told->boxes[(uint64_t)box % CLI_TOLD_BOXES];
    inside->messages += (uint64_t)messages;
    inside->bytes += (uint64_t)bytes;
    return *inside;
}
