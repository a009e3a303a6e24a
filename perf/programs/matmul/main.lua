-- Product of two n x n matrices: nested arrays of floats.
local function matrix(n, scale)
  local rows = {}
  for i = 0, n - 1 do
    local row = {}
    for j = 0, n - 1 do row[j + 1] = scale * (i - j) * (i + j) end
    rows[i + 1] = row
  end
  return rows
end

local function multiply(a, b, n)
  local product = {}
  for i = 1, n do
    local left = a[i]
    local row = {}
    for j = 1, n do
      local sum = 0.0
      for k = 1, n do sum = sum + left[k] * b[k][j] end
      row[j] = sum
    end
    product[i] = row
  end
  return product
end

local n = tonumber(arg[1]) or 320
local scale = 1.0 / n / n
local c = multiply(matrix(n, scale), matrix(n, scale), n)
local trace = 0.0
for i = 1, n do trace = trace + c[i][i] end
trace = trace * 1000
print(trace < 0 and math.ceil(trace) or math.floor(trace))
