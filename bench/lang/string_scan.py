# A text read by index, compared and counted.
def run(text, rounds):
    words = 0
    vowels = 0
    for _ in range(rounds):
        i = 0
        length = len(text)
        while i < length:
            c = text[i]
            if c == " ":
                words += 1
            elif c == "a" or c == "e" or c == "i" or c == "o" or c == "u":
                vowels += 1
            i += 1
    return words * 1000 + vowels


print(run("the quick brown fox jumps over the lazy dog and runs away from it", 50000))
