# A list that grows, is read and written by index.
def run(size, rounds):
    values = []
    i = 0
    while i < size:
        values.append(i)
        i += 1
    sum = 0
    round = 0
    while round < rounds:
        i = 1
        while i < size:
            values[i] = (values[i - 1] + values[i]) % 1000
            i += 1
        sum += values[size - 1]
        round += 1
    return sum


print(run(100000, 40))
