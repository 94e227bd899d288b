-- Calls with three arguments, also through a parameter.
local function mix(a, b, c)
    if a > b then return a - b + c end
    return b - a + c
end

local function twice(f, a, b)
    return f(f(a, b, 1), b, 2)
end

local function run(rounds)
    local sum = 0
    local i = 0
    while i < rounds do
        sum = mix(sum, i, 3) + twice(mix, i, 7)
        i = i + 1
    end
    return sum
end

print(run(2000000))
