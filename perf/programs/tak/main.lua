-- Takeuchi's function: deep recursion with three arguments.
local function tak(x, y, z)
  if y < x then
    return tak(tak(x - 1, y, z), tak(y - 1, z, x), tak(z - 1, x, y))
  end
  return z
end

local total = 0
for _ = 1, tonumber(arg[1]) or 500 do
  total = total + tak(18, 12, 6)
end
print(total)
