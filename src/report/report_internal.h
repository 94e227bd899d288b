// report/report_internal.h - what the three writers of a report share.
#ifndef ZVM_REPORT_REPORT_INTERNAL_H
#define ZVM_REPORT_REPORT_INTERNAL_H

#include "base/strbuf.h"
#include "report/report.h"

// Collects text and hands it on in pieces, so that a report of 1024 workers needs one small buffer.
// Errors stick: look at them once, at the end. owner-thread.
struct zemit {
    struct zstrbuf buffer;
    zvm_write_fn write;
    void *context;
    bool was_refused;
};

void zemit_init(struct zemit *emit, zvm_write_fn write, void *context);
// Hands on what is left and frees the buffer. errors: ZVM_E_OUTPUT, ZVM_E_NOMEM.
zvm_status zemit_end(struct zemit *emit);
// Hands on what has come together when it is a good piece. Call it now and then.
void zemit_flush(struct zemit *emit);

// A second as a decimal number of exactly nine places, from nanoseconds: no rounding.
void zemit_seconds(struct zemit *emit, uint64_t ns);

extern const char *const zreport_counter_names[ZREPORT_COUNTER_COUNT];

// "worker 3" is row 3; the last row is that of the host's threads.
static inline bool zreport_is_host_row(const struct zreport_view *view, uint32_t row)
{
    return row == view->worker_count;
}

// a - b, or 0: two counters read at different moments may look the wrong way round. Counters are
// modulo 2^64, so what counts is the sign of the difference and not which number is larger.
static inline uint64_t zreport_difference(uint64_t a, uint64_t b)
{
    uint64_t difference = a - b;
    return difference <= INT64_MAX ? difference : 0;
}

// The highest pause that falls into a bucket.
uint64_t zreport_bucket_max_ns(uint32_t bucket);

void zreport_write_text(const struct zreport_view *view, struct zemit *emit);
void zreport_write_json(const struct zreport_view *view, struct zemit *emit);
void zreport_write_prometheus(const struct zreport_view *view, struct zemit *emit);

#endif // ZVM_REPORT_REPORT_INTERNAL_H
