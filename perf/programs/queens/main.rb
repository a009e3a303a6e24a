# All solutions of the n queens problem: recursion, booleans in small arrays.
def place(row, n, cols, up, down)
  return 1 if row == n

  count = 0
  n.times do |col|
    u = row + col
    d = row - col + n
    next if cols[col] || up[u] || down[d]

    cols[col] = true
    up[u] = true
    down[d] = true
    count += place(row + 1, n, cols, up, down)
    cols[col] = false
    up[u] = false
    down[d] = false
  end
  count
end

n = (ARGV[0] || 12).to_i
puts place(0, n, Array.new(n, false), Array.new(2 * n, false), Array.new(2 * n + 1, false))
