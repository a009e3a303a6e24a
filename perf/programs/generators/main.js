// A pipeline of three generators: suspending and resuming for every element.
function* numbers(n) {
  for (let i = 0; i < n; i++) yield i;
}

function* odd(source) {
  for (const x of source) {
    if (x % 2 === 1) yield x;
  }
}

function* squares(source) {
  for (const x of source) yield x * x % 1009;
}

function main(n) {
  let sum = 0;
  for (const x of squares(odd(numbers(n)))) sum = (sum * 3 + x) % 1000003;
  console.log(sum);
}

main(Number(process.argv[2] ?? 3000000));
