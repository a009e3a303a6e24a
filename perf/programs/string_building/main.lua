-- Text from pieces: concatenation and joining of an array.
local function stars(n)
  local text = ""
  for _ = 1, n do text = text .. "*" end
  return text
end

local function row(i)
  return i .. ": " .. (i * 7 % 13) .. " " .. stars(i % 8)
end

local function page(first)
  local rows = {}
  for i = first, first + 49 do rows[#rows + 1] = row(i) end
  return table.concat(rows, "\n")
end

local function main(n)
  local size = 0
  for i = 0, n - 1 do size = size + #page(i * 50) end
  print(size)
end

main(tonumber(arg[1]) or 20000)
