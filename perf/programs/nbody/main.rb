# Planets around the sun: float arithmetic on the fields of instances.
PI = Math::PI
DAYS = 365.24
SOLAR = 4.0 * PI * PI

class Body
  attr_accessor :x, :y, :z, :vx, :vy, :vz, :mass

  def initialize(x, y, z, vx, vy, vz, mass)
    @x = x
    @y = y
    @z = z
    @vx = vx
    @vy = vy
    @vz = vz
    @mass = mass
  end
end

def planets
  [
    Body.new(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, SOLAR),
    Body.new(4.84143144246472090, -1.16032004402742839, -0.103622044471123109,
             0.00166007664274403694 * DAYS, 0.00769901118419740425 * DAYS,
             -0.0000690460016972063023 * DAYS, 0.000954791938424326609 * SOLAR),
    Body.new(8.34336671824457987, 4.12479856412430479, -0.403523417114321381,
             -0.00276742510726411022 * DAYS, 0.00499852801234917238 * DAYS,
             0.0000230417297573763929 * DAYS, 0.000285885980666130812 * SOLAR),
    Body.new(12.8943695621391310, -15.1111514016986312, -0.223307578892655734,
             0.00296460137564761618 * DAYS, 0.00237847173959480950 * DAYS,
             -0.0000296589568540237556 * DAYS, 0.0000436624404335156298 * SOLAR),
    Body.new(15.3796971148509165, -25.9193146099879641, 0.179258772950371181,
             0.00268067772490389322 * DAYS, 0.00162824170038242295 * DAYS,
             -0.0000951592254519715870 * DAYS, 0.0000515138902046611451 * SOLAR)
  ]
end

def advance(bodies, dt)
  n = bodies.size
  i = 0
  while i < n
    a = bodies[i]
    j = i + 1
    while j < n
      b = bodies[j]
      dx = a.x - b.x
      dy = a.y - b.y
      dz = a.z - b.z
      square = dx * dx + dy * dy + dz * dz
      mag = dt / (square * Math.sqrt(square))
      ma = a.mass * mag
      mb = b.mass * mag
      a.vx -= dx * mb
      a.vy -= dy * mb
      a.vz -= dz * mb
      b.vx += dx * ma
      b.vy += dy * ma
      b.vz += dz * ma
      j += 1
    end
    i += 1
  end
  bodies.each do |b|
    b.x += dt * b.vx
    b.y += dt * b.vy
    b.z += dt * b.vz
  end
end

def energy(bodies)
  e = 0.0
  bodies.each_with_index do |a, i|
    e += 0.5 * a.mass * (a.vx * a.vx + a.vy * a.vy + a.vz * a.vz)
    bodies.drop(i + 1).each do |b|
      dx = a.x - b.x
      dy = a.y - b.y
      dz = a.z - b.z
      e -= a.mass * b.mass / Math.sqrt(dx * dx + dy * dy + dz * dz)
    end
  end
  e
end

bodies = planets
(ARGV[0] || 250_000).to_i.times { advance(bodies, 0.01) }
puts (energy(bodies) * 1_000_000_000).to_i
