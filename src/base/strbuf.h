// base/strbuf.h - a growing byte string. Errors stick: test `failed` once, at the end.
// owner-thread.
#ifndef ZVM_BASE_STRBUF_H
#define ZVM_BASE_STRBUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct zstrbuf {
    char *data; // [length], then a NUL once anything was added; NULL when empty
    size_t length;
    size_t capacity;
    bool failed; // memory was refused: what followed was dropped
};

void zstrbuf_init(struct zstrbuf *buffer);
void zstrbuf_deinit(struct zstrbuf *buffer);
void zstrbuf_clear(struct zstrbuf *buffer); // keeps the memory, clears `failed`
void zstrbuf_add(struct zstrbuf *buffer, const char *bytes, size_t length_bytes);
// So many bytes more, to be filled in before the next call; NULL: failed.
char *zstrbuf_add_room(struct zstrbuf *buffer, size_t length_bytes);
void zstrbuf_add_text(struct zstrbuf *buffer, const char *text); // NUL-terminated
void zstrbuf_add_char(struct zstrbuf *buffer, char c);
void zstrbuf_add_repeat(struct zstrbuf *buffer, char c, size_t count);
void zstrbuf_add_int(struct zstrbuf *buffer, int64_t value);
void zstrbuf_add_format(struct zstrbuf *buffer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
// The text with a NUL behind it; "" when empty. Valid until the next call.
const char *zstrbuf_text(const struct zstrbuf *buffer);

#endif // ZVM_BASE_STRBUF_H
