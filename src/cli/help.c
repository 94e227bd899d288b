// cli/help.c - the help texts. zvm(1) says the same at more length.
//
// Owns: constant texts. Thread: main.
#include "cli/commands.h"
#include "cli/message.h"
#include "cli/output.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char help_zvm[] =
    "Usage: zvm COMMAND [OPTION...] [FILE...]\n"
    "\n"
    "Runs very many small isolated programs at once inside one process.\n"
    "\n"
    "Commands:\n"
    "  run      run a program on one isolate or on many\n"
    "  each     run a program once for each line of JSON, each time on a fresh isolate\n"
    "  check    compile programs without running them, and show what is wrong\n"
    "  compile  write a program in compiled form, to be run later\n"
    "  dis      show the compiled program as text\n"
    "  repl     read and run programs at a prompt\n"
    "  heap-diff  show what grew between two heap snapshots\n"
    "  selftest  check that this installation works, and that its limits hold\n"
    "  version  print the version\n"
    "  help     print this text; 'zvm COMMAND --help' tells more of one command\n"
    "\n"
    "Examples:\n"
    "  zvm run examples/hello.zx\n"
    "  zvm run examples/nbody.zx -n 10000 --report text\n"
    "  zvm check examples/bank.zx\n";

static const char help_run[] =
    "Usage: zvm run FILE.zx|FILE.zbc [OPTION...] [-- ARG...]\n"
    "       zvm run -e CODE [OPTION...] [-- ARG...]\n"
    "\n"
    "Runs the program on one or many isolates. FILE '-' is standard input; the program finds\n"
    "the ARGs in the list 'args' and its number in isolate_id(). Options may stand before or\n"
    "behind FILE.\n"
    "\n"
    "  -e CODE              run this text instead of a file\n"
    "\n"
    "How many:\n"
    "  -n ISOLATES          how many isolates run the program, 1 to 1,000,000,000 (1)\n"
    "  -w WORKERS           threads that run them, 1 to 1,024 (all processors)\n"
    "\n"
    "Limits, each for one isolate:\n"
    "  --heap-limit SIZE    memory; bytes or 64K, 10M, 1G, at least 16K (100M)\n"
    "  --fuel N             instructions (no limit)\n"
    "  --timeout DUR        time from its start: 500us, 20ms, 3s, 2m (no limit)\n"
    "  --cpu-time DUR       CPU time that it uses (no limit)\n"
    "  --output-limit SIZE  what it prints, shown or not (no limit)\n"
    "  --max-depth N        nested calls (10000)\n"
    "  --spawn-limit N      isolates of one program at a time, with those that it spawns\n"
    "                       (1048576); all of them together have --fuel, --cpu-time and\n"
    "                       --output-limit\n"
    "  --total-heap SIZE    memory of all of them (no limit)\n"
    "  --mailbox N          messages that wait for one isolate (1024)\n"
    "  --mailbox-bytes SIZE what these take (1M)\n"
    "  --intern-limit N     different strings that it keeps as keys (no limit)\n"
    "  --intern-limit-bytes SIZE  what these take in the table of shared strings (4G)\n"
    "\n"
    "Output:\n"
    "  --output WHICH       first: what isolate 0 prints; all: of every isolate, in order;\n"
    "                       none (first)\n"
    "  --report FORMAT      none, text, json or prom, at the end on standard error (none)\n"
    "  --report-file PATH   put the report there instead (as text if --report is not given)\n"
    "  --report-every DUR   also while it runs: 500ms, 10s; SIGUSR1 asks for one at any time\n"
    "  --top N              list isolates in it: by memory, by fuel, by age (text and json)\n"
    "  --json               errors as JSON on standard error, one object a line\n"
    "  --color WHEN         colours in errors: auto, always or never (auto: on terminals)\n"
    "\n"
    "Memory of isolate 0:\n"
    "  --heap-snapshot PATH write its objects as a V8 heap snapshot, which Chrome shows\n"
    "  --at WHEN            exit, limit (its first HeapLimitError) or signal (SIGUSR1) (exit)\n"
    "  --alloc-profile PATH write which calls allocate, as folded stacks, from samples\n"
    "  --sample-every SIZE  bytes between samples; 1 notes every allocation (512K)\n"
    "  --leaks AGE          print objects of that age and what keeps them, at the end: 60s, or\n"
    "                       a number of collections\n"
    "\n"
    "The run as a whole:\n"
    "  --profile PATH       write which calls use the fuel, as folded stacks, from samples\n"
    "  --profile-every N    fuel between two samples, 64 and more (8192)\n"
    "  --trace PATH         write what each worker did when, as trace events for Chrome and\n"
    "                       Perfetto\n"
    "  --trace-events N     events that each worker keeps, the newest (65536)\n"
    "\n"
    "Limits of the table of strings that all isolates share:\n"
    "  --intern-table N     strings (16777216)\n"
    "  --intern-table-bytes SIZE  memory (1G)\n"
    "\n"
    "Tuning:\n"
    "  --slice N            fuel until another isolate gets its turn (32768)\n"
    "  --seed N             a run that can be repeated: one worker, clocks that count fuel\n"
    "  --gc-mode MODE       auto, full, incremental or generational (auto)\n"
    "  --gc-growth PERCENT  collect when live memory has grown to this (200)\n"
    "  --gc-threshold N     collect every N allocations; 0 is off (0)\n"
    "  --int-pool N         texts of integers that an isolate keeps; 0 is off (1000)\n"
    "  --str-pool N         unused keys that it keeps; 0 is off (500)\n"
    "  --list-pool N        free list buffers of each size that it keeps; 0 is off (0)\n"
    "\n"
    "  --help               print this text\n"
    "\n"
    "Exit status: 0 ok; 1 uncaught error or failed write; 2 nothing ran (usage, unreadable\n"
    "file, syntax error); 3 heap limit; 4 fuel; 5 internal check failed; 124 timeout;\n"
    "128+n stopped by signal n. Of several failures that of the lowest isolate counts.\n"
    "\n"
    "Examples:\n"
    "  zvm run examples/hello.zx\n"
    "  zvm run -e 'print(6 * 7)'\n"
    "  zvm run examples/wordcount.zx -- 'to be or not to be'\n"
    "  zvm run examples/nbody.zx -n 10000 -w 2 --report text\n"
    "  zvm run examples/quickstart.zx -n 1000 --output all\n"
    "  zvm run examples/spin.zx --fuel 1000000\n"
    "  zvm run examples/spin.zx --timeout 100ms --report json --report-file report.json\n";

