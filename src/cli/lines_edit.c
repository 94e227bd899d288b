// cli/lines_edit.c - lines with editing, history and completion, by libedit.
//
// Owns: libedit's state and the history, read at the start and written at the end. Thread: main.
// How: libedit reads characters through read_character, which waits for the terminal and for signals
// at once: so no handler of ours ever runs, and Ctrl-C is told as an ordinary outcome.
#include "cli/lines.h"

#include "cli/message.h"

#include <errno.h>
#include <histedit.h>
#include <locale.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <wchar.h>

#define HISTORY_LINES 1000
#define WORDS_SHOWN   200u // of a completion that is not unique

struct edit {
    struct cli_lines_options options;
    EditLine *editor;
    History *history;
    const char *prompt;
    mbstate_t shift;
    bool has_signal;
};

// What the words of a completion have in common.
struct candidates {
    char common[128]; // [common_length]
    size_t common_length;
    uint32_t count;
    FILE *shown; // NULL: only counted
};

static struct edit *edit_of(EditLine *editor)
{
    void *self = NULL;
    el_get(editor, EL_CLIENTDATA, &self);
    return self;
}

static char *prompt_of(EditLine *editor)
{
    return (char *)(uintptr_t)edit_of(editor)->prompt;
}

// ---- Characters -------------------------------------------------------------------------------

// 1: a byte; 0: the end; -1: a signal or an error.
static int read_byte(struct edit *edit, char *out)
{
    struct pollfd watched[2] = {{.fd = edit->options.signal_fd, .events = POLLIN},
                                {.fd = STDIN_FILENO, .events = POLLIN}};
    for (;;) {
        if (poll(watched, 2, -1 /* no timeout */) < 0 && errno != EINTR) return -1;
        if (watched[0].revents != 0) {
            edit->has_signal = true;
            return -1;
        }
        if (watched[1].revents == 0) continue;
        ssize_t got = read(STDIN_FILENO, out, 1);
        if (got >= 0) return (int)got;
        if (errno != EINTR && errno != EAGAIN) return -1;
    }
}

static int read_character(EditLine *editor, wchar_t *out)
{
    struct edit *edit = edit_of(editor);
    for (;;) {
        char byte;
        int got = read_byte(edit, &byte);
        if (got <= 0) return got;
        size_t used = mbrtowc(out, &byte, 1, &edit->shift);
        if (used == (size_t)-2) continue; // more bytes of the character follow
        if (used != (size_t)-1) return 1;
        memset(&edit->shift, 0, sizeof edit->shift); // no character: dropped
    }
}

// ---- Completion -------------------------------------------------------------------------------

static void add_candidate(void *context, const char *word, size_t length)
{
    struct candidates *candidates = context;
    if (candidates->shown != NULL) {
        if (candidates->count < WORDS_SHOWN) {
            fprintf(candidates->shown, "%.*s  ", (int)length, word);
        }
    } else if (candidates->count == 0) {
        size_t kept = length < sizeof candidates->common ? length : sizeof candidates->common - 1;
        memcpy(candidates->common, word, kept);
        candidates->common_length = kept;
    } else {
        size_t same = 0;
        while (same < candidates->common_length && same < length &&
               candidates->common[same] == word[same]) {
            same++;
        }
        candidates->common_length = same;
    }
    candidates->count++;
}

static bool is_word_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

static unsigned char show_candidates(const struct edit *edit, const char *prefix, size_t length,
                                     bool is_member)
{
    struct candidates shown = {.shown = stdout};
    fputc('\n', stdout);
    edit->options.complete(edit->options.complete_context, prefix, length, is_member, add_candidate,
                           &shown);
    fputs(shown.count > WORDS_SHOWN ? "...\n" : "\n", stdout);
    fflush(stdout);
    return CC_REDISPLAY;
}

