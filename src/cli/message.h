// cli/message.h - lines for people: complaints on stderr, numbers with separators.
#ifndef ZVM_CLI_MESSAGE_H
#define ZVM_CLI_MESSAGE_H

#include <stddef.h>
#include <stdint.h>

// Exit statuses of the command, see zvm(1).
enum {
    CLI_EXIT_OK = 0,
    CLI_EXIT_FAILED = 1,   // uncaught error, any other limit, a failed write
    CLI_EXIT_NOTHING = 2,  // nothing ran: usage, unreadable input, SyntaxError
    CLI_EXIT_HEAP = 3,     // uncaught HeapLimitError
    CLI_EXIT_FUEL = 4,     // out of fuel
    CLI_EXIT_INTERNAL = 5, // an internal check failed
    CLI_EXIT_TIMEOUT = 124,
    CLI_EXIT_SIGNAL = 128, // plus the number of the signal
};

// Writes "zvm: ", the text and a line end to stderr, in one piece.
__attribute__((format(printf, 1, 2))) void cli_complain(const char *format, ...);

// Room for the largest count with separators: 18,446,744,073,709,551,615 and a NUL.
#define CLI_COUNT_CHARS 27

// 1234567 as "1,234,567", into text [CLI_COUNT_CHARS]. Returns text.
const char *cli_count(uint64_t count, char *text);

// Room for cli_size and cli_duration.
#define CLI_UNIT_CHARS 24

// 1048576 as "1M", 1000 as "1000": the form that the options take. Returns text.
const char *cli_size(uint64_t bytes, char *text);
// 20000000 as "20ms". Returns text.
const char *cli_duration(uint64_t duration_ns, char *text);

#endif // ZVM_CLI_MESSAGE_H
