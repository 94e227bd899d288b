// cli/parse.h - the texts of option values: whole numbers, sizes, durations.
#ifndef ZVM_CLI_PARSE_H
#define ZVM_CLI_PARSE_H

#include <stdbool.h>
#include <stdint.h>

// Decimal digits only. false: something else, or more than a uint64_t holds; *out is untouched.
bool cli_parse_count(const char *text, uint64_t *out);
// Bytes, or a count with K, M or G (powers of 1024, either case).
bool cli_parse_size(const char *text, uint64_t *out);
// A count with ns, us, ms, s or m.
bool cli_parse_duration(const char *text, uint64_t *out_ns);

#endif // ZVM_CLI_PARSE_H
