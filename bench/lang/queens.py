# All ways to put eight queens, by backtracking.
def place(row, n, columns, up, down):
    if row == n:
        return 1
    count = 0
    column = 0
    while column < n:
        if not columns[column] and not up[row + column] and not down[row - column + n]:
            columns[column] = True
            up[row + column] = True
            down[row - column + n] = True
            count += place(row + 1, n, columns, up, down)
            columns[column] = False
            up[row + column] = False
            down[row - column + n] = False
        column += 1
    return count


def filled(n):
    values = []
    for _ in range(n):
        values.append(False)
    return values


def run(n, rounds):
    sum = 0
    for _ in range(rounds):
        sum += place(0, n, filled(n), filled(2 * n), filled(2 * n + 1))
    return sum


print(run(8, 150))
