# One call site, three classes: method lookup on changing receivers.
class Shape
  def area(_k) = 0
  def weight(k) = area(k) + 1
end

class Square < Shape
  def initialize(side)
    @side = side
  end

  def area(k) = @side * @side + k
end

class Rectangle < Shape
  def initialize(width, height)
    @width = width
    @height = height
  end

  def area(k) = @width * @height + k
end

class Disc < Shape
  def initialize(radius)
    @radius = radius
  end

  def area(k) = 3 * @radius * @radius - k
end

def total_weight(shapes, n)
  total = 0
  n.times do |i|
    shapes.each { |shape| total += shape.weight(i) }
    total %= 1000003
  end
  total
end

shapes = [Square.new(3), Rectangle.new(2, 5), Disc.new(2),
          Rectangle.new(4, 4), Square.new(7), Disc.new(1)]
puts total_weight(shapes, (ARGV[0] || 1_000_000).to_i)
