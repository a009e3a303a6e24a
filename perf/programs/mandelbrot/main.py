# Points of the Mandelbrot set on an n x n grid: float arithmetic in registers.
import sys


def inside(cr, ci):
    zr = 0.0
    zi = 0.0
    i = 0
    while i < 50:
        rr = zr * zr
        ii = zi * zi
        if rr + ii > 4.0:
            return 0
        zi = 2.0 * zr * zi + ci
        zr = rr - ii + cr
        i += 1
    return 1


def count(n):
    total = 0
    for y in range(n):
        ci = 2.0 * y / n - 1.0
        for x in range(n):
            total += inside(2.0 * x / n - 1.5, ci)
    return total


print(count(int(sys.argv[1]) if len(sys.argv) > 1 else 900))
