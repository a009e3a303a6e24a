# Makes a log of 10 MB and scans it with three patterns.
import re
import sys


def log(n):
    lines = []
    seed = 42
    for i in range(1, n + 1):
        seed = seed * 16807 % 2147483647
        level = "ERROR" if seed % 50 == 0 else "WARN" if seed % 9 == 0 else "INFO"
        lines.append(
            f"2026-03-09T12:{seed % 60} host-{seed % 17} level={level} "
            f"from 10.0.{seed % 40}.{i % 250} path=/api/users/{i} time={seed % 2000}ms"
        )
    return "\n".join(lines)


def main(n):
    text = log(n)
    troubles = re.findall(r"level=(?:ERROR|WARN) from \S+", text)
    addresses = set(re.findall(r"\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}", text))
    slow = sum(int(time[5:9]) for time in re.findall(r"time=1\d\d\dms", text))
    print(len(text), len(troubles), len(addresses), slow)


main(int(sys.argv[1]) if len(sys.argv) > 1 else 110000)
