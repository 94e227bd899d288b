/* migration.pml - the symbol table: two stacked migrations under threads that take and let go.
 *
 * One key, whose path begins at place 0 of every cells. While two interners acquire and release it,
 * ROUNDS times together, two helpers begin migrations and move chunks: cells 0 -> 1 -> 2; each thread
 * may stop anywhere for as long as it likes. Cells 3 and 4 are for the two collections at the end. A
 * chunk is one cell. A step (atomic) is one operation on one shared word, together with what only
 * its own thread can see.
 *
 * Checked: two that hold the key at one time hold the same entry; an entry that is held is not freed;
 * nobody touches cells or an entry that were freed; every entry fits; after all releases and two
 * collections everything that was ever made has been freed, once; nobody waits for ever.
 *
 * Epochs: who is inside is a bit of `inside`. What is retired waits for those who were inside at
 * that moment, and is freed the moment the last of them leaves: as early as the rule allows, so
 * every later moment is covered. For the same reason a section lasts from the load of the root to
 * the last touch. Freed memory is never used again, so a touch of it cannot go unseen.
 */
#define INTERNERS 2
#define HELPERS   2
#ifndef ROUNDS
#define ROUNDS 3 /* all together: the last interner has one */
#endif

#define TABLES 5
#define LAST   2 /* the last that threads migrate to */
#define CELLS  3
#define SIZE(t) ((t) < LAST -> 2 : 3)

#define AT(t, i) cell[(t) * CELLS + (i)]
#define ENTRY(w) ((w) & 7)
#define FROZEN   8
#define KEEP     16
#define DROP     32
#define DEAD     64
#define ENTRIES  (ROUNDS + 1) /* 1.., one at most for each time that somebody acquires */

byte root;
byte cell[TABLES * CELLS];
byte next[TABLES];    /* 0: none yet */
byte done[TABLES];    /* bits: chunks that are moved */
byte count[ENTRIES];
byte made;            /* entries made */
byte inside;          /* bits: threads in a section */
byte waits[LAST];     /* bits: threads that a retired table waits for */
bool retired[LAST];
bool gone[LAST];      /* cells freed */
byte freed;           /* bits: entries */
byte hold[INTERNERS]; /* what the interner holds */
byte running;

#define ME (1 << me)
#define LIVE_CELLS(t) assert((t) >= LAST || !gone[t])
#define LIVE_ENTRY(e) assert(!(freed & (1 << (e))))

#ifdef BUG_WALK_BY_COUNT
#define IS_DROPPED(w) (ENTRY(w) != 0 && (count[ENTRY(w)] & DEAD))
#else
#define IS_DROPPED(w) ((w) & DROP)
#endif

/* What is to be freed is what the cells say; there is no list of it. */
inline free_cells(t, j)
{
    j = 0;
    do
    :: j < SIZE(t) ->
        if
        :: IS_DROPPED(AT(t, j)) ->
            LIVE_ENTRY(ENTRY(AT(t, j))); /* freed once */
            assert(hold[0] != ENTRY(AT(t, j)) && hold[INTERNERS - 1] != ENTRY(AT(t, j)));
            freed = freed | (1 << ENTRY(AT(t, j)));
            count[ENTRY(AT(t, j))] = 0
        :: else
        fi;
        AT(t, j) = 0;
        j++
    :: else -> break
    od;
    j = 0
}

inline free_table(t, j)
{
    gone[t] = true;
    free_cells(t, j);
    next[t] = 0;
    done[t] = 0;
    retired[t] = false
}

inline free_what_may(j)
{
    if
    :: retired[0] && waits[0] == 0 -> free_table(0, j)
    :: else
    fi;
    if
    :: retired[1] && waits[1] == 0 -> free_table(1, j)
    :: else
    fi
}

inline leave(j)
{
    d_step {
        inside = inside & ~ME;
        waits[0] = waits[0] & ~ME;
        waits[1] = waits[1] & ~ME;
        free_what_may(j)
    }
}

#ifdef BUG_LATE_SECTION
#define ENTER skip
#define ENTER_LATE inside = inside | ME
#else
#define ENTER inside = inside | ME
#define ENTER_LATE skip
#endif

/* ---- Acquire, release ------------------------------------------------------------------------- */

