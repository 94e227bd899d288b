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

static void complain_load(const char *name, int error)
{
    switch (error) {
    case EISDIR:
        cli_complain("%s: is a directory; give the .zx file in it", name);
        return;
    case ENOENT:
        cli_complain("%s: no such file; check the name and the directory", name);
        return;
    case EACCES:
        cli_complain("%s: permission denied; make the file readable", name);
        return;
    case EFBIG:
        cli_complain("%s: larger than 1 GiB, the most that a source file may have", name);
        return;
    default:
        cli_complain("%s: cannot read: %s", name, strerror(error));
    }
}

// A zvm_write_fn. context: bool, set when something was written.
static bool write_diagnostic(void *context, const char *text, size_t length_bytes)
{
    bool *was_written = context;
    *was_written = true;
    // A diagnostic that cannot be shown is no reason to stop: the exit status still tells.
    fwrite(text, 1, length_bytes, stderr);
    return true;
}

bool cli_source_load(const char *name, struct cli_source *out)
{
    struct cli_source source = {.name = strcmp(name, "-") == 0 ? "<stdin>" : name};
    int error = load_file(&source, name);
    if (error == 0) {
        *out = source;
        return true;
    }
    free(source.text);
    complain_load(name, error);
    return false;
}

bool cli_source_set(const char *text, struct cli_source *out)
{
    struct cli_source source = {.name = "<command-line>", .length = strlen(text)};
    source.text = strdup(text);
    if (source.text == NULL) {
        complain_load(source.name, ENOMEM);
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

int cli_source_compile(zvm_runtime *runtime, const struct cli_source *source, zvm_code **out)
{
    bool is_compiled = cli_source_is_compiled(source);
    if (!is_compiled && cli_is_compiled_name(source->name)) {
        cli_complain("%s: not a compiled program; 'zvm compile FILE.zx -o %s' makes one",
                     source->name, source->name);
        return CLI_EXIT_NOTHING;
    }
    bool was_written = false;
    zvm_status status;
    if (is_compiled) {
        status = zvm_code_from_bytes(runtime, source->name, source->text, source->length,
                                     write_diagnostic, &was_written, out);
    } else {
        zvm_file_options options = ZVM_FILE_OPTIONS_INIT;
        options.text = source->text == NULL ? "" : source->text;
        options.length_bytes = source->length;
        status = zvm_code_from_file(runtime, source->name, &options, write_diagnostic, &was_written,
                                    out);
    }
    if (status == ZVM_OK) return CLI_EXIT_OK;
    if (!was_written) cli_complain("%s: %s", source->name, zvm_status_text(status));
    bool is_internal = status == ZVM_E_BYTECODE || status == ZVM_E_INTERNAL;
    return is_internal ? CLI_EXIT_INTERNAL : CLI_EXIT_NOTHING;
}

int cli_source_open(zvm_runtime *runtime, const char *name, zvm_code **out)
{
    struct cli_source source;
    if (!cli_source_load(name, &source)) return CLI_EXIT_NOTHING;
    int exit_status = cli_source_compile(runtime, &source, out);
    cli_source_free(&source);
    return exit_status;
}
