# One call site, three classes: method lookup on changing receivers.
import sys


class Shape:
    def area(self, k):
        return 0

    def weight(self, k):
        return self.area(k) + 1


class Square(Shape):
    def __init__(self, side):
        self.side = side

    def area(self, k):
        return self.side * self.side + k


class Rectangle(Shape):
    def __init__(self, width, height):
        self.width = width
        self.height = height

    def area(self, k):
        return self.width * self.height + k


class Disc(Shape):
    def __init__(self, radius):
        self.radius = radius

    def area(self, k):
        return 3 * self.radius * self.radius - k


def total_weight(shapes, n):
    total = 0
    for i in range(n):
        for shape in shapes:
            total += shape.weight(i)
        total %= 1000003
    return total


shapes = [Square(3), Rectangle(2, 5), Disc(2), Rectangle(4, 4), Square(7), Disc(1)]
print(total_weight(shapes, int(sys.argv[1]) if len(sys.argv) > 1 else 1000000))