inline hold_it(e)
{
    hold[me] = e;
    assert(hold[0] == 0 || hold[INTERNERS - 1] == 0 || hold[0] == hold[INTERNERS - 1])
}

proctype interner(byte me)
{
    byte round, t, i, w, e, j;

begin:
    atomic {
        if
        :: round == (me == INTERNERS - 1 -> 1 : ROUNDS - 1) -> goto over
        :: else
        fi;
        ENTER;
        t = root
    }
    ENTER_LATE;

look:
    atomic {
        if
        :: i == SIZE(t) ->
            LIVE_CELLS(t);
            if
            :: next[t] == 0 -> leave(j); t = 0; i = 0; goto refused
            :: else -> t = next[t]; i = 0; goto look
            fi
        :: else
        fi;
        LIVE_CELLS(t);
        w = AT(t, i);
        if
        :: w == 0 -> goto insert
        :: w == FROZEN -> w = 0; goto moved
        :: w != 0 && w != FROZEN && (w & DROP) -> w = 0; i++; goto look
        :: else -> e = ENTRY(w); w = 0; goto take
        fi
    }

moved:
    atomic {
        LIVE_CELLS(t);
        assert(next[t] != 0);
        t = next[t];
        i = 0;
        goto look
    }

take:
    atomic {
        LIVE_ENTRY(e);
        count[e]++;
        if
#ifndef BUG_RESURRECT_DEAD
        :: (count[e] & DEAD) -> goto give_back
#endif
        :: else -> hold_it(e); leave(j); t = 0; i = 0; goto holding
        fi
    }

give_back:
    atomic { LIVE_ENTRY(e); count[e]--; e = 0; i++; goto look }

insert:
    atomic {
        LIVE_CELLS(t);
        if
#ifndef BUG_HOLES_NOT_FROZEN
        :: next[t] != 0 -> goto leave_hole
#endif
        :: else -> goto publish
        fi
    }

leave_hole:
    atomic {
        LIVE_CELLS(t);
        if
        :: AT(t, i) == 0 -> AT(t, i) = FROZEN
        :: else
        fi;
        goto look
    }

publish:
    atomic {
        LIVE_CELLS(t);
        if
#ifndef BUG_PUBLISH_STORE
        :: AT(t, i) != 0 -> goto look
#endif
        :: else ->
            made++;
            e = made;
            count[e] = 1;
            AT(t, i) = e;
            hold_it(e);
            leave(j);
            t = 0;
            i = 0
        fi
    }

holding:
    atomic {
        LIVE_ENTRY(e);
        assert((count[e] & (DEAD - 1)) > 0);
        hold[me] = 0;
        count[e]--;
        e = 0;
        round++;
        goto begin
    }

refused: /* every place of the last cells is taken by the dead */
    assert(false);

over:
    running--
}

/* ---- Moving ----------------------------------------------------------------------------------- */

inline decide(e, flags)
{
    LIVE_ENTRY(e);
#ifdef BUG_NO_DEAD_HANDSHAKE
    flags = (count[e] == 0 -> DROP : KEEP)
#else
    if
    :: count[e] == 0 -> count[e] = DEAD; flags = DROP
    :: else -> flags = ((count[e] & DEAD) -> DROP : KEEP)
    fi
#endif
}

inline retire(t, j)
{
    d_step {
        retired[t] = true;
#ifndef BUG_NO_GRACE
        waits[t] = inside;
#endif
        free_what_may(j)
    }
}

#define ALL_DONE(t) (done[t] == 3)

#ifdef BUG_DECISION_AGAIN
#define IS_DECIDED(w) ((w) == FROZEN)
#else
#define IS_DECIDED(w) ((w) & FROZEN)
#endif

/* The decision that the cell has is the one to follow, whoever made it. */
#define FOLLOW                                                                                     \
    flags = 0;                                                                                     \
    if                                                                                             \
    :: (w & KEEP) -> w = ENTRY(w); goto put                                                        \
    :: else -> w = 0; goto mark                                                                    \
    fi

