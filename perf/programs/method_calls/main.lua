-- One call site, three classes: method lookup on changing receivers.
local function class(parent)
  local c = setmetatable({}, { __index = parent })
  c.__index = c
  return c
end

local Shape = class()
function Shape:area(k) return 0 end
function Shape:weight(k) return self:area(k) + 1 end

local Square = class(Shape)
function Square.new(side) return setmetatable({ side = side }, Square) end
function Square:area(k) return self.side * self.side + k end

local Rectangle = class(Shape)
function Rectangle.new(width, height)
  return setmetatable({ width = width, height = height }, Rectangle)
end
function Rectangle:area(k) return self.width * self.height + k end

local Disc = class(Shape)
function Disc.new(radius) return setmetatable({ radius = radius }, Disc) end
function Disc:area(k) return 3 * self.radius * self.radius - k end

local function total_weight(shapes, n)
  local total = 0
  for i = 0, n - 1 do
    for j = 1, #shapes do total = total + shapes[j]:weight(i) end
    total = total % 1000003
  end
  return total
end

local shapes = {
  Square.new(3), Rectangle.new(2, 5), Disc.new(2),
  Rectangle.new(4, 4), Square.new(7), Disc.new(1),
}
print(total_weight(shapes, tonumber(arg[1]) or 1000000))
