-- A pipeline of three coroutines: suspending and resuming for every element.
local yield = coroutine.yield

local function numbers(n)
  return coroutine.wrap(function()
    for i = 0, n - 1 do yield(i) end
  end)
end

local function odd(source)
  return coroutine.wrap(function()
    for x in source do
      if x % 2 == 1 then yield(x) end
    end
  end)
end

local function squares(source)
  return coroutine.wrap(function()
    for x in source do yield(x * x % 1009) end
  end)
end

local sum = 0
for x in squares(odd(numbers(tonumber(arg[1]) or 3000000))) do
  sum = (sum * 3 + x) % 1000003
end
print(sum)
