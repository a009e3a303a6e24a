-- Records are checked, one in ten is bad: raising and catching.
local BadRecord = {}
BadRecord.__index = BadRecord

local function check(i)
  if i % 10 == 3 then
    error(setmetatable({ message = "bad record", value = i }, BadRecord))
  end
  return i % 7
end

local function process(i)
  local checked = check(i)
  return checked + 1
end

local function main(n)
  local total, bad, seen = 0, 0, 0
  for i = 0, n - 1 do
    local ok, result = pcall(process, i)
    if ok then
      total = total + result
    elseif getmetatable(result) == BadRecord then
      bad = (bad + result.value) % 1000003
    else
      error(result)
    end
    seen = seen + 1
  end
  print(total .. " " .. bad .. " " .. seen)
end

main(tonumber(arg[1]) or 4000000)
