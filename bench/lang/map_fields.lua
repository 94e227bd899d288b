-- Maps as records: fields read and written by name.
local function step(p)
    p.x = p.x + p.dx
    p.y = p.y + p.dy
    if p.x > 100 or p.x < 0 then p.dx = -p.dx end
    if p.y > 100 or p.y < 0 then p.dy = -p.dy end
end

local function run(rounds)
    local points = {}
    for i = 0, 9 do points[#points + 1] = { x = i * 9, y = i * 5, dx = i % 3 + 1, dy = i % 2 + 1 } end
    for round = 1, rounds do
        for _, p in ipairs(points) do step(p) end
    end
    local sum = 0
    for _, p in ipairs(points) do sum = sum + p.x * 1000 + p.y end
    return sum
end

print(run(100000))
