# Maps as records: fields read and written by name.
def step(p):
    p["x"] = p["x"] + p["dx"]
    p["y"] = p["y"] + p["dy"]
    if p["x"] > 100 or p["x"] < 0:
        p["dx"] = -p["dx"]
    if p["y"] > 100 or p["y"] < 0:
        p["dy"] = -p["dy"]


def run(rounds):
    points = []
    for i in range(10):
        points.append({"x": i * 9, "y": i * 5, "dx": i % 3 + 1, "dy": i % 2 + 1})
    for _ in range(rounds):
        for p in points:
            step(p)
    sum = 0
    for p in points:
        sum += p["x"] * 1000 + p["y"]
    return sum


print(run(100000))
