// vm/interp_check.c - what every instruction may rely on, looked at again as it runs.
//
// Builds with ZVM_DEBUG 2 call this before each instruction. It says the verifier's promises in other
// words, on purpose: it works out how far the operands reach from the masks below, not from the
// verifier's functions, so that a hole in one is seen by the other.
// Thread: owner; reads only.
#include "vm/interp.h"

#include "vm/builtin.h"

// How many registers an instruction with this word touches, counted from the frame's first.
static uint32_t registers_touched(const struct zproto *proto, uint32_t word)
{
    uint32_t a = ZINSN_A(word), b = ZINSN_B(word), c = ZINSN_C(word);
    uint32_t past_a = a + 1, past_b = b + 1, past_c = c + 1,
             most = past_a > past_b ? past_a : past_b;
    switch (zopcode_table[ZINSN_OP(word)].form) {
    case ZFORM_NOTHING:
    case ZFORM_J:
    case ZFORM_N_K:
        return 0;
    case ZFORM_W_R_0:
    case ZFORM_R_R_0:
    case ZFORM_W_R_I:
    case ZFORM_R_R_I:
    case ZFORM_W_R_K:
        return most;
    case ZFORM_W_R_R:
    case ZFORM_R_R_R:
        return most > past_c ? most : past_c;
    case ZFORM_W2_R_R:
        most = past_a + 1 > past_b ? past_a + 1 : past_b;
        return most > past_c ? most : past_c;
    case ZFORM_W2_R_I:
        return past_a + 1 > past_b ? past_a + 1 : past_b;
    case ZFORM_W_K_R:
        return past_a > past_c ? past_a : past_c;
    case ZFORM_W_R_N:
    case ZFORM_R_R_N:
        return past_a > b + c ? past_a : b + c;
    case ZFORM_U_R_0:
        return past_b;
    case ZFORM_CALL:
    case ZFORM_METHOD:
        return past_a + b;
    case ZFORM_NAMED:
    case ZFORM_NAMEDM:
        return past_a + 2 * b;
    case ZFORM_PRINT:
        return a + b;
    case ZFORM_DATA:
        return past_a + proto->code->datas[ZINSN_D(word)].function_count;
    case ZFORM_UNPACK: {
        uint32_t past_elements = a + c % 128 + c / 128;
        return past_elements > past_b ? past_elements : past_b;
    }
    case ZFORM_ITER:
        return a + 3 + b;
    case ZFORM_RANGE:
        return a + 4;
    case ZFORM_AWAIT:
    case ZFORM_RETHROW:
        return a + 2;
    case ZFORM_W:
    case ZFORM_R:
    case ZFORM_W_S:
    case ZFORM_R_S:
    case ZFORM_W_K:
    case ZFORM_R_K:
    case ZFORM_R_N:
    case ZFORM_W_G:
    case ZFORM_R_G:
    case ZFORM_W_U_0:
    case ZFORM_W_P:
    case ZFORM_W_I:
    case ZFORM_R_T:
        return past_a;
    default: // a form that nobody has told this function of: more than there are
        return UINT32_MAX;
    }
}

// Every index of the instruction that is not a register. Globals are those of the isolate: in a session it
// has more than the piece that the code came with, which may have forgotten how many it named (session.c).
static bool has_what_it_names(const struct zproto *proto, uint32_t word, uint32_t global_count)
{
    switch (zopcode_table[ZINSN_OP(word)].form) {
    case ZFORM_W_R_K:
        return ZINSN_C(word) < proto->constant_count;
    case ZFORM_W_K_R:
        return ZINSN_B(word) < proto->constant_count;
    case ZFORM_W_K:
    case ZFORM_R_K:
        return ZINSN_D(word) < proto->constant_count;
    case ZFORM_N_K:
    case ZFORM_R_N:
        return ZINSN_D(word) < proto->constant_count &&
               proto->constants[ZINSN_D(word)].tag == ZTAG_SYMBOL;
    case ZFORM_W_G:
    case ZFORM_R_G:
        return ZINSN_D(word) < global_count;
    case ZFORM_W_U_0:
        return ZINSN_B(word) < proto->capture_count;
    case ZFORM_U_R_0:
        return ZINSN_A(word) < proto->capture_count;
    case ZFORM_W_P:
        return ZINSN_D(word) < proto->code->proto_count;
    case ZFORM_R_T:
        return ZINSN_D(word) < proto->check_count;
    case ZFORM_DATA:
        return ZINSN_D(word) < proto->code->data_count;
    case ZFORM_METHOD:
    case ZFORM_NAMEDM:
        return ZINSN_C(word) == ZBUILTIN_METHOD_NONE || ZINSN_C(word) < zbuiltin_count;
    default:
        return true;
    }
}

// The word behind the instruction. Where a jump leads is looked at when it has been taken.
static bool has_its_aux(const struct zproto *proto, uint32_t aux, uint32_t kind,
                        uint32_t global_count)
{
    switch (kind) {
    case ZAUX_GLOBAL:
        return aux < global_count;
    case ZAUX_BUILTIN:
        return aux < zbuiltin_count;
    case ZAUX_FIELD:
        return (aux & 0xffff) < proto->constant_count &&
               proto->constants[aux & 0xffff].tag == ZTAG_SYMBOL &&
               aux >> 16 < proto->code->cache_count;
    default:
        return true;
    }
}

bool zinterp_may_run(const struct zisolate *iso, const struct zframe *frame, const uint32_t *pc)
{
    ZVM_ASSERT(frame->func != NULL);
    const struct zproto *proto = frame->func->proto;
    size_t at = (size_t)(pc - proto->words);
    if (at >= proto->word_count) return false;
    if (ZINSN_OP(*pc) >= ZOP_COUNT) return false;
    if ((size_t)(iso->stack_end - iso->stack) < (size_t)frame->base + proto->register_count) {
        return false;
    }
    uint32_t global_count = iso->code->global_count;
    if (!has_what_it_names(proto, *pc, global_count)) return false;
    if (registers_touched(proto, *pc) > proto->register_count) return false;
    uint32_t kind = zopcode_table[ZINSN_OP(*pc)].aux;
    if (kind == ZAUX_NONE) return true;
    return at + 1 < proto->word_count && has_its_aux(proto, pc[1], kind, global_count);
}
