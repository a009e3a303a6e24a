// Counters and composed functions: making closures, calling them, captured state.
function counter(step) {
  let n = 0;
  return () => {
    n += step;
    return n;
  };
}

const adder = (k) => (x) => x + k;
const compose = (f, g) => (x) => f(g(x));

function main(n) {
  const xs = [];
  for (let i = 1; i <= 10; i++) xs.push(i);
  let total = 0;
  for (let i = 0; i < n; i++) {
    const next = counter(i % 5);
    next();
    next();
    const shift = compose(adder(i), adder(next()));
    total = (total + shift(1)) % 1000003;
    if (i % 10 === 0) {
      total += xs.map(shift).reduce((acc, x) => acc + x, 0);
    }
  }
  console.log(total);
}

main(Number(process.argv[2] ?? 600000));
