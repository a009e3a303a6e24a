# Records are checked, one in ten is bad: raising, catching by class, finally.
import sys


class BadRecord(Exception):
    def __init__(self, value):
        super().__init__("bad record")
        self.value = value


def check(i):
    if i % 10 == 3:
        raise BadRecord(i)
    return i % 7


def process(i):
    return check(i) + 1


def main(n):
    total = 0
    bad = 0
    seen = 0
    for i in range(n):
        try:
            total += process(i)
        except BadRecord as e:
            bad = (bad + e.value) % 1000003
        finally:
            seen += 1
    print(total, bad, seen)


main(int(sys.argv[1]) if len(sys.argv) > 1 else 4000000)
