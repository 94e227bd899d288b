// vm/opcode.c - the table of instructions, for the verifier and the disassembler. frozen.
#include "vm/opcode.h"

const struct zopcode_info zopcode_table[ZOP_COUNT] = {
#define X(name, form, aux) {#name, ZFORM_##form, ZAUX_##aux},
    ZOPCODES(X)
#undef X
};