static const char help_each[] =
    "Usage: zvm each PROGRAM.zx|PROGRAM.zbc [--in FILE] [--out FILE] [OPTION...] [-- ARG...]\n"
    "\n"
    "Reads a JSON value from each line, runs the program's top level on a fresh isolate, calls\n"
    "main(value), and writes what it returns as a line of JSON: results in the order of the rows,\n"
    "one line for each. A row that fails is a line, too: "
    "{\"error\":{\"kind\":...,\"message\":...,\n"
    "\"file\":...,\"line\":...,\"column\":...,\"row\":...}}. A summary goes to standard error.\n"
    "\n"
    "  --in FILE            rows, one value a line (standard input)\n"
    "  --out FILE           results (standard output)\n"
    "  --resume             go on with a run that broke off: behind the whole lines of --out FILE\n"
    "  --line-limit SIZE    longest line, of rows and of results: 64K, 10M, at most 1G (16M)\n"
    "  -w WORKERS           threads, 1 to 1,024 (all processors)\n"
    "\n"
    "Limits, each for one row; those of time, fuel and output for the top level and for main:\n"
    "  --heap-limit SIZE    memory; bytes or 64K, 10M, 1G, at least 16K (100M)\n"
    "  --fuel N             instructions (no limit)\n"
    "  --timeout DUR        time: 500us, 20ms, 3s, 2m (no limit)\n"
    "  --cpu-time DUR       CPU time (no limit)\n"
    "  --output-limit SIZE  what it prints, which is not shown (no limit)\n"
    "  --max-depth N        nested calls (10000)\n"
    "\n"
    "  --report FORMAT      none, text, json or prom, at the end on standard error (none)\n"
    "  --report-file PATH   put the report there instead (as text if --report is not given)\n"
    "  --json               errors of the program's text as JSON on standard error\n"
    "  --color WHEN         colours in errors: auto, always or never (auto: on terminals)\n"
    "  --help               print this text\n"
    "\n"
    "The options of 'zvm run' for tuning and for shared strings are taken, too.\n"
    "\n"
    "Exit status: 0 every row ok; 1 a row failed, or a failed read or write; 2 nothing ran\n"
    "(usage, unreadable file, syntax error, no main); 3 heap limit; 4 fuel; 5 internal check\n"
    "failed; 124 timeout; 128+n stopped by signal n. Of several failures that of the first row\n"
    "counts.\n"
    "\n"
    "Examples:\n"
    "  zvm each examples/each/totals.zx --in examples/each/orders.jsonl\n"
    "  zvm each examples/each/totals.zx --in examples/each/orders.jsonl --out totals.jsonl\n"
    "  zvm each examples/each/totals.zx --in examples/each/orders.jsonl --out totals.jsonl "
    "--resume\n";

