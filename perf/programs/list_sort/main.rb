# Merge sort of a linked list of pseudo-random numbers: cells are instances.
class Cell
  attr_reader :head
  attr_accessor :tail

  def initialize(head, tail)
    @head = head
    @tail = tail
  end
end

def random_list(n)
  seed = 42
  list = nil
  n.times do
    seed = seed * 16807 % 2147483647
    list = Cell.new(seed, list)
  end
  list
end

# Takes the first n cells off and returns the rest.
def cut(list, n)
  while n > 1
    list = list.tail
    n -= 1
  end
  rest = list.tail
  list.tail = nil
  rest
end

def merge(a, b)
  front = Cell.new(0, nil)
  last = front
  while a && b
    if a.head <= b.head
      last.tail = a
      a = a.tail
    else
      last.tail = b
      b = b.tail
    end
    last = last.tail
  end
  last.tail = a || b
  front.tail
end

def sort(list, n)
  return list if n < 2

  half = n >> 1
  rest = cut(list, half)
  merge(sort(list, half), sort(rest, n - half))
end

n = (ARGV[0] || 300_000).to_i
list = sort(random_list(n), n)
sum = 0
position = 0
while list
  sum = (sum + list.head * (position % 10)) % 1000000007
  position += 1
  list = list.tail
end
puts "#{position} #{sum}"
