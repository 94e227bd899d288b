// base/width.h - how many columns of a terminal a character takes. thread: any.
#ifndef ZVM_BASE_WIDTH_H
#define ZVM_BASE_WIDTH_H

#include <stdint.h>

// 0 for combining marks, 2 for wide characters, else 1. Control characters are not known here: 1.
unsigned zwidth_of(uint32_t code_point);

#endif // ZVM_BASE_WIDTH_H
