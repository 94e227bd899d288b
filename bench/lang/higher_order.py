# map, filter and reduce with small functions.
from functools import reduce


def run(size, rounds):
    values = list(range(size))
    sum = 0
    for _ in range(rounds):
        tripled = map(lambda x: x * 3, values)
        even = filter(lambda x: x % 2 == 0, tripled)
        sum += reduce(lambda a, b: a + b, even, 0)
    return sum


print(run(1000, 1500))
