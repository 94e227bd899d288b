// cli/repl.c - `zvm repl`: a prompt that runs what is typed, piece by piece, in one isolate.
//
// Owns: a runtime without workers, the isolate, the reader of lines and the text being typed.
// Thread: main, the only one. Signals are blocked and read from a descriptor: at the prompt the line
// reader waits for it, and between two turns of the running piece it is looked at here. So Ctrl-C ends
// the piece that runs, or drops the line that is typed, and never the session.
#include "cli/commands.h"
#include "cli/failure.h"
#include "cli/lines.h"
#include "cli/message.h"
#include "cli/options.h"
#include "cli/output.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

// Between two looks for Ctrl-C: some milliseconds.
#define TURN_FUEL        1000000u
#define SIGNAL_LOOK_NS 50000000 // how often a sleeping program is asked for signals
#define INPUT_BYTES_MAX  ((size_t)1 << 28)
#define PIECE_NAME_BYTES 40u

struct repl {
    struct cli_run_options options;
    struct cli_output_stream output;
    struct cli_lines lines;
    zvm_runtime *runtime;
    zvm_isolate *isolate;
    int signal_fd;
    bool is_terminal;
    char *history_path;
    // What has been typed of the current piece.
    char *text; // [length]
    size_t length, capacity;
    uint64_t number;             // of the current piece, from 1
    char name[PIECE_NAME_BYTES]; // of it, in positions
    int exit_status;
    bool is_over;
};

// ---- Signals ----------------------------------------------------------------------------------

static bool open_signals(struct repl *repl)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    sigprocmask(SIG_BLOCK, &set, NULL);
    repl->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (repl->signal_fd >= 0) return true;
    cli_complain("cannot watch for signals: %s", strerror(errno));
    return false;
}

// The number of a signal that came, or 0. One that means the end ends the session.
static int take_signal(struct repl *repl)
{
    struct signalfd_siginfo info;
    if (read(repl->signal_fd, &info, sizeof info) != (ssize_t)sizeof info) return 0;
    int number = (int)info.ssi_signo;
    if (number != SIGINT) {
        repl->is_over = true;
        repl->exit_status = CLI_EXIT_SIGNAL + number;
    }
    return number;
}

// ---- Running ----------------------------------------------------------------------------------

// A zvm_write_fn for diagnostics. context: bool, set when something was written.
static bool write_diagnostic(void *context, const char *text, size_t length_bytes)
{
    bool *was_written = context;
    *was_written = true;
    fwrite(text, 1, length_bytes, stderr);
    return true;
}

// Standard output is gone: so is the session, unless Ctrl-C only ended the waiting for a slow reader.
static void check_output(struct repl *repl, int number)
{
    if (cli_output_flush(&repl->output)) return;
    if (number == 0) number = take_signal(repl);
    if (number == 0) {
        (void)cli_output_finish(&repl->output, "standard output");
        repl->is_over = true;
        repl->exit_status = CLI_EXIT_FAILED;
    }
    cli_output_deinit(&repl->output);
    cli_output_init(&repl->output, STDOUT_FILENO, repl->signal_fd);
}

static void tell_failure(struct repl *repl, const zvm_result *result)
{
    struct cli_failures failures;
    cli_failures_init(&failures, &repl->options);
    cli_failures_add(&failures, 0, result);
    cli_failures_print(&failures);
    cli_failures_deinit(&failures);
}

static void run_piece(struct repl *repl)
{
    bool finished = false;
    int number = 0;
    while (!finished) {
        zvm_status status = zvm_isolate_run(repl->isolate, TURN_FUEL, &finished);
        if (status == ZVM_E_WAITING) {
            (void)zvm_isolate_wait(repl->isolate, SIGNAL_LOOK_NS); // its time has come, or not
        } else if (status != ZVM_OK) {
            cli_complain("%s: %s", repl->name, zvm_status_text(status));
            return;
        }
        if (finished || number != 0) continue;
        number = take_signal(repl);
        if (number != 0) zvm_isolate_cancel(repl->isolate);
    }
    check_output(repl, number);
    zvm_result result = ZVM_RESULT_INIT;
    if (zvm_isolate_result(repl->isolate, &result) != ZVM_OK || result.status == ZVM_OK) return;
    if (result.status == ZVM_E_CANCELLED || result.status == ZVM_E_OUTPUT) {
        cli_complain("%s: stopped", repl->name);
    } else {
        tell_failure(repl, &result);
    }
}

