# Records are checked, one in ten is bad: raising, rescuing by class, ensure.
class BadRecord < StandardError
  attr_reader :value

  def initialize(value)
    super("bad record")
    @value = value
  end
end

def check(i)
  raise BadRecord.new(i) if i % 10 == 3

  i % 7
end

def process(i)
  check(i) + 1
end

def main(n)
  total = 0
  bad = 0
  seen = 0
  n.times do |i|
    total += process(i)
  rescue BadRecord => e
    bad = (bad + e.value) % 1000003
  ensure
    seen += 1
  end
  puts "#{total} #{bad} #{seen}"
end

main((ARGV[0] || 4_000_000).to_i)
