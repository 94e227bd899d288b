# Short strings made of numbers and others, and compared.
def run(rounds):
    same = 0
    length = 0
    i = 0
    while i < rounds:
        name = f"item-{i % 100}:{i % 7}"
        other = "item-" + str(i % 50) + ":" + str(i % 7)
        if name == other:
            same += 1
        length += len(name)
        i += 1
    return same + length


print(run(300000))
