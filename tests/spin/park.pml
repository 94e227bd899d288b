/* park.pml - workers that sleep, and waking one of them when there is work.
 *
 * WORKERS workers, each with an inbox and a ring; SUBMITTERS threads that put one task each into the
 * inbox of worker TARGET and notify; one thread that stops the workers when every task runs. A worker
 * goes through the steps of its main loop: its own inbox poured into its ring, its ring, a search of
 * everybody's inbox and ring (as the searcher, or beside one when it owes a look), sleep. Running a task means to wait until all tasks run (there are no
 * more of them than workers), so a task that lies in a queue beside a sleeper stays there, and nobody
 * can go on. A step (atomic) is one operation on one shared word, together with what only its own
 * thread can see.
 *
 * Checked: nobody waits for ever (invalid end states); every task that was published is taken and
 * every worker leaves (ltl ends, with weak fairness: under it no cycle that leaves work lying passes
 * for progress); `searching` never falls below 0; who wakes up by a token has lost its bit.
 *
 * A sleep has no time limit here, though the real one has, so that a wake-up that is lost stays
 * lost. With -DSPURIOUS=N sleepers wake for no reason N times, all together, and look; so tokens may
 * come late. With -DFROZEN sleeps have a limit, and one thread stops for ever between counting as
 * searching and giving the token: the others must get along without it.
 *
 * With -DLIVENESS a thief has the first of what it takes out of a ring in its hand, and puts only the
 * others into its own. In the code all go through the ring, and two that search at once could take one
 * task from each other for ever (BUG_STEAL_BACK); what is against it there is time: a short ring is
 * left alone unless it stays non-empty over a whole search.
 */
#ifndef WORKERS
#define WORKERS 2
#endif
#ifndef SUBMITTERS
#define SUBMITTERS 2
#endif
#ifdef FROZEN
#define WAKES_BY_ITSELF true
#elif defined(SPURIOUS)
#define WAKES_BY_ITSELF (naps < SPURIOUS)
#else
#define WAKES_BY_ITSELF false
#endif
#ifdef ONE_INBOX
#define TARGET(s) 0
#else
#define TARGET(s) ((s) % WORKERS)
#endif

byte idle;      /* bits */
byte searching; /* searchers, and wake-ups that look for a worker */
bool token[WORKERS];
byte inbox[WORKERS];
byte ring[WORKERS];
byte taken; /* tasks that run */
bool stopping;
byte absent; /* workers that have left */
byte naps;   /* sleeps that have ended for no reason */
bool has_stopped; /* a thread has, for ever */

#ifdef LIVENESS
ltl ends { <> (taken == SUBMITTERS && absent == WORKERS) }
#endif

#define BIT(w) (1 << (w))

/* ---- Waking ----------------------------------------------------------------------------------- */

inline release_search()
{
    assert(searching > 0);
    searching--
}

#ifdef FROZEN
#define MAY_FREEZE                                                                                 \
    if                                                                                             \
    :: !has_stopped && may_stop -> has_stopped = true; goto end_frozen                             \
    :: skip                                                                                        \
    fi
#else
#define MAY_FREEZE skip
#endif

/* Any thread, once in a proctype: behind the label notify_again; it comes out at notified. */
inline notify(preferred, may_stop)
{
    atomic {
        if
        :: searching != 0 -> goto notified
        :: else
        fi
    }
    atomic {
        if
        :: idle == 0 -> goto notified
        :: else
        fi
    }
    atomic {
        if
        :: searching != 0 -> goto notify_again
        :: else -> searching = 1
        fi
    }
    MAY_FREEZE;
    atomic {
        if
        :: idle & BIT(preferred) -> idle = idle & ~BIT(preferred); seat = preferred; goto give
        :: else
        fi
    }
    bits = idle;
claim:
    atomic {
        if
        :: bits == 0 -> goto give_back
        :: else -> seat = (bits & 1 -> 0 : (bits & 2 -> 1 : 2))
        fi;
        bits = bits & ~BIT(seat);
        if
        :: idle & BIT(seat) -> idle = idle & ~BIT(seat); bits = 0; goto give
        :: else -> seat = 0; goto claim
        fi
    }
give_back: /* no bit to claim: somebody may have relied on this wake-up and left */
    atomic {
#ifndef BUG_COUNT_KEPT
        release_search();
#endif
#ifdef BUG_GIVE_UP
        goto notified
#else
        goto notify_again
#endif
    }
give:
    MAY_FREEZE;
    atomic { token[seat] = true; seat = 0; goto notified }
}

