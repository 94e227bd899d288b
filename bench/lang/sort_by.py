# Sorting with a comparison written in the language.
from functools import cmp_to_key


def run(size, rounds):
    sum = 0
    seed = 42
    for _ in range(rounds):
        numbers = []
        for _ in range(size):
            seed = (seed * 1103 + 12345) % 1000003
            numbers.append(seed)
        numbers.sort(key=cmp_to_key(lambda a, b: b - a))
        sum += numbers[0] - numbers[size - 1]
    return sum


print(run(20000, 10))
