-- Walks over a list and over its indexes.
local function run(size, rounds)
    local list = {}
    for i = 0, size - 1 do list[#list + 1] = i % 10 end
    local sum = 0
    for round = 1, rounds do
        for _, value in ipairs(list) do sum = sum + value end
        for i, value in ipairs(list) do sum = sum + (i - 1) - value end
    end
    return sum
end

print(run(1000, 10000))
