# Product of two n x n matrices: nested arrays of floats.
import sys


def matrix(n, scale):
    return [[scale * (i - j) * (i + j) for j in range(n)] for i in range(n)]


def multiply(a, b, n):
    product = []
    for left in a:
        row = []
        for j in range(n):
            total = 0.0
            for k in range(n):
                total += left[k] * b[k][j]
            row.append(total)
        product.append(row)
    return product


def main(n):
    scale = 1.0 / n / n
    c = multiply(matrix(n, scale), matrix(n, scale), n)
    trace = 0.0
    for i in range(n):
        trace += c[i][i]
    print(int(trace * 1000))


main(int(sys.argv[1]) if len(sys.argv) > 1 else 320)
