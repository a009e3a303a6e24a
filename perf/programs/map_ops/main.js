// Maps with integer and with string keys: insertion, lookup, deletion.
function integers(n) {
  const map = new Map();
  let key = 1;
  for (let i = 0; i < n; i++) {
    key = key * 16807 % 2147483647;
    map.set(key, key % 100);
  }
  let sum = 0;
  key = 1;
  for (let i = 1; i <= n; i++) {
    key = key * 16807 % 2147483647;
    sum += map.get(key) ?? 0;
    sum += map.get(key + 1) ?? 1;
    if (i % 3 === 0) map.delete(key);
  }
  return sum + map.size;
}

function strings(n) {
  const map = new Map();
  for (let i = 1; i <= n; i++) map.set(`key-${i % 5000}`, i);
  let sum = 0;
  for (let i = 1; i <= n; i++) {
    if (map.has(`key-${i}`)) sum += 1;
  }
  for (const count of map.values()) sum += count;
  return sum;
}

function main(n) {
  let sum = 0;
  for (let i = 0; i < 5; i++) {
    sum += integers(n);
    sum += strings(n);
  }
  console.log(sum);
}

main(Number(process.argv[2] ?? 150000));
