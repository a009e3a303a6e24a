// Records are checked, one in ten is bad: throwing, catching by class, finally.
class BadRecord extends Error {
  constructor(value) {
    super("bad record");
    this.value = value;
  }
}

function check(i) {
  if (i % 10 === 3) throw new BadRecord(i);
  return i % 7;
}

function process_(i) {
  return check(i) + 1;
}

function main(n) {
  let total = 0;
  let bad = 0;
  let seen = 0;
  for (let i = 0; i < n; i++) {
    try {
      total += process_(i);
    } catch (e) {
      if (!(e instanceof BadRecord)) throw e;
      bad = (bad + e.value) % 1000003;
    } finally {
      seen += 1;
    }
  }
  console.log(total, bad, seen);
}

main(Number(process.argv[2] ?? 4000000));
