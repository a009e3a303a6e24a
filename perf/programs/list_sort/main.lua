-- Merge sort of a linked list of pseudo-random numbers: cells are tables.
local function random_list(n)
  local seed = 42
  local list = nil
  for _ = 1, n do
    seed = seed * 16807 % 2147483647
    list = { head = seed, tail = list }
  end
  return list
end

-- Takes the first n cells off and returns the rest.
local function cut(list, n)
  while n > 1 do
    list = list.tail
    n = n - 1
  end
  local rest = list.tail
  list.tail = nil
  return rest
end

local function merge(a, b)
  local front = { head = 0, tail = nil }
  local last = front
  while a and b do
    if a.head <= b.head then
      last.tail = a
      a = a.tail
    else
      last.tail = b
      b = b.tail
    end
    last = last.tail
  end
  last.tail = a or b
  return front.tail
end

local function sort(list, n)
  if n < 2 then return list end
  local half = math.floor(n / 2)
  local rest = cut(list, half)
  return merge(sort(list, half), sort(rest, n - half))
end

local n = tonumber(arg[1]) or 300000
local list = sort(random_list(n), n)
local sum = 0
local position = 0
while list do
  sum = (sum + list.head * (position % 10)) % 1000000007
  position = position + 1
  list = list.tail
end
print(position .. " " .. sum)
