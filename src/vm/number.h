// vm/number.h - numbers to and from text, and exact comparison. thread: any. Independent of the locale.
#ifndef ZVM_VM_NUMBER_H
#define ZVM_VM_NUMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ZNUMBER_TEXT_MAX 32 // longest text of an integer or float, with its NUL

// Decimal digits of an integer; returns the length. out [ZNUMBER_TEXT_MAX], NUL-terminated.
size_t znumber_format_int(int64_t value, char *out);
// Shortest text that reads back as the same double, laid out as LANGUAGE section 3.1 says.
size_t znumber_format_float(double value, char *out);

enum znumber_parse { ZNUMBER_OK, ZNUMBER_INVALID, ZNUMBER_RANGE };

// The whole of text [length_bytes] as by the builtin int(): white space, sign, digits, white space.
enum znumber_parse znumber_parse_int(const char *text, size_t length_bytes, int64_t *out);
// The whole of text as by the builtin float(): also point (".5", "5."), exponent, inf and nan.
enum znumber_parse znumber_parse_float(const char *text, size_t length_bytes, double *out);

// Exact comparison of an integer and a double: -1, 0, 1, or 2 when the double is nan.
int znumber_compare_int_float(int64_t a, double b);

#endif // ZVM_VM_NUMBER_H
