// A rules engine: the rules are a program that is loaded once; for each line of JSON the host makes a map and
// calls the function `decide`. A row that the rules fail on is told, and the next one goes on as if nothing had
// been. Of JSON it reads what these rows have, {"NAME": INTEGER, …}. Exit status 0: three decisions, one failure.
//
// Build: cc rules.c $(pkg-config --cflags --libs zvm)
// prints: {"age": 30, "sum": 90}: accept
// prints: {"age": 30, "sum": 900}: look at it
// prints: {"sum": 5}: TypeError in line 3
// prints: {"age": 17, "sum": 10}: refuse
#include <zvm.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char RULES[] = "action decide(row) {\n"
                            "  let age = row.get('age')\n"
                            "  if age < 18 { return 'refuse' }\n"
                            "  return row['sum'] > 500 ? 'look at it' : 'accept'\n"
                            "}\n";
static const char LINES[] = "{\"age\": 30, \"sum\": 90}\n{\"age\": 30, \"sum\": 900}\n"
                            "{\"sum\": 5}\n{\"age\": 17, \"sum\": 10}\n";

static void must(zvm_status status)
{
    if (status == ZVM_OK) return;
    fprintf(stderr, "rules: %s\n", zvm_status_text(status));
    exit(1);
}

// A map of the isolate, in the open scope.
static zvm_ref read_row(zvm_isolate *rules, const char *line)
{
    char name[32];
    int length = 0;
    zvm_ref row;
    must(zvm_ref_new_map(rules, 4, &row));
    zvm_value key = {.kind = ZVM_VALUE_STRING, .text = name}, value = {.kind = ZVM_VALUE_INT};
    long long integer;
    for (line++; sscanf(line, "%*[, ]%n", &length) >= 0; line += length, length = 0) {
        line += length;
        if (sscanf(line, "\"%31[^\"]\": %lld%n", name, &integer, &length) != 2) break;
        key.length_bytes = strlen(name);
        value.integer = integer;
        must(zvm_ref_set_entry_value(rules, row, &key, &value));
    }
    return row;
}

static bool decide(zvm_isolate *rules, const char *line)
{
    zvm_result result = ZVM_RESULT_INIT;
    zvm_scope scope;
    zvm_ref answer;
    zvm_value text;
    must(zvm_scope_open(rules, &scope)); // references end with it, and the row is garbage
    zvm_ref row = read_row(rules, line);
    must(zvm_isolate_call(rules, "decide", &row, 1));
    must(zvm_isolate_run(rules, 0, NULL));
    must(zvm_isolate_result(rules, &result));
    if (result.status == ZVM_OK) {
        must(zvm_ref_result(rules, &answer));
        must(zvm_ref_value(rules, answer, &text));
        printf("%s: %.*s\n", line, (int)text.length_bytes, text.text);
    } else {
        printf("%s: %s in line %u\n", line, result.kind, (unsigned)result.line);
    }
    must(zvm_scope_close(rules, scope));
    return result.status == ZVM_OK;
}

int main(void)
{
    zvm_isolate_options options = ZVM_ISOLATE_OPTIONS_INIT;
    zvm_runtime *runtime;
    zvm_code *code;
    zvm_isolate *rules;
    char lines[sizeof LINES];
    int decided = 0;
    options.fuel_limit = 100000; // of each call
    must(zvm_runtime_create(NULL, &runtime));
    must(zvm_code_from_source(runtime, "rules", RULES, strlen(RULES), NULL, NULL, &code));
    must(zvm_isolate_create(runtime, code, &options, &rules));
    must(zvm_isolate_run(rules, 0, NULL)); // the top level
    memcpy(lines, LINES, sizeof LINES);
    for (char *line = strtok(lines, "\n"); line != NULL; line = strtok(NULL, "\n"))
        decided += decide(rules, line);
    zvm_code_release(code);
    zvm_runtime_destroy(runtime);
    return decided == 3 ? 0 : 1;
}
