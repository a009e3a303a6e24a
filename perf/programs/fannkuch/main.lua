-- Flips of pancakes for every permutation: small arrays, indices, inner loops.
local function flips_of(perm)
  local flips = 0
  local first = perm[1]
  while first ~= 1 do
    local lo, hi = 1, first
    while lo < hi do
      perm[lo], perm[hi] = perm[hi], perm[lo]
      lo = lo + 1
      hi = hi - 1
    end
    flips = flips + 1
    first = perm[1]
  end
  return flips
end

-- Moves the first of the r leading elements behind the others.
local function rotate(perm, r)
  local first = perm[1]
  for i = 1, r - 1 do perm[i] = perm[i + 1] end
  perm[r] = first
end

local function copy(perm)
  local other = {}
  for i = 1, #perm do other[i] = perm[i] end
  return other
end

local function fannkuch(n)
  local perm, count = {}, {}
  for i = 1, n do
    perm[i] = i
    count[i] = i
  end
  local checksum, most, sign = 0, 0, 1
  local r = 1
  while r <= n do
    if perm[1] ~= 1 then
      local flips = flips_of(copy(perm))
      checksum = checksum + sign * flips
      if flips > most then most = flips end
    end
    sign = 0 - sign
    r = 2
    while r <= n do
      rotate(perm, r)
      count[r] = count[r] - 1
      if count[r] > 0 then break end
      count[r] = r
      r = r + 1
    end
  end
  print(checksum .. " " .. most)
end

fannkuch(tonumber(arg[1]) or 9)
