# Merge sort of a linked list of pseudo-random numbers: cells are instances.
import sys


class Cell:
    __slots__ = ("head", "tail")

    def __init__(self, head, tail):
        self.head = head
        self.tail = tail


def random_list(n):
    seed = 42
    cells = None
    for _ in range(n):
        seed = seed * 16807 % 2147483647
        cells = Cell(seed, cells)
    return cells


def cut(cells, n):
    """Takes the first n cells off and returns the rest."""
    while n > 1:
        cells = cells.tail
        n -= 1
    rest = cells.tail
    cells.tail = None
    return rest


def merge(a, b):
    front = Cell(0, None)
    end = front
    while a and b:
        if a.head <= b.head:
            end.tail = a
            a = a.tail
        else:
            end.tail = b
            b = b.tail
        end = end.tail
    end.tail = a or b
    return front.tail


def sort(cells, n):
    if n < 2:
        return cells
    half = n >> 1
    rest = cut(cells, half)
    return merge(sort(cells, half), sort(rest, n - half))


def main(n):
    cells = sort(random_list(n), n)
    total = 0
    position = 0
    while cells:
        total = (total + cells.head * (position % 10)) % 1000000007
        position += 1
        cells = cells.tail
    print(position, total)


main(int(sys.argv[1]) if len(sys.argv) > 1 else 300000)
