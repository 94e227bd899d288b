// sched/pick.h - which priority is next: high before normal before low, and none of them starves.
//
// owner-thread: whoever holds the queues that are chosen from. Of the turns that high ones and others
// both want, the others have every ninth; of those, low ones have every ninth when normal ones want them
// too. So a normal isolate has at least every ninth turn, a low one every 81st.
#ifndef ZVM_SCHED_PICK_H
#define ZVM_SCHED_PICK_H

#include "vm/isolate.h"

// While there are others, one of a lower priority has at least every ninth turn.
#ifndef ZHIGH_TURNS_MAX
#    define ZHIGH_TURNS_MAX 8
#endif

struct zpick_order {
    uint8_t priorities[ZPRIORITY_COUNT];
};

static inline struct zpick_order zpick_order(const struct zpick *pick)
{
    bool is_low_due = pick->normal_in_a_row >= ZHIGH_TURNS_MAX;
    uint8_t second = is_low_due ? ZPRIORITY_LOW : ZPRIORITY_NORMAL;
    uint8_t third = is_low_due ? ZPRIORITY_NORMAL : ZPRIORITY_LOW;
    if (pick->high_in_a_row < ZHIGH_TURNS_MAX)
        return (struct zpick_order){{ZPRIORITY_HIGH, second, third}};
    return (struct zpick_order){{second, third, ZPRIORITY_HIGH}};
}

// One of this priority has got the turn.
static inline void zpick_note(struct zpick *pick, uint32_t priority)
{
    if (priority == ZPRIORITY_HIGH) {
        if (pick->high_in_a_row < ZHIGH_TURNS_MAX) pick->high_in_a_row++;
        return;
    }
    pick->high_in_a_row = 0;
    if (priority == ZPRIORITY_LOW)
        pick->normal_in_a_row = 0;
    else if (pick->normal_in_a_row < ZHIGH_TURNS_MAX)
        pick->normal_in_a_row++;
}

// Nobody was there.
static inline void zpick_reset(struct zpick *pick)
{
    *pick = (struct zpick){0, 0};
}

#endif // ZVM_SCHED_PICK_H
