# Text from pieces: interpolation, `+`, and joining of an array.
def stars(n)
  text = ""
  n.times { text += "*" }
  text
end

def row(i)
  "#{i}: #{i * 7 % 13} #{stars(i % 8)}"
end

def page(first)
  rows = []
  (first..first + 49).each { |i| rows << row(i) }
  rows.join("\n")
end

size = 0
(ARGV[0] || 20_000).to_i.times { |i| size += page(i * 50).size }
puts size
