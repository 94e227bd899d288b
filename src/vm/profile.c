// vm/profile.c - starts an isolate's profile, gives the heap call stacks, and writes what it noted.
//
// Owns: nothing; the notes are the heap's. Thread: owner.
// The allocating instruction is found through the frames: before anything that can allocate the
// interpreter saves its place, because the collector and the unwinder need it, too.
#include "vm/profile.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/strbuf.h"
#include "vm/roots.h"

// ---- Starting ---------------------------------------------------------------------------------

static void capture_site(void *context, struct zsite *out)
{
    const struct zisolate *iso = context;
    out->frame_count = 0;
    if (iso->frame == NULL) return;
    for (const struct zframe *frame = iso->frame; frame >= iso->frames; frame--) {
        if (frame->flags & ZFRAME_NATIVE) continue;
        if (out->frame_count == ZSITE_FRAMES_MAX) return;
        const struct zproto *proto = frame->func->proto;
        uint32_t next = (uint32_t)(frame->pc - proto->words);
        out->frames[out->frame_count++] = (struct zsite_frame){proto, next == 0 ? 0 : next - 1};
    }
}

zvm_status zisolate_profile_start(struct zisolate *iso, const struct zisolate_options *options)
{
    if (options->on_moment != NULL) {
        if (iso->extra == NULL) iso->extra = z_alloc_zeroed(sizeof *iso->extra);
        if (iso->extra == NULL) return ZVM_E_NOMEM;
        iso->extra->on_moment = options->on_moment;
    }
    bool is_wanted =
        options->history_entries > 0 || options->sample_bytes > 0 || options->track_ages;
    if (!is_wanted) return ZVM_OK;
    struct zprofile_options wanted = {
        .history_entries = options->history_entries,
        .sample_bytes = options->sample_bytes,
        .sample_seed = options->sample_seed,
        .site = capture_site,
        .context = iso,
    };
    // Refused: the program runs all the same, and asking for the notes is ZVM_E_STATE.
    zvm_status status = zprofile_start(&iso->heap, &wanted);
    (void)status;
    return ZVM_OK;
}

ZVM_COLD void zisolate_tell_moment(struct zisolate *iso, zvm_moment moment)
{
    struct zisolate_extra *extra = iso->extra;
    if (extra->on_moment == NULL) return;
    // relaxed: our own thread set it. A host that sets a global has the isolate in hand already.
    if ((z_load_relaxed(&iso->state) & ZSTATE_MASK) != ZSTATE_RUNNING) return;
    z_store_relaxed(&extra->is_in_moment, 1); // relaxed: only the host's callback may act on it
    extra->on_moment((zvm_isolate *)iso, iso->user, moment);
    z_store_relaxed(&extra->is_in_moment, 0);
}

void zisolate_collect_quietly(struct zisolate *iso)
{
    (void)zisolate_collect(iso, true /* force */);
}

// ---- Sampled sites ----------------------------------------------------------------------------

static void add_place(struct zstrbuf *out, const struct zsite_frame *frame)
{
    zproto_place(frame->function, frame->pc, out);
}

static void add_stack(struct zstrbuf *out, const struct zsite *site)
{
    if (site->frame_count == 0) {
        zstrbuf_add_text(out, ";(elsewhere)");
        return;
    }
    for (uint32_t i = site->frame_count; i > 0; i--) {
        zstrbuf_add_char(out, ';');
        zstrbuf_add_text(out, zproto_text(site->frames[i - 1].function));
    }
    zstrbuf_add_char(out, ' ');
    add_place(out, &site->frames[0]);
}

static bool write_line(struct zstrbuf *line, const char *tower, const struct zsite *site,
                       uint64_t bytes, zvm_write_fn write, void *context)
{
    if (bytes == 0) return true;
    zstrbuf_clear(line);
    zstrbuf_add_text(line, tower);
    add_stack(line, site);
    zstrbuf_add_format(line, " %llu\n", (unsigned long long)bytes);
    return !line->failed && write(context, line->data, line->length);
}

zvm_status zisolate_alloc_profile(struct zisolate *iso, zvm_write_fn write, void *context)
{
    if (!zsample_is_on(&iso->heap)) return ZVM_E_STATE;
    zisolate_collect_quietly(iso);
    uint32_t count;
    const struct zsample_site *sites = zsample_sites(&iso->heap, &count);
    struct zstrbuf line;
    zstrbuf_init(&line);
    bool ok = true;
    for (uint32_t i = 0; i < count && ok; i++) {
        ok = write_line(&line, "all", &sites[i].site, sites[i].all_bytes, write, context);
    }
    for (uint32_t i = 0; i < count && ok; i++) {
        ok = write_line(&line, "live", &sites[i].site, sites[i].live_bytes, write, context);
    }
    zvm_status status = ok ? zprofile_status(&iso->heap) : ZVM_E_OUTPUT;
    if (line.failed) status = ZVM_E_NOMEM;
    zstrbuf_deinit(&line);
    return status;
}

// ---- History ----------------------------------------------------------------------------------

static void fill_entry(const struct zhistory_entry *from, zvm_history_entry *out)
{
    struct zobject object = {.kind = from->kind};
    *out = (zvm_history_entry){
        .time_ns = from->time_ns,
        .object = from->address,
        .bytes = from->bytes,
        .collections = from->epoch,
        .kind = zobject_kind_text(&object),
        .is_payload = from->is_payload,
        .function = "",
        .file = "",
    };
    const struct zproto *proto = from->site.function;
    if (proto == NULL) return;
    out->function = zproto_text(proto);
    out->file = zcode_file_name(proto->code, proto->file);
    zcode_position(proto, from->site.pc, &out->line, &out->column);
}

zvm_status zisolate_history(struct zisolate *iso, zvm_history_fn entry, void *context)
{
    uint64_t total;
    uint32_t count = zhistory_count(&iso->heap, &total);
    if (!zhistory_is_on(&iso->heap)) return ZVM_E_STATE;
    for (uint32_t i = 0; i < count; i++) {
        struct zhistory_entry from;
        zvm_history_entry out;
        (void)zhistory_entry(&iso->heap, i, &from);
        fill_entry(&from, &out);
        if (!entry(context, &out)) break;
    }
    return ZVM_OK;
}

// ---- Ages -------------------------------------------------------------------------------------

// The bucket of an age: 0, 1, 2 to 3, 4 to 7, ...
static uint32_t bucket_of(uint64_t collections)
{
    uint32_t bucket = 0;
    while (collections > 0 && bucket < ZVM_AGE_BUCKETS - 1) {
        collections >>= 1;
        bucket++;
    }
    return bucket;
}

zvm_status zisolate_ages(struct zisolate *iso, zvm_ages *out)
{
    struct zgraph *graph;
    zvm_status status = zgraph_create(&iso->heap, &graph);
    if (status != ZVM_OK) return status;
    uint64_t now_ns = zclock_coarse_ns();
    for (uint32_t i = 0; i < graph->count; i++) {
        struct zage age = zheap_age(&iso->heap, graph->objects[i], now_ns);
        uint32_t bucket = bucket_of(age.collections);
        out->count[bucket]++;
        out->bytes[bucket] += zgraph_bytes(graph, graph->objects[i]);
        if (age.collections > out->oldest_collections) out->oldest_collections = age.collections;
        if (age.ns > out->oldest_ns) out->oldest_ns = age.ns;
    }
    zgraph_destroy(graph);
    return ZVM_OK;
}
