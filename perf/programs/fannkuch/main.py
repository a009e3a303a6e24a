# Flips of pancakes for every permutation: small lists, indices, inner loops.
import sys


def flips_of(perm):
    flips = 0
    first = perm[0]
    while first != 0:
        lo = 0
        hi = first
        while lo < hi:
            perm[lo], perm[hi] = perm[hi], perm[lo]
            lo += 1
            hi -= 1
        flips += 1
        first = perm[0]
    return flips


def rotate(perm, r):
    """Moves the first of the r + 1 leading elements behind the others."""
    first = perm[0]
    for i in range(r):
        perm[i] = perm[i + 1]
    perm[r] = first


def fannkuch(n):
    perm = list(range(n))
    count = list(range(1, n + 1))
    checksum = 0
    most = 0
    sign = 1
    r = 0
    while r < n:
        if perm[0] != 0:
            flips = flips_of(perm[:])
            checksum += sign * flips
            if flips > most:
                most = flips
        sign = 0 - sign
        r = 1
        while r < n:
            rotate(perm, r)
            count[r] -= 1
            if count[r] > 0:
                break
            count[r] = r + 1
            r += 1
    print(checksum, most)


fannkuch(int(sys.argv[1]) if len(sys.argv) > 1 else 9)
