// heap/sample.c - which call stacks allocate: one byte in so many is drawn, and its stack noted.
//
// Owns: the tables of samples and of sites. Thread: owner.
// The sampled bytes are a Poisson process over the allocated bytes: the gaps are drawn from an
// exponential distribution, so that no regular program can run beside the samples. Each drawn byte
// stands for mean_bytes. An object that has drawn bytes carries ZFLAG_SAMPLED and stands in the
// table of samples until the collection that finds it dead. With a mean of 1 nothing is drawn:
// every allocation is noted with its own bytes. The same seed gives the same samples.
// Stacks are kept once each: a sample has the number of its stack.
#include "heap/profile_internal.h"

#include "base/alloc.h"
#include "base/clock.h"

#include <math.h>

#define SAMPLES_FIRST 64u
#define SITES_FIRST   16u
// An allocation of more drawn bytes than this gets their expected number.
#define DRAWS_MAX     64u
#define GAP_MEANS_MAX 64.0

_Static_assert((SAMPLES_FIRST & (SAMPLES_FIRST - 1)) == 0, "a power of two");

// ---- Drawing ----------------------------------------------------------------------------------

// splitmix64: Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014.
static uint64_t next_random(struct zsampler *sampler)
{
    uint64_t z = sampler->random += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

// Bytes to the next one that is drawn: at least 1.
static uint64_t draw_gap(struct zsampler *sampler)
{
    if (sampler->mean_bytes == 1) return 1;
    double unit = ((double)(next_random(sampler) >> 11) + 1) * 0x1p-53; // above 0, at most 1
    double means = -log(unit);
    if (means > GAP_MEANS_MAX) means = GAP_MEANS_MAX;
    return 1 + (uint64_t)(means * (double)sampler->mean_bytes);
}

// The bytes that the drawn ones among the last `bytes` stand for; draws the next.
static uint64_t draw(struct zsampler *sampler, uint64_t bytes, uint64_t allocated_bytes)
{
    uint64_t mean_bytes = sampler->mean_bytes;
    if (mean_bytes == 1 || bytes / mean_bytes > DRAWS_MAX) {
        sampler->next_bytes = allocated_bytes + draw_gap(sampler);
        return bytes / mean_bytes * mean_bytes;
    }
    uint64_t drawn = 0;
    while (sampler->next_bytes <= allocated_bytes) {
        drawn++;
        sampler->next_bytes += draw_gap(sampler);
    }
    return drawn * mean_bytes;
}

// ---- Sites ------------------------------------------------------------------------------------

static uint64_t mix(uint64_t hash, uint64_t word)
{
    hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
    return hash ^ hash >> 29;
}

static uint64_t hash_site(const struct zsite *site)
{
    uint64_t hash = site->frame_count;
    for (uint32_t i = 0; i < site->frame_count; i++) {
        hash = mix(hash, (uintptr_t)site->frames[i].function);
        hash = mix(hash, site->frames[i].pc);
    }
    return hash;
}

static bool is_same_site(const struct zsite *a, const struct zsite *b)
{
    if (a->frame_count != b->frame_count) return false;
    for (uint32_t i = 0; i < a->frame_count; i++) {
        if (a->frames[i].function != b->frames[i].function) return false;
        if (a->frames[i].pc != b->frames[i].pc) return false;
    }
    return true;
}

// The place of site in the index: its own, or a free one.
static uint32_t *site_place(const struct zsampler *sampler, const struct zsite *site)
{
    uint32_t mask = sampler->site_index_capacity - 1;
    uint32_t at = (uint32_t)hash_site(site) & mask;
    while (sampler->site_index[at] != 0) {
        if (is_same_site(&sampler->sites[sampler->site_index[at] - 1].site, site)) break;
        at = (at + 1) & mask;
    }
    return &sampler->site_index[at];
}

static bool grow_sites(struct zsampler *sampler)
{
    uint32_t capacity = sampler->site_capacity == 0 ? SITES_FIRST : sampler->site_capacity * 2;
    uint32_t *index = z_alloc_zeroed((size_t)capacity * 2 * sizeof *index);
    if (index == NULL) return false;
    size_t old_bytes = sampler->site_capacity * sizeof *sampler->sites;
    void *sites = z_resize(sampler->sites, old_bytes, capacity * sizeof *sampler->sites);
    if (sites == NULL) {
        z_free(index, (size_t)capacity * 2 * sizeof *index);
        return false;
    }
    z_free(sampler->site_index, sampler->site_index_capacity * sizeof *index);
    sampler->sites = sites;
    sampler->site_capacity = capacity;
    sampler->site_index = index;
    sampler->site_index_capacity = capacity * 2;
    for (uint32_t i = 1; i < sampler->site_count; i++) {
        *site_place(sampler, &sampler->sites[i].site) = i + 1;
    }
    return true;
}

// The number of a site, new or known; false: no memory.
static bool find_site(struct zsampler *sampler, const struct zsite *site, uint32_t *out)
{
    uint32_t *place = site_place(sampler, site);
    if (*place == 0 && sampler->site_count < ZSAMPLE_SITES_MAX) {
        if (sampler->site_count == sampler->site_capacity) {
            if (!grow_sites(sampler)) return false;
            place = site_place(sampler, site);
        }
        sampler->sites[sampler->site_count] = (struct zsample_site){.site = *site};
        *place = ++sampler->site_count;
    }
    *out = *place == 0 ? 0 : *place - 1;
    return true;
}

// ---- Samples ----------------------------------------------------------------------------------

static uint32_t home_of(const struct zsampler *sampler, const struct zobject *object)
{
    return (uint32_t)mix(0, (uintptr_t)object / ZGRANULE_BYTES) & (sampler->capacity - 1);
}

static struct zsample *sample_place(const struct zsampler *sampler, const struct zobject *object)
{
    uint32_t at = home_of(sampler, object);
    while (sampler->samples[at].object != NULL && sampler->samples[at].object != object) {
        at = (at + 1) & (sampler->capacity - 1);
    }
    return &sampler->samples[at];
}

static bool resize_samples(struct zsampler *sampler, uint32_t capacity)
{
    struct zsample *samples = z_alloc_zeroed(capacity * sizeof *samples);
    if (samples == NULL) return false;
    struct zsample *old = sampler->samples;
    uint32_t old_capacity = sampler->capacity;
    sampler->samples = samples;
    sampler->capacity = capacity;
    for (uint32_t i = 0; i < old_capacity; i++) {
        if (old[i].object != NULL) *sample_place(sampler, old[i].object) = old[i];
    }
    z_free(old, old_capacity * sizeof *old);
    return true;
}

// What is noted stays; nothing more is.
static void end(struct zprofile *profile, zvm_status status)
{
    profile->status = status;
    profile->sampler.mean_bytes = 0;
}

static bool has_room(struct zprofile *profile)
{
    struct zsampler *sampler = &profile->sampler;
    if (sampler->count < sampler->capacity / 4 * 3) return true;
    if (sampler->capacity >= ZSAMPLE_ENTRIES_MAX) {
        end(profile, ZVM_E_LIMIT);
        return false;
    }
    if (resize_samples(sampler, sampler->capacity * 2)) return true;
    end(profile, ZVM_E_NOMEM);
    return false;
}

void zsampler_add(struct zheap *heap, struct zprofile *profile, struct zobject *object,
                  uint64_t bytes, uint64_t allocated_bytes)
{
    struct zsampler *sampler = &profile->sampler;
    uint64_t drawn_bytes = draw(sampler, bytes, allocated_bytes);
    if (drawn_bytes == 0 || !has_room(profile)) return;
    struct zsite site = {.frame_count = 0};
    if (profile->options.site != NULL) profile->options.site(profile->options.context, &site);
    uint32_t number;
    if (!find_site(sampler, &site, &number)) {
        end(profile, ZVM_E_NOMEM);
        return;
    }
    sampler->sites[number].all_bytes += drawn_bytes;
    sampler->sites[number].all_count++;

    struct zsample *sample = sample_place(sampler, object);
    if (sample->object != NULL) { // its payload grew: where it was made stays its site
        sample->bytes += drawn_bytes;
        sample->object_bytes += bytes;
        return;
    }
    sampler->count++;
    object->flags |= ZFLAG_SAMPLED;
    *sample = (struct zsample){.object = object,
                               .bytes = drawn_bytes,
                               .object_bytes = bytes,
                               .time_ns = zclock_coarse_ns(),
                               .epoch = zheap_private(heap)->collections,
                               .site = number};
}

// Takes the dead out, in place: the table is written anew from its own entries. Linear probing
// needs an entry's whole run to be rebuilt, so the live ones are put in again one by one, beginning
// behind a free place, where no run leads across.
void zsampler_prune(struct zprofile *profile)
{
    struct zsampler *sampler = &profile->sampler;
    if (sampler->count == 0) return;
    uint32_t mask = sampler->capacity - 1, start = 0;
    while (sampler->samples[start].object != NULL) {
        start++; // never full: has_room
    }
    for (uint32_t i = 1; i <= sampler->capacity; i++) {
        struct zsample *sample = &sampler->samples[(start + i) & mask];
        if (sample->object == NULL) continue;
        struct zsample moved = *sample;
        sample->object = NULL;
        if (zheap_is_marked(moved.object)) {
            *sample_place(sampler, moved.object) = moved;
        } else {
            sampler->count--;
        }
    }
}

// ---- Life and reading -------------------------------------------------------------------------

zvm_status zsampler_start(struct zprofile *profile, uint64_t allocated_bytes)
{
    struct zsampler *sampler = &profile->sampler;
    if (profile->options.sample_bytes == 0) return ZVM_OK;
    if (!grow_sites(sampler) || !resize_samples(sampler, SAMPLES_FIRST)) return ZVM_E_NOMEM;
    sampler->sites[0] = (struct zsample_site){0};
    sampler->site_count = 1;
    sampler->mean_bytes = profile->options.sample_bytes;
    sampler->random = profile->options.sample_seed;
    sampler->next_bytes = allocated_bytes + draw_gap(sampler);
    return ZVM_OK;
}

void zsampler_free(struct zprofile *profile)
{
    struct zsampler *sampler = &profile->sampler;
    z_free(sampler->samples, sampler->capacity * sizeof *sampler->samples);
    z_free(sampler->sites, sampler->site_capacity * sizeof *sampler->sites);
    z_free(sampler->site_index, sampler->site_index_capacity * sizeof *sampler->site_index);
    *sampler = (struct zsampler){0};
}

bool zsample_is_on(const struct zheap *heap)
{
    const struct zprofile *profile = zprofile_of(heap);
    return profile != NULL && profile->sampler.capacity > 0;
}

const struct zsample *zsample_find(const struct zheap *heap, const struct zobject *object)
{
    if (!(object->flags & ZFLAG_SAMPLED) || !zsample_is_on(heap)) return NULL;
    const struct zsample *sample = sample_place(&zprofile_of(heap)->sampler, object);
    return sample->object == NULL ? NULL : sample;
}

const struct zsample_site *zsample_sites(struct zheap *heap, uint32_t *count)
{
    *count = 0;
    if (!zsample_is_on(heap)) return NULL;
    struct zsampler *sampler = &zprofile_of(heap)->sampler;
    for (uint32_t i = 0; i < sampler->site_count; i++) {
        sampler->sites[i].live_bytes = 0;
        sampler->sites[i].live_count = 0;
    }
    for (uint32_t i = 0; i < sampler->capacity; i++) {
        const struct zsample *sample = &sampler->samples[i];
        if (sample->object == NULL) continue;
        sampler->sites[sample->site].live_bytes += sample->bytes;
        sampler->sites[sample->site].live_count++;
    }
    *count = sampler->site_count;
    return sampler->sites;
}
