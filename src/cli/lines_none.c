// cli/lines_none.c - stands for lines_edit.c where libedit is missing. Thread: main.
#include "cli/lines.h"

bool cli_lines_open_edit(const struct cli_lines_options *options, struct cli_lines *out)
{
    (void)options;
    (void)out;
    return false;
}
