-- Tables with integer and with string keys: insertion, lookup, deletion.
local function integers(n)
  local map = {}
  local size = 0
  local key = 1
  for _ = 1, n do
    key = key * 16807 % 2147483647
    map[key] = key % 100
  end
  local sum = 0
  key = 1
  for i = 1, n do
    key = key * 16807 % 2147483647
    sum = sum + (map[key] or 0)
    sum = sum + (map[key + 1] or 1)
    if i % 3 == 0 then map[key] = nil end
  end
  for _ in pairs(map) do size = size + 1 end
  return sum + size
end

local function strings(n)
  local map = {}
  for i = 1, n do map["key-" .. i % 5000] = i end
  local sum = 0
  for i = 1, n do
    if map["key-" .. i] ~= nil then sum = sum + 1 end
  end
  for _, count in pairs(map) do sum = sum + count end
  return sum
end

local n = tonumber(arg[1]) or 150000
local sum = 0
for _ = 1, 5 do
  sum = sum + integers(n)
  sum = sum + strings(n)
end
print(sum)
