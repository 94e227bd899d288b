// cli/selftest_told.h - what the programs of one launch tell of themselves.
//
// Other figures than those by which zvm keeps the limits: which isolates exist, and what is in the mailboxes.
// A program that tells late tells too little, never too much.
#ifndef ZVM_CLI_SELFTEST_TOLD_H
#define ZVM_CLI_SELFTEST_TOLD_H

#include "zvm.h"

#include <stdint.h>

#define CLI_TOLD_BORN_MAX 64u
#define CLI_TOLD_BOXES    2u

struct cli_box {
    uint64_t messages, bytes;
};

struct cli_told {
    const zvm_isolate *born[CLI_TOLD_BORN_MAX]; // spawned ones that have said so and are not gone
    uint32_t born_count;
    struct cli_box boxes[CLI_TOLD_BOXES];
};

// Returns how many there are. More than CLI_TOLD_BORN_MAX are not counted.
uint32_t cli_told_born(struct cli_told *told, const zvm_isolate *isolate);
// One that has said nothing changes nothing.
void cli_told_gone(struct cli_told *told, const zvm_isolate *isolate);
// Adds to a box, of which there are CLI_TOLD_BOXES, and returns what is in it.
struct cli_box cli_told_in_box(struct cli_told *told, int64_t box, int64_t messages, int64_t bytes);

#endif // ZVM_CLI_SELFTEST_TOLD_H
