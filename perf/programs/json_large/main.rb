# Writes a document of 10 MB as JSON, once, and reads it back.
require "json"

def document(n)
  records = (1..n).map do |i|
    {
      id: i,
      name: "user \"#{i}\"",
      tags: ["red", "green", "t#{i % 10}"],
      score: i + 0.5,
      active: i.even?,
      place: { x: i % 90, y: i % 180 },
    }
  end
  { version: 1, records: records }
end

def main(n)
  text = JSON.generate(document(n))
  sum = 0.0
  JSON.parse(text)["records"].each do |record|
    next unless record["active"]
    sum += record["score"] + record["place"]["y"] + record["tags"].size
  end
  puts "#{text.size} #{(sum * 10).to_i}"
end

main((ARGV[0] || 95000).to_i)
