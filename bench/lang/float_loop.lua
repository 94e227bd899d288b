-- Floating-point arithmetic.
local function run(rounds)
    local x = 0.5
    local sum = 0.0
    local i = 0
    while i < rounds do
        x = 3.7 * x * (1.0 - x)
        sum = sum + x / 2.0 - 0.25
        i = i + 1
    end
    return sum
end

print(run(8000000) > 0.0)
