// One call site, three classes: method lookup on changing receivers.
class Shape {
  area(k) { return 0; }
  weight(k) { return this.area(k) + 1; }
}

class Square extends Shape {
  constructor(side) {
    super();
    this.side = side;
  }
  area(k) { return this.side * this.side + k; }
}

class Rectangle extends Shape {
  constructor(width, height) {
    super();
    this.width = width;
    this.height = height;
  }
  area(k) { return this.width * this.height + k; }
}

class Disc extends Shape {
  constructor(radius) {
    super();
    this.radius = radius;
  }
  area(k) { return 3 * this.radius * this.radius - k; }
}

function totalWeight(shapes, n) {
  let total = 0;
  for (let i = 0; i < n; i++) {
    for (const shape of shapes) total += shape.weight(i);
    total %= 1000003;
  }
  return total;
}

const shapes = [
  new Square(3), new Rectangle(2, 5), new Disc(2),
  new Rectangle(4, 4), new Square(7), new Disc(1),
];
console.log(totalWeight(shapes, Number(process.argv[2] ?? 1000000)));
