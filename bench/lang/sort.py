# Sorting integers and strings.
def run(size, rounds):
    sum = 0
    seed = 42
    for _ in range(rounds):
        numbers = []
        names = []
        for _ in range(size):
            seed = (seed * 1103 + 12345) % 1000003
            numbers.append(seed)
            names.append("n" + str(seed))
        numbers.sort()
        names.sort()
        sum += numbers[size - 1] - numbers[0] + len(names[0])
    return sum


print(run(20000, 8))
