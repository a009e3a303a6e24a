-- Takes lines apart and puts them together: split, replace, case, search, join.
local function split(text, separator)
  local parts = {}
  local from = 1
  while true do
    local at = string.find(text, separator, from, true)
    if not at then break end
    parts[#parts + 1] = string.sub(text, from, at - 1)
    from = at + 1
  end
  parts[#parts + 1] = string.sub(text, from)
  return parts
end

local function transform(line)
  local out = {}
  for _, field in ipairs(split(line, ",")) do
    if string.sub(field, 1, 1) == "b" then
      out[#out + 1] = string.upper(field)
    elseif string.find(field, "mm", 1, true) then
      out[#out + 1] = (string.gsub(field, "m", "M"))
    else
      out[#out + 1] = string.match(field, "^%s*(.-)%s*$")
    end
  end
  return (string.gsub(table.concat(out, ";"), "%-", "+"))
end

-- Position counted from 0; -1 if the piece is not there.
local function index(text, piece)
  return (string.find(text, piece, 1, true) or 0) - 1
end

local size, places = 0, 0
for i = 1, tonumber(arg[1]) or 120000 do
  local text = transform("alpha-" .. i .. ",beta, gamma,delta-" .. i * 3 .. " ,comma,bravo,echo-x-y")
  size = size + #text
  places = places + index(text, "COMMA")
  places = places + index(text, "BRAVO")
end
print(size .. " " .. places)
