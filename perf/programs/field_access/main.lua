-- Particles that bounce in a box: fields read and written, inside and outside.
local Particle = {}
Particle.__index = Particle

function Particle.new(x, y, vx, vy)
  return setmetatable({ x = x, y = y, vx = vx, vy = vy, bounces = 0 }, Particle)
end

function Particle:move()
  self.x = self.x + self.vx
  self.y = self.y + self.vy
  if self.x < 0 or self.x > 1000 then
    self.vx = 0 - self.vx
    self.bounces = self.bounces + 1
  end
  if self.y < 0 or self.y > 1000 then
    self.vy = 0 - self.vy
    self.bounces = self.bounces + 1
  end
end

local function main(n)
  local particles = {}
  for i = 1, 50 do
    particles[i] = Particle.new(i * 7, i * 11, i % 5 + 1, i % 7 - 3)
  end
  for _ = 1, n do
    for j = 1, #particles do particles[j]:move() end
  end
  local sum = 0
  for _, p in ipairs(particles) do sum = sum + p.x + p.y * 3 + p.bounces * 5 end
  print(sum)
end

main(tonumber(arg[1]) or 120000)
