# Flips of pancakes for every permutation: small arrays, indices, inner loops.
def flips_of(perm)
  flips = 0
  first = perm[0]
  while first != 0
    lo = 0
    hi = first
    while lo < hi
      perm[lo], perm[hi] = perm[hi], perm[lo]
      lo += 1
      hi -= 1
    end
    flips += 1
    first = perm[0]
  end
  flips
end

# Moves the first of the r + 1 leading elements behind the others.
def rotate(perm, r)
  first = perm[0]
  i = 0
  while i < r
    perm[i] = perm[i + 1]
    i += 1
  end
  perm[r] = first
end

def fannkuch(n)
  perm = (0...n).to_a
  count = (1..n).to_a
  checksum = 0
  most = 0
  sign = 1
  r = 0
  while r < n
    if perm[0] != 0
      flips = flips_of(perm.dup)
      checksum += sign * flips
      most = flips if flips > most
    end
    sign = 0 - sign
    r = 1
    while r < n
      rotate(perm, r)
      count[r] -= 1
      break if count[r] > 0

      count[r] = r + 1
      r += 1
    end
  end
  puts "#{checksum} #{most}"
end

fannkuch((ARGV[0] || 9).to_i)
