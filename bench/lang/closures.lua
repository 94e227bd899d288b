-- Closures that share a counter, made and called.
local function counter(step)
    local count = 0
    return function(n)
        count = count + n * step
        return count
    end
end

local function run(rounds)
    local sum = 0
    local i = 0
    while i < rounds do
        local next = counter(i % 7)
        next(1)
        next(2)
        next(3)
        sum = (sum + next(4)) % 1000003
        i = i + 1
    end
    return sum
end

print(run(500000))
