-- A table with string keys, found and replaced.
local function run(size, rounds)
    local keys = {}
    local i = 0
    while i < size do
        keys[#keys + 1] = "key" .. i
        i = i + 1
    end
    local counts = {}
    local round = 0
    while round < rounds do
        i = 1
        while i <= size do
            local key = keys[i]
            counts[key] = (counts[key] or 0) + (i - 1)
            i = i + 1
        end
        round = round + 1
    end
    local sum = 0
    i = 1
    while i <= size do
        sum = sum + counts[keys[i]]
        i = i + 1
    end
    return sum
end

print(run(1000, 3000))
