# Product of two matrices, lists of lists of floats.
def make(n, seed):
    rows = []
    for i in range(n):
        row = []
        for j in range(n):
            row.append(float((i * seed + j) % 10))
        rows.append(row)
    return rows


def multiply(a, b, n):
    rows = []
    for i in range(n):
        row = []
        left = a[i]
        for j in range(n):
            sum = 0.0
            for k in range(n):
                sum += left[k] * b[k][j]
            row.append(sum)
        rows.append(row)
    return rows


product = multiply(make(200, 3), make(200, 7), 200)
print(int(product[0][0] + product[70][80] + product[149][149]))
