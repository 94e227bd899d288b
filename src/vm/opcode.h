// vm/opcode.h - the instruction set, in one table.
//
// Instructions are 32-bit words: op 8 | A 8 | B 8 | C 8 (low to high), op 8 | A 8 | D 16, or
// op 8 | J 24; some are followed by one AUX word. Registers are R[0..249] from the frame's base. K[n]
// is the n-th constant of the function. Jump distances are signed words, counted from the word after
// the instruction and its AUX word. Only LOOP, the LJ… and ITERNEXT jump backwards: they pay fuel.
#ifndef ZVM_VM_OPCODE_H
#define ZVM_VM_OPCODE_H

#include <stdint.h>

#define ZCODE_REGISTERS_MAX 250

// X(name, form, aux): form says what the operands are, in the order A B C or A D, for the verifier and
// the disassembler: W register written (W2: and the next one), R register read, K constant, I unsigned immediate, S signed
// immediate, N count (behind K: a name), G global slot, U capture, P proto, T type check, 0 unused, J the jump of 24 bits;
// or the name of a shape of its own (CALL, ITER, …). aux says what the AUX word holds.
#define ZOPCODES(X)                                                                               \
    /* Moves */                                                                                   \
    X(MOVE, W_R_0, NONE) /* R[A] = R[B] */                                                        \
    X(MOVE2, W2_R_R, NONE) /* R[A] = R[B], then R[A+1] = R[C] */                                  \
    X(MOVEI, W2_R_I, NONE) /* R[A] = R[B], then R[A+1] = C, unsigned */                           \
    X(LOADI, W_S, NONE)  /* R[A] = D, signed */                                                   \
    X(LOADK, W_K, NONE)  /* R[A] = K[D] */                                                        \
    X(LOADNULL, W, NONE)                                                                          \
    X(LOADTRUE, W, NONE)                                                                          \
    X(LOADFALSE, W, NONE)                                                                         \
    /* Globals: D = slot */                                                                       \
    X(GETG, W_G, NONE)      /* R[A] = G[D], else the builtin of that name, else NameError */      \
    X(SETG, R_G, NONE)      /* G[D] = R[A]; NameError when unset */                               \
    X(DEFG, R_G, NONE)      /* G[D] = R[A], declared here */                                      \
    X(SETGCONST, R_G, NONE) /* ConstError, or NameError when unset */                             \
    X(ERRCONST, N_K, NONE)  /* ConstError for the variable named K[D] */                          \
    /* Captured variables */                                                                      \
    X(NEWCELL, W_R_0, NONE)   /* R[A] = a new cell that holds R[B] */                             \
    X(GETCELL, W_R_0, NONE)   /* R[A] = content of cell R[B] */                                   \
    X(SETCELL, R_R_0, NONE)   /* content of cell R[A] = R[B] */                                   \
    X(GETUP, W_U_0, NONE)     /* R[A] = capture B (a value, or the cell itself) */                \
    X(GETUPCELL, W_U_0, NONE) /* R[A] = content of the cell in capture B */                       \
    X(SETUPCELL, U_R_0, NONE) /* content of the cell in capture A = R[B] */                       \
    X(CLOSURE, W_P, NONE)     /* R[A] = function of proto D with what it captures */              \
    /* Arithmetic */                                                                              \
    X(ADD, W_R_R, NONE)                                                                           \
    X(SUB, W_R_R, NONE)                                                                           \
    X(MUL, W_R_R, NONE)                                                                           \
    X(DIV, W_R_R, NONE)                                                                           \
    X(MOD, W_R_R, NONE)                                                                           \
    X(POW, W_R_R, NONE)                                                                           \
    X(ADDK, W_R_K, NONE) /* R[A] = R[B] + K[C], a number */                                       \
    X(SUBK, W_R_K, NONE)                                                                          \
    X(MULK, W_R_K, NONE)                                                                          \
    X(DIVK, W_R_K, NONE)                                                                          \
    X(MODK, W_R_K, NONE)                                                                          \
    X(KADD, W_K_R, NONE) /* R[A] = K[B] + R[C] */                                                 \
    X(KSUB, W_K_R, NONE)                                                                          \
    X(KMUL, W_K_R, NONE)                                                                          \
    X(KDIV, W_K_R, NONE)                                                                          \
    X(ADDI, W_R_I, NONE) /* R[A] = R[B] + C, unsigned */                                          \
    X(SUBI, W_R_I, NONE)                                                                          \
    X(NEG, W_R_0, NONE)                                                                           \
    X(NOT, W_R_0, NONE)                                                                           \
    X(EQ, W_R_R, NONE)                                                                            \
    X(NE, W_R_R, NONE)                                                                            \
    X(LT, W_R_R, NONE)                                                                            \
    X(LE, W_R_R, NONE)                                                                            \
    X(GT, W_R_R, NONE)                                                                            \
    X(GE, W_R_R, NONE)                                                                            \
    /* Jumps */                                                                                   \
    X(JMP, J, NONE)  /* forwards */                                                               \
    X(LOOP, J, NONE) /* backwards, charges fuel */                                                \
    X(JT, R, JUMP)   /* if R[A] is truthy */                                                      \
    X(JF, R, JUMP)                                                                                \
    X(JNOTNULL, R, JUMP)                                                                          \
    X(JEQ, R_R_0, JUMP)                                                                           \
    X(JNE, R_R_0, JUMP)                                                                           \
    X(JEQK, R_K, JUMP) /* if R[A] == K[D] */                                                      \
    X(JNEK, R_K, JUMP)                                                                            \
    X(JLT, R_R_0, JUMP) /* if R[A] < R[B] */                                                      \
    X(JLE, R_R_0, JUMP)                                                                           \
    X(JGT, R_R_0, JUMP)                                                                           \
    X(JGE, R_R_0, JUMP)                                                                           \
    X(JNLT, R_R_0, JUMP) /* if not R[A] < R[B]: differs from JGE for nan */                       \
    X(JNLE, R_R_0, JUMP)                                                                          \
    X(JNGT, R_R_0, JUMP)                                                                          \
    X(JNGE, R_R_0, JUMP)                                                                          \
    X(JLTI, R_S, JUMP) /* if R[A] < D, signed */                                                  \
    X(JLEI, R_S, JUMP)                                                                            \
    X(JGTI, R_S, JUMP)                                                                            \
    X(JGEI, R_S, JUMP)                                                                            \
    X(JNLTI, R_S, JUMP)                                                                           \
    X(JNLEI, R_S, JUMP)                                                                           \
    X(JNGTI, R_S, JUMP)                                                                           \
    X(JNGEI, R_S, JUMP)                                                                           \
    X(LJT, R, LOOP) /* the same backwards: charge fuel when they jump */                          \
    X(LJF, R, LOOP)                                                                               \
    X(LJNE, R_R_0, LOOP)                                                                          \
    X(LJNEK, R_K, LOOP)                                                                           \
    X(LJLT, R_R_0, LOOP)                                                                          \
    X(LJLE, R_R_0, LOOP)                                                                          \
    X(LJGT, R_R_0, LOOP)                                                                          \
    X(LJGE, R_R_0, LOOP)                                                                          \
    X(LJLTI, R_S, LOOP)                                                                           \
    X(LJLEI, R_S, LOOP)                                                                           \
    X(LJGTI, R_S, LOOP)                                                                           \
    X(LJGEI, R_S, LOOP)                                                                           \
    /* Calls: callee in R[A], arguments in R[A+1..A+B], result to R[A] */                         \
    X(CALL, CALL, NONE)                                                                           \
    X(CALLG, CALL, GLOBAL)   /* callee: G[AUX] */                                                 \
    X(CALLM, METHOD, FIELD)  /* receiver R[A], method named K[AUX & 0xffff], builtin C */         \
    X(CALLB, CALL, BUILTIN)  /* callee: builtin AUX */                                            \
    X(CALLN, NAMED, NONE)    /* as CALL; R[A+B+1..A+2*B] are the arguments' names */              \
    X(CALLMN, NAMEDM, FIELD) /* as CALLM, with names */                                           \
    X(RET, R, NONE)                                                                               \
    X(RETNULL, NOTHING, NONE)                                                                     \
    X(RETADD, R_R_0, NONE) /* returns R[A] + R[B] */                                              \
    X(RETSUB, R_R_0, NONE)                                                                        \
    X(RETMUL, R_R_0, NONE)                                                                        \
    /* Tasks */                                                                                   \
    X(TASK, NOTHING, NONE) /* returns a task of this call; its body follows */                    \
    X(AWAIT, AWAIT, NONE)  /* R[A] = the result, if R[A] is a task; R[A+1] is for the body */     \
    /* Collections */                                                                             \
    X(NEWLIST, W_R_N, NONE) /* R[A] = list of R[B..B+C-1] */                                      \
    X(LISTADD, R_R_N, NONE) /* append R[B..B+C-1] to the fresh list R[A] */                       \
    X(NEWMAP, W_I, NONE)    /* R[A] = {} with room for D entries */                               \
    X(GETIDX, W_R_R, NONE)                                                                        \
    X(GETIDXI, W_R_I, NONE) /* R[A] = R[B][C], C an unsigned immediate */                         \
    X(SETIDX, R_R_R, NONE)  /* R[A][R[B]] = R[C] */                                               \
    X(GETF, W_R_0, FIELD)   /* R[A] = R[B].name, name K[AUX & 0xffff], cache AUX >> 16 */         \
    X(SETF, R_R_0, FIELD)   /* R[A].name = R[B] */                                                \
    X(TOSTR, W_R_0, NONE)   /* R[A] = text of R[B] */                                             \
    X(CONCAT, W_R_N, NONE)  /* R[A] = strings R[B..B+C-1] joined */                               \
    X(PRINT, PRINT, NONE)   /* print R[A..A+B-1] */                                               \
    X(UNPACK, UNPACK, NONE) /* R[A..] = elements of list R[B]; C = count, + 128 with a rest */    \
    X(CHECKMAP, R, NONE)    /* TypeError unless R[A] is a map (destructuring) */                  \
    X(MAPGET, W_R_0, FIELD) /* R[A] = R[B][K[AUX & 0xffff]], null when absent; R[B] a map */      \
    X(ITERPREP, ITER, NONE) /* R[A] = what to walk; prepares R[A+1], R[A+2]; B = 1 or 2 names */  \
    X(ITERNEXT, ITER, LOOP) /* R[A+3..A+2+B] = the next; jumps back while there is one */         \
    /* Data and match */                                                                          \
    X(GETTHIS, W, NONE)     /* R[A] = what stands below the frame: a method's receiver */         \
    X(NEWDATA, DATA, NONE)  /* R[A] = type of declaration D with parent R[A], functions behind */ \
    X(CHECKDATA, R_N, NONE) /* TypeError unless R[A], named K[D], is a data type */               \
    X(JNDATA, R_R_I, JUMP)  /* if R[A] is no instance of type R[B], which must have C fields */   \
    X(GETSLOT, W_R_I, NONE) /* R[A] = field number C of record R[B] */                            \
    X(ERRMATCH, R, NONE)    /* MatchError: no pattern matches R[A] */                             \
    /* Walks over range() */                                                                      \
    X(RANGEPREP, RANGE, NONE) /* R[A..A+B-1] = its arguments; prepares R[A..A+2] */               \
    X(RANGEUP, RANGE, LOOP)   /* RANGENEXT where B < 3 in RANGEPREP: the step is 1 */             \
    X(RANGENEXT, RANGE, LOOP) /* R[A+3] = the next one; jumps back while there is one */          \
    /* Errors and checks */                                                                       \
    X(CHECK, R_T, NONE) /* TypeError unless R[A] has the type of check D */                       \
    X(THROW, R, NONE)                                                                             \
    X(RETHROW, RETHROW, NONE) /* R[A] thrown before at the place packed in R[A+1] */

