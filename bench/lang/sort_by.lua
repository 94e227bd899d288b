-- Sorting with a comparison written in the language.
local function run(size, rounds)
    local sum = 0
    local seed = 42
    for round = 1, rounds do
        local numbers = {}
        for i = 1, size do
            seed = (seed * 1103 + 12345) % 1000003
            numbers[#numbers + 1] = seed
        end
        table.sort(numbers, function(a, b) return b < a end)
        sum = sum + numbers[1] - numbers[size]
    end
    return sum
end

print(run(20000, 10))
