-- Records with methods (Lua: tables with a metatable).
local Vector = {}
Vector.__index = Vector

local function new(x, y)
    return setmetatable({ x = x, y = y }, Vector)
end

function Vector:add(other) return new(self.x + other.x, self.y + other.y) end

function Vector:dot(other) return self.x * other.x + self.y * other.y end

function Vector:move(dx, dy)
    self.x = (self.x + dx) % 1000
    self.y = (self.y + dy) % 1000
end

local function run(rounds)
    local v = new(1, 2)
    local w = new(3, 4)
    local sum = 0
    for i = 0, rounds - 1 do
        v:move(i % 5, i % 3)
        w = w:add(v)
        w:move(1, 1)
        sum = (sum + v:dot(w)) % 1000003
    end
    return sum
end

print(run(500000))
