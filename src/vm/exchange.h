// vm/exchange.h - values that cross between a program and its host, by copy. owner-thread.
#ifndef ZVM_VM_EXCHANGE_H
#define ZVM_VM_EXCHANGE_H

#include "vm/isolate.h"

// May the host hand this over? errors: ZVM_E_TYPE a kind that cannot be carried; ZVM_E_ARGUMENT,
// ZVM_E_UTF8, ZVM_E_LIMIT a text. thread: any.
zvm_status zexchange_check(const zvm_value *value);
// The program's value of a checked one. false: memory or fuel, or an object of the host that is gone
// (pending is set); an object that is new stays the host's.
bool zexchange_in(struct zisolate *iso, const zvm_value *value, struct zvalue *out);
// The host's view of a value. A text is the string's own bytes: it stays as long as the string lives,
// and ends with a NUL only when it is short.
zvm_value zexchange_out(const struct zisolate *iso, struct zvalue value);

#endif // ZVM_VM_EXCHANGE_H
