# Counters and composed functions: making closures, calling them, captured state.
import sys
from functools import reduce


def counter(step):
    n = 0

    def following():
        nonlocal n
        n += step
        return n

    return following


def adder(k):
    return lambda x: x + k


def compose(f, g):
    return lambda x: f(g(x))


def main(n):
    xs = list(range(1, 11))
    total = 0
    for i in range(n):
        following = counter(i % 5)
        following()
        following()
        shift = compose(adder(i), adder(following()))
        total = (total + shift(1)) % 1000003
        if i % 10 == 0:
            total += reduce(lambda acc, x: acc + x, map(shift, xs), 0)
    print(total)


main(int(sys.argv[1]) if len(sys.argv) > 1 else 600000)
