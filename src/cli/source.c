// cli/source.c - reads a source file and compiles it, or takes over a compiled one.
//
// Owns: the text until cli_source_free. Thread: main.
// What a file is tells its beginning, not its name: no source begins like a compiled program.
// Bounded: a file over SOURCE_BYTES_MAX is refused, also one that never ends (/dev/zero).
#include "cli/source.h"

#include "cli/message.h"
#include "cli/options.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

// The positions of a program are 32-bit lines and columns; no real source comes near this.
#define SOURCE_BYTES_MAX ((size_t)1 << 30)

// Makes room for at least one more byte. false: no memory.
static bool source_grow(struct cli_source *source, size_t wanted)
{
    if (wanted <= source->capacity) return true;
    size_t capacity = source->capacity < 65536 ? 65536 : source->capacity * 2;
    if (capacity < wanted) capacity = wanted;
    char *text = realloc(source->text, capacity);
    if (text == NULL) return false;
    source->text = text;
    source->capacity = capacity;
    return true;
}

// Returns 0 or an errno; EFBIG when there is more than SOURCE_BYTES_MAX.
static int source_read(struct cli_source *source, int fd)
{
    while (true) {
        if (!source_grow(source, source->length + 1)) return ENOMEM;
        ssize_t got = read(fd, source->text + source->length, source->capacity - source->length);
        if (got == 0) return 0;
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return errno;
        source->length += (size_t)got;
        if (source->length > SOURCE_BYTES_MAX) return EFBIG;
    }
}

static int source_read_opened(struct cli_source *source, int fd)
{
    struct stat status;
    if (fstat(fd, &status) != 0) return errno;
    if (S_ISDIR(status.st_mode)) return EISDIR;
    // One byte more than the file has: the read that finds the end needs no second buffer.
    size_t wanted = 65536;
    bool is_sized = S_ISREG(status.st_mode) && status.st_size > 0;
    if (is_sized && (size_t)status.st_size > SOURCE_BYTES_MAX) return EFBIG;
    if (is_sized) wanted = (size_t)status.st_size + 1;
    if (!source_grow(source, wanted)) return ENOMEM;
    return source_read(source, fd);
}

static int load_file(struct cli_source *source, const char *name)
{
    bool is_stdin = strcmp(name, "-") == 0;
    int fd = is_stdin ? STDIN_FILENO : open(name, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0) return errno;
    int error = source_read_opened(source, fd);
    if (!is_stdin) close(fd);
    return error;
}

static void show_load(struct cli_show *show, const char *name, int error)
{
    switch (error) {
    case EISDIR:
        cli_show_file_error(show, name, "is a directory; give the .zx file in it");
        return;
    case ENOENT:
        cli_show_file_error(show, name, "no such file; check the name and the directory");
        return;
    case EACCES:
        cli_show_file_error(show, name, "permission denied; make the file readable");
        return;
    case EFBIG:
        cli_show_file_error(show, name, "larger than 1 GiB, the most that a source file may have");
        return;
    default:
        cli_show_file_error(show, name, "cannot read: %s", strerror(error));
    }
}

bool cli_source_load(const char *name, struct cli_show *show, struct cli_source *out)
{
    struct cli_source source = {.name = strcmp(name, "-") == 0 ? "<stdin>" : name};
    int error = load_file(&source, name);
    if (error == 0) {
        *out = source;
        return true;
    }
    free(source.text);
    show_load(show, name, error);
    return false;
}

bool cli_source_set(const char *text, struct cli_show *show, struct cli_source *out)
{
    struct cli_source source = {.name = "<command-line>", .length = strlen(text)};
    source.text = strdup(text);
    if (source.text == NULL) {
        show_load(show, source.name, ENOMEM);
        return false;
    }
    *out = source;
    return true;
}

void cli_source_free(struct cli_source *source)
{
    free(source->text);
    *source = (struct cli_source){.name = source->name};
}

bool cli_source_is_compiled(const struct cli_source *source)
{
    return zvm_code_is_compiled(source->text, source->length);
}

// ---- Compiling ----------------------------------------------------------------------------------

// Why a compiled program was refused, and of which file.
struct refusal {
    const char *name;
    struct cli_show *show;
};

// A zvm_write_fn. It gets one line, "NAME: error: TEXT"; context: the refusal.
static bool show_refusal(void *context, const char *text, size_t length_bytes)
{
    const struct refusal *refusal = context;
    size_t head = strlen(refusal->name) + strlen(": error: ");
    char *message = head < length_bytes ? strndup(text + head, length_bytes - head - 1) : NULL;
    if (message == NULL) return true;
    zvm_diagnostic finding = {
        .size = sizeof finding, .kind = "FileError", .file = refusal->name, .message = message};
    cli_show_finding(refusal->show, &finding);
    free(message);
    return true;
}

static zvm_status compile(zvm_runtime *runtime, const struct cli_source *source,
                          struct cli_show *show, zvm_code **out)
{
    if (cli_source_is_compiled(source)) {
        struct refusal refusal = {source->name, show};
        return zvm_code_from_bytes(runtime, source->name, source->text, source->length,
                                   show_refusal, &refusal, out);
    }
    zvm_file_options options = ZVM_FILE_OPTIONS_INIT;
    options.text = source->text == NULL ? "" : source->text;
    options.length_bytes = source->length;
    options.on_diagnostic = cli_show_finding;
    return zvm_code_from_file(runtime, source->name, &options, NULL, show, out);
}

int cli_source_compile(zvm_runtime *runtime, const struct cli_source *source, struct cli_show *show,
                       zvm_code **out)
{
    if (!cli_source_is_compiled(source) && cli_is_compiled_name(source->name)) {
        cli_show_file_error(show, source->name,
                            "not a compiled program; 'zvm compile FILE.zx -o %s' makes one",
                            source->name);
        return CLI_EXIT_NOTHING;
    }
    show->was_used = false;
    zvm_status status = compile(runtime, source, show, out);
    if (status == ZVM_OK) return CLI_EXIT_OK;
    if (!show->was_used) cli_show_file_error(show, source->name, "%s", zvm_status_text(status));
    bool is_internal = status == ZVM_E_BYTECODE || status == ZVM_E_INTERNAL;
    return is_internal ? CLI_EXIT_INTERNAL : CLI_EXIT_NOTHING;
}

int cli_source_open(zvm_runtime *runtime, const char *name, struct cli_show *show, zvm_code **out)
{
    struct cli_source source;
    if (!cli_source_load(name, show, &source)) return CLI_EXIT_NOTHING;
    int exit_status = cli_source_compile(runtime, &source, show, out);
    cli_source_free(&source);
    return exit_status;
}
