// Makes a log of 10 MB and scans it with three patterns.
function log(n) {
  const lines = [];
  let seed = 42;
  for (let i = 1; i <= n; i++) {
    seed = seed * 16807 % 2147483647;
    const level = seed % 50 === 0 ? "ERROR" : seed % 9 === 0 ? "WARN" : "INFO";
    lines.push(`2026-03-09T12:${seed % 60} host-${seed % 17} level=${level} ` +
      `from 10.0.${seed % 40}.${i % 250} path=/api/users/${i} time=${seed % 2000}ms`);
  }
  return lines.join("\n");
}

function main(n) {
  const text = log(n);
  const troubles = text.match(/level=(?:ERROR|WARN) from \S+/g);
  const addresses = new Set(text.match(/\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}/g));
  let slow = 0;
  for (const time of text.match(/time=1\d\d\dms/g)) slow += Number(time.slice(5, 9));
  console.log(`${text.length} ${troubles.length} ${addresses.size} ${slow}`);
}

main(Number(process.argv[2] ?? 110000));
