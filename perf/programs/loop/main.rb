# A counting loop: addition, multiplication, modulo and a branch.
def run(n)
  sum = 0
  i = 0
  while i < n
    if i % 3 == 0
      sum += i % 7
    else
      sum = (sum * 3 + i) % 1000003
    end
    i += 1
  end
  sum
end

puts run((ARGV[0] || 30_000_000).to_i)
