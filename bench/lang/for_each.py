# Walks over a list and over its indexes.
def run(size, rounds):
    values = []
    for i in range(size):
        values.append(i % 10)
    sum = 0
    for _ in range(rounds):
        for value in values:
            sum += value
        for i, value in enumerate(values):
            sum += i - value
    return sum


print(run(1000, 10000))
