-- Walks over ranges.
local function run(size, rounds)
    local sum = 0
    for round = 0, rounds - 1 do
        for i = 0, size - 1 do sum = sum + i end
        for i = 0, 9 do sum = sum - i end
    end
    return sum
end

print(run(1000, 20000))
