# Binary trees made and walked: allocation and collection.
def make(depth):
    if depth == 0:
        return [None, None]
    return [make(depth - 1), make(depth - 1)]


def count(tree):
    if tree[0] is None:
        return 1
    return 1 + count(tree[0]) + count(tree[1])


def run(depth, rounds):
    kept = make(depth)
    sum = 0
    for _ in range(rounds):
        sum += count(make(depth - 2))
    return sum + count(kept)


print(run(14, 100))
