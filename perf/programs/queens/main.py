# All solutions of the n queens problem: recursion, booleans in small arrays.
import sys


def place(row, n, cols, up, down):
    if row == n:
        return 1
    count = 0
    for col in range(n):
        u = row + col
        d = row - col + n
        if not (cols[col] or up[u] or down[d]):
            cols[col] = True
            up[u] = True
            down[d] = True
            count += place(row + 1, n, cols, up, down)
            cols[col] = False
            up[u] = False
            down[d] = False
    return count


def main(n):
    print(place(0, n, [False] * n, [False] * (2 * n), [False] * (2 * n + 1)))


main(int(sys.argv[1]) if len(sys.argv) > 1 else 12)
