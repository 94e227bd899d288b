// cli/commands.h - the commands of zvm. Each gets the words behind its name and returns an exit
// status.
#ifndef ZVM_CLI_COMMANDS_H
#define ZVM_CLI_COMMANDS_H

#include <stdbool.h>

int cli_command_run(int word_count, char **words);
int cli_command_check(int word_count, char **words);
int cli_command_compile(int word_count, char **words);
int cli_command_dis(int word_count, char **words);
int cli_command_each(int word_count, char **words);
int cli_command_repl(int word_count, char **words);
int cli_command_heap_diff(int word_count, char **words);
int cli_command_selftest(int word_count, char **words);
int cli_command_version(int word_count, char **words);

// The help text of a command on stdout; NULL: of zvm itself. Returns an exit status.
int cli_help_print(const char *command);
// Writes a text to stdout, checked. Returns an exit status.
int cli_print(const char *text);
// Is the word --help or -h?
bool cli_is_help(const char *word);

#endif // ZVM_CLI_COMMANDS_H
