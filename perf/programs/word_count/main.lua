-- Counts the words of a generated text: splitting, and a table by string.
local function generate(n)
  local seed = 7
  local words = {}
  for i = 1, n do
    seed = seed * 16807 % 2147483647
    words[i] = "w" .. (seed % 2000)
  end
  return table.concat(words, " ")
end

local function count_words(text)
  local counts = {}
  for word in string.gmatch(text, "[^ ]+") do
    counts[word] = (counts[word] or 0) + 1
  end
  return counts
end

local source = generate(100000)
local most, distinct = 0, 0
for _ = 1, tonumber(arg[1]) or 50 do
  for _, count in pairs(count_words(source)) do
    distinct = distinct + 1
    if count > most then most = count end
  end
end
print(distinct .. " " .. most)
