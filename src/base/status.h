// base/status.h - the status codes of the public header, for every folder.
#ifndef ZVM_BASE_STATUS_H
#define ZVM_BASE_STATUS_H

#include "zvm.h"

// One line of English for a status. thread: any.
const char *zstatus_text(zvm_status status);

#endif // ZVM_BASE_STATUS_H
