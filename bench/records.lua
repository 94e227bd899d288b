-- The peer of records.zx: tables with a metatable, fields checked nowhere.
local Body = {}
Body.__index = Body
local function new_body(x, y, vx, vy)
  return setmetatable({x = x, y = y, vx = vx or 0.0, vy = vy or 0.0}, Body)
end
function Body:move(dt)
  self.x = self.x + self.vx * dt
  self.y = self.y + self.vy * dt
  return self
end
function Body:push(fx, fy)
  self.vx = self.vx + fx
  self.vy = self.vy + fy
end
function Body:energy() return self.vx * self.vx + self.vy * self.vy end
local Heavy = setmetatable({}, {__index = Body})
Heavy.__index = Heavy
local function new_heavy(x, y)
  return setmetatable({x = x, y = y, vx = 0.0, vy = 0.0, mass = 2.0}, Heavy)
end
function Heavy:energy() return self.mass * (self.vx * self.vx + self.vy * self.vy) end
local function run(rounds)
  local bodies = {}
  for i = 0, 99 do
    bodies[#bodies + 1] = i % 3 == 0 and new_heavy(i, -i) or new_body(i, i + 1)
  end
  local total = 0.0
  local round = 0
  while round < rounds do
    local sum = 0.0
    for _, body in ipairs(bodies) do
      body:push(0.5, -0.25)
      body:move(0.01)
      sum = sum + body:energy()
    end
    local middle = new_body(sum, 0.0, 1.0, 0.0)
    total = total + middle:move(1.0).x
    round = round + 1
  end
  return total
end
print(string.format("%.0f", run(20000)))
