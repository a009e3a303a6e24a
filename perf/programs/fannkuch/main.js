// Flips of pancakes for every permutation: small arrays, indices, inner loops.
function flipsOf(perm) {
  let flips = 0;
  let first = perm[0];
  while (first !== 0) {
    let lo = 0;
    let hi = first;
    while (lo < hi) {
      const t = perm[lo];
      perm[lo] = perm[hi];
      perm[hi] = t;
      lo += 1;
      hi -= 1;
    }
    flips += 1;
    first = perm[0];
  }
  return flips;
}

// Moves the first of the r + 1 leading elements behind the others.
function rotate(perm, r) {
  const first = perm[0];
  for (let i = 0; i < r; i++) perm[i] = perm[i + 1];
  perm[r] = first;
}

function fannkuch(n) {
  const perm = [];
  const count = [];
  for (let i = 0; i < n; i++) {
    perm.push(i);
    count.push(i + 1);
  }
  let checksum = 0;
  let most = 0;
  let sign = 1;
  let r = 0;
  while (r < n) {
    if (perm[0] !== 0) {
      const flips = flipsOf(perm.slice());
      checksum += sign * flips;
      if (flips > most) most = flips;
    }
    sign = 0 - sign;
    r = 1;
    while (r < n) {
      rotate(perm, r);
      count[r] -= 1;
      if (count[r] > 0) break;
      count[r] = r + 1;
      r += 1;
    }
  }
  console.log(checksum, most);
}

fannkuch(Number(process.argv[2] ?? 9));
