# Dicts with integer and with string keys: insertion, lookup, deletion.
import sys


def integers(n):
    numbers = {}
    key = 1
    for _ in range(n):
        key = key * 16807 % 2147483647
        numbers[key] = key % 100
    total = 0
    key = 1
    for i in range(1, n + 1):
        key = key * 16807 % 2147483647
        total += numbers.get(key, 0)
        total += numbers.get(key + 1, 1)
        if i % 3 == 0:
            del numbers[key]
    return total + len(numbers)


def strings(n):
    numbers = {}
    for i in range(1, n + 1):
        numbers[f"key-{i % 5000}"] = i
    total = 0
    for i in range(1, n + 1):
        if f"key-{i}" in numbers:
            total += 1
    for count in numbers.values():
        total += count
    return total


def main(n):
    total = 0
    for _ in range(5):
        total += integers(n)
        total += strings(n)
    print(total)


main(int(sys.argv[1]) if len(sys.argv) > 1 else 150000)
