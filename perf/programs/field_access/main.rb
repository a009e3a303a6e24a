# Particles that bounce in a box: fields read and written, inside and outside.
class Particle
  attr_reader :x, :y, :bounces

  def initialize(x, y, vx, vy)
    @x = x
    @y = y
    @vx = vx
    @vy = vy
    @bounces = 0
  end

  def move
    @x += @vx
    @y += @vy
    if @x < 0 || @x > 1000
      @vx = 0 - @vx
      @bounces += 1
    end
    return unless @y < 0 || @y > 1000

    @vy = 0 - @vy
    @bounces += 1
  end
end

particles = (1..50).map do |i|
  Particle.new(i * 7, i * 11, i % 5 + 1, i % 7 - 3)
end
(ARGV[0] || 120_000).to_i.times { particles.each(&:move) }
puts particles.sum { |p| p.x + p.y * 3 + p.bounces * 5 }
