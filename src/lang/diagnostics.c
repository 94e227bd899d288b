// lang/diagnostics.c - makes findings of errors, and hands them to whoever asked for them.
//
// Owns: the hints of the error to come, in the struct of the caller. Thread: owner of the
// zdiagnostics. Allocates nothing, so that it works when memory is out: everything is built on the
// stack.
// How: the position is found again by walking the text, which is linear but done at most once for
// each of ZVM_DIAGNOSTICS_MAX errors. A hint is given before its error, because an error is handed
// over as soon as it is known.
#include "lang/diagnostics.h"

#include "base/assert.h"
#include "base/utf8.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define MESSAGE_BYTES_MAX 512
#define BYTE_ORDER_MARK   "\xEF\xBB\xBF"

struct span {
    const char *bytes;
    size_t length_bytes;
};

// One character; one byte where the text is no UTF-8.
static size_t step(struct span rest)
{
    size_t bytes = zutf8_step(rest.bytes, rest.length_bytes);
    if (bytes == 0 || bytes > rest.length_bytes) return 1;
    return zutf8_is_valid(rest.bytes, bytes, NULL) ? bytes : 1;
}

// A text that was cut, by us or by whoever made a part of it, may end inside a character.
static void mend(char *text)
{
    struct span rest = {text, strlen(text)};
    while (rest.length_bytes > 0) {
        size_t bytes = step(rest);
        if (bytes == 1 && (*rest.bytes & 0x80) != 0) text[rest.bytes - text] = '?';
        rest.bytes += bytes;
        rest.length_bytes -= bytes;
    }
}

__attribute__((format(printf, 3, 0))) static void format_text(char *text, size_t bytes,
                                                              const char *format, va_list arguments)
{
    vsnprintf(text, bytes, format, arguments);
    mend(text);
}

void zdiagnostics_hint(struct zdiagnostics *diagnostics, const char *format, ...)
{
    if (diagnostics->hint_count == ZDIAGNOSTICS_HINTS_MAX) return;
    va_list arguments;
    va_start(arguments, format);
    format_text(diagnostics->hints[diagnostics->hint_count++], ZDIAGNOSTICS_HINT_BYTES_MAX, format,
                arguments);
    va_end(arguments);
}

void zdiagnostics_drop_hints(struct zdiagnostics *diagnostics)
{
    diagnostics->hint_count = 0;
}

bool zdiagnostics_are_full(const struct zdiagnostics *diagnostics)
{
    return diagnostics->count >= ZVM_DIAGNOSTICS_MAX;
}

// The text from the start of a line on. A byte-order mark is no part of the first line.
static struct span find_line(const struct zdiagnostics *diagnostics, uint32_t line)
{
    struct span rest = {diagnostics->text, diagnostics->length_bytes};
    if (rest.length_bytes == 0) return (struct span){"", 0};
    if (rest.length_bytes >= 3 && memcmp(rest.bytes, BYTE_ORDER_MARK, 3) == 0) {
        rest.bytes += 3;
        rest.length_bytes -= 3;
    }
    for (; line > 1; line--) {
        const char *end = memchr(rest.bytes, '\n', rest.length_bytes);
        if (end == NULL) break;
        rest.length_bytes -= (size_t)(end + 1 - rest.bytes);
        rest.bytes = end + 1;
    }
    return rest;
}

// The line alone, without its end.
static struct span cut_at_line_end(struct span rest)
{
    const char *end = rest.length_bytes > 0 ? memchr(rest.bytes, '\n', rest.length_bytes) : NULL;
    if (end != NULL) rest.length_bytes = (size_t)(end - rest.bytes);
    if (rest.length_bytes > 0 && rest.bytes[rest.length_bytes - 1] == '\r') rest.length_bytes--;
    return rest;
}

// The position `count` characters behind `position`; rest starts with the line of `position`.
static struct zast_position find_end(struct span rest, struct zast_position position,
                                     uint32_t count)
{
    struct zast_position at = {position.line, 1};
    uint32_t behind = 0; // characters since `position`
    bool is_reached = false;
    while (rest.length_bytes > 0) {
        if (!is_reached && at.column >= position.column) is_reached = true;
        if (is_reached && behind++ == count) return at;
        size_t bytes = step(rest);
        if (*rest.bytes == '\n')
            at = (struct zast_position){at.line + 1, 1};
        else
            at.column++;
        rest.bytes += bytes;
        rest.length_bytes -= bytes;
    }
    return is_reached ? at : position;
}

