// Awaits of promises that are ready already, some of them through two calls.
async function ready(x) {
  return x % 7;
}

async function twice(x) {
  return (await ready(x)) + (await ready(x + 1));
}

async function main(n) {
  let sum = 0;
  for (let i = 0; i < n; i += 3) {
    sum = (sum * 3 + (await twice(i))) % 1000003;
  }
  console.log(sum);
}

main(Number(process.argv[2] ?? 3000000));
