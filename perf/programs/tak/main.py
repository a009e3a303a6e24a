# Takeuchi's function: deep recursion with three arguments.
import sys


def tak(x, y, z):
    if y < x:
        return tak(tak(x - 1, y, z), tak(y - 1, z, x), tak(z - 1, x, y))
    return z


def main(n):
    total = 0
    for _ in range(n):
        total += tak(18, 12, 6)
    print(total)


main(int(sys.argv[1]) if len(sys.argv) > 1 else 500)
