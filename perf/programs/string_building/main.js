// Text from pieces: interpolation, `+`, and joining of an array.
function stars(n) {
  let text = "";
  for (let i = 0; i < n; i++) text += "*";
  return text;
}

function row(i) {
  return `${i}: ${i * 7 % 13} ${stars(i % 8)}`;
}

function page(first) {
  const rows = [];
  for (let i = first; i < first + 50; i++) rows.push(row(i));
  return rows.join("\n");
}

function main(n) {
  let size = 0;
  for (let i = 0; i < n; i++) size += page(i * 50).length;
  console.log(size);
}

main(Number(process.argv[2] ?? 20000));
