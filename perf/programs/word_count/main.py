# Counts the words of a generated text: splitting, and a dict by string.
import sys


def generate(n):
    seed = 7
    words = []
    for _ in range(n):
        seed = seed * 16807 % 2147483647
        words.append(f"w{seed % 2000}")
    return " ".join(words)


def count_words(text):
    counts = {}
    for word in text.split(" "):
        counts[word] = counts.get(word, 0) + 1
    return counts


def main(n):
    source = generate(100000)
    most = 0
    distinct = 0
    for _ in range(n):
        counts = count_words(source)
        distinct += len(counts)
        for count in counts.values():
            if count > most:
                most = count
    print(distinct, most)


main(int(sys.argv[1]) if len(sys.argv) > 1 else 50)
