-- Writes a document of 10 MB as JSON, once, and reads it back.
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

local text = json.stringify(document(tonumber(arg[1]) or 95000))
local sum = 0.0
for _, record in ipairs(json.parse(text).records) do
  if record.active then sum = sum + record.score + record.place.y + #record.tags end
end
print(#text .. " " .. string.format("%.0f", math.floor(sum * 10)))
