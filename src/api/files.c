// api/files.c - compiling a program from a file, and the loader that reads its modules from files.
//
// Owns: nothing beyond one call. Thread: as each declaration in zvm.h says.
#include "api/api_internal.h"

#include "base/alloc.h"
#include "base/folder.h"
#include "base/strbuf.h"
#include "base/utf8.h"
#include "lang/parser.h"

#include <string.h>

// A call of zvm_code_from_file.
struct file_compile {
    zvm_runtime *runtime;
    const char *path;
    zvm_file_options options;
    zvm_write_fn diagnostics; // gets findings
    void *context;
    zvm_code **out;
    struct zstrbuf prefix; // before the paths of modules
};

static struct zdiagnostics findings_of(const struct file_compile *file)
{
    return (struct zdiagnostics){.file_name = file->path,
                                 .write = file->diagnostics,
                                 .report = file->options.on_diagnostic,
                                 .context = file->context};
}

static zvm_status complain(const struct file_compile *file, zvm_status status, const char *reason)
{
    struct zdiagnostics findings = findings_of(file);
    if (!zutf8_is_valid(file->path, strlen(file->path), NULL)) findings.file_name = "source";
    zdiagnostics_error(&findings, (struct zast_position){0}, 0, "%s", reason);
    return status;
}

// path: of the program, from the root folder; text: as it was read, when the host does not have it.
static zvm_status compile_file(const struct file_compile *file, zvm_load_fn load, void *context,
                               const char *path, const char *text, size_t length_bytes)
{
    bool is_given = file->options.text != NULL;
    const struct zmodule_source source = {.modules = file->runtime->modules,
                                          .load = load,
                                          .context = context,
                                          .path = path,
                                          .prefix = zstrbuf_text(&file->prefix)};
    struct zdiagnostics findings = findings_of(file);
    return zapi_compile(file->runtime, file->path, is_given ? file->options.text : text,
                        is_given ? file->options.length_bytes : length_bytes, &findings,
                        load == NULL ? NULL : &source, file->out);
}

static void refuse(const struct zfolder *folder, const char *path, const char *reason,
                   zvm_module_request *request)
{
    char name[NAME_MAX + 1];
    size_t offset;
    zmodule_refuse(request, reason);
    if (zfolder_nearest(folder, path, &offset, name)) zmodule_suggest(request, offset, name);
}

// The default loader.
static zvm_status load_file(void *context, const char *path, zvm_module_request *request)
{
    char real[PATH_MAX];
    char *text;
    size_t length_bytes;
    zfolder_reason reason = "";
    zvm_status status = zfolder_read(context, path, real, &text, &length_bytes, &reason);
    if (status != ZVM_OK) {
        refuse(context, path, reason, request);
        return status;
    }
    status = zmodule_give(request, real, text, length_bytes);
    z_free(text, length_bytes);
    return status;
}

static zvm_status read_and_compile(const struct file_compile *file, struct zfolder *folder,
                                   const char *path)
{
    char real[PATH_MAX];
    char *text;
    size_t length_bytes;
    zfolder_reason reason = "";
    zvm_status status = zfolder_read(folder, path, real, &text, &length_bytes, &reason);
    if (status != ZVM_OK) return complain(file, status, reason);
    status = compile_file(file, load_file, folder, real, text, length_bytes);
    z_free(text, length_bytes);
    return status;
}

