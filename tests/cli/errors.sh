# Uncaught errors: the line, the trace, and which of many isolates is told.
. "$(dirname "$0")/lib.bash"

file=$(program trace.zx <<'END'
action inner(x) { return x + null }
action outer(x) {
    return inner(x)
}
print("first")
outer(1)
END
)
zvm run "$file"
expect_status 1
expect_out first
expect_err "$file:1:28: TypeError: cannot apply '+' to integer and null
at inner ($file:1:28)
at outer ($file:3:12)
at <main> ($file:6:1)"

# Through tasks: the body's calls, then the await that ran it; the call that made the task is over.
tasks=$(program tasks.zx <<'END'
action inner(x) { return x + null }
async action work(x) {
    return inner(x)
}
async action more(task) { return await task }
await more(work(1))
END
)
zvm run "$tasks"
expect_status 1
expect_err "$tasks:1:28: TypeError: cannot apply '+' to integer and null
at inner ($tasks:1:28)
at work ($tasks:3:12)
at more ($tasks:5:34)
at <main> ($tasks:6:1)"

thrown=$(program thrown.zx <<'END'
throw "a plain string"
END
)
zvm run "$thrown"
expect_status 1
expect_err_like "^$thrown:1:1: Error: a plain string$"

# Isolates 3, 13, 23, ... fail in one way, 7, 17, 27, ... in another. The lowest number is told,
# whatever the order in which they end.
many=$(program many.zx <<'END'
let last = isolate_id() % 10
if last == 3 { throw error("isolate ${isolate_id()}", "ThreeError") }
if last == 7 || isolate_id() == 5 { require(false) }
END
)
for workers in 1 2 4; do
    zvm run "$many" -n 100 -w $workers
    expect_status 1
    expect_err "$many:2:16: ThreeError: isolate 3
at <main> ($many:2:16)
zvm: $many: 21 of 100 isolates failed (shown: isolate 3): 11 RequireError, 10 ThreeError"
done

# The status is that of the lowest failing isolate, not of the first to end.
mixed=$(program mixed.zx <<'END'
if isolate_id() == 0 {
    let i = 0
    while true { i += 1 }
}
throw "quick"
END
)
zvm run "$mixed" -n 10 -w 2 --fuel 500000
expect_status 4
expect_err_like "out of fuel after 500,000 \(isolate 0\)"
expect_err_like "10 of 10 isolates failed \(shown: isolate 0\): 9 Error, 1 out of fuel"

# More kinds than there are rows for.
kinds=$(program kinds.zx <<'END'
throw error("x", "Kind${isolate_id()}")
END
)
zvm run "$kinds" -n 40 -w 2
expect_status 1
expect_err_like "40 of 40 isolates failed .* 24 other$"

# A bounded trace of a deep stack.
deep=$(program deep.zx <<'END'
action dive(n) { if n == 0 { throw "bottom" } return dive(n - 1) }
dive(5000)
END
)
zvm run "$deep"
expect_status 1
expect_err_like "^at \.\.\. \([0-9,]+ more\)$"
checks=$((checks + 1))
[ "$(wc -l <"$work/err")" -le 40 ] || fail "the trace is too long"
finish
