// Counts the words of a generated text: splitting, and a map by string.
function generate(n) {
  let seed = 7;
  const words = [];
  for (let i = 0; i < n; i++) {
    seed = seed * 16807 % 2147483647;
    words.push(`w${seed % 2000}`);
  }
  return words.join(" ");
}

function countWords(text) {
  const counts = new Map();
  for (const word of text.split(" ")) {
    counts.set(word, (counts.get(word) ?? 0) + 1);
  }
  return counts;
}

function main(n) {
  const source = generate(100000);
  let most = 0;
  let distinct = 0;
  for (let i = 0; i < n; i++) {
    const counts = countWords(source);
    distinct += counts.size;
    for (const count of counts.values()) {
      if (count > most) most = count;
    }
  }
  console.log(distinct, most);
}

main(Number(process.argv[2] ?? 50));
