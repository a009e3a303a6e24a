# Takes lines apart and puts them together: split, replace, case, search, join.
def transform(line)
  out = line.split(",").map do |field|
    if field.start_with?("b")
      field.upcase
    elsif field.include?("mm")
      field.gsub("m", "M")
    else
      field.strip
    end
  end
  out.join(";").gsub("-", "+")
end

size = 0
places = 0
1.upto((ARGV[0] || 120_000).to_i) do |i|
  text = transform("alpha-#{i},beta, gamma,delta-#{i * 3} ,comma,bravo,echo-x-y")
  size += text.size
  places += text.index("COMMA") || -1
  places += text.index("BRAVO") || -1
end
puts "#{size} #{places}"