enum zopcode {
#define X(name, form, aux) ZOP_##name,
    ZOPCODES(X)
#undef X
        ZOP_COUNT
};

// lang/generate_module.c moves the numbers of globals, functions, data declarations and inline caches
// when it links modules: it must know each form and each aux that holds one.
enum zopcode_form {
    ZFORM_NOTHING,
    ZFORM_W,
    ZFORM_R,
    ZFORM_W_R_0,
    ZFORM_R_R_0,
    ZFORM_W_R_R,
    ZFORM_R_R_R,
    ZFORM_W_R_K,
    ZFORM_W_K_R,
    ZFORM_W_R_I,
    ZFORM_W2_R_R,
    ZFORM_W2_R_I,
    ZFORM_W_R_N,
    ZFORM_R_R_N,
    ZFORM_W_S,
    ZFORM_R_S,
    ZFORM_W_K,
    ZFORM_R_K,
    ZFORM_N_K,
    ZFORM_R_N,
    ZFORM_R_R_I,
    ZFORM_W_G,
    ZFORM_R_G,
    ZFORM_W_U_0,
    ZFORM_U_R_0,
    ZFORM_W_P,
    ZFORM_W_I,
    ZFORM_R_T,
    ZFORM_J,
    ZFORM_CALL,
    ZFORM_METHOD,
    ZFORM_AWAIT,
    ZFORM_NAMED,
    ZFORM_NAMEDM,
    ZFORM_DATA,
    ZFORM_PRINT,
    ZFORM_UNPACK,
    ZFORM_ITER,
    ZFORM_RANGE,
    ZFORM_RETHROW,
};

