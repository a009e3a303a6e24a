// Particles that bounce in a box: fields read and written, inside and outside.
class Particle {
  constructor(x, y, vx, vy) {
    this.x = x;
    this.y = y;
    this.vx = vx;
    this.vy = vy;
    this.bounces = 0;
  }

  move() {
    this.x += this.vx;
    this.y += this.vy;
    if (this.x < 0 || this.x > 1000) {
      this.vx = 0 - this.vx;
      this.bounces += 1;
    }
    if (this.y < 0 || this.y > 1000) {
      this.vy = 0 - this.vy;
      this.bounces += 1;
    }
  }
}

function main(n) {
  const particles = [];
  for (let i = 1; i <= 50; i++) {
    particles.push(new Particle(i * 7, i * 11, i % 5 + 1, i % 7 - 3));
  }
  for (let i = 0; i < n; i++) {
    for (const p of particles) p.move();
  }
  let sum = 0;
  for (const p of particles) sum += p.x + p.y * 3 + p.bounces * 5;
  console.log(sum);
}

main(Number(process.argv[2] ?? 120000));
