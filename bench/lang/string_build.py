# A long string built piece by piece (from a list, the way to do it in linear time): the same algorithm
# as string_build.lua.
def run(rounds):
    parts = []
    i = 0
    while i < rounds:
        parts.append("x")
        if i % 10 == 9:
            parts.append(", ")
        i += 1
    return len("".join(parts))


print(run(2000000))
