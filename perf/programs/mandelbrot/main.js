// Points of the Mandelbrot set on an n x n grid: float arithmetic in registers.
function inside(cr, ci) {
  let zr = 0.0;
  let zi = 0.0;
  let i = 0;
  while (i < 50) {
    const rr = zr * zr;
    const ii = zi * zi;
    if (rr + ii > 4.0) return 0;
    zi = 2.0 * zr * zi + ci;
    zr = rr - ii + cr;
    i += 1;
  }
  return 1;
}

function count(n) {
  let total = 0;
  for (let y = 0; y < n; y++) {
    const ci = 2.0 * y / n - 1.0;
    for (let x = 0; x < n; x++) {
      total += inside(2.0 * x / n - 1.5, ci);
    }
  }
  return total;
}

console.log(count(Number(process.argv[2] ?? 900)));
