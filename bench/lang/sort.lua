-- Sorting integers and strings.
local function run(size, rounds)
    local sum = 0
    local seed = 42
    for round = 1, rounds do
        local numbers = {}
        local names = {}
        for i = 1, size do
            seed = (seed * 1103 + 12345) % 1000003
            numbers[#numbers + 1] = seed
            names[#names + 1] = "n" .. seed
        end
        table.sort(numbers)
        table.sort(names)
        sum = sum + numbers[size] - numbers[1] + #names[1]
    end
    return sum
end

print(run(20000, 8))
