// Sieve of Eratosthenes: reads and writes of one long array.
function sieve(n) {
  const composite = [];
  for (let i = 0; i <= n; i++) composite.push(false);
  let count = 0;
  let i = 2;
  while (i <= n) {
    if (!composite[i]) {
      count += 1;
      let j = i * i;
      while (j <= n) {
        composite[j] = true;
        j += i;
      }
    }
    i += 1;
  }
  return count;
}

console.log(sieve(Number(process.argv[2] ?? 10000000)));
