// Goal: the table in docs/ARCHITECTURE.md that adds up an isolate's block says what the structs
// are. Method: the rows are read from the page and compared with sizeof; their sum with the total.
// Sizes of the table are those of x86-64 without debug fields; the test runs from the root of the
// tree.
#define ZVM_HEAP_INTERNAL
#include "heap/heap_internal.h"
#include "report/roster.h"
#include "vm/isolate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

// The number in the row that begins with `| ` and start; -1 when there is no such row.
static long row_bytes(const char *page, const char *start)
{
    const char *row = strstr(page, start);
    if (row == NULL) return -1;
    const char *cell = strchr(row + 2, '|');
    if (cell == NULL) return -1;
    return strtol(cell + 1 + strspn(cell + 1, " *"), NULL, 10);
}

static int read_page(void **state)
{
    FILE *file = fopen("docs/ARCHITECTURE.md", "r");
    if (file == NULL) return -1;
    char *page = calloc(1, 1u << 20);
    if (page == NULL) return -1;
    size_t length = fread(page, 1, (1u << 20) - 1, file);
    fclose(file);
    *state = page;
    return length > 0 ? 0 : -1;
}

static int free_page(void **state)
{
    free(*state);
    return 0;
}

static void test_block_table_in_docs_matches_the_structs(void **state)
{
    const char *page = *state;
    long control = (long)(sizeof(struct zisolate) - sizeof(struct zheap));
    long frames = (long)(ZISOLATE_FRAMES_FIRST * sizeof(struct zframe));
    long stack = (long)(ZISOLATE_STACK_FIRST * sizeof(struct zvalue));
    long block = control + (long)sizeof(struct zheap) + stack + (long)ZPAGE_BYTES;
    long share = (long)((ZSLAB_BYTES + ZSLAB_BLOCKS - 1) / ZSLAB_BLOCKS) - block;

    assert_int_equal(row_bytes(page, "| `struct zisolate` without its heap"), control);
    assert_int_equal(row_bytes(page, "| `struct zheap`"), sizeof(struct zheap));
    char start[64];
    snprintf(start, sizeof start, "| %zu stack slots of %zu bytes", (size_t)ZISOLATE_STACK_FIRST,
             sizeof(struct zvalue));
    assert_int_equal(row_bytes(page, start), stack);
    assert_int_equal(row_bytes(page, "| first heap page"), ZHEAP_FIRST_BYTES);
    snprintf(start, sizeof start, "| %d frames of %zu bytes", ZISOLATE_FRAMES_FIRST,
             sizeof(struct zframe));
    assert_int_equal(row_bytes(page, start), frames);
    assert_int_equal(row_bytes(page, "| its share of the slab's head"), share);
    assert_int_equal(row_bytes(page, "| its row in the roster"), sizeof(struct zroster_row));
    long together = block + share + (long)sizeof(struct zroster_row);
    assert_int_equal(row_bytes(page, "| **together**"), together);
    // What the C library may touch besides, two pages of 4 KiB a slab.
    assert_true(together + 2 * 4096 / (long)ZSLAB_BLOCKS + 1 <= (long)ZHEAP_BLOCK_BYTES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_block_table_in_docs_matches_the_structs),
    };
    return cmocka_run_group_tests(tests, read_page, free_page);
}