proctype submitter(byte me)
{
    byte seat, bits;

#ifndef BUG_NOTIFY_FIRST
    inbox[TARGET(me)]++;
#endif
notify_again:
    notify(TARGET(me), true);
notified:
#ifdef BUG_NOTIFY_FIRST
    inbox[TARGET(me)]++
#else
    skip
#endif
#ifdef FROZEN
    ;
    goto over;
end_frozen:
    false;
over:
    skip
#endif
}

/* ---- Workers ---------------------------------------------------------------------------------- */

/* One look at everybody's queues, one after the other. Goes to `found`, or on. */
#define LOOK(found)                                                                                \
    do                                                                                             \
    :: v < WORKERS ->                                                                              \
        atomic {                                                                                   \
            if                                                                                     \
            :: inbox[v] != 0 -> v = 0; goto found                                                  \
            :: else                                                                                \
            fi                                                                                     \
        }                                                                                          \
        atomic {                                                                                   \
            if                                                                                     \
            :: ring[v] != 0 -> v = 0; goto found                                                   \
            :: else -> v++                                                                         \
            fi                                                                                     \
        }                                                                                          \
    :: else -> v = 0; break                                                                        \
    od

#ifdef BUG_DEBT_PARKS
#define DEBT_PARKS true
#else
#define DEBT_PARKS false
#endif

#ifdef BUG_NO_DEBT
#define WITHDRAWN skip
#else
#define WITHDRAWN owes_look = true
#endif

