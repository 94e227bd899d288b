# Floating-point arithmetic.
def run(rounds):
    x = 0.5
    sum = 0.0
    i = 0
    while i < rounds:
        x = 3.7 * x * (1.0 - x)
        sum = sum + x / 2.0 - 0.25
        i += 1
    return sum


print("true" if run(8000000) > 0.0 else "false")
