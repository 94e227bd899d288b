# Integer arithmetic and comparisons.
def run(rounds):
    sum = 0
    i = 0
    while i < rounds:
        sum = (sum * 31 + i) % 1000003
        if sum % 2 == 0:
            sum += 1
        i += 1
    return sum


print(run(4000000))
