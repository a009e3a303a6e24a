-- Many short-lived trees beside one that lives long: allocation and collection.
local function make(depth)
  if depth == 0 then return { left = nil, right = nil } end
  return { left = make(depth - 1), right = make(depth - 1) }
end

local function check(tree)
  if tree.left then return 1 + check(tree.left) + check(tree.right) end
  return 1
end

local n = tonumber(arg[1]) or 15
local long_lived = make(n)
local total = 0
for depth = 4, n, 4 do
  local trees = 1
  for _ = 1, n - depth + 4 do trees = trees * 2 end
  for _ = 1, trees do total = total + check(make(depth)) end
end
print(total .. " " .. check(long_lived))
