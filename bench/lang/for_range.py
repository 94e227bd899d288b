# Walks over ranges.
def run(size, rounds):
    sum = 0
    for _ in range(rounds):
        for i in range(size):
            sum += i
        for i in range(0, 10):
            sum -= i
    return sum


print(run(1000, 20000))
