# Calls with three arguments, also through a parameter.
def mix(a, b, c):
    if a > b:
        return a - b + c
    return b - a + c


def twice(f, a, b):
    return f(f(a, b, 1), b, 2)


def run(rounds):
    sum = 0
    i = 0
    while i < rounds:
        sum = mix(sum, i, 3) + twice(mix, i, 7)
        i += 1
    return sum


print(run(2000000))
