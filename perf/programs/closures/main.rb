# Counters and composed functions: making closures, calling them, captured state.
def counter(step)
  n = 0
  -> { n += step }
end

def adder(k)
  ->(x) { x + k }
end

def compose(f, g)
  ->(x) { f.call(g.call(x)) }
end

def main(n)
  xs = (1..10).to_a
  total = 0
  n.times do |i|
    following = counter(i % 5)
    following.call
    following.call
    shift = compose(adder(i), adder(following.call))
    total = (total + shift.call(1)) % 1000003
    if i % 10 == 0
      total += xs.map(&shift).reduce(0) { |acc, x| acc + x }
    end
  end
  puts total
end

main((ARGV[0] || 600_000).to_i)