// The folder that modules are read from, and what leads to it in positions. A program reached by a link
// has its modules beside the file that the link leads to.
static zvm_status open_root(struct file_compile *file, struct zfolder *folder, char *path,
                            zfolder_reason *reason)
{
    const char *slash = strrchr(file->path, '/');
    const char *root = file->options.root;
    zstrbuf_clear(&file->prefix);
    if (root != NULL)
        zstrbuf_add_text(&file->prefix, root);
    else if (slash != NULL)
        zstrbuf_add(&file->prefix, file->path, (size_t)(slash - file->path) + 1);
    const char *prefix = zstrbuf_text(&file->prefix);
    size_t length = strlen(prefix);
    if (length > 0 && prefix[length - 1] != '/') zstrbuf_add_char(&file->prefix, '/');
    if (file->prefix.failed) return ZVM_E_NOMEM;

    zvm_status status =
        zfolder_open(folder, length == 0 ? "." : zstrbuf_text(&file->prefix), reason);
    if (status != ZVM_OK) return status;
    status = zfolder_locate(folder, file->path, path, reason);
    if (status == ZVM_E_ARGUMENT && root == NULL) {
        status = zfolder_follow(folder, file->path, path, reason);
        zstrbuf_clear(&file->prefix);
        zstrbuf_add_format(&file->prefix, "%s/", folder->path);
        if (file->prefix.failed) status = ZVM_E_NOMEM;
    }
    // A text that is no file counts as one in the root folder.
    if (status == ZVM_E_NOT_FOUND && file->options.text != NULL) {
        path[0] = '\0';
        status = ZVM_OK;
    }
    if (status != ZVM_OK) zfolder_close(folder);
    return status;
}

static zvm_status compile_with_files(struct file_compile *file)
{
    struct zfolder folder;
    char path[PATH_MAX];
    zfolder_reason reason = "no memory";
    bool is_given = file->options.text != NULL;
    zvm_status status = open_root(file, &folder, path, &reason);
    if (status == ZVM_E_NOT_FOUND && is_given && file->options.root == NULL)
        return compile_file(file, NULL, NULL, NULL, NULL, 0); // it may do without modules
    if (status == ZVM_E_NOMEM) return status;
    if (status != ZVM_OK) return complain(file, status, reason);
    status = is_given ? compile_file(file, load_file, &folder, path, NULL, 0)
                      : read_and_compile(file, &folder, path);
    zfolder_close(&folder);
    return status;
}

static zvm_status compile_with_loader(struct file_compile *file)
{
    const char *root = file->options.root;
    if (file->options.text == NULL || !zmodule_is_normal_path(file->path)) return ZVM_E_ARGUMENT;
    if (root != NULL && root[0] != '\0')
        zstrbuf_add_format(&file->prefix, "%s%s", root, root[strlen(root) - 1] == '/' ? "" : "/");
    if (file->prefix.failed) return ZVM_E_NOMEM;
    return compile_file(file, file->options.load, file->options.load_context, file->path, NULL, 0);
}

zvm_status zvm_code_from_file(zvm_runtime *runtime, const char *path,
                              const zvm_file_options *options, zvm_write_fn diagnostics,
                              void *context, zvm_code **out)
{
    struct file_compile file = {.runtime = runtime,
                                .path = path,
                                .options = ZVM_FILE_OPTIONS_INIT,
                                .diagnostics = diagnostics,
                                .context = context,
                                .out = out};
    if (runtime == NULL || path == NULL || out == NULL) return ZVM_E_ARGUMENT;
    if (zapi_is_dead(runtime)) return ZVM_E_FORKED;
    if (options != NULL &&
        !zapi_read_options(&file.options, sizeof file.options, options, options->size))
        return ZVM_E_ARGUMENT;
    if (file.options.text == NULL && file.options.length_bytes > 0) return ZVM_E_ARGUMENT;
    const char *root = file.options.root;
    if (root != NULL && !zutf8_is_valid(root, strlen(root), NULL)) return ZVM_E_ARGUMENT;
    zstrbuf_init(&file.prefix);
    zvm_status status =
        file.options.load != NULL ? compile_with_loader(&file) : compile_with_files(&file);
    zstrbuf_deinit(&file.prefix);
    return status;
}

zvm_status zvm_module_give(zvm_module_request *request, const char *path, const char *text,
                           size_t length_bytes)
{
    if (request == NULL || (text == NULL && length_bytes > 0)) return ZVM_E_ARGUMENT;
    return zmodule_give(request, path, text, length_bytes);
}

void zvm_module_refuse(zvm_module_request *request, const char *reason)
{
    if (request != NULL && reason != NULL) zmodule_refuse(request, reason);
}
