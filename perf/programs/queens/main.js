// All solutions of the n queens problem: recursion, booleans in small arrays.
function place(row, n, cols, up, down) {
  if (row === n) return 1;
  let count = 0;
  for (let col = 0; col < n; col++) {
    const u = row + col;
    const d = row - col + n;
    if (!(cols[col] || up[u] || down[d])) {
      cols[col] = true;
      up[u] = true;
      down[d] = true;
      count += place(row + 1, n, cols, up, down);
      cols[col] = false;
      up[u] = false;
      down[d] = false;
    }
  }
  return count;
}

function main(n) {
  const flags = (size) => new Array(size).fill(false);
  console.log(place(0, n, flags(n), flags(2 * n), flags(2 * n + 1)));
}

main(Number(process.argv[2] ?? 12));