static void evaluate(struct repl *repl)
{
    bool was_written = false;
    zvm_status status = zvm_isolate_load(repl->isolate, repl->name, repl->text, repl->length,
                                         ZVM_LOAD_SHOW, write_diagnostic, &was_written);
    if (status == ZVM_OK) {
        run_piece(repl);
    } else if (!was_written) {
        cli_complain("%s: %s", repl->name, zvm_status_text(status));
    }
}

// ---- Reading ----------------------------------------------------------------------------------

static bool is_blank(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (strchr(" \t\r\n", text[i]) == NULL) return false;
    }
    return true;
}

static bool add_line(struct repl *repl, const char *line, size_t length)
{
    size_t needed = repl->length + length;
    if (needed > INPUT_BYTES_MAX) return false;
    if (needed > repl->capacity) {
        size_t capacity = repl->capacity * 2 > needed ? repl->capacity * 2 : needed + 256;
        char *text = realloc(repl->text, capacity);
        if (text == NULL) return false;
        repl->text = text;
        repl->capacity = capacity;
    }
    memcpy(repl->text + repl->length, line, length);
    repl->length = needed;
    return true;
}

static void next_piece(struct repl *repl)
{
    repl->length = 0;
    repl->number++;
    snprintf(repl->name, sizeof repl->name, "<repl:%llu>", (unsigned long long)repl->number);
}

static void take_line(struct repl *repl, const char *line, size_t length)
{
    bool is_empty = is_blank(line, length);
    if (repl->length == 0 && is_empty) return;
    if (!add_line(repl, line, length)) {
        cli_complain("%s: too long, or no memory for it", repl->name);
        repl->length = 0;
        return;
    }
    if (zvm_source_is_open(repl->text, repl->length)) return;
    evaluate(repl);
    next_piece(repl);
}

// A piece that is open at the end of the input is told to be wrong.
static void take_end(struct repl *repl)
{
    if (repl->length > 0) evaluate(repl);
    repl->is_over = true;
    if (repl->is_terminal) fputc('\n', stdout);
}

static void take_prompt_signal(struct repl *repl)
{
    (void)take_signal(repl);
    repl->length = 0;
}

static void loop(struct repl *repl)
{
    while (!repl->is_over) {
        char prompt[PIECE_NAME_BYTES];
        int width = snprintf(prompt, sizeof prompt, "%llu> ", (unsigned long long)repl->number);
        if (repl->length > 0) snprintf(prompt, sizeof prompt, "%*s", width, ".. ");
        const char *line;
        size_t length;
        switch (repl->lines.read(repl->lines.self, prompt, &line, &length)) {
        case CLI_LINE_GOT:
            take_line(repl, line, length);
            break;
        case CLI_LINE_END:
            take_end(repl);
            break;
        case CLI_LINE_SIGNAL:
            take_prompt_signal(repl);
            break;
        case CLI_LINE_FAILED:
            cli_complain("standard input: cannot read: %s", strerror(errno));
            repl->exit_status = CLI_EXIT_FAILED;
            repl->is_over = true;
            break;
        }
    }
}

// ---- Completion -------------------------------------------------------------------------------

struct completion {
    const char *prefix; // [length]
    size_t length;
    cli_add_word_fn add;
    void *add_context;
};

// A zvm_write_fn. context: the completion.
static bool offer(void *context, const char *word, size_t length)
{
    const struct completion *completion = context;
    bool fits =
        length >= completion->length && memcmp(word, completion->prefix, completion->length) == 0;
    if (fits) completion->add(completion->add_context, word, length);
    return true;
}

static void offer_words(struct completion *completion, zvm_word_kind kind)
{
    const char *word;
    for (size_t i = 0; (word = zvm_word(kind, i)) != NULL; i++) {
        (void)offer(completion, word, strlen(word));
    }
}

static void complete(void *context, const char *prefix, size_t length, bool is_member,
                     cli_add_word_fn add, void *add_context)
{
    const struct repl *repl = context;
    struct completion completion = {prefix, length, add, add_context};
    if (is_member) {
        offer_words(&completion, ZVM_WORD_METHOD);
        return;
    }
    (void)zvm_isolate_globals(repl->isolate, offer, &completion);
    offer_words(&completion, ZVM_WORD_BUILTIN);
    offer_words(&completion, ZVM_WORD_KEYWORD);
}

