// Takeuchi's function: deep recursion with three arguments.
function tak(x, y, z) {
  return y < x ? tak(tak(x - 1, y, z), tak(y - 1, z, x), tak(z - 1, x, y)) : z;
}

function main(n) {
  let total = 0;
  for (let i = 0; i < n; i++) total += tak(18, 12, 6);
  console.log(total);
}

main(Number(process.argv[2] ?? 500));