static const char help_check[] =
    "Usage: zvm check [--json] [--color WHEN] FILE.zx|FILE.zbc...\n"
    "\n"
    "Parses, compiles and verifies each file without running it. Findings go to standard error\n"
    "as FILE:LINE:COL: error: TEXT, with the source line, carets and hints; of each file at most\n"
    "20 are shown. Without findings nothing is printed. FILE '-' is standard input.\n"
    "\n"
    "  --json               findings as JSON on standard output, one object a line\n"
    "  --color WHEN         colours: auto, always or never (auto: on terminals)\n"
    "  --help               print this text\n"
    "\n"
    "Exit status: 0 no findings; 2 findings, or a file that cannot be read; 5 internal check\n"
    "failed.\n"
    "\n"
    "Examples:\n"
    "  zvm check examples/bank.zx\n"
    "  zvm check examples/*.zx\n"
    "  zvm check --json examples/bank.zx\n";

static const char help_compile[] =
    "Usage: zvm compile FILE.zx [-o FILE.zbc]\n"
    "\n"
    "Compiles the file and writes it in compiled form, which 'zvm run', 'check' and 'dis' take\n"
    "like a source file. It is for this version of zvm only. FILE '-' is standard input, and\n"
    "'-o -' is standard output.\n"
    "\n"
    "  -o FILE.zbc          where to (FILE with .zbc for .zx)\n"
    "  --help               print this text\n"
    "\n"
    "A compiled file need not be trusted: it is checked when it is read, and what could not run\n"
    "safely is refused, with the function and the instruction.\n"
    "\n"
    "Exit status: 0 ok; 1 the file cannot be written; 2 it cannot be read or has errors.\n"
    "\n"
    "Examples:\n"
    "  zvm compile examples/hello.zx -o /tmp/hello.zbc\n"
    "  zvm run /tmp/hello.zbc\n";

static const char help_dis[] =
    "Usage: zvm dis FILE.zx|FILE.zbc\n"
    "\n"
    "Compiles the file and prints the code object as text: globals, then each function with its\n"
    "constants, its captures, its instructions, one a line under the line of the source that they\n"
    "come from (a compiled file has none), and its handlers. An instruction shows its number, its\n"
    "place, its name, its operands, the constants and names that they mean, and its inline cache.\n"
    "FILE '-' is standard input.\n"
    "\n"
    "  --help               print this text\n"
    "\n"
    "Examples:\n"
    "  zvm dis examples/hello.zx\n"
    "  zvm dis examples/nbody.zx | less\n";

static const char help_repl[] =
    "Usage: zvm repl [OPTION...] [-- ARG...]\n"
    "\n"
    "Reads programs at a prompt and runs them one after the other; each sees the names of those\n"
    "before it and may declare them again. The value of an expression is printed, and '_' is the\n"
    "last one. An open bracket or string goes on on the next line. Errors end only what runs.\n"
    "\n"
    "On a terminal lines can be edited, the arrows go through the history, Tab completes names;\n"
    "Ctrl-C stops what runs or drops what is typed, Ctrl-D ends. The history is kept in\n"
    "$XDG_STATE_HOME/zvm/history (~/.local/state/zvm/history).\n"
    "\n"
    "  --heap-limit SIZE    memory of the session; bytes or 64K, 10M, 1G (100M)\n"
    "  --fuel N             instructions of each input (no limit)\n"
    "  --timeout DUR        time of each input: 500us, 20ms, 3s, 2m (no limit)\n"
    "  --cpu-time DUR       CPU time of each input (no limit)\n"
    "  --output-limit SIZE  output of the session (no limit)\n"
    "  --max-depth N        nested calls (10000)\n"
    "  --help               print this text\n"
    "\n"
    "Exit status: 0 at the end of the input, whatever failed before; 1 standard input or output\n"
    "failed; 2 it could not start.\n"
    "\n"
    "Examples:\n"
    "  zvm repl\n"
    "  echo '6 * 7' | zvm repl\n";

