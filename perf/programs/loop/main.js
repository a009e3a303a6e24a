// A counting loop: addition, multiplication, modulo and a branch.
function run(n) {
  let sum = 0;
  let i = 0;
  while (i < n) {
    if (i % 3 === 0) {
      sum += i % 7;
    } else {
      sum = (sum * 3 + i) % 1000003;
    }
    i += 1;
  }
  return sum;
}

console.log(run(Number(process.argv[2] ?? 30000000)));
