# Points of the Mandelbrot set on an n x n grid: float arithmetic in registers.
def inside(cr, ci)
  zr = 0.0
  zi = 0.0
  i = 0
  while i < 50
    rr = zr * zr
    ii = zi * zi
    return 0 if rr + ii > 4.0

    zi = 2.0 * zr * zi + ci
    zr = rr - ii + cr
    i += 1
  end
  1
end

def count(n)
  total = 0
  n.times do |y|
    ci = 2.0 * y / n - 1.0
    n.times { |x| total += inside(2.0 * x / n - 1.5, ci) }
  end
  total
end

puts count((ARGV[0] || 900).to_i)
