// A rules engine over JSON lines: the rules are a program that is loaded once; the host makes a map of each line, and
// calls `decide`. A row that it fails on is told, and the next goes on. Rows are flat: numbers, texts without escapes.
//
// Build: cc rules.c $(pkg-config --cflags --libs zvm)
// reads: examples/embed/rows.jsonl
// prints: accept: {"name": "Ada", "age": 30, "sum": 90}
// prints: look at Bo: {"name": "Bo", "age": 30, "sum": 900.5}
// prints: TypeError: {"sum": 5}
// prints: no row: {"age": [1]}
// prints: refuse: {"age": 17, "sum": 10}
#include <zvm.h>

#include <err.h>
#include <stdio.h>
#include <string.h>

static const char RULES[] = "action decide(row) {\n"
                            "  if row.get('age') < 18 { return 'refuse' }\n"
                            "  return row['sum'] > 500 ? 'look at ' + row['name'] : 'accept'\n}\n";

static void must(zvm_status status)
{
    if (status != ZVM_OK) errx(1, "%s", zvm_status_text(status));
}

// Puts {"NAME": NUMBER, "NAME": "TEXT", ...} into a map. false: the line is something else.
static bool read_row(zvm_isolate *rules, const char *line, zvm_ref row)
{
    char name[32] = "", text[64] = "";
    for (char before = '{'; *line == before; before = ',') {
        zvm_value value = {.kind = ZVM_VALUE_STRING, .text = text};
        int used = 0; // until all of a pattern has matched
        if (sscanf(line, "%*c \"%31[^\"\\]\" : \"%63[^\"\\]\" %n", name, text, &used) != 2) {
            value.kind = ZVM_VALUE_FLOAT;
            (void)sscanf(line, "%*c \"%31[^\"\\]\" : %lf %n", name, &value.number, &used);
        }
        zvm_value key = {.kind = ZVM_VALUE_STRING, .text = name, .length_bytes = strlen(name)};
        value.length_bytes = strlen(text);
        if (used == 0 || zvm_ref_set_entry_value(rules, row, &key, &value) != ZVM_OK) return false;
        line += used;
    }
    return line[0] == '}' && (line[1] == '\n' || line[1] == 0);
}

static void decide(zvm_isolate *rules, const char *line)
{
    zvm_result result = ZVM_RESULT_INIT;
    zvm_value told = {.text = "no row", .length_bytes = 6};
    zvm_scope scope;
    zvm_ref row, answer;
    must(zvm_scope_open(rules, &scope));
    must(zvm_ref_new_map(rules, 4, &row));
    if (read_row(rules, line, row)) {
        must(zvm_isolate_call(rules, "decide", &row, 1));
        must(zvm_isolate_run(rules, 0, NULL));
        must(zvm_isolate_result(rules, &result));
        told = (zvm_value){.text = result.kind, .length_bytes = strlen(result.kind)};
        if (zvm_ref_result(rules, &answer) == ZVM_OK) must(zvm_ref_value(rules, answer, &told));
    }
    printf("%.*s: %s", (int)told.length_bytes, told.text, line);
    must(zvm_scope_close(rules, scope)); // ends the references in it: the row is garbage
}

int main(void)
{
    zvm_isolate_options own = {.size = sizeof own, .fuel_limit = 100000}; // of each call
    zvm_runtime *runtime;
    zvm_code *code;
    zvm_isolate *rules;
    char line[4096];
    must(zvm_runtime_create(NULL, &runtime));
    must(zvm_code_from_source(runtime, "rules", RULES, strlen(RULES), NULL, NULL, &code));
    must(zvm_isolate_create(runtime, code, &own, &rules));
    must(zvm_isolate_run(rules, 0, NULL)); // the top level
    while (fgets(line, sizeof line, stdin) != NULL)
        decide(rules, line);
    zvm_code_release(code);
    return zvm_runtime_destroy(runtime) == ZVM_OK ? 0 : 1;
}
