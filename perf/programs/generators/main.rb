# A pipeline of three enumerators: suspending and resuming for every element.
# External enumeration (`next`) suspends as the generators of the others do.
def numbers(n)
  Enumerator.new do |out|
    i = 0
    while i < n
      out << i
      i += 1
    end
  end
end

def odd(source)
  Enumerator.new do |out|
    loop do
      x = source.next
      out << x if x % 2 == 1
    end
  end
end

def squares(source)
  Enumerator.new do |out|
    loop do
      x = source.next
      out << x * x % 1009
    end
  end
end

sum = 0
results = squares(odd(numbers((ARGV[0] || 3_000_000).to_i)))
loop { sum = (sum * 3 + results.next) % 1000003 }
puts sum
