// Merge sort of a linked list of pseudo-random numbers: cells are objects.
function randomList(n) {
  let seed = 42;
  let list = null;
  for (let i = 0; i < n; i++) {
    seed = seed * 16807 % 2147483647;
    list = { head: seed, tail: list };
  }
  return list;
}

// Takes the first n cells off and returns the rest.
function cut(list, n) {
  while (n > 1) {
    list = list.tail;
    n -= 1;
  }
  const rest = list.tail;
  list.tail = null;
  return rest;
}

function merge(a, b) {
  const front = { head: 0, tail: null };
  let end = front;
  while (a && b) {
    if (a.head <= b.head) {
      end.tail = a;
      a = a.tail;
    } else {
      end.tail = b;
      b = b.tail;
    }
    end = end.tail;
  }
  end.tail = a || b;
  return front.tail;
}

function sort(list, n) {
  if (n < 2) return list;
  const half = n >> 1;
  const rest = cut(list, half);
  return merge(sort(list, half), sort(rest, n - half));
}

function main(n) {
  let list = sort(randomList(n), n);
  let sum = 0;
  let position = 0;
  while (list) {
    sum = (sum + list.head * (position % 10)) % 1000000007;
    position += 1;
    list = list.tail;
  }
  console.log(position, sum);
}

main(Number(process.argv[2] ?? 300000));
