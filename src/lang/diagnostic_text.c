// lang/diagnostic_text.c - writes a finding for people to read.
//
// Owns: nothing. Thread: any. Allocates nothing: lines are built in buffers on the stack.
// How: the source line goes into one buffer and the carets into another, column by column, so that
// they stand below their characters whatever the width of what is before them. Of a long line only
// the part around the carets is shown. Characters that could move the cursor or hide text (control
// and direction characters, bytes that are no UTF-8) are shown as `?`, so that a hostile file cannot
// speak to the reader's terminal.
#include "lang/diagnostics.h"

#include "base/assert.h"
#include "base/utf8.h"
#include "base/width.h"

#include <stdio.h>
#include <string.h>

#define LINE_COLUMNS_MAX   100u // shown of a line, more would wrap
#define BEFORE_COLUMNS_MAX 60u  // of them at most so many before the caret
#define TAB_COLUMNS        4u
#define MARKS_MAX          200u // combining marks shown in one line: they take bytes, but no columns
#define INDENT             "    "
#define CUT                "..."

// Room for the indent, both cuts, four bytes for each column and mark, and the line end.
#define LINE_BYTES_MAX \
    (sizeof INDENT + 2 * sizeof CUT + 4 * (LINE_COLUMNS_MAX + TAB_COLUMNS + MARKS_MAX) + 2)

enum colour { COLOUR_PLACE, COLOUR_ERROR, COLOUR_NOTE, COLOUR_CARET, COLOUR_HINT, COLOUR_NONE };

static const char *const escapes[] = {
    [COLOUR_PLACE] = "\x1B[1m",    [COLOUR_ERROR] = "\x1B[1;31m", [COLOUR_NOTE] = "\x1B[1;36m",
    [COLOUR_CARET] = "\x1B[1;32m", [COLOUR_HINT] = "\x1B[1;36m",  [COLOUR_NONE] = "\x1B[0m",
};

// Where the text goes, and whether all of it went there.
struct writer {
    zvm_write_fn write;
    void *context;
    bool in_colour;
    bool ok;
};

static void put(struct writer *writer, const char *bytes, size_t length_bytes)
{
    if (length_bytes > 0 && writer->ok)
        writer->ok = writer->write(writer->context, bytes, length_bytes);
}

static void put_text(struct writer *writer, const char *text)
{
    put(writer, text, strlen(text));
}

static void put_colour(struct writer *writer, enum colour colour)
{
    if (writer->in_colour) put_text(writer, escapes[colour]);
}

static void put_coloured(struct writer *writer, enum colour colour, const char *text)
{
    put_colour(writer, colour);
    put_text(writer, text);
    put_colour(writer, COLOUR_NONE);
}

// ---- Characters --------------------------------------------------------------------------------

// One character of the source as it is shown.
struct glyph {
    const char *shown;
    size_t shown_bytes;
    size_t source_bytes;
    unsigned columns;
};

struct span {
    const char *bytes;
    size_t length_bytes;
};

bool zdiagnostics_is_harmful(uint32_t code_point)
{
    return code_point < 0x20 || (code_point >= 0x7F && code_point < 0xA0) ||
           (code_point >= 0x200B && code_point <= 0x200F) || // zero width, directions
           (code_point >= 0x2028 && code_point <= 0x202E) || // separators, directions
           (code_point >= 0x2060 && code_point <= 0x206F) || code_point == 0x061C ||
           code_point == 0xFEFF;
}

// The character at the start of rest, at the given column from 0.
static struct glyph glyph_at(struct span rest, unsigned column)
{
    size_t bytes = zutf8_step(rest.bytes, rest.length_bytes);
    bool is_valid = bytes > 0 && bytes <= rest.length_bytes;
    is_valid = is_valid && zutf8_is_valid(rest.bytes, bytes, NULL);
    if (!is_valid) return (struct glyph){"?", 1, 1, 1};
    size_t used;
    uint32_t code_point = zutf8_decode(rest.bytes, bytes, &used);
    if (code_point == '\t') {
        unsigned columns = TAB_COLUMNS - column % TAB_COLUMNS;
        return (struct glyph){INDENT, columns, bytes, columns};
    }
    if (zdiagnostics_is_harmful(code_point)) return (struct glyph){"?", 1, bytes, 1};
    return (struct glyph){rest.bytes, bytes, bytes, zwidth_of(code_point)};
}

_Static_assert(sizeof INDENT - 1 >= TAB_COLUMNS, "a tab is shown as a part of the indent");

static void skip(struct span *rest, size_t bytes)
{
    rest->bytes += bytes;
    rest->length_bytes -= bytes;
}

// ---- The source line ---------------------------------------------------------------------------

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

static void add_repeat(struct line_buffer *buffer, char c, size_t count)
{
    ZVM_CHECK(count <= sizeof buffer->bytes - buffer->length);

    memset(buffer->bytes + buffer->length, c, count);
    buffer->length += count;
}

