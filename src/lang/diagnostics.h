// lang/diagnostics.h - the findings of one compilation. owner-thread.
#ifndef ZVM_LANG_DIAGNOSTICS_H
#define ZVM_LANG_DIAGNOSTICS_H

#include "base/status.h"
#include "lang/ast.h"

#define ZDIAGNOSTICS_HINTS_MAX      3u
#define ZDIAGNOSTICS_HINT_BYTES_MAX 240u

// Where findings go. Each is handed over at once, as data, as text, or both.
struct zdiagnostics {
    const char *file_name;
    const char *text; // the whole source
    size_t length_bytes;
    zvm_write_fn write;       // may be NULL
    zvm_diagnostic_fn report; // may be NULL
    void *context;            // for both
    uint32_t count;           // errors found, also those beyond ZVM_DIAGNOSTICS_MAX
    // Hints for the next error.
    char hints[ZDIAGNOSTICS_HINTS_MAX][ZDIAGNOSTICS_HINT_BYTES_MAX];
    uint32_t hint_count;
};

// Adds a line to the error that is reported next. More than there is room for are dropped.
void zdiagnostics_hint(struct zdiagnostics *diagnostics, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
// Takes back the hints that no error was reported for.
void zdiagnostics_drop_hints(struct zdiagnostics *diagnostics);
// An error over length_chars characters from position on; 0: at a point. line 0: about the whole file.
// Beyond ZVM_DIAGNOSTICS_MAX only counted.
void zdiagnostics_error(struct zdiagnostics *diagnostics, struct zast_position position,
                        uint32_t length_chars, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
// The compiler itself is wrong, at no place in the source.
void zdiagnostics_internal(struct zdiagnostics *diagnostics, const char *text);
// A note about the errors before it, at a point; line 0: about the whole file. Shows no source line.
void zdiagnostics_note(struct zdiagnostics *diagnostics, struct zast_position position,
                       const char *format, ...) __attribute__((format(printf, 3, 4)));
// A note, if errors were left out. To be called once, at the end.
void zdiagnostics_end(struct zdiagnostics *diagnostics);
bool zdiagnostics_are_full(const struct zdiagnostics *diagnostics);

// True for what must not reach a terminal as it is: control and direction characters.
bool zdiagnostics_is_harmful(uint32_t code_point);
// See zvm_diagnostic_write. False: write refused.
bool zdiagnostic_write_text(const zvm_diagnostic *diagnostic, bool in_colour, zvm_write_fn write,
                            void *context);

#endif // ZVM_LANG_DIAGNOSTICS_H