proctype helper(byte me)
{
    byte t, i, w, flags, p, j;

begin:
    atomic {
        if
        :: root == LAST -> goto over
        :: else
        fi;
        ENTER;
        t = root
    }
    ENTER_LATE;

start: /* the next cells, unless there are some */
    atomic {
        LIVE_CELLS(t);
        if
        :: next[t] == 0 && t < LAST -> next[t] = t + 1
        :: else
        fi;
#ifdef BUG_STACKED
        if
        :: t == 0 -> t = 1; goto start /* whose source is not done */
        :: skip
        fi
#endif
    }

choose: /* any chunk that is not done; when all are, only the root is to be switched */
    atomic {
        LIVE_CELLS(t);
        if
        :: ALL_DONE(t) -> goto finish
        :: !(done[t] & 1) -> i = 0
        :: !(done[t] & 2) -> i = 1
        fi;
        w = AT(t, i);
        if
        :: IS_DECIDED(w) -> FOLLOW
        :: else
        fi
    }

judge:
    atomic {
        if
        :: ENTRY(w) == 0 -> flags = 0
        :: else -> decide(ENTRY(w), flags)
        fi
    }

freeze: /* a compare-and-swap; who loses does what the winner decided */
    atomic {
        LIVE_CELLS(t);
        if
#ifdef BUG_HOLES_NOT_FROZEN
        :: w == 0 -> FOLLOW
#endif
#ifdef BUG_DECISION_AGAIN
        :: AT(t, i) == w && w == (ENTRY(w) | FROZEN | flags) -> FOLLOW
#endif
#ifdef BUG_FREEZE_STORE
        :: AT(t, i) != 0 || w == 0 ->
#else
        :: AT(t, i) == w ->
#endif
            w = ENTRY(w) | FROZEN | flags;
            AT(t, i) = w;
            FOLLOW
        :: else ->
#ifdef BUG_LOSER_DECIDES
            if
            :: w != 0 -> w = w | FROZEN | flags; FOLLOW
            :: else
            fi;
#endif
            w = AT(t, i);
            flags = 0;
            if
            :: IS_DECIDED(w) -> FOLLOW
            :: else -> goto judge
            fi
        fi
    }

put: /* into the next cells, unless it is there */
    atomic {
        LIVE_CELLS(next[t]);
        assert(p < SIZE(next[t]));
        if
        :: AT(next[t], p) == 0 -> AT(next[t], p) = w
#ifndef BUG_PUT_TWICE
        :: AT(next[t], p) != 0 && ENTRY(AT(next[t], p)) == w
#endif
        :: else -> p++; goto put
        fi;
        w = 0;
        p = 0;
        goto mark
    }

mark:
    atomic {
        LIVE_CELLS(t);
        done[t] = done[t] | (1 << i);
        i = 0;
#ifndef BUG_SWITCH_EARLY
        if
        :: !ALL_DONE(t) -> leave(j); t = 0; goto begin
        :: else
        fi
#endif
    }

finish:
    atomic {
        LIVE_CELLS(t);
        if
        :: root == t -> root = next[t]; retire(t, j)
        :: else
        fi;
        leave(j);
        t = 0;
        goto begin
    }

over:
    running--
}

/* ---- The end ---------------------------------------------------------------------------------- */

inline collect(t, i, p)
{
    i = 0;
    do
    :: i < SIZE(t) ->
        if
        :: ENTRY(AT(t, i)) != 0 ->
            /* everybody has let go */
            assert(count[ENTRY(AT(t, i))] == 0 || (count[ENTRY(AT(t, i))] & DEAD));
            count[ENTRY(AT(t, i))] = DEAD;
            AT(t, i) = ENTRY(AT(t, i)) | FROZEN | DROP
        :: else
        fi;
        i++
    :: else -> break
    od;
    free_cells(t, p);
    root = t + 1
}

init {
    byte i, j;
    atomic {
        running = INTERNERS + HELPERS;
        i = 0;
        do
        :: i < INTERNERS -> run interner(i); i++
        :: i >= INTERNERS && i < INTERNERS + HELPERS -> run helper(i); i++
        :: else -> break
        od;
        i = 0
    }
    running == 0;
    d_step {
        assert(inside == 0);
        assert(root == LAST && gone[0] && gone[1]);
        collect(2, i, j);
        collect(3, i, j);
        i = 1;
        do
        :: i <= made -> assert(freed & (1 << i)); i++
        :: else -> break
        od
    }
}
