# Counts the words of a generated text: splitting, and a hash by string.
def generate(n)
  seed = 7
  words = []
  n.times do
    seed = seed * 16807 % 2147483647
    words << "w#{seed % 2000}"
  end
  words.join(" ")
end

def count_words(text)
  counts = Hash.new(0)
  text.split(" ").each { |word| counts[word] += 1 }
  counts
end

source = generate(100_000)
most = 0
distinct = 0
(ARGV[0] || 50).to_i.times do
  counts = count_words(source)
  distinct += counts.size
  counts.each_value { |count| most = count if count > most }
end
puts "#{distinct} #{most}"
