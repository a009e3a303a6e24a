# Product of two n x n matrices: nested arrays of floats.
def matrix(n, scale)
  Array.new(n) { |i| Array.new(n) { |j| scale * (i - j) * (i + j) } }
end

def multiply(a, b, n)
  a.map do |left|
    row = []
    j = 0
    while j < n
      sum = 0.0
      k = 0
      while k < n
        sum += left[k] * b[k][j]
        k += 1
      end
      row << sum
      j += 1
    end
    row
  end
end

n = (ARGV[0] || 320).to_i
scale = 1.0 / n / n
c = multiply(matrix(n, scale), matrix(n, scale), n)
trace = 0.0
n.times { |i| trace += c[i][i] }
puts (trace * 1000).to_i
