-- Integer arithmetic and comparisons.
local function run(rounds)
    local sum = 0
    local i = 0
    while i < rounds do
        sum = (sum * 31 + i) % 1000003
        if sum % 2 == 0 then sum = sum + 1 end
        i = i + 1
    end
    return sum
end

print(run(4000000))
