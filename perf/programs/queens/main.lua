-- All solutions of the n queens problem: recursion, booleans in small arrays.
local function flags(n)
  local xs = {}
  for i = 1, n do xs[i] = false end
  return xs
end

local function place(row, n, cols, up, down)
  if row > n then return 1 end
  local count = 0
  for col = 1, n do
    local u = row + col
    local d = row - col + n
    if not (cols[col] or up[u] or down[d]) then
      cols[col] = true
      up[u] = true
      down[d] = true
      count = count + place(row + 1, n, cols, up, down)
      cols[col] = false
      up[u] = false
      down[d] = false
    end
  end
  return count
end

local n = tonumber(arg[1]) or 12
print(place(1, n, flags(n), flags(2 * n), flags(2 * n)))
