# Words of a text, split and counted.
def run(text, rounds):
    counts = {}
    for _ in range(rounds):
        for word in text.split(" "):
            counts[word] = counts.get(word, 0) + 1
    sum = 0
    for word, count in counts.items():
        sum += len(word) * count
    return sum


print(run("it was the best of times it was the worst of times it was the age of wisdom", 50000))
