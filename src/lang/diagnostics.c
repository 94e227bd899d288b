// lang/diagnostics.c - writes a finding in a source text for people to read.
//
// Owns: nothing. Thread: owner of the zdiagnostics. Allocates nothing, so that it works when memory
// is out: everything goes through buffers on the stack.
// How: the position is found again by walking the text, which is linear but done once per finding.
// Of a long line only the part around the caret is shown. Characters that could move the cursor or
// hide text (control and direction characters, bytes that are no UTF-8) are shown as `?`, so that a
// hostile file cannot speak to the reader's terminal.
#include "lang/parser.h"

#include "base/assert.h"
#include "base/utf8.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define MESSAGE_BYTES_MAX 512
#define LINE_CHARS_MAX    100 // shown of a line, more would wrap
#define BEFORE_CHARS_MAX  60  // of them at most so many before the caret
#define INDENT            "    "
#define CUT               "..."

// Room for the indent, both cuts, four bytes a character and the line end.
#define LINE_BYTES_MAX (sizeof INDENT + 2 * sizeof CUT + 4 * LINE_CHARS_MAX + 2)

struct span {
    const char *bytes;
    size_t length_bytes;
};

struct line_buffer {
    char bytes[LINE_BYTES_MAX];
    size_t length;
};

static void add(struct line_buffer *buffer, const char *bytes, size_t length_bytes)
{
    ZVM_CHECK(length_bytes <= sizeof buffer->bytes - buffer->length);

    memcpy(buffer->bytes + buffer->length, bytes, length_bytes);
    buffer->length += length_bytes;
}

static void add_text(struct line_buffer *buffer, const char *text)
{
    add(buffer, text, strlen(text));
}

// Bytes of the character at the start of rest; one for a byte that is no UTF-8.
static size_t step(struct span rest, bool *is_valid)
{
    size_t bytes = zutf8_step(rest.bytes, rest.length_bytes);
    if (bytes == 0 || bytes > rest.length_bytes) bytes = 1;
    *is_valid = zutf8_is_valid(rest.bytes, bytes, NULL);
    return *is_valid ? bytes : 1;
}

static struct span skip_chars(struct span rest, size_t count)
{
    bool is_valid;
    for (; count > 0 && rest.length_bytes > 0; count--) {
        size_t bytes = step(rest, &is_valid);
        rest.bytes += bytes;
        rest.length_bytes -= bytes;
    }
    return rest;
}

bool zdiagnostics_is_harmful(uint32_t code_point)
{
    return code_point < 0x20 || (code_point >= 0x7F && code_point < 0xA0) ||
           (code_point >= 0x200B && code_point <= 0x200F) || // zero width, directions
           (code_point >= 0x2028 && code_point <= 0x202E) || // separators, directions
           (code_point >= 0x2060 && code_point <= 0x206F) || code_point == 0x061C ||
           code_point == 0xFEFF;
}

// Each character takes one column, so that the caret below stays in step.
static void add_char(struct line_buffer *buffer, struct span rest, size_t bytes, bool is_valid)
{
    size_t used;
    uint32_t code_point = is_valid ? zutf8_decode(rest.bytes, bytes, &used) : 0;
    if (code_point == '\t')
        add_text(buffer, " ");
    else if (zdiagnostics_is_harmful(code_point))
        add_text(buffer, "?");
    else
        add(buffer, rest.bytes, bytes);
}

// The line, without its end. A byte-order mark is no part of the first line.
static struct span find_line(const struct zdiagnostics *diagnostics, uint32_t line)
{
    struct span rest = {diagnostics->text, diagnostics->length_bytes};
    if (rest.length_bytes == 0) return (struct span){"", 0};
    if (rest.length_bytes >= 3 && memcmp(rest.bytes, "\xEF\xBB\xBF", 3) == 0) {
        rest.bytes += 3;
        rest.length_bytes -= 3;
    }
    const char *end = memchr(rest.bytes, '\n', rest.length_bytes);
    for (; line > 1 && end != NULL; line--) {
        rest.length_bytes -= (size_t)(end + 1 - rest.bytes);
        rest.bytes = end + 1;
        end = memchr(rest.bytes, '\n', rest.length_bytes);
    }
    if (end != NULL) rest.length_bytes = (size_t)(end - rest.bytes);
    if (rest.length_bytes > 0 && rest.bytes[rest.length_bytes - 1] == '\r') rest.length_bytes--;
    return rest;
}

// Shows the line from character `skipped` on, and the caret under character `before` + length.
static void write_line(const struct zdiagnostics *diagnostics, struct span rest, size_t skipped,
                       size_t before, size_t length_chars)
{
    struct line_buffer line = {.length = 0};
    struct line_buffer caret = {.length = 0};
    add_text(&line, INDENT);
    add_text(&caret, INDENT);
    if (skipped > 0) {
        add_text(&line, CUT);
        add_text(&caret, "   ");
    }
    size_t shown = 0;
    for (; shown < LINE_CHARS_MAX && rest.length_bytes > 0; shown++) {
        bool is_valid;
        size_t bytes = step(rest, &is_valid);
        add_char(&line, rest, bytes, is_valid);
        if (shown < before)
            add_text(&caret, " ");
        else if (shown - before < length_chars)
            add_text(&caret, "^");
        rest.bytes += bytes;
        rest.length_bytes -= bytes;
    }
    if (before >= shown) add_text(&caret, "^");
    if (rest.length_bytes > 0) add_text(&line, CUT);
    add_text(&line, "\n");
    add_text(&caret, "\n");
    diagnostics->write(diagnostics->context, line.bytes, line.length);
    diagnostics->write(diagnostics->context, caret.bytes, caret.length);
}

static void write_source(const struct zdiagnostics *diagnostics, struct zast_position position,
                         uint32_t length_chars)
{
    struct span line = find_line(diagnostics, position.line);
    size_t before = position.column > 0 ? position.column - 1 : 0;
    size_t skipped = 0;
    // A line that fits is shown whole; of another the caret has company on both sides.
    bool is_long = skip_chars(line, LINE_CHARS_MAX).length_bytes > 0;
    if (is_long && before > BEFORE_CHARS_MAX) skipped = before - BEFORE_CHARS_MAX;
    write_line(diagnostics, skip_chars(line, skipped), skipped, before - skipped, length_chars);
}

void zdiagnostics_error(struct zdiagnostics *diagnostics, struct zast_position position,
                        uint32_t length_chars, const char *format, ...)
{
    ZVM_ASSERT(format != NULL);

    diagnostics->count++;
    if (diagnostics->write == NULL) return;

    char text[MESSAGE_BYTES_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);

    char place[64];
    if (position.line == 0)
        snprintf(place, sizeof place, ": error: ");
    else
        snprintf(place, sizeof place, ":%u:%u: error: ", position.line, position.column);

    const char *file_name = diagnostics->file_name != NULL ? diagnostics->file_name : "source";
    diagnostics->write(diagnostics->context, file_name, strlen(file_name));
    diagnostics->write(diagnostics->context, place, strlen(place));
    diagnostics->write(diagnostics->context, text, strlen(text));
    diagnostics->write(diagnostics->context, "\n", 1);
    if (length_chars == 0) length_chars = 1;
    if (position.line > 0) write_source(diagnostics, position, length_chars);
}
