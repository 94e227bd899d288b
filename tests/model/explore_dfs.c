// tests/model/explore_dfs.c - every schedule of a small model, each once.
//
// Owns: the path of choices of the current schedule. A schedule repeats the path and then takes the
// first choice everywhere; the next one takes the last choice on the path that has another way.
// Sleep sets leave out schedules that only swap neighbouring steps that do not touch the same word
// (or only read it): once a thread's step has been tried first, it sleeps until somebody makes a
// step that it could tell from its own.
#include "explore.h"

#include <string.h>

#define PATH_MAX_CHOICES 4096

struct node {
    bool is_thread;
    uint8_t chosen; // thread, or value
    uint8_t count;  // value: below it
    uint8_t ready;  // thread: who could go on
    uint8_t asleep; // thread: tried before, in an equal schedule
    uint8_t tried;  // thread: tried here
};

static struct {
    struct node nodes[PATH_MAX_CHOICES];
    uint32_t count;  // of the path
    uint32_t at;     // of the current schedule
    uint32_t asleep; // threads
} path;

void zx_dfs_reset(void)
{
    path.count = 0;
}

void zx_dfs_begin(void)
{
    path.at = 0;
    path.asleep = 0;
}

static struct node *next_node(bool is_thread)
{
    if (path.at == PATH_MAX_CHOICES) zx_fail("too many choices for all schedules");
    struct node *node = &path.nodes[path.at++];
    if (path.at <= path.count) return node;
    path.count = path.at;
    *node = (struct node){.is_thread = is_thread, .chosen = UINT8_MAX};
    return node;
}

static bool are_independent(const struct zx_thread *a, const struct zx_thread *b)
{
    if (a->next_word == NULL || b->next_word == NULL || a->next_word != b->next_word) return true;
    return !a->next_is_write && !b->next_is_write;
}

// Who of them still sleeps when `thread` makes its step.
static uint32_t still_asleep(uint32_t mask, uint32_t thread)
{
    uint32_t still = 0;
    for (uint32_t i = 1; i < zx.thread_count; i++) {
        bool is_asleep = i != thread && (mask >> i & 1) != 0;
        if (is_asleep && are_independent(&zx.threads[i], &zx.threads[thread])) still |= 1u << i;
    }
    return still;
}

// The current thread if possible, so that schedules with few switches come first.
static uint32_t first_of(uint32_t mask)
{
    if (mask >> zx.current & 1) return zx.current;
    return (uint32_t)__builtin_ctz(mask);
}

uint32_t zx_dfs_choose_thread(uint32_t ready_mask)
{
    struct node *node = next_node(true);
    if (node->chosen == UINT8_MAX) {
        uint32_t open = ready_mask & ~path.asleep;
        if (open == 0) {
            path.count = --path.at;
            return ZX_CLOCK_COUNT;
        }
        node->ready = (uint8_t)ready_mask;
        node->asleep = (uint8_t)path.asleep;
        node->chosen = (uint8_t)first_of(open);
    }
    path.asleep = still_asleep(node->asleep | node->tried, node->chosen);
    return node->chosen;
}

uint32_t zx_dfs_choose_value(uint32_t count)
{
    struct node *node = next_node(false);
    if (node->chosen == UINT8_MAX) {
        node->chosen = 0;
        node->count = (uint8_t)count;
    }
    return node->chosen;
}

// Another way at this node?
static bool step_node(struct node *node)
{
    if (!node->is_thread) return ++node->chosen < node->count;
    node->tried |= (uint8_t)(1u << node->chosen);
    uint32_t open = node->ready & ~(uint32_t)node->asleep & ~(uint32_t)node->tried;
    if (open == 0) return false;
    node->chosen = (uint8_t)__builtin_ctz(open);
    return true;
}

bool zx_dfs_next(void)
{
    while (path.count > 0) {
        if (step_node(&path.nodes[path.count - 1])) return true;
        path.count--;
    }
    return false;
}

// ---- A schedule as text: one letter a choice. What was asleep does not matter for one schedule.

bool zx_dfs_save(char *text, size_t bytes)
{
    if (path.at >= bytes) return false;
    for (uint32_t i = 0; i < path.at; i++)
        text[i] = (char)((path.nodes[i].is_thread ? 'A' : 'a') + path.nodes[i].chosen);
    text[path.at] = '\0';
    return true;
}

bool zx_dfs_load(const char *text)
{
    size_t count = strlen(text);
    if (count > PATH_MAX_CHOICES) return false;
    for (size_t i = 0; i < count; i++) {
        bool is_thread = text[i] >= 'A' && text[i] < 'A' + ZX_CLOCK_COUNT;
        if (!is_thread && (text[i] < 'a' || text[i] > 'z')) return false;
        path.nodes[i] = (struct node){
            .is_thread = is_thread,
            .chosen = (uint8_t)(text[i] - (is_thread ? 'A' : 'a')),
        };
    }
    path.count = (uint32_t)count;
    return true;
}
