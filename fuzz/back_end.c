// fuzz/back_end.c - both back ends of the interpreter in one process: the build compiles vm/interp.c
// twice under other names, and this zinterp_run leads to the one that is wanted.
#include "fuzz.h"

#include "vm/interp.h"

enum zinterp_outcome zinterp_run_goto(struct zisolate *iso);
enum zinterp_outcome zinterp_run_switch(struct zisolate *iso);

static _Thread_local bool runs_switch;

void fuzz_use_switch(bool uses_switch)
{
    runs_switch = uses_switch;
}

enum zinterp_outcome zinterp_run(struct zisolate *iso)
{
    return runs_switch ? zinterp_run_switch(iso) : zinterp_run_goto(iso);
}
