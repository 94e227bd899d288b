// A host that loads the library when it runs, uses it on several threads, and unloads it while one of these
// threads goes on. Usage: loader LIBZVM.so
#include <dlfcn.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <zvm.h>

enum { ROUNDS = 3 };

static sem_t used, may_end;

// A function of the library that is loaded; the union says that it is one, which ISO C has no cast for.
static zvm_status (*create_of(void *library))(const zvm_runtime_options *, zvm_runtime **)
{
    union {
        void *object;
        zvm_status (*function)(const zvm_runtime_options *, zvm_runtime **);
    } found = {dlsym(library, "zvm_runtime_create")};
    return found.function;
}

static void (*destroy_of(void *library))(zvm_runtime *)
{
    union {
        void *object;
        void (*function)(zvm_runtime *);
    } found = {dlsym(library, "zvm_runtime_destroy")};
    return found.function;
}

static int use(void *library)
{
    zvm_runtime_options options = ZVM_RUNTIME_OPTIONS_INIT;
    options.worker_count = 2;
    zvm_runtime *runtime = NULL;
    if (create_of(library)(&options, &runtime) != ZVM_OK) return 1;
    destroy_of(library)(runtime);
    return 0;
}

// Leaves its mark in thread-local variables of the library, and ends after the library is gone.
static void *use_and_stay(void *library)
{
    int failed = use(library);
    sem_post(&used);
    sem_wait(&may_end);
    return failed ? library : NULL;
}

static int load_and_unload(const char *path)
{
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (library == NULL) {
        fprintf(stderr, "loader: %s\n", dlerror());
        return 1;
    }
    pthread_t thread;
    if (pthread_create(&thread, NULL, use_and_stay, library) != 0) return 1;
    sem_wait(&used);
    int failed = use(library);
    if (dlclose(library) != 0) return 1;
    sem_post(&may_end);
    void *result;
    pthread_join(thread, &result);
    return failed || result != NULL;
}

int main(int count, char **arguments)
{
    if (count != 2) return 2;
    sem_init(&used, 0, 0);
    sem_init(&may_end, 0, 0);
    for (int i = 0; i < ROUNDS; i++)
        if (load_and_unload(arguments[1]) != 0) return 1;
    return 0;
}
