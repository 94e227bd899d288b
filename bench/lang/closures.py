# Closures that share a counter, made and called.
def counter(step):
    count = 0

    def add(n):
        nonlocal count
        count = count + n * step
        return count

    return add


def run(rounds):
    sum = 0
    i = 0
    while i < rounds:
        next = counter(i % 7)
        next(1)
        next(2)
        next(3)
        sum = (sum + next(4)) % 1000003
        i += 1
    return sum


print(run(500000))
