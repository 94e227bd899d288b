// cli/main.c - the zvm command: finds the command by its name.
//
// Owns: the three standard descriptors' being open. Thread: main.
#include "cli/commands.h"
#include "cli/message.h"
#include "zvm.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

// A closed descriptor 0, 1 or 2 would be given to the next file that is opened, and the program's
// output would then go into, say, the report. Each is taken by /dev/null, opened so that its use
// still fails: a closed stdout must be an error when something is printed, not silence.
static bool hold_standard_descriptors(void)
{
    static const int modes[] = {O_WRONLY, O_RDONLY, O_WRONLY};
    for (int fd = 0; fd <= 2; fd++) {
        if (fcntl(fd, F_GETFD) >= 0 || errno != EBADF) continue;
        if (open("/dev/null", modes[fd]) != fd) return false;
    }
    return true;
}

int cli_command_version(int word_count, char **words)
{
    if (word_count > 0 && cli_is_help(words[0])) return cli_help_print("version");
    if (word_count > 0) {
        cli_complain("'%s': version takes nothing; write 'zvm version'", words[0]);
        return CLI_EXIT_NOTHING;
    }
    char line[64];
    snprintf(line, sizeof line, "zvm %s\n", zvm_version());
    return cli_print(line);
}

static int command_help(int word_count, char **words)
{
    return cli_help_print(word_count > 0 ? words[0] : NULL);
}

static int complain_command(const char *word)
{
    size_t length = strlen(word);
    bool is_program = (length > 3 && strcmp(word + length - 3, ".zx") == 0) ||
                      (length > 4 && strcmp(word + length - 4, ".zbc") == 0);
    if (is_program) {
        cli_complain("'%s' is not a command; write 'zvm run %s'", word, word);
    } else {
        cli_complain("'%s' is not a command; 'zvm --help' lists the commands", word);
    }
    return CLI_EXIT_NOTHING;
}

static const struct {
    const char *name;
    int (*run)(int word_count, char **words);
} commands[] = {
    {"run", cli_command_run},
    {"each", cli_command_each},
    {"check", cli_command_check},
    {"compile", cli_command_compile},
    {"dis", cli_command_dis},
    {"repl", cli_command_repl},
    {"selftest", cli_command_selftest},
    {"version", cli_command_version},
    {"heap-diff", cli_command_heap_diff},
    {"--version", cli_command_version},
    {"help", command_help},
    {"--help", command_help},
    {"-h", command_help},
};

int main(int argc, char **argv)
{
    if (!hold_standard_descriptors()) return CLI_EXIT_NOTHING;
    // A reader that went away is told by EPIPE, where the writing is checked.
    signal(SIGPIPE, SIG_IGN);
    if (argc < 2) {
        cli_complain("no command; write 'zvm run FILE.zx', or 'zvm --help' for all of them");
        return CLI_EXIT_NOTHING;
    }
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        if (strcmp(argv[1], commands[i].name) == 0) return commands[i].run(argc - 2, argv + 2);
    }
    return complain_command(argv[1]);
}
