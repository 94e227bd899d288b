# Wrong command lines: exit status 2 and one line that says what, where, and how to mend it.
. "$(dirname "$0")/lib.bash"

refuse() { # REGEX ARG...
    local like=$1
    shift
    zvm "$@"
    expect_refusal 2 "^zvm: $like"
}

file=examples/hello.zx
refuse "no command; write 'zvm run"
refuse "'fly' is not a command; 'zvm --help'" fly
refuse "'hello.zx' is not a command; write 'zvm run hello.zx'" hello.zx
refuse "'x.zx': repl takes no FILE" repl x.zx
refuse "unknown option '-n'; 'zvm repl --help'" repl -n 5
refuse "--heap-limit: '1' is too small" repl --heap-limit 1
refuse "'x': version takes nothing" version x
refuse "'fast': selftest does not know it; 'zvm selftest --help'" selftest fast
refuse "--only: there is no check 'fly'; 'zvm selftest --list'" selftest --only fly
refuse "--show: there is no program 'language'" selftest --show language
refuse "--plant: there is no fault 'none'" selftest --plant=none
refuse "--seconds: '0' is not a whole number from 1 to 3,600" selftest --seconds 0
refuse "--seed: needs a value; write '--seed 1'" selftest --seed
refuse "-w: '1025' is not a whole number from 1 to 1,024" selftest -w 1025

refuse "no FILE to run" run
refuse "no FILE to run" run -n 2
refuse "no FILE to run" run -- $file
refuse "'b.zx': only one FILE" run a.zx b.zx
refuse "unknown option '--frobnicate'; 'zvm run --help'" run $file --frobnicate
refuse "unknown option '-x'" run -x $file
refuse "unknown option '--heap-limits=1M'" run $file --heap-limits=1M
refuse "--seed: such a run has one worker; leave -w out" run $file --seed 1 -w 2
refuse "--seed: .0. is not a whole number from 1" run $file --seed=0

refuse "-n: '0' is not a whole number from 1 to 1,000,000,000" run $file -n 0
refuse "-n: '99999999999' is not a whole number" run $file -n 99999999999
refuse "-n: '99999999999999999999999' is not a whole number" run $file -n 99999999999999999999999
refuse "-n: '-1' is not" run $file -n -1
refuse "-n: '1.5' is not" run $file -n 1.5
refuse "-n: 'x' is not" run $file -nx
refuse "-n: '' is not" run $file -n ''
refuse "-n: needs a value; write '-n 1000'" run $file -n
refuse "-w: '0' is not a whole number from 1 to 1,024" run $file -w 0
refuse "-w: '1025' is not" run $file -w 1025
refuse "--heap-limit: '1' is too small; the least is 16K" run $file --heap-limit 1
refuse "--heap-limit: '16383' is too small" run $file --heap-limit 16383
refuse "--heap-limit: '-5' is not a size; write bytes or 64K" run $file --heap-limit -5
refuse "--heap-limit: '1T' is not a size" run $file --heap-limit=1T
refuse "--heap-limit: '99999999999999G' is not a size" run $file --heap-limit 99999999999999G
refuse "--heap-limit: needs a value" run $file --heap-limit
refuse "--fuel: '0' is not" run $file --fuel 0
refuse "--timeout: '5' is not a duration; .* 500us, 20ms, 3s" run $file --timeout 5
refuse "--timeout: '0s' is not" run $file --timeout 0s
refuse "--timeout: '5 s' is not" run $file --timeout '5 s'
refuse "--max-depth: '0' is not" run $file --max-depth 0
refuse "--slice: '0' is not" run $file --slice 0
refuse "--gc-threshold: 'many' is not" run $file --gc-threshold many
refuse "--gc-mode: 'fast' is not a mode; write auto, full, incremental or generational" run $file --gc-mode fast
refuse "--gc-growth: '100' is" run $file --gc-growth 100
refuse "--gc-growth: 'x' is not" run $file --gc-growth x
refuse "--int-pool: '-1' is not" run $file --int-pool -1
refuse "--str-pool: '1048577' is not" run $file --str-pool 1048577
refuse "--list-pool: 'all' is not" run $file --list-pool all
refuse "--report: 'xml' is not a report; write none, text, json or prom" run $file --report xml
refuse "--output: 'some' is not a choice of output; write first, all or none" run $file --output some
refuse "--report-file: there is no report" run $file --report none --report-file "$work/r"
refuse "--report-file: the name is empty" run $file --report text --report-file ''

refuse "no FILE to check" check
refuse "unknown option '--all'; 'zvm check --help'" check --all
refuse "no FILE to dis" dis
refuse "'b.zx': only one FILE can be shown" dis a.zx b.zx

# What is accepted: both forms of a value, options on either side of FILE, the least and the most.
for words in "-n 3 $file" "$file -n3" "$file -n=3" "--heap-limit 16K $file" "$file --heap-limit=1g" \
    "$file --heap-limit 100m -w 1 --fuel 1000000 --timeout 60s --max-depth 50 --slice 10 --gc-threshold 0" \
    "$file --int-pool 0 --str-pool 0 --list-pool 0" "$file --int-pool 1048576 --str-pool=7 --list-pool 100"; do
    # shellcheck disable=SC2086
    zvm run $words
    expect_status 0
    expect_out "hello, world"
    expect_err ""
done
zvm run $file -- Ada --fuel -- Grace
expect_out $'hello, Ada\nhello, --fuel\nhello, --\nhello, Grace'
zvm run $file -- $'bad \xff bytes'
expect_refusal 2 "^zvm: an argument behind '--' is not valid UTF-8"
finish
