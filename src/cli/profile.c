// cli/profile.c - the snapshot, the sampled allocations and the leaks of isolate 0.
//
// Owns: the files until they have their names, the text about leaks. Thread: main opens, closes and
// prints; the worker that runs isolate 0 writes, and it is done before the batch is.
// The files are made before the run: a long run must not end by finding out that they cannot be
// kept. Each is written once, under a temporary name.
#include "cli/profile.h"

#include "cli/message.h"
#include "cli/output.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define GROUPS_SHOWN_MAX 20

// ---- Opening ----------------------------------------------------------------------------------

static bool open_file(struct cli_profile_file *file, const char *option, const char *path)
{
    file->place.fd = -1;
    file->name = path;
    if (path == NULL) return true;
    int error = cli_new_file_open(&file->place, path);
    if (error == 0) return true;
    cli_complain("%s: %s: cannot write: %s; name a file in a directory that exists and is writable",
                 option, path, strerror(error));
    return false;
}

bool cli_profile_open(struct cli_profile *profile, const struct cli_run_options *options)
{
    *profile = (struct cli_profile){.options = options};
    pthread_mutex_init(&profile->lock, NULL);
    profile->allocations.place.fd = -1;
    bool ok = open_file(&profile->snapshot, "--heap-snapshot", options->heap_snapshot) &&
              open_file(&profile->allocations, "--alloc-profile", options->alloc_profile);
    if (!ok) cli_profile_close(profile);
    return ok;
}

void cli_profile_close(struct cli_profile *profile)
{
    cli_new_file_close(&profile->snapshot.place);
    cli_new_file_close(&profile->allocations.place);
    free(profile->leaks);
    profile->leaks = NULL;
    pthread_mutex_destroy(&profile->lock);
}

bool cli_profile_wants_moments(const struct cli_profile *profile)
{
    return profile->options->heap_snapshot != NULL && profile->options->at != CLI_AT_EXIT;
}

void cli_profile_apply(const struct cli_profile *profile, zvm_isolate_options *options)
{
    const struct cli_run_options *wanted = profile->options;
    bool wants_sites = wanted->alloc_profile != NULL || wanted->leaks;
    if (wants_sites) {
        bool is_given = wanted->sample_bytes != 0;
        options->sample_bytes = is_given ? wanted->sample_bytes : ZVM_SAMPLE_BYTES;
        options->sample_seed = 1;
    }
    options->track_ages = wanted->leaks;
}

// ---- Writing ----------------------------------------------------------------------------------

typedef zvm_status (*write_fn)(zvm_isolate *isolate, zvm_write_fn write, void *context);

static void write_file(struct cli_profile *profile, struct cli_profile_file *file,
                       zvm_isolate *isolate, write_fn write)
{
    if (file->name == NULL || file->is_written) return;
    file->is_written = true;
    zvm_status status = ZVM_E_NOMEM;
    bool is_whole = false;
    struct cli_output_stream *stream = malloc(sizeof *stream);
    if (stream != NULL) {
        cli_output_init(stream, file->place.fd, -1 /* nothing stops it */);
        status = write(isolate, cli_output_write, stream);
        is_whole = cli_output_finish(stream, file->name);
        cli_output_deinit(stream);
        free(stream);
    }
    int error = 0;
    if (is_whole && status == ZVM_OK) error = cli_new_file_finish(&file->place);
    if (error != 0) cli_complain("%s: cannot write: %s", file->name, strerror(error));
    if (status == ZVM_E_STATE) {
        cli_complain("%s: no memory to profile the program; it ran without", file->name);
    } else if (status != ZVM_OK && status != ZVM_E_OUTPUT) {
        cli_complain("%s: not written: %s", file->name, zvm_status_text(status));
    }
    if (!is_whole || status != ZVM_OK || error != 0) profile->has_failed = true;
}

void cli_profile_ask(void *context)
{
    struct cli_profile *profile = context;
    pthread_mutex_lock(&profile->lock);
    profile->is_asked = true;
    pthread_mutex_unlock(&profile->lock);
}

static bool is_asked(struct cli_profile *profile)
{
    pthread_mutex_lock(&profile->lock);
    bool is = profile->is_asked;
    pthread_mutex_unlock(&profile->lock);
    return is;
}

