/* state.pml - the state word of one isolate: who may touch it, and the entry that a queue has of it.
 *
 * The host submits it, waits for its end, and destroys it or gives it another piece of code, PIECES
 * together, which it may also run itself. WORKERS workers take entries out of the queue and run
 * slices: a piece is through when the message has come; until then it suspends itself, or yields up
 * to YIELDS times. One thread sends the message and wakes it; one wakes it for no reason, once; one
 * cancels it, whatever it is doing, or everything there is, or nothing. The queue is a count of
 * entries; a step (atomic) is one operation on the state word, on the queue, or on what the owner owns.
 *
 * Checked: one owner at a time; at most one entry, and the word's bit says so; each piece ends once,
 * and as cancelled if and only if a cancel met that piece; nobody touches the word after its block was freed,
 * and it is freed once; an entry that is taken out finds its block; nobody sleeps for ever: not the
 * isolate beside its message, not the host beside its end.
 *
 * The canceller and the wakers have the host's word that the isolate exists: it destroys it only
 * when they are through, but gives it more code whatever they are doing. With -DCALLBACK a queued one
 * that is cancelled is ended by a worker, in the name of the urgent list, else by the canceller
 * itself. With -DWAITER another thread waits for an end as well; the host gives it more code only when
 * that one has come back.
 */
#ifndef WORKERS
#define WORKERS 2
#endif
#ifndef YIELDS
#define YIELDS 1
#endif
#ifndef PIECES
#define PIECES 2
#endif

/* The phase. */
#define IDLE    0
#define QUEUED  1
#define RUNNING 2
#define WAITING 3
#define DONE    4
#define GONE    5
#define PHASE   7
/* The bits. */
#define NOTIFIED 8
#define CANCEL   16
#define ENTRY    32
#define WATCHED  64

byte state;
byte entries; /* in the queue */
byte urgent;  /* in the urgent list */
bool message; /* what the isolate waits for */
byte yields;
byte event; /* how often an end was announced */
byte owners; /* who is inside the isolate now */
byte ends;
byte pieces = 1;
bool was_cancelled; /* this piece */
bool cancels_all;   /* nothing may be submitted any more, either */
bool freed;
byte callers; /* cancelling, waking or waiting */
byte waiters; /* of these */
bool is_over; /* the host has destroyed it */

#define AT(p)       ((state & PHASE) == (p))
#define WITH(p)     ((state & ~PHASE) | (p))
#define TOUCH       assert(!freed)
#define FREE        TOUCH; freed = true
#define OWN         owners++; assert(owners == 1)
#define DISOWN      owners--
#define CANCELS(b)  was_cancelled = was_cancelled || ((b) & CANCEL)

/* The entry goes into the queue after the step; who made the step puts it there. */
inline enqueue()
{
    entries++;
    assert(entries == 1)
}

/* Ends it, by who has it RUNNING. */
inline finish(watched)
{
    atomic {
        TOUCH;
        assert(AT(RUNNING));
        assert(((state & CANCEL) != 0) == was_cancelled);
        ends++;
        assert(ends == pieces);
        DISOWN;
        watched = (state & WATCHED) != 0;
#ifdef BUG_FINISH_FORGETS_ENTRY
        state = DONE
#else
        state = DONE | (state & ENTRY)
#endif
    }
#ifdef BUG_FINISH_LOOKS_LATE
    atomic { TOUCH; watched = (state & WATCHED) != 0 }
#endif
    atomic {
        if
        :: watched -> event++; watched = false
        :: else
        fi
    }
}

/* ---- Workers ---------------------------------------------------------------------------------- */

