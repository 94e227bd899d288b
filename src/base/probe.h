// base/probe.h - probes for tools that look on from outside (bpftrace, perf, SystemTap, gdb).
//
// A probe is one `nop` and a note in the file that says where it is and which registers hold its
// arguments; a tool that attaches puts a breakpoint there. So arguments are values that are at hand: what
// would have to be computed for a probe alone costs every run. docs/debugging.md lists them all.
// Macros, because the name of a probe and the places of its arguments are part of the assembly text.
// Without <sys/sdt.h>, or with -DZVM_USDT=OFF, there are none.
#ifndef ZVM_BASE_PROBE_H
#define ZVM_BASE_PROBE_H

#ifdef ZVM_USDT
#    include <sys/sdt.h>
#    define ZPROBE2(name, a, b)    DTRACE_PROBE2(zvm, name, a, b)
#    define ZPROBE3(name, a, b, c) DTRACE_PROBE3(zvm, name, a, b, c)
#else
#    define ZPROBE2(name, a, b)    ((void)(a), (void)(b))
#    define ZPROBE3(name, a, b, c) ((void)(a), (void)(b), (void)(c))
#endif

#endif // ZVM_BASE_PROBE_H
