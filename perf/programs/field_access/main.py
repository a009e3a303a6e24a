# Particles that bounce in a box: fields read and written, inside and outside.
import sys


class Particle:
    def __init__(self, x, y, vx, vy):
        self.x = x
        self.y = y
        self.vx = vx
        self.vy = vy
        self.bounces = 0

    def move(self):
        self.x += self.vx
        self.y += self.vy
        if self.x < 0 or self.x > 1000:
            self.vx = 0 - self.vx
            self.bounces += 1
        if self.y < 0 or self.y > 1000:
            self.vy = 0 - self.vy
            self.bounces += 1


def main(n):
    particles = []
    for i in range(1, 51):
        particles.append(Particle(i * 7, i * 11, i % 5 + 1, i % 7 - 3))
    for _ in range(n):
        for p in particles:
            p.move()
    total = 0
    for p in particles:
        total += p.x + p.y * 3 + p.bounces * 5
    print(total)


main(int(sys.argv[1]) if len(sys.argv) > 1 else 120000)
