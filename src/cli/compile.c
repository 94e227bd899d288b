// cli/compile.c - `zvm compile`: a source file to a compiled one.
//
// Owns: a runtime without workers for the length of the command. Thread: main.
// Invariant: the output appears under its name only when it is whole.
#include "cli/commands.h"
#include "cli/message.h"
#include "cli/new_file.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/source.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct compile {
    const char *file;
    const char *output; // NULL: made from `file`
    bool help;
};

static bool take_word(struct compile *compile, const char *word)
{
    if (compile->file != NULL) {
        cli_complain("'%s': only one FILE can be compiled at a time", word);
        return false;
    }
    compile->file = word;
    return true;
}

static bool parse(int word_count, char **words, struct compile *out)
{
    struct compile compile = {0};
    bool options_ended = false;
    for (int i = 0; i < word_count; i++) {
        const char *word = words[i];
        bool is_option = !options_ended && word[0] == '-' && word[1] != '\0';
        if (!is_option) {
            if (!take_word(&compile, word)) return false;
        } else if (strcmp(word, "--") == 0) {
            options_ended = true;
        } else if (cli_is_help(word)) {
            out->help = true;
            return true;
        } else if (strncmp(word, "-o", 2) != 0) {
            cli_complain("unknown option '%s'; 'zvm compile --help' shows the usage", word);
            return false;
        } else if (word[2] == '\0' && i + 1 == word_count) {
            cli_complain("-o: needs a value; write '-o FILE.zbc'");
            return false;
        } else {
            compile.output = word[2] == '\0' ? words[++i] : word + 2;
        }
    }
    *out = compile;
    if (compile.file != NULL) return true;
    cli_complain("no FILE to compile; write 'zvm compile FILE.zx -o FILE.zbc'");
    return false;
}

// FILE.zx gives FILE.zbc. NULL: it has complained. To be freed.
static char *output_name(const struct compile *compile)
{
    char *name = NULL;
    if (compile->output != NULL) {
        name = strdup(compile->output);
    } else {
        size_t length = strlen(compile->file);
        if (length <= 3 || strcmp(compile->file + length - 3, ".zx") != 0) {
            cli_complain("%s: is not called .zx; name the output with -o FILE.zbc", compile->file);
            return NULL;
        }
        if (asprintf(&name, "%.*s.zbc", (int)(length - 3), compile->file) < 0) name = NULL;
    }
    if (name == NULL) cli_complain("no memory to compile");
    return name;
}

// Writes the code object to fd and flushes it. false: it has complained.
static bool write_to(const zvm_code *code, int fd, const char *name)
{
    struct cli_output_stream *stream = malloc(sizeof *stream);
    if (stream == NULL) {
        cli_complain("%s: no memory to write it", name);
        return false;
    }
    cli_output_init(stream, fd, -1 /* nothing stops it */);
    zvm_status status = zvm_code_serialize(code, cli_output_write, stream);
    bool ok = cli_output_finish(stream, name);
    if (ok && status != ZVM_OK) cli_complain("%s: %s", name, zvm_status_text(status));
    cli_output_deinit(stream);
    free(stream);
    return ok && status == ZVM_OK;
}

static bool complain_write(const char *name, int error)
{
    cli_complain("%s: cannot write: %s; name a file in a directory that exists and is writable",
                 name, strerror(error));
    return false;
}

static bool write_file(const zvm_code *code, const char *name)
{
    if (strcmp(name, "-") == 0) return write_to(code, STDOUT_FILENO, "standard output");
    struct cli_new_file file;
    int error = cli_new_file_open(&file, name);
    if (error != 0) return complain_write(name, error);
    bool ok = write_to(code, file.fd, name);
    if (ok) {
        error = cli_new_file_finish(&file);
        if (error != 0) ok = complain_write(name, error);
    }
    cli_new_file_close(&file);
    return ok;
}

static int compile_file(const struct compile *compile, const char *output)
{
    zvm_runtime *runtime;
    zvm_status status = zvm_runtime_create(NULL, &runtime);
    if (status != ZVM_OK) {
        cli_complain("cannot start: %s", zvm_status_text(status));
        return CLI_EXIT_NOTHING;
    }
    zvm_code *code = NULL;
    struct cli_show show;
    cli_show_init(&show, false /* as_json */, CLI_COLOUR_AUTO, stderr);
    int exit_status = cli_source_open(runtime, compile->file, &show, &code);
    if (exit_status == CLI_EXIT_OK && !write_file(code, output)) exit_status = CLI_EXIT_FAILED;
    zvm_code_release(code);
    zvm_runtime_destroy(runtime);
    return exit_status;
}

int cli_command_compile(int word_count, char **words)
{
    struct compile compile = {0};
    if (!parse(word_count, words, &compile)) return CLI_EXIT_NOTHING;
    if (compile.help) return cli_help_print("compile");
    char *output = output_name(&compile);
    if (output == NULL) return CLI_EXIT_NOTHING;
    int exit_status = CLI_EXIT_NOTHING;
    if (strcmp(output, "-") == 0 && isatty(STDOUT_FILENO)) {
        cli_complain("a compiled program is not for a terminal; name the output with -o FILE.zbc");
    } else {
        exit_status = compile_file(&compile, output);
    }
    free(output);
    return exit_status;
}
