// Goal: compiling a program with modules survives each refused allocation: the status is right, nothing
// leaks, and nothing half made is kept. Method: fail each allocation of a program whose modules use each
// other, with nothing compiled before and with some of it kept by another program.
#include "fault/fault.h"
#include "unit/module_fixture.h"

#include "base/strbuf.h"
#include "lang/compile.h"

#include <stdlib.h>
#include <string.h>

static const struct module_file FILES[] = {
    {"a.zx",
     "use './b.zx' as b\nuse { f as g, d, D } from './dir/c.zx'\n"
     "data E extends D { method n() { return this.m() + this.b } }\n"
     "export let x = b.v + 1\nexport action h(p) { let q = p\n return () => q + x + g(d) }\n"},
    {"b.zx", "use './dir/../dir/c.zx' as c\nexport const v = c.f('two')\nprint \"${v}\"\n"},
    {"dir/c.zx",
     "export action f(n: string) { try { return n } catch (e) { return e } }\n"
     "export let [d, e] = [1, 2.5]\n"
     "export data D { a: int = 1, b = 'text', c = f('1'), method m() { return this.a } }\n"},
    {NULL, NULL},
};

static const char MAIN[] = "use './a.zx' as a\nuse { v } from './b.zx'\nprint a.h(v)(), a.x\n";

static zvm_status compile(struct zintern *intern, struct zmodules *modules, const char *text,
                          struct zcode **out)
{
    struct zdiagnostics diagnostics = {
        .file_name = "main.zx", .text = text, .length_bytes = strlen(text)};
    struct zmodule_source source = module_source(modules, FILES);
    return zlang_compile_program(intern, &diagnostics, &source, out);
}

static zvm_status compile_all(void *context)
{
    struct zintern *intern = NULL;
    struct zmodules *modules = NULL;
    struct zcode *kept = NULL, *code = NULL;
    zvm_status status = zintern_create(NULL, &intern);
    if (status != ZVM_OK) return status;
    status = zmodules_create(&modules);
    if (status == ZVM_OK && context != NULL) status = compile(intern, modules, context, &kept);
    if (status == ZVM_OK) status = compile(intern, modules, MAIN, &code);
    zcode_release(code);
    zcode_release(kept);
    if (modules != NULL) {
        struct zmodules_stats stats;
        zmodules_stats(modules, &stats);
        if (stats.kept != 0) status = ZVM_E_INTERNAL;
    }
    zmodules_destroy(modules);
    zintern_destroy(intern);
    return status;
}

static void test_program_with_modules_each_allocation_refused_reports_no_memory(void **state)
{
    (void)state;
    assert_true(fault_each_allocation(compile_all, NULL, ZVM_E_NOMEM) > 50);
}

static void test_shared_modules_each_allocation_refused_reports_no_memory(void **state)
{
    (void)state;
    char kept[] = "use './b.zx' as b\nprint b.v\n";
    assert_true(fault_each_allocation(compile_all, kept, ZVM_E_NOMEM) > 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_program_with_modules_each_allocation_refused_reports_no_memory),
        cmocka_unit_test(test_shared_modules_each_allocation_refused_reports_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
