// cli/message.c - complaints on stderr, and numbers as people read them.
//
// Owns: nothing. Thread: any; each complaint is one write, so lines of two threads do not mix.
#include "cli/message.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void cli_complain(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char *text = NULL;
    int length = vasprintf(&text, format, arguments);
    va_end(arguments);
    // One call is one write: stdio gives an unbuffered stream a buffer for the length of a call.
    fprintf(stderr, "zvm: %s\n", length >= 0 ? text : "out of memory");
    if (length >= 0) free(text);
}

const char *cli_count(uint64_t count, char *text)
{
    char digits[21];
    int length = snprintf(digits, sizeof digits, "%" PRIu64, count);
    char *to = text;
    for (int i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0) *to++ = ',';
        *to++ = digits[i];
    }
    *to = '\0';
    return text;
}

// The largest unit that divides the value without a rest, so that the text reads back as the value.
struct unit {
    uint64_t size;
    const char *name;
};

static const char *in_units(uint64_t value, const struct unit *units, char *text)
{
    while (units->size > 1 && (value == 0 || value % units->size != 0))
        units++;
    snprintf(text, CLI_UNIT_CHARS, "%" PRIu64 "%s", value / units->size, units->name);
    return text;
}

const char *cli_size(uint64_t bytes, char *text)
{
    static const struct unit units[] = {{1u << 30, "G"}, {1u << 20, "M"}, {1u << 10, "K"}, {1, ""}};
    return in_units(bytes, units, text);
}

const char *cli_duration(uint64_t duration_ns, char *text)
{
    static const struct unit units[] = {
        {1000000000u, "s"}, {1000000u, "ms"}, {1000u, "us"}, {1, "ns"}};
    return in_units(duration_ns, units, text);
}
