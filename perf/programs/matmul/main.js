// Product of two n x n matrices: nested arrays of floats.
function matrix(n, scale) {
  const rows = [];
  for (let i = 0; i < n; i++) {
    const row = [];
    for (let j = 0; j < n; j++) row.push(scale * (i - j) * (i + j));
    rows.push(row);
  }
  return rows;
}

function multiply(a, b, n) {
  const product = [];
  for (const left of a) {
    const row = [];
    for (let j = 0; j < n; j++) {
      let sum = 0.0;
      for (let k = 0; k < n; k++) sum += left[k] * b[k][j];
      row.push(sum);
    }
    product.push(row);
  }
  return product;
}

function main(n) {
  const scale = 1.0 / n / n;
  const c = multiply(matrix(n, scale), matrix(n, scale), n);
  let trace = 0.0;
  for (let i = 0; i < n; i++) trace += c[i][i];
  console.log(Math.trunc(trace * 1000));
}

main(Number(process.argv[2] ?? 320));
