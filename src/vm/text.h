// vm/text.h - values as text (LANGUAGE 3.1) and equality of values (LANGUAGE 3). owner-thread.
// Neither recurses on the C stack.
#ifndef ZVM_VM_TEXT_H
#define ZVM_VM_TEXT_H

#include "vm/isolate.h"

// Appends the text of a value, charging fuel for its length. false: pending is set.
bool ztext_append(struct zisolate *iso, struct zvalue value, struct zstrbuf *out);
// string(value). A string stays itself.
bool ztext_string(struct zisolate *iso, struct zvalue value, struct zvalue *out);
// Prints values as text, joined by one space, and a newline. false: nothing was printed.
bool ztext_print(struct zisolate *iso, const struct zvalue *values, uint32_t count);

// a == b into *out. false: LimitError (nested deeper than ZEQUAL_DEPTH_MAX) or the end of the isolate.
#define ZEQUAL_DEPTH_MAX 200
bool zequal_values(struct zisolate *iso, struct zvalue a, struct zvalue b, bool *out);

enum zorder { ZORDER_LT, ZORDER_LE, ZORDER_GT, ZORDER_GE };
// a OP b into *out; TypeError "cannot compare T < T".
bool zorder_values(struct zisolate *iso, enum zorder op, struct zvalue a, struct zvalue b,
                   bool *out);

#endif // ZVM_VM_TEXT_H
