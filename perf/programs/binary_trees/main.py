# Many short-lived trees beside one that lives long: allocation and collection.
import sys


class Node:
    __slots__ = ("left", "right")

    def __init__(self, left, right):
        self.left = left
        self.right = right


def make(depth):
    if depth == 0:
        return Node(None, None)
    return Node(make(depth - 1), make(depth - 1))


def check(tree):
    if tree.left:
        return 1 + check(tree.left) + check(tree.right)
    return 1


def main(n):
    long_lived = make(n)
    total = 0
    for depth in range(4, n + 1, 4):
        for _ in range(1 << (n - depth + 4)):
            total += check(make(depth))
    print(total, check(long_lived))


main(int(sys.argv[1]) if len(sys.argv) > 1 else 15)
