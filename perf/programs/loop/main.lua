-- A counting loop: addition, multiplication, modulo and a branch.
local function run(n)
  local sum = 0
  local i = 0
  while i < n do
    if i % 3 == 0 then
      sum = sum + i % 7
    else
      sum = (sum * 3 + i) % 1000003
    end
    i = i + 1
  end
  return sum
end

print(run(tonumber(arg[1]) or 30000000))