proctype worker(byte me)
{
    byte seat, bits, v, mine;
    bool searcher, tells, has_task;
    bool is_owed;   /* its bit was claimed, and the token of that has not come */
    bool owes_look; /* it gave up sleeping because of work: others may have relied on it as well */

start: /* the own inbox */
    atomic { mine = inbox[me]; inbox[me] = 0; tells = mine > 1 }

pour: /* into the own ring, one by one; when there is more than is run next, others are told */
    atomic {
        if
        :: mine > 0 -> ring[me]++; mine--; goto pour
        :: mine == 0 && tells -> tells = false; goto notify_again
        :: else
        fi
    }

pop:
    atomic {
        if
        :: has_task -> goto stop_searching
        :: !has_task && ring[me] > 0 -> ring[me]--; has_task = true; goto stop_searching
        :: else
        fi
    }
    atomic {
        if
        :: stopping -> goto leave
        :: else
        fi
    }
    atomic {
        if
        :: !searcher && searching == 0 -> searching = 1; searcher = true
        :: else
        fi;
        if
        :: !searcher && owes_look && !DEBT_PARKS -> goto insist
        :: !searcher && (!owes_look || DEBT_PARKS) -> goto park
        :: searcher -> goto search
        fi
    }

insist: /* were its bit set once more, the wake-up that now counts as searching might look for ever;
           and that one may have stopped, so it searches beside it */
#ifdef BUG_DEBT_WAITS
    LOOK(start);
#else
    LOOK(search);
#endif
    goto park;

search:
    atomic {
        if
        :: v == WORKERS && searcher -> v = 0; goto park
        :: v == WORKERS && !searcher -> v = 0; goto start
        :: else
        fi;
        mine = inbox[v];
        inbox[v] = 0;
        if
        :: mine > 0 -> tells = mine > 1; v = 0; goto pour
        :: else
        fi
    }
    atomic {
        if
        :: v != me && ring[v] > 0 ->
            mine = (ring[v] + 1) / 2;
            ring[v] = ring[v] - mine;
            v = 0;
#if defined(LIVENESS) && !defined(BUG_STEAL_BACK)
            mine--;
            has_task = true;
#endif
            goto pour
        :: else -> v++; goto search
        fi
    }

stop_searching: /* and look whether there is more, because others relied on this worker */
    atomic {
        if
        :: !searcher && !owes_look -> goto work
        :: !searcher && owes_look -> owes_look = false
#ifdef BUG_SEARCHER_KEPT
        :: searcher -> searcher = false
#else
        :: searcher -> searcher = false; release_search()
#endif
        fi
    }
#ifndef BUG_NO_LOOK_AFTER
    LOOK(notify_again);
#endif
    goto work;

notify_again:
    notify(me, false);
notified:
    atomic {
        if
        :: has_task -> goto work
        :: else -> goto pop
        fi
    }

work:
    atomic { has_task = false; taken++ }
    atomic { taken == SUBMITTERS -> goto start }

park:
#ifdef BUG_LOOK_FIRST
    LOOK(start);
#endif
    atomic { /* the late token, if it has come */
        owes_look = false;
        if
        :: is_owed && token[me] ->
            token[me] = false;
            is_owed = false;
            WITHDRAWN;
            if
            :: searcher -> searcher = false; release_search()
            :: else
            fi;
            goto start
        :: is_owed && !token[me]
        :: !is_owed -> idle = idle | BIT(me)
        fi
    }
    atomic {
        if
        :: searcher -> searcher = false; release_search()
        :: else
        fi
    }
    atomic { /* with a searcher about, whatever there is is its business */
        if
        :: searching != 0 -> goto sleep
        :: else
        fi
    }
#if !defined(BUG_LOOK_FIRST) && !defined(BUG_NO_LOOK)
    LOOK(withdraw);
#endif
    atomic {
        if
        :: stopping -> goto withdraw
        :: else -> goto sleep
        fi
    }

withdraw:
    atomic {
        if
#ifdef BUG_BLIND_WITHDRAW
        :: true -> idle = idle & ~BIT(me); WITHDRAWN; goto start
#else
        :: is_owed || (idle & BIT(me)) -> idle = idle & ~BIT(me); WITHDRAWN; goto start
        :: else /* a wake-up has claimed the bit: its token is on its way */
#endif
        fi
    }

sleep:
    atomic {
        if
        :: token[me] ->
#ifndef BUG_TOKEN_KEPT
            token[me] = false;
#endif
            assert(stopping || !(idle & BIT(me)));
            if
            :: is_owed -> is_owed = false; WITHDRAWN
            :: else -> searcher = true
            fi;
            goto start
        :: !token[me] && WAKES_BY_ITSELF ->
#if defined(SPURIOUS) && !defined(FROZEN)
            naps++
#endif
        fi
    }
    LOOK(leave_early);
    atomic {
        if
        :: !stopping -> goto sleep
        :: else
        fi
    }

leave_early: /* not when the bit is claimed: then in the place that was raised for it */
    atomic {
        if
        :: is_owed || (idle & BIT(me)) -> idle = idle & ~BIT(me); WITHDRAWN; goto start
#ifdef BUG_WAIT_FOR_TOKEN
        :: else -> goto sleep
#else
        :: else ->
#ifndef BUG_FORGET_TOKEN
            is_owed = true;
#endif
            searcher = true;
            goto start
#endif
        fi
    }

#ifdef FROZEN
end_frozen: /* only submitters stop */
    assert(false);
#endif

leave:
    absent++
}

/* ---- The end ---------------------------------------------------------------------------------- */

init {
    byte i;
    atomic {
        do
        :: i < WORKERS -> run worker(i); i++
        :: else -> break
        od;
        i = 0;
        do
        :: i < SUBMITTERS -> run submitter(i); i++
        :: else -> break
        od;
        i = 0
    }
    taken == SUBMITTERS;
    stopping = true;
    do
    :: i < WORKERS -> atomic { token[i] = true; i++ }
    :: else -> break
    od
}
