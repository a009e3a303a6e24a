// Writes a document of records as JSON, reads it back and adds it up.
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
  const doc = document(1000);
  let size = 0;
  let sum = 0.0;
  for (let i = 0; i < n; i++) {
    const text = JSON.stringify(doc);
    size += text.length;
    for (const record of JSON.parse(text).records) {
      if (record.active) sum += record.score + record.place.y + record.tags.length;
    }
  }
  console.log(size, Math.trunc(sum * 10));
}

main(Number(process.argv[2] ?? 25));