proctype worker()
{
    bool ready, watched;

next:
    atomic {
        if
        :: urgent > 0 -> urgent--; goto end
        :: entries > 0 -> entries--
        :: is_over && freed && entries == 0 && urgent == 0 -> goto leave
        fi
    }
    atomic {
        TOUCH;
        assert(state & ENTRY);
        if
        :: AT(GONE) -> FREE; goto next
        :: AT(QUEUED) -> state = WITH(RUNNING) & ~ENTRY; OWN
#ifdef BUG_BLIND_TAKE
        :: AT(RUNNING) || AT(DONE) -> state = WITH(RUNNING) & ~ENTRY; OWN
#else
        :: else -> state = state & ~ENTRY; goto next
#endif
        fi
    }

slice:
    atomic {
        TOUCH;
        if
        :: state & CANCEL -> goto end
        :: else -> ready = message
        fi
    }
    atomic {
        if
        :: ready -> ready = false; goto end
        :: !ready && yields < YIELDS -> yields++; goto requeue
        :: !ready -> goto suspend
        fi
    }

requeue:
    atomic {
        TOUCH;
        assert(AT(RUNNING) && !(state & ENTRY));
        if
        :: state & CANCEL -> goto end
        :: else -> state = (WITH(QUEUED) & ~NOTIFIED) | ENTRY; DISOWN
        fi
    }
    atomic { enqueue(); goto next }

suspend:
    atomic {
        TOUCH;
        assert(AT(RUNNING));
        if
#ifdef BUG_SUSPEND_BLIND
        :: !(state & CANCEL) -> state = WITH(WAITING) & ~NOTIFIED; DISOWN; goto next
#else
        :: !(state & (NOTIFIED | CANCEL)) -> state = WITH(WAITING); DISOWN; goto next
#endif
        :: else
        fi
    }
    atomic { TOUCH; state = state & ~NOTIFIED; goto slice }

end:
    finish(watched);
    goto next;

leave:
    skip
}

/* ---- Waking ----------------------------------------------------------------------------------- */

/* `waits` tells whether the caller has to put an entry into a queue. */
#ifdef BUG_WAKE_STORES
#define WAKE(bits)                                                                                 \
    atomic { TOUCH; waits = AT(WAITING); seen = state };                                           \
    atomic {                                                                                       \
        if                                                                                         \
        :: waits -> state = (seen & ~PHASE) | QUEUED | ENTRY | bits; CANCELS(bits)                 \
        :: !waits && AT(RUNNING) -> state = state | NOTIFIED | bits; CANCELS(bits)                 \
        :: else                                                                                    \
        fi                                                                                         \
    };                                                                                             \
    seen = 0
#elif defined(BUG_WAKE_QUEUES_RUNNING)
#define WAKE(bits)                                                                                 \
    atomic {                                                                                       \
        TOUCH;                                                                                     \
        waits = AT(WAITING) || AT(RUNNING);                                                        \
        if                                                                                         \
        :: waits -> state = WITH(QUEUED) | ENTRY | bits; CANCELS(bits)                             \
        :: else                                                                                    \
        fi                                                                                         \
    }
#else
#define WAKE(bits)                                                                                 \
    atomic {                                                                                       \
        TOUCH;                                                                                     \
        waits = AT(WAITING);                                                                       \
        if                                                                                         \
        :: waits -> state = WITH(QUEUED) | ENTRY | bits; CANCELS(bits)                             \
        :: AT(RUNNING) -> state = state | NOTIFIED | bits; CANCELS(bits)                           \
        :: else                                                                                    \
        fi                                                                                         \
    }
#endif
#define ENQUEUE_IF_IT_WAITED                                                                       \
    atomic {                                                                                       \
        if                                                                                         \
        :: waits -> waits = false; enqueue()                                                       \
        :: else                                                                                    \
        fi                                                                                         \
    }

proctype sender()
{
    bool waits;
    byte seen;

    message = true;
    WAKE(0);
    ENQUEUE_IF_IT_WAITED;
    callers--
}

proctype waker()
{
    bool waits;
    byte seen;

    WAKE(0);
    ENQUEUE_IF_IT_WAITED;
    callers--
}

/* ---- Cancelling ------------------------------------------------------------------------------- */

proctype canceller()
{
    byte seen;
    bool waits, watched;

    if
    :: goto over /* or does not: nobody then wakes what another one has missed to wake */
    :: cancels_all = true
    :: skip
    fi;

look:
    atomic { TOUCH; seen = state }
    atomic {
        if
        :: (seen & PHASE) == DONE -> goto over
        :: (seen & PHASE) == QUEUED -> goto claim
        :: (seen & PHASE) == WAITING -> goto wake
        :: else -> goto mark
        fi
    }

claim:
    atomic {
        TOUCH;
        if
#ifdef BUG_CANCEL_STORES
        :: true -> state = WITH(RUNNING) | CANCEL; was_cancelled = true; OWN
#else
        :: AT(QUEUED) -> state = WITH(RUNNING) | CANCEL; was_cancelled = true; OWN
        :: else -> goto look
#endif
        fi
    }
#ifdef CALLBACK
    urgent++;
#else
    finish(watched);
#endif
    goto over;

wake: /* it goes on, and then finds the bit */
    WAKE(CANCEL);
    ENQUEUE_IF_IT_WAITED;
    goto look;

mark:
    atomic {
        TOUCH;
        if
        :: seen & CANCEL -> goto over
#ifdef BUG_CANCEL_MARKS_BLINDLY
        :: !(seen & CANCEL) -> state = seen | CANCEL; was_cancelled = true; goto over
#else
        :: !(seen & CANCEL) && state == seen ->
            state = state | CANCEL;
            was_cancelled = true;
            goto over
        :: else -> goto look
#endif
        fi
    }

over:
    atomic { seen = 0; callers-- }
}

