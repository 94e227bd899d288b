# A map with string keys, found and replaced.
def run(size, rounds):
    keys = []
    i = 0
    while i < size:
        keys.append(f"key{i}")
        i += 1
    counts = {}
    round = 0
    while round < rounds:
        i = 0
        while i < size:
            key = keys[i]
            counts[key] = counts.get(key, 0) + i
            i += 1
        round += 1
    sum = 0
    i = 0
    while i < size:
        sum += counts[keys[i]]
        i += 1
    return sum


print(run(1000, 3000))
