// cli/show.c - findings as text or as JSON, and whether there are colours.
//
// Owns: nothing. Thread: main, or under the caller's lock.
// The JSON form is docs/zvm-diagnostic.schema.json: one object a line, so that an editor can read them
// as they come. Colours only where a person looks: on terminals, unless NO_COLOR is set to anything
// (no-color.org) or TERM is "dumb".
#include "cli/show.h"

#include "cli/message.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool is_for_eyes(FILE *to)
{
    const char *no_colour = getenv("NO_COLOR");
    const char *terminal = getenv("TERM");
    if (no_colour != NULL && *no_colour != '\0') return false;
    if (terminal == NULL || strcmp(terminal, "dumb") == 0) return false;
    return isatty(fileno(to)) == 1;
}

void cli_show_init(struct cli_show *show, bool as_json, enum cli_colour colour, FILE *to)
{
    bool in_colour = colour == CLI_COLOUR_ALWAYS;
    if (colour == CLI_COLOUR_AUTO) in_colour = is_for_eyes(to);
    *show = (struct cli_show){.as_json = as_json, .in_colour = in_colour && !as_json, .to = to};
}

bool cli_colour_parse(const char *word, enum cli_colour *out)
{
    static const char *const names[] = {"auto", "always", "never"};
    for (int i = 0; i < 3; i++) {
        if (strcmp(word, names[i]) != 0) continue;
        *out = (enum cli_colour)i;
        return true;
    }
    return false;
}

const char *cli_show_bold(const struct cli_show *show)
{
    return show->in_colour ? "\x1B[1m" : "";
}

const char *cli_show_red(const struct cli_show *show)
{
    return show->in_colour ? "\x1B[1;31m" : "";
}

const char *cli_show_cyan(const struct cli_show *show)
{
    return show->in_colour ? "\x1B[1;36m" : "";
}

const char *cli_show_plain(const struct cli_show *show)
{
    return show->in_colour ? "\x1B[0m" : "";
}

// ---- JSON --------------------------------------------------------------------------------------

// Bytes of the UTF-8 character at text; 0: there is none.
static size_t character_bytes(const unsigned char *text)
{
    static const unsigned char least_second[] = {[0xE0 - 0xE0] = 0xA0, [0xF0 - 0xE0] = 0x90};
    unsigned char first = text[0];
    size_t bytes = first < 0x80 ? 1 : first < 0xC2 ? 0 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
    if (first > 0xF4) return 0;
    for (size_t i = 1; i < bytes; i++)
        if ((text[i] & 0xC0) != 0x80) return 0; // also the NUL at the end
    if ((first == 0xE0 || first == 0xF0) && text[1] < least_second[first - 0xE0]) return 0;
    bool is_surrogate = first == 0xED && text[1] >= 0xA0;
    bool is_beyond = first == 0xF4 && text[1] >= 0x90;
    return is_surrogate || is_beyond ? 0 : bytes;
}

void cli_json_string(FILE *to, const char *text)
{
    fputc('"', to);
    const unsigned char *at = (const unsigned char *)text;
    while (*at != '\0') {
        size_t bytes = character_bytes(at);
        if (bytes == 0)
            fputs("\\ufffd", to);
        else if (*at == '"' || *at == '\\')
            fprintf(to, "\\%c", *at);
        else if (*at < 0x20 || *at == 0x7F)
            fprintf(to, "\\u%04x", *at);
        else
            fwrite(at, 1, bytes, to);
        at += bytes == 0 ? 1 : bytes;
    }
    fputc('"', to);
}

static void write_json(FILE *to, const zvm_diagnostic *diagnostic)
{
    fputs("{\"schema\":\"zvm.diagnostic/1\",\"file\":", to);
    cli_json_string(to, diagnostic->file);
    fprintf(to,
            ",\"line\":%" PRIu32 ",\"column\":%" PRIu32 ",\"end_line\":%" PRIu32
            ",\"end_column\":%" PRIu32 ",\"severity\":\"%s\",\"kind\":",
            diagnostic->line, diagnostic->column, diagnostic->end_line, diagnostic->end_column,
            diagnostic->severity == ZVM_SEVERITY_NOTE ? "note" : "error");
    cli_json_string(to, diagnostic->kind);
    fputs(",\"message\":", to);
    cli_json_string(to, diagnostic->message);
    fputs(",\"hints\":[", to);
    for (uint32_t i = 0; i < diagnostic->hint_count; i++) {
        if (i > 0) fputc(',', to);
        cli_json_string(to, diagnostic->hints[i]);
    }
    fputs("]}\n", to);
}

// ---- Findings ----------------------------------------------------------------------------------

// A zvm_write_fn. What cannot be shown is no reason to stop: the exit status still tells.
static bool write_text(void *context, const char *text, size_t length_bytes)
{
    fwrite(text, 1, length_bytes, context);
    return true;
}

void cli_show_finding(void *context, const zvm_diagnostic *diagnostic)
{
    struct cli_show *show = context;
    show->was_used = true;
    if (show->as_json)
        write_json(show->to, diagnostic);
    else
        zvm_diagnostic_write(diagnostic, show->in_colour, write_text, show->to);
}

void cli_show_file_error(struct cli_show *show, const char *file, const char *format, ...)
{
    char *text = NULL;
    va_list arguments;
    va_start(arguments, format);
    int length = vasprintf(&text, format, arguments);
    va_end(arguments);
    if (length < 0) text = NULL;
    const char *message = text != NULL ? text : "out of memory";
    show->was_used = true;
    if (show->as_json) {
        zvm_diagnostic finding = {
            .size = sizeof finding, .kind = "FileError", .file = file, .message = message};
        write_json(show->to, &finding);
    } else {
        cli_complain("%s: %s", file, message);
    }
    free(text);
}