// As data, as text, or both.
static void hand_over(struct zdiagnostics *diagnostics, const zvm_diagnostic *finding)
{
    if (diagnostics->report != NULL) diagnostics->report(diagnostics->context, finding);
    if (diagnostics->write != NULL)
        zdiagnostic_write_text(finding, false /* in_colour */, diagnostics->write,
                               diagnostics->context);
}

static const char *file_name_of(const struct zdiagnostics *diagnostics)
{
    return diagnostics->file_name != NULL ? diagnostics->file_name : "source";
}

static void set_place(const struct zdiagnostics *diagnostics, zvm_diagnostic *finding,
                      struct zast_position position, uint32_t length_chars)
{
    if (position.line == 0) return;
    struct span rest = find_line(diagnostics, position.line);
    struct zast_position end = find_end(rest, position, length_chars);
    struct span line = cut_at_line_end(rest);
    finding->line = position.line;
    finding->column = position.column;
    finding->end_line = end.line;
    finding->end_column = end.column;
    finding->source = line.bytes;
    finding->source_bytes = line.length_bytes;
}

void zdiagnostics_error(struct zdiagnostics *diagnostics, struct zast_position position,
                        uint32_t length_chars, const char *format, ...)
{
    ZVM_ASSERT(format != NULL);

    bool is_wanted = !zdiagnostics_are_full(diagnostics);
    diagnostics->count++;
    if (is_wanted) {
        char message[MESSAGE_BYTES_MAX];
        va_list arguments;
        va_start(arguments, format);
        format_text(message, sizeof message, format, arguments);
        va_end(arguments);
        const char *hints[ZDIAGNOSTICS_HINTS_MAX];
        for (uint32_t i = 0; i < diagnostics->hint_count; i++)
            hints[i] = diagnostics->hints[i];
        zvm_diagnostic finding = {.size = sizeof finding,
                                  .severity = ZVM_SEVERITY_ERROR,
                                  .kind = "SyntaxError",
                                  .file = file_name_of(diagnostics),
                                  .message = message,
                                  .hints = hints,
                                  .hint_count = diagnostics->hint_count};
        set_place(diagnostics, &finding, position, length_chars);
        hand_over(diagnostics, &finding);
    }
    zdiagnostics_drop_hints(diagnostics);
}

void zdiagnostics_internal(struct zdiagnostics *diagnostics, const char *text)
{
    char message[MESSAGE_BYTES_MAX];
    snprintf(message, sizeof message, "internal error: %s", text);
    zvm_diagnostic finding = {.size = sizeof finding,
                              .severity = ZVM_SEVERITY_ERROR,
                              .kind = "InternalError",
                              .file = file_name_of(diagnostics),
                              .message = message};
    diagnostics->count++;
    hand_over(diagnostics, &finding);
}

void zdiagnostics_note(struct zdiagnostics *diagnostics, struct zast_position position,
                       const char *format, ...)
{
    char message[MESSAGE_BYTES_MAX];
    va_list arguments;
    va_start(arguments, format);
    format_text(message, sizeof message, format, arguments);
    va_end(arguments);
    zvm_diagnostic finding = {.size = sizeof finding,
                              .severity = ZVM_SEVERITY_NOTE,
                              .kind = "",
                              .file = file_name_of(diagnostics),
                              .line = position.line,
                              .column = position.column,
                              .end_line = position.line,
                              .end_column = position.column,
                              .message = message};
    hand_over(diagnostics, &finding);
}

void zdiagnostics_end(struct zdiagnostics *diagnostics)
{
    struct zast_position whole_file = {0, 0};
    if (diagnostics->count > ZVM_DIAGNOSTICS_MAX)
        zdiagnostics_note(diagnostics, whole_file, "there are more errors; the first %d are shown",
                          ZVM_DIAGNOSTICS_MAX);
}
