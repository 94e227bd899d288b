# Records with methods (Lua: tables with a metatable).
class Vector:
    __slots__ = ("x", "y")

    def __init__(self, x, y):
        self.x = x
        self.y = y

    def add(self, other):
        return Vector(self.x + other.x, self.y + other.y)

    def dot(self, other):
        return self.x * other.x + self.y * other.y

    def move(self, dx, dy):
        self.x = (self.x + dx) % 1000
        self.y = (self.y + dy) % 1000


def run(rounds):
    v = Vector(1, 2)
    w = Vector(3, 4)
    sum = 0
    for i in range(rounds):
        v.move(i % 5, i % 3)
        w = w.add(v)
        w.move(1, 1)
        sum = (sum + v.dot(w)) % 1000003
    return sum


print(run(500000))