enum zopcode_aux {
    ZAUX_NONE,
    ZAUX_JUMP, // forwards
    ZAUX_LOOP, // backwards
    ZAUX_GLOBAL,
    ZAUX_BUILTIN,
    ZAUX_FIELD, // a name and an inline cache
};

struct zopcode_info {
    const char *name;
    uint8_t form; // enum zopcode_form
    uint8_t aux;  // enum zopcode_aux
};

extern const struct zopcode_info zopcode_table[ZOP_COUNT];

#define ZINSN_OP(word) ((word)&0xffu)
#define ZINSN_A(word)  (((word) >> 8) & 0xffu)
#define ZINSN_B(word)  (((word) >> 16) & 0xffu)
#define ZINSN_C(word)  ((word) >> 24)
#define ZINSN_D(word)  ((word) >> 16)
#define ZINSN_SD(word) ((int32_t)(word) >> 16)
#define ZINSN_J(word)  ((int32_t)(word) >> 8)

#define ZBUILTIN_NONE        0xffffu // no builtin of that name
#define ZBUILTIN_METHOD_NONE 0xffu   // the same in the C of CALLM

// The number of an inline cache is AUX >> 16; this one never remembers anything.
#define ZCACHE_NONE 0u
#define ZCACHE_MAX  0xffffu

#endif // ZVM_VM_OPCODE_H
