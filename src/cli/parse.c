// cli/parse.c - reads the texts of option values.
//
// Owns: nothing. Thread: any. Signs, blanks, fractions and exponents are refused: what is accepted
// can be read in one way only.
#include "cli/parse.h"

#include <stddef.h>
#include <strings.h>

// Reads the digits at *text and moves it behind them.
static bool take_digits(const char **text, uint64_t *out)
{
    const char *at = *text;
    uint64_t value = 0;
    while (*at >= '0' && *at <= '9') {
        uint64_t digit = (uint64_t)(*at - '0');
        if (__builtin_mul_overflow(value, 10u, &value)) return false;
        if (__builtin_add_overflow(value, digit, &value)) return false;
        at++;
    }
    if (at == *text) return false;
    *text = at;
    *out = value;
    return true;
}

bool cli_parse_count(const char *text, uint64_t *out)
{
    uint64_t value;
    if (!take_digits(&text, &value) || *text != '\0') return false;
    *out = value;
    return true;
}

struct suffix {
    const char *text;
    uint64_t factor;
};

static bool parse_with_suffix(const char *text, const struct suffix *suffixes, size_t suffix_count,
                              uint64_t *out)
{
    uint64_t value;
    if (!take_digits(&text, &value)) return false;
    for (size_t i = 0; i < suffix_count; i++) {
        if (strcasecmp(text, suffixes[i].text) != 0) continue;
        uint64_t scaled;
        if (__builtin_mul_overflow(value, suffixes[i].factor, &scaled)) return false;
        *out = scaled;
        return true;
    }
    return false;
}

bool cli_parse_size(const char *text, uint64_t *out)
{
    static const struct suffix suffixes[] = {
        {"", 1}, {"K", 1u << 10}, {"M", 1u << 20}, {"G", 1u << 30}};
    return parse_with_suffix(text, suffixes, sizeof suffixes / sizeof suffixes[0], out);
}

bool cli_parse_duration(const char *text, uint64_t *out_ns)
{
    static const struct suffix suffixes[] = {
        {"ns", 1}, {"us", 1000}, {"ms", 1000000}, {"s", 1000000000}, {"m", 60000000000}};
    return parse_with_suffix(text, suffixes, sizeof suffixes / sizeof suffixes[0], out_ns);
}
