// vm/quota.c - limits that few isolates have: CPU time, and bytes of output.
//
// Owns: the isolate's struct zquota. Thread: owner.
// CPU time is that of the thread while it runs the isolate: collections and the host's output callback
// are in it, waiting is not. It is read when a slice begins and ends and at every poll, which a slice's
// fuel or 64 KiB touched by a builtin keeps apart: by so much, and one collection, an isolate may go over.
// Output is counted before it is printed: nothing of a text that would go over reaches the host.
#include "vm/quota.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "vm/error.h"

zvm_status zquota_create(struct zisolate *iso, const struct zisolate_options *options)
{
    if (options->cpu_limit_ns == 0 && options->output_limit_bytes == 0) return ZVM_OK;
    struct zquota *quota = z_alloc_zeroed(sizeof *quota);
    if (quota == NULL) return ZVM_E_NOMEM;
    quota->cpu_limit_ns = options->cpu_limit_ns;
    quota->output_limit_bytes = options->output_limit_bytes;
    iso->quota = quota;
    return ZVM_OK;
}

void zquota_destroy(struct zisolate *iso)
{
    if (iso->quota == NULL) return;
    z_free(iso->quota, sizeof *iso->quota);
    iso->quota = NULL;
}

void zquota_begin(struct zisolate *iso)
{
    struct zquota *quota = iso->quota;
    if (quota->cpu_limit_ns != 0) quota->cpu_start_ns = zclock_thread_cpu_ns();
}

void zquota_end(struct zisolate *iso)
{
    struct zquota *quota = iso->quota;
    if (quota->cpu_limit_ns != 0) quota->cpu_used_ns = zquota_cpu_ns(iso);
    quota->cpu_start_ns = 0;
}

void zquota_restart(struct zisolate *iso)
{
    iso->quota->cpu_used_ns = 0;
}

uint64_t zquota_cpu_ns(const struct zisolate *iso)
{
    const struct zquota *quota = iso->quota;
    return quota->cpu_used_ns + (zclock_thread_cpu_ns() - quota->cpu_start_ns);
}

bool zquota_poll(struct zisolate *iso)
{
    const struct zquota *quota = iso->quota;
    // Between two slices it is the host that does something to the isolate, at no cost to it.
    bool is_in_slice = quota->cpu_start_ns != 0;
    if (!is_in_slice || zquota_cpu_ns(iso) < quota->cpu_limit_ns) return true;
    return zerror_terminate(iso, ZVM_E_CPU_TIME);
}

bool zquota_output(struct zisolate *iso, uint64_t bytes)
{
    uint64_t limit_bytes = iso->quota->output_limit_bytes;
    if (limit_bytes == 0) return true;
    ZVM_ASSERT(iso->output_bytes <= limit_bytes);
    if (bytes <= limit_bytes - iso->output_bytes) return true;
    iso->quota->output_asked_bytes = iso->output_bytes + bytes;
    return zerror_terminate(iso, ZVM_E_OUTPUT_LIMIT);
}
