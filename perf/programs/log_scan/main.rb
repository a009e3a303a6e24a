# Makes a log of 10 MB and scans it with three patterns.
require "set"

def log(n)
  lines = []
  seed = 42
  (1..n).each do |i|
    seed = seed * 16807 % 2147483647
    level = seed % 50 == 0 ? "ERROR" : seed % 9 == 0 ? "WARN" : "INFO"
    lines << "2026-03-09T12:#{seed % 60} host-#{seed % 17} level=#{level} " \
      "from 10.0.#{seed % 40}.#{i % 250} path=/api/users/#{i} time=#{seed % 2000}ms"
  end
  lines.join("\n")
end

def main(n)
  text = log(n)
  troubles = text.scan(/level=(?:ERROR|WARN) from \S+/)
  addresses = Set.new(text.scan(/\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}/))
  slow = text.scan(/time=1\d\d\dms/).sum { |time| time[5, 4].to_i }
  puts "#{text.size} #{troubles.size} #{addresses.size} #{slow}"
end

main((ARGV[0] || 110000).to_i)
