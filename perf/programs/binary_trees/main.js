// Many short-lived trees beside one that lives long: allocation and collection.
function make(depth) {
  if (depth === 0) return { left: null, right: null };
  return { left: make(depth - 1), right: make(depth - 1) };
}

function check(tree) {
  return tree.left ? 1 + check(tree.left) + check(tree.right) : 1;
}

function main(n) {
  const longLived = make(n);
  let total = 0;
  for (let depth = 4; depth <= n; depth += 4) {
    const trees = 1 << (n - depth + 4);
    for (let i = 0; i < trees; i++) total += check(make(depth));
  }
  console.log(total, check(longLived));
}

main(Number(process.argv[2] ?? 15));
