# Many short-lived trees beside one that lives long: allocation and collection.
class Node
  attr_reader :left, :right

  def initialize(left, right)
    @left = left
    @right = right
  end
end

def make(depth)
  return Node.new(nil, nil) if depth == 0

  Node.new(make(depth - 1), make(depth - 1))
end

def check(tree)
  tree.left ? 1 + check(tree.left) + check(tree.right) : 1
end

n = (ARGV[0] || 15).to_i
long_lived = make(n)
total = 0
4.step(n, 4) do |depth|
  (1 << (n - depth + 4)).times { total += check(make(depth)) }
end
puts "#{total} #{check(long_lived)}"
