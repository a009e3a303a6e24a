// Writes a document of 10 MB as JSON, once, and reads it back.
function document(n) {
  const records = [];
  for (let i = 1; i <= n; i++) {
    records.push({
      id: i,
      name: `user "${i}"`,
      tags: ["red", "green", `t${i % 10}`],
      score: i + 0.5,
      active: i % 2 === 0,
      place: { x: i % 90, y: i % 180 },
    });
  }
  return { version: 1, records };
}

function main(n) {
  const text = JSON.stringify(document(n));
  let sum = 0;
  for (const record of JSON.parse(text).records) {
    if (record.active) sum += record.score + record.place.y + record.tags.length;
  }
  console.log(`${text.length} ${Math.trunc(sum * 10)}`);
}

main(Number(process.argv[2] ?? 95000));
