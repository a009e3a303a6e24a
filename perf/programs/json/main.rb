# Writes a document of records as JSON, reads it back and adds it up.
require "json"

def document(n)
  records = (1..n).map do |i|
    {
      "id" => i,
      "name" => "user \"#{i}\"",
      "tags" => ["red", "green", "t#{i % 10}"],
      "score" => i + 0.5,
      "active" => i % 2 == 0,
      "place" => { "x" => i % 90, "y" => i % 180 }
    }
  end
  { "version" => 1, "records" => records }
end

doc = document(1000)
size = 0
sum = 0.0
(ARGV[0] || 25).to_i.times do
  text = JSON.generate(doc)
  size += text.size
  JSON.parse(text)["records"].each do |record|
    sum += record["score"] + record["place"]["y"] + record["tags"].size if record["active"]
  end
end
puts "#{size} #{(sum * 10).to_i}"
