// pool/pool.h - the pools of an isolate: int, string, list.
//
// Not built yet: reports show the three pools as disabled, with every figure 0, so that reports and
// their schema have the shape that they keep. thread: any.
#ifndef ZVM_POOL_POOL_H
#define ZVM_POOL_POOL_H

#include "report/report.h"

enum zpool_kind { ZPOOL_INT, ZPOOL_STRING, ZPOOL_LIST, ZPOOL_KIND_COUNT };

// The rows of a report, in the order of zpool_kind.
void zpool_report(struct zreport_pool rows[ZPOOL_KIND_COUNT]);

#endif // ZVM_POOL_POOL_H
