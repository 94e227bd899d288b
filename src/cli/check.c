// cli/check.c - `zvm check` and `zvm dis`: compile without running.
//
// Owns: a runtime without workers for the length of the command. Thread: main.
#include "cli/commands.h"
#include "cli/message.h"
#include "cli/output.h"
#include "cli/source.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool create_runtime(zvm_runtime **out)
{
    zvm_status status = zvm_runtime_create(NULL, out);
    if (status != ZVM_OK) cli_complain("cannot start: %s", zvm_status_text(status));
    return status == ZVM_OK;
}

// How findings are to be shown.
struct form {
    bool as_json;
    enum cli_colour colour;
};

// `--color=WHEN`, or `--color` with WHEN as the next word, which is then stepped over. False: it has
// complained.
static bool take_colour(const char *word, int word_count, char **words, int *i, struct form *form)
{
    const char *value = word + strlen("--color");
    if (*value == '=') {
        value++;
    } else if (*i + 1 < word_count) {
        value = words[++*i];
    }
    if (cli_colour_parse(value, &form->colour)) return true;
    cli_complain("--color: '%s' is not a choice of colours; write auto, always or never", value);
    return false;
}

static bool is_colour(const char *word)
{
    return strcmp(word, "--color") == 0 || strncmp(word, "--color=", strlen("--color=")) == 0;
}

// Looks the words over before anything is read. Returns the number of files, -1 after a complaint,
// or 0 when help was asked for. Files are moved to the front of `words`.
static int take_files(const char *command, int word_count, char **words, struct form *form)
{
    int file_count = 0;
    bool options_ended = false;
    bool may_be_json = strcmp(command, "check") == 0;
    for (int i = 0; i < word_count; i++) {
        const char *word = words[i];
        bool is_option = !options_ended && word[0] == '-' && word[1] != '\0';
        if (is_option && strcmp(word, "--") == 0) {
            options_ended = true;
        } else if (is_option && cli_is_help(word)) {
            return 0;
        } else if (is_option && is_colour(word)) {
            if (!take_colour(word, word_count, words, &i, form)) return -1;
        } else if (is_option && may_be_json && strcmp(word, "--json") == 0) {
            form->as_json = true;
        } else if (is_option) {
            cli_complain("unknown option '%s'; 'zvm %s --help' shows the usage", word, command);
            return -1;
        } else {
            words[file_count++] = words[i];
        }
    }
    if (file_count > 0) return file_count;
    cli_complain("no FILE to %s; write 'zvm %s FILE.zx'", command, command);
    return -1;
}

// JSON goes to standard output: what was lost there must not look like no findings.
static bool is_printed(void)
{
    errno = 0;
    if (fflush(stdout) == 0 && ferror(stdout) == 0) return true;
    cli_complain("standard output: cannot write: %s", strerror(errno));
    return false;
}

int cli_command_check(int word_count, char **words)
{
    struct form form = {false, CLI_COLOUR_AUTO};
    int file_count = take_files("check", word_count, words, &form);
    if (file_count < 0) return CLI_EXIT_NOTHING;
    if (file_count == 0) return cli_help_print("check");
    zvm_runtime *runtime;
    if (!create_runtime(&runtime)) return CLI_EXIT_NOTHING;

    int worst = CLI_EXIT_OK;
    struct cli_show show;
    cli_show_init(&show, form.as_json, form.colour, form.as_json ? stdout : stderr);
    for (int i = 0; i < file_count; i++) {
        zvm_code *code = NULL;
        int exit_status = cli_source_open(runtime, words[i], &show, &code);
        if (exit_status > worst) worst = exit_status;
        zvm_code_release(code);
    }
    zvm_runtime_destroy(runtime);
    return form.as_json && !is_printed() ? CLI_EXIT_FAILED : worst;
}

static int write_listing(const zvm_code *code, const struct cli_source *source)
{
    struct cli_output_stream *stream = malloc(sizeof *stream);
    zvm_status status = ZVM_E_NOMEM;
    bool is_written = true;
    if (stream != NULL) {
        cli_output_init(stream, STDOUT_FILENO, -1 /* nothing stops it */);
        bool has_text = !cli_source_is_compiled(source);
        status =
            zvm_code_disassemble_source(code, has_text ? source->text : NULL,
                                        has_text ? source->length : 0, cli_output_write, stream);
        is_written = cli_output_finish(stream, "standard output");
        cli_output_deinit(stream);
        free(stream);
    }
    if (is_written && status != ZVM_OK)
        cli_complain("%s: %s", source->name, zvm_status_text(status));
    return is_written && status == ZVM_OK ? CLI_EXIT_OK : CLI_EXIT_FAILED;
}

static int disassemble(zvm_runtime *runtime, const char *name, struct cli_show *show)
{
    zvm_code *code = NULL;
    struct cli_source source;
    if (!cli_source_load(name, show, &source)) return CLI_EXIT_NOTHING;
    int exit_status = cli_source_compile(runtime, &source, show, &code);
    if (exit_status == CLI_EXIT_OK) exit_status = write_listing(code, &source);
    zvm_code_release(code);
    cli_source_free(&source);
    return exit_status;
}

int cli_command_dis(int word_count, char **words)
{
    struct form form = {false, CLI_COLOUR_AUTO};
    int file_count = take_files("dis", word_count, words, &form);
    if (file_count < 0) return CLI_EXIT_NOTHING;
    if (file_count == 0) return cli_help_print("dis");
    if (file_count > 1) {
        cli_complain("'%s': only one FILE can be shown at a time", words[1]);
        return CLI_EXIT_NOTHING;
    }
    zvm_runtime *runtime;
    if (!create_runtime(&runtime)) return CLI_EXIT_NOTHING;
    struct cli_show show;
    cli_show_init(&show, false /* as_json */, form.colour, stderr);
    int exit_status = disassemble(runtime, words[0], &show);
    zvm_runtime_destroy(runtime);
    return exit_status;
}
