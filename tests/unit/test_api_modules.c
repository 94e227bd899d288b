// Goal: zvm_code_from_file reads a program and its modules from files that lie under the root folder,
// and from nowhere else; what it is told wrongly is a status. Method: a folder of its own with files and
// links that lead inside and outside; a loader of the host.
#include "runtime_fixture.h"

#include "base/folder.h"
#include "base/strbuf.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct place {
    zvm_runtime *runtime;
    char folder[40]; // of everything
    struct zstrbuf found, printed;
};

static bool collect(void *context, const char *text, size_t length_bytes)
{
    zstrbuf_add(context, text, length_bytes);
    return true;
}

static const char *path_of(const struct place *place, const char *name)
{
    static char path[200];
    (void)snprintf(path, sizeof path, "%s/%s", place->folder, name);
    return path;
}

static void write_file(const struct place *place, const char *name, const char *text)
{
    FILE *file = fopen(path_of(place, name), "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
    assert_int_equal(fclose(file), 0);
}

static void make_folder(const struct place *place, const char *name)
{
    assert_int_equal(mkdir(path_of(place, name), 0700), 0);
}

static void make_link(const struct place *place, const char *to, const char *name)
{
    assert_int_equal(symlink(to, path_of(place, name)), 0);
}

// app/main.zx uses app/lib/a.zx; outside.zx lies beside app.
static int open_place(void **state)
{
    struct place *place = calloc(1, sizeof *place);
    assert_non_null(place);
    strcpy(place->folder, "/tmp/zvm_modules_XXXXXX");
    assert_non_null(mkdtemp(place->folder));
    place->runtime = make_runtime(0);
    zstrbuf_init(&place->found);
    zstrbuf_init(&place->printed);
    make_folder(place, "app");
    make_folder(place, "app/lib");
    write_file(place, "app/main.zx", "use './lib/a.zx' as a\nprint a.v\n");
    write_file(place, "app/lib/a.zx", "export let v = 'from a'\n");
    write_file(place, "outside.zx", "print 'outside'\nexport let v = 'stolen'\n");
    *state = place;
    return 0;
}

static int close_place(void **state)
{
    struct place *place = *state;
    zstrbuf_deinit(&place->found);
    zstrbuf_deinit(&place->printed);
    zvm_runtime_destroy(place->runtime);
    char command[80];
    (void)snprintf(command, sizeof command, "rm -r '%s'", place->folder);
    assert_int_equal(system(command), 0);
    free(place);
    return 0;
}

static zvm_status try_file(struct place *place, const char *path, const zvm_file_options *options,
                           zvm_code **out)
{
    zstrbuf_clear(&place->found);
    return zvm_code_from_file(place->runtime, path, options, collect, &place->found, out);
}

static zvm_status try_name(struct place *place, const char *name, zvm_code **out)
{
    char path[200];
    strcpy(path, path_of(place, name));
    return try_file(place, path, NULL, out);
}

static void expect_found(const struct place *place, const char *text)
{
    const char *found = zstrbuf_text(&place->found);
    if (strstr(found, text) == NULL) fail_msg("'%s' is not in: %s", text, found);
}

static void expect_run(struct place *place, zvm_code *code, const char *printed)
{
    zstrbuf_clear(&place->printed);
    zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
    options.output = collect;
    options.output_context = &place->printed;
    zvm_isolate *isolate = make_isolate(place->runtime, code, &options);
    assert_int_equal(zvm_isolate_run(isolate, 0, NULL), ZVM_OK);
    assert_int_equal(result_of(isolate).status, ZVM_OK);
    assert_string_equal(zstrbuf_text(&place->printed), printed);
    assert_int_equal(zvm_isolate_destroy(isolate), ZVM_OK);
    zvm_code_release(code);
}

// ---- Where modules are ---------------------------------------------------------------------------

static void test_file_and_its_modules_are_read(void **state)
{
    zvm_code *code = NULL;
    assert_int_equal(try_name(*state, "app/main.zx", &code), ZVM_OK);
    expect_run(*state, code, "from a\n");
}

static void test_module_outside_the_root_is_refused(void **state)
{
    struct place *place = *state;
    zvm_code *code = NULL;
    write_file(place, "app/up.zx", "use '../outside.zx' as o\n");
    assert_int_equal(try_name(place, "app/up.zx", &code), ZVM_E_SYNTAX);
    expect_found(place, "the path leads above the root folder\n");

    make_link(place, "../../outside.zx", "app/lib/link.zx");
    write_file(place, "app/linked.zx", "use './lib/link.zx' as o\n");
    assert_int_equal(try_name(place, "app/linked.zx", &code), ZVM_E_SYNTAX);
    expect_found(place, "a symbolic link leads out of the root folder");

    make_link(place, "..", "app/way");
    write_file(place, "app/through.zx", "use './way/outside.zx' as o\n");
    assert_int_equal(try_name(place, "app/through.zx", &code), ZVM_E_SYNTAX);
    expect_found(place, "a symbolic link leads out of the root folder");

    // A folder whose name only begins like the root's.
    make_folder(place, "app2");
    write_file(place, "app2/x.zx", "print 'outside'\n");
    make_link(place, "../app2/x.zx", "app/beside.zx");
    write_file(place, "app/begins.zx", "use './beside.zx' as o\n");
    assert_int_equal(try_name(place, "app/begins.zx", &code), ZVM_E_SYNTAX);
    expect_found(place, "a symbolic link leads out of the root folder");
    assert_null(code);
}

static void test_module_links_inside_the_root_lead_to_one_module(void **state)
{
    struct place *place = *state;
    make_link(place, "lib/b.zx", "app/short.zx");
    make_link(place, "lib", "app/other");
    write_file(place, "app/lib/b.zx", "use './a.zx' as a\nprint 'b'\nexport let v = a.v\n");
    write_file(place, "app/links.zx",
               "use './short.zx' as s\nuse './other/b.zx' as o\n"
               "use './lib/b.zx' as b\nprint s.v, o.v, b.v\n");
    zvm_code *code = NULL;
    assert_int_equal(try_name(place, "app/links.zx", &code), ZVM_OK);
    expect_run(place, code, "b\nfrom a from a from a\n");
}

static void test_program_behind_a_link_has_its_modules_where_it_is(void **state)
{
    struct place *place = *state;
    make_link(place, "app/main.zx", "tool");
    zvm_code *code = NULL;
    assert_int_equal(try_name(place, "tool", &code), ZVM_OK);
    expect_run(place, code, "from a\n");
}

static void test_root_may_be_wider_and_holds_the_program(void **state)
{
    struct place *place = *state;
    write_file(place, "app/up.zx", "use '../outside.zx' as o\nuse './lib/a.zx' as a\nprint o.v\n");
    char path[200];
    strcpy(path, path_of(place, "app/up.zx"));
    zvm_file_options options = ZVM_FILE_OPTIONS_INIT;
    options.root = place->folder;
    zvm_code *code = NULL;
    assert_int_equal(try_file(place, path, &options, &code), ZVM_OK);
    expect_run(place, code, "outside\nstolen\n");

    char narrow[200];
    strcpy(narrow, path_of(place, "app/lib"));
    options.root = narrow;
    code = NULL;
    assert_int_equal(try_file(place, path, &options, &code), ZVM_E_ARGUMENT);
    expect_found(place, "it does not lie in the root folder");
    options.root = "/nowhere/at/all";
    assert_int_equal(try_file(place, path, &options, &code), ZVM_E_NOT_FOUND);
    options.root = "\xff";
    assert_int_equal(try_file(place, path, &options, &code), ZVM_E_ARGUMENT);
    options.root = "/";
    assert_int_equal(try_file(place, path, &options, &code), ZVM_OK);
    expect_run(place, code, "outside\nstolen\n");
}

static void test_module_that_is_no_plain_file_is_refused(void **state)
{
    struct place *place = *state;
    zvm_code *code = NULL;
    assert_int_equal(mkfifo(path_of(place, "app/pipe.zx"), 0600), 0);
    write_file(place, "app/uses_pipe.zx", "use './pipe.zx' as p\n");
    assert_int_equal(try_name(place, "app/uses_pipe.zx", &code), ZVM_E_SYNTAX);
    expect_found(place, "it is no plain file");
    write_file(place, "app/uses_folder.zx", "use './lib' as p\n");
    assert_int_equal(try_name(place, "app/uses_folder.zx", &code), ZVM_E_SYNTAX);
    expect_found(place, "it is a folder");
    make_link(place, "round.zx", "app/round.zx");
    write_file(place, "app/uses_round.zx", "use './round.zx' as p\n");
    assert_int_equal(try_name(place, "app/uses_round.zx", &code), ZVM_E_SYNTAX);
    expect_found(place, "its symbolic links lead in a circle");
    write_file(place, "app/bad.zx", "let s = '\xff'\n");
    write_file(place, "app/uses_bad.zx", "use './bad.zx' as p\n");
    assert_int_equal(try_name(place, "app/uses_bad.zx", &code), ZVM_E_UTF8);
    expect_found(place, "bad.zx:1:10: error: byte 0xFF is not valid UTF-8");
    assert_null(code);
}

static void test_program_that_cannot_be_read_is_not_found(void **state)
{
    struct place *place = *state;
    zvm_code *code = NULL;
    assert_int_equal(try_name(place, "app/nowhere.zx", &code), ZVM_E_NOT_FOUND);
    expect_found(place, "app/nowhere.zx: error: there is no such file\n");
    assert_int_equal(try_name(place, "nowhere/x.zx", &code), ZVM_E_NOT_FOUND);
    assert_int_equal(try_name(place, "app/lib", &code), ZVM_E_NOT_FOUND);
    expect_found(place, "it is a folder");
    assert_null(code);
}

static void test_given_text_stands_where_its_path_says(void **state)
{
    struct place *place = *state;
    char path[200];
    zvm_file_options options = ZVM_FILE_OPTIONS_INIT;
    options.text = "use './lib/a.zx' as a\nprint 'given', a.v\n";
    options.length_bytes = strlen(options.text);
    zvm_code *code = NULL;
    strcpy(path, path_of(place, "app/main.zx"));
    assert_int_equal(try_file(place, path, &options, &code), ZVM_OK);
    expect_run(place, code, "given from a\n");
    strcpy(path, path_of(place, "app/no_such_file"));
    assert_int_equal(try_file(place, path, &options, &code), ZVM_OK);
    expect_run(place, code, "given from a\n");
    strcpy(path, path_of(place, "nowhere/no_such_file"));
    assert_int_equal(try_file(place, path, &options, &code), ZVM_E_SYNTAX); // no modules there
    options.text = "print 1\n";
    options.length_bytes = strlen(options.text);
    assert_int_equal(try_file(place, path, &options, &code), ZVM_OK);
    expect_run(place, code, "1\n");
}

// ---- Loaders, arguments, globals -----------------------------------------------------------------

// Compiles another program while it is asked: no lock is held.
static zvm_status load_by_compiling(void *context, const char *path, zvm_module_request *request)
{
    struct place *place = context;
    zvm_code *code = compile(place->runtime, "let inner = 1\n");
    zvm_code_release(code);
    if (strcmp(path, "lib/m.zx") != 0) return ZVM_E_NOT_FOUND;
    return zvm_module_give(request, NULL, "export let a = 1\nlet secret = 2\n", 32);
}

static void test_host_loader_gives_modules(void **state)
{
    struct place *place = *state;
    zvm_file_options options = ZVM_FILE_OPTIONS_INIT;
    options.load = load_by_compiling;
    options.load_context = place;
    options.root = "virtual";
    options.text = "use '../lib/m.zx' as m\nlet own = m.a\nprint own\n";
    options.length_bytes = strlen(options.text);
    zvm_code *code = NULL;
    assert_int_equal(try_file(place, "app/main.zx", &options, &code), ZVM_OK);
    expect_run(place, code, "1\n");
    options.text = "use './x.zx' as m\n";
    options.length_bytes = strlen(options.text);
    assert_int_equal(try_file(place, "app/main.zx", &options, &code), ZVM_E_SYNTAX);
    expect_found(place, "there is no such module (virtual/app/x.zx)");
    static const char *const bad[] = {"", "/main.zx", "./main.zx", "a/../main.zx", "a//b"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(try_file(place, bad[i], &options, &code), ZVM_E_ARGUMENT);
    options.text = NULL;
    options.length_bytes = 0;
    assert_int_equal(try_file(place, "main.zx", &options, &code), ZVM_E_ARGUMENT);
}

static void test_globals_of_modules_are_not_the_hosts(void **state)
{
    struct place *place = *state;
    zvm_file_options options = ZVM_FILE_OPTIONS_INIT;
    options.load = load_by_compiling;
    options.load_context = place;
    options.text = "use { a as mine } from './lib/m.zx'\nlet own = mine\n";
    options.length_bytes = strlen(options.text);
    zvm_code *code = NULL;
    assert_int_equal(try_file(place, "main.zx", &options, &code), ZVM_OK);
    zvm_isolate *isolate = make_isolate(place->runtime, code, NULL);
    zvm_value value;
    assert_int_equal(zvm_isolate_run(isolate, 0, NULL), ZVM_OK);
    assert_int_equal(zvm_isolate_get_global(isolate, "own", &value), ZVM_OK);
    assert_int_equal(value.integer, 1);
    static const char *const others[] = {"a", "mine", "secret", "lib/m.zx"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        assert_int_equal(zvm_isolate_get_global(isolate, others[i], &value), ZVM_E_NOT_FOUND);
        assert_int_equal(zvm_isolate_set_global(isolate, others[i], &value), ZVM_E_NOT_FOUND);
    }
    assert_int_equal(zvm_isolate_destroy(isolate), ZVM_OK);
    zvm_code_release(code);
}

static void test_arguments_are_checked(void **state)
{
    struct place *place = *state;
    zvm_code *code = NULL;
    zvm_file_options options = ZVM_FILE_OPTIONS_INIT;
    assert_int_equal(zvm_code_from_file(NULL, "x", NULL, NULL, NULL, &code), ZVM_E_ARGUMENT);
    assert_int_equal(zvm_code_from_file(place->runtime, NULL, NULL, NULL, NULL, &code),
                     ZVM_E_ARGUMENT);
    assert_int_equal(zvm_code_from_file(place->runtime, "x", NULL, NULL, NULL, NULL),
                     ZVM_E_ARGUMENT);
    options.length_bytes = 1;
    assert_int_equal(try_file(place, "x", &options, &code), ZVM_E_ARGUMENT);
    options = (zvm_file_options)ZVM_FILE_OPTIONS_INIT;
    options.size = 3;
    assert_int_equal(try_file(place, "x", &options, &code), ZVM_E_ARGUMENT);
    options.size = sizeof(size_t);
    assert_int_equal(try_file(place, "\xff.zx", &options, &code), ZVM_E_NOT_FOUND);
    // Modules are for zvm_code_from_file alone.
    const char *text = "use './a.zx' as a\n";
    assert_int_equal(
        zvm_code_from_source(place->runtime, "a", text, strlen(text), NULL, NULL, &code),
        ZVM_E_SYNTAX);
    assert_null(code);
}

#define PLACE_TEST(name) cmocka_unit_test_setup_teardown(name, open_place, close_place)

int main(void)
{
    const struct CMUnitTest tests[] = {
        PLACE_TEST(test_file_and_its_modules_are_read),
        PLACE_TEST(test_module_outside_the_root_is_refused),
        PLACE_TEST(test_module_links_inside_the_root_lead_to_one_module),
        PLACE_TEST(test_program_behind_a_link_has_its_modules_where_it_is),
        PLACE_TEST(test_root_may_be_wider_and_holds_the_program),
        PLACE_TEST(test_module_that_is_no_plain_file_is_refused),
        PLACE_TEST(test_program_that_cannot_be_read_is_not_found),
        PLACE_TEST(test_given_text_stands_where_its_path_says),
        PLACE_TEST(test_host_loader_gives_modules),
        PLACE_TEST(test_globals_of_modules_are_not_the_hosts),
        PLACE_TEST(test_arguments_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
