# Largest singular value of an infinite matrix, by the power method: calls that
# compute floats in nested loops.
def entry(i, j)
  1.0 / ((i + j) * (i + j + 1) / 2 + i + 1)
end

def times(v, n)
  out = []
  i = 0
  while i < n
    sum = 0.0
    j = 0
    while j < n
      sum += entry(i, j) * v[j]
      j += 1
    end
    out << sum
    i += 1
  end
  out
end

def times_transposed(v, n)
  out = []
  i = 0
  while i < n
    sum = 0.0
    j = 0
    while j < n
      sum += entry(j, i) * v[j]
      j += 1
    end
    out << sum
    i += 1
  end
  out
end

n = (ARGV[0] || 550).to_i
u = Array.new(n, 1.0)
v = []
10.times do
  v = times_transposed(times(u, n), n)
  u = times_transposed(times(v, n), n)
end
uv = 0.0
vv = 0.0
n.times do |i|
  uv += u[i] * v[i]
  vv += v[i] * v[i]
end
puts (Math.sqrt(uv / vv) * 1_000_000_000).to_i