static unsigned char complete(EditLine *editor, int key)
{
    (void)key;
    const struct edit *edit = edit_of(editor);
    const LineInfo *line = el_line(editor);
    const char *start = line->cursor;
    while (start > line->buffer && is_word_char(start[-1])) {
        start--;
    }
    char prefix[128];
    size_t length = (size_t)(line->cursor - start);
    bool is_member = start > line->buffer && start[-1] == '.';
    if (length == 0 && !is_member) return el_insertstr(editor, "    ") == 0 ? CC_REFRESH : CC_ERROR;
    if (length >= sizeof prefix) return CC_ERROR;
    memcpy(prefix, start, length);

    struct candidates candidates = {.count = 0};
    edit->options.complete(edit->options.complete_context, prefix, length, is_member, add_candidate,
                           &candidates);
    if (candidates.count == 0) return CC_ERROR;
    if (candidates.common_length > length) {
        candidates.common[candidates.common_length] = '\0';
        bool ok = el_insertstr(editor, candidates.common + length) == 0;
        return ok ? CC_REFRESH : CC_ERROR;
    }
    if (candidates.count == 1) return CC_ERROR;
    return show_candidates(edit, prefix, length, is_member);
}

// ---- History ----------------------------------------------------------------------------------

static void load_history(struct edit *edit)
{
    HistEvent event;
    history(edit->history, &event, H_SETSIZE, HISTORY_LINES);
    history(edit->history, &event, H_SETUNIQUE, 1);
    el_set(edit->editor, EL_HIST, history, edit->history);
    // A first session has none to load.
    if (edit->options.history_path != NULL)
        history(edit->history, &event, H_LOAD, edit->options.history_path);
}

static void save_history(struct edit *edit)
{
    const char *path = edit->options.history_path;
    if (path == NULL) return;
    HistEvent event;
    mode_t mask = umask(077); // what is typed at a prompt is nobody else's
    if (history(edit->history, &event, H_SAVE, path) < 0) {
        cli_complain("%s: the history cannot be kept: %s", path, strerror(errno));
    }
    umask(mask);
}

// ---- The line ---------------------------------------------------------------------------------

static enum cli_line edit_read(void *self, const char *prompt, const char **line, size_t *length)
{
    struct edit *edit = self;
    int count = 0;
    edit->prompt = prompt;
    edit->has_signal = false;
    // Raw before the prompt shows: what is typed as soon as it does is read as it was typed.
    el_set(edit->editor, EL_PREP_TERM, 1);
    const char *text = el_gets(edit->editor, &count);
    if (edit->has_signal) {
        el_reset(edit->editor);
        fputc('\n', stdout);
        fflush(stdout);
        return CLI_LINE_SIGNAL;
    }
    if (text == NULL || count <= 0) return count < 0 ? CLI_LINE_FAILED : CLI_LINE_END;
    HistEvent event;
    if (text[0] != '\n') history(edit->history, &event, H_ENTER, text);
    *line = text;
    *length = (size_t)count;
    return CLI_LINE_GOT;
}

static void edit_close(void *self)
{
    struct edit *edit = self;
    save_history(edit);
    el_end(edit->editor);
    history_end(edit->history);
    free(edit);
}

static void set_up(struct edit *edit)
{
    el_set(edit->editor, EL_CLIENTDATA, edit);
    el_set(edit->editor, EL_PROMPT, prompt_of);
    el_set(edit->editor, EL_EDITOR, "emacs");
    el_set(edit->editor, EL_GETCFN, read_character);
    // The wide call: the other one copies both texts and never frees them.
    el_wset(edit->editor, EL_ADDFN, L"zvm-complete", L"completes a name", complete);
    el_set(edit->editor, EL_BIND, "^I", "zvm-complete", NULL);
    load_history(edit);
    el_source(edit->editor, NULL); // the user's own ~/.editrc comes last
}

bool cli_lines_open_edit(const struct cli_lines_options *options, struct cli_lines *out)
{
    // Programs are UTF-8 whatever the locale says.
    if (setlocale(LC_CTYPE, "C.UTF-8") == NULL) setlocale(LC_CTYPE, "");
    struct edit *edit = calloc(1, sizeof *edit);
    if (edit == NULL) return false;
    edit->options = *options;
    edit->prompt = "";
    edit->history = history_init();
    edit->editor = el_init("zvm", stdin, stdout, stderr);
    if (edit->history == NULL || edit->editor == NULL) {
        if (edit->history != NULL) history_end(edit->history);
        if (edit->editor != NULL) el_end(edit->editor);
        free(edit);
        return false;
    }
    set_up(edit);
    *out = (struct cli_lines){.read = edit_read, .close = edit_close, .self = edit};
    return true;
}
