-- A small operating system in the spirit of Richards: tasks with a common
-- parent pass packets through queues; a scheduler runs whichever has work.
local function class(parent)
  local c = setmetatable({}, { __index = parent })
  c.__index = c
  c.new = function(...)
    local self = setmetatable({}, c)
    self:init(...)
    return self
  end
  return c
end

local Packet = class()
function Packet:init(value)
  self.value = value
  self.hops = 0
  self.link = nil
end

local Task = class()
function Task:init(name)
  self.name = name
  self.front = nil
  self.back = nil
  self.handled = 0
end
function Task:ready() return self.front ~= nil end
function Task:post(packet)
  packet.link = nil
  if self.front == nil then
    self.front = packet
  else
    self.back.link = packet
  end
  self.back = packet
end
function Task:take()
  local packet = self.front
  self.front = packet.link
  return packet
end
function Task:run(system)
  local packet = self:take()
  packet.hops = packet.hops + 1
  self.handled = self.handled + 1
  self:handle(packet, system)
end
function Task:handle(packet, system) end

-- Makes packets as long as there are some to make.
local Source = class(Task)
function Source:init(name, remaining)
  Task.init(self, name)
  self.remaining = remaining
  self.seed = 1
end
function Source:ready() return self.remaining > 0 end
function Source:run(system)
  self.remaining = self.remaining - 1
  self.handled = self.handled + 1
  self.seed = self.seed * 16807 % 2147483647
  system:send(1 + self.seed % 2, Packet.new(self.seed % 1000))
end

-- Changes the packet and sends it on.
local Worker = class(Task)
function Worker:init(name, factor)
  Task.init(self, name)
  self.factor = factor
end
function Worker:handle(packet, system)
  packet.value = (packet.value * self.factor + 7) % 1009
  system:send(3, packet)
end

-- Sends packets back for another round, or to the sink.
local Router = class(Task)
function Router:handle(packet, system)
  if packet.hops < 6 then
    system:send(1 + packet.value % 2, packet)
  else
    system:send(4, packet)
  end
end

local Sink = class(Task)
function Sink:init(name)
  Task.init(self, name)
  self.sum = 0
end
function Sink:handle(packet, system)
  self.sum = (self.sum * 31 + packet.value) % 1000003
end

local System = class()
function System:init(tasks) self.tasks = tasks end
function System:send(to, packet) self.tasks[to + 1]:post(packet) end
function System:run()
  local idle = false
  while not idle do
    idle = true
    for _, task in ipairs(self.tasks) do
      if task:ready() then
        idle = false
        task:run(self)
      end
    end
  end
end

local sink = Sink.new("sink")
local tasks = {
  Source.new("source", tonumber(arg[1]) or 150000), Worker.new("double", 2),
  Worker.new("triple", 3), Router.new("router"), sink,
}
System.new(tasks):run()
local handled = 0
for _, task in ipairs(tasks) do handled = handled + task.handled end
print(handled .. " " .. sink.sum)
