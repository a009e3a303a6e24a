# A pipeline of three generators: suspending and resuming for every element.
import sys


def numbers(n):
    i = 0
    while i < n:
        yield i
        i += 1


def odd(source):
    for x in source:
        if x % 2 == 1:
            yield x


def squares(source):
    for x in source:
        yield x * x % 1009


def main(n):
    total = 0
    for x in squares(odd(numbers(n))):
        total = (total * 3 + x) % 1000003
    print(total)


main(int(sys.argv[1]) if len(sys.argv) > 1 else 3000000)
