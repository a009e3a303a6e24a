-- Writes a document of records as JSON, reads it back and adds it up.
local json = dofile((string.match(arg[0], "^.*/") or "") .. "../json/codec.lua")

local function document(n)
  local records = {}
  for i = 1, n do
    records[i] = {
      id = i,
      name = 'user "' .. i .. '"',
      tags = { "red", "green", "t" .. i % 10 },
      score = i + 0.5,
      active = i % 2 == 0,
      place = { x = i % 90, y = i % 180 },
    }
  end
  return { version = 1, records = records }
end

local doc = document(1000)
local size = 0
local sum = 0.0
for _ = 1, tonumber(arg[1]) or 25 do
  local text = json.stringify(doc)
  size = size + #text
  for _, record in ipairs(json.parse(text).records) do
    if record.active then sum = sum + record.score + record.place.y + #record.tags end
  end
end
print(size .. " " .. math.floor(sum * 10))
