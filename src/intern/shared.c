// intern/shared.c - the one table that all runtimes of a process share.
//
// Owns: the registry, which is the only mutable global of the library. It has to be one: symbols
// are one copy a process, so two runtimes made by parts of a program that know nothing of each
// other must find the same table, and there is no object that both were handed. Thread: any. The
// lock is taken by open and close only, never while a program runs, and is taken before a table's
// own lock. Invariant: table is not NULL exactly while it is open at least once.
#include "intern/intern_internal.h"

#include <pthread.h>

static struct {
    pthread_mutex_t lock;
    struct zintern *table;
} registry = {.lock = PTHREAD_MUTEX_INITIALIZER};

zvm_status zintern_open_shared(const struct zintern_options *options, struct zintern **out)
{
    zvm_status status = ZVM_OK;
    pthread_mutex_lock(&registry.lock);
    if (registry.table == NULL) status = zintern_create(options, &registry.table);
    if (status == ZVM_OK) {
        registry.table->open_count++;
        *out = registry.table;
    }
    pthread_mutex_unlock(&registry.lock);
    return status;
}

void zintern_close_shared(struct zintern *table)
{
    if (table == NULL) return;
    pthread_mutex_lock(&registry.lock);
    ZVM_CHECK(table == registry.table);
    ZVM_CHECK(table->open_count > 0);
    if (--table->open_count == 0) {
        registry.table = NULL;
        zintern_destroy(table);
    }
    pthread_mutex_unlock(&registry.lock);
}