/* ---- Waiting ---------------------------------------------------------------------------------- */

/* Goes to `over` when it is. */
#define SLEEP_UNLESS(over)                                                                         \
    seen = event;                                                                                  \
    atomic {                                                                                       \
        TOUCH;                                                                                     \
        if                                                                                         \
        :: AT(DONE) || AT(GONE) -> goto over                                                       \
        :: else -> state = state | WATCHED                                                         \
        fi                                                                                         \
    };                                                                                             \
    atomic { event != seen -> seen = 0 }

proctype waiter()
{
    byte seen;

    atomic {
        TOUCH;
        if
        :: AT(IDLE) -> goto back /* refused */
        :: else
        fi
    }
wait:
    SLEEP_UNLESS(back);
    goto wait;

back:
    atomic { seen = 0; waiters--; callers-- }
}

/* ---- The host --------------------------------------------------------------------------------- */

init {
    byte seen;
    bool ready, watched;

    atomic {
        callers = 3;
        run worker();
        if
        :: WORKERS > 1 -> run worker()
        :: else
        fi;
#ifdef WAITER
        callers++;
        waiters++;
        run waiter();
#endif
        run canceller();
        run sender();
        run waker()
    }

begin: /* refused, it is run here, as a later piece may be anyway */
    if
    :: pieces > 1 || cancels_all -> goto claim
    :: !cancels_all -> goto submit
    :: pieces > 1 -> goto destroy
    fi;

submit:
    atomic {
        TOUCH;
        assert(AT(IDLE) && !(state & ENTRY));
        state = WITH(QUEUED) | ENTRY
    }
    atomic { /* the entry is still the host's, so the word is there */
        if
        :: cancels_all ->
            TOUCH;
            was_cancelled = was_cancelled || !AT(DONE);
            state = state | CANCEL
        :: else
        fi
    }
    atomic { enqueue() }

wait: /* for the end */
    SLEEP_UNLESS(finished);
    goto wait;

claim: /* a slice of the host's own */
    atomic {
        TOUCH;
        assert(AT(IDLE));
        state = WITH(RUNNING);
        OWN
    }
    atomic {
        if
        :: state & CANCEL -> goto end
        :: else -> ready = message
        fi
    }
    atomic {
        if
        :: ready -> goto end
        :: else
        fi
    }
    atomic {
        TOUCH;
        assert(AT(RUNNING));
        if
#ifdef BUG_PUT_BACK_BLIND
        :: true -> state = IDLE; DISOWN; goto begin
#else
        :: state & CANCEL
        :: else -> state = WITH(IDLE); DISOWN; goto begin
#endif
        fi
    }

end:
    atomic { ready = false }
    finish(watched);

finished:
    atomic { seen = 0 }
    if
    :: pieces < PIECES -> goto load
    :: goto destroy
    fi;

load: /* the isolate is the host's; refused while a queue names it */
#ifndef BUG_REOPEN_BESIDE_WAITER
    waiters == 0;
#endif
    atomic {
        TOUCH;
#ifdef BUG_REOPEN_WITH_ENTRY
        AT(DONE);
#else
        AT(DONE) && !(state & ENTRY);
#endif
        OWN
    }
    atomic {
        TOUCH;
        assert(AT(DONE));
        DISOWN;
        pieces++;
        was_cancelled = false;
#ifdef BUG_REOPEN_KEEPS_BITS
        state = WITH(IDLE);
#else
        state = WITH(IDLE) & ~(NOTIFIED | CANCEL | WATCHED);
#endif
        goto begin
    }

destroy:
    callers == 0;
    atomic {
        TOUCH;
        assert((AT(DONE) && ends == pieces) || (AT(IDLE) && ends == pieces - 1));
        if
#ifndef BUG_RETIRE_FREES
        :: state & ENTRY -> state = WITH(GONE); goto destroyed
#endif
        :: else -> FREE
        fi
    }

destroyed:
    is_over = true;
    _nr_pr == 1;
    assert(freed && entries == 0 && owners == 0)
}
