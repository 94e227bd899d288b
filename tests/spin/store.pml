/* store.pml - the store of the symbol table's entries: who may free a block.
 *
 * THREADS threads take a cell, use it and give it back, ROUNDS times together. A block has CELLS cells; who
 * finds no block with a free cell makes one. Who finds the gate taken goes without a cell, or leaves
 * its own among the orphans for who enters next. A block of which all cells are free is taken out of
 * the list behind the gate, and freed after the gate was left. A step (atomic) is one operation on one
 * shared word, or one on what lies behind the gate, of which reading and writing are two.
 *
 * Checked: no cell is handed out twice or given back twice; nobody touches a block that was freed,
 * neither with a cell of it in hand nor behind the gate; a block is freed once; in the end, with the
 * orphans given back, every block has been freed.
 *
 * To hold a cell stands for all who may read an entry: those with a count, and those inside a section, for
 * whom the entry is given back only after them (migration.pml).
 */
#define THREADS 3
#ifndef ROUNDS
#define ROUNDS 4 /* all together: the others have one each */
#endif

#define BLOCKS ROUNDS
#define CELLS  2
#define WHOLE  3
#define NONE   255

#define BIT(n)      (1 << (n))
#define BLOCK_OF(c) ((c) / CELLS)
#define TOUCH(b)    assert(!(gone & BIT(b)))

bool busy;    /* the gate */
byte orphans; /* bits: cells */
byte held;    /* bits: cells that somebody has */
byte made;    /* blocks */
byte gone;    /* bits: blocks */
byte running = THREADS;
/* Behind the gate. */
byte free[BLOCKS]; /* bits: cells */
byte open;         /* bits: blocks that are in the list */

inline free_blocks(b)
{
    b = 0;
    do
    :: b < BLOCKS ->
        if
        :: whole & BIT(b) ->
            TOUCH(b); /* once */
            assert(!(held & (WHOLE << (b * CELLS))));
            assert(!(orphans & (WHOLE << (b * CELLS))));
            gone = gone | BIT(b)
        :: else
        fi;
        b++
    :: else -> break
    od;
    b = 0;
    whole = 0
}

proctype user(byte rounds)
{
    byte own = NONE; /* the cell that it has, and will give */
    byte mine, whole, b, c, map;
    bool wants;

next:
    atomic {
        if
        :: rounds == 0 -> goto over
        :: else -> rounds--; wants = true
        fi
    }

enter:
#ifdef BUG_GATE_LOOKS
    atomic {
        if
        :: busy -> goto refused
        :: else
        fi
    }
    busy = true;
#else
    atomic {
        if
        :: busy -> goto refused
        :: else -> busy = true
        fi
    }
#endif

#ifdef BUG_ORPHANS_STORE
    mine = orphans;
    orphans = 0;
#else
    atomic { mine = orphans; orphans = 0 }
#endif
    atomic {
        if
        :: own != NONE -> mine = mine | BIT(own); held = held & ~BIT(own); own = NONE
        :: else
        fi
    }

give:
    atomic {
        if
        :: mine == 0 -> goto take
        :: else
        fi;
        do
        :: mine & BIT(c) -> break
        :: else -> c++
        od;
        mine = mine & ~BIT(c);
        b = BLOCK_OF(c);
        TOUCH(b);
        assert(!(free[b] & BIT(c % CELLS)));
        map = free[b] | BIT(c % CELLS)
    }
    atomic {
        TOUCH(b);
        free[b] = map;
        open = open | BIT(b);
        if
        :: map == WHOLE ->
            whole = whole | BIT(b);
#ifndef BUG_LEFT_IN_LIST
            open = open & ~BIT(b)
#endif
        :: else
        fi;
        map = 0;
        b = 0;
        c = 0;
        goto give
    }

take:
    atomic {
        if
        :: !wants -> goto leave
        :: wants && open == 0 ->
            b = made;
            made++;
            free[b] = WHOLE;
            open = open | BIT(b)
        :: else ->
            do
            :: open & BIT(b) -> break
            :: else -> b++
            od
        fi;
        TOUCH(b);
        map = free[b]
    }
    atomic {
        TOUCH(b);
        c = (map & 1 -> 0 : 1);
        own = b * CELLS + c;
        assert(!(held & BIT(own)));
        held = held | BIT(own);
        free[b] = map & ~BIT(c);
        if
        :: free[b] == 0 -> open = open & ~BIT(b)
        :: else
        fi;
        map = 0;
        b = 0;
        c = 0
    }

leave:
#ifdef BUG_FREED_BY_LOOK
    busy = false;
    atomic { /* what is whole now, instead of what was taken out */
        b = 0;
        whole = 0;
        do
        :: b < made && free[b] == WHOLE && !(gone & BIT(b)) -> whole = whole | BIT(b); b++
        :: b < made && (free[b] != WHOLE || (gone & BIT(b))) -> b++
        :: else -> break
        od
    }
#else
    busy = false;
#endif
    atomic {
        free_blocks(b);
        if
        :: !wants -> goto next
        :: else -> wants = false
        fi
    }

use: /* the cell, and then it is given back */
    atomic { TOUCH(BLOCK_OF(own)); goto enter }

refused:
    atomic {
        if
        :: wants -> wants = false; goto next /* the allocator */
        :: else ->
            TOUCH(BLOCK_OF(own)); /* the link of the list lies in the cell */
            held = held & ~BIT(own);
#ifdef BUG_ORPHAN_SAID_FREE
            free[BLOCK_OF(own)] = free[BLOCK_OF(own)] | BIT(own % CELLS);
#endif
            orphans = orphans | BIT(own);
            own = NONE;
            goto next
        fi
    }

over:
    running--
}

init {
    byte b;

    atomic {
        run user(ROUNDS - THREADS + 1);
        b = 1;
        do
        :: b < THREADS -> run user(1); b++
        :: else -> break
        od;
        b = 0
    }
    running == 0;
    d_step { /* as the table goes */
        do
        :: b < made ->
            assert((gone & BIT(b)) || !(free[b] & (orphans >> (b * CELLS)) & WHOLE));
            assert((gone & BIT(b)) || ((free[b] | (orphans >> (b * CELLS))) & WHOLE) == WHOLE);
            assert(!(gone & BIT(b)) || !((orphans >> (b * CELLS)) & WHOLE));
            b++
        :: else -> break
        od;
        assert(held == 0 && !busy)
    }
}
