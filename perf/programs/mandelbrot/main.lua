-- Points of the Mandelbrot set on an n x n grid: float arithmetic in registers.
local function inside(cr, ci)
  local zr, zi = 0.0, 0.0
  local i = 0
  while i < 50 do
    local rr = zr * zr
    local ii = zi * zi
    if rr + ii > 4.0 then return 0 end
    zi = 2.0 * zr * zi + ci
    zr = rr - ii + cr
    i = i + 1
  end
  return 1
end

local function count(n)
  local total = 0
  local y = 0
  while y < n do
    local ci = 2.0 * y / n - 1.0
    local x = 0
    while x < n do
      total = total + inside(2.0 * x / n - 1.5, ci)
      x = x + 1
    end
    y = y + 1
  end
  return total
end

print(count(tonumber(arg[1]) or 900))
