# Takes lines apart and puts them together: split, replace, case, search, join.
import sys


def transform(line):
    out = []
    for field in line.split(","):
        if field.startswith("b"):
            out.append(field.upper())
        elif "mm" in field:
            out.append(field.replace("m", "M"))
        else:
            out.append(field.strip())
    return ";".join(out).replace("-", "+")


def main(n):
    size = 0
    places = 0
    for i in range(1, n + 1):
        text = transform(f"alpha-{i},beta, gamma,delta-{i * 3} ,comma,bravo,echo-x-y")
        size += len(text)
        places += text.find("COMMA")
        places += text.find("BRAVO")
    print(size, places)


main(int(sys.argv[1]) if len(sys.argv) > 1 else 120000)