// Columns of the first `chars` characters.
static size_t measure(struct span rest, size_t chars)
{
    size_t columns = 0;
    for (; chars > 0 && rest.length_bytes > 0; chars--) {
        struct glyph glyph = glyph_at(rest, (unsigned)columns % TAB_COLUMNS);
        columns += glyph.columns;
        skip(&rest, glyph.source_bytes);
    }
    return columns;
}

// Drops characters until the caret has only BEFORE_COLUMNS_MAX columns, and MARKS_MAX characters
// without any, before it. Returns how many.
static size_t drop_before(struct span *rest, size_t before)
{
    size_t columns = measure(*rest, before);
    size_t dropped = 0;
    while (rest->length_bytes > 0 &&
           (columns > BEFORE_COLUMNS_MAX || before - dropped > BEFORE_COLUMNS_MAX + MARKS_MAX)) {
        struct glyph glyph = glyph_at(*rest, 0);
        columns -= glyph.columns < columns ? glyph.columns : columns;
        skip(rest, glyph.source_bytes);
        dropped++;
    }
    return dropped;
}

// The characters [before, before + length) of rest get carets.
static void build(struct span rest, size_t before, size_t length, struct line_buffer *line,
                  struct line_buffer *carets)
{
    unsigned column = 0;
    uint32_t mark_count = 0;
    size_t caret_count = 0;
    for (size_t i = 0; rest.length_bytes > 0; i++) {
        struct glyph glyph = glyph_at(rest, column);
        bool is_mark = glyph.columns == 0;
        if (column + glyph.columns > LINE_COLUMNS_MAX || mark_count == MARKS_MAX) break;
        add(line, glyph.shown, glyph.shown_bytes);
        bool is_inside = i >= before && i - before < length;
        if (i < before || is_inside) add_repeat(carets, is_inside ? '^' : ' ', glyph.columns);
        if (is_inside) caret_count += glyph.columns;
        column += glyph.columns;
        mark_count += is_mark;
        skip(&rest, glyph.source_bytes);
    }
    if (caret_count == 0) add_repeat(carets, '^', 1);
    if (rest.length_bytes > 0) add(line, CUT, strlen(CUT));
}

// How many characters of the first line the finding covers; at least one caret is drawn.
static size_t length_on_line(const zvm_diagnostic *diagnostic)
{
    if (diagnostic->end_line > diagnostic->line) return SIZE_MAX;
    if (diagnostic->end_column <= diagnostic->column) return 1;
    return diagnostic->end_column - diagnostic->column;
}

static void put_source(struct writer *writer, const zvm_diagnostic *diagnostic)
{
    struct line_buffer line = {.length = 0};
    struct line_buffer carets = {.length = 0};
    struct span rest = {diagnostic->source, diagnostic->source_bytes};
    size_t before = diagnostic->column > 0 ? diagnostic->column - 1 : 0;
    add(&line, INDENT, strlen(INDENT));
    add_repeat(&carets, ' ', strlen(INDENT));
    // A line that fits is shown whole; of another the caret has company on both sides.
    size_t dropped = 0;
    bool is_long = measure(rest, SIZE_MAX) > LINE_COLUMNS_MAX;
    if (is_long || before > LINE_COLUMNS_MAX) dropped = drop_before(&rest, before);
    if (dropped > 0) {
        add(&line, CUT, strlen(CUT));
        add_repeat(&carets, ' ', strlen(CUT));
    }
    build(rest, before - dropped, length_on_line(diagnostic), &line, &carets);
    add(&line, "\n", 1);
    put(writer, line.bytes, line.length);
    put_colour(writer, COLOUR_CARET);
    put(writer, carets.bytes, carets.length);
    put_colour(writer, COLOUR_NONE);
    put_text(writer, "\n");
}

// ---- The finding -------------------------------------------------------------------------------

static void put_head(struct writer *writer, const zvm_diagnostic *diagnostic)
{
    char place[32] = ":";
    bool is_note = diagnostic->severity == ZVM_SEVERITY_NOTE;
    if (diagnostic->line > 0)
        snprintf(place, sizeof place, ":%u:%u:", diagnostic->line, diagnostic->column);
    put_colour(writer, COLOUR_PLACE);
    put_text(writer, diagnostic->file);
    put_text(writer, place);
    put_colour(writer, COLOUR_NONE);
    put_text(writer, " ");
    put_coloured(writer, is_note ? COLOUR_NOTE : COLOUR_ERROR, is_note ? "note:" : "error:");
    put_text(writer, " ");
    put_text(writer, diagnostic->message);
    put_text(writer, "\n");
}

bool zdiagnostic_write_text(const zvm_diagnostic *diagnostic, bool in_colour, zvm_write_fn write,
                            void *context)
{
    ZVM_ASSERT(write != NULL);

    struct writer writer = {.write = write, .context = context, .in_colour = in_colour, .ok = true};
    put_head(&writer, diagnostic);
    if (diagnostic->line > 0 && diagnostic->source != NULL) put_source(&writer, diagnostic);
    for (uint32_t i = 0; i < diagnostic->hint_count; i++) {
        put_coloured(&writer, COLOUR_HINT, "hint:");
        put_text(&writer, " ");
        put_text(&writer, diagnostic->hints[i]);
        put_text(&writer, "\n");
    }
    return writer.ok;
}