// ---- History ----------------------------------------------------------------------------------

// Makes the folders of a path that are missing. What fails shows when the file is written.
static void make_folders(char *path)
{
    for (char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        (void)mkdir(path, 0700);
        *slash = '/';
    }
}

// $XDG_STATE_HOME/zvm/history, by default under ~/.local/state. NULL: there is no home.
static char *history_path(void)
{
    const char *state = getenv("XDG_STATE_HOME");
    const char *home = getenv("HOME");
    char *path = NULL;
    int length = -1;
    if (state != NULL && state[0] == '/') {
        length = asprintf(&path, "%s/zvm/history", state);
    } else if (home != NULL && home[0] == '/') {
        length = asprintf(&path, "%s/.local/state/zvm/history", home);
    }
    if (length < 0) return NULL;
    make_folders(path);
    return path;
}

// ---- Beginning and end ------------------------------------------------------------------------

static bool open_isolate(struct repl *repl)
{
    zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
    options.heap_limit_bytes = (size_t)repl->options.heap_limit_bytes;
    options.fuel_limit = repl->options.fuel_limit;
    options.timeout_ns = repl->options.timeout_ns;
    options.cpu_limit_ns = repl->options.cpu_limit_ns;
    options.output_limit_bytes = repl->options.output_limit_bytes;
    options.max_depth = repl->options.max_depth;
    options.arguments = repl->options.arguments;
    options.argument_count = repl->options.argument_count;
    options.output = cli_output_write;
    options.output_context = &repl->output;
    zvm_code *code = NULL;
    zvm_status status = zvm_runtime_create(NULL, &repl->runtime);
    if (status == ZVM_OK)
        status = zvm_code_from_source(repl->runtime, "<repl>", "", 0, NULL, NULL, &code);
    if (status == ZVM_OK)
        status = zvm_isolate_create(repl->runtime, code, &options, &repl->isolate);
    if (status == ZVM_OK) status = zvm_isolate_run(repl->isolate, 0, NULL);
    zvm_code_release(code);
    if (status != ZVM_OK) cli_complain("cannot start: %s", zvm_status_text(status));
    return status == ZVM_OK;
}

static bool open_lines(struct repl *repl)
{
    repl->is_terminal = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
    if (repl->is_terminal) repl->history_path = history_path();
    struct cli_lines_options options = {
        .signal_fd = repl->signal_fd,
        .is_terminal = repl->is_terminal,
        .history_path = repl->history_path,
        .complete = complete,
        .complete_context = repl,
    };
    if (repl->is_terminal) {
        printf("zvm %s: Ctrl-C stops what runs, Ctrl-D ends\n", zvm_version());
        if (cli_lines_open_edit(&options, &repl->lines)) return true;
        cli_complain("without libedit: no history and no completion");
    }
    if (cli_lines_open_plain(&options, &repl->lines)) return true;
    cli_complain("no memory to start");
    return false;
}

static void run_repl(struct repl *repl)
{
    repl->exit_status = CLI_EXIT_NOTHING;
    if (!open_signals(repl)) return;
    cli_output_init(&repl->output, STDOUT_FILENO, repl->signal_fd);
    if (open_isolate(repl) && open_lines(repl)) {
        repl->exit_status = CLI_EXIT_OK;
        next_piece(repl);
        loop(repl);
        repl->lines.close(repl->lines.self);
    }
    zvm_isolate_destroy(repl->isolate);
    zvm_runtime_destroy(repl->runtime);
    cli_output_deinit(&repl->output);
    close(repl->signal_fd);
    free(repl->history_path);
    free(repl->text);
}

int cli_command_repl(int word_count, char **words)
{
    // 64 KiB of buffer inside: not on the stack.
    struct repl *repl = calloc(1, sizeof *repl);
    if (repl == NULL) {
        cli_complain("no memory to start");
        return CLI_EXIT_NOTHING;
    }
    int exit_status = CLI_EXIT_NOTHING;
    if (cli_repl_options_parse(word_count, words, &repl->options)) {
        if (repl->options.help) {
            exit_status = cli_help_print("repl");
        } else {
            run_repl(repl);
            exit_status = repl->exit_status;
        }
    }
    free(repl);
    return exit_status;
}
