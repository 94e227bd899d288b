# A map with integer keys, filled, read and emptied.
def run(size, rounds):
    sum = 0
    for _ in range(rounds):
        squares = {}
        for i in range(size):
            squares[i * 7] = i * i
        for i in range(size):
            sum += squares[i * 7]
        for i in range(size):
            squares.pop(i * 7)
        sum += len(squares)
    return sum


print(run(1000, 1000))
