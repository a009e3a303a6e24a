-- Makes a log of 10 MB and scans it with three patterns.
local function log(n)
  local lines = {}
  local seed = 42
  for i = 1, n do
    seed = seed * 16807 % 2147483647
    local level = "INFO"
    if seed % 50 == 0 then
      level = "ERROR"
    elseif seed % 9 == 0 then
      level = "WARN"
    end
    lines[i] = "2026-03-09T12:" .. seed % 60 .. " host-" .. seed % 17 .. " level=" .. level ..
      " from 10.0." .. seed % 40 .. "." .. i % 250 .. " path=/api/users/" .. i ..
      " time=" .. seed % 2000 .. "ms"
  end
  return table.concat(lines, "\n")
end

local function main(n)
  local text = log(n)
  -- Patterns have no alternatives, so the word is looked at afterwards.
  local troubles = {}
  for found, level in string.gmatch(text, "(level=(%u+) from %S+)") do
    if level == "ERROR" or level == "WARN" then troubles[#troubles + 1] = found end
  end
  local seen, distinct = {}, 0
  for address in string.gmatch(text, "%d+%.%d+%.%d+%.%d+") do
    if not seen[address] then
      seen[address] = true
      distinct = distinct + 1
    end
  end
  local slow = 0
  for time in string.gmatch(text, "time=(1%d%d%d)ms") do slow = slow + tonumber(time) end
  print(#text .. " " .. #troubles .. " " .. distinct .. " " .. string.format("%.0f", slow))
end

main(tonumber(arg[1]) or 110000)
