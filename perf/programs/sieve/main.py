# Sieve of Eratosthenes: reads and writes of one long array.
import sys


def sieve(n):
    composite = [False] * (n + 1)
    count = 0
    i = 2
    while i <= n:
        if not composite[i]:
            count += 1
            j = i * i
            while j <= n:
                composite[j] = True
                j += i
        i += 1
    return count


print(sieve(int(sys.argv[1]) if len(sys.argv) > 1 else 10000000))
