// Largest singular value of an infinite matrix, by the power method: calls that
// compute floats in nested loops.
function entry(i, j) {
  return 1.0 / ((i + j) * (i + j + 1) / 2 + i + 1);
}

function times(v, n) {
  const out = [];
  for (let i = 0; i < n; i++) {
    let sum = 0.0;
    for (let j = 0; j < n; j++) sum += entry(i, j) * v[j];
    out.push(sum);
  }
  return out;
}

function timesTransposed(v, n) {
  const out = [];
  for (let i = 0; i < n; i++) {
    let sum = 0.0;
    for (let j = 0; j < n; j++) sum += entry(j, i) * v[j];
    out.push(sum);
  }
  return out;
}

function main(n) {
  let u = new Array(n).fill(1.0);
  let v = [];
  for (let i = 0; i < 10; i++) {
    v = timesTransposed(times(u, n), n);
    u = timesTransposed(times(v, n), n);
  }
  let uv = 0.0;
  let vv = 0.0;
  for (let i = 0; i < n; i++) {
    uv += u[i] * v[i];
    vv += v[i] * v[i];
  }
  console.log(Math.trunc(Math.sqrt(uv / vv) * 1000000000));
}

main(Number(process.argv[2] ?? 550));
