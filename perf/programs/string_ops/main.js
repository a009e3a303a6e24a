// Takes lines apart and puts them together: split, replace, case, search, join.
function transform(line) {
  const out = [];
  for (const field of line.split(",")) {
    if (field.startsWith("b")) {
      out.push(field.toUpperCase());
    } else if (field.includes("mm")) {
      out.push(field.replaceAll("m", "M"));
    } else {
      out.push(field.trim());
    }
  }
  return out.join(";").replaceAll("-", "+");
}

function main(n) {
  let size = 0;
  let places = 0;
  for (let i = 1; i <= n; i++) {
    const text = transform(`alpha-${i},beta, gamma,delta-${i * 3} ,comma,bravo,echo-x-y`);
    size += text.length;
    places += text.indexOf("COMMA");
    places += text.indexOf("BRAVO");
  }
  console.log(size, places);
}

main(Number(process.argv[2] ?? 120000));