void cli_profile_moment(struct cli_profile *profile, zvm_isolate *isolate, zvm_moment moment)
{
    bool is_due =
        profile->options->at == CLI_AT_LIMIT ? moment == ZVM_MOMENT_LIMIT : is_asked(profile);
    if (is_due) write_file(profile, &profile->snapshot, isolate, zvm_isolate_heap_snapshot);
}

// ---- Leaks ------------------------------------------------------------------------------------

struct listing {
    FILE *out;
    uint64_t groups, hidden_bytes;
};

static const char *age_text(const zvm_leak *leak, char *text, size_t text_bytes)
{
    (void)snprintf(text, text_bytes, "%.1fs %" PRIu64 "gc", (double)leak->age_ns / 1e9,
                   leak->age_collections);
    return text;
}

static bool list_leak(void *context, const zvm_leak *leak)
{
    struct listing *listing = context;
    if (listing->groups++ >= GROUPS_SHOWN_MAX) {
        listing->hidden_bytes += leak->bytes;
        return true;
    }
    char bytes[CLI_COUNT_CHARS], count[CLI_COUNT_CHARS], age[64], what[80];
    (void)snprintf(what, sizeof what, "%s%s%s", leak->kind, *leak->name ? " " : "", leak->name);
    fprintf(listing->out, "%14s %10s  %-20s %14s  %s\n", cli_count(leak->bytes, bytes),
            cli_count(leak->count, count), what, age_text(leak, age, sizeof age), leak->variable);
    if (*leak->site) fprintf(listing->out, "%27smade by %s\n", "", leak->site);
    fprintf(listing->out, "%27s%s\n", "", leak->path);
    return true;
}

static void list_ages(FILE *out, zvm_isolate *isolate)
{
    zvm_ages ages = ZVM_AGES_INIT;
    if (zvm_isolate_ages(isolate, &ages) != ZVM_OK) return;
    fprintf(out, "survivors by collections:");
    for (int i = 0; i < ZVM_AGE_BUCKETS; i++) {
        if (ages.count[i] == 0) continue;
        char count[CLI_COUNT_CHARS], bytes[CLI_COUNT_CHARS];
        fprintf(out, " %u+: %s (%s bytes)", i == 0 ? 0u : 1u << (i - 1),
                cli_count(ages.count[i], count), cli_count(ages.bytes[i], bytes));
    }
    fputc('\n', out);
}

static void list_leaks(struct cli_profile *profile, zvm_isolate *isolate)
{
    struct listing listing = {.out = open_memstream(&profile->leaks, &profile->leaks_bytes)};
    zvm_status status = ZVM_E_NOMEM;
    if (listing.out != NULL) {
        fprintf(listing.out, "%14s %10s  %-20s %14s  %s\n", "BYTES", "OBJECTS", "KIND", "OLDEST",
                "KEPT BY");
        zvm_leak_filter filter = {.min_age_ns = profile->options->leaks_age_ns,
                                  .min_age_collections = profile->options->leaks_collections};
        status = zvm_isolate_find_leaks(isolate, &filter, list_leak, &listing);
        if (listing.groups > GROUPS_SHOWN_MAX) {
            char bytes[CLI_COUNT_CHARS];
            fprintf(listing.out, "%14s in %" PRIu64 " more groups\n",
                    cli_count(listing.hidden_bytes, bytes), listing.groups - GROUPS_SHOWN_MAX);
        }
        list_ages(listing.out, isolate);
        if (fclose(listing.out) != 0) status = ZVM_E_NOMEM;
    }
    if (status == ZVM_OK) return;
    cli_complain("--leaks: %s", zvm_status_text(status));
    free(profile->leaks);
    profile->leaks = NULL;
    profile->has_failed = true;
}

void cli_profile_finish(struct cli_profile *profile, zvm_isolate *isolate)
{
    if (profile->options->at == CLI_AT_EXIT) {
        write_file(profile, &profile->snapshot, isolate, zvm_isolate_heap_snapshot);
    }
    if (profile->options->leaks) list_leaks(profile, isolate);
    write_file(profile, &profile->allocations, isolate, zvm_isolate_alloc_profile);
}

bool cli_profile_print(struct cli_profile *profile)
{
    if (profile->leaks != NULL) fputs(profile->leaks, stderr);
    return !profile->has_failed;
}
