# The examples print what they should, alone and on many isolates.
. "$(dirname "$0")/lib.bash"

zvm check examples/*.zx
expect_status 0
expect_err ""
for file in examples/*.zx; do
    zvm dis "$file"
    expect_status 0
    checks=$((checks + 1))
    [ -s "$work/out" ] || fail "nothing is shown"
done

zvm run examples/hello.zx
expect_out "hello, world"
zvm run examples/hello.zx -- Ada Grace
expect_out $'hello, Ada\nhello, Grace'
zvm run examples/wordcount.zx -- to be or not To be
expect_out $'6 words, 4 different\n2 be\n2 to\n1 not\n1 or'
zvm run examples/wordcount.zx
expect_out $'1600 words, 9 different\n638 heap\n274 page\n227 span\n147 cell\n137 root'
zvm run examples/bank.zx
expect_status 0
expect_out "ada -> grace: 3000
grace -> alan: 5500
alan -> ada: FundsError: alan has 5500 cents, not 5501
ada -> nobody: AccountError: there is no account 'nobody'
nobody -> ada: AccountError: there is no account 'nobody'
ada: 0
grace: 12495
alan: 5
1787 transfers, 215 refused"
zvm run examples/nbody.zx -n 50
expect_status 0
expect_out $'energy before: -0.1690751638285433\nenergy after:  -0.16908760523462465'

for isolates in 1 77; do
    zvm run examples/quickstart.zx -n $isolates --output all
    expect_status 0
    checks=$((checks + 1))
    [ "$(awk '{ sum += $1 } END { printf "%.0f", sum }' "$work/out")" = $((100 * isolates * (100 * isolates + 1) / 2)) ] ||
        fail "quickstart does not add up"
done
finish
