# Hashes with integer and with string keys: insertion, lookup, deletion.
def integers(n)
  map = {}
  key = 1
  n.times do
    key = key * 16807 % 2147483647
    map[key] = key % 100
  end
  sum = 0
  key = 1
  1.upto(n) do |i|
    key = key * 16807 % 2147483647
    sum += map.fetch(key, 0)
    sum += map.fetch(key + 1, 1)
    map.delete(key) if i % 3 == 0
  end
  sum + map.size
end

def strings(n)
  map = {}
  1.upto(n) { |i| map["key-#{i % 5000}"] = i }
  sum = 0
  1.upto(n) { |i| sum += 1 if map.key?("key-#{i}") }
  map.each_value { |count| sum += count }
  sum
end

n = (ARGV[0] || 150_000).to_i
sum = 0
5.times do
  sum += integers(n)
  sum += strings(n)
end
puts sum
