/* park.pml - workers that sleep, and waking one of them when there is work.
 *
 * WORKERS workers, each with an inbox and a ring; SUBMITTERS threads that put one task each into the
 * inbox of worker TARGET and notify; one thread that stops the workers when every task runs. A worker
 * goes through the steps of its main loop: its own inbox poured into its ring, its ring, a search of
 * everybody's inbox and ring, sleep. Running a task means to wait until all tasks run (there are no
 * more of them than workers), so a task that lies in a queue beside a sleeper stays there, and nobody
 * can go on. A step (atomic) is one operation on one shared word, together with what only its own
 * thread can see.
 *
 * Checked: nobody waits for ever (invalid end states); every task that was published is taken and
 * every worker leaves (ltl ends, with weak fairness: under it no cycle that leaves work lying passes
 * for progress); `searching` never falls below 0; who wakes up by a token has lost its bit.
 *
 * A sleep has no time limit here, though the real one has, so that a wake-up that is lost stays
 * lost. With -DSPURIOUS sleepers may also wake for no reason, and look.
 */
#ifndef WORKERS
#define WORKERS 2
#endif
#ifndef SUBMITTERS
#define SUBMITTERS 2
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

/* Any thread, once in a proctype: behind the label notify_again; it comes out at notified. */
inline notify(preferred)
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
    atomic { token[seat] = true; seat = 0; goto notified }
}

proctype submitter(byte me)
{
    byte seat, bits;

#ifndef BUG_NOTIFY_FIRST
    inbox[TARGET(me)]++;
#endif
notify_again:
    notify(TARGET(me));
notified:
#ifdef BUG_NOTIFY_FIRST
    inbox[TARGET(me)]++
#else
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
        :: ring[me] > 0 -> ring[me]--; has_task = true; goto stop_searching
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

insist: /* were its bit set once more, the wake-up that now counts as searching might look for ever */
    LOOK(start);
    goto park;

search:
    atomic {
        if
        :: v == WORKERS -> v = 0; goto park
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
    notify(me);
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
    atomic { idle = idle | BIT(me); owes_look = false }
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
#ifdef SPURIOUS
recheck:
#endif
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
        :: idle & BIT(me) -> idle = idle & ~BIT(me); WITHDRAWN; goto start
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
            searcher = true;
            goto start
#ifdef SPURIOUS
        :: !token[me] -> goto recheck
#endif
        fi
    }

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
