-- Counters and composed functions: making closures, calling them, captured state.
local function counter(step)
  local n = 0
  return function()
    n = n + step
    return n
  end
end

local function adder(k)
  return function(x) return x + k end
end

local function compose(f, g)
  return function(x) return f(g(x)) end
end

local function map(xs, f)
  local ys = {}
  for i = 1, #xs do ys[i] = f(xs[i]) end
  return ys
end

local function reduce(xs, acc, f)
  for i = 1, #xs do acc = f(acc, xs[i]) end
  return acc
end

local function main(n)
  local xs = {}
  for i = 1, 10 do xs[i] = i end
  local total = 0
  for i = 0, n - 1 do
    local next = counter(i % 5)
    next()
    next()
    local shift = compose(adder(i), adder(next()))
    total = (total + shift(1)) % 1000003
    if i % 10 == 0 then
      total = total + reduce(map(xs, shift), 0, function(acc, x) return acc + x end)
    end
  end
  print(total)
end

main(tonumber(arg[1]) or 600000)
