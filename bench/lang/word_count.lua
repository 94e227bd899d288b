-- Words of a text, split and counted.
local function run(text, rounds)
    local counts = {}
    for round = 1, rounds do
        for word in text:gmatch("[^ ]+") do
            counts[word] = (counts[word] or 0) + 1
        end
    end
    local sum = 0
    for word, count in pairs(counts) do sum = sum + #word * count end
    return sum
end

print(run("it was the best of times it was the worst of times it was the age of wisdom", 50000))
