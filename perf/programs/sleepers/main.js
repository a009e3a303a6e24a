// Many tasks asleep at the same time: starting, suspending, timers, resuming.
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

async function sleeper(i) {
  await sleep(10);
  return i % 7;
}

async function main(n) {
  const tasks = [];
  for (let i = 1; i <= n; i++) tasks.push(sleeper(i));
  let sum = 0;
  for (const x of await Promise.all(tasks)) sum += x;
  console.log(sum);
}

main(Number(process.argv[2] ?? 100000));