static const char help_heap_diff[] =
    "Usage: zvm heap-diff BEFORE.heapsnapshot AFTER.heapsnapshot\n"
    "\n"
    "Shows what grew between two snapshots of 'zvm run --heap-snapshot': for each kind of object\n"
    "the growth in bytes and in objects, and the bytes before and after, the greatest growth "
    "first.\n"
    "\n"
    "  --help               print this text\n"
    "\n"
    "Exit status: 0 ok; 1 failed write; 2 a file cannot be read or is no snapshot.\n"
    "\n"
    "Example:\n"
    "  zvm heap-diff before.heapsnapshot after.heapsnapshot\n";

static const char help_selftest[] =
    "Usage: zvm selftest [--hostile] [OPTION...]\n"
    "\n"
    "Checks this installation in a moment: the language, compiled programs, collection, limits,\n"
    "shared strings, workers and reports. With --hostile it attacks itself instead, with one\n"
    "program after the other, each alone and many times at once, while 100 honest isolates beside\n"
    "them compute known results; and it measures how far each limit was overshot, and how long an\n"
    "honest isolate waited. One line each, which begins with PASS or FAIL.\n"
    "\n"
    "  --hostile            attack\n"
    "  --only NAME          this check or attack alone\n"
    "  --list               print the names\n"
    "  --show NAME          print the program of an attack; honest: of the honest isolates\n"
    "  --seconds N          time for each attack, 1 to 3,600 (1)\n"
    "  -w WORKERS           threads, 1 to 1,024 (all processors)\n"
    "  --seed N             the number of the first attacker, from which they differ (random)\n"
    "  --plant FAULT        loosen one limit behind the back of its check, which must then fail\n"
    "  --json               one object a line\n"
    "  --help               print this text\n"
    "\n"
    "Exit status: 0 all passed; 1 failed write; 2 nothing ran; 5 a check failed.\n"
    "\n"
    "Examples:\n"
    "  zvm selftest\n"
    "  zvm selftest --hostile\n"
    "  zvm selftest --hostile --only doubling-string --seconds 10\n"
    "  zvm selftest --show doubling-string\n"
    "  zvm selftest --only doubling-string --plant heap\n";

static const char help_version[] = "Usage: zvm version\n"
                                   "\n"
                                   "Prints the version.\n"
                                   "\n"
                                   "  --help               print this text\n"
                                   "\n"
                                   "Example:\n"
                                   "  zvm version\n";

bool cli_is_help(const char *word)
{
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

int cli_print(const char *text)
{
    struct cli_output_stream *stream = malloc(sizeof *stream);
    if (stream == NULL) {
        cli_complain("no memory to print");
        return CLI_EXIT_FAILED;
    }
    cli_output_init(stream, STDOUT_FILENO, -1 /* nothing stops it */);
    cli_output_write(stream, text, strlen(text));
    bool ok = cli_output_finish(stream, "standard output");
    cli_output_deinit(stream);
    free(stream);
    return ok ? CLI_EXIT_OK : CLI_EXIT_FAILED;
}

int cli_help_print(const char *command)
{
    static const struct {
        const char *command;
        const char *text;
    } texts[] = {{"run", help_run},
                 {"each", help_each},
                 {"check", help_check},
                 {"compile", help_compile},
                 {"dis", help_dis},
                 {"repl", help_repl},
                 {"heap-diff", help_heap_diff},
                 {"selftest", help_selftest},
                 {"version", help_version}};
    for (size_t i = 0; command != NULL && i < sizeof texts / sizeof texts[0]; i++) {
        if (strcmp(command, texts[i].command) == 0) return cli_print(texts[i].text);
    }
    return cli_print(help_zvm);
}
