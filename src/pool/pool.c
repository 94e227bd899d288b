// pool/pool.c - the names of the pools, and their rows in a report.
//
// Owns: a constant table. Thread: any. The pools themselves are not built yet, so every row says
// `disabled` and counts nothing; nothing in zvm takes from a pool.
#include "pool/pool.h"

static const char *const pool_names[ZPOOL_KIND_COUNT] = {
    [ZPOOL_INT] = "int",
    [ZPOOL_STRING] = "string",
    [ZPOOL_LIST] = "list",
};

void zpool_report(struct zreport_pool rows[ZPOOL_KIND_COUNT])
{
    for (int kind = 0; kind < ZPOOL_KIND_COUNT; kind++)
        rows[kind] = (struct zreport_pool){.name = pool_names[kind], .enabled = false};
}
