# Text from pieces: interpolation, `+`, and joining of a list.
import sys


def stars(n):
    text = ""
    for _ in range(n):
        text += "*"
    return text


def row(i):
    return f"{i}: {i * 7 % 13} {stars(i % 8)}"


def page(first):
    rows = []
    for i in range(first, first + 50):
        rows.append(row(i))
    return "\n".join(rows)


def main(n):
    size = 0
    for i in range(n):
        size += len(page(i * 50))
    print(size)


main(int(sys.argv[1]) if len(sys.argv) > 1 else 20000)
