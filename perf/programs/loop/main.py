# A counting loop: addition, multiplication, modulo and a branch.
import sys


def run(n):
    total = 0
    i = 0
    while i < n:
        if i % 3 == 0:
            total += i % 7
        else:
            total = (total * 3 + i) % 1000003
        i += 1
    return total


print(run(int(sys.argv[1]) if len(sys.argv) > 1 else 30000000))
