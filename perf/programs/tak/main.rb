# Takeuchi's function: deep recursion with three arguments.
def tak(x, y, z)
  y < x ? tak(tak(x - 1, y, z), tak(y - 1, z, x), tak(z - 1, x, y)) : z
end

total = 0
(ARGV[0] || 500).to_i.times { total += tak(18, 12, 6) }
puts total
